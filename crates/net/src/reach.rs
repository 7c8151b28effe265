//! The addresses to which another side may lead a request.

use std::{collections::BTreeSet, io, net::IpAddr};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use url::Host;

/// The addresses to which a request may go.
///
/// A server that names the next address, by a redirect or as its token server, must not reach through this program what
/// only this machine reaches: services of its own, and the metadata from which instances and tasks get credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// All but link-local addresses and those of metadata.
    #[default]
    Local,
    /// Those of other machines alone.
    Remote,
}

impl Reach {
    /// Returns true if a request may go to `address`. IPv4 within IPv6 counts as IPv4.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        match embedded(address) {
            IpAddr::V4(address) => {
                let is_own = address.is_loopback() || address.octets()[0] == 0;
                !address.is_link_local() && (self == Self::Local || !is_own)
            }
            IpAddr::V6(address) => {
                let is_own = address.is_loopback() || address.is_unspecified();
                // Amazon's own services on instances: fd00:ec2::/32.
                let is_metadata = address.segments()[..2] == [0xfd00, 0x0ec2];
                !address.is_unicast_link_local() && !is_metadata && (self == Self::Local || !is_own)
            }
        }
    }

    /// Returns true if a request may go to the host of `url`. The resolver judges the addresses of its name.
    #[must_use]
    pub fn allows_host(self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.allows(address.into()),
            Some(Host::Ipv6(address)) => self.allows(address.into()),
            Some(Host::Domain(name)) => self == Self::Local || !is_localhost(name),
            None => true,
        }
    }
}

/// Returns true if a name is one of this machine (RFC 6761).
#[must_use]
pub fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// Returns `true` if `url` is on this machine, where connections need no encryption.
#[must_use]
pub fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// The IPv4 address within an IPv6 address, mapped or as NAT64 has it (RFC 6052), or the address itself.
fn embedded(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = address.octets();
            IpAddr::from([a, b, c, d])
        }
        address => address,
    }
}

/// Resolves names to the addresses that are within reach. The proxies that the user has named are.
#[derive(Debug)]
pub(crate) struct Resolver {
    pub(crate) reach: Reach,
    pub(crate) proxies: BTreeSet<String>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let reach = (!self.proxies.contains(&name)).then_some(self.reach);
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let is_allowed = |address: IpAddr| reach.is_none_or(|reach| reach.allows(address));
            let allowed: Vec<_> = found.into_iter().filter(|found| is_allowed(found.ip())).collect();
            if allowed.is_empty() {
                let message = "the name leads to this machine or to its metadata, where no server may lead";
                return Err(io::Error::other(message).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    fn reached(url: &str) -> [bool; 2] {
        let url = Url::parse(url).unwrap();
        [Reach::Local, Reach::Remote].map(|reach| reach.allows_host(&url))
    }

    #[test]
    fn metadata_is_out_of_reach_in_every_form() {
        for host in [
            "169.254.169.254",
            "169.254.170.2",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "169.254.43518",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::a9fe:a9fe]",
        ] {
            assert_eq!(reached(&format!("http://{host}/latest")), [false, false], "{host}");
        }
    }

    #[test]
    fn own_machine_is_within_local_reach_alone() {
        for host in ["127.0.0.1", "127.9.9.9", "2130706433", "0", "[::1]", "[::]", "[::ffff:127.0.0.1]"] {
            assert_eq!(reached(&format!("https://{host}/")), [true, false], "{host}");
        }
        for host in ["localhost", "registry.localhost", "localhost."] {
            assert_eq!(reached(&format!("https://{host}/")), [true, false], "{host}");
        }
        for host in ["ghcr.io", "10.0.0.1", "[fd00::1]", "notlocalhost", "169.253.1.1"] {
            assert_eq!(reached(&format!("https://{host}/")), [true, true], "{host}");
        }
    }

    #[tokio::test]
    async fn names_are_judged_by_their_addresses() {
        let resolve = async |reach, proxies: &[&str]| {
            let proxies = proxies.iter().map(|name| (*name).to_owned()).collect();
            let found = Resolver { reach, proxies }.resolve(Name::from_str("localhost").unwrap()).await;
            found.map(Iterator::count)
        };
        assert!(resolve(Reach::Local, &[]).await.is_ok_and(|count| count > 0));
        assert!(resolve(Reach::Remote, &["localhost"]).await.is_ok());
        let error = resolve(Reach::Remote, &[]).await.unwrap_err();
        assert!(error.to_string().contains("leads to this machine"), "{error}");
    }
}
