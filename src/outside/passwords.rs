//! Passwords: peppered, hashed by scrypt on threads of their own, so that a flood of logins costs
//! neither memory nor heartbeats.

use std::net::IpAddr;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use protocol::names::Password;
use sha2::Sha256;
use zeroize::Zeroizing;

use pool::Pool;

mod phc;
mod pool;
mod queue;

pub use phc::Cost;

/// A longer password is nobody's.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// What the check of a password said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// It is the one that was hashed.
    Matched,
    /// It is not, or there is no such user.
    Wrong,
}

/// Too many hashes are waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords wait to be checked; try again in {retry_after_ms} ms")]
pub struct Busy {
    /// When another attempt makes sense, different for each who is refused.
    pub retry_after_ms: u64,
}

/// Hashes and checks passwords; dropping it ends its threads.
pub struct Passwords {
    pool: Pool,
    pepper: Pepper,
    cost: Cost,
    /// What the passwords of unknown users are checked against.
    dummy: Arc<str>,
}

impl Passwords {
    /// Starts `threads` threads (0: one less than there are cores, at least one). A hash that would
    /// wait more than `queue_wait_max_ms` is refused. `salt` is S2's passwordSalt.
    pub fn start(cost: Cost, threads: usize, queue_wait_max_ms: u64, salt: &str) -> Self {
        Self {
            pool: Pool::start(threads, queue_wait_max_ms, cost.guess_secs()),
            pepper: Pepper::new(salt),
            cost,
            dummy: phc::dummy(cost).into(),
        }
    }

    /// Checks a password. Without `phc`, for a user who does not exist, it takes the same time and
    /// is wrong. Dropping the future takes it out of the queue.
    pub async fn verify(
        &self,
        source: IpAddr,
        password: Password,
        phc: Option<Arc<str>>,
    ) -> Result<Checked, Busy> {
        let fits = password.expose().len() <= PASSWORD_BYTES_MAX;
        let phc = phc.filter(|_| fits).unwrap_or_else(|| self.dummy.clone());
        let (dummy, input) = (self.dummy.clone(), self.pepper.with(&password));
        drop(password);
        let check = move || phc::check(&phc, &*input).unwrap_or_else(|| unusable(&dummy, &*input));
        self.pool.submit(source.into(), check).await
    }

    /// Hashes a new password: a PHC string with a random salt. The caller has checked its length;
    /// beyond [`PASSWORD_BYTES_MAX`] the hash matches nothing.
    pub async fn hash(&self, source: IpAddr, password: Password) -> Result<String, Busy> {
        let (cost, input) = (self.cost, self.pepper.with(&password));
        drop(password);
        self.pool.submit(source.into(), move || phc::make(cost, &*input)).await
    }

    /// Hashes on the calling thread: for the command line.
    pub fn hash_now(cost: Cost, salt: &str, password: &Password) -> String {
        phc::make(cost, &*Pepper::new(salt).with(password))
    }

    /// Whether a PHC string has another cost than new ones get: the next login should renew it.
    pub fn is_outdated(&self, phc: &str) -> bool {
        Cost::of(phc) != Some(self.cost)
    }

    /// Hashes that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.pool.waiting()
    }
}

/// The user can log in no more, and nobody may see that from outside.
fn unusable(dummy: &str, input: &[u8]) -> Checked {
    tracing::warn!("a stored password hash is not one of scrypt within its bounds");
    phc::check(dummy, input).unwrap_or(Checked::Wrong)
}

/// The system-specific salt, as the key of an HMAC: stolen hashes are worth nothing without it.
struct Pepper(Hmac<Sha256>);

impl Pepper {
    fn new(salt: &str) -> Self {
        let Ok(keyed) = Hmac::new_from_slice(salt.as_bytes()) else {
            unreachable!("an HMAC takes a key of any length");
        };
        Self(keyed)
    }

