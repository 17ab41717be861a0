//! Limits for the cost in a PHC string, and scrypt hashes within these limits.
//!
//! `scrypt::phc` parses and writes the strings, and accepts any cost. A string from an import or a
//! damaged store must not take all memory or minutes of a core, so its cost is checked here before
//! anything is hashed.

use std::borrow::Cow;

use scrypt::password_hash::PasswordVerifier;
use scrypt::password_hash::phc::ParamsString;
use scrypt::phc::{ALG_ID, Output, PasswordHash, Salt};
use scrypt::{Params, Scrypt};

use crate::platform::random;

const LOG_N_MAX: u8 = 22;
const MEMORY_MAX: u64 = 1 << 30;
/// Maximum of N · r · p. A hash at this maximum takes about 15 seconds.
const WORK_MAX: u64 = 1 << 26;
/// OWASP's minimum with r = 8: log_n, and the lowest p that is enough with it.
const OWASP: [(u8, u32); 5] = [(13, 10), (14, 5), (15, 3), (16, 2), (17, 1)];
/// Estimated seconds for each unit of N · r · p, used until a hash was measured.
const UNIT_SECS: f64 = 2e-7;

/// The cost of a hash: scrypt's N = 2^`log_n`, `r` and `p`. A hash takes N · r · 128 bytes of
/// memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// The binary logarithm of N.
    pub log_n: u8,
    /// The block size.
    pub r: u32,
    /// The number of repetitions (scrypt's parallelization parameter).
    pub p: u32,
}

impl Cost {
    /// Whether the cost is within the limits: `log_n` 1–22, at most 1 GiB, N · r · p at most 2^26.
    pub fn is_possible(self) -> bool {
        let rows = (u64::from(self.r) << self.log_n.min(LOG_N_MAX)).max(1);
        (1..=LOG_N_MAX).contains(&self.log_n)
            && (1..=MEMORY_MAX / 128).contains(&rows)
            && self.r > 0
            && (1..=WORK_MAX / rows).contains(&u64::from(self.p))
    }

    /// Returns the bytes of memory that one hash takes.
    pub fn memory_bytes(self) -> u64 {
        (u64::from(self.r) << self.log_n.min(LOG_N_MAX)) * 128
    }

    /// Whether the cost meets the minimum of OWASP's password storage cheat sheet: the more memory,
    /// the fewer repetitions.
    pub fn is_recommended(self) -> bool {
        let least = OWASP.iter().rfind(|(log_n, _)| *log_n <= self.log_n);
        let work =
            |log_n: u8, r: u32, p: u32| f64::from(log_n).exp2() * f64::from(r) * f64::from(p);
        least.is_some_and(|(log_n, p)| work(self.log_n, self.r, self.p) >= work(*log_n, 8, *p))
    }

    /// Returns an estimate of the seconds that a hash takes.
    pub(super) fn estimate_secs(self) -> f64 {
        f64::from(self.r) * f64::from(self.p) * f64::from(self.log_n).exp2() * UNIT_SECS
    }

    /// Returns the cost in a PHC string; `None` if the string is not a scrypt hash within the
    /// limits.
    pub(super) fn from_phc(phc: &str) -> Option<Self> {
        Self::from_parsed(&PasswordHash::new(phc).ok()?)
    }

    // The scrypt crate multiplies the parsed parameters unchecked, so the limits are checked first.
    fn from_parsed(hash: &PasswordHash) -> Option<Self> {
        let named = |name: &str| hash.params.get_decimal(name);
        let log_n = u8::try_from(named("ln")?).ok()?;
        let cost = Self { log_n, r: named("r")?, p: named("p")? };
        (hash.algorithm == ALG_ID && hash.version.is_none() && cost.is_possible()).then_some(cost)
    }

