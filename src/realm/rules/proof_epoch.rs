//! Proof epochs: what was issued in an earlier epoch is void.

use super::change_set::ChangeSet;
use crate::realm::command::EnrolmentActor;
use crate::realm::model::{Actor, EndReason, User};
use crate::realm::row::Row;
use crate::realm::state::Realm;

impl Realm {
    /// Returns the proof epoch of the user after an event that voids all proofs. The first edition
    /// of the rules has no epochs.
    pub(super) fn next_epoch(&self, user: &User) -> u32 {
        if self.is_first_edition() { user.proof_epoch } else { user.proof_epoch + 1 }
    }

    /// Returns a value that rows of the first edition do not have.
    pub(super) fn if_current<T>(&self, value: T) -> Option<T> {
        (!self.is_first_edition()).then_some(value)
    }

    /// Voids the proofs of a user whose mail address changes: they were or will be sent to the old
    /// address.
    pub(super) fn void_proofs_of_address(&self, old: &User, user: &mut User) {
        if old.mail_address() != user.mail_address() {
            user.proof_epoch = self.next_epoch(old);
        }
    }

    /// Voids the proofs of a user whose second factor changes, and ends the user's other sessions.
    /// Returns the user after the change.
    pub(super) fn void_proofs_of_factor(
        &self,
        user: &User,
        actor: &EnrolmentActor,
        change_set: &mut ChangeSet,
    ) -> User {
        let changed = User { proof_epoch: self.next_epoch(user), ..user.clone() };
        if !self.is_first_edition() {
            change_set.put(Row::User(changed.clone()));
            let keep = match actor {
                EnrolmentActor::Actor(Actor::Session(no)) => Some(*no),
                _ => None,
            };
            self.end_all(user.no, EndReason::FactorChanged, keep, change_set);
        }
        changed
    }
}
