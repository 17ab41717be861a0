//! The columns PROOF and FACTOR of audit rows.

use crate::realm::command::{ChangePassword, Command, PresentedFactor, SecondFactorInput};
use crate::realm::model::{
    AuthProof, AuthenticatedBy, MustChange, PendingLogin, Session, UsedFactor, User, Verdict,
};
use crate::realm::outcome::{Outcome, Refusal};
use crate::realm::state::Realm;

/// PROOF and FACTOR of a row.
type Authentication = (Option<AuthProof>, Option<UsedFactor>);

impl Realm {
    /// Returns how the sender of a command was authenticated, given the realm before the command:
    /// both for a command that opened, resumed or refreshed a session; only PROOF for a password
    /// that was set, and for a login whose first factor was right but did not suffice.
    pub(super) fn authentication(&self, command: &Command, outcome: &Outcome) -> Authentication {
        let proof = match command {
            Command::Login(it) => match it.authenticated_by {
                AuthenticatedBy::Directory { .. } => AuthProof::Ldap,
                AuthenticatedBy::Password => self.password_proof(self.user_by_name(&it.user_name)),
            },
            Command::Reauthenticate(it) => {
                let session = self.session(it.session);
                self.password_proof(session.and_then(|session| self.user(session.user)))
            }
            Command::FinishLogin(it) => self.password_proof(self.user_by_pending_login(&it.token)),
            Command::Refresh(_) => AuthProof::Refresh,
            Command::ChangePassword(it) => self.change_proof(it),
            Command::ResetByToken(_) | Command::RecoverAdministrator(_) => AuthProof::Recovery,
            _ => return (None, None),
        };
        let is_proved = match (command, outcome) {
            (Command::Login(it), Outcome::Refused(Refusal::PasswordChangeRequired(_))) => {
                it.verdict == Verdict::Matched
            }
            (_, Outcome::Refused(_)) => false,
            _ => true,
        };
        (is_proved.then_some(proof), self.used_factor(command, outcome))
    }

    /// Returns the proof of a login by a password. A directory checks the passwords of its users.
    fn password_proof(&self, user: Option<&User>) -> AuthProof {
        match user {
            Some(user) if user.directory => AuthProof::Ldap,
            Some(user) if is_one_time(user) => AuthProof::OneTime,
            _ => AuthProof::Password,
        }
    }

    fn change_proof(&self, change: &ChangePassword) -> AuthProof {
        match change.verdict {
            Verdict::Blank => AuthProof::Recovery,
            Verdict::Matched | Verdict::Wrong => {
                self.password_proof(self.user_by_name(&change.user_name))
            }
        }
    }

    /// Returns the second factor that was used in a command; `None` if the command opened, resumed
    /// or refreshed no session.
    fn used_factor(&self, command: &Command, outcome: &Outcome) -> Option<UsedFactor> {
        let is_open = matches!(
            outcome,
            Outcome::LoggedIn(_)
                | Outcome::LoggedInWithActiveCode(_)
                | Outcome::Refreshed(_)
                | Outcome::RotatedEarlier(..)
        );
        if !is_open {
            return None;
        }
        match command {
            Command::Login(it) => {
                let user = self.user_by_name(&it.user_name)?;
                Some(self.presented_factor(user, &it.second_factor, None))
            }
            Command::FinishLogin(it) => {
                let pending = self.pending_logins.get(&it.token)?;
                let user = self.user(pending.user)?;
                Some(self.presented_factor(user, &it.second_factor, Some(pending)))
            }
            Command::Refresh(it) => {
                let session = self.refreshes.get(&it.presented).and_then(|no| self.session(*no));
                let used = |session: &Session| {
                    let user = self.user(session.user)?;
                    Some(self.presented_factor(user, &it.second_factor, None))
                };
                // A factor that was proved before is not checked again.
                let unverified = session.filter(|session| !session.factor_verified);
                Some(unverified.and_then(used).unwrap_or(UsedFactor::None))
            }
            _ => None,
        }
    }

    /// Returns which factor of the user was accepted.
    fn presented_factor(
        &self,
        user: &User,
        factor: &SecondFactorInput,
        pending: Option<&PendingLogin>,
    ) -> UsedFactor {
        if self.required_factor(user).is_none() {
            return UsedFactor::None;
        }
        if pending.is_some_and(|pending| pending.factor_verified) {
            return UsedFactor::Totp;
        }
        match &factor.presented {
            None => UsedFactor::None,
            Some(PresentedFactor::Totp { .. }) => UsedFactor::Totp,
            Some(PresentedFactor::Code(code)) => {
                let own = self.second_factor(user.no);
                if own.is_some_and(|own| own.recovery.contains(code)) {
                    return UsedFactor::RecoveryCode;
                }
                let mut pending_logins = self.pending_logins.for_user(user.no);
                if pending_logins.any(|(_, pending)| pending.codes.contains(code)) {
                    UsedFactor::Link
                } else {
                    UsedFactor::ActiveCode
                }
            }
        }
    }
}

/// Whether the password of the user is a one-time password, which must be changed first.
fn is_one_time(user: &User) -> bool {
    user.must_change() == Some(MustChange::OneTime)
}
