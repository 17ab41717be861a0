//! Tests of logins of directory users, with a real LDAP server.

use serde_json::{Value, json};

use crate::harness::slapd::{BASE, BIND_DN, BIND_PASSWORD, Slapd};
use crate::harness::{Authority, Client, GatewayProcess, Home, PASSWORD, QUICK};

/// The configuration of a connection to an LDAP server.
pub fn connection(port: u16, more: &str) -> String {
    format!(
        "[[security.authentication.ldap.connection]]\nport = {port}\nuser_id_type = 'uid'\n\
         search_bases = ['ou=people,{BASE}', 'ou=staff,{BASE}']\n\
         group_bases = ['ou=groups,{BASE}']\n\
         bind_dn = '{BIND_DN}'\nbind_password = '{BIND_PASSWORD}'\n{more}\n"
    )
}

pub const CREATE: &str = "on_first_login = { create_user = true }";

pub fn by_ldap(connections: &str) -> String {
    format!("{QUICK}[security.authentication]\ntype = 'LDAP'\n{connections}")
}

/// Logs in and returns the reply.
async fn login(gateway: &GatewayProcess, user: &str, password: &str) -> Value {
    let mut client = Client::connect(gateway.address).await;
    client
        .ask(json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1,
            "DETAILS": { "USER_NAME": user, "PASSWORD": password } }))
        .await
}

/// Logs in and returns `OK` or the code of the refusal.
pub async fn login_code(gateway: &GatewayProcess, user: &str, password: &str) -> String {
    let answer = login(gateway, user, password).await;
    answer["CODE"].as_str().unwrap_or("OK").to_owned()
}

async fn event(admin: &mut Client, name: &str, details: Value) -> Value {
    admin.ask(json!({ "MESSAGE_TYPE": name, "SOURCE_REF": name, "DETAILS": details })).await
}

async fn done(admin: &mut Client, name: &str, details: Value) {
    let answer = event(admin, name, details).await;
    assert!(answer["MESSAGE_TYPE"].as_str().unwrap().ends_with("_ACK"), "{answer}");
}

async fn user(admin: &mut Client, name: &str) -> Value {
    event(admin, "REQ_USER", json!({ "USER_NAME": name })).await["REPLY"][0].clone()
}

#[tokio::test]
async fn directory_users_are_created_and_updated_at_login() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority);
    let more = "on_first_login = { create_user = true, attributes = { FIRST_NAME = 'givenName', \
        LAST_NAME = 'sn', EMAIL_ADDRESS = 'mail' }, profiles = ['DESK'], rights = ['ORDEN'], \
        group_profiles = { traders = 'TRADER', posix = 'OTHER' } }\n\
        on_login_success = { sync_profiles = true }";
    let home = Home::new(&by_ldap(&connection(slapd.port, more)));
    let gateway = home.start();
    // The first administrator is a local user: the password in the directory is refused.
    assert_eq!(login_code(&gateway, "admin", "eve-Secret-1").await, "INCORRECT_CREDENTIALS");
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    done(&mut admin, "EVENT_INSERT_RIGHT", json!({ "CODE": "ORDEN" })).await;
    for name in ["DESK", "TRADER", "OTHER"] {
        done(&mut admin, "EVENT_INSERT_PROFILE", json!({ "NAME": name })).await;
    }
    assert_eq!(login_code(&gateway, "dora", "wrong").await, "UNKNOWN_ACCOUNT");
    let ack = login(&gateway, "Dora", "dora-Secret-1").await;
    assert_eq!(ack["PROFILE"], json!(["DESK", "TRADER"]), "{ack}");
    assert_eq!(ack["PERMISSION"], json!(["ORDEN"]));
    let dora = user(&mut admin, "dora").await;
    assert_eq!(dora["EMAIL_ADDRESS"], "dora@desk.example", "{dora}");
    assert_eq!((&dora["FIRST_NAME"], &dora["LAST_NAME"]), (&json!("Dora"), &json!("Doe")));

    // The next login copies changes from the directory. Profiles given by an administrator stay.
    done(&mut admin, "EVENT_INSERT_PROFILE", json!({ "NAME": "OWN", "USER_NAMES": ["dora"] }))
        .await;
    slapd.modify(&format!(
        "dn: uid=dora,ou=people,{BASE}\nchangetype: modify\nreplace: sn\nsn: Smith\n-\n\
         delete: mail\n\n\
         dn: cn=traders,ou=groups,{BASE}\nchangetype: modify\nreplace: member\n\
         member: uid=otto,ou=people,{BASE}\n\n"
    ));
    let ack = login(&gateway, "dora", "dora-Secret-1").await;
    assert_eq!(ack["PROFILE"], json!(["DESK", "OWN"]), "{ack}");
    let dora = user(&mut admin, "dora").await;
    assert_eq!((&dora["LAST_NAME"], &dora["EMAIL_ADDRESS"]), (&json!("Smith"), &Value::Null));
}

