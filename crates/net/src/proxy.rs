//! The proxies that the environment names, as Go's HTTP client reads them, and `ALL_PROXY`, as curl does.

use std::{
    ffi::{OsStr, OsString},
    net::IpAddr,
};

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use ipnet::IpNet;
use longshore_model::{Failure, FailureKind};
use reqwest::Url;

/// The proxies that requests take.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    bypass: Bypass,
}

impl Proxies {
    /// Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, or the same in small letters. The name in capitals
    /// goes first, one that is empty counts as not set, and `ALL_PROXY` stands in for one of the others that is not set.
    ///
    /// # Errors
    /// If one that counts is not the URL of an HTTP proxy: what was meant for a proxy's eyes only must not leave by another
    /// way. The value is not repeated, because it may hold a password.
    pub fn of_environment() -> Result<Self, Failure> {
        Self::read(&|name| std::env::var_os(name))
    }

    fn read(look_up: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, Failure> {
        let set = |names: [&'static str; 2]| {
            names.iter().find_map(|name| Some((*name, look_up(name).filter(|value| !value.is_empty())?)))
        };
        let (https, http) = (set(["HTTPS_PROXY", "https_proxy"]), set(["HTTP_PROXY", "http_proxy"]));
        let all = set(["ALL_PROXY", "all_proxy"]);
        let bypass = set(["NO_PROXY", "no_proxy"]);
        let parse = |variable: Option<(&str, OsString)>| {
            variable.map(|(name, value)| parse(name, &value)).transpose()
        };
        Ok(Self {
            https: parse(https.or_else(|| all.clone()))?,
            http: parse(http.or(all))?,
            bypass: bypass.map(|(_, list)| Bypass::parse(&list.to_string_lossy())).unwrap_or_default(),
        })
    }

    /// Returns the hosts of the proxies.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &str> {
        [&self.http, &self.https].into_iter().flatten().filter_map(Url::host_str)
    }

    /// Returns the proxy that a request to `url` takes.
    #[must_use]
    pub fn of(&self, url: &Url) -> Option<&Url> {
        let proxy = match url.scheme() {
            "https" => self.https.as_ref(),
            "http" => self.http.as_ref(),
            _ => None,
        }?;
        let host = url.host_str()?;
        (!is_beside_proxies(host) && !self.bypass.contains(host, url.port_or_known_default()?))
            .then_some(proxy)
    }
}

/// Returns `true` if no proxy can reach `host`: it is this machine, or next to it, as the endpoints are that give out the
/// credentials of instances and tasks.
fn is_beside_proxies(host: &str) -> bool {
    match address(host) {
        Some(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Some(IpAddr::V6(address)) => address.is_loopback() || address.is_unicast_link_local(),
        None => host == "localhost",
    }
}

/// Returns the address that `host` is, with or without brackets. IPv4 within IPv6 counts as IPv4.
fn address(host: &str) -> Option<IpAddr> {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// The hosts that are reached without a proxy: `NO_PROXY`.
#[derive(Clone, Debug, Default)]
struct Bypass {
    is_everything: bool,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
enum Entry {
    Network(IpNet),
    Address(IpAddr, Option<u16>),
    /// The host, if it is not only the names below it, and `.example.com` for these.
    Name {
        host: Option<String>,
        below: String,
        port: Option<u16>,
    },
}

impl Bypass {
    fn parse(list: &str) -> Self {
        let entries = list.split(',').map(|entry| entry.trim().to_lowercase());
        let entries: Vec<_> = entries.filter(|entry| !entry.is_empty()).collect();
        Self {
            is_everything: entries.iter().any(|entry| entry == "*"),
            entries: entries.iter().filter_map(|entry| Entry::parse(entry)).collect(),
        }
    }

    fn contains(&self, host: &str, port: u16) -> bool {
        self.is_everything || self.entries.iter().any(|entry| entry.contains(host, port))
    }
}

impl Entry {
    /// Parses an entry in small letters. Returns `None` for one without a host.
    fn parse(entry: &str) -> Option<Self> {
        if let Ok(network) = entry.parse::<IpNet>() {
            return Some(Self::Network(network));
        }
        // An address of IPv6 without brackets has no port.
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, "")) => (host, None),
            Some((host, port)) if host.ends_with(']') || !host.contains(':') => {
                (host, Some(port.parse().ok()?))
            }
            _ => (entry, None),
        };
        if let Some(address) = address(host) {
            return Some(Self::Address(address, port));
        }
        let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
        let name = host.strip_prefix('.').unwrap_or(host);
        if name.is_empty() {
            return None;
        }
        // As URLs have it, where it is not plain ASCII.
        let ascii = url::Host::parse(name).map_or_else(|_| name.to_owned(), |name| name.to_string());
        let below = format!(".{ascii}");
        Some(Self::Name { host: (!host.starts_with('.')).then_some(ascii), below, port })
    }

    fn contains(&self, host: &str, port: u16) -> bool {
        match (self, address(host)) {
            (Self::Network(network), Some(address)) => network.contains(&address),
            (Self::Address(own, only), Some(address)) => {
                *own == address && only.is_none_or(|only| only == port)
            }
            (Self::Name { host: own, below, port: only }, None) => {
                let is_named = own.as_deref() == Some(host) || host.ends_with(below);
                is_named && only.is_none_or(|only| only == port)
            }
            _ => false,
        }
    }
}

