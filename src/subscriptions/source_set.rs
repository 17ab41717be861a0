//! A set of data sources.

use super::data_source::DataSource;

/// Data sources, one bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceSet(u16);

// Each source must have a bit.
const _: () = {
    let mut at = 0;
    while at < DataSource::NAMES.len() {
        assert!((DataSource::NAMES[at].1 as u32) < u16::BITS);
        at += 1;
    }
};

impl SourceSet {
    /// Every source.
    pub(super) const ALL: Self = Self(u16::MAX);

    /// Whether the set contains this source.
    pub(super) fn contains(self, source: DataSource) -> bool {
        self.0 & Self::from(source).0 != 0
    }

    /// Whether the set is empty.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl From<DataSource> for SourceSet {
    fn from(source: DataSource) -> Self {
        Self(1 << source as u16)
    }
}

impl FromIterator<DataSource> for SourceSet {
    fn from_iter<I: IntoIterator<Item = DataSource>>(sources: I) -> Self {
        Self(sources.into_iter().fold(0, |bits, source| bits | Self::from(source).0))
    }
}
