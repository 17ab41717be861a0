//! Passwords: peppered, hashed by scrypt on threads of their own, so that a flood of logins costs
//! neither memory nor heartbeats.

use std::net::IpAddr;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use protocol::names::Password;
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use super::error::QueueFull;
use super::hash_bounds::{self, Cost, HashKind};
use super::thread_pool::HashPool;
/// The longest password that is hashed, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// What the check of a password said.
#[derive(Clone, PartialEq, Eq)]
pub enum PasswordMatch {
    /// It is the one that was hashed.
    Matched {
        /// Its hash by the cost of today, if it was hashed otherwise.
        rehash: Option<String>,
    },
    /// It is not, or there is no such user.
    Wrong,
}

/// A hash as it is stored, and whose it is: former systems mixed the name in.
#[derive(Clone)]
pub struct StoredHash {
    /// The PHC string.
    pub phc: Arc<str>,
    /// The user's name in its own spelling.
    pub user_name: Arc<str>,
}

/// What became of a new password.
#[derive(PartialEq, Eq)]
pub enum NewHash {
    /// Its hash.
    Hash(String),
    /// It is one of those that may not be used again.
    UsedBefore,
}

/// Hashes and checks passwords; dropping it ends its threads.
pub struct PasswordHasher {
    pool: HashPool,
    pepper: Pepper,
    cost: Cost,
    /// What the passwords of unknown users are checked against.
    dummy: Arc<str>,
}

impl PasswordHasher {
    /// Starts `threads` threads (0: one less than there are cores, at least one). A hash that would
    /// wait more than `queue_wait_max_ms` is refused. `salt` is S2's passwordSalt.
    pub fn start(cost: Cost, threads: usize, queue_wait_max_ms: u64, pepper: &str) -> Self {
        Self {
            pool: HashPool::start(threads, queue_wait_max_ms, cost.estimate_secs()),
            pepper: Pepper::new(pepper),
            cost,
            dummy: hash_bounds::dummy(cost).into(),
        }
    }

    /// Checks a password. Without `stored`, for a user who does not exist, it takes the same time
    /// and is wrong. Dropping the future takes it out of the queue.
    pub async fn verify(
        &self,
        client: IpAddr,
        password: Password,
        stored: Option<StoredHash>,
    ) -> Result<PasswordMatch, QueueFull> {
        let fits = password.expose().len() <= PASSWORD_BYTES_MAX;
        let stored = stored.filter(|_| fits);
        let name = stored.as_ref().map(|stored| stored.user_name.clone());
        let (dummy, cost) = (self.dummy.clone(), self.cost);
        let phc = stored.map_or_else(|| dummy.clone(), |stored| stored.phc);
        let hashes = std::slice::from_ref(&phc);
        let inputs = HashInputs::new(&self.pepper, &password, name.as_deref(), hashes);
        drop(password);
        let check = move || match inputs.check(&phc) {
            Some(true) if is_outdated(&phc, cost) => {
                PasswordMatch::Matched { rehash: Some(hash_bounds::hash(cost, &*inputs.native)) }
            }
            Some(true) => PasswordMatch::Matched { rehash: None },
            Some(false) => PasswordMatch::Wrong,
            None => reject_unusable(&dummy, &inputs),
        };
        self.pool.submit(client.into(), 1, check).await
    }

    /// Hashes a new password: a PHC string with a random salt. The caller has checked its length;
    /// beyond [`PASSWORD_BYTES_MAX`] the hash matches nothing.
    pub async fn hash(&self, client: IpAddr, password: Password) -> Result<String, QueueFull> {
        let (cost, input) = (self.cost, self.pepper.digest(&password));
        drop(password);
        self.pool.submit(client.into(), 1, move || hash_bounds::hash(cost, &*input)).await
    }

    /// The same unless it is one of the old ones, which are all compared in one job.
    pub async fn hash_unless_used(
        &self,
        client: IpAddr,
        password: Password,
        user_name: &str,
        previous: Vec<Arc<str>>,
    ) -> Result<NewHash, QueueFull> {
        let cost = self.cost;
        let inputs = HashInputs::new(&self.pepper, &password, Some(user_name), &previous);
        drop(password);
        let hashes = previous.len() as u32 + 1;
        let job = move || {
            if previous.iter().any(|previous| inputs.check(previous) == Some(true)) {
                NewHash::UsedBefore
            } else {
                NewHash::Hash(hash_bounds::hash(cost, &*inputs.native))
            }
        };
        self.pool.submit(client.into(), hashes, job).await
    }

