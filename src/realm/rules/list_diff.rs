//! Differences between the lists of a request and the lists of a record.
//!
//! A request contains the complete new list. Its elements name records by id, by name or by both.

use std::collections::BTreeSet;

use protocol::{ProfileName, RightCode, UserName};

use crate::realm::command::RecordRef;
use crate::realm::model::{ProfileNo, RightNo, UserNo};
use crate::realm::outcome::Refusal;
use crate::realm::state::Realm;

/// The elements that are added to and removed from one list of a record.
pub(super) struct ListDiff<N> {
    pub(super) added: Vec<N>,
    pub(super) removed: Vec<N>,
}

impl<N: Copy + Ord> ListDiff<N> {
    /// Compares the current list `now` with its new state `target`. Without `target`, the list does
    /// not change, and `now` is not read, because a list may have a million members.
    pub(super) fn between(now: impl Iterator<Item = N>, target: Option<BTreeSet<N>>) -> Self {
        let Some(target) = target else { return Self { added: Vec::new(), removed: Vec::new() } };
        let now: BTreeSet<N> = now.collect();
        Self {
            added: target.difference(&now).copied().collect(),
            removed: now.difference(&target).copied().collect(),
        }
    }

    /// Whether nothing is added or removed.
    pub(super) fn is_same(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl Realm {
    pub(super) fn find_rights(
        &self,
        list: &[RecordRef<RightCode>],
    ) -> Result<BTreeSet<RightNo>, Refusal> {
        let find = |record_ref: &RecordRef<RightCode>| {
            let by_id = record_ref.id.as_deref().map(|id| {
                let (no, location) = RightNo::parse(id).ok_or(Refusal::InvalidId("RIGHT.ID"))?;
                let found = self.rights.get(&no).filter(|right| right.location == location);
                found.map(|right| right.no).ok_or_else(|| Refusal::NotFound("RIGHT", id.to_owned()))
            });
            let by_code = record_ref.name.as_ref().map(|code| {
                let found = self.right_by_code(code.as_str()).map(|right| right.no);
                found.ok_or_else(|| Refusal::NotFound("RIGHT", code.to_string()))
            });
            agree(by_id, by_code, "RIGHT")
        };
        list.iter().map(find).collect()
    }

    pub(super) fn find_users(
        &self,
        list: &[RecordRef<UserName>],
    ) -> Result<BTreeSet<UserNo>, Refusal> {
        let find = |record_ref: &RecordRef<UserName>| {
            let by_id = record_ref.id.as_deref().map(|id| {
                let (no, location) = UserNo::parse(id).ok_or(Refusal::InvalidId("USER.ID"))?;
                let found = self.user(no).filter(|user| user.location == location);
                found.map(|user| user.no).ok_or_else(|| Refusal::NotFound("USER", id.to_owned()))
            });
            let by_name = record_ref.name.as_ref().map(|name| {
                let found = self.user_by_name(name).map(|user| user.no);
                found.ok_or_else(|| Refusal::NotFound("USER", name.to_string()))
            });
            agree(by_id, by_name, "USER")
        };
        list.iter().map(find).collect()
    }

    pub(super) fn find_profiles(
        &self,
        list: &[RecordRef<ProfileName>],
    ) -> Result<BTreeSet<ProfileNo>, Refusal> {
        let find = |record_ref: &RecordRef<ProfileName>| {
            let by_id = record_ref.id.as_deref().map(|id| {
                let parsed = ProfileNo::parse(id);
                let (no, location) = parsed.ok_or(Refusal::InvalidId("USER_PROFILES.ID"))?;
                let found = self.profiles.get(&no).filter(|it| it.location == location);
                found.map(|it| it.no).ok_or_else(|| Refusal::NotFound("PROFILE", id.to_owned()))
            });
            let by_name = record_ref.name.as_ref().map(|name| {
                let found = self.profile_by_name(name).map(|profile| profile.no);
                found.ok_or_else(|| Refusal::NotFound("PROFILE", name.to_string()))
            });
            agree(by_id, by_name, "USER_PROFILES")
        };
        list.iter().map(find).collect()
    }

    pub(super) fn names_of_profiles(&self, profiles: &[ProfileNo]) -> Vec<String> {
        profiles.iter().filter_map(|no| Some(self.profiles.get(no)?.name.to_string())).collect()
    }

    pub(super) fn codes(&self, rights: &[RightNo]) -> Vec<String> {
        rights.iter().filter_map(|no| Some(self.rights.get(no)?.code.to_string())).collect()
    }

    pub(super) fn names(&self, users: &[UserNo]) -> Vec<String> {
        users.iter().filter_map(|no| Some(self.user(*no)?.name.to_string())).collect()
    }
}

/// Resolves an element that names a record by id, by name or by both. The name is checked first,
/// so that the refusal of an element with an unknown name contains that name.
fn agree<N: PartialEq>(
    by_id: Option<Result<N, Refusal>>,
    by_name: Option<Result<N, Refusal>>,
    list: &'static str,
) -> Result<N, Refusal> {
    match (by_name.transpose()?, by_id.transpose()?) {
        (Some(a), Some(b)) if a != b => Err(Refusal::IdNameMismatch(list)),
        (Some(no), _) | (None, Some(no)) => Ok(no),
        (None, None) => Err(Refusal::NotFound(list, String::new())),
    }
}
