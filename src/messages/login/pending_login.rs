//! Completion of a pending login by its second factor.

use super::ack::LoginAck;
use super::presented_token::PresentedToken;
use super::reply::reply;
use super::second_factor::{FactorTokens, check_code};
use super::snapshot::LoginSnapshot;
use super::token_pair::TokenPair;
use crate::messages::context::MessageContext;
use crate::messages::stale_retry::{AttemptError, submit_checked};
use crate::realm::{Command, FinishLogin};

/// Completes the pending login to which the presented token belongs.
pub async fn finish(
    context: &MessageContext,
    presented: &PresentedToken<'_>,
    snapshot: LoginSnapshot,
) -> Result<LoginAck, AttemptError> {
    context.set_audited_user(&snapshot.name);
    let (tokens, factor_tokens) = (TokenPair::generate(), FactorTokens::generate());
    let factor = check_code(context, snapshot.second_factor.as_ref(), presented.code);
    let finish = FinishLogin {
        token: presented.hash,
        user_name: presented.user_name.cloned(),
        token_hashes: tokens.hashes(),
        host: context.client.address.to_string(),
        client: snapshot.client,
        monitored: context.client.outbox.is_some(),
        second_factor: factor_tokens.hashed(factor, context.client.session_kind()),
    };
    let outcome = submit_checked(context, Command::FinishLogin(finish)).await?;
    Ok(reply(context, outcome, &tokens, factor_tokens.with_pending_login(presented.token))?)
}
