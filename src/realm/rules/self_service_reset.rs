//! Self-service password reset by a mailed token (Genesis authentication, "selfServiceReset").

use protocol::UserName;

use super::change_set::ChangeSet;
use crate::realm::command::{RequestReset, ResetByToken};
use crate::realm::key::Key;
use crate::realm::model::{MailKind, Millis, SelfReset, TokenHash, User, UserNo, UserStatus};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// Maximum number of tokens of one reset; a reset has several tokens if the mail was sent more than
/// once. The newest tokens are kept.
const TOKENS_MAX: usize = 8;

impl Realm {
    /// Queues the mail with a reset link. Refused if the user may not reset the password now.
    pub(in crate::realm) fn request_reset(&self, at: Millis, request: &RequestReset) -> Applied {
        let plan = || {
            let policy = self.policy.self_reset.as_ref().ok_or(Refusal::InvalidOneTimeToken)?;
            let user = self.user_by_name(&request.user_name).ok_or(Refusal::UnknownAccount)?;
            if user.directory {
                return Err(Refusal::ManagedByDirectory);
            }
            if user.status == UserStatus::Disabled {
                return Err(Refusal::Disabled(user.name.to_string()));
            }
            if user.mail_address().is_none() {
                return Err(Refusal::NotFound("EMAIL_ADDRESS", user.name.to_string()));
            }
            let own = self.self_resets.get(&user.no).cloned().unwrap_or_default();
            let again = own.requested.saturating_add(policy.cool_ms);
            if own.requested > 0 && at < again {
                return Err(Refusal::ResetCooldown(again));
            }
            let mut change_set = ChangeSet::default();
            if !self.queue_mail(at, at, user, MailKind::Reset(request.url.clone()), &mut change_set)
            {
                return Err(Refusal::MailQueueFull);
            }
            change_set.put(Row::SelfReset(user.no, SelfReset { requested: at, ..own }));
            Ok(change_set.applied(Outcome::Done))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Stores the hash of a reset token that is about to be mailed. Tokens of earlier mails become
    /// invalid.
    pub(super) fn issue_reset_token(
        &self,
        at: Millis,
        user: &User,
        mail: u64,
        token: TokenHash,
    ) -> Result<Vec<Change>, Refusal> {
        let policy = self.policy.self_reset.as_ref().ok_or(Refusal::InvalidOneTimeToken)?;
        if user.directory || user.status == UserStatus::Disabled {
            return Err(Refusal::InvalidOneTimeToken);
        }
        let own = self.self_resets.get(&user.no).cloned().unwrap_or_default();
        let earlier = if own.mail == mail { &own.tokens[..] } else { &[] };
        let surplus = earlier.len().saturating_sub(TOKENS_MAX - 1);
        let tokens = earlier.iter().skip(surplus).copied().chain([token]).collect();
        let until = at.saturating_add(policy.timeout_ms);
        let own = SelfReset { tokens, until, mail, epoch: user.proof_epoch, ..own };
        Ok(vec![Change::Put(Row::SelfReset(user.no, own))])
    }

    /// Returns the user whose password the token may set now; `None` if the token is invalid.
    pub fn user_by_reset(&self, at: Millis, name: &UserName, token: &TokenHash) -> Option<&User> {
        let user = self.user_by_name(name)?;
        let own = self.self_resets.get(&user.no)?;
        let is_valid = at < own.until && own.epoch == user.proof_epoch;
        (is_valid && own.tokens.contains(token) && !user.directory).then_some(user)
    }

    /// Sets a new password by a mailed token. If concurrent requests present the same token, only
    /// one request succeeds.
    pub(in crate::realm) fn reset_by_token(&self, at: Millis, reset: &ResetByToken) -> Applied {
        let Some(user) = self.user_by_reset(at, &reset.user_name, &reset.token) else {
            return Applied::refused(Refusal::InvalidOneTimeToken);
        };
        if user.status == UserStatus::Disabled {
            return Applied::refused(Refusal::Locked { until: None });
        }
        let mut used = self.self_resets.get(&user.no).cloned().unwrap_or_default();
        used.tokens.clear();
        // The token proves access to the user's mail. Wrong passwords that other people sent must
        // therefore not lock the user out.
        let has_attempts = self.attempts.contains_key(&user.name);
        let forgiven = has_attempts.then(|| Change::Delete(Key::Attempts(user.name.clone())));
        let used = Change::Put(Row::SelfReset(user.no, used));
        let also = forgiven.into_iter().chain([used]);
        self.replace_password(at, user, reset.credential.clone(), None, !reset.keep_sessions, also)
    }

    /// Returns the changes that delete resets whose tokens have expired and whose cool-down has
    /// ended. A reset is kept for at least an hour after its request.
    pub(super) fn expired_self_resets(&self, at: Millis) -> impl Iterator<Item = Change> + '_ {
        let cool_ms = self.policy.self_reset.as_ref().map_or(0, |it| it.cool_ms);
        let is_expired = move |it: &SelfReset| {
            it.until <= at && it.requested.saturating_add(cool_ms.max(3_600_000)) <= at
        };
        let expired = self.self_resets.iter().filter(move |(_, it)| is_expired(it));
        expired.map(|(user, _): (&UserNo, _)| Change::Delete(Key::SelfReset(*user)))
    }
}