    /// Hashes on the calling thread: for the command line.
    pub fn hash_now(cost: Cost, pepper: &str, password: &Password) -> String {
        hash_bounds::hash(cost, &*Pepper::new(pepper).digest(password))
    }

    /// Stores a hash of a former system, SHA-512(USER_NAME + password) in hexadecimal: hashed once
    /// more, so that the store has no fast hash. The next login renews it.
    pub fn wrap_sha512(cost: Cost, pepper: &str, sha512: &str) -> String {
        let digest = Password::new(sha512.to_ascii_lowercase());
        HashKind::Sha512.add_prefix(&hash_bounds::hash(cost, &*Pepper::new(pepper).digest(&digest)))
    }

    /// The stored form of a hash that another system made of the password alone; none: it is no PHC
    /// string of scrypt within the bounds.
    pub fn import_external(phc: &str) -> Option<String> {
        let is_native = HashKind::from_phc(phc) == HashKind::Native && hash_bounds::is_hash(phc);
        is_native.then(|| HashKind::External.add_prefix(phc))
    }

    /// What this salt makes of a fixed text: see [`PasswordHasher::is_same_pepper`].
    pub fn pepper_check_now(cost: Cost, pepper: &str) -> String {
        Self::hash_now(cost, pepper, &Password::new(PEPPER_CHECK))
    }

    /// Whether the salt is the one that made the check value.
    pub fn is_same_pepper(pepper: &str, check: &str) -> bool {
        let input = Pepper::new(pepper).digest(&Password::new(PEPPER_CHECK));
        hash_bounds::check(check, &*input) == Some(true)
    }

    /// Hashes that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.pool.waiting()
    }
}

/// What the check value of a salt is made of.
const PEPPER_CHECK: &str = "tollgate: the salt of this system";

/// The user can log in no more, which a client must not be able to tell.
fn reject_unusable(dummy: &str, inputs: &HashInputs) -> PasswordMatch {
    tracing::warn!("a stored password hash is not one of scrypt within its bounds");
    // For its time alone.
    let _ = inputs.check(dummy);
    PasswordMatch::Wrong
}

/// Whether a hash has another cost than new ones get, or was made elsewhere.
fn is_outdated(phc: &str, cost: Cost) -> bool {
    HashKind::from_phc(phc) != HashKind::Native || Cost::from_phc(phc) != Some(cost)
}

/// What of a password each kind of hash is over.
struct HashInputs {
    native: Zeroizing<[u8; 32]>,
    sha512: Zeroizing<[u8; 32]>,
    /// The password itself waits in the queue only where another system's hash needs it.
    external: Option<Zeroizing<Box<[u8]>>>,
}

impl HashInputs {
    fn new(
        pepper: &Pepper,
        password: &Password,
        user_name: Option<&str>,
        hashes: &[Arc<str>],
    ) -> Self {
        let needs_it = hashes.iter().any(|phc| HashKind::from_phc(phc) == HashKind::External);
        let external = needs_it.then(|| Zeroizing::new(password.expose().as_bytes().into()));
        let mut digest = Sha512::new();
        digest.update(user_name.unwrap_or_default());
        digest.update(password.expose());
        let sha512 = pepper.digest(&Password::new(hex::encode(digest.finalize())));
        Self { native: pepper.digest(password), sha512, external }
    }

    /// None: this is no hash that can be checked.
    fn check(&self, phc: &str) -> Option<bool> {
        match HashKind::from_phc(phc) {
            HashKind::Native => hash_bounds::check(phc, &*self.native),
            HashKind::Sha512 => hash_bounds::check(phc, &*self.sha512),
            HashKind::External => hash_bounds::check(phc, self.external.as_deref()?),
        }
    }
}

