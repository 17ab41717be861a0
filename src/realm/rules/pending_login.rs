//! Half logins: the first factor was right, the second is still to come. Their token finishes that
//! login, and can do nothing else but enrol whoever must.

use super::change_set::ChangeSet;
use super::login::{GateRequest, NewSession};
use super::second_factor::FactorProof;
use crate::realm::command::FinishLogin;
use crate::realm::model::{
    AccountChecks, Fingerprint, MailKind, MfaReason, Millis, PendingLogin, RequiredFactor,
    SessionKind, TokenHash, User, UserNo,
};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Key, Row};
use crate::realm::state::Realm;
/// Pending logins of one user; the one that would end first goes.
const PENDING_LOGINS_MAX: usize = 5;
/// What a person needs to type a code, beyond what the options give.
const TYPING_MS: Millis = 300_000;
/// Links of one user are mailed at this distance at least.
const LINK_DISTANCE_MS: Millis = 30_000;
/// Codes of one link that was mailed more than once.
const CODES_MAX: usize = 8;

impl Realm {
    /// The pending login of a token, if it is not over.
    pub fn pending_login(&self, at: Millis, token: &TokenHash) -> Option<&PendingLogin> {
        self.pending_logins.get(token).filter(|pending| at < pending.until)
    }

    /// Whose pending login a token was, over or not.
    pub fn user_by_pending_login(&self, token: &TokenHash) -> Option<&User> {
        self.user(self.pending_logins.get(token)?.user)
    }

    /// Whether a code is that of a link which was mailed to this user, for this login if one is to
    /// be finished; or an active code.
    pub(super) fn verify_link_code(
        &self,
        at: Millis,
        user: UserNo,
        code: &TokenHash,
        finishes: Option<TokenHash>,
    ) -> Option<FactorProof> {
        let fits = |hash: &TokenHash, pending: &PendingLogin| {
            at < pending.codes_until.min(pending.until)
                && pending.codes.contains(code)
                && finishes.is_none_or(|it| it == *hash)
        };
        let mut pending_logins = self.pending_logins.for_user(user);
        let own = pending_logins.find(|(hash, pending)| fits(hash, pending));
        let active = || self.active_code(at, user, code).map(|_| FactorProof::Verified(Vec::new()));
        own.map(|(hash, _)| FactorProof::Link(hash)).or_else(active)
    }

    /// What a refused second factor leaves behind: a pending login, one wrong code more, a link.
    pub(super) fn refuse_second_factor(
        &self,
        at: Millis,
        request: &GateRequest<'_>,
        refusal: Refusal,
    ) -> Applied {
        let (user, checks) = (request.user, request.checks);
        let Refusal::SecondFactor(reason, required) = refusal else {
            return Applied::refused(refusal);
        };
        let wrong = u32::from(reason == MfaReason::Invalid);
        let mut change_set = ChangeSet::default();
        if wrong > 0 {
            change_set.changes.push(self.count_wrong_code(at, user.no));
        }
        let (hash, mut pending) = match (request.pending, request.factor.pending_login) {
            (Some((hash, pending)), _) => (hash, pending.clone()),
            (None, Some(new)) => {
                (new, PendingLogin { checks, ..self.new_pending_login(at, user, required) })
            }
            (None, None) => return change_set.applied(Outcome::Refused(refusal)),
        };
        pending.wrong += wrong;
        if pending.wrong >= self.policy.mfa.codes_max {
            change_set.changes.push(Change::Delete(Key::PendingLogin(hash)));
            return change_set.applied(Outcome::Refused(Refusal::SecondFactor(reason, required)));
        }
        if !self.pending_logins.for_user(user.no).any(|(it, _)| it == hash) {
            let surplus = (self.pending_logins.for_user(user.no).count() + 1)
                .saturating_sub(PENDING_LOGINS_MAX);
            let oldest = self.pending_logins.for_user(user.no).take(surplus);
            change_set
                .changes
                .extend(oldest.map(|(hash, _)| Change::Delete(Key::PendingLogin(hash))));
        }
        change_set.put(Row::PendingLogin(hash, pending));
        if required == RequiredFactor::Link {
            self.queue_link(at, user, hash, &mut change_set);
        }
        change_set.applied(Outcome::SecondFactorRequired(reason, required))
    }

