//! Self-service reset: a mailed token that lets its user choose a new password (S2,
//! "selfServiceReset").

use protocol::UserName;

use super::change_set::ChangeSet;
use crate::realm::command::{RequestReset, ResetByToken};
use crate::realm::model::{MailKind, Millis, SelfReset, TokenHash, User, UserNo, UserStatus};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Key, Row};
use crate::realm::state::Realm;

/// Tokens of one mail that was sent more than once.
const TOKENS_MAX: usize = 8;

impl Realm {
    /// Queues the mail of a reset, if this user may have one now.
    pub(in crate::realm) fn ask_reset(&self, at: Millis, ask: &RequestReset) -> Applied {
        let plan = || {
            let policy = self.policy.self_reset.as_ref().ok_or(Refusal::InvalidOneTimeToken)?;
            let user = self.user_by_name(&ask.user_name).ok_or(Refusal::UnknownAccount)?;
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
            let again = own.asked.saturating_add(policy.cool_ms);
            if own.asked > 0 && at < again {
                return Err(Refusal::ResetCooldown(again));
            }
            let mut steps = ChangeSet::default();
            if !self.queue_mail(at, at, user.no, MailKind::Reset(ask.url.clone()), &mut steps) {
                return Err(Refusal::OutboxFull);
            }
            steps.put(Row::SelfReset(user.no, SelfReset { asked: at, ..own }));
            Ok(steps.applied(Outcome::Done))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// The token of a reset is about to be mailed; those of an earlier mail end.
    pub(super) fn draw_reset(
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
        let known = earlier.len().saturating_sub(TOKENS_MAX - 1);
        let tokens = earlier.iter().skip(known).copied().chain([token]).collect();
        let until = at.saturating_add(policy.timeout_ms);
        let own = SelfReset { tokens, until, mail, ..own };
        Ok(vec![Change::Put(Row::SelfReset(user.no, own))])
    }

    /// The user whose password a token may set now.
    pub fn user_by_reset(&self, at: Millis, name: &UserName, token: &TokenHash) -> Option<&User> {
        let user = self.user_by_name(name)?;
        let own = self.self_resets.get(&user.no)?;
        (at < own.until && own.tokens.contains(token) && !user.directory).then_some(user)
    }

    /// A new password by a token: of all who present it at once, one sets it.
    pub(in crate::realm) fn reset_by_token(&self, at: Millis, reset: &ResetByToken) -> Applied {
        let Some(user) = self.user_by_reset(at, &reset.user_name, &reset.token) else {
            return Applied::refused(Refusal::InvalidOneTimeToken);
        };
        if user.status == UserStatus::Disabled {
            return Applied::refused(Refusal::Locked { until: None });
        }
        let mut used = self.self_resets.get(&user.no).cloned().unwrap_or_default();
        used.tokens.clear();
        // Whoever reads the user's mail is not kept out by wrong passwords of others.
        let known = self.attempts.contains_key(&user.name);
        let forgiven = known.then(|| Change::Delete(Key::Attempts(user.name.clone())));
        let used = Change::Put(Row::SelfReset(user.no, used));
        let also = forgiven.into_iter().chain([used]);
        self.renew(at, user, reset.credential.clone(), None, !reset.keep_sessions, also)
    }

    /// Resets that nobody can use any more, and that keep nobody waiting.
    pub(super) fn resets_over(&self, at: Millis) -> impl Iterator<Item = Change> + '_ {
        let cool_ms = self.policy.self_reset.as_ref().map_or(0, |it| it.cool_ms);
        let over = move |it: &SelfReset| {
            it.until <= at && it.asked.saturating_add(cool_ms.max(3_600_000)) <= at
        };
        let over = self.self_resets.iter().filter(move |(_, it)| over(it));
        over.map(|(user, _): (&UserNo, _)| Change::Delete(Key::SelfReset(*user)))
    }
}
