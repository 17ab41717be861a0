//! EVENT_LOGIN_AUTH: a session by password or by refresh token (S2, "Login request"; S0,
//! "EVENT_LOGIN_REFRESH").

use protocol::{Nack, NackCode, Password, RefreshToken, SessionToken, UserName};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Access, Message};
use crate::call::Call;
use crate::login::{self, LoginAck};
use crate::outside::{dice, seal};
use crate::realm::command::{Login, Pair, Refresh};
use crate::realm::sessions::{SessionId, TokenHash};
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
            // Where unknown names are not counted they leave no trace in the log, either.
            if checked.checked.is_none() && !call.read(|realm| realm.counts(&name)) {
                let refused = refusal::nack(&call.node, call.now, Refusal::UnknownAccount);
                return Err(failed(call, refused));
            }
            let login = Login {
                user_name: name.clone(),
                verdict: checked.verdict,
                checked: checked.checked,
                pair: tokens.pair(),
                host: call.caller.address.to_string(),
                watched: call.caller.outbox.is_some(),
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

/// The secrets of a session, in clear: they go to their owner and nowhere else.
struct Tokens {
    id: SessionId,
    session: SessionToken,
    refresh: RefreshToken,
}

impl Tokens {
    fn draw() -> Self {
        Self {
            id: SessionId(dice::session_id()),
            session: dice::session_token(),
            refresh: dice::refresh_token(),
        }
    }

    fn pair(&self) -> Pair {
        Pair {
            id: self.id,
            token: TokenHash(dice::token_hash(self.session.expose())),
            refresh: TokenHash(dice::token_hash(self.refresh.expose())),
        }
    }

    /// Both tokens as one text, to be sealed.
    fn text(&self) -> String {
        format!("{} {}", self.session.expose(), self.refresh.expose())
    }

    fn read(text: &[u8], id: SessionId) -> Option<Self> {
        let (session, refresh) = std::str::from_utf8(text).ok()?.split_once(' ')?;
        Some(Self { id, session: SessionToken::new(session), refresh: RefreshToken::new(refresh) })
    }
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
    let Some(user) = call.read(|realm| realm.user_by_refresh(&hash).map(|user| user.name.clone()))
    else {
        // A token that never was may be a guess; one that is over is only late.
        return Err(failed(call, expired()));
    };
    call.about(&user);
    let refresh = Refresh {
        presented: hash,
        user_name: name,
        pair: tokens.pair(),
        sealed: seal::seal(presented, user.as_str(), tokens.text().as_bytes()),
        host: call.caller.address.to_string(),
        watched: call.caller.outbox.is_some(),
    };
    match call.submit(Command::Refresh(refresh)).await? {
        Outcome::Refreshed(session) => opened(call, session, &tokens),
        Outcome::Successor(session, sealed) => {
            let id =
                call.read(|realm| realm.session(session).map(|it| it.id)).ok_or_else(expired)?;
            let text = seal::open(presented, user.as_str(), &sealed).ok_or_else(expired)?;
            let tokens = Tokens::read(&text, id).ok_or_else(expired)?;
            opened(call, session, &tokens)
        }
        Outcome::Refused(refused) => Err(refusal::nack(&call.node, call.now, refused)),
        _ => Err(expired()),
    }
}
