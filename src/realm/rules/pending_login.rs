//! Half logins: the first factor was right, the second is still to come. Their token finishes that
//! login, and can do nothing else but enrol whoever must (PROTOCOL §5, "Second factor").

use super::change_set::ChangeSet;
use super::login::NewSession;
use super::second_factor::Proof;
use crate::realm::command::{FinishLogin, SecondFactorInput};
use crate::realm::model::{
    Fingerprint, LoginClient, MailKind, MfaReason, Millis, PendingLogin, RequiredFactor, TokenHash,
    User, UserNo,
};
use crate::realm::outcome::{Applied, Outcome, Refusal};
use crate::realm::row::{Change, Key, Row};
use crate::realm::state::Realm;
/// Half logins of one user; the one that would end first goes.
const HALVES_MAX: usize = 5;
/// What a person needs to type a code, beyond what the options give.
const TYPING_MS: Millis = 300_000;
/// Links of one user leave at this distance at least.
const LINK_DISTANCE_MS: Millis = 30_000;
/// Codes of one link that was mailed more than once.
const CODES_MAX: usize = 8;

impl Realm {
    /// The half login of a token, if it is not over.
    pub fn half(&self, at: Millis, token: &TokenHash) -> Option<&PendingLogin> {
        self.halves.get(token).filter(|half| at < half.until)
    }

    /// Whose half login a token was, over or not.
    pub fn user_by_half(&self, token: &TokenHash) -> Option<&User> {
        self.user(self.halves.get(token)?.user)
    }

    /// Whether a code is that of a link which was mailed to this user, for this login if one is to
    /// be finished; or an active code.
    pub(super) fn prove_link(
        &self,
        at: Millis,
        user: UserNo,
        code: &TokenHash,
        finishes: Option<TokenHash>,
    ) -> Option<Proof> {
        let fits = |hash: &TokenHash, half: &PendingLogin| {
            at < half.codes_until.min(half.until)
                && half.codes.contains(code)
                && finishes.is_none_or(|it| it == *hash)
        };
        let mut halves = self.halves.of(user);
        let own = halves.find(|(hash, half)| fits(hash, half));
        let active = || self.active_code(at, user, code).map(|_| Proof::Proved(Vec::new()));
        own.map(|(hash, _)| Proof::Link(hash)).or_else(active)
    }

    /// What a refused second factor leaves behind: a half login, one wrong code more, a link.
    pub(super) fn refused_second(
        &self,
        at: Millis,
        user: &User,
        second: &SecondFactorInput,
        half: Option<(TokenHash, PendingLogin)>,
        bypass: bool,
        refusal: Refusal,
    ) -> Applied {
        let Refusal::SecondFactor(reason, demand) = refusal else {
            return Applied::refused(refusal);
        };
        let wrong = u32::from(reason == MfaReason::Invalid);
        let mut steps = ChangeSet::default();
        if wrong > 0 {
            steps.changes.push(self.count_wrong_code(at, user.no));
        }
        let (hash, mut half) = match (half, second.half) {
            (Some(half), _) => half,
            (None, Some(new)) => (new, PendingLogin { bypass, ..self.new_half(at, user, demand) }),
            (None, None) => return steps.applied(Outcome::Refused(refusal)),
        };
        half.wrong += wrong;
        if half.wrong >= self.policy.mfa.codes_max {
            steps.changes.push(Change::Delete(Key::Half(hash)));
            return steps.applied(Outcome::Refused(Refusal::SecondFactor(reason, demand)));
        }
        if !self.halves.of(user.no).any(|(it, _)| it == hash) {
            let over = (self.halves.of(user.no).count() + 1).saturating_sub(HALVES_MAX);
            let oldest = self.halves.of(user.no).take(over);
            steps.changes.extend(oldest.map(|(hash, _)| Change::Delete(Key::Half(hash))));
        }
        steps.put(Row::Half(hash, half));
        if demand == RequiredFactor::Link {
            self.queue_link(at, user, hash, &mut steps);
        }
        steps.applied(Outcome::SecondFactorRequired(reason, demand))
    }

    fn new_half(&self, at: Millis, user: &User, demand: RequiredFactor) -> PendingLogin {
        let more = match (demand, &self.policy.mfa.link) {
            (RequiredFactor::Enrol, _) => self.policy.mfa.confirm_ms,
            (RequiredFactor::Link, Some(link)) => link.temporary_ms.saturating_sub(TYPING_MS),
            _ => 0,
        };
        PendingLogin {
            user: user.no,
            until: at.saturating_add(TYPING_MS).saturating_add(more),
            checked: user.credential.as_deref().map(Fingerprint::of),
            bypass: false,
            wrong: 0,
            proved: false,
            codes: Vec::new(),
            codes_until: 0,
            mailed: 0,
        }
    }

