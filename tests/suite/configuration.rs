//! The configuration as people and programs meet it: its documents, other names of its keys, the
//! preferences that it is made of, and what the doctor has to say.

use std::path::Path;
use std::process::{Command, Output};

use tollgate::settings::Settings;

use crate::gateway::{Home, QUICK};
use crate::operation::block;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tollgate(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate")).args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_committed_documents_are_those_of_the_structs() {
    for (command, name) in
        [("config-reference", "configuration.md"), ("config-schema", "configuration.schema.json")]
    {
        let committed = std::fs::read_to_string(root().join("docs").join(name)).unwrap();
        let fresh = text(&tollgate(&[command]).stdout);
        assert!(committed == fresh, "docs/{name} is stale: tollgate {command} > docs/{name}");
    }
}

/// Every option of S2 that is served has its name in the reference.
#[test]
fn the_reference_names_what_the_source_names() {
    let reference = Settings::reference();
    for name in [
        "sessionTimeoutMins",
        "refreshTokenExpirationMins",
        "expiryCheckMins",
        "maxSimultaneousUserLogins",
        "passwordSalt",
        "minimumLength",
        "maximumLength",
        "minDigits",
        "maxRepeatCharacters",
        "minUppercaseCharacters",
        "minLowercaseCharacters",
        "minNonAlphaNumericCharacters",
        "restrictWhitespace",
        "restrictAlphaSequences",
        "restrictQWERTY",
        "restrictNumericalSequences",
        "illegalCharacters",
        "historicalCheck",
        "restrictPassword",
        "restrictDictionarySubstring",
        "restrictUserName",
        "repeatCharacterRestrictSize",
        "passwordExpiryDays",
        "passwordExpiryNotificationDays",
        "maxAttempts",
        "waitTimeMins",
        "fields",
        "withPrefix",
        "customLoginAck",
        "permissions",
        "profiles",
        "userPreferences",
        "enabled",
    ] {
        assert!(reference.contains(&format!("| {name} |")), "{name}");
    }
}

/// The schema says of the defaults, and of a configuration with everything in it, that they are
/// valid; and of a wrong one that it is not.
#[test]
fn the_schema_judges_as_the_gateway_does() {
    let home = Home::new("");
    let check = |toml: &str| {
        let table: toml::Table = toml.parse().unwrap();
        let json = home.path().join("configuration.json");
        std::fs::write(&json, serde_json::to_string(&table).unwrap()).unwrap();
        let python = root().join("target/validators/bin/python");
        let script = "import json, jsonschema, sys\n\
            jsonschema.validate(json.load(open(sys.argv[2])), json.load(open(sys.argv[1])))";
        let schema = root().join("docs/configuration.schema.json");
        let out = Command::new(python).args(["-c", script]).arg(schema).arg(json).output().unwrap();
        out.status.success()
    };
    assert!(check(&Settings::default_toml()) && check(QUICK));
    assert!(check("mode = 'hardened'\n[security.login_ack]\nfields = [{ field = 'CITY' }]"));
    for wrong in ["mode = 'soft'", "[server]\nlistne = ''", "[security.scrypt]\nlog_n = 'x'"] {
        assert!(!check(wrong), "{wrong}");
        assert!(Settings::parse(wrong, std::iter::empty()).is_err(), "{wrong}");
    }
}

