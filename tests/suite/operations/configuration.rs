//! Tests of the configuration: reference, schema, aliases, refused settings.

use std::path::Path;
use std::process::Command;

use tollgate::settings::Settings;

use crate::harness::gateway::{output_text, printed, tollgate};
use crate::harness::{Home, QUICK};
#[test]
fn the_committed_documents_match_the_settings() {
    for (command, file) in [
        ("config-reference", "src/docs/configuration.md"),
        ("config-schema", "protocol/schemas/configuration.schema.json"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let committed = std::fs::read_to_string(path).unwrap();
        let fresh = printed(&tollgate(&[command]));
        assert!(committed == fresh, "{file} is stale; run: tollgate {command} > {file}");
    }
}

/// The reference lists the Genesis name of every supported option of Genesis authentication.
#[test]
fn the_reference_has_the_genesis_names() {
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
        assert!(reference.contains(&format!("| {name} |")), "{name} is missing");
    }
}

/// The schema accepts the defaults and other valid configurations, and refuses invalid ones.
#[test]
fn the_schema_and_the_gateway_accept_the_same() {
    let home = Home::new("");
    let check = |toml: &str| {
        let table: toml::Table = toml.parse().unwrap();
        let json = home.path().join("configuration.json");
        std::fs::write(&json, serde_json::to_string(&table).unwrap()).unwrap();
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/validators/bin/python");
        let script = "import json, jsonschema, sys\n\
            jsonschema.validate(json.load(open(sys.argv[2])), json.load(open(sys.argv[1])))";
        let schema = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("protocol/schemas/configuration.schema.json");
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
fn aliases_of_keys_are_accepted_with_one_warning() {
    let strength = "[security.genesis_password.validation.passwordStrength]";
    let aliases = "[security.passwordRetry]\nmax_attempts = 7\n\
        [security.genesis_password.validation.password_strength]\nrestrictWhiteSpace = false\n\
        [store]\nreserve_mb = 32\n";
    let home = Home::new(&format!("{QUICK}{aliases}"));
    let (code, log) = home.start().signal("-TERM");
    assert_eq!(code, Some(0));
    for (alias, key) in [
        ("security.passwordRetry", "security.genesis_password.retry"),
        ("store.reserve_mb", "store.disk_reserve_mb"),
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
    assert!(
        checked.status.code() == Some(1),
        "`doctor` must report findings, not an invalid configuration: {checked:?}"
    );
    let file = home.path().join("tollgate.toml");
    let checked = tollgate(&["check-config", "--config", file.to_str().unwrap()]);
    let output = printed(&checked);
    let other = "security.passwordRetry is an alias of security.";
    assert!(output.contains(other), "{output}");
    let settings = Settings::parse(aliases, std::iter::empty()).unwrap();
    assert_eq!(settings.security.genesis_password.retry.max_attempts, 7);
    let unknown = Settings::parse(strength, std::iter::empty()).unwrap_err().to_string();
    assert!(unknown.contains("did you mean"), "{unknown}");
}

#[test]
fn a_configuration_with_single_sign_on_is_refused() {
    let out = Home::new("[security.sso]\nenabled = true").command(&["serve"]).output().unwrap();
    assert_eq!(out.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&out.stderr).contains("single sign-on is not built in yet"));
}

#[test]
fn invalid_log_levels_are_refused() {
    let home = Home::new(QUICK);
    for levels in ["loud", "info,wran", "tollgate=loud", "tollgate=info=debug"] {
        let serve = home.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut command = Command::new("timeout");
        command.arg("30").arg(serve.get_program()).args(serve.get_args());
        let output = command.env("TOLLGATE_LOG", levels).output().unwrap();
        let text = output_text(&output);
        assert_eq!(output.status.code(), Some(6), "{levels}: {text}");
        assert!(text.contains("TOLLGATE_LOG") && text.contains("debug"), "{levels}: {text}");
        assert!(!home.data().exists(), "{levels}: a store was created");
    }
}
