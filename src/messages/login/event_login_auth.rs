//! EVENT_LOGIN_AUTH: a session by password or by refresh token (S2, "Login request"; S0,
//! "EVENT_LOGIN_REFRESH").

use protocol::{MfaCode, Nack, NackCode, Password, RefreshToken, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ack::{self, LoginAck};
use super::second_factor::{self, SecondTokens};
use super::token_pair::Tokens;
use super::{authenticate, checked_password};
use crate::messages::context::Call;
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
    const TOLD: bool = true;
    type Ack = LoginAck;

    async fn serve(self, call: &Call) -> Result<LoginAck, Nack> {
        call.admit()?;
        let done = match &self.refresh_auth_token {
            Some(presented) => self.by_token(call, presented).await,
            None => self.by_password(call).await,
        };
        done.map_err(|nack| failed(call, nack))
    }
}

impl LoginAuth {
    async fn by_password(&self, call: &Call) -> Result<LoginAck, Nack> {
        let missing =
            |field| Nack::new(NackCode::MissingField, format!("{field} is missing in DETAILS"));
        let name = self.user_name.as_ref().ok_or_else(|| missing("USER_NAME"))?;
        let password = self.password.as_ref().ok_or_else(|| missing("PASSWORD"))?;
        call.about(name);
        for _ in 0..TRIES {
            let tokens = Tokens::draw();
            let checked = authenticate::authenticate(call, name, password).await?;
            let second = SecondTokens::draw();
            let given = second_factor::given(
                call,
                second_factor::number(call, name),
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
                connector: call.caller.connector,
                second: second.second(given, call.caller.connector),
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
    async fn by_token(&self, call: &Call, presented: &RefreshToken) -> Result<LoginAck, Nack> {
        let hash = TokenHash(crate::auth::token_hash(presented.expose()));
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
        call: &Call,
        token: TokenHash,
        user: UserNo,
    ) -> Option<Result<LoginAck, Nack>> {
        let (tokens, second) = (Tokens::draw(), SecondTokens::draw());
        let (name, peer) = call.read(|realm| {
            let user = realm.user(user)?;
            Some((
                user.name.clone(),
                checked_password::peer(realm, Some(user), call.caller.address),
            ))
        })?;
        call.about(&name);
        let given = second_factor::given(call, Some(user), self.mfa_code.as_ref());
        let finish = FinishLogin {
            token,
            user_name: self.user_name.clone(),
            pair: tokens.pair(),
            host: call.caller.address.to_string(),
            peer,
            watched: call.caller.outbox.is_some(),
            second: second.second(given, call.caller.connector),
        };
        // The token of the half login stays what it is.
        let again = SecondTokens::of(self.refresh_auth_token.as_ref(), second);
        answer(call, Command::FinishLogin(finish), tokens, again).await
    }

    async fn refresh(
        &self,
        call: &Call,
        hash: TokenHash,
        presented: &RefreshToken,
    ) -> Option<Result<LoginAck, Nack>> {
        let (mut tokens, second) = (Tokens::draw(), SecondTokens::draw());
        if !call.node.settings().security.refresh_rotation {
            tokens.refresh = presented.clone();
        }
        let known = call.read(|realm| {
            let user = realm.user_by_refresh(&hash)?;
            let peer = checked_password::peer(realm, Some(user), call.caller.address);
            Some((user.no, user.name.clone(), peer))
        });
        let Some((number, user, peer)) = known else { return Some(Err(unknown_token(call))) };
        call.about(&user);
        let given = second_factor::given(call, Some(number), self.mfa_code.as_ref());
        let refresh = Refresh {
            presented: hash,
            user_name: self.user_name.clone(),
            pair: tokens.pair(),
            sealed: tokens.sealed(presented, &user),
            host: call.caller.address.to_string(),
            peer,
            watched: call.caller.outbox.is_some(),
            second: second.second(given, call.caller.connector),
        };
        let outcome = match call.submit(Command::Refresh(refresh)).await {
            Ok(outcome) => outcome,
            Err(nack) => return Some(Err(nack)),
        };
        let expired = || errors::nack(&call.node, call.now, Refusal::RefreshExpired);
        Some(match outcome {
            Outcome::Refreshed(session) => opened(call, session, &tokens),
            Outcome::Successor(session, sealed) => {
                let id = call.read(|realm| realm.session(session).map(|it| it.id));
                let tokens = id.and_then(|id| Tokens::unseal(&sealed, presented, &user, id));
                tokens.ok_or_else(expired).and_then(|tokens| opened(call, session, &tokens))
            }
            Outcome::HalfDone(reason, demand) => Err(second.half_done(reason, demand)),
            Outcome::Refused(Refusal::StaleCredential) => return None,
            Outcome::Refused(refused) => Err(errors::nack(&call.node, call.now, refused)),
            _ => Err(expired()),
        })
    }
}

/// Submits a login and answers it; none: what was checked is not what counts any more.
async fn answer(
    call: &Call,
    command: Command,
    tokens: Tokens,
    second: SecondTokens,
) -> Option<Result<LoginAck, Nack>> {
    let outcome = match call.submit(command).await {
        Ok(outcome) => outcome,
        Err(nack) => return Some(Err(nack)),
    };
    Some(match outcome {
        Outcome::LoggedIn(session) => opened(call, session, &tokens),
        Outcome::Remembered(session) => {
            let links = call.read(|realm| realm.policy().mfa.link.clone());
            let millis = links.map_or(0, |links| links.active_ms);
            let ack = opened(call, session, &tokens);
            ack.map(|ack| ack.remembering(&second.into_active(), millis))
        }
        Outcome::HalfDone(reason, demand) => {
            // A link may have to leave.
            call.node.mail.notify_one();
            Err(second.half_done(reason, demand))
        }
        Outcome::Refused(Refusal::StaleCredential) => return None,
        Outcome::Refused(refused) => Err(errors::nack(&call.node, call.now, refused)),
        _ => Err(errors::nack(&call.node, call.now, Refusal::StaleCredential)),
    })
}

/// Failures of a factor count against the address; being too fast, too many or too late does not,
/// and neither does a login that goes on.
fn failed(call: &Call, nack: Nack) -> Nack {
    use NackCode::{IncorrectCredentials, LockedAccount, MfaFailed, UnknownAccount};
    let reason = nack.errors.first().and_then(|fault| fault.details.as_ref()?["REASON"].as_str());
    match nack.code() {
        IncorrectCredentials | LockedAccount | UnknownAccount => call.count_failure(),
        MfaFailed if reason == Some("INVALID") => call.count_failure(),
        _ => {}
    }
    nack
}

/// A token that never was may be a guess.
fn unknown_token(call: &Call) -> Nack {
    call.count_failure();
    errors::nack(&call.node, call.now, Refusal::RefreshExpired)
}

/// The session is there: its socket is bound, its owner gets the secrets.
fn opened(call: &Call, session: SessionNo, tokens: &Tokens) -> Result<LoginAck, Nack> {
    let over = || errors::nack(&call.node, call.now, Refusal::NoSession);
    let presence = call.presence(session).ok_or_else(over)?;
    call.bind(presence);
    let ack = ack::ack(call, session).ok_or_else(over)?;
    Ok(ack.with(&tokens.session, &tokens.refresh))
}
