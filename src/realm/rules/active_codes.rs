//! Active codes, which replace mailed links as second factor (Genesis authentication, "notify").
//!
//! A login by a mailed link issues an active code, which is valid for a long time and stored as a
//! hash. Active codes are listed (MFA_ACTIVE_CODES) and can be revoked.

use protocol::UserName;

use super::change_set::ChangeSet;
use crate::realm::command::SecondFactorInput;
use crate::realm::key::Key;
use crate::realm::model::{ActiveCode, Actor, Millis, TokenHash, User, UserNo};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// Maximum number of active codes of one user; a further code replaces the oldest.
const CODES_MAX: usize = 20;

impl Realm {
    /// Returns the active code with this number.
    pub fn active_code_at(&self, no: u64) -> Option<&ActiveCode> {
        self.active_codes.get(&no)
    }

    /// Returns the numbers of all active codes above `after`, in ascending order.
    pub fn active_codes_after(&self, after: Option<u64>) -> impl Iterator<Item = u64> + '_ {
        let from = after.map_or(0, |after| after.saturating_add(1));
        self.active_codes.range(from..).map(|(no, _)| *no)
    }

    /// Returns the numbers of a user's active codes, oldest first.
    pub fn active_codes_of(&self, user: UserNo) -> impl Iterator<Item = u64> + '_ {
        self.active_by_user.range((user, 0)..=(user, u64::MAX)).map(|(_, no)| *no)
    }

    pub(super) fn active_code(
        &self,
        at: Millis,
        user: UserNo,
        hash: &TokenHash,
    ) -> Option<&ActiveCode> {
        let mut own = self.active_codes_of(user).filter_map(|no| self.active_codes.get(&no));
        let epoch = self.user(user)?.proof_epoch;
        own.find(|it| it.hash == *hash && at < it.until && it.epoch == epoch)
    }

    /// Issues an active code after a login by mailed link; `factor` contains the hash of the code.
    /// Returns whether a code was issued.
    pub(super) fn issue_active_code(
        &self,
        at: Millis,
        user: &User,
        factor: &SecondFactorInput,
        change_set: &mut ChangeSet,
    ) -> bool {
        let (epoch, user) = (user.proof_epoch, user.no);
        let (Some(hash), Some(link)) = (factor.active_code, &self.policy.mfa.link) else {
            return false;
        };
        let counters = change_set.counters(self);
        counters.active_codes += 1;
        let no = counters.active_codes;
        let surplus = (self.active_codes_of(user).count() + 1).saturating_sub(CODES_MAX);
        let oldest = self.active_codes_of(user).take(surplus);
        change_set.changes.extend(oldest.map(|no| Change::Delete(Key::ActiveCode(no))));
        let until = at.saturating_add(link.active_ms);
        change_set.put(Row::ActiveCode(ActiveCode { no, user, hash, issued: at, until, epoch }));
        true
    }

    /// Revokes an active code.
    pub(in crate::realm) fn revoke_code(&self, at: Millis, actor: &Actor, no: u64) -> Applied {
        let plan = || {
            let none = || Refusal::NotFound("MFA_ACTIVE_CODES", no.to_string());
            let Some(code) = self.active_codes.get(&no) else {
                return self.permit(at, actor, "MFA_DISABLE").and(Err(none()));
            };
            self.permit_or_self(at, actor, "MFA_DISABLE", code.user)?;
            self.may_reach(actor, code.user)?;
            Ok(Applied::done(Outcome::Done, vec![Change::Delete(Key::ActiveCode(no))]))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Revokes all active codes of a user.
    pub(in crate::realm) fn revoke_codes_of(
        &self,
        at: Millis,
        actor: &Actor,
        name: &UserName,
    ) -> Applied {
        let plan = || {
            let user = self.find_target(at, actor, "MFA_DISABLE", name)?;
            let codes = self.active_codes_of(user.no).map(Key::ActiveCode);
            Ok(Applied::done(Outcome::Done, codes.map(Change::Delete).collect()))
        };
        plan().unwrap_or_else(Applied::refused)
    }

    /// Returns the changes that delete expired active codes.
    pub(super) fn expired_active_codes(&self, at: Millis) -> impl Iterator<Item = Change> + '_ {
        let expired = self.active_codes.values().filter(move |it| it.until <= at);
        expired.map(|it| Change::Delete(Key::ActiveCode(it.no)))
    }
}