    /// A link for this half login. One that waits already is for the newest from now on.
    fn queue_link(&self, at: Millis, user: &User, half: TokenHash, steps: &mut ChangeSet) {
        let last = self.halves.of(user.no).map(|(_, it)| it.mailed).max().unwrap_or(0);
        let due = match last {
            0 => at,
            last => at.max(last.saturating_add(LINK_DISTANCE_MS)),
        };
        self.queue_mail(at, due, user.no, MailKind::Link(half), steps);
    }

    /// A link is about to be mailed: this is its code.
    pub(super) fn draw_link(
        &self,
        at: Millis,
        hash: TokenHash,
        code: TokenHash,
    ) -> Result<Vec<Change>, Refusal> {
        let half = self.half(at, &hash).ok_or(Refusal::InvalidOneTimeToken)?;
        let link = self.policy.mfa.link.as_ref().ok_or(Refusal::InvalidOneTimeToken)?;
        let codes_until = at.saturating_add(link.temporary_ms);
        let known = half.codes.len().saturating_sub(CODES_MAX - 1);
        let codes = half.codes.iter().skip(known).copied().chain([code]).collect();
        let until = half.until.max(codes_until);
        let half = PendingLogin { codes, codes_until, until, mailed: at, ..half.clone() };
        Ok(vec![Change::Put(Row::Half(hash, half))])
    }

    /// The second factor of a login whose first one was right.
    pub(in crate::realm) fn finish_login(&self, at: Millis, finish: &FinishLogin) -> Applied {
        let found = self.half(at, &finish.token).and_then(|half| {
            let user = self.user(half.user)?;
            let named = finish.user_name.as_ref().is_none_or(|name| user.name == *name);
            named.then_some((half, user))
        });
        let Some((half, user)) = found else { return Applied::refused(Refusal::RefreshExpired) };
        let same = user.credential.as_deref().map(Fingerprint::of) == half.checked;
        if !same {
            return Applied::refused(Refusal::RefreshExpired);
        }
        let (peer, second) = (&finish.peer, &finish.second);
        let of = (finish.token, half);
        self.open_login(at, user, peer, second, Some(of), half.bypass, |steps| {
            steps.changes.push(Change::Delete(Key::Half(finish.token)));
            steps.changes.extend(self.forgive(&user.name, peer));
            NewSession {
                pair: &finish.pair,
                host: &finish.host,
                watched: finish.watched,
                connector: false,
                renewed: None,
            }
        })
    }

    /// Half logins that are over and can be forgotten.
    pub(super) fn halves_over(&self, at: Millis) -> impl Iterator<Item = Change> + '_ {
        self.halves.expired(at).map(|hash| Change::Delete(Key::Half(hash)))
    }

    /// The last steps of every login: gate, second factor, room, session.
    #[expect(clippy::too_many_arguments, reason = "all that a login is decided by")]
    pub(super) fn open_login<'a>(
        &self,
        at: Millis,
        user: &User,
        peer: &LoginClient,
        second: &SecondFactorInput,
        half: Option<(TokenHash, &PendingLogin)>,
        bypass: bool,
        opening: impl FnOnce(&mut ChangeSet) -> NewSession<'a>,
    ) -> Applied {
        let mut steps = ChangeSet::default();
        let proof = match self.gate(at, user, peer, second, half, bypass) {
            Ok(proof) => proof,
            Err(refusal @ Refusal::SecondFactor(..)) => {
                let half = half.map(|(hash, half)| (hash, half.clone()));
                return self.refused_second(at, user, second, half, bypass, refusal);
            }
            Err(Refusal::StaleCredential) => return Applied::refused(Refusal::StaleCredential),
            Err(refusal) => return self.rejected(at, user, refusal),
        };
        if let Err(refusal) = self.enforce_session_limit(at, user, None, &mut steps) {
            return self.rejected(at, user, refusal);
        }
        let proved = proof != Proof::NotAsked;
        let remembered = self.consume_factor(at, user.no, proof, second, &mut steps);
        let opening = opening(&mut steps);
        let session = self.open(at, user, opening, proved, &mut steps);
        steps.applied(match remembered {
            true => Outcome::LoggedInWithActiveCode(session),
            false => Outcome::LoggedIn(session),
        })
    }

    fn rejected(&self, at: Millis, user: &User, refusal: Refusal) -> Applied {
        Applied::done(Outcome::Refused(refusal), self.count_rejected(at, &user.name))
    }

    /// What was proved is used up; whether an active code is good from now on.
    pub(super) fn consume_factor(
        &self,
        at: Millis,
        user: UserNo,
        proof: Proof,
        second: &SecondFactorInput,
        steps: &mut ChangeSet,
    ) -> bool {
        match proof {
            Proof::NotAsked => false,
            Proof::Proved(changes) => {
                steps.changes.extend(changes);
                false
            }
            Proof::Link(half) => {
                steps.changes.push(Change::Delete(Key::Half(half)));
                self.issue_active_code(at, user, second, steps)
            }
        }
    }
}
