//! Password hashing and checking: peppered, by scrypt, on dedicated threads.
//!
//! A flood of logins therefore neither delays heartbeats nor takes unlimited memory.

use std::net::IpAddr;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use protocol::names::Password;
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use super::error::HashUnavailable;
use super::hash_bounds::{self, Cost, HashKind};
use super::thread_pool::HashPool;
use crate::platform::refusal_line;

/// Maximum length of a password, in bytes. A check of a longer password fails.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// The result of a password check.
#[derive(Clone, PartialEq, Eq)]
pub enum PasswordMatch {
    /// The password matches the hash.
    Matched {
        /// The password hashed with the current cost; `None` if the stored hash is current.
        rehash: Option<String>,
    },
    /// The password does not match, or the user does not exist.
    Wrong,
}

/// A stored hash and its user. An imported SHA-512 hash was made of the user's name and the
/// password, so its check needs the name.
#[derive(Clone)]
pub struct StoredHash {
    /// The PHC string.
    pub phc: Arc<str>,
    /// The user's name in the stored spelling.
    pub user_name: Arc<str>,
}

/// The result of hashing a new password.
#[derive(PartialEq, Eq)]
pub enum NewHash {
    /// The hash.
    Hash(String),
    /// The password was used before and may not be used again.
    UsedBefore,
}

/// Hashes and checks passwords. Dropping this value ends its threads.
pub struct PasswordHasher {
    pool: HashPool,
    pepper: Pepper,
    cost: Cost,
    /// The hash against which passwords of unknown users are checked.
    dummy: Arc<str>,
}

impl PasswordHasher {
    /// Starts `threads` threads (0: one less than the number of cores, at least one). A hash that
    /// would wait more than `queue_wait_max_ms` is refused. `pepper` is the setting `passwordSalt`
    /// of Genesis authentication.
    pub fn start(cost: Cost, threads: usize, queue_wait_max_ms: u64, pepper: &str) -> Self {
        Self {
            pool: HashPool::start(threads, queue_wait_max_ms, cost.estimate_secs()),
            pepper: Pepper::new(pepper),
            cost,
            dummy: hash_bounds::dummy(cost).into(),
        }
    }

    /// Checks a password. Without `stored`, for an unknown user, the check takes the same time and
    /// returns [`PasswordMatch::Wrong`]. Dropping the future removes the check from the queue.
    pub async fn verify(
        &self,
        client: IpAddr,
        password: Password,
        stored: Option<StoredHash>,
    ) -> Result<PasswordMatch, HashUnavailable> {
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
            None => {
                reject_unusable(name.as_deref(), &dummy, &inputs);
                PasswordMatch::Wrong
            }
        };
        self.pool.submit(client.into(), check).await
    }

    /// Hashes a new password to a PHC string with a random salt. The caller must check the length
    /// of the password: the hash of a password longer than [`PASSWORD_BYTES_MAX`] never matches.
    pub async fn hash(
        &self,
        client: IpAddr,
        password: Password,
    ) -> Result<String, HashUnavailable> {
        let (cost, input) = (self.cost, self.pepper.digest(&password));
        drop(password);
        self.pool.submit(client.into(), move || hash_bounds::hash(cost, &*input)).await
    }

    /// Hashes a new password unless it matches one of the `previous` hashes. Each of these hashes
    /// is a job, so that other passwords are checked in between.
    pub async fn hash_unless_used(
        &self,
        client: IpAddr,
        password: Password,
        user_name: &str,
        previous: Vec<Arc<str>>,
    ) -> Result<NewHash, HashUnavailable> {
        let cost = self.cost;
        let inputs = HashInputs::new(&self.pepper, &password, Some(user_name), &previous);
        drop(password);
        let inputs = Arc::new(inputs);
        for previous in previous {
            let inputs = inputs.clone();
            let is_same = move || inputs.check(&previous) == Some(true);
            if self.pool.submit(client.into(), is_same).await? {
                return Ok(NewHash::UsedBefore);
            }
        }
        let hash = move || NewHash::Hash(hash_bounds::hash(cost, &*inputs.native));
        self.pool.submit(client.into(), hash).await
    }

    /// Hashes a password on the calling thread, for the command line.
    pub fn hash_now(cost: Cost, pepper: &str, password: &Password) -> String {
        hash_bounds::hash(cost, &*Pepper::new(pepper).digest(password))
    }

    /// Returns the stored form of a hash of a former system, SHA-512(USER_NAME + password) in
    /// hexadecimal. That hash is hashed once more by scrypt, so that the store contains no fast
    /// hash. The next login replaces the stored hash by a rehash.
    pub fn wrap_sha512(cost: Cost, pepper: &str, sha512: &str) -> String {
        let digest = Password::new(sha512.to_ascii_lowercase());
        HashKind::Sha512.add_prefix(&hash_bounds::hash(cost, &*Pepper::new(pepper).digest(&digest)))
    }

    /// Returns the stored form of a hash that another system made of the password alone; `None` if
    /// that hash is not a scrypt hash within the limits.
    pub fn import_external(phc: &str) -> Option<String> {
        let is_native = HashKind::from_phc(phc) == HashKind::Native && hash_bounds::is_hash(phc);
        is_native.then(|| HashKind::External.add_prefix(phc))
    }

    /// Returns the check value of a pepper, for [`PasswordHasher::is_same_pepper`].
    pub fn pepper_check_now(cost: Cost, pepper: &str) -> String {
        Self::hash_now(cost, pepper, &Password::new(PEPPER_CHECK))
    }

    /// Whether the check value was made with this pepper.
    pub fn is_same_pepper(pepper: &str, check: &str) -> bool {
        let input = Pepper::new(pepper).digest(&Password::new(PEPPER_CHECK));
        hash_bounds::check(check, &*input) == Some(true)
    }

    /// Returns the number of jobs that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.pool.waiting()
    }
}