#[test]
fn other_names_of_keys_are_taken_and_warned_of_once() {
    let strength = "[security.genesis_password.validation.passwordStrength]";
    let aliases = "[security.passwordRetry]\nmax_attempts = 7\n\
        [security.genesis_password.validation.password_strength]\nrestrictWhiteSpace = false\n";
    let home = Home::new(&format!("{QUICK}{aliases}"));
    let (code, log) = home.start().signal("-TERM");
    assert_eq!(code, Some(0));
    for (alias, key) in [
        ("security.passwordRetry", "security.genesis_password.retry"),
        (
            "security.genesis_password.validation.password_strength.restrictWhiteSpace",
            "security.genesis_password.validation.password_strength.restrict_whitespace",
        ),
    ] {
        let warned = |line: &&String| {
            line.contains("WARN") && line.contains(&format!("\"{alias}\"")) && line.contains(key)
        };
        assert_eq!(log.iter().filter(warned).count(), 1, "{alias}: {log:#?}");
    }
    let checked = home.command(&["doctor"]).output().unwrap();
    assert!(checked.status.code() == Some(1), "weak, not wrong: {checked:?}");
    let file = home.path().join("tollgate.toml");
    let checked = tollgate(&["check-config", "--config", file.to_str().unwrap()]);
    let said = text(&checked.stdout);
    assert!(said.contains("security.passwordRetry is another name of security."), "{said}");
    let settings = Settings::parse(aliases, std::iter::empty()).unwrap();
    assert_eq!(settings.security.genesis_password.retry.max_attempts, 7);
    let unknown = Settings::parse(strength, std::iter::empty()).unwrap_err().to_string();
    assert!(unknown.contains("did you mean"), "{unknown}");
}

#[test]
fn single_sign_on_stops_the_start() {
    let out = Home::new("[security.sso]\nenabled = true").command(&["serve"]).output().unwrap();
    assert_eq!(out.status.code(), Some(6));
    assert!(text(&out.stderr).contains("single sign-on is not built in yet"));
}

/// What `tests/fixtures/preferences/auth-preferences.kts` is in TOML.
const WANTED: &str = r#"
[security]
session_timeout_mins = 45
refresh_token_expiration_mins = 2880
max_simultaneous_user_logins = 2
[security.genesis_password.validation]
password_salt = "a \"desk's\" salt"
[security.genesis_password.validation.password_strength]
minimum_length = 10
restrict_whitespace = false
restrict_qwerty = true
illegal_characters = "$^"
historical_check = 5
[security.genesis_password.retry]
max_attempts = 4
wait_time_mins = 1.5
[security.genesis_password.self_service_reset]
timeout_in_minutes = 20
accept_client_url = false
[security.genesis_password.self_service_reset.reset_message]
subject = "Your password, {{ USER.firstName }}"
[security.authentication]
type = "INTERNAL"
[[security.authentication.ldap.connection]]
url = "ldap.desk.example"
port = 636
search_bases = ["ou=people,dc=desk", "ou=staff,dc=desk"]
user_groups = ["traders"]
use_tls = true
[[security.authentication.ldap.connection]]
url = "second.desk.example"
user_groups = []
[security.mfa.qr_code]
code_digits = 8
hashing_algorithm = "SHA512"
[security.mfa.notify]
login_url = "https://desk.example/login"
[security.sso]
enabled = false
[security.login_ack]
fields = [{ field = "CITY" }, { field = "COUNTRY", prefix = "DESK" }]
[[security.login_ack.custom]]
users = ["Risk"]
add_permissions = ["LIMIT_VIEW", "LIMIT_AMEND"]
remove_permissions = ["ORDEN"]
set_preferences = { THEME = "DARK", ROWS = 50 }
[[security.login_ack.custom]]
add_profiles = ["EVERYBODY"]
"#;

