//! Blocks of IPv4 addresses.

use std::net::Ipv4Addr;

use crate::ApiError;

/// A block by its first address and the length of its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cidr {
    first: u32,
    pub(super) length: u32,
}

impl Cidr {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let length: u32 = length.parse().ok().filter(|length| *length <= 32)?;
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
        Some(Self { first: address.to_bits() & mask, length })
    }

    /// Reads the block that a request has.
    pub(super) fn given(text: &str) -> Result<Self, ApiError> {
        Self::parse(text).ok_or_else(|| {
            let text =
                format!("Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block.");
            ApiError::new("InvalidParameterValue", text)
        })
    }

    /// Returns true if one block lies in the other.
    pub(super) fn overlaps(self, other: Self) -> bool {
        (self.first ^ other.first).leading_zeros() >= self.length.min(other.length)
    }

    pub(super) fn has(self, address: &str) -> bool {
        address
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| (self.first ^ address.to_bits()).leading_zeros() >= self.length)
    }
}
