//! Tests of `doctor`: findings about settings, store and certificate.

use std::process::Command;

use crate::harness::Home;

/// A configuration without findings.
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

fn doctor(home: &Home) -> (Option<i32>, String) {
    let out = home.command(&["doctor"]).output().unwrap();
    (out.status.code(), String::from_utf8(out.stdout).unwrap())
}

#[test]
fn the_doctor_finds_nothing_in_a_healthy_gateway() {
    let home = Home::new(HEALTHY);
    let (code, output) = doctor(&home);
    assert_eq!(
        (code, output.lines().last()),
        (Some(0), Some("no problems or weaknesses found")),
        "{output}"
    );
    let gateway = home.start();
    assert!(doctor(&home).1.contains("in use by a running gateway"));
    gateway.signal("-TERM");
    let (code, output) = doctor(&home);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("store: intact"), "{output}");
}

#[test]
fn the_doctor_names_weak_and_contradictory_settings() {
    for (change, subject) in [
        ("[heartbeat]\nmisses_allowed = 0", "advice: heartbeat.misses_allowed"),
        ("security.hide_hosts = false", "weak: security.hide_hosts"),
        ("security.refresh_rotation = false", "weak: security.refresh_rotation"),
        ("security.one_time_token_verify_by = 'open'", "weak: security.one_time_token_verify_by"),
        (
            "security.access_token_life_secs = 86400\nsecurity.refresh_token_expiration_mins = 60",
            "problem: security.access_token_life_secs",
        ),
        ("[security.genesis_password.retry]\nmax_attempts = 1000", "retry.max_attempts"),
        ("[security.genesis_password.retry]\nwait_time_mins = 0.1", "retry.wait_time_mins"),
    ] {
        let dotted = !change.starts_with('[');
        let configuration =
            if dotted { format!("{change}\n{HEALTHY}") } else { format!("{HEALTHY}{change}\n") };
        let (code, output) = doctor(&Home::new(&configuration));
        assert!(output.contains(subject), "{change}: {subject}\n{output}");
        assert_eq!(code, Some(i32::from(!subject.starts_with("advice"))), "{subject}");
    }
    let rules = |keys: &str| HEALTHY.replace("minimum_length = 15", keys);
    for (keys, subject) in [
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
        let (_, output) = doctor(&Home::new(&rules(keys)));
        assert!(output.contains(subject), "{subject}\n{output}");
    }
    let (_, output) = doctor(&Home::new(&HEALTHY.replace("threads = 1", "threads = 1\np = 1")));
    assert!(output.contains("weak: security.scrypt") && output.contains("calibrate"), "{output}");
    let range = "connections_max = 100\nexempt_addresses = ['0.0.0.0/0']";
    let (_, output) = doctor(&Home::new(&HEALTHY.replace("connections_max = 100", range)));
    assert!(output.contains("weak: server.limits.exempt_addresses"), "{output}");
    let (_, output) =
        doctor(&Home::new(&HEALTHY.replace("connections_max = 100", "connections_max = 9000000")));
    assert!(output.contains("advice: ulimit -n") && output.contains("9000064"), "{output}");
    assert_eq!(doctor(&Home::new("[server]\nlistne = ''")).0, Some(6));
}

#[test]
fn the_doctor_checks_the_store() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new(HEALTHY);
    home.start().signal("-TERM");
    let salted = HEALTHY.replace("a long and random", "another");
    std::fs::write(home.path().join("tollgate.toml"), salted).unwrap();
    std::fs::set_permissions(home.data(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let (code, output) = doctor(&home);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("accept-salt") && output.contains("chmod 700"), "{output}");
    std::fs::write(home.data().join("format"), "nonsense").unwrap();
    let (_, output) = doctor(&home);
    assert!(output.contains("store: unusable") && output.contains("restore a backup"), "{output}");
}

/// Checks a certificate that expires soon, and one that does not.
#[test]
fn the_doctor_checks_the_certificate() {
    for (days, subject) in [(7, "weak: server.tls.certificate"), (30, "store:")] {
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
        let (code, output) = doctor(&home);
        assert!(output.contains(subject), "{output}");
        assert_eq!(code, Some(i32::from(days < 14)), "{output}");
    }
}
