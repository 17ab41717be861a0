//! PURE: detection of secrets, generated ids and times in recorded frames.

/// Parts of the names of fields whose values are secrets.
const SECRET_PARTS: [&str; 13] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "RECOVERY",
    "MFA_CODE",
    "OTP",
    "QR_CODE",
    "ACTIVE_CODE",
    "API_KEY",
    "PRIVATE_KEY",
];
/// Complete names of further fields whose values are secrets: the enrolment link of a second
/// factor, and the id of a session.
const SECRET_NAMES: [&str; 2] = ["URI", "SESSION_ID"];
/// Parts of the names of fields that describe a secret but do not contain it.
const NOT_SECRET_PARTS: [&str; 8] =
    ["LIFE_TIME", "LIFETIME", "EXPIR", "DAYS_TO", "_TYPE", "_MINS", "_SECS", "GENERATE_"];

/// Whether the value of a field is a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = to_upper_snake(name);
    let of = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    SECRET_NAMES.contains(&name.as_str()) || (of(&SECRET_PARTS) && !of(&NOT_SECRET_PARTS))
}

/// Returns a name in upper snake case: ACCESS_TOKEN for `accessToken` and `access-token`.
fn to_upper_snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && lower {
            out.push('_');
        }
        lower = c.is_ascii_lowercase();
        out.push(if c == '-' { '_' } else { c.to_ascii_uppercase() });
    }
    out
}

/// Whether a text is an id that the gateway generates: an id of a record or a UUID. Such ids differ
/// between stores, and later messages refer to them.
pub(super) fn is_generated(text: &str) -> bool {
    let letters = |text: &str| text.bytes().take_while(u8::is_ascii_uppercase).count();
    let id = text.get(..14).is_some_and(|head| head.bytes().all(|b| b.is_ascii_digit()))
        && (2..=4).contains(&letters(&text[14..]))
        && text[14 + letters(&text[14..])..].bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<_> = text.split('-').map(str::len).collect();
    let uuid =
        parts == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    id || uuid
}

/// Whether a number is a time in milliseconds since 1970, between 2017 and 2096. Times differ in
/// every run.
pub(super) fn is_time(number: u64) -> bool {
    (1_500_000_000_000..4_000_000_000_000).contains(&number)
}

/// Whether a text contains a time of day (hh:mm:ss), which differs in every run.
pub(super) fn contains_time(text: &str) -> bool {
    let form = |it: &[u8]| {
        it.iter().enumerate().all(|(at, byte)| match at {
            2 | 5 => *byte == b':',
            _ => byte.is_ascii_digit(),
        })
    };
    text.as_bytes().windows("12:34:56".len()).any(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_detected_by_name() {
        for name in [
            "PASSWORD",
            "OLD_PASSWORD",
            "newPassword",
            "SESSION_AUTH_TOKEN",
            "accessToken",
            "SECRET",
            "RECOVERY_CODE",
            "MFA_CODE",
            "QR_CODE",
            "URI",
            "SESSION_ID",
            "refresh-token",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "USER_NAME",
            "CODE",
            "ACCESS_TOKEN_LIFE_TIME",
            "DAYS_TO_PASSWORD_EXPIRY",
            "PASSWORD_RESET_TYPE",
            "SOURCE_REF",
            "MFA_CODE_EXPIRY_MINS",
            "RETURN_URL",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn times_are_detected_by_format() {
        assert!(
            contains_time("Sat Nov 28 07:37:23 UTC 2026") && contains_time("2026-11-28T07:37:23Z")
        );
        assert!(
            !contains_time("07:37") && !contains_time("ratio 1:2:3") && is_time(1_790_000_000_000)
        );
    }

    #[test]
    fn generated_ids_are_detected_by_format() {
        for text in ["00000000000001RISP0", "8e2b0a1c-5f7d-4a39-9c1e-000000000001"] {
            assert!(is_generated(text), "{text}");
        }
        for text in ["ORDEN", "00000000000001", "0000000000000a", "a-b", "00000000000001éSP0"] {
            assert!(!is_generated(text), "{text}");
        }
    }
}
