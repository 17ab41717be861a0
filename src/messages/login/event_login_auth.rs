//! EVENT_LOGIN_AUTH: a session by password or by refresh token (S2, "Login request"; S0,
//! "EVENT_LOGIN_REFRESH").

use protocol::{MfaCode, Nack, NackCode, Password, RefreshToken, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ack::{self, LoginAck};
use super::second_factor::{self, FactorTokens};
use super::token_pair::TokenPair;
use super::{authenticate, checked_password};
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::handler::{Access, Message};
use crate::realm::{
    Command, FinishLogin, Login, Outcome, Refresh, Refusal, SessionNo, TokenHash, UserNo,
};
/// USER_NAME and PASSWORD, or REFRESH_AUTH_TOKEN; MFA_CODE with either.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct LoginAuth {
    user_name: Option<UserName>,
    password: Option<Password>,
    refresh_auth_token: Option<RefreshToken>,
    mfa_code: Option<MfaCode>,
}

/// What changes while it is checked is checked again, this often.
const TRIES: usize = 3;

impl Message for LoginAuth {
    const TYPE: &'static str = "EVENT_LOGIN_AUTH";
    const ACK: &'static str = "EVENT_LOGIN_AUTH_ACK";
    const NACK: &'static str = "EVENT_LOGIN_AUTH_NACK";
    const LEGACY_NACK: &'static str = "LOGIN_AUTH_NACK";
    const ALIASES: &'static [&'static str] = &["EVENT_LOGIN_REFRESH"];
    const ACCESS: Access = Access::Anyone;
    const LOGGED: bool = true;
    type Ack = LoginAck;

    async fn serve(self, call: &MessageContext) -> Result<LoginAck, Nack> {
        call.check_failure_limit()?;
        let done = match &self.refresh_auth_token {
            Some(presented) => self.by_token(call, presented).await,
            None => self.by_password(call).await,
        };
        done.map_err(|nack| failed(call, nack))
    }
}

impl LoginAuth {
    async fn by_password(&self, call: &MessageContext) -> Result<LoginAck, Nack> {
        let missing =
            |field| Nack::new(NackCode::MissingField, format!("{field} is missing in DETAILS"));
        let name = self.user_name.as_ref().ok_or_else(|| missing("USER_NAME"))?;
        let password = self.password.as_ref().ok_or_else(|| missing("PASSWORD"))?;
        call.set_audited_user(name);
        for _ in 0..TRIES {
            let tokens = TokenPair::generate();
            let checked = authenticate::authenticate(call, name, password).await?;
            let second = FactorTokens::generate();
            let given = second_factor::check_code(
                call,
                second_factor::user_number(call, name),
                self.mfa_code.as_ref(),
            );
            // An unknown name costs an entry of the log, too: its time must not tell what it is.
            let login = Login {
                user_name: name.clone(),
                verdict: checked.verdict,
                checked: checked.checked,
                pair: tokens.pair(),
                host: call.caller.address.to_string(),
                watched: call.caller.outbox.is_some(),
                peer: checked.peer,
                renewed: checked.renewed,
                connector: call.caller.token_api,
                second: second.hashed(given, call.caller.token_api),
                directory: checked.directory,
                bypass: checked.bypass,
            };
            if let Some(done) = answer(call, Command::Login(login), tokens, second).await {
                return done;
            }
        }
        Err(errors::nack(&call.node, call.now, Refusal::StaleCredential))
    }

    /// A token renews a session, wakes one that sleeps, or finishes a login that is half done.
    async fn by_token(
        &self,
        call: &MessageContext,
        presented: &RefreshToken,
    ) -> Result<LoginAck, Nack> {
        let hash = TokenHash(crate::auth::hash_token(presented.expose()));
        for _ in 0..TRIES {
            let half = call.read(|realm| realm.user_by_half(&hash).map(|user| user.no));
            let done = match half {
                Some(user) => self.finish(call, hash, user).await,
                None => self.refresh(call, hash, presented).await,
            };
            if let Some(done) = done {
                return done;
            }
        }
        Err(errors::nack(&call.node, call.now, Refusal::StaleCredential))
    }

    async fn finish(
        &self,
        call: &MessageContext,
        token: TokenHash,
        user: UserNo,
    ) -> Option<Result<LoginAck, Nack>> {
        let (tokens, second) = (TokenPair::generate(), FactorTokens::generate());
        let (name, peer) = call.read(|realm| {
            let user = realm.user(user)?;
            Some((
                user.name.clone(),
                checked_password::client_of(realm, Some(user), call.caller.address),
            ))
        })?;
        call.set_audited_user(&name);
        let given = second_factor::check_code(call, Some(user), self.mfa_code.as_ref());
        let finish = FinishLogin {
            token,
            user_name: self.user_name.clone(),
            pair: tokens.pair(),
            host: call.caller.address.to_string(),
            peer,
            watched: call.caller.outbox.is_some(),
            second: second.hashed(given, call.caller.token_api),
        };
        // The token of the half login stays what it is.
        let again = FactorTokens::of(self.refresh_auth_token.as_ref(), second);
        answer(call, Command::FinishLogin(finish), tokens, again).await
    }

