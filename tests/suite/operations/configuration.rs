//! The configuration: reference, schema, other names of keys, the README's example.

use std::path::Path;
use std::process::Command;

use tollgate::settings::Settings;

use crate::harness::gateway::{printed, tollgate};
use crate::harness::readme::block;
use crate::harness::{Home, QUICK};
#[test]
fn the_committed_documents_are_those_of_the_structs() {
    for (command, file) in [
        ("config-reference", "src/docs/configuration.md"),
        ("config-schema", "protocol/schemas/configuration.schema.json"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let committed = std::fs::read_to_string(path).unwrap();
        let fresh = printed(&tollgate(&[command]));
        assert!(committed == fresh, "{file} is stale: tollgate {command} > {file}");
    }
}

/// Every option of Genesis authentication that is supported has its name in the reference.
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
fn other_names_of_keys_are_taken_and_warned_of_once() {
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
    assert!(checked.status.code() == Some(1), "weak, not wrong: {checked:?}");
    let file = home.path().join("tollgate.toml");
    let checked = tollgate(&["check-config", "--config", file.to_str().unwrap()]);
    let output = printed(&checked);
    let other = "security.passwordRetry is another name of security.";
    assert!(output.contains(other), "{output}");
    let settings = Settings::parse(aliases, std::iter::empty()).unwrap();
    assert_eq!(settings.security.genesis_password.retry.max_attempts, 7);
    let unknown = Settings::parse(strength, std::iter::empty()).unwrap_err().to_string();
    assert!(unknown.contains("did you mean"), "{unknown}");
}

#[test]
fn single_sign_on_stops_the_start() {
    let out = Home::new("[security.sso]\nenabled = true").command(&["serve"]).output().unwrap();
    assert_eq!(out.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&out.stderr).contains("single sign-on is not built in yet"));
}

/// The short configuration of the README is one.
#[test]
fn the_example_of_the_readme_is_valid() {
    let block = block("a flag over both. A short one");
    let settings = Settings::parse(&block, std::iter::empty()).unwrap();
    settings.validate().unwrap();
    let strength = settings.security.genesis_password.validation.password_strength;
    assert_eq!(strength.minimum_length, Some(12));
}
