//! EVENT_LOGIN_AUTH: a session by password or by refresh token (S2, "Login request"; S0,
//! "EVENT_LOGIN_REFRESH").

use protocol::{Nack, NackCode, Password, RefreshToken, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Access, Message};
use crate::call::Call;
use crate::login::{self, LoginAck, Tokens};
use crate::outside::dice;
use crate::realm::command::{Login, Refresh};
use crate::realm::sessions::TokenHash;
use crate::realm::{Command, Outcome, Refusal, SessionNo};
use crate::refusal;

/// USER_NAME and PASSWORD, or REFRESH_AUTH_TOKEN.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub struct LoginAuth {
    user_name: Option<UserName>,
    password: Option<Password>,
    refresh_auth_token: Option<RefreshToken>,
    #[expect(dead_code, reason = "clients may send it; nobody is asked for a second factor yet")]
    mfa_code: Option<String>,
}

/// A password that changes while it is checked is checked again, this often.
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
        if let Some(presented) = &self.refresh_auth_token {
            return refresh(call, self.user_name, presented).await;
        }
        let missing =
            |field| Nack::new(NackCode::MissingField, format!("{field} is missing in DETAILS"));
        let name = self.user_name.ok_or_else(|| missing("USER_NAME"))?;
        let password = self.password.ok_or_else(|| missing("PASSWORD"))?;
        call.about(&name);
        for _ in 0..TRIES {
            let tokens = Tokens::draw();
            let checked = match login::check(call, &name, &password).await {
                Ok(checked) => checked,
                Err(nack) => return Err(failed(call, nack)),
            };
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
            };
            match call.submit(Command::Login(login)).await? {
                Outcome::LoggedIn(session) => return opened(call, session, &tokens),
                Outcome::Refused(Refusal::StaleCredential) => {}
                Outcome::Refused(refused) => {
                    return Err(failed(call, refusal::nack(&call.node, call.now, refused)));
                }
                _ => break,
            }
        }
        Err(refusal::nack(&call.node, call.now, Refusal::StaleCredential))
    }
}

/// Failures of the credential count against the address; being too fast or too many does not.
fn failed(call: &Call, nack: Nack) -> Nack {
    use NackCode::{IncorrectCredentials, LockedAccount, SessionExpired, UnknownAccount};
    if matches!(nack.code(), IncorrectCredentials | LockedAccount | SessionExpired | UnknownAccount)
    {
        call.count_failure();
    }
    nack
}

/// The session is there: its socket is bound, its owner gets the secrets.
fn opened(call: &Call, session: SessionNo, tokens: &Tokens) -> Result<LoginAck, Nack> {
    let over = || refusal::nack(&call.node, call.now, Refusal::NoSession);
    let presence = call.presence(session).ok_or_else(over)?;
    call.bind(presence);
    let ack = login::ack(call, session).ok_or_else(over)?;
    Ok(ack.with(&tokens.session, &tokens.refresh))
}

async fn refresh(
    call: &Call,
    name: Option<UserName>,
    presented: &RefreshToken,
) -> Result<LoginAck, Nack> {
    let hash = TokenHash(dice::token_hash(presented.expose()));
    let mut tokens = Tokens::draw();
    if !call.node.settings().security.refresh_rotation {
        tokens.refresh = presented.clone();
    }
    let expired = || refusal::nack(&call.node, call.now, Refusal::RefreshExpired);
    let known = call.read(|realm| {
        let user = realm.user_by_refresh(&hash)?;
        Some((user.name.clone(), login::peer(realm, Some(user), call.caller.address)))
    });
    let Some((user, peer)) = known else {
        // A token that never was may be a guess; one that is over is only late.
        return Err(failed(call, expired()));
    };
    call.about(&user);
    let refresh = Refresh {
        presented: hash,
        user_name: name,
        pair: tokens.pair(),
        sealed: tokens.sealed(presented, &user),
        host: call.caller.address.to_string(),
        peer,
        watched: call.caller.outbox.is_some(),
    };
    match call.submit(Command::Refresh(refresh)).await? {
        Outcome::Refreshed(session) => opened(call, session, &tokens),
        Outcome::Successor(session, sealed) => {
            let id =
                call.read(|realm| realm.session(session).map(|it| it.id)).ok_or_else(expired)?;
            let tokens = Tokens::unseal(&sealed, presented, &user, id).ok_or_else(expired)?;
            opened(call, session, &tokens)
        }
        Outcome::Refused(refused) => Err(refusal::nack(&call.node, call.now, refused)),
        _ => Err(expired()),
    }
}
