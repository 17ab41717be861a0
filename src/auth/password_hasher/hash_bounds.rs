//! Bounds to the work that a PHC string may ask for, and the scrypt hashes within them.
//!
//! The strings are parsed and written by `scrypt::phc`, which takes any cost that they name. A
//! string from an import or a damaged store must not take all memory or minutes of a core, so that
//! its cost is checked here before anything is hashed.

use std::borrow::Cow;

use scrypt::password_hash::PasswordVerifier;
use scrypt::password_hash::phc::ParamsString;
use scrypt::phc::{ALG_ID, Output, PasswordHash, Salt};
use scrypt::{Params, Scrypt};

use crate::platform::random;

const LOG_N_MAX: u8 = 22;
const MEMORY_MAX: u64 = 1 << 30;
/// N · r · p: about a quarter of a minute.
const WORK_MAX: u64 = 1 << 26;
/// log_n, and the fewest repetitions that are enough with r = 8.
const OWASP: [(u8, u32); 5] = [(13, 10), (14, 5), (15, 3), (16, 2), (17, 1)];
/// Seconds for each of N · r · p, until a hash was measured.
const UNIT_SECS: f64 = 2e-7;

/// What a hash costs: scrypt's N = 2^`log_n`, `r` and `p`; N · r · 128 bytes of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// The binary logarithm of N.
    pub log_n: u8,
    /// The size of a block.
    pub r: u32,
    /// How often it is done.
    pub p: u32,
}

impl Cost {
    /// Whether it is within the bounds: `log_n` 1–22, at most 1 GiB, N · r · p at most 2^26.
    pub fn is_possible(self) -> bool {
        let rows = (u64::from(self.r) << self.log_n.min(LOG_N_MAX)).max(1);
        (1..=LOG_N_MAX).contains(&self.log_n)
            && (1..=MEMORY_MAX / 128).contains(&rows)
            && self.r > 0
            && (1..=WORK_MAX / rows).contains(&u64::from(self.p))
    }

    /// Bytes of memory that one hash takes.
    pub fn memory_bytes(self) -> u64 {
        (u64::from(self.r) << self.log_n.min(LOG_N_MAX)) * 128
    }

    /// Whether OWASP's password storage cheat sheet calls it enough: the more memory, the fewer
    /// repetitions.
    pub fn is_recommended(self) -> bool {
        let least = OWASP.iter().rfind(|(log_n, _)| *log_n <= self.log_n);
        let work =
            |log_n: u8, r: u32, p: u32| f64::from(log_n).exp2() * f64::from(r) * f64::from(p);
        least.is_some_and(|(log_n, p)| work(self.log_n, self.r, self.p) >= work(*log_n, 8, *p))
    }

    /// A first guess at the seconds that a hash takes.
    pub(super) fn estimate_secs(self) -> f64 {
        f64::from(self.r) * f64::from(self.p) * f64::from(self.log_n).exp2() * UNIT_SECS
    }

    /// The cost that a PHC string names; none: it is not one of scrypt within the bounds.
    pub(super) fn from_phc(phc: &str) -> Option<Self> {
        Self::from_parsed(&PasswordHash::new(phc).ok()?)
    }

    // The crate multiplies what it reads without looking: the bounds come first.
    fn from_parsed(hash: &PasswordHash) -> Option<Self> {
        let named = |name: &str| hash.params.get_decimal(name);
        let log_n = u8::try_from(named("ln")?).ok()?;
        let cost = Self { log_n, r: named("r")?, p: named("p")? };
        (hash.algorithm == ALG_ID && hash.version.is_none() && cost.is_possible()).then_some(cost)
    }

    /// An impossible cost counts as the recommended one: never less than asked for by mistake.
    fn params(self) -> Params {
        let params = self.is_possible().then(|| Params::new(self.log_n, self.r, self.p));
        params.and_then(Result::ok).unwrap_or(Params::RECOMMENDED)
    }
}

