//! EVENT_LOGIN_AUTH: a session by password or by refresh token (S2, "Login request"; S0,
//! "EVENT_LOGIN_REFRESH").

use protocol::{MfaCode, Nack, NackCode, Password, RefreshToken, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::ack::{self, LoginAck};
use super::second_factor::{self, FactorTokens};
use super::token_pair::TokenPair;
use super::{authenticate, checked_password};
use crate::messages::context::{IssuedTokens, MessageContext};
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

    async fn serve(self, context: &MessageContext) -> Result<LoginAck, Nack> {
        context.check_failure_limit()?;
        let done = match &self.refresh_auth_token {
            Some(presented) => self.with_token(context, presented).await,
            None => self.with_password(context).await,
        };
        done.map_err(|nack| failed(context, nack))
    }
}

impl LoginAuth {
    async fn with_password(&self, context: &MessageContext) -> Result<LoginAck, Nack> {
        let missing =
            |field| Nack::new(NackCode::MissingField, format!("{field} is missing in DETAILS"));
        let name = self.user_name.as_ref().ok_or_else(|| missing("USER_NAME"))?;
        let password = self.password.as_ref().ok_or_else(|| missing("PASSWORD"))?;
        context.set_audited_user(name);
        for _ in 0..TRIES {
            let tokens = TokenPair::generate();
            let checked = authenticate::authenticate(context, name, password).await?;
            let factor_tokens = FactorTokens::generate();
            let presented = second_factor::check_code(
                context,
                second_factor::user_number(context, name),
                self.mfa_code.as_ref(),
            );
            // An unknown name costs an entry of the log, too: its time must not tell what it is.
            let login = Login {
                user_name: name.clone(),
                verdict: checked.verdict,
                checked: checked.checked,
                token_hashes: tokens.hashes(),
                host: context.client.address.to_string(),
                monitored: context.client.outbox.is_some(),
                client: checked.client,
                rehash: checked.rehash,
                token_api: context.client.token_api,
                second_factor: factor_tokens.hashed(presented, context.client.token_api),
                directory: checked.directory,
                bypass: checked.bypass,
            };
            if let Some(done) = answer(context, Command::Login(login), tokens, factor_tokens).await
            {
                return done;
            }
        }
        Err(errors::nack(&context.gateway, context.now, Refusal::StaleCredential))
    }

    /// A token renews a session, wakes one that sleeps, or finishes a login that is half done.
    async fn with_token(
        &self,
        context: &MessageContext,
        presented: &RefreshToken,
    ) -> Result<LoginAck, Nack> {
        let hash = TokenHash(crate::auth::hash_token(presented.expose()));
        for _ in 0..TRIES {
            let pending =
                context.read(|realm| realm.user_by_pending_login(&hash).map(|user| user.no));
            let done = match pending {
                Some(user) => self.finish(context, hash, user).await,
                None => self.refresh(context, hash, presented).await,
            };
            if let Some(done) = done {
                return done;
            }
        }
        Err(errors::nack(&context.gateway, context.now, Refusal::StaleCredential))
    }

    async fn finish(
        &self,
        context: &MessageContext,
        token: TokenHash,
        user: UserNo,
    ) -> Option<Result<LoginAck, Nack>> {
        let (tokens, factor_tokens) = (TokenPair::generate(), FactorTokens::generate());
        let (name, client) = context.read(|realm| {
            let user = realm.user(user)?;
            Some((
                user.name.clone(),
                checked_password::client_of(realm, Some(user), context.client.address),
            ))
        })?;
        context.set_audited_user(&name);
        let presented = second_factor::check_code(context, Some(user), self.mfa_code.as_ref());
        let finish = FinishLogin {
            token,
            user_name: self.user_name.clone(),
            token_hashes: tokens.hashes(),
            host: context.client.address.to_string(),
            client,
            monitored: context.client.outbox.is_some(),
            second_factor: factor_tokens.hashed(presented, context.client.token_api),
        };
        // The token of the pending login stays what it is.
        let again =
            FactorTokens::for_pending_login(self.refresh_auth_token.as_ref(), factor_tokens);
        answer(context, Command::FinishLogin(finish), tokens, again).await
    }