    /// 32 bytes whatever the password's length: what waits in the queue is small, and not it.
    fn with(&self, password: &Password) -> Zeroizing<[u8; 32]> {
        let mut mac = self.0.clone();
        mac.update(password.expose().as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::clock::stopwatch;

    const CHEAP: Cost = Cost { log_n: 4, r: 8, p: 1 };
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn passwords(cost: Cost, salt: &str) -> Passwords {
        Passwords::start(cost, 1, 60_000, salt)
    }

    async fn verify(passwords: &Passwords, password: &str, phc: &str) -> Checked {
        passwords.verify(HERE, Password::new(password), Some(phc.into())).await.unwrap()
    }

    #[tokio::test]
    async fn a_hash_matches_its_password_only() {
        let passwords = passwords(CHEAP, "salt");
        let phc = passwords.hash(HERE, Password::new("secret")).await.unwrap();
        assert!(phc.starts_with("$scrypt$ln=4,r=8,p=1$"), "{phc}");
        assert_eq!(verify(&passwords, "secret", &phc).await, Checked::Matched);
        assert_eq!(verify(&passwords, "Secret", &phc).await, Checked::Wrong);
        assert_eq!(verify(&passwords, "", &phc).await, Checked::Wrong);
        assert_eq!(passwords.waiting(), 0);
    }

    #[tokio::test]
    async fn the_salt_of_the_system_is_part_of_it() {
        let phc = Passwords::hash_now(CHEAP, "salt", &Password::new("secret"));
        assert_eq!(verify(&passwords(CHEAP, "salt"), "secret", &phc).await, Checked::Matched);
        assert_eq!(verify(&passwords(CHEAP, "Salt"), "secret", &phc).await, Checked::Wrong);
        assert_eq!(verify(&passwords(CHEAP, ""), "secret", &phc).await, Checked::Wrong);
    }

    /// RFC 4231, test case 2.
    #[test]
    fn the_pepper_is_an_hmac() {
        let peppered = Pepper::new("Jefe").with(&Password::new("what do ya want for nothing?"));
        assert_eq!(peppered[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }

    #[tokio::test]
    async fn an_older_cost_is_checked_and_called_outdated() {
        let phc = Passwords::hash_now(CHEAP, "salt", &Password::new("secret"));
        let dearer = passwords(Cost { log_n: 5, ..CHEAP }, "salt");
        assert_eq!(verify(&dearer, "secret", &phc).await, Checked::Matched);
        assert!(dearer.is_outdated(&phc) && dearer.is_outdated("secret"));
        assert!(!passwords(CHEAP, "salt").is_outdated(&phc));
    }

    #[tokio::test]
    async fn no_user_no_hash_and_no_measure_are_wrong() {
        let passwords = passwords(CHEAP, "salt");
        let nobody = passwords.verify(HERE, Password::new("secret"), None).await;
        assert_eq!(nobody, Ok(Checked::Wrong));
        assert_eq!(verify(&passwords, "secret", "secret").await, Checked::Wrong);
        for (length, checked) in [(1_024, Checked::Matched), (1_025, Checked::Wrong)] {
            let long = "x".repeat(length);
            let phc = Passwords::hash_now(CHEAP, "salt", &Password::new(long.as_str()));
            assert_eq!(verify(&passwords, &long, &phc).await, checked);
        }
    }

    #[tokio::test]
    async fn an_unknown_user_takes_the_time_of_a_known_one() {
        let cost = Cost { log_n: 10, r: 8, p: 1 };
        let passwords = passwords(cost, "salt");
        let phc: Arc<str> = Passwords::hash_now(cost, "salt", &Password::new("secret")).into();
        let mut fastest = [f64::MAX; 2];
        for _ in 0..40 {
            for (fastest, phc) in fastest.iter_mut().zip([Some(phc.clone()), None]) {
                let watch = stopwatch();
                passwords.verify(HERE, Password::new("wrong"), phc).await.unwrap();
                *fastest = fastest.min(watch.elapsed_secs());
            }
        }
        let [known, unknown] = fastest;
        assert!((0.5..2.0).contains(&(known / unknown)), "{known} {unknown}");
    }
}
