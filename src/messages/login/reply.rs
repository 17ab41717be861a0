//! The reply to a login or refresh, made from the outcome of its command.

use protocol::Nack;

use super::ack::LoginAck;
use super::second_factor::FactorTokens;
use super::session_view::SessionView;
use super::token_pair::TokenPair;
use crate::messages::context::{IssuedTokens, MessageContext};
use crate::messages::errors;
use crate::realm::{Outcome, Refusal, SessionNo};

/// Makes the reply for an outcome. If the login or refresh was accepted, the ack contains `tokens`.
pub fn reply(
    context: &MessageContext,
    outcome: Outcome,
    tokens: &TokenPair,
    factor_tokens: FactorTokens,
) -> Result<LoginAck, Nack> {
    match outcome {
        Outcome::LoggedIn(session) | Outcome::Refreshed(session) => {
            Ok(session_ack(context, view_of(context, session)?, tokens))
        }
        Outcome::LoggedInWithActiveCode(session) => {
            let view = view_of(context, session)?;
            let valid_ms = view.active_code_ms;
            let ack = session_ack(context, view, tokens);
            Ok(ack.with_active_code(&factor_tokens.into_active_code(), valid_ms))
        }
        Outcome::SecondFactorRequired(reason, required) => {
            // The command may have queued a mail with a login link.
            context.gateway.mail_wakeup.notify_one();
            Err(factor_tokens.pending_nack(reason, required))
        }
        Outcome::Refused(refusal) => Err(context.nack(refusal)),
        _ => Err(errors::internal_error(context.event)),
    }
}

/// Binds the connection to the opened or refreshed session, and makes the ack with the tokens of
/// the session.
pub fn session_ack(context: &MessageContext, view: SessionView, tokens: &TokenPair) -> LoginAck {
    context.bind(view.live_session.clone());
    context.set_issued_tokens(IssuedTokens {
        session_auth_token: tokens.session.clone(),
        refresh_auth_token: tokens.refresh.clone(),
        session_id: tokens.id.0.to_string(),
    });
    LoginAck::new(context, view).with_tokens(&tokens.session, &tokens.refresh)
}

fn view_of(context: &MessageContext, session: SessionNo) -> Result<SessionView, Nack> {
    let ended = || context.nack(Refusal::NoSession);
    SessionView::read(context, session).ok_or_else(ended)
}
