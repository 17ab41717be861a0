//! A login by user name and password.

use protocol::{MfaCode, Password, UserName};

use super::ack::LoginAck;
use super::authenticate::{authenticate, directory_timeout};
use super::reply::reply;
use super::second_factor::{FactorTokens, check_code};
use super::snapshot::LoginSnapshot;
use super::token_pair::TokenPair;
use crate::gateway::UserTurn;
use crate::messages::attempt::Attempt;
use crate::messages::context::MessageContext;
use crate::messages::stale_retry::{AttemptError, submit_checked};
use crate::realm::{Command, Login, SecondFactorInput, Verdict};

/// The credentials that the client sent.
pub struct PasswordLogin<'a> {
    /// USER_NAME.
    pub user_name: &'a UserName,
    /// PASSWORD.
    pub password: &'a Password,
    /// MFA_CODE.
    pub code: Option<&'a MfaCode>,
}

impl PasswordLogin<'_> {
    /// Checks the password against the current realm and logs in.
    pub async fn attempt(
        &self,
        context: &MessageContext,
        attempt: &Attempt<'_>,
    ) -> Result<LoginAck, AttemptError> {
        let turn = attempt.turn(self.user_name, directory_timeout(context, self.user_name)).await?;
        let snapshot = LoginSnapshot::by_name(context, self.user_name);
        self.attempt_with(context, snapshot, turn).await
    }

    /// Like [`Self::attempt`], but with a snapshot that was read earlier.
    async fn attempt_with(
        &self,
        context: &MessageContext,
        snapshot: LoginSnapshot,
        turn: UserTurn<'_>,
    ) -> Result<LoginAck, AttemptError> {
        let (tokens, factor_tokens) = (TokenPair::generate(), FactorTokens::generate());
        let checked = authenticate(context, self.user_name, self.password, &snapshot).await?;
        // A right password is no guess, so the next check need not wait for the commit.
        let turn = Some(turn).filter(|_| checked.verdict != Verdict::Matched);
        let presented = check_code(context, snapshot.second_factor.as_ref(), self.code);
        let session_kind = context.client.session_kind();
        // An unknown name is submitted, too: the response time must not reveal that it is unknown.
        let login = Login {
            user_name: self.user_name.clone(),
            verdict: checked.verdict,
            checked: checked.checked,
            token_hashes: tokens.hashes(),
            host: context.client.address.to_string(),
            monitored: context.client.outbox.is_some(),
            client: snapshot.client,
            rehash: checked.rehash,
            session_kind,
            second_factor: SecondFactorInput {
                earlier: context.client.outbox.as_ref().and_then(|outbox| outbox.kept_factor()),
                ..factor_tokens.hashed(presented, session_kind)
            },
            authenticated_by: checked.authenticated_by,
        };
        let outcome = submit_checked(context, Command::Login(login)).await?;
        drop(turn);
        Ok(reply(context, outcome, &tokens, factor_tokens)?)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use parking_lot::Mutex;
    use protocol::{Nack, NackCode, OwnedEnvelope};

    use super::*;
    use crate::auth::PasswordHasher;
    use crate::gateway::{Gateway, Started, startup};
    use crate::messages::context::ClientInfo;
    use crate::messages::stale_retry::retry_stale;
    use crate::platform::Clock;
    use crate::realm::{NewUser, SetCredential};
    use crate::settings::Settings;

    const SETTINGS: &str = "store.engine = 'memory'\nsecurity.scrypt = { log_n = 4, r = 8, p = 1 }";

    fn hash(gateway: &Gateway, password: &str) -> Arc<str> {
        let cost = gateway.settings().security.scrypt.cost();
        PasswordHasher::hash_now(cost, "", &Password::new(password)).into()
    }

    /// Starts a gateway with the user jane and the password "former".
    async fn gateway() -> (Arc<Gateway>, Started) {
        let settings = Settings::parse(SETTINGS, std::iter::empty()).unwrap();
        let clock = Clock::system();
        let started = startup::start(&settings, Path::new("unused"), clock.clone()).unwrap();
        started.prepare(&settings, None).await.unwrap();
        let gateway = Gateway::new(settings, started.replica.clone(), clock, None);
        let credential = Some(hash(&gateway, "former"));
        let jane = NewUser { credential, ..NewUser::named(UserName::parse("jane").unwrap()) };
        gateway.replica.submit(Command::AddUsers(vec![jane])).await.unwrap();
        (gateway, started)
    }

    fn context(gateway: &Arc<Gateway>) -> MessageContext {
        let now = gateway.clock.now();
        let client = ClientInfo::rest(IpAddr::from([127, 0, 0, 1]), now);
        let types = ("EVENT_LOGIN_AUTH", "EVENT_LOGIN_AUTH_ACK");
        MessageContext::new(gateway.clone(), client, None, types, now, OwnedEnvelope::default())
    }

    /// Logs in with a snapshot that was read before the password changed from "former" to
    /// "current". Returns the result and the number of attempts.
    async fn log_in_across_a_change(password: &str) -> (Result<LoginAck, Nack>, usize) {
        let (gateway, _started) = gateway().await;
        let (context, user_name) = (context(&gateway), UserName::parse("jane").unwrap());
        let password = &Password::new(password);
        let login = PasswordLogin { user_name: &user_name, password, code: None };
        let stale = Mutex::new(Some(LoginSnapshot::by_name(&context, &user_name)));
        let credential = hash(&gateway, "current");
        let set = SetCredential { user_name: user_name.clone(), credential };
        gateway.replica.submit(Command::SetCredential(set)).await.unwrap();
        let attempts = AtomicUsize::new(0);
        let begun = Attempt::begin(&context, Some(&user_name)).await.ok().unwrap();
        let attempt = || async {
            attempts.fetch_add(1, Ordering::Relaxed);
            let snapshot = stale.lock().take();
            match snapshot {
                Some(stale) => {
                    let turn = begun.turn(&user_name, None).await?;
                    login.attempt_with(&context, stale, turn).await
                }
                None => login.attempt(&context, &begun).await,
            }
        };
        let served = retry_stale(&context, attempt).await;
        let failed = context.read(|realm| realm.attempts_of(&user_name).map(|it| it.failed));
        assert_eq!(failed, served.is_err().then_some(1), "the stale check must not be counted");
        (served, attempts.into_inner())
    }

    #[tokio::test]
    async fn a_stale_snapshot_neither_refuses_the_new_password_nor_accepts_the_former_one() {
        let (served, attempts) = log_in_across_a_change("current").await;
        assert_eq!((served.is_ok(), attempts), (true, 2));
        let (served, attempts) = log_in_across_a_change("former").await;
        let code = served.err().map(|nack| nack.code());
        assert_eq!((code, attempts), (Some(NackCode::IncorrectCredentials), 2));
    }

    #[tokio::test]
    async fn a_check_that_stays_stale_is_refused_after_three_attempts() {
        let (gateway, _started) = gateway().await;
        let attempts = AtomicUsize::new(0);
        let attempt = || async {
            attempts.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(AttemptError::Stale)
        };
        let refused = retry_stale(&context(&gateway), attempt).await;
        let code = refused.err().map(|nack| nack.code());
        assert_eq!((code, attempts.into_inner()), (Some(NackCode::LoginFail), 3));
    }
}