/// The system-specific salt, as the key of an HMAC: stolen hashes are worth nothing without it.
struct Pepper(Hmac<Sha256>);

impl Pepper {
    fn new(pepper: &str) -> Self {
        let Ok(keyed) = Hmac::new_from_slice(pepper.as_bytes()) else {
            unreachable!("an HMAC takes a key of any length");
        };
        Self(keyed)
    }

    /// 32 bytes whatever the password's length: what waits in the queue is small, and not it.
    fn digest(&self, password: &Password) -> Zeroizing<[u8; 32]> {
        let mut mac = self.0.clone();
        mac.update(password.expose().as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::stopwatch;

    const CHEAP: Cost = Cost { log_n: 4, r: 8, p: 1 };
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn passwords(cost: Cost, pepper: &str) -> PasswordHasher {
        PasswordHasher::start(cost, 1, 60_000, pepper)
    }

    async fn verify(passwords: &PasswordHasher, password: &str, phc: &str) -> PasswordMatch {
        let stored = StoredHash { phc: phc.into(), user_name: "JohnWolf".into() };
        passwords.verify(HERE, Password::new(password), Some(stored)).await.unwrap()
    }

    const MATCHED: PasswordMatch = PasswordMatch::Matched { rehash: None };

    #[tokio::test]
    async fn a_hash_matches_its_password_only() {
        let passwords = passwords(CHEAP, "salt");
        let phc = passwords.hash(HERE, Password::new("secret")).await.unwrap();
        assert!(phc.starts_with("$scrypt$ln=4,r=8,p=1$"), "{phc}");
        assert!(verify(&passwords, "secret", &phc).await == MATCHED);
        assert!(verify(&passwords, "Secret", &phc).await == PasswordMatch::Wrong);
        assert!(verify(&passwords, "", &phc).await == PasswordMatch::Wrong);
        assert_eq!(passwords.waiting(), 0);
    }

    #[tokio::test]
    async fn the_pepper_is_part_of_the_hash() {
        let phc = PasswordHasher::hash_now(CHEAP, "salt", &Password::new("secret"));
        assert!(verify(&passwords(CHEAP, "salt"), "secret", &phc).await == MATCHED);
        assert!(verify(&passwords(CHEAP, "Salt"), "secret", &phc).await == PasswordMatch::Wrong);
        assert!(verify(&passwords(CHEAP, ""), "secret", &phc).await == PasswordMatch::Wrong);
    }

    /// RFC 4231, test case 2.
    #[test]
    fn the_pepper_is_an_hmac() {
        let peppered = Pepper::new("Jefe").digest(&Password::new("what do ya want for nothing?"));
        assert_eq!(peppered[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }

    #[tokio::test]
    async fn an_older_cost_is_checked_and_renewed() {
        let phc = PasswordHasher::hash_now(CHEAP, "salt", &Password::new("secret"));
        let dearer = passwords(Cost { log_n: 5, ..CHEAP }, "salt");
        let PasswordMatch::Matched { rehash: Some(renewed) } =
            verify(&dearer, "secret", &phc).await
        else {
            panic!("a match, renewed")
        };
        assert!(renewed.starts_with("$scrypt$ln=5,"), "{renewed}");
        assert!(verify(&dearer, "secret", &renewed).await == MATCHED);
        assert!(verify(&dearer, "Secret", &phc).await == PasswordMatch::Wrong);
    }

    /// SHA-512 of "JohnWolfFullMoon1", by coreutils.
    const FORMER: &str = "47d1f1683f75013318aa9a10fc43bc2f1235ff1e343762364071c3907fcb22c5\
        74e34b879822acdc274c48aec198531e5629fdb016e1d493ec0042a9cd0c3ccb";

    #[tokio::test]
    async fn a_hash_of_a_former_system_is_checked_and_renewed() {
        let phc = PasswordHasher::wrap_sha512(CHEAP, "salt", &FORMER.to_ascii_uppercase());
        assert!(phc.starts_with("$sha512-scrypt$") && !phc.contains(FORMER), "{phc}");
        let passwords = passwords(CHEAP, "salt");
        let PasswordMatch::Matched { rehash: Some(renewed) } =
            verify(&passwords, "FullMoon1", &phc).await
        else {
            panic!("a match, renewed")
        };
        assert!(verify(&passwords, "FullMoon1", &renewed).await == MATCHED);
        for wrong in ["FullMoon", FORMER, ""] {
            assert!(verify(&passwords, wrong, &phc).await == PasswordMatch::Wrong);
        }
    }

    /// Python's hashlib.scrypt(b"password", salt=b"sodium chloride!", n=256, r=4, p=3, dklen=32).
    const FOREIGN: &str = "$scrypt$ln=8,r=4,p=3$c29kaXVtIGNobG9yaWRlIQ$\
        qwCqFO5oUF53TUK3i6ZhHRuAjQiEkZX65pyhBKIaxZ4";

    #[tokio::test]
    async fn a_hash_of_another_system_is_checked_and_renewed() {
        let phc = PasswordHasher::import_external(FOREIGN).unwrap();
        let passwords = passwords(CHEAP, "salt");
        assert!(
            verify(&passwords, "password", FOREIGN).await == PasswordMatch::Wrong,
            "it has no salt"
        );
        assert!(verify(&passwords, "passwort", &phc).await == PasswordMatch::Wrong);
        let matched = verify(&passwords, "password", &phc).await;
        assert!(matches!(matched, PasswordMatch::Matched { rehash: Some(_) }));
        for no in ["", "secret", "$argon2id$v=19$m=65536,t=2,p=1$c29t$aGFz", &phc] {
            assert_eq!(PasswordHasher::import_external(no), None, "{no}");
        }
    }

    #[tokio::test]
    async fn a_password_that_was_used_is_found_among_the_old_ones() {
        let passwords = passwords(CHEAP, "salt");
        let hash =
            |text: &str| PasswordHasher::hash_now(CHEAP, "salt", &Password::new(text)).into();
        let old: Vec<Arc<str>> = ["a", "b", "c"].map(hash).to_vec();
        for (text, used) in [("a", true), ("c", true), ("d", false)] {
            let new = passwords.hash_unless_used(HERE, Password::new(text), "x", old.clone()).await;
            assert!(matches!(new, Ok(NewHash::UsedBefore)) == used, "{text}");
        }
    }

    #[test]
    fn another_pepper_is_noticed() {
        let check = PasswordHasher::pepper_check_now(CHEAP, "salt");
        assert!(PasswordHasher::is_same_pepper("salt", &check));
        assert!(
            !PasswordHasher::is_same_pepper("Salt", &check)
                && !PasswordHasher::is_same_pepper("", &check)
        );
    }

    #[tokio::test]
    async fn no_user_no_hash_and_no_measure_are_wrong() {
        let passwords = passwords(CHEAP, "salt");
        let nobody = passwords.verify(HERE, Password::new("secret"), None).await;
        assert!(nobody == Ok(PasswordMatch::Wrong));
        assert!(verify(&passwords, "secret", "secret").await == PasswordMatch::Wrong);
        for (length, checked) in [(1_024, MATCHED), (1_025, PasswordMatch::Wrong)] {
            let long = "x".repeat(length);
            let phc = PasswordHasher::hash_now(CHEAP, "salt", &Password::new(long.as_str()));
            assert!(verify(&passwords, &long, &phc).await == checked);
        }
    }

    #[tokio::test]
    async fn an_unknown_user_takes_the_time_of_a_known_one() {
        let cost = Cost { log_n: 10, r: 8, p: 1 };
        let passwords = passwords(cost, "salt");
        let phc: Arc<str> = PasswordHasher::hash_now(cost, "salt", &Password::new("secret")).into();
        let mut fastest = [f64::MAX; 2];
        for _ in 0..40 {
            let stored = StoredHash { phc: phc.clone(), user_name: "x".into() };
            for (fastest, phc) in fastest.iter_mut().zip([Some(stored), None]) {
                let watch = stopwatch();
                passwords.verify(HERE, Password::new("wrong"), phc).await.unwrap();
                *fastest = fastest.min(watch.elapsed_secs());
            }
        }
        let [known, unknown] = fastest;
        assert!((0.5..2.0).contains(&(known / unknown)), "{known} {unknown}");
    }
}
