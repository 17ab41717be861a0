//! Tests of `import-users`: accepted and refused files, logins of imported users.

use std::process::{Command, Output};

use serde_json::json;

use crate::harness::gateway::credentials;
use crate::harness::{Client, GatewayProcess, Home, QUICK};

/// The scrypt hash of `password` by hashlib of Python: n 256, r 4, p 3, salt `sodium chloride!`.
const FOREIGN: &str =
    "$scrypt$ln=8,r=4,p=3$c29kaXVtIGNobG9yaWRlIQ$qwCqFO5oUF53TUK3i6ZhHRuAjQiEkZX65pyhBKIaxZ4";

/// The SHA-512 of a text by coreutils, in hexadecimal.
fn sha512(text: &str) -> String {
    let script = format!("printf %s '{text}' | sha512sum");
    let out = Command::new("sh").args(["-c", &script]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn import(home: &Home, name: &str, text: &str, words: &[&str]) -> Output {
    let file = home.path().join(name);
    std::fs::write(&file, text).unwrap();
    let mut all = vec!["import-users", file.to_str().unwrap()];
    all.extend(words);
    home.command(&all).output().unwrap()
}

fn listed(home: &Home) -> String {
    String::from_utf8(home.command(&["user", "list"]).output().unwrap().stdout).unwrap()
}

/// Five users. The hash of JohnWolf is the SHA-512 of the name followed by the password FullMoon1.
fn csv() -> String {
    format!(
        "USER_NAME,FIRST_NAME,EMAIL_ADDRESS,STATUS,PASSWORD,PASSWORD_HASH,USER_PROFILES,\
         RIGHT_CODES\n\
         anna,Anna,anna@desk.example,ENABLED,\"Crescent,1\",,USER_ADMIN,VIEW_USERS;VIEW_AUDIT\n\
         Ben,Ben,,ENABLED,,\"{FOREIGN}\",,\n\
         JohnWolf,John,,,,{},,\n\
         dora,Dora,,DISABLED,Crescent-2,,,\n\
         emil,,,PASSWORD_EXPIRED,Crescent-3,,,\n",
        sha512("JohnWolfFullMoon1")
    )
}

async fn login(gateway: &GatewayProcess, user: &str, password: &str) -> Option<String> {
    let message = json!({ "MESSAGE_TYPE": "EVENT_LOGIN_AUTH", "SOURCE_REF": 1,
        "DETAILS": { "USER_NAME": user, "PASSWORD": password } });
    let answer = Client::connect(gateway.address).await.ask(message).await;
    answer["CODE"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn imported_users_log_in_with_their_old_passwords() {
    let home = Home::new(&format!(
        "{QUICK}[security.genesis_password.validation]\npassword_salt = 'pepper'"
    ));
    let out = import(&home, "users.csv", &csv(), &[]);
    assert!(out.status.success(), "{out:?}");
    assert_eq!(out.stdout, b"5 users imported, 0 skipped\n");
    let before = credentials(&home);
    let kind = |start: &str| before.iter().filter(|it| it.starts_with(start)).count();
    assert_eq!([kind("$scrypt$"), kind("$foreign-scrypt$"), kind("$sha512-scrypt$")], [3, 1, 1]);
    let digest = sha512("JohnWolfFullMoon1");
    assert!(!before.iter().any(|it| it.contains(&digest)), "a plain SHA-512 hash is stored");

    let gateway = home.start();
    for (user, password, code) in [
        ("anna", "Crescent,1", None),
        ("ben", "password", None),
        ("BEN", "Password", Some("INCORRECT_CREDENTIALS")),
        ("johnwolf", "FullMoon1", None),
        ("JohnWolf", &digest, Some("INCORRECT_CREDENTIALS")),
        ("dora", "Crescent-2", Some("LOCKED_ACCOUNT")),
        ("emil", "Crescent-3", Some("PASSWORD_EXPIRED")),
    ] {
        assert_eq!(login(&gateway, user, password).await.as_deref(), code, "{user}");
    }
    let mut anna = Client::login(gateway.address, "anna", "Crescent,1").await;
    let user = json!({ "MESSAGE_TYPE": "REQ_USER", "SOURCE_REF": 2,
        "DETAILS": { "USER_NAME": "anna" } });
    let row = anna.ask(user).await["REPLY"][0].clone();
    assert_eq!(
        (&row["FIRST_NAME"], &row["EMAIL_ADDRESS"]),
        (&json!("Anna"), &json!("anna@desk.example"))
    );
    gateway.signal("-TERM");
    // The logins have rehashed the passwords with the configured cost.
    let after = credentials(&home);
    assert!(after.iter().all(|it| it.starts_with("$scrypt$ln=4,r=8,p=1$")), "{after:?}");
    let gateway = home.start();
    assert_eq!(login(&gateway, "JohnWolf", "FullMoon1").await, None);
    assert_eq!(login(&gateway, "Ben", "password").await, None);
}

/// Each invalid line and its error. Errors name users and profiles, but repeat no other values.
const BAD: [(&str, &str); 9] = [
    ("anna,Crescent-1,,,", "2: user anna already exists"),
    ("Carl,Crescent-1,,,", "4: user Carl is in the file twice"),
    ("bad name,Crescent-1,,,", "5: "),
    ("dora,secret 12345,,,", "6: the password violates the rules: restrictWhitespace"),
    ("emil,Crescent-1,nonsense,,", "7: EMAIL_ADDRESS is not a mail address"),
    ("fritz,Crescent-1,,NOWHERE,", "8: unknown profile NOWHERE"),
    ("gina,,,,abcdef", "9: PASSWORD_HASH is neither"),
    ("hans,Crescent-1,,,abcdef", "10: PASSWORD and PASSWORD_HASH exclude each other"),
    ("ines,Crescent-1,", "11: 3 columns, but the first line has 5"),
];

#[test]
fn one_invalid_line_stops_the_import_and_every_invalid_line_is_listed() {
    let home = Home::new(QUICK);
    let first =
        import(&home, "first.jsonl", r#"{"USER_NAME":"Anna","PASSWORD":"Crescent-1"}"#, &[]);
    assert!(first.status.success(), "{first:?}");
    let mut lines = vec!["USER_NAME,PASSWORD,EMAIL_ADDRESS,USER_PROFILES,PASSWORD_HASH"];
    lines.push(BAD[0].0);
    lines.push("carl,Crescent-1,,,");
    lines.extend(BAD[1..].iter().map(|(line, _)| *line));
    let text = lines.join("\n");
    for words in [&[][..], &["--dry-run"]] {
        let out = import(&home, "users.csv", &text, words);
        let output = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(1), "{output}");
        for (_, fault) in BAD {
            assert!(output.contains(&format!("users.csv:{fault}")), "{fault}\n{output}");
        }
        for secret in ["secret 12345", "abcdef", "nonsense"] {
            assert!(!output.contains(secret), "{output}");
        }
        assert!(output.contains("9 of 10 lines have errors; nothing was imported"), "{output}");
        assert_eq!(listed(&home), "Anna\tENABLED\t\n");
    }
    let out = import(&home, "users.csv", &text, &["--skip-bad"]);
    assert!(out.status.success(), "{out:?}");
    assert_eq!(out.stdout, b"1 users imported, 9 skipped\n");
    assert_eq!(listed(&home), "Anna\tENABLED\t\ncarl\tENABLED\t\n");
}

#[test]
fn json_lines_have_lists_and_a_dry_run_creates_nothing() {
    let home = Home::new(QUICK);
    let text = r#"{"USER_NAME":"anna","RIGHT_CODES":["VIEW_USERS"],"CITY":"Zürich"}

{"USER_NAME":"ben","CITY":null,"USER_PROFILES":"USER_ADMIN"}"#;
    let out = import(&home, "users.ndjson", text, &["--dry-run"]);
    assert!(out.status.success(), "{out:?}");
    assert_eq!(out.stdout, b"2 users would be imported, 0 skipped\n");
    assert!(!home.data().exists(), "the dry run created a store");
    let wrong = "{\"USER_NAME\":\"x\",\"SHOE\":1}\nnot json\n{\"USER_NAME\":1}";
    let out = import(&home, "wrong.jsonl", wrong, &["--dry-run"]);
    let output = String::from_utf8(out.stderr).unwrap();
    for fault in
        ["1: unknown field \"SHOE\"", "2: not a JSON object", "3: USER_NAME must be a string"]
    {
        assert!(output.contains(fault), "{output}");
    }
    assert!(import(&home, "users.ndjson", text, &[]).status.success());
    assert_eq!(listed(&home), "anna\tENABLED\t\nben\tENABLED\tUSER_ADMIN\n");
    let out = import(&home, "odd.csv", "NAME\nanna\n", &[]);
    let output = String::from_utf8(out.stderr).unwrap();
    assert!(output.contains("unknown column \"NAME\""), "{output}");
}