/// The text that is hashed for the check value of a pepper. Stores contain the hash of this text:
/// never change the text.
const PEPPER_CHECK: &str = "tollgate: the salt of this system";

/// Refuses a password whose stored hash cannot be checked. The user cannot log in, but a client
/// must not notice the difference to a wrong password.
fn reject_unusable(user: Option<&str>, dummy: &str, inputs: &HashInputs) {
    refusal_line!(
        WARN,
        None,
        user,
        "the stored password hash of this user was rejected: it is not scrypt or its cost exceeds \
         the limits; reset the user's password"
    );
    // Takes the time of a real check.
    let _ = inputs.check(dummy);
}

/// Whether a hash has another cost than new hashes, or is of another kind.
fn is_outdated(phc: &str, cost: Cost) -> bool {
    HashKind::from_phc(phc) != HashKind::Native || Cost::from_phc(phc) != Some(cost)
}

/// The input of each kind of hash, for one password.
struct HashInputs {
    native: Zeroizing<[u8; 32]>,
    sha512: Zeroizing<[u8; 32]>,
    /// The password itself; `None` if no hash of another system needs the password, so that the
    /// queue contains as few passwords as possible.
    external: Option<Zeroizing<Box<[u8]>>>,
}

impl HashInputs {
    fn new(
        pepper: &Pepper,
        password: &Password,
        user_name: Option<&str>,
        hashes: &[Arc<str>],
    ) -> Self {
        let needs_password = hashes.iter().any(|phc| HashKind::from_phc(phc) == HashKind::External);
        let external = needs_password.then(|| Zeroizing::new(password.expose().as_bytes().into()));
        let mut digest = Sha512::new();
        digest.update(user_name.unwrap_or_default());
        digest.update(password.expose());
        let sha512 = pepper.digest(&Password::new(hex::encode(digest.finalize())));
        Self { native: pepper.digest(password), sha512, external }
    }

    /// Checks the password against a hash; `None` if the hash cannot be checked.
    fn check(&self, phc: &str) -> Option<bool> {
        match HashKind::from_phc(phc) {
            HashKind::Native => hash_bounds::check(phc, &*self.native),
            HashKind::Sha512 => hash_bounds::check(phc, &*self.sha512),
            HashKind::External => hash_bounds::check(phc, self.external.as_deref()?),
        }
    }
}

/// The pepper, as the key of an HMAC: without the pepper, no password can be guessed from stolen
/// hashes.
struct Pepper(Hmac<Sha256>);

impl Pepper {
    fn new(pepper: &str) -> Self {
        let Ok(keyed) = Hmac::new_from_slice(pepper.as_bytes()) else {
            unreachable!("HMAC accepts a key of any length");
        };
        Self(keyed)
    }

