//! Pending logins: the first factor was proved, the second factor is missing.
//!
//! The token of a pending login can only complete that login, or enrol a second factor if the user
//! must have one.

use super::change_set::ChangeSet;
use super::login::{GateRequest, NewSession};
use super::second_factor::FactorProof;
use crate::realm::command::FinishLogin;
use crate::realm::key::Key;
use crate::realm::model::{
    AccountChecks, Fingerprint, MailKind, MfaReason, Millis, PendingLogin, RequiredFactor,
    SessionKind, TokenHash, User, UserNo,
};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

/// Maximum number of pending logins of one user; a further login replaces the one that expires
/// first.
const PENDING_LOGINS_MAX: usize = 5;
/// Minimum lifetime of a pending login, enough to type a code. Enrolment and links need more.
const TYPING_MS: Millis = 300_000;
/// Minimum time between two mailed links of one user.
const LINK_DISTANCE_MS: Millis = 30_000;
/// Maximum number of codes of one pending login; the login has several if the mail was sent more
/// than once. The newest codes are kept.
const CODES_MAX: usize = 8;

impl Realm {
    /// Returns the pending login of a token; `None` if the token is unknown or the login has
    /// expired.
    pub fn pending_login(&self, at: Millis, token: &TokenHash) -> Option<&PendingLogin> {
        self.pending_logins.get(token).filter(|pending| at < pending.until)
    }

    /// Returns the user of a pending login, even if the login has expired.
    pub fn user_by_pending_login(&self, token: &TokenHash) -> Option<&User> {
        self.user(self.pending_logins.get(token)?.user)
    }

    /// Checks the code of a mailed link, or an active code, of this user. `finishes` is the pending
    /// login to finish: links that were mailed for other pending logins are then refused. Returns
    /// `None` if the code is wrong or expired.
    pub(super) fn verify_link_code(
        &self,
        at: Millis,
        user: UserNo,
        code: &TokenHash,
        finishes: Option<TokenHash>,
    ) -> Option<FactorProof> {
        let epoch = self.user(user)?.proof_epoch;
        let fits = |hash: &TokenHash, pending: &PendingLogin| {
            at < pending.codes_until.min(pending.until)
                && pending.epoch == epoch
                && pending.codes.contains(code)
                && finishes.is_none_or(|it| it == *hash)
        };
        let mut pending_logins = self.pending_logins.for_user(user);
        let own = pending_logins.find(|(hash, pending)| fits(hash, pending));
        let active = || self.active_code(at, user, code).map(|_| FactorProof::Verified(Vec::new()));
        own.map(|(hash, _)| FactorProof::Link(hash)).or_else(active)
    }

    /// Refuses a missing or wrong second factor. Counts a wrong code. Updates the pending login, or
    /// creates one if the request contains a token for it. If the required factor is a link, queues
    /// the mail with the link. Too many wrong codes delete the pending login.
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
            change_set.changes.extend(self.count_wrong_code(at, user, request.client));
        }
        let (hash, mut pending) = match (request.pending, request.factor.pending_login) {
            (Some((hash, pending)), _) => (hash, pending.clone()),
            (None, Some(new)) => {
                let own = self.new_pending_login(at, user, required);
                (new, self.bound_to(request, PendingLogin { checks, ..own }))
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
            epoch: user.proof_epoch,
            network: Box::default(),
            monitored: false,
        }
    }

    /// Returns the pending login bound to the network and the kind of connection of the request.
    fn bound_to(&self, request: &GateRequest<'_>, pending: PendingLogin) -> PendingLogin {
        if self.is_first_edition() {
            return pending;
        }
        let (network, monitored) = (request.client.network.clone(), request.monitored);
        PendingLogin { network, monitored, ..pending }
    }

    /// Queues the mail with a link for this pending login. If such a mail of the user waits for its
    /// first send attempt, that mail gets the link of this login, and no second mail is queued.
    fn queue_link(&self, at: Millis, user: &User, pending: TokenHash, change_set: &mut ChangeSet) {
        let last =
            self.pending_logins.for_user(user.no).map(|(_, it)| it.mailed).max().unwrap_or(0);
        let due = match last {
            0 => at,
            last => at.max(last.saturating_add(LINK_DISTANCE_MS)),
        };
        self.queue_mail(at, due, user, MailKind::Link(pending), change_set);
    }

    /// Stores the hash of the code in a link that is about to be mailed. Refused if the login has
    /// expired or mailed links are disabled.
    pub(super) fn issue_link_code(
        &self,
        at: Millis,
        hash: TokenHash,
        code: TokenHash,
    ) -> Result<Vec<Change>, Refusal> {
        let pending = self.pending_login(at, &hash).ok_or(Refusal::InvalidOneTimeToken)?;
        let link = self.policy.mfa.link.as_ref().ok_or(Refusal::InvalidOneTimeToken)?;
        let codes_until = at.saturating_add(link.temporary_ms);
        let surplus = pending.codes.len().saturating_sub(CODES_MAX - 1);
        let codes = pending.codes.iter().skip(surplus).copied().chain([code]).collect();
        let until = pending.until.max(codes_until);
        let pending = PendingLogin { codes, codes_until, until, mailed: at, ..pending.clone() };
        Ok(vec![Change::Put(Row::PendingLogin(hash, pending))])
    }

    /// Completes a pending login by its second factor.
    pub(in crate::realm) fn finish_login(&self, at: Millis, finish: &FinishLogin) -> Applied {
        let found = self.pending_login(at, &finish.token).and_then(|pending| {
            let user = self.user(pending.user)?;
            let named = finish.user_name.as_ref().is_none_or(|name| user.name == *name);
            named.then_some((pending, user))
        });
        let Some((pending, user)) = found else { return Applied::refused(Refusal::RefreshExpired) };
        let same = user.credential.as_deref().map(Fingerprint::new) == pending.checked;
        // Rows of the first edition have no network.
        let here = (&*pending.network, pending.monitored);
        let is_here = here.0.is_empty() || here == (&*finish.client.network, finish.monitored);
        if !same || !is_here {
            return Applied::refused(Refusal::RefreshExpired);
        }
        if pending.epoch != user.proof_epoch {
            // The usual refusal of the status says more than that the login is void.
            let refused = self.check_status(at, user).err();
            return Applied::refused(refused.unwrap_or(Refusal::RefreshExpired));
        }
        let request = GateRequest {
            user,
            client: &finish.client,
            factor: &finish.second_factor,
            pending: Some((finish.token, pending)),
            checks: pending.checks,
            monitored: finish.monitored,
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

    /// Returns the changes that delete expired pending logins.
    pub(super) fn expired_pending_logins(&self, at: Millis) -> impl Iterator<Item = Change> + '_ {
        self.pending_logins.expired(at).map(|hash| Change::Delete(Key::PendingLogin(hash)))
    }
}