#[tokio::test]
async fn the_gateway_has_no_password_of_a_directory_user() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority);
    let home = Home::new(&by_ldap(&connection(slapd.port, CREATE)));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "OK");
    let target = json!({ "USER_NAME": "dora" });
    for name in ["EVENT_RESET_USER_PASSWORD", "EVENT_EXPIRE_USER_PASSWORD"] {
        let refused = event(&mut admin, name, target.clone()).await;
        assert_eq!(refused["CODE"], "NOT_AUTHORISED", "{refused}");
        assert!(refused["TEXT"].as_str().unwrap().contains("directory"), "{refused}");
    }
    let change = json!({ "USER_NAME": "dora", "OLD_PASSWORD": "dora-Secret-1",
        "NEW_PASSWORD": "Another-1" });
    let refused = event(&mut admin, "EVENT_CHANGE_USER_PASSWORD", change).await;
    assert_eq!(refused["CODE"], "NOT_AUTHORISED", "{refused}");
    // Wrong passwords lock a directory user, too, and a disabled one cannot log in.
    for code in ["INCORRECT_CREDENTIALS", "INCORRECT_CREDENTIALS", "LOCKED_ACCOUNT"] {
        assert_eq!(login_code(&gateway, "dora", "wrong").await, code);
    }
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "LOCKED_ACCOUNT");
    let amend = json!({ "USER_NAME": "dora", "ATTEMPTS": 0 });
    done(&mut admin, "EVENT_AMEND_USER_LOGIN_ATTEMPT", amend).await;
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "OK");
    done(&mut admin, "EVENT_DISABLE_USER", target).await;
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "LOCKED_ACCOUNT");
    let prefs = admin.ask(json!({ "MESSAGE_TYPE": "EVENT_LOGIN_PREFS", "SOURCE_REF": 1 })).await;
    assert_eq!(prefs["DETAILS"]["AUTHENTICATION"], "LDAP");
}

#[tokio::test]
async fn a_directory_user_is_never_a_local_user_with_the_same_name() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority);
    let home = Home::new(&by_ldap(&connection(slapd.port, CREATE)));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let jane = json!({ "USER_NAME": "jane", "PASSWORD": "Local-Jane-1" });
    done(&mut admin, "EVENT_INSERT_USER", jane).await;
    for password in ["jane-Secret-1", "Local-Jane-1"] {
        let refused = login_code(&gateway, "jane", password).await;
        assert_eq!(refused, "INCORRECT_CREDENTIALS", "{password}");
    }
    // A record without a password belongs to the directory user.
    done(&mut admin, "EVENT_INSERT_USER", json!({ "USER_NAME": "otto" })).await;
    assert_eq!(login_code(&gateway, "otto", "otto-Secret-1").await, "OK");
    let (_, log) = gateway.signal("-TERM");
    assert!(log.join("\n").contains("a local user has the same name"), "{log:#?}");
}

#[tokio::test]
async fn without_create_user_only_existing_users_log_in() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority);
    let home = Home::new(&by_ldap(&connection(slapd.port, "")));
    let gateway = home.start();
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "UNKNOWN_ACCOUNT");
    assert_eq!(login_code(&gateway, "unknown", "dora-Secret-1").await, "UNKNOWN_ACCOUNT");
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    done(&mut admin, "EVENT_INSERT_USER", json!({ "USER_NAME": "dora" })).await;
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "OK");
    assert_eq!(user(&mut admin, "dora").await["FIRST_NAME"], "Dora");
}

