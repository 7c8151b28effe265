//! Registries of Amazon ECR, as their hosts name them.

use crate::partition_of;

/// A private registry of Amazon ECR: that of one account in one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EcrRegistry<'a> {
    /// The account's twelve digits.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
    /// True if the host is one of the FIPS endpoints.
    pub fips: bool,
}

/// The host's part after the account, with `true` for FIPS endpoints. Hosts with `dkr-ecr` support IPv6, too.
const SERVICES: [(&str, bool); 4] =
    [(".dkr.ecr.", false), (".dkr.ecr-fips.", true), (".dkr-ecr.", false), (".dkr-ecr-fips.", true)];

/// The host's suffixes in all partitions (Amazon ECR user guide, "Amazon ECR registries" and "Getting started with
/// making requests over IPv6"; the isolated ones as the Amazon ECR credential helper has them).
const DOMAINS: [&str; 10] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "on.aws",
    "on.amazonwebservices.com.cn",
    "on.amazonwebservices.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
];

impl<'a> EcrRegistry<'a> {
    /// Reads the registry's host; `None` if it is another registry's. The public gallery, `public.ecr.aws`, is one of
    /// those: anybody pulls from it.
    #[must_use]
    pub fn of_host(host: &'a str) -> Option<Self> {
        let parts = |(service, fips): (&str, bool)| Some((host.split_once(service)?, fips));
        let ((account, rest), fips) = SERVICES.into_iter().find_map(parts)?;
        let (region, domain) = rest.split_once('.')?;
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        (is_account && !region.is_empty() && DOMAINS.contains(&domain)).then_some(Self {
            account,
            region,
            fips,
        })
    }

    /// The partition that the registry belongs to, as ARNs name it.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        partition_of(self.region)
    }

    /// The ARN of one of its repositories.
    #[must_use]
    pub fn repository_arn(&self, repository: &str) -> String {
        format!("arn:{}:ecr:{}:{}:repository/{repository}", self.partition(), self.region, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_every_partition_name_a_registry() {
        for (host, region, fips, partition) in [
            ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1", false, "aws"),
            ("123456789012.dkr-ecr.eu-central-1.on.aws", "eu-central-1", false, "aws"),
            ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", true, "aws"),
            ("123456789012.dkr-ecr-fips.us-gov-west-1.on.aws", "us-gov-west-1", true, "aws-us-gov"),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", false, "aws-cn"),
            ("123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", false, "aws-cn"),
            ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", false, "aws-eusc"),
            ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", false, "aws-iso"),
            ("123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", false, "aws-iso-b"),
        ] {
            let registry = EcrRegistry::of_host(host).unwrap_or_else(|| panic!("{host}"));
            assert_eq!(registry, EcrRegistry { account: "123456789012", region, fips });
            assert_eq!(registry.partition(), partition);
        }
    }

    #[test]
    fn other_hosts_name_no_private_registry() {
        for host in [
            "public.ecr.aws",
            "docker.io",
            "12345.dkr.ecr.eu-central-1.amazonaws.com",
            "123456789012.dkr.ecr.amazonaws.com",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com.example.org",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com:443",
            "x.dkr.ecr.eu-central-1.example.com",
        ] {
            assert_eq!(EcrRegistry::of_host(host), None, "{host}");
        }
    }
}