#[test]
fn preferences_become_a_configuration_and_what_could_not_is_named() {
    let file = root().join("tests/fixtures/preferences/auth-preferences.kts");
    let home = Home::new("");
    let written = home.path().join("made.toml");
    let out = tollgate(&[
        "import-preferences",
        file.to_str().unwrap(),
        "--out",
        written.to_str().unwrap(),
    ]);
    assert!(out.status.success(), "{out:?}");
    let again = tollgate(&[
        "import-preferences",
        file.to_str().unwrap(),
        "--out",
        written.to_str().unwrap(),
    ]);
    assert!(text(&again.stderr).contains("is there already; nothing was written"));
    let told: Vec<_> = text(&out.stderr).lines().map(str::to_owned).collect();
    let left = [
        "line 10: security.token_cache could not be turned",
        "line 24: security.genesis_password.validation.password_strength.password_expiry_days \
         could not be turned",
        "line 43: security.login_ack.fields.shoe_size could not be turned",
        "line 55: security.mfa.notify.temp_code_expiry_duration could not be turned",
        "line 81: security.authentication.ldap.connection.on_first_login could not be turned",
        "line 104: security.custom_login_ack.user.send_mail could not be turned",
    ];
    assert_eq!(told[..left.len()], left);
    assert!(told.iter().any(|it| it.contains("mail.transport says how its mails leave")));
    assert_eq!(told.last().unwrap(), "22 keys turned, 6 lines not");
    let made = std::fs::read_to_string(&written).unwrap();
    assert!(left.iter().all(|line| made.contains(&format!("# {line}\n"))), "{made}");
    assert_eq!(made.parse::<toml::Table>().unwrap(), WANTED.parse::<toml::Table>().unwrap());
    std::fs::write(&written, format!("{made}\n[mail]\ntransport = 'file'\n")).unwrap();
    let checked = tollgate(&["check-config", "--config", written.to_str().unwrap()]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn what_is_no_preferences_is_refused_with_its_line() {
    let home = Home::new("");
    let file = home.path().join("wrong.kts");
    for (written, said) in [
        ("security {\n  sso {\n", "line 2: a { that is never closed"),
        ("security {\n}\n}\n", "line 3: a } that closes nothing"),
        ("security {\n  x = \"abc\n}", "line 2: a text that never ends"),
        ("/* \n", "line 1: a comment that never ends"),
    ] {
        std::fs::write(&file, written).unwrap();
        let out = tollgate(&["import-preferences", file.to_str().unwrap()]);
        assert_eq!(out.status.code(), Some(1));
        assert!(text(&out.stderr).contains(said), "{}", text(&out.stderr));
    }
}

/// The short configuration of the README is one.
#[test]
fn the_example_of_the_readme_is_valid() {
    let readme = include_str!("../../README.md");
    let block = block(readme, "a flag over both. A short one");
    let settings = Settings::parse(&block, std::iter::empty()).unwrap();
    settings.validate().unwrap();
    let strength = settings.security.genesis_password.validation.password_strength;
    assert_eq!(strength.minimum_length, Some(12));
}

fn doctor(home: &Home) -> (Option<i32>, String) {
    let out = home.command(&["doctor"]).output().unwrap();
    (out.status.code(), text(&out.stdout))
}

/// Everything that the doctor asks for.
const HEALTHY: &str = "\
mode = 'hardened'
[server]
management_listen = ''
[server.limits]
connections_max = 100
[security.scrypt]
threads = 1
[security.genesis_password.validation]
password_salt = 'a long and random text of this system'
[security.genesis_password.validation.password_strength]
minimum_length = 15
restrict_password = true
";

#[test]
fn the_doctor_has_nothing_to_say_of_a_healthy_gateway() {
    let home = Home::new(HEALTHY);
    let (code, said) = doctor(&home);
    assert_eq!(
        (code, said.lines().last()),
        (Some(0), Some("nothing has to be different")),
        "{said}"
    );
    let gateway = home.start();
    assert!(doctor(&home).1.contains("a gateway has it open"));
    gateway.signal("-TERM");
    let (code, said) = doctor(&home);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("store: whole"), "{said}");
}

#[test]
fn the_doctor_names_what_is_weak_and_what_contradicts() {
    for (change, about) in [
        ("[heartbeat]\nmisses_allowed = 0", "advice: heartbeat.misses_allowed"),
        ("security.hide_hosts = false", "weak: security.hide_hosts"),
        ("security.refresh_rotation = false", "weak: security.refresh_rotation"),
        ("security.one_time_token_verify = 'open'", "weak: security.one_time_token_verify"),
        (
            "security.access_token_life_secs = 86400\nsecurity.refresh_token_expiration_mins = 60",
            "problem: security.access_token_life_secs",
        ),
        ("[security.genesis_password.retry]\nmax_attempts = 1000", "retry.max_attempts"),
        ("[security.genesis_password.retry]\nwait_time_mins = 0.1", "retry.wait_time_mins"),
    ] {
        let (section, dotted) = (change.starts_with('['), !change.starts_with('['));
        let configuration = match dotted {
            true => format!("{change}\n{HEALTHY}"),
            false => format!("{HEALTHY}{change}\n"),
        };
        let (code, said) = doctor(&Home::new(&configuration));
        assert!(said.contains(about), "{section} {about}\n{said}");
        assert_eq!(code, Some(i32::from(!about.starts_with("advice"))), "{about}");
    }
    let rules = |keys: &str| HEALTHY.replace("minimum_length = 15", keys);
    for (keys, about) in [
        (
            "minimum_length = 7",
            "weak: security.genesis_password.validation.password_strength.minimum",
        ),
        ("minimum_length = 15\nmaximum_length = 20", "password_strength.maximum_length"),
        (
            "minimum_length = 15\nmin_digits = 1\nillegal_characters = '0123456789'",
            "problem: security.genesis_password.validation.password_strength.illegal_characters",
        ),
        ("minimum_length = 15\npassword_expiry_notification_days = 3", "notification_days"),
    ] {
        let (_, said) = doctor(&Home::new(&rules(keys)));
        assert!(said.contains(about), "{about}\n{said}");
    }
    let (_, said) = doctor(&Home::new(&HEALTHY.replace("threads = 1", "threads = 1\np = 1")));
    assert!(said.contains("weak: security.scrypt") && said.contains("calibrate"), "{said}");
    let range = "connections_max = 100\nexempt_addresses = ['0.0.0.0/0']";
    let (_, said) = doctor(&Home::new(&HEALTHY.replace("connections_max = 100", range)));
    assert!(said.contains("weak: server.limits.exempt_addresses"), "{said}");
    let (_, said) =
        doctor(&Home::new(&HEALTHY.replace("connections_max = 100", "connections_max = 9000000")));
    assert!(said.contains("advice: ulimit -n") && said.contains("9000064"), "{said}");
    assert_eq!(doctor(&Home::new("[server]\nlistne = ''")).0, Some(6));
}

#[test]
fn the_doctor_looks_into_the_store() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new(HEALTHY);
    home.start().signal("-TERM");
    let salted = HEALTHY.replace("a long and random", "another");
    std::fs::write(home.path().join("tollgate.toml"), salted).unwrap();
    std::fs::set_permissions(home.data(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let (code, said) = doctor(&home);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("accept-salt") && said.contains("chmod 700"), "{said}");
    std::fs::write(home.data().join("format"), "nonsense").unwrap();
    let (_, said) = doctor(&home);
    assert!(
        said.contains("store: it cannot be used") && said.contains("restore a backup"),
        "{said}"
    );
}

/// A certificate that ends soon, and one that is over.
#[test]
fn the_doctor_reads_the_certificate() {
    for (days, about) in [(7, "weak: server.tls.certificate"), (30, "store:")] {
        let home = Home::new("");
        let file = |name: &str| home.path().join(name).display().to_string();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-nodes", "-subj", "/CN=localhost", "-days", &days.to_string()])
            .args(["-keyout", &file("key.pem"), "-out", &file("cert.pem")])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let tls = format!(
            "[server.tls]\ncertificate = '{}'\nkey = '{}'\n",
            file("cert.pem"),
            file("key.pem")
        );
        std::fs::write(home.path().join("tollgate.toml"), format!("{HEALTHY}{tls}")).unwrap();
        let (code, said) = doctor(&home);
        assert!(said.contains(about), "{said}");
        assert_eq!(code, Some(i32::from(days < 14)), "{said}");
    }
}

#[test]
fn a_calibration_proposes_what_the_gateway_takes() {
    let out = tollgate(&["calibrate", "--target-ms", "20", "--memory-mb", "32"]);
    assert!(out.status.success(), "{out:?}");
    let said = text(&out.stdout);
    let proposed = said.split_once("[security.scrypt]").expect("a proposal").1;
    let settings = format!("[security.scrypt]{proposed}");
    let settings = Settings::parse(&settings, std::iter::empty()).unwrap();
    settings.validate().unwrap();
    assert!((13..=15).contains(&settings.security.scrypt.log_n), "{said}");
    assert_eq!(tollgate(&["calibrate", "--target-ms", "0"]).status.code(), Some(2));
}
