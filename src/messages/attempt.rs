//! One attempt to prove a secret: limited by address and user.

use std::sync::Arc;
use std::time::Duration;

use protocol::{Nack, NackCode, UserName};
use tokio::sync::Notify;

use super::context::MessageContext;
use crate::gateway::{Admission, Reservation, UserTurn};
use crate::platform::{ClientNetwork, refusal_line, utc};
use crate::realm::LockoutScope;

/// Maximum wait for the turn of a user whose address has too many failures.
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);

/// An attempt whose result is not known yet. It counts against the limit of its address until it is
/// dropped; [`Attempt::fail`] counts it for good.
pub struct Attempt<'a> {
    context: &'a MessageContext,
    /// `None` if the address has too many failures, but the user is known there.
    reservation: Option<Reservation<'a>>,
}

impl<'a> Attempt<'a> {
    /// Begins an attempt under a user name, or without one. Waits while so many attempts of the
    /// address are in progress that they could exceed its limit. Beyond the limit, an attempt is
    /// refused unless the user logged in from there within 30 days: an attacker behind the same
    /// address must not keep this user out.
    pub async fn begin(context: &'a MessageContext, name: Option<&UserName>) -> Result<Self, Nack> {
        let mut ended: Option<Arc<Notify>> = None;
        loop {
            let (reservation, refused) = match admission(context) {
                Admission::Reserved(reservation) => (Some(reservation), None),
                _ if name.is_some_and(|name| is_known_here(context, name)) => (None, None),
                Admission::Waits(notify) => {
                    notify.notified().await;
                    ended = Some(notify);
                    continue;
                }
                Admission::Refused(wait_ms) => (None, Some(wait_ms)),
            };
            if reservation.is_none() {
                ended.into_iter().for_each(|ended| ended.notify_one());
            }
            let text = "too many failed logins from this address; try again later";
            return match refused {
                Some(wait_ms) => Err(Nack::too_many(text, wait_ms)),
                None => Ok(Self { context, reservation }),
            };
        }
    }

    /// Waits until no other password of this user is being checked. Keep the turn until a wrong
    /// password is counted. `directory_timeout` is the time in which a directory that checks the
    /// password must answer; it includes the wait, so that logins of one user which queue for a
    /// hanging directory fail together.
    pub async fn turn(
        &self,
        name: &UserName,
        directory_timeout: Option<Duration>,
    ) -> Result<UserTurn<'a>, Nack> {
        let gateway = &self.context.gateway;
        let by_network =
            self.context.read(|realm| realm.policy().lock_scope) == LockoutScope::UserAndNetwork;
        let network = by_network.then(|| ClientNetwork::from(self.context.client.address));
        let turn = gateway.user_turns.wait(name, network);
        let over_limit = self.reservation.is_none().then_some(TURN_WAIT_MAX);
        let Some(wait_max) = directory_timeout.into_iter().chain(over_limit).min() else {
            return Ok(turn.await);
        };
        let waited = tokio::time::timeout(wait_max, turn).await;
        waited.map_err(|_| match directory_timeout {
            Some(_) => Nack::new(
                NackCode::LoginFail,
                "the directory did not answer in time; the attempt was not counted; try again \
                 later",
            ),
            None => Nack::too_many(
                "too many logins of this user at once; try again later",
                wait_max.as_millis() as u64,
            ),
        })
    }

    /// Counts the attempt as failed.
    pub fn fail(self) {
        match self.reservation {
            Some(reservation) => reservation.fail(self.context.gateway.clock.now()),
            None => self.context.record_failure(),
        }
    }
}

fn admission(context: &MessageContext) -> Admission<'_> {
    let settings = context.gateway.settings();
    let (limits, now) = (&settings.server.limits, context.gateway.clock.now());
    context.gateway.failure_limiter.reserve(limits, context.client.address, now)
}

/// Whether the user logged in from the address of the client within 30 days.
fn is_known_here(context: &MessageContext, name: &UserName) -> bool {
    let network = ClientNetwork::from(context.client.address).to_string();
    context.read(|realm| {
        let user = realm.user_by_name(name);
        user.is_some_and(|user| realm.is_place(context.now, user.no, &network))
    })
}

/// Logs that logins under this name are locked, if an attempt since the message caused that.
pub fn log_new_lock(context: &MessageContext, name: &UserName) {
    let until = context.read(|realm| {
        let attempts = realm.attempts_of(name).filter(|attempts| attempts.at >= context.now);
        attempts?.summary().locked_until.filter(|until| *until > context.now)
    });
    if let Some(until) = until {
        let locked_until = utc::format(until, utc::MILLISECONDS);
        refusal_line!(
            WARN,
            Some(context.client.address),
            user.name = %name,
            locked_until,
            "wrong passwords or codes locked the logins of a user"
        );
    }
}
