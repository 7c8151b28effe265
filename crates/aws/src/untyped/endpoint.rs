//! The endpoints of a service, by the rules of the SDKs.

use aws_smithy_runtime_api::client::endpoint::{EndpointFuture, EndpointResolverParams, ResolveEndpoint};
use aws_smithy_types::endpoint::Endpoint;
use aws_types::{SdkConfig, service_config::ServiceConfigKey};
use longshore_model::Partition;

use super::Service;

/// The partition whose FIPS endpoints have names of their own with some services.
const GOV: &str = "aws-us-gov";

/// The parts of a service's host names before the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hosts {
    /// Over IPv4.
    pub plain: &'static str,
    /// Over IPv4, validated under FIPS 140.
    pub fips: &'static str,
    /// The same in AWS GovCloud (US), where the plain endpoints of many services are validated.
    pub gov_fips: &'static str,
    /// Over IPv6, too.
    pub dual_stack: &'static str,
    /// Over IPv6, too, validated under FIPS 140.
    pub dual_stack_fips: &'static str,
}

impl Hosts {
    /// Returns the names of most services: one, and another one that is validated under FIPS 140.
    #[must_use]
    pub const fn with_fips(plain: &'static str, fips: &'static str) -> Self {
        Self { plain, fips, gov_fips: fips, dual_stack: plain, dual_stack_fips: fips }
    }
}

/// The endpoint that the configuration leads to, found before the first call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found(pub(super) Result<String, &'static str>);

impl Found {
    /// Finds the endpoint of a service.
    pub(super) fn of<P>(config: &SdkConfig, service: &Service<P>) -> Self {
        let fips = config.use_fips().unwrap_or_default();
        let dual_stack = config.use_dual_stack().unwrap_or_default();
        if let Some(url) = configured(config, service.id) {
            return Self(match (fips, dual_stack) {
                (true, _) => Err("FIPS and a custom endpoint are both configured: remove one of them"),
                (_, true) => Err("dual-stack and a custom endpoint are both configured: remove one of them"),
                _ => Ok(url),
            });
        }
        let region = config.region().map_or("", |region| region.as_ref());
        if region.is_empty() {
            return Self(Err("no region is configured"));
        }
        let partition = Partition::of_region(region);
        let Hosts { plain, fips: with_fips, gov_fips, dual_stack: both, dual_stack_fips } = service.hosts;
        let (host, domain) = match (fips, dual_stack) {
            (false, false) => (plain, partition.domain),
            (true, false) if partition.name == GOV => (gov_fips, partition.domain),
            (true, false) => (with_fips, partition.domain),
            (false, true) => (both, partition.dual_stack_domain),
            (true, true) => (dual_stack_fips, partition.dual_stack_domain),
        };
        Self(Ok(format!("https://{host}.{region}.{domain}")))
    }
}

/// Returns the URL that the configuration names for the service: one in the program's own configuration, else
/// `AWS_ENDPOINT_URL_…` and the profile's `services`, else the one for all services.
fn configured(config: &SdkConfig, id: &str) -> Option<String> {
    let shared = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return shared();
    }
    let key = ServiceConfigKey::builder()
        .service_id(id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok();
    let of_service = config.service_config().zip(key).and_then(|(config, key)| config.load_config(key));
    of_service.or_else(shared)
}

impl ResolveEndpoint for Found {
    fn resolve_endpoint<'a>(&'a self, _: &'a EndpointResolverParams) -> EndpointFuture<'a> {
        let endpoint = self.0.clone().map(|url| Endpoint::builder().url(url).build());
        EndpointFuture::ready(endpoint.map_err(Into::into))
    }
}