#[tokio::test]
async fn only_the_password_of_exactly_one_entry_logs_in() {
    let authority = Authority::new();
    let referral_target = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    referral_target.set_nonblocking(true).unwrap();
    // This server treats an empty password as an anonymous bind and reports success.
    let options = "allow bind_anon_dn bind_anon_cred";
    let slapd =
        Slapd::start_with(&authority, options, referral_target.local_addr().unwrap().port());
    // Without bind_dn the search is anonymous, which this server allows.
    let credentials = format!("bind_dn = '{BIND_DN}'\nbind_password = '{BIND_PASSWORD}'\n");
    let home = Home::new(&by_ldap(&connection(slapd.port, CREATE).replace(&credentials, "")));
    let gateway = home.start();
    for password in ["", "\0", "dora-Secret-1\0", " "] {
        assert_eq!(login_code(&gateway, "dora", password).await, "UNKNOWN_ACCOUNT", "{password:?}");
    }
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "OK");
    let refused = login_code(&gateway, "dora", "").await;
    assert_eq!(refused, "INCORRECT_CREDENTIALS");
    // A name with more than one entry cannot log in.
    assert_eq!(login_code(&gateway, "twin", "twin-Secret-1").await, "UNKNOWN_ACCOUNT");
    let long = "x".repeat(10_000);
    for name in ["*", "d*", "a)(uid=*", "dora)(objectClass=*", "o,brien (x)", "\0", &long] {
        let code = login_code(&gateway, name, "dora-Secret-1").await;
        assert!(["VALIDATION_ERROR", "UNKNOWN_ACCOUNT"].contains(&code.as_str()), "{name}: {code}");
    }
    assert_eq!(login_code(&gateway, "obrien", "brien-Secret-1").await, "OK");
    // Every search returned the referral below ou=people. It must not be followed.
    assert!(referral_target.accept().is_err(), "a referral was followed");
}

#[tokio::test]
async fn user_groups_match_by_name_dn_and_member_of() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority);
    // The gateway cannot read this group; only the attribute memberOf shows the membership.
    slapd.modify(&format!(
        "dn: cn=secret,ou=hidden,{BASE}\nchangetype: add\nobjectClass: groupOfNames\n\
         member: uid=jane,ou=people,{BASE}\n\n"
    ));
    let groups: [(&str, [&str; 4]); 6] = [
        ("traders", ["dora", "", "", ""]),
        ("brokers", ["", "obrien", "", ""]),
        ("posix", ["", "", "pete", ""]),
        // A name matches only groups below the group bases; a DN matches any group.
        ("CN=Traders, OU=elsewhere, DC=desk, DC=example", ["", "", "", "otto"]),
        ("cn=secret,ou=hidden,dc=desk,dc=example", ["", "", "", ""]),
        ("secret", ["", "", "", ""]),
    ];
    for (group, members) in groups {
        let prefix = if group == "posix" { "user_prefix = 'fx-'\n" } else { "" };
        let more = format!("{prefix}user_groups = ['{group}', 'nowhere']\n{CREATE}");
        let home = Home::new(&by_ldap(&connection(slapd.port, &more)));
        let gateway = home.start();
        for (name, password) in [
            ("dora", "dora-Secret-1"),
            ("obrien", "brien-Secret-1"),
            ("pete", "pete-Secret-1"),
            ("otto", "otto-Secret-1"),
        ] {
            let code = login_code(&gateway, name, password).await;
            assert_eq!(code == "OK", members.contains(&name), "{name} in {group}: {code}");
            assert!(["OK", "NOT_AUTHORISED", "UNKNOWN_ACCOUNT"].contains(&code.as_str()), "{code}");
        }
        let code = login_code(&gateway, "jane", "jane-Secret-1").await;
        assert_eq!(code == "OK", group.starts_with("cn=secret"), "jane in {group}: {code}");
    }
}

#[tokio::test]
async fn connections_are_encrypted_and_servers_verified() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority);
    let ca = format!("ca_file = '{}'\n", authority.file("ca.pem").display());
    for (port, tls, ca, expected) in [
        (slapd.port, "use_tls = true\n", ca.as_str(), "OK"),
        (slapd.port, "use_tls = 'start_tls'\n", "", "LOGIN_FAIL"),
        (slapd.tls_port, "use_tls = 'ldaps'\n", ca.as_str(), "OK"),
        (slapd.tls_port, "use_tls = 'ldaps'\n", "", "LOGIN_FAIL"),
        (slapd.tls_port, "use_tls = 'none'\n", "", "LOGIN_FAIL"),
    ] {
        let home = Home::new(&by_ldap(&connection(port, &format!("{tls}{ca}{CREATE}"))));
        let gateway = home.start();
        assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, expected, "{tls}{ca}");
    }
}

