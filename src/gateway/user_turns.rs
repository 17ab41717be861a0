//! Turns of password checks: one check at a time for each user.
//!
//! A wrong password is counted before the next check for the same user begins. Guesses in parallel
//! therefore cannot exceed the limit that locks the user, neither here nor in a directory.

use std::sync::Arc;

use dashmap::DashMap;
use protocol::UserName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::platform::ClientNetwork;
use crate::realm::attempts_ref;

/// The user, and the client network if networks are locked separately.
type TurnKey = (u64, Option<ClientNetwork>);

/// The turns of all users whose passwords are being checked.
#[derive(Debug, Default)]
pub struct UserTurns {
    turns: DashMap<TurnKey, Arc<Semaphore>>,
}

/// The turn of one check, which ends when it is dropped.
#[derive(Debug)]
pub struct UserTurn<'a> {
    permit: Option<OwnedSemaphorePermit>,
    queue: Option<Arc<Semaphore>>,
    turns: &'a UserTurns,
    key: TurnKey,
}

impl UserTurns {
    /// Waits for the turn of a user, in the order of arrival. `network` is the client network if
    /// networks are locked separately.
    pub async fn wait(&self, name: &UserName, network: Option<ClientNetwork>) -> UserTurn<'_> {
        let key = (attempts_ref(name), network);
        let new = || Arc::new(Semaphore::new(1));
        let queue = self.turns.entry(key).or_insert_with(new).clone();
        // Dropping the future while it waits must remove an unused queue, too.
        let mut turn = UserTurn { permit: None, queue: Some(queue.clone()), turns: self, key };
        turn.permit = queue.acquire_owned().await.ok();
        turn
    }
}

impl Drop for UserTurn<'_> {
    fn drop(&mut self) {
        drop((self.permit.take(), self.queue.take()));
        self.turns.turns.remove_if(&self.key, |_, queue| Arc::strong_count(queue) == 1);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures_util::FutureExt;

    use super::*;

    fn user(name: &str) -> UserName {
        UserName::parse(name).unwrap()
    }

    #[tokio::test]
    async fn a_user_has_one_turn_at_a_time() {
        let (turns, same) = (UserTurns::default(), user("Jane"));
        let first = turns.wait(&user("jane"), None).await;
        let mut second = Box::pin(turns.wait(&same, None));
        assert!(second.as_mut().now_or_never().is_none());
        drop(turns.wait(&user("john"), None).await);
        let network = |last: u8| Some(IpAddr::from([127, 0, 0, last]).into());
        let elsewhere = turns.wait(&user("jane"), network(1)).await;
        drop((turns.wait(&user("jane"), network(2)).await, elsewhere));
        drop(first);
        drop(second.await);
        assert!(turns.turns.is_empty());
    }

    #[tokio::test]
    async fn a_turn_that_is_no_longer_wanted_is_skipped() {
        let (turns, jane) = (UserTurns::default(), user("jane"));
        let first = turns.wait(&jane, None).await;
        let mut second = Box::pin(turns.wait(&jane, None));
        assert!(second.as_mut().now_or_never().is_none());
        drop(second);
        drop(first);
        assert!(turns.turns.is_empty());
        drop(turns.wait(&user("jane"), None).await);
        assert!(turns.turns.is_empty());
    }
}
