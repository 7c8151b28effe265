//! AWS's partitions: groups of regions whose accounts and ARNs know nothing of those of another group.
//! <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>

use std::fmt;

use serde::{Deserialize, Serialize};

/// A partition. An account belongs to one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Partition {
    /// The commercial regions.
    #[default]
    #[serde(rename = "aws")]
    Aws,
    /// China.
    #[serde(rename = "aws-cn")]
    China,
    /// GovCloud.
    #[serde(rename = "aws-us-gov")]
    GovCloud,
    /// The European Sovereign Cloud.
    #[serde(rename = "aws-eusc")]
    Sovereign,
    /// The isolated partition of the first name.
    #[serde(rename = "aws-iso")]
    Iso,
    /// Its sibling B.
    #[serde(rename = "aws-iso-b")]
    IsoB,
    /// Its sibling E.
    #[serde(rename = "aws-iso-e")]
    IsoE,
    /// Its sibling F.
    #[serde(rename = "aws-iso-f")]
    IsoF,
}

/// Each partition but the commercial one: its name in ARNs, how its regions begin, and the end of its ECR hosts.
const TABLE: [(Partition, &str, &str, &str); 7] = [
    (Partition::China, "aws-cn", "cn-", "amazonaws.com.cn"),
    (Partition::GovCloud, "aws-us-gov", "us-gov-", "amazonaws.com"),
    (Partition::Sovereign, "aws-eusc", "eusc-", "amazonaws.eu"),
    (Partition::Iso, "aws-iso", "us-iso-", "c2s.ic.gov"),
    (Partition::IsoB, "aws-iso-b", "us-isob-", "sc2s.sgov.gov"),
    (Partition::IsoE, "aws-iso-e", "eu-isoe-", "cloud.adc-e.uk"),
    (Partition::IsoF, "aws-iso-f", "us-isof-", "csp.hci.ic.gov"),
];

impl Partition {
    /// Returns true for the name of a partition in ARNs.
    pub(crate) fn is_name(name: &str) -> bool {
        name == "aws" || TABLE.iter().any(|(_, known, ..)| *known == name)
    }

    /// Returns the partition of a region.
    #[must_use]
    pub fn of(region: &str) -> Self {
        let row = TABLE.iter().find(|(_, _, prefix, _)| region.starts_with(prefix));
        row.map_or(Self::Aws, |(partition, ..)| *partition)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = TABLE.iter().find(|(partition, ..)| partition == self);
        f.pad(row.map_or("aws", |(_, name, ..)| *name))
    }
}

/// Returns the ARN of a resource in a region.
pub(crate) fn arn(service: &str, region: &str, account: &str, resource: impl fmt::Display) -> String {
    format!("arn:{}:{service}:{region}:{account}:{resource}", Partition::of(region))
}

/// The host suffixes of the private ECR registries that support IPv6, too.
const DUAL_STACK: [&str; 3] = ["on.aws", "on.amazonwebservices.com.cn", "on.amazonwebservices.eu"];

/// Returns the account and the region of the private registry of Amazon ECR that an image lies in:
/// `ACCOUNT.dkr.ecr.REGION.SUFFIX`, or `ACCOUNT.dkr-ecr.REGION.SUFFIX` with IPv6; either also as `ecr-fips`.
pub(crate) fn ecr_registry(image: &str) -> Option<(&str, &str)> {
    let host = image.split('/').next()?;
    let (account, rest) = host.split_once(".dkr")?;
    let kinds = [".ecr.", ".ecr-fips.", "-ecr.", "-ecr-fips."];
    let (region, suffix) = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?.split_once('.')?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_suffix = suffix == "amazonaws.com"
        || DUAL_STACK.contains(&suffix)
        || TABLE.iter().any(|(.., of_partition)| suffix == *of_partition);
    (is_account && is_suffix).then_some((account, region))
}

/// Returns the host of the private registry of Amazon ECR that an account has in a region.
pub(crate) fn ecr_host(account: &str, region: &str) -> String {
    format!("{account}.dkr.ecr.{region}.{}", dns_suffix(region))
}

/// Returns the end of the names of AWS's hosts in a region.
pub(crate) fn dns_suffix(region: &str) -> &'static str {
    let partition = Partition::of(region);
    let row = TABLE.iter().find(|(of, ..)| *of == partition);
    row.map_or("amazonaws.com", |(.., suffix)| *suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_tell_their_partition() {
        for (region, partition) in [
            ("eu-central-1", "aws"),
            ("us-east-1", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-east-1", "aws-us-gov"),
            ("eusc-de-east-1", "aws-eusc"),
            ("us-iso-west-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
        ] {
            assert_eq!(Partition::of(region).to_string(), partition, "{region}");
        }
    }

    #[test]
    fn private_ecr_is_known_by_all_its_names() {
        for host in [
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
            "123456789012.dkr-ecr.eu-central-1.on.aws",
            "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
            "123456789012.dkr-ecr-fips.us-east-1.on.aws",
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
            "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",
        ] {
            assert!(ecr_registry(&format!("{host}/acme/api:1")).is_some(), "{host}");
        }
        for host in ["public.ecr.aws", "ghcr.io", "acme.dkr.ecr.eu-central-1.amazonaws.com", "docker.io"] {
            assert!(ecr_registry(&format!("{host}/acme/api:1")).is_none(), "{host}");
        }
    }
}