#[tokio::test]
async fn hybrid_mode_requires_a_password_that_gateway_and_directory_accept() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority);
    let home = Home::new(&by_ldap(&connection(slapd.port, CREATE)).replace("'LDAP'", "'HYBRID'"));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    for (name, password) in [("dora", "dora-Secret-1"), ("jane", "Local-Jane-1")] {
        let user = json!({ "USER_NAME": name, "PASSWORD": password });
        done(&mut admin, "EVENT_INSERT_USER", user).await;
    }
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "OK");
    assert_eq!(user(&mut admin, "dora").await["LAST_NAME"], "Doe");
    for password in ["Local-Jane-1", "jane-Secret-1"] {
        let code = login_code(&gateway, "jane", password).await;
        assert_eq!(code, "INCORRECT_CREDENTIALS", "{password}");
    }
    // A user that exists only in the directory is unknown.
    assert_eq!(login_code(&gateway, "otto", "otto-Secret-1").await, "UNKNOWN_ACCOUNT");
    drop(slapd);
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "LOGIN_FAIL");
    assert_eq!(login_code(&gateway, "dora", "wrong").await, "INCORRECT_CREDENTIALS");
}

/// Guesses that the gateway refuses must not count in the directory, which may lock the user, too.
#[tokio::test]
async fn parallel_guesses_do_not_pass_the_lock_to_the_directory() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let authority = Authority::new();
    let slapd = Slapd::start(&authority);
    let configuration = by_ldap(&connection(slapd.port, CREATE));
    let listen = format!("management_listen = '{free}'");
    let home = Home::new(&configuration.replace("management_listen = ''", &listen));
    let gateway = home.start();
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "OK");
    let details = json!({ "USER_NAME": "dora", "PASSWORD": "wrong" });
    let guess = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1, "DETAILS": details });
    let mut guesses = Vec::new();
    for _ in 0..30 {
        let (mut client, guess) = (Client::connect(gateway.address).await, guess.clone());
        guesses.push(tokio::spawn(async move { client.ask(guess).await["CODE"].clone() }));
    }
    let mut locked = 0;
    for guess in guesses {
        locked += usize::from(guess.await.unwrap() == "LOCKED_ACCOUNT");
    }
    let (_, metrics) = crate::harness::clients::get(free, "/metrics").await;
    let counts = metrics.lines().filter(|line| line.starts_with(REQUESTS));
    let count = |line: &str| line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok());
    let requests: u64 = counts.filter_map(count).sum();
    assert_eq!((locked, requests), (28, 4), "{metrics}");
}

/// The metric that counts the requests to the directory.
const REQUESTS: &str = "tollgate_ldap_request_duration_seconds_count";

#[tokio::test]
async fn the_directory_alone_can_decide_about_locks() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority);
    let more = format!("bypass_login_internal_auth = true\n{CREATE}");
    let home = Home::new(&by_ldap(&connection(slapd.port, &more)));
    let gateway = home.start();
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "OK");
    for _ in 0..5 {
        assert_eq!(login_code(&gateway, "dora", "wrong").await, "INCORRECT_CREDENTIALS");
    }
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "OK");
    done(&mut admin, "EVENT_DISABLE_USER", json!({ "USER_NAME": "dora" })).await;
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "LOCKED_ACCOUNT");
}

#[tokio::test]
async fn directory_passwords_are_neither_logged_nor_stored() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority);
    let home = Home::new(&by_ldap(&connection(slapd.port, CREATE)));
    let mut command = home.command(&["serve"]);
    command.env("TOLLGATE_LOG", "trace");
    let gateway = GatewayProcess::spawn(&mut command).unwrap();
    assert_eq!(login_code(&gateway, "dora", "dora-Secret-1").await, "OK");
    assert_eq!(login_code(&gateway, "dora", "wrong-Secret-2").await, "INCORRECT_CREDENTIALS");
    let (_, log) = gateway.signal("-TERM");
    let log = log.join("\n");
    for secret in ["dora-Secret-1", "wrong-Secret-2", BIND_PASSWORD] {
        assert!(!log.contains(secret), "{secret} is in the log");
        let found = std::process::Command::new("grep")
            .args(["-r", "-l", "-a", secret])
            .arg(home.data())
            .output()
            .unwrap();
        assert!(found.stdout.is_empty(), "{secret} is in the store");
    }
}

#[tokio::test]
async fn the_ldap_script_plays_with_a_real_server() {
    let authority = Authority::new();
    let slapd = Slapd::start(&authority);
    let home = Home::new(&by_ldap(&connection(slapd.port, CREATE)));
    let gateway = home.start();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("protocol/scripts/login/ldap-login.script");
    crate::harness::scripts::replay(&home, &gateway, "ws", &script);
}
