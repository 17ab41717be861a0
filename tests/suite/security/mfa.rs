//! Tests of second factors: codes by oathtool, QR codes read by zbar, key changes.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tollgate::auth::{TotpAlgorithm, TotpConfig};

use crate::harness::authenticator::{oathtool, totp};
use crate::harness::{Client, GatewayProcess, Home, PASSWORD, QUICK, curl};

fn configuration(more: &str) -> String {
    format!("{QUICK}[security.mfa.qr_code]\ncode_period_discrepancy = 10\n{more}\n")
}

async fn request(client: &mut Client, name: &str, details: Value) -> Value {
    client.ask(json!({ "MESSAGE_TYPE": name, "SOURCE_REF": name, "DETAILS": details })).await
}

async fn login(gateway: &GatewayProcess, details: Value) -> Value {
    let mut client = Client::connect(gateway.address).await;
    request(&mut client, "EVENT_LOGIN_AUTH", details).await
}

fn by_code(code: &str) -> Value {
    json!({ "USER_NAME": "admin", "PASSWORD": PASSWORD, "MFA_CODE": code })
}

/// Enrols the first administrator with the code that `code` computes from the new secret. Returns
/// the DETAILS with the secret, and the recovery codes.
async fn enrol(gateway: &GatewayProcess, code: impl Fn(&str) -> String) -> (Value, Vec<String>) {
    let mut admin = Client::login(gateway.address, "admin", PASSWORD).await;
    let shown = request(&mut admin, "EVENT_MFA_CREATE_SECRET", json!({})).await["DETAILS"].clone();
    let code = code(shown["SECRET"].as_str().unwrap());
    let done = request(&mut admin, "EVENT_MFA_CONFIRM_SECRET", json!({ "MFA_CODE": code })).await;
    let codes = done["DETAILS"]["RECOVERY_CODE"].as_array().unwrap_or_else(|| panic!("{done}"));
    (shown, codes.iter().map(|it| it.as_str().unwrap().to_owned()).collect())
}

/// Reads the text of a QR code with zbar.
fn read_picture(data_uri: &str) -> String {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("picture.png");
    let text = data_uri.strip_prefix("data:image/png;base64,").expect("the QR code is not a PNG");
    let mut decode = Command::new("base64");
    let mut decode = decode
        .arg("-d")
        .stdin(Stdio::piped())
        .stdout(std::fs::File::create(&picture).unwrap())
        .spawn()
        .unwrap();
    decode.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(decode.wait().unwrap().success());
    let mut zbar = Command::new("zbarimg");
    let read = zbar.args(["-q", "--raw"]).arg(&picture).output();
    let read = read.expect("zbarimg cannot be run: tests/run installs it");
    assert!(read.status.success(), "{read:?}");
    String::from_utf8(read.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_qr_code_has_all_data_for_an_authenticator() {
    for (algorithm, option, digits) in
        [("SHA1", "totp", "6"), ("SHA256", "totp=sha256", "8"), ("SHA512", "totp=sha512", "7")]
    {
        let more = format!(
            "hashing_algorithm = '{algorithm}'\ncode_digits = {digits}\ncode_period_seconds = 60\n\
             issuer = 'Desk & Sons'\nlabel = 'rates'"
        );
        let home = Home::new(&configuration(&more));
        let gateway = home.start();
        let option = format!("--{option}");
        let at = |seconds: i64| {
            let now = format!("now {seconds:+} seconds");
            let option = option.clone();
            move |secret: &str| {
                oathtool(&[&option, "-d", digits, "-s", "60s", "--base32", "--now", &now, secret])
            }
        };
        let (shown, _) = enrol(&gateway, at(-120)).await;
        let uri = read_picture(shown["QR_CODE"].as_str().unwrap());
        assert_eq!(uri, shown["URI"].as_str().unwrap());
        let url: hyper::Uri = uri.replace("otpauth://", "http://").parse().unwrap();
        let path = url.path_and_query().unwrap().as_str();
        assert!(path.starts_with("/Desk%20%26%20Sons:rates%20%28admin%29?"), "{uri}");
        let secret = shown["SECRET"].as_str().unwrap();
        let has = |part: &str| path.split(['?', '&']).any(|it| it == part);
        assert!(has(&format!("secret={secret}")) && has("period=60"), "{uri}");
        assert!(has(&format!("digits={digits}")) || digits == "6", "{uri}");
        assert!(has(&format!("algorithm={algorithm}")) || algorithm == "SHA1", "{uri}");
        let ack = login(&gateway, by_code(&at(0)(secret))).await;
        assert_eq!(ack["MESSAGE_TYPE"], "EVENT_LOGIN_AUTH_ACK", "{ack}");
    }
}

/// Codes of random secrets, times and parameters equal those of oathtool.
#[test]
fn codes_equal_those_of_oathtool() {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand::rngs::StdRng::seed_from_u64(6_238);
    for number in 0..300 {
        let (hash, word) = [
            (TotpAlgorithm::Sha1, "--totp=sha1"),
            (TotpAlgorithm::Sha256, "--totp=sha256"),
            (TotpAlgorithm::Sha512, "--totp=sha512"),
        ][number % 3];
        let digits = rng.random_range(6..9_u8);
        let period_secs = rng.random_range(15..120_u64);
        let now = rng.random_range(0..20_000_000_000_u64);
        let length = rng.random_range(16..65);
        let secret: Vec<u8> = (0..length).map(|_| rng.random()).collect();
        let hex = hex::encode(&secret);
        let code = oathtool(&[
            word,
            "-d",
            &digits.to_string(),
            "-s",
            &format!("{period_secs}s"),
            "--now",
            &format!("@{now}"),
            &hex,
        ]);
        let [issuer, label] = [String::new(), String::new()];
        let codes =
            TotpConfig { period_secs, discrepancy: 0, digits, algorithm: hash, issuer, label };
        let start = now / period_secs * period_secs;
        assert_eq!(codes.check(&secret, &code, now), Some(start), "{code} of {hex} at {now}");
    }
}

#[tokio::test]
async fn one_of_many_simultaneous_logins_with_a_code_succeeds() {
    let home = Home::new(&configuration(""));
    let gateway = home.start();
    let (shown, recovery) = enrol(&gateway, |secret| totp(secret, -240)).await;
    let secret = shown["SECRET"].as_str().unwrap().to_owned();
    for code in [totp(&secret, -120), recovery[0].clone()] {
        let attempts = (0..50).map(|_| {
            let (address, code) = (gateway.address, code.clone());
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                request(&mut client, "EVENT_LOGIN_AUTH", by_code(&code)).await
            })
        });
        let mut logged_in = 0;
        for answer in attempts.collect::<Vec<_>>() {
            let answer = answer.await.unwrap();
            let code = answer["CODE"].as_str().unwrap_or("OK");
            assert!(["OK", "MFA_FAILED", "LOCKED_ACCOUNT"].contains(&code), "{answer}");
            logged_in += usize::from(code == "OK");
        }
        assert_eq!(logged_in, 1);
        // Fewer than a hundred wrong codes cause no waiting time.
        let mut admin = Client::connect(gateway.address).await;
        let pending = request(&mut admin, "EVENT_LOGIN_AUTH", by_code("")).await;
        assert_eq!(pending["CODE"], "MFA_FAILED", "{pending}");
    }
}