    /// Returns the HMAC of a password. The queue contains this HMAC instead of the password. The
    /// HMAC always has 32 bytes.
    fn digest(&self, password: &Password) -> Zeroizing<[u8; 32]> {
        let mut mac = self.0.clone();
        mac.update(password.expose().as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

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
    async fn a_hash_with_an_older_cost_is_checked_and_renewed() {
        let phc = PasswordHasher::hash_now(CHEAP, "salt", &Password::new("secret"));
        let costlier = passwords(Cost { log_n: 5, ..CHEAP }, "salt");
        let PasswordMatch::Matched { rehash: Some(renewed) } =
            verify(&costlier, "secret", &phc).await
        else {
            panic!("a match with a rehash was expected")
        };
        assert!(renewed.starts_with("$scrypt$ln=5,"), "{renewed}");
        assert!(verify(&costlier, "secret", &renewed).await == MATCHED);
        assert!(verify(&costlier, "Secret", &phc).await == PasswordMatch::Wrong);
    }

    /// SHA-512 of "JohnWolfFullMoon1", computed by coreutils.
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
            panic!("a match with a rehash was expected")
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
            "the hash was made without the pepper"
        );
        assert!(verify(&passwords, "passwort", &phc).await == PasswordMatch::Wrong);
        let matched = verify(&passwords, "password", &phc).await;
        assert!(matches!(matched, PasswordMatch::Matched { rehash: Some(_) }));
        for no in ["", "secret", "$argon2id$v=19$m=65536,t=2,p=1$c29t$aGFz", &phc] {
            assert_eq!(PasswordHasher::import_external(no), None, "{no}");
        }
    }

    #[tokio::test]
    async fn a_former_password_is_found_among_the_previous_hashes() {
        let passwords = passwords(CHEAP, "salt");
        let hash =
            |text: &str| PasswordHasher::hash_now(CHEAP, "salt", &Password::new(text)).into();
        let old: Vec<Arc<str>> = ["a", "b", "c"].map(hash).to_vec();
        for (text, used) in [("a", true), ("c", true), ("d", false)] {
            let new = passwords.hash_unless_used(HERE, Password::new(text), "x", old.clone()).await;
            assert!(matches!(new, Ok(NewHash::UsedBefore)) == used, "{text}");
        }
    }

    #[tokio::test]
    async fn another_password_is_checked_during_a_history_check() {
        let cost = Cost { log_n: 10, r: 8, p: 1 };
        let passwords = passwords(cost, "salt");
        let hash = |text: &str| PasswordHasher::hash_now(cost, "salt", &Password::new(text)).into();
        let former: Vec<Arc<str>> = vec![hash("former"); 24];
        let history = passwords.hash_unless_used(HERE, Password::new("new"), "x", former);
        let mut history = Box::pin(history);
        assert!(history.as_mut().now_or_never().is_none());
        assert!(verify(&passwords, "former", &hash("former")).await == MATCHED);
        assert!(history.as_mut().now_or_never().is_none(), "the login had to wait");
        assert!(matches!(history.await, Ok(NewHash::Hash(_))));
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
    async fn unknown_users_invalid_hashes_and_long_passwords_are_wrong() {
        let passwords = passwords(CHEAP, "salt");
        let unknown = passwords.verify(HERE, Password::new("secret"), None).await;
        assert!(unknown == Ok(PasswordMatch::Wrong));
        assert!(verify(&passwords, "secret", "secret").await == PasswordMatch::Wrong);
        for (length, checked) in [(1_024, MATCHED), (1_025, PasswordMatch::Wrong)] {
            let long = "x".repeat(length);
            let phc = PasswordHasher::hash_now(CHEAP, "salt", &Password::new(long.as_str()));
            assert!(verify(&passwords, &long, &phc).await == checked);
        }
    }

    /// Returns the CPU time of the only hash thread, in seconds. A busy machine does not change
    /// this time.
    async fn cpu_secs(passwords: &PasswordHasher) -> f64 {
        let cpu_time = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let time = passwords.pool.submit(HERE.into(), cpu_time).await.unwrap();
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    }

    #[tokio::test]
    async fn an_unknown_user_takes_the_time_of_a_known_one() {
        let cost = Cost { log_n: 10, r: 8, p: 1 };
        let passwords = passwords(cost, "salt");
        let phc: Arc<str> = PasswordHasher::hash_now(cost, "salt", &Password::new("secret")).into();
        let mut known_and_unknown = [0.0; 2];
        for _ in 0..20 {
            let stored = StoredHash { phc: phc.clone(), user_name: "x".into() };
            for (secs, phc) in known_and_unknown.iter_mut().zip([Some(stored), None]) {
                let before = cpu_secs(&passwords).await;
                passwords.verify(HERE, Password::new("wrong"), phc).await.unwrap();
                *secs += cpu_secs(&passwords).await - before;
            }
        }
        let [known, unknown] = known_and_unknown;
        assert!((0.5..2.0).contains(&(known / unknown)), "{known} {unknown}");
    }
}
