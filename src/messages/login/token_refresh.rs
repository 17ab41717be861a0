//! Renewal and resumption of a session by its refresh token.

use protocol::UserName;

use super::ack::LoginAck;
use super::presented_token::PresentedToken;
use super::reply::{reply, session_ack};
use super::second_factor::{FactorTokens, check_code};
use super::session_view::SessionView;
use super::snapshot::LoginSnapshot;
use super::token_pair::TokenPair;
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::stale_retry::{AttemptError, submit_checked};
use crate::realm::{Command, Outcome, Refresh, Refusal, SessionNo};

/// Renews or resumes the session to which the presented refresh token belongs.
pub async fn refresh(
    context: &MessageContext,
    presented: &PresentedToken<'_>,
    snapshot: LoginSnapshot,
) -> Result<LoginAck, AttemptError> {
    context.set_audited_user(&snapshot.name);
    let (mut tokens, factor_tokens) = (TokenPair::generate(), FactorTokens::generate());
    if !context.gateway.settings().security.refresh_rotation {
        tokens.refresh = presented.token.clone();
    }
    let factor = check_code(context, snapshot.second_factor.as_ref(), presented.code);
    let refresh = Refresh {
        presented: presented.hash,
        user_name: presented.user_name.cloned(),
        token_hashes: tokens.hashes(),
        encrypted: tokens.encrypt_for(presented.token, &snapshot.name),
        host: context.client.address.to_string(),
        client: snapshot.client,
        monitored: context.client.outbox.is_some(),
        second_factor: factor_tokens.hashed(factor, context.client.session_kind()),
    };
    match submit_checked(context, Command::Refresh(refresh)).await? {
        Outcome::RotatedEarlier(session, encrypted) => {
            let repeated = repeat_ack(context, presented, &snapshot.name, session, &encrypted);
            let expired = || errors::nack(&context.gateway, context.now, Refusal::RefreshExpired);
            Ok(repeated.ok_or_else(expired)?)
        }
        outcome => Ok(reply(context, outcome, &tokens, factor_tokens)?),
    }
}

/// Repeats the ack of the refresh that rotated the presented token, which is in its grace period.
/// `None` if the session has ended or is dormant, or if `encrypted` was not encrypted under the
/// presented token.
fn repeat_ack(
    context: &MessageContext,
    presented: &PresentedToken<'_>,
    user: &UserName,
    session: SessionNo,
    encrypted: &[u8],
) -> Option<LoginAck> {
    let view = SessionView::read(context, session)?;
    let tokens = TokenPair::decrypt(encrypted, presented.token, user, view.session_id)?;
    Some(session_ack(context, view, &tokens))
}