#[tokio::test]
async fn secrets_are_encrypted_and_their_keys_can_change() {
    let key = |keys: &str| configuration(keys);
    let home = Home::new(&key("secret_encrypt_key = 'the first key'"));
    let gateway = home.start();
    let (shown, recovery) = enrol(&gateway, |secret| totp(secret, -270)).await;
    let secret = shown["SECRET"].as_str().unwrap().to_owned();
    let (_, log) = gateway.signal("-TERM");
    for text in [&secret, &recovery[0]] {
        let mut grep = Command::new("grep");
        let found = grep.args(["-r", "-a", "-l", text]).arg(home.data()).output().unwrap();
        assert!(found.stdout.is_empty(), "a secret is in the store");
        assert!(!log.join("\n").contains(text.as_str()), "a secret is in the log");
    }
    let write = |keys: &str| {
        std::fs::write(home.path().join("tollgate.toml"), configuration(keys)).unwrap();
    };
    let accepts = async |seconds: i64| {
        let gateway = home.start();
        let ack = login(&gateway, by_code(&totp(&secret, seconds))).await;
        let (_, log) = gateway.signal("-TERM");
        (ack["CODE"].is_null(), log.join("\n").contains("encrypted with another key"))
    };
    // Without the old key the secret cannot be decrypted, and the gateway logs this at start.
    write("secret_encrypt_key = 'the second key'");
    assert_eq!(accepts(-240).await, (false, true));
    write("secret_encrypt_key = 'the second key'\nold_secret_encrypt_keys = ['the first key']");
    let rekey = home.command(&["rekey"]).output().unwrap();
    let stdout = String::from_utf8_lossy(&rekey.stdout).into_owned();
    assert!(rekey.status.success() && stdout.starts_with("1 secrets re-encrypted"), "{rekey:?}");
    write("secret_encrypt_key = 'the second key'");
    assert_eq!(accepts(-210).await, (true, false));
    // A login encrypts the secret with the new key, too.
    write("secret_encrypt_key = 'the third key'\nold_secret_encrypt_keys = ['the second key']");
    assert_eq!(accepts(-180).await, (true, false));
    write("secret_encrypt_key = 'the third key'");
    assert_eq!(accepts(-150).await, (true, false));
    let none = home.command(&["rekey"]).output().unwrap();
    assert!(String::from_utf8_lossy(&none.stdout).starts_with("0 secrets"), "{none:?}");
}

#[test]
fn a_key_file_that_others_can_read_stops_the_start() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new(&configuration(""));
    home.start().signal("-TERM");
    let file = home.data().join("mfa.key");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = home.command(&["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert!(!refused.status.success());
    let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(stderr.contains("can be read by others"), "{stderr}");
}

#[tokio::test]
async fn token_api_clients_send_the_code_with_the_password() {
    let home = Home::new(&configuration(""));
    let gateway = home.start();
    let (shown, _) = enrol(&gateway, |secret| totp(secret, -240)).await;
    let secret = shown["SECRET"].as_str().unwrap();
    let post = |body: Value| curl::post(&gateway, "/auth/token", &[], body);
    let without = post(json!({ "login": "admin", "password": PASSWORD }));
    assert_eq!((without.status, &without.body["errorCode"]), (401, &json!("MFA_FAILED")));
    assert!(!without.body.to_string().contains("oken"), "{}", without.body);
    let code = totp(secret, -120);
    let login = |code: &str| json!({ "login": "admin", "password": PASSWORD, "mfaCode": code });
    let pair = post(login(&code));
    assert!(pair.body["accessToken"].is_string(), "{}", pair.body);
    assert_eq!(post(login(&code)).status, 401, "a code was accepted twice");
    // A session opened with a second factor is refreshed without one.
    let token = format!("token: {}", pair.body["refreshToken"].as_str().unwrap());
    let next = curl::curl(&gateway, "/auth/token/refresh", &["-H", &token]);
    assert!(next.body["accessToken"].is_string(), "{}", next.body);
}