/// Hashes `input` with a salt of its own.
pub(super) fn hash(cost: Cost, input: &[u8]) -> String {
    let (salt, mut output) = (random::random_bytes::<16>(), [0; 32]);
    let Ok(()) = scrypt::scrypt(input, &salt, &cost.params(), &mut output) else {
        unreachable!("scrypt makes 32 bytes");
    };
    encode(cost, &salt, &output)
}

/// A PHC string that takes the work of any other and that no password matches.
pub(super) fn dummy(cost: Cost) -> String {
    encode(cost, &random::random_bytes::<16>(), &random::random_bytes::<32>())
}

/// Compares in constant time; none: this is no PHC string of scrypt within the bounds.
pub(super) fn check(phc: &str, input: &[u8]) -> Option<bool> {
    let text = native_form(phc);
    let hash = parse(&text)?;
    Some(Scrypt::default().verify_password(input, &hash).is_ok())
}

/// Whether it is a hash that can be checked.
pub(super) fn is_hash(phc: &str) -> bool {
    parse(&native_form(phc)).is_some()
}

fn parse(phc: &str) -> Option<PasswordHash> {
    let hash = PasswordHash::new(phc).ok()?;
    Cost::from_parsed(&hash)?;
    (hash.salt.is_some() && hash.hash.is_some()).then_some(hash)
}

/// What of a password a hash is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashKind {
    /// The password with the salt of the system.
    Native,
    /// The same of SHA-512(USER_NAME + password), which a former system had stored.
    Sha512,
    /// The password alone: another system hashed it.
    External,
}

/// How each kind begins in the store.
const HASH_KINDS: [(HashKind, &str); 3] = [
    (HashKind::Native, "$scrypt$"),
    (HashKind::Sha512, "$sha512-scrypt$"),
    (HashKind::External, "$foreign-scrypt$"),
];

impl HashKind {
    /// The kind of a stored hash.
    pub(super) fn from_phc(phc: &str) -> Self {
        HASH_KINDS
            .iter()
            .find(|(_, start)| phc.starts_with(start))
            .map_or(Self::Native, |(kind, _)| *kind)
    }

    /// A PHC string of scrypt as one of this kind.
    pub(super) fn add_prefix(self, phc: &str) -> String {
        let start =
            HASH_KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, start)| start);
        phc.replacen(HASH_KINDS[0].1, start, 1)
    }
}

/// The hash as the standard writes it.
fn native_form(phc: &str) -> Cow<'_, str> {
    match HASH_KINDS[1..].iter().find_map(|(_, start)| phc.strip_prefix(start)) {
        Some(rest) => format!("{}{rest}", HASH_KINDS[0].1).into(),
        None => phc.into(),
    }
}

fn encode(cost: Cost, salt: &[u8; 16], output: &[u8; 32]) -> String {
    let params = ParamsString::try_from(cost.params());
    let (Ok(params), Ok(salt), Ok(output)) = (params, Salt::new(salt), Output::new(output)) else {
        unreachable!("a PHC string takes the cost, 16 bytes of salt and 32 of output");
    };
    let (salt, hash) = (Some(salt), Some(output));
    PasswordHash { algorithm: ALG_ID, version: None, params, salt, hash }.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { log_n: 4, r: 8, p: 2 };

    #[test]
    fn a_hash_has_its_cost_and_a_salt_of_its_own() {
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
    fn the_vector_of_the_rfc_is_reached() {
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
    fn what_asks_for_too_much_or_is_something_else_is_not_checked() {
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
    fn an_impossible_cost_is_replaced_by_a_dear_one() {
        assert!(Cost { log_n: 20, r: 8, p: 8 }.is_possible());
        assert!(!Cost { log_n: 64, r: 8, p: 1 }.is_possible());
        assert!(dummy(Cost { log_n: 64, r: 8, p: 1 }).starts_with("$scrypt$ln=17,r=8,p=1$"));
    }
}
