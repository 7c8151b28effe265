//! Values: how much fits.

use std::fmt;

use aws_sdk_ssm::types::ParameterTier;
use longshore_model::{Failure, FailureKind, Secret};
use longshore_plugin::Result;

/// The most bytes of a value, by tier (user guide, "Managing parameter tiers").
const STANDARD: usize = 4096;
const ADVANCED: usize = 8192;

/// The tier that is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Values of 4 KB, without charge.
    Standard,
    /// Values of 8 KB.
    Advanced,
    /// The smaller one that fits. A parameter that is advanced stays so.
    Intelligent,
}

impl Tier {
    /// As the API has it.
    pub(crate) const fn declared(self) -> ParameterTier {
        match self {
            Self::Standard => ParameterTier::Standard,
            Self::Advanced => ParameterTier::Advanced,
            Self::Intelligent => ParameterTier::IntelligentTiering,
        }
    }

    /// The tier that a parameter with `value` gets, which is now in the tier `has`.
    pub(crate) fn resolved(self, value: &Secret<String>, has: Option<&ParameterTier>) -> ParameterTier {
        match self {
            Self::Standard => ParameterTier::Standard,
            Self::Advanced => ParameterTier::Advanced,
            Self::Intelligent if has == Some(&ParameterTier::Advanced) => ParameterTier::Advanced,
            Self::Intelligent if value.expose().len() > STANDARD => ParameterTier::Advanced,
            Self::Intelligent => ParameterTier::Standard,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "standard",
            Self::Advanced => "advanced",
            Self::Intelligent => "intelligent",
        })
    }
}

/// Refuses values that Parameter Store would refuse.
pub(crate) fn check(value: &Secret<String>, tier: Tier) -> Result<()> {
    let length = value.expose().len();
    let limit = if tier == Tier::Standard { STANDARD } else { ADVANCED };
    if (1..=limit).contains(&length) {
        return Ok(());
    }
    let help = match tier {
        _ if length == 0 => "a parameter cannot be empty",
        Tier::Standard if length <= ADVANCED => {
            "set tier = \"advanced\" or tier = \"intelligent\" of the store (8 KB; AWS charges for it), or keep it in a \
             store with use = \"secretsmanager\" (64 KB)"
        }
        _ => "keep it in a store with use = \"secretsmanager\", which takes 64 KB",
    };
    let message = format!(
        "the value to be stored has {length} bytes; Parameter Store allows 1 to {limit} in the tier `{tier}`"
    );
    Err(Failure::new(FailureKind::Invalid, message).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_does_not_fit_is_refused_with_the_way_out() {
        let value = |length: usize| Secret::new("a".repeat(length));
        let refused = [
            (0, Tier::Standard),
            (4097, Tier::Standard),
            (8193, Tier::Standard),
            (8193, Tier::Advanced),
            (8193, Tier::Intelligent),
        ]
        .map(|(length, tier)| check(&value(length), tier).unwrap_err().to_string());
        insta::assert_snapshot!(refused.join("\n"));
        for (length, tier) in [(4096, Tier::Standard), (8192, Tier::Advanced), (8192, Tier::Intelligent)] {
            assert_eq!(check(&value(length), tier), Ok(()));
        }
    }

    #[test]
    fn intelligent_tiering_takes_the_smaller_tier_and_never_goes_back() {
        let (small, large) = (Secret::new("a".repeat(4096)), Secret::new("a".repeat(4097)));
        let tier = Tier::Intelligent;
        assert_eq!(tier.resolved(&small, None), ParameterTier::Standard);
        assert_eq!(tier.resolved(&large, Some(&ParameterTier::Standard)), ParameterTier::Advanced);
        assert_eq!(tier.resolved(&small, Some(&ParameterTier::Advanced)), ParameterTier::Advanced);
    }
}
