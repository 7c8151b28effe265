//! The proxy that the environment names.

use std::ffi::{OsStr, OsString};

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use longshore_model::{Failure, FailureKind};

/// Refuses variables of the environment that should name a proxy and do not. The HTTP clients pass over such a value and
/// connect directly, and what was meant for a proxy's eyes only leaves by another way.
///
/// # Errors
/// When one that counts is not the URL of an HTTP proxy. The value is not repeated: it may hold a password.
pub fn check_proxies() -> Result<(), Failure> {
    check(&|name| std::env::var_os(name))
}

/// As the clients read the variables: the name in capitals goes before the other, even where it is empty, and `ALL_PROXY`
/// counts where one of the others is not set.
fn check(look_up: &dyn Fn(&str) -> Option<OsString>) -> Result<(), Failure> {
    let set = |names: [&'static str; 2]| {
        let (name, value) = names.iter().find_map(|name| Some((*name, look_up(name)?)))?;
        (!value.is_empty()).then_some((name, value))
    };
    let (https, http) = (set(["HTTPS_PROXY", "https_proxy"]), set(["HTTP_PROXY", "http_proxy"]));
    let all = set(["ALL_PROXY", "all_proxy"]).filter(|_| https.is_none() || http.is_none());
    for (name, value) in [https, http, all].into_iter().flatten() {
        judge(&value).map_err(|what| {
            Failure::new(FailureKind::Invalid, format!("the environment variable {name} {what}")).at(name).help(
                "set it to the URL of an HTTP proxy, such as http://proxy.example.com:8080, or unset it; its value is \
                 not shown here, because it may hold a password",
            )
        })?;
    }
    Ok(())
}

/// What is wrong with a proxy's URL. The clients' own parser says whether they would use it.
fn judge(value: &OsStr) -> Result<(), &'static str> {
    const NO_URL: &str = "is not the URL of a proxy: nothing would be sent through it";
    let value = value.to_str().ok_or(NO_URL)?;
    let anywhere = Uri::from_static("http://registry.example.com/");
    let proxy = Matcher::builder().all(value).build().intercept(&anywhere).ok_or(NO_URL)?;
    if proxy.uri().scheme_str().is_some_and(|scheme| scheme.starts_with("socks")) {
        return Err("names a SOCKS proxy, which is not supported");
    }
    // A port that is none is taken for the scheme's own.
    let authority = proxy.uri().authority().ok_or(NO_URL)?;
    match authority.as_str().strip_prefix(authority.host()) {
        _ if authority.host().is_empty() => Err("names no host"),
        Some("") => Ok(()),
        _ if authority.port_u16().is_some() => Ok(()),
        _ => Err("names a port that is none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct-horse-battery-staple";

    /// Why these variables are refused.
    fn refused(variables: &[(&str, &str)]) -> Option<String> {
        let look_up = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).into())
        };
        let failure = check(&look_up).err()?;
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
            assert!(check(&|name| (name == "HTTPS_PROXY").then(|| bytes.clone())).is_err());
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
        // Nobody reads the second.
        assert_eq!(refused(&[("HTTPS_PROXY", good), ("https_proxy", "::bad")]), None);
        assert_eq!(refused(&[("HTTPS_PROXY", ""), ("https_proxy", "::bad")]), None);
    }
}