    /// Returns the parameters for scrypt. A cost outside of the limits is replaced by the
    /// recommended one, so that a mistake never makes hashes weaker.
    fn params(self) -> Params {
        let params = self.is_possible().then(|| Params::new(self.log_n, self.r, self.p));
        params.and_then(Result::ok).unwrap_or(Params::RECOMMENDED)
    }
}

/// Hashes `input` with a new random salt.
pub(super) fn hash(cost: Cost, input: &[u8]) -> String {
    let (salt, mut output) = (random::random_bytes::<16>(), [0; 32]);
    let Ok(()) = scrypt::scrypt(input, &salt, &cost.params(), &mut output) else {
        unreachable!("scrypt can produce 32 bytes");
    };
    encode(cost, &salt, &output)
}

/// Returns a PHC string that no password matches. A check against this string takes as long as
/// against any hash with this cost.
pub(super) fn dummy(cost: Cost) -> String {
    encode(cost, &random::random_bytes::<16>(), &random::random_bytes::<32>())
}

/// Checks an input against a hash, with a comparison in constant time. `None` if `phc` is not a
/// scrypt hash within the limits.
pub(super) fn check(phc: &str, input: &[u8]) -> Option<bool> {
    let text = native_form(phc);
    let hash = parse(&text)?;
    Some(Scrypt::default().verify_password(input, &hash).is_ok())
}

/// Whether a PHC string is a hash that [`check`] supports.
pub(super) fn is_hash(phc: &str) -> bool {
    parse(&native_form(phc)).is_some()
}

fn parse(phc: &str) -> Option<PasswordHash> {
    let hash = PasswordHash::new(phc).ok()?;
    Cost::from_parsed(&hash)?;
    (hash.salt.is_some() && hash.hash.is_some()).then_some(hash)
}

/// The input from which a stored hash was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashKind {
    /// The password with the pepper.
    Native,
    /// SHA-512(USER_NAME + password), as a former system stored it, with the pepper.
    Sha512,
    /// The password alone, hashed by another system.
    External,
}

/// The prefix of each kind in the store.
const HASH_KINDS: [(HashKind, &str); 3] = [
    (HashKind::Native, "$scrypt$"),
    (HashKind::Sha512, "$sha512-scrypt$"),
    (HashKind::External, "$foreign-scrypt$"),
];

impl HashKind {
    /// Returns the kind of a stored hash.
    pub(super) fn from_phc(phc: &str) -> Self {
        HASH_KINDS
            .iter()
            .find(|(_, start)| phc.starts_with(start))
            .map_or(Self::Native, |(kind, _)| *kind)
    }

    /// Replaces the standard scrypt prefix of a PHC string by the prefix of this kind.
    pub(super) fn add_prefix(self, phc: &str) -> String {
        let start =
            HASH_KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, start)| start);
        phc.replacen(HASH_KINDS[0].1, start, 1)
    }
}

/// Returns a stored hash with the standard scrypt prefix.
fn native_form(phc: &str) -> Cow<'_, str> {
    match HASH_KINDS[1..].iter().find_map(|(_, start)| phc.strip_prefix(start)) {
        Some(rest) => format!("{}{rest}", HASH_KINDS[0].1).into(),
        None => phc.into(),
    }
}