    async fn refresh(
        &self,
        context: &MessageContext,
        hash: TokenHash,
        presented: &RefreshToken,
    ) -> Option<Result<LoginAck, Nack>> {
        let (mut tokens, factor_tokens) = (TokenPair::generate(), FactorTokens::generate());
        if !context.gateway.settings().security.refresh_rotation {
            tokens.refresh = presented.clone();
        }
        let known = context.read(|realm| {
            let user = realm.user_by_refresh(&hash)?;
            let client = checked_password::client_of(realm, Some(user), context.client.address);
            Some((user.no, user.name.clone(), client))
        });
        let Some((number, user, client)) = known else { return Some(Err(unknown_token(context))) };
        context.set_audited_user(&user);
        let given = second_factor::check_code(context, Some(number), self.mfa_code.as_ref());
        let refresh = Refresh {
            presented: hash,
            user_name: self.user_name.clone(),
            token_hashes: tokens.hashes(),
            encrypted: tokens.encrypt_for(presented, &user),
            host: context.client.address.to_string(),
            client,
            monitored: context.client.outbox.is_some(),
            second_factor: factor_tokens.hashed(given, context.client.token_api),
        };
        let outcome = match context.submit(Command::Refresh(refresh)).await {
            Ok(outcome) => outcome,
            Err(nack) => return Some(Err(nack)),
        };
        let expired = || errors::nack(&context.gateway, context.now, Refusal::RefreshExpired);
        Some(match outcome {
            Outcome::Refreshed(session) => logged_in_ack(context, session, &tokens),
            Outcome::RotatedEarlier(session, sealed) => {
                let id = context.read(|realm| realm.session(session).map(|it| it.id));
                let tokens = id.and_then(|id| TokenPair::decrypt(&sealed, presented, &user, id));
                tokens
                    .ok_or_else(expired)
                    .and_then(|tokens| logged_in_ack(context, session, &tokens))
            }
            Outcome::SecondFactorRequired(reason, required) => {
                Err(factor_tokens.pending_nack(reason, required))
            }
            Outcome::Refused(Refusal::StaleCredential) => return None,
            Outcome::Refused(refused) => Err(errors::nack(&context.gateway, context.now, refused)),
            _ => Err(expired()),
        })
    }
}

/// Submits a login and answers it; none: what was checked is not what counts any more.
async fn answer(
    context: &MessageContext,
    command: Command,
    tokens: TokenPair,
    factor_tokens: FactorTokens,
) -> Option<Result<LoginAck, Nack>> {
    let outcome = match context.submit(command).await {
        Ok(outcome) => outcome,
        Err(nack) => return Some(Err(nack)),
    };
    Some(match outcome {
        Outcome::LoggedIn(session) => logged_in_ack(context, session, &tokens),
        Outcome::LoggedInWithActiveCode(session) => {
            let links = context.read(|realm| realm.policy().mfa.link.clone());
            let millis = links.map_or(0, |links| links.active_ms);
            let ack = logged_in_ack(context, session, &tokens);
            ack.map(|ack| ack.with_active_code(&factor_tokens.into_active_code(), millis))
        }
        Outcome::SecondFactorRequired(reason, required) => {
            // A link may have to leave.
            context.gateway.mail_wakeup.notify_one();
            Err(factor_tokens.pending_nack(reason, required))
        }
        Outcome::Refused(Refusal::StaleCredential) => return None,
        Outcome::Refused(refused) => Err(errors::nack(&context.gateway, context.now, refused)),
        _ => Err(errors::nack(&context.gateway, context.now, Refusal::StaleCredential)),
    })
}

/// Failures of a factor count against the address; being too fast, too many or too late does not,
/// and neither does a login that goes on.
fn failed(context: &MessageContext, nack: Nack) -> Nack {
    use NackCode::{IncorrectCredentials, LockedAccount, MfaFailed, UnknownAccount};
    let reason = nack.errors.first().and_then(|fault| fault.details.as_ref()?["REASON"].as_str());
    match nack.code() {
        IncorrectCredentials | LockedAccount | UnknownAccount => context.record_failure(),
        MfaFailed if reason == Some("INVALID") => context.record_failure(),
        _ => {}
    }
    nack
}

/// A token that never was may be a guess.
fn unknown_token(context: &MessageContext) -> Nack {
    context.record_failure();
    errors::nack(&context.gateway, context.now, Refusal::RefreshExpired)
}

/// The session is there: its socket is bound, its owner gets the secrets.
fn logged_in_ack(
    context: &MessageContext,
    session: SessionNo,
    tokens: &TokenPair,
) -> Result<LoginAck, Nack> {
    let over = || errors::nack(&context.gateway, context.now, Refusal::NoSession);
    let live_session = context.live_session(session).ok_or_else(over)?;
    context.bind(live_session);
    let ack = ack::ack(context, session).ok_or_else(over)?;
    context.set_issued_tokens(IssuedTokens {
        session_auth_token: tokens.session.clone(),
        refresh_auth_token: tokens.refresh.clone(),
        session_id: tokens.id.0.to_string(),
    });
    Ok(ack.with_tokens(&tokens.session, &tokens.refresh))
}