    async fn refresh(
        &self,
        call: &MessageContext,
        hash: TokenHash,
        presented: &RefreshToken,
    ) -> Option<Result<LoginAck, Nack>> {
        let (mut tokens, second) = (TokenPair::generate(), FactorTokens::generate());
        if !call.node.settings().security.refresh_rotation {
            tokens.refresh = presented.clone();
        }
        let known = call.read(|realm| {
            let user = realm.user_by_refresh(&hash)?;
            let peer = checked_password::client_of(realm, Some(user), call.caller.address);
            Some((user.no, user.name.clone(), peer))
        });
        let Some((number, user, peer)) = known else { return Some(Err(unknown_token(call))) };
        call.set_audited_user(&user);
        let given = second_factor::check_code(call, Some(number), self.mfa_code.as_ref());
        let refresh = Refresh {
            presented: hash,
            user_name: self.user_name.clone(),
            pair: tokens.pair(),
            sealed: tokens.encrypt_for(presented, &user),
            host: call.caller.address.to_string(),
            peer,
            watched: call.caller.outbox.is_some(),
            second: second.hashed(given, call.caller.token_api),
        };
        let outcome = match call.submit(Command::Refresh(refresh)).await {
            Ok(outcome) => outcome,
            Err(nack) => return Some(Err(nack)),
        };
        let expired = || errors::nack(&call.node, call.now, Refusal::RefreshExpired);
        Some(match outcome {
            Outcome::Refreshed(session) => opened(call, session, &tokens),
            Outcome::RotatedEarlier(session, sealed) => {
                let id = call.read(|realm| realm.session(session).map(|it| it.id));
                let tokens = id.and_then(|id| TokenPair::decrypt(&sealed, presented, &user, id));
                tokens.ok_or_else(expired).and_then(|tokens| opened(call, session, &tokens))
            }
            Outcome::SecondFactorRequired(reason, demand) => {
                Err(second.pending_nack(reason, demand))
            }
            Outcome::Refused(Refusal::StaleCredential) => return None,
            Outcome::Refused(refused) => Err(errors::nack(&call.node, call.now, refused)),
            _ => Err(expired()),
        })
    }
}

/// Submits a login and answers it; none: what was checked is not what counts any more.
async fn answer(
    call: &MessageContext,
    command: Command,
    tokens: TokenPair,
    second: FactorTokens,
) -> Option<Result<LoginAck, Nack>> {
    let outcome = match call.submit(command).await {
        Ok(outcome) => outcome,
        Err(nack) => return Some(Err(nack)),
    };
    Some(match outcome {
        Outcome::LoggedIn(session) => opened(call, session, &tokens),
        Outcome::LoggedInWithActiveCode(session) => {
            let links = call.read(|realm| realm.policy().mfa.link.clone());
            let millis = links.map_or(0, |links| links.active_ms);
            let ack = opened(call, session, &tokens);
            ack.map(|ack| ack.remembering(&second.into_active(), millis))
        }
        Outcome::SecondFactorRequired(reason, demand) => {
            // A link may have to leave.
            call.node.mail_wakeup.notify_one();
            Err(second.pending_nack(reason, demand))
        }
        Outcome::Refused(Refusal::StaleCredential) => return None,
        Outcome::Refused(refused) => Err(errors::nack(&call.node, call.now, refused)),
        _ => Err(errors::nack(&call.node, call.now, Refusal::StaleCredential)),
    })
}

/// Failures of a factor count against the address; being too fast, too many or too late does not,
/// and neither does a login that goes on.
fn failed(call: &MessageContext, nack: Nack) -> Nack {
    use NackCode::{IncorrectCredentials, LockedAccount, MfaFailed, UnknownAccount};
    let reason = nack.errors.first().and_then(|fault| fault.details.as_ref()?["REASON"].as_str());
    match nack.code() {
        IncorrectCredentials | LockedAccount | UnknownAccount => call.record_failure(),
        MfaFailed if reason == Some("INVALID") => call.record_failure(),
        _ => {}
    }
    nack
}

/// A token that never was may be a guess.
fn unknown_token(call: &MessageContext) -> Nack {
    call.record_failure();
    errors::nack(&call.node, call.now, Refusal::RefreshExpired)
}

/// The session is there: its socket is bound, its owner gets the secrets.
fn opened(call: &MessageContext, session: SessionNo, tokens: &TokenPair) -> Result<LoginAck, Nack> {
    let over = || errors::nack(&call.node, call.now, Refusal::NoSession);
    let presence = call.live_session(session).ok_or_else(over)?;
    call.bind(presence);
    let ack = ack::ack(call, session).ok_or_else(over)?;
    Ok(ack.with(&tokens.session, &tokens.refresh))
}