fn encode(cost: Cost, salt: &[u8; 16], output: &[u8; 32]) -> String {
    let params = ParamsString::try_from(cost.params());
    let (Ok(params), Ok(salt), Ok(output)) = (params, Salt::new(salt), Output::new(output)) else {
        unreachable!("a PHC string can contain the cost, 16 bytes of salt and 32 of output");
    };
    let (salt, hash) = (Some(salt), Some(output));
    PasswordHash { algorithm: ALG_ID, version: None, params, salt, hash }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { log_n: 4, r: 8, p: 2 };

    #[test]
    fn a_hash_contains_its_cost_and_a_new_salt() {
        let (one, two) = (hash(CHEAP, b"secret"), hash(CHEAP, b"secret"));
        assert!(one.starts_with("$scrypt$ln=4,r=8,p=2$"), "{one}");
        assert_ne!(one, two);
        assert_eq!(Cost::from_phc(&one), Some(CHEAP));
        assert_eq!(check(&one, b"secret"), Some(true));
        assert_eq!(check(&two, b"Secret"), Some(false));
        assert_eq!(check(&dummy(CHEAP), b"secret"), Some(false));
    }

    /// RFC 7914, section 12: P "password", S "NaCl", N 1024, r 8, p 16; 64 bytes.
    #[test]
    fn the_vector_of_the_rfc_matches() {
        let mut output = [0; 64];
        let cost = Cost { log_n: 10, r: 8, p: 16 };
        scrypt::scrypt(b"password", b"NaCl", &cost.params(), &mut output).unwrap();
        assert_eq!(output[..8], [0xfd, 0xba, 0xbe, 0x1c, 0x9d, 0x34, 0x72, 0x00]);
    }

    /// From passlib's documentation, and Python's hashlib.scrypt with the salt "sodium chloride!".
    #[test]
    fn hashes_of_other_implementations_are_checked() {
        for phc in OTHERS {
            assert_eq!(check(phc, b"password"), Some(true), "{phc}");
            assert_eq!(check(phc, b"passwore"), Some(false), "{phc}");
        }
    }
    const OTHERS: [&str; 2] = [
        "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        "$scrypt$ln=8,r=4,p=3$c29kaXVtIGNobG9yaWRlIQ$qwCqFO5oUF53TUK3i6ZhHRuAjQiEkZX65pyhBKIaxZ4",
    ];

    #[test]
    fn hashes_beyond_the_limits_or_of_other_algorithms_are_not_checked() {
        let tail = "$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E";
        let wrong = [
            "ln=23,r=1,p=1",
            "ln=22,r=4,p=1",
            "ln=20,r=16,p=1",
            "ln=20,r=8,p=9",
            "ln=0,r=8,p=1",
            "ln=4,r=0,p=1",
            "ln=4,r=8,p=0",
            "ln=260,r=8,p=1",
            "ln=4,r=65536,p=4294967295",
            "ln=4,r=4294967295,p=4294967295",
            "ln=4,r=8",
            "r=8,p=1",
            "v=1$ln=4,r=8,p=1",
        ];
        for params in wrong {
            assert_eq!(check(&format!("$scrypt${params}{tail}"), b"password"), None, "{params}");
        }
        assert_eq!(check(&format!("$argon2id$ln=4,r=8,p=1{tail}"), b"password"), None);
        for phc in
            ["", "password", "$scrypt$ln=4,r=8,p=1", "$scrypt$ln=4,r=8,p=1$aM15713r3Xsvxbi31lqr1Q"]
        {
            assert_eq!(check(phc, b"password"), None, "{phc}");
        }
    }

    #[test]
    fn the_recommended_costs_are_those_of_owasp() {
        let cost = |log_n, r, p| Cost { log_n, r, p };
        for (enough, less) in [
            (cost(17, 8, 1), cost(16, 8, 1)),
            (cost(16, 8, 2), cost(15, 8, 2)),
            (cost(15, 8, 3), cost(14, 8, 4)),
            (cost(14, 8, 5), cost(13, 8, 9)),
            (cost(13, 8, 10), cost(12, 8, 100)),
        ] {
            assert!(enough.is_recommended() && !less.is_recommended(), "{enough:?} {less:?}");
        }
        assert_eq!(cost(14, 8, 5).memory_bytes(), 16 << 20);
    }

    #[test]
    fn a_cost_outside_of_the_limits_is_replaced_by_the_recommended_one() {
        assert!(Cost { log_n: 20, r: 8, p: 8 }.is_possible());
        assert!(!Cost { log_n: 64, r: 8, p: 1 }.is_possible());
        assert!(dummy(Cost { log_n: 64, r: 8, p: 1 }).starts_with("$scrypt$ln=17,r=8,p=1$"));
    }
}