    fn new_pending_login(&self, at: Millis, user: &User, required: RequiredFactor) -> PendingLogin {
        let more = match (required, &self.policy.mfa.link) {
            (RequiredFactor::Enrol, _) => self.policy.mfa.confirm_ms,
            (RequiredFactor::Link, Some(link)) => link.temporary_ms.saturating_sub(TYPING_MS),
            _ => 0,
        };
        PendingLogin {
            user: user.no,
            until: at.saturating_add(TYPING_MS).saturating_add(more),
            checked: user.credential.as_deref().map(Fingerprint::new),
            checks: AccountChecks::Enforced,
            wrong: 0,
            factor_verified: false,
            codes: Vec::new(),
            codes_until: 0,
            mailed: 0,
        }
    }

    /// A link for this pending login. One that waits already is for the newest from now on.
    fn queue_link(&self, at: Millis, user: &User, pending: TokenHash, change_set: &mut ChangeSet) {
        let last =
            self.pending_logins.for_user(user.no).map(|(_, it)| it.mailed).max().unwrap_or(0);
        let due = match last {
            0 => at,
            last => at.max(last.saturating_add(LINK_DISTANCE_MS)),
        };
        self.queue_mail(at, due, user.no, MailKind::Link(pending), change_set);
    }

    /// A link is about to be mailed: this is its code.
    pub(super) fn issue_link_code(
        &self,
        at: Millis,
        hash: TokenHash,
        code: TokenHash,
    ) -> Result<Vec<Change>, Refusal> {
        let pending = self.pending_login(at, &hash).ok_or(Refusal::InvalidOneTimeToken)?;
        let link = self.policy.mfa.link.as_ref().ok_or(Refusal::InvalidOneTimeToken)?;
        let codes_until = at.saturating_add(link.temporary_ms);
        let known = pending.codes.len().saturating_sub(CODES_MAX - 1);
        let codes = pending.codes.iter().skip(known).copied().chain([code]).collect();
        let until = pending.until.max(codes_until);
        let pending = PendingLogin { codes, codes_until, until, mailed: at, ..pending.clone() };
        Ok(vec![Change::Put(Row::PendingLogin(hash, pending))])
    }

    /// The second factor of a login whose first one was right.
    pub(in crate::realm) fn finish_login(&self, at: Millis, finish: &FinishLogin) -> Applied {
        let found = self.pending_login(at, &finish.token).and_then(|pending| {
            let user = self.user(pending.user)?;
            let named = finish.user_name.as_ref().is_none_or(|name| user.name == *name);
            named.then_some((pending, user))
        });
        let Some((pending, user)) = found else { return Applied::refused(Refusal::RefreshExpired) };
        let same = user.credential.as_deref().map(Fingerprint::new) == pending.checked;
        if !same {
            return Applied::refused(Refusal::RefreshExpired);
        }
        let request = GateRequest {
            user,
            client: &finish.client,
            factor: &finish.second_factor,
            pending: Some((finish.token, pending)),
            checks: pending.checks,
        };
        let new_session = NewSession {
            token_hashes: &finish.token_hashes,
            host: &finish.host,
            monitored: finish.monitored,
            kind: SessionKind::Interactive,
            rehash: None,
        };
        self.open_login(at, &request, new_session)
    }

    /// Expired pending logins, to be deleted.
    pub(super) fn expired_pending_logins(&self, at: Millis) -> impl Iterator<Item = Change> + '_ {
        self.pending_logins.expired(at).map(|hash| Change::Delete(Key::PendingLogin(hash)))
    }
}
