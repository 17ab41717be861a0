//! The kinds of rows, in the order of their keys.

use super::key::Key;

/// The kind of a key or of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyKind {
    Policy,
    Counters,
    Right,
    Profile,
    User,
    Member,
    Grant,
    Direct,
    Session,
    RotatedToken,
    Attempts,
    History,
    OneTime,
    TokenLifetimes,
    PepperCheck,
    SecondFactor,
    PendingLogin,
    ActiveCode,
    SelfReset,
    Mail,
    ConfiguredName,
    Places,
    // Must be the last kind: a backup ends before the first row of this kind.
    Seen,
}

impl KeyKind {
    /// All kinds, in the order of their declaration.
    pub(super) const ALL: [Self; Self::Seen as usize + 1] = [
        Self::Policy,
        Self::Counters,
        Self::Right,
        Self::Profile,
        Self::User,
        Self::Member,
        Self::Grant,
        Self::Direct,
        Self::Session,
        Self::RotatedToken,
        Self::Attempts,
        Self::History,
        Self::OneTime,
        Self::TokenLifetimes,
        Self::PepperCheck,
        Self::SecondFactor,
        Self::PendingLogin,
        Self::ActiveCode,
        Self::SelfReset,
        Self::Mail,
        Self::ConfiguredName,
        Self::Places,
        Self::Seen,
    ];
}

impl Key {
    /// Returns the kind of the key.
    pub(super) const fn kind(&self) -> KeyKind {
        match self {
            Key::Policy => KeyKind::Policy,
            Key::Counters => KeyKind::Counters,
            Key::Right(_) => KeyKind::Right,
            Key::Profile(_) => KeyKind::Profile,
            Key::User(_) => KeyKind::User,
            Key::Member(..) => KeyKind::Member,
            Key::Grant(..) => KeyKind::Grant,
            Key::Direct(..) => KeyKind::Direct,
            Key::Session(_) => KeyKind::Session,
            Key::RotatedToken(_) => KeyKind::RotatedToken,
            Key::Attempts(_) => KeyKind::Attempts,
            Key::History(_) => KeyKind::History,
            Key::OneTime(_) => KeyKind::OneTime,
            Key::TokenLifetimes => KeyKind::TokenLifetimes,
            Key::PepperCheck => KeyKind::PepperCheck,
            Key::SecondFactor(_) => KeyKind::SecondFactor,
            Key::PendingLogin(_) => KeyKind::PendingLogin,
            Key::ActiveCode(_) => KeyKind::ActiveCode,
            Key::SelfReset(_) => KeyKind::SelfReset,
            Key::Mail(_) => KeyKind::Mail,
            Key::ConfiguredName(_) => KeyKind::ConfiguredName,
            Key::Places(_) => KeyKind::Places,
            Key::Seen(_) => KeyKind::Seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_all_kinds_in_their_order() {
        assert!(KeyKind::ALL.iter().zip(0..).all(|(kind, position)| *kind as usize == position));
    }
}
