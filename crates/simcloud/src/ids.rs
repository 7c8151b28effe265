//! Identifiers that look random and are the same for the same seed.

use std::hash::{BuildHasher as _, RandomState};

use serde::{Deserialize, Serialize};

/// A deterministic generator (SplitMix64). Not for anything that must be unpredictable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ids {
    state: u64,
}

impl Ids {
    /// A generator whose sequence depends on `seed` alone.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A generator that begins anywhere, by chance of the operating system.
    #[must_use]
    pub fn unpredictable() -> Self {
        Self::new(RandomState::new().hash_one(0))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// `length` characters of `alphabet`, which is ASCII.
    pub fn from_alphabet(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| alphabet[(self.next_u64() % alphabet.len() as u64) as usize] as char).collect()
    }

    /// `length` lower-case hexadecimal digits, as in ECS task ids.
    pub fn hex(&mut self, length: usize) -> String {
        self.from_alphabet(b"0123456789abcdef", length)
    }

    /// An identifier in the form of a version-4 UUID.
    pub fn uuid(&mut self) -> String {
        let variant = self.from_alphabet(b"89ab", 1);
        format!("{}-{}-4{}-{variant}{}-{}", self.hex(8), self.hex(4), self.hex(3), self.hex(3), self.hex(12))
    }

    /// The six characters after the hyphen in a secret's ARN.
    pub fn secret_suffix(&mut self) -> String {
        self.from_alphabet(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 6)
    }

    /// An IAM unique id: a prefix such as `AROA` and 17 characters.
    pub fn iam(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", self.from_alphabet(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 17))
    }
}
