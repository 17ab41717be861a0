//! Tests of `import-preferences`, which converts Genesis preferences to a configuration.

use std::path::Path;

use crate::harness::Home;
use crate::harness::gateway::tollgate;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The TOML form of `tests/fixtures/preferences/auth-preferences.kts`.
const EXPECTED: &str = r#"
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
fn preferences_are_converted_and_unconverted_lines_are_listed() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/preferences/auth-preferences.kts");
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
    assert!(text(&again.stderr).contains("already exists; nothing was written"));
    let lines: Vec<_> = text(&out.stderr).lines().map(str::to_owned).collect();
    let left = [
        "line 10: security.token_cache was not converted",
        "line 24: security.genesis_password.validation.password_strength.password_expiry_days \
         was not converted",
        "line 43: security.login_ack.fields.shoe_size was not converted",
        "line 55: security.mfa.notify.temp_code_expiry_duration was not converted",
        "line 81: security.authentication.ldap.connection.on_first_login was not converted",
        "line 104: security.custom_login_ack.user.send_mail was not converted",
    ];
    assert_eq!(lines[..left.len()], left);
    assert!(lines.iter().any(|it| it.contains("whose transport is \"off\"")));
    assert_eq!(lines.last().unwrap(), "22 keys converted, 6 lines not converted");
    let made = std::fs::read_to_string(&written).unwrap();
    assert!(left.iter().all(|line| made.contains(&format!("# {line}\n"))), "{made}");
    assert_eq!(made.parse::<toml::Table>().unwrap(), EXPECTED.parse::<toml::Table>().unwrap());
    std::fs::write(&written, format!("{made}\n[mail]\ntransport = 'file'\n")).unwrap();
    let checked = tollgate(&["check-config", "--config", written.to_str().unwrap()]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn a_file_with_a_syntax_error_is_refused_with_its_line() {
    let home = Home::new("");
    let file = home.path().join("wrong.kts");
    for (written, expected) in [
        ("security {\n  sso {\n", "line 2: unclosed {"),
        ("security {\n}\n}\n", "line 3: unmatched }"),
        ("security {\n  x = \"abc\n}", "line 2: unterminated string"),
        ("/* \n", "line 1: unterminated comment"),
    ] {
        std::fs::write(&file, written).unwrap();
        let out = tollgate(&["import-preferences", file.to_str().unwrap()]);
        assert_eq!(out.status.code(), Some(1));
        assert!(text(&out.stderr).contains(expected), "{}", text(&out.stderr));
    }
}
