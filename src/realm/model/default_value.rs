//! Values that stored rows leave out.

/// Whether a value is the default, which stored rows leave out.
pub(in crate::realm) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