/// Parses the value of the variable `name`.
fn parse(name: &str, value: &OsStr) -> Result<Url, Failure> {
    judge(value).map_err(|what| {
        Failure::new(FailureKind::Invalid, format!("the environment variable {name} {what}")).at(name).help(
            "set it to the URL of an HTTP proxy, such as http://proxy.example.com:8080, or unset it; its value is not \
             shown here, because it may hold a password",
        )
    })
}

/// Returns the URL of a proxy, or what is wrong with it. The HTTP client's own parser says whether it would use it: it
/// passes over all else and connects directly.
fn judge(value: &OsStr) -> Result<Url, &'static str> {
    const NO_URL: &str = "is not the URL of a proxy: nothing would be sent through it";
    let value = value.to_str().ok_or(NO_URL)?;
    let anywhere = Uri::from_static("http://registry.example.com/");
    let proxy = Matcher::builder().all(value).build().intercept(&anywhere).ok_or(NO_URL)?;
    if proxy.uri().scheme_str().is_some_and(|scheme| scheme.starts_with("socks")) {
        return Err("names a SOCKS proxy, which is not supported");
    }
    // An invalid port is taken for the scheme's own.
    let authority = proxy.uri().authority().ok_or(NO_URL)?;
    match authority.as_str().strip_prefix(authority.host()) {
        _ if authority.host().is_empty() => return Err("names no host"),
        Some("") => {}
        _ if authority.port_u16().is_some() => {}
        _ => return Err("names a port that is none"),
    }
    let url = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    Url::parse(&url).map_err(|_| NO_URL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct-horse-battery-staple";

    /// Returns the reason for refusing these variables.
    fn refused(variables: &[(&str, &str)]) -> Option<String> {
        let look_up = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).into())
        };
        let failure = Proxies::read(&look_up).err()?;
        assert!(!format!("{failure:?}").contains(PASSWORD), "{failure:?}");
        Some(format!("{}: {}", failure.at.as_deref().unwrap_or_default(), failure.message))
    }

    #[test]
    fn what_the_clients_use_is_accepted() {
        for value in [
            "",
            "http://proxy.example.com:8080",
            "https://proxy.example.com",
            "proxy.example.com:8080",
            "10.0.0.1:3128",
            "http://[::1]:3128/",
            "http://user:correct-horse-battery-staple@proxy.example.com:8080/",
        ] {
            for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
                assert_eq!(refused(&[(name, value)]), None, "{name}={value}");
            }
        }
    }

    #[test]
    fn what_the_clients_would_pass_over_is_refused_by_its_name() {
        for value in [
            "::bad",
            " ",
            "http://",
            "http://proxy example.com",
            "ftp://proxy.example.com:21",
            "socks://proxy.example.com:1080",
            "http://user:correct-horse-battery-staple@proxy.example.com:8080|",
            "http:/proxy.example.com/correct-horse-battery-staple",
        ] {
            for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
                let said = refused(&[(name, value)]).unwrap_or_else(|| panic!("{name}={value} is accepted"));
                assert!(said.starts_with(&format!("{name}: the environment variable {name} ")), "{said}");
            }
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStringExt as _;
            let bytes = OsString::from_vec(b"http://proxy\xff:80".to_vec());
            assert!(Proxies::read(&|name| (name == "HTTPS_PROXY").then(|| bytes.clone())).is_err());
        }
    }

    #[test]
    fn what_the_clients_would_use_otherwise_than_meant_is_refused() {
        let socks =
            refused(&[("ALL_PROXY", "socks5h://a:correct-horse-battery-staple@proxy.example.com:1080")]);
        let port = refused(&[("HTTPS_PROXY", "http://a:correct-horse-battery-staple@proxy.example.com:80a")]);
        let host = refused(&[("HTTPS_PROXY", "http://a@:8080")]);
        insta::assert_snapshot!([socks, port, host].map(Option::unwrap).join("\n"));
    }

    #[test]
    fn only_what_counts_is_judged() {
        let good = "http://proxy.example.com:8080";
        // Many desktops set it beside the others, which go before it.
        let socks = ("ALL_PROXY", "socks://proxy.example.com:1080");
        assert_eq!(refused(&[("HTTPS_PROXY", good), ("http_proxy", good), socks]), None);
        assert!(refused(&[("HTTPS_PROXY", good), socks]).is_some(), "plain requests would pass over it");
        assert!(refused(&[("HTTPS_PROXY", ""), ("HTTP_PROXY", good), socks]).is_some());
        // The second is not read, unless the first is empty.
        assert_eq!(refused(&[("HTTPS_PROXY", good), ("https_proxy", "::bad")]), None);
        assert!(refused(&[("HTTPS_PROXY", ""), ("https_proxy", "::bad")]).is_some());
    }

    /// The proxy that a request to `url` takes.
    fn taken(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let look_up = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).into())
        };
        let proxies = Proxies::read(&look_up).unwrap();
        proxies.of(&Url::parse(url).unwrap()).map(ToString::to_string)
    }

    #[test]
    fn schemes_have_proxies_of_their_own() {
        let variables = [("https_proxy", "secure.test:8443"), ("ALL_PROXY", "https://u%40x:p@all.test")];
        assert_eq!(taken(&variables, "https://ghcr.io/v2/").unwrap(), "http://secure.test:8443/");
        assert_eq!(taken(&variables, "http://registry.test/").unwrap(), "https://u%40x:p@all.test/");
        assert_eq!(taken(&[("HTTPS_PROXY", "secure.test")], "http://registry.test/"), None);
    }

    #[test]
    fn no_proxy_reaches_machines_beside_it() {
        let variables = [("ALL_PROXY", "proxy.test:3128")];
        for url in [
            "http://localhost:5000/",
            "https://LOCALHOST/",
            "http://127.0.0.1:4566",
            "http://127.8.8.8",
            "http://[::1]:4566",
            "http://169.254.169.254/latest",
            "http://169.254.170.2/",
        ] {
            assert_eq!(taken(&variables, url), None, "{url}");
        }
        for url in ["http://localhost.example", "http://10.0.0.1:4566", "http://[fd00::1]/"] {
            assert!(taken(&variables, url).is_some(), "{url}");
        }
    }

    /// The expectations are those of golang.org/x/net/http/httpproxy.
    #[test]
    fn no_proxy_is_read_as_go_does() {
        const HOSTS: [&str; 10] = [
            "https://example.com",
            "https://example.com:8443",
            "http://example.com",
            "https://sub.example.com",
            "https://notexample.com",
            "https://10.1.2.3",
            "https://10.1.2.3:8443",
            "https://[fd00::1]",
            "https://[fd00::1]:8443",
            "https://xn--bcher-kva.example",
        ];
        let direct = |list: &str| {
            let variables = [("ALL_PROXY", "proxy.test:3128"), ("no_proxy", list)];
            let direct = HOSTS.iter().filter(|url| taken(&variables, url).is_none());
            direct.map(|url| url.rsplit('/').next().unwrap()).collect::<Vec<_>>().join(" ")
        };
        let names = "example.com example.com:8443 example.com";
        for (list, expected) in [
            ("", String::new()),
            ("example.com", format!("{names} sub.example.com")),
            (" EXAMPLE.com , other.test", format!("{names} sub.example.com")),
            (".example.com", "sub.example.com".to_owned()),
            ("*.example.com", "sub.example.com".to_owned()),
            ("example.com:8443", "example.com:8443".to_owned()),
            ("example.com:443", "example.com sub.example.com".to_owned()),
            ("example.com:https", String::new()),
            ("*.example.com:443", "sub.example.com".to_owned()),
            ("sub.example.com:80", String::new()),
            ("*example.com,exa*ple.com,.,:443,,", String::new()),
            ("10.1.2.3", "10.1.2.3 10.1.2.3:8443".to_owned()),
            ("10.1.2.3:8443", "10.1.2.3:8443".to_owned()),
            ("10.0.0.0/8", "10.1.2.3 10.1.2.3:8443".to_owned()),
            ("10.9.9.9/8", "10.1.2.3 10.1.2.3:8443".to_owned()),
            ("10.1.2", String::new()),
            ("fd00::1", "[fd00::1] [fd00::1]:8443".to_owned()),
            ("[fd00::1]", "[fd00::1] [fd00::1]:8443".to_owned()),
            ("[fd00::1]:8443", "[fd00::1]:8443".to_owned()),
            ("fd00::/8", "[fd00::1] [fd00::1]:8443".to_owned()),
            ("b\u{fc}cher.example", "xn--bcher-kva.example".to_owned()),
        ] {
            assert_eq!(direct(list), expected, "NO_PROXY={list}");
        }
        assert_eq!(direct("other.test, *").split(' ').count(), HOSTS.len());
    }
}
