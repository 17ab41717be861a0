//! The policy and the names that the realm takes from the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::realm::command::SetPolicy;
use crate::realm::key::Key;
use crate::realm::model::ConfiguredName;
use crate::realm::outcome::{Applied, Outcome};
use crate::realm::row::{Change, Row};
use crate::realm::state::Realm;

impl Realm {
    /// Stores the hash of a fixed text with the pepper.
    pub(in crate::realm) fn set_pepper_check(&self, check: &Arc<str>) -> Applied {
        Applied::done(Outcome::Done, vec![Change::Put(Row::PepperCheck(check.clone()))])
    }

    /// Whether this policy with these names is in force.
    pub fn has_policy(&self, set: &SetPolicy) -> bool {
        self.policy == set.policy && self.configured == names(set)
    }

    /// Puts a policy into force, with the names that it needs.
    pub(in crate::realm) fn set_policy(&self, set: &SetPolicy) -> Applied {
        let names = names(set);
        let gone = self.configured.keys().filter(|name| !names.contains_key(*name));
        let mut changes: Vec<_> =
            gone.map(|name| Change::Delete(Key::ConfiguredName(name.clone()))).collect();
        changes.push(Change::Put(Row::Policy(set.policy.clone().into())));
        let new = names.into_iter().filter(|(name, key)| self.configured.get(name) != Some(key));
        changes.extend(new.map(|(name, key)| Change::Put(Row::ConfiguredName(name, key))));
        Applied::done(Outcome::Done, changes)
    }
}

/// Returns the names, each with the first key that contains it.
fn names(set: &SetPolicy) -> BTreeMap<ConfiguredName, Box<str>> {
    set.names.iter().rev().cloned().collect()
}
