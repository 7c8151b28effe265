//! AWS's partitions: groups of regions whose accounts and ARNs know nothing of those of another group.

/// A partition of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The name in ARNs: `aws`, `aws-cn`, `aws-us-gov`, ….
    pub name: &'static str,
    /// The prefix of the regions; the commercial partition has all regions that no other one has.
    prefix: &'static str,
    /// The domain of the services' endpoints.
    pub domain: &'static str,
    /// The domain of the endpoints that support IPv6, too.
    pub dual_stack_domain: &'static str,
}

const fn partition(
    name: &'static str,
    prefix: &'static str,
    domain: &'static str,
    dual_stack_domain: &'static str,
) -> Partition {
    Partition { name, prefix, domain, dual_stack_domain }
}

const COMMERCIAL: Partition = partition("aws", "", "amazonaws.com", "api.aws");

/// The other partitions (the AWS SDKs' `partitions.json`).
const PARTITIONS: [Partition; 7] = [
    partition("aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    partition("aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"),
    partition("aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    partition("aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    partition("aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    partition("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    partition("aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
];

impl Partition {
    /// Returns the partition of a region.
    #[must_use]
    pub fn of_region(region: &str) -> &'static Self {
        PARTITIONS.iter().find(|partition| region.starts_with(partition.prefix)).unwrap_or(&COMMERCIAL)
    }

    /// Returns true if `host` is below a domain of AWS's endpoints, in any partition.
    #[must_use]
    pub fn has_endpoint(host: &str) -> bool {
        let is_below = |domain: &str| host.strip_suffix(domain).is_some_and(|name| name.ends_with('.'));
        PARTITIONS
            .iter()
            .chain([&COMMERCIAL])
            .any(|partition| is_below(partition.domain) || is_below(partition.dual_stack_domain))
    }
}

/// Returns the partition of a region, as ARNs name it: `aws`, `aws-cn`, `aws-us-gov`, ….
#[must_use]
pub fn partition_of(region: &str) -> &'static str {
    Partition::of_region(region).name
}
