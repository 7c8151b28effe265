//! AWS's partitions: groups of regions whose accounts and ARNs know nothing of those of another group.

/// The prefixes of the partitions' regions, and the partitions' names in ARNs. The commercial partition has all other
/// regions.
const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("eusc-", "aws-eusc"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
];

/// Returns the partition of a region, as ARNs name it: `aws`, `aws-cn`, `aws-us-gov`, ….
#[must_use]
pub fn partition_of(region: &str) -> &'static str {
    PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, name)| name)
}
