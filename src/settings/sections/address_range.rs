//! An IP address or a range of addresses, as a setting.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An IP address, or a range of addresses such as `10.0.0.0/8`.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct AddressRange {
    address: IpAddr,
    bits: u8,
}

impl AddressRange {
    /// Whether the range contains all addresses of its IP version.
    pub fn is_all_addresses(&self) -> bool {
        self.bits == 0
    }

    /// Whether the range contains the address. A socket on `[::]` reports the IPv4 address 10.0.0.1
    /// as `::ffff:10.0.0.1`; both are treated as 10.0.0.1.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let masked = |address: IpAddr| match address {
            IpAddr::V4(it) => {
                let bits = u32::from(it).checked_shr(32 - u32::from(self.bits)).unwrap_or(0);
                (4, u128::from(bits))
            }
            IpAddr::V6(it) => {
                (6, u128::from(it).checked_shr(128 - u32::from(self.bits)).unwrap_or(0))
            }
        };
        address.is_ipv4() == self.address.is_ipv4() && masked(address) == masked(self.address)
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }
}

impl Serialize for AddressRange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.address, self.bits))
    }
}

impl<'de> Deserialize<'de> for AddressRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong =
            || serde::de::Error::custom("an IP address or a range like 10.0.0.0/8 is expected");
        Self::parse(&text).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_contains_the_addresses_with_its_prefix() {
        let range = |text| AddressRange::parse(text).unwrap();
        assert!(range("127.0.0.0/8").contains([127, 9, 9, 9].into()));
        assert!(!range("127.0.0.0/8").contains([128, 0, 0, 1].into()));
        assert!(range("0.0.0.0/0").contains([1, 2, 3, 4].into()));
        assert!(range("::/0").contains("2001::1".parse().unwrap()));
        assert!(!range("::/0").contains([1, 2, 3, 4].into()));
        assert!(range("10.0.0.1").contains([10, 0, 0, 1].into()));
        assert!(range("127.0.0.0/8").contains("::ffff:127.0.0.1".parse().unwrap()));
        assert!(AddressRange::parse("10.0.0.1/33").is_none());
    }
}
