//! Addresses at which load balancers take requests, and the target groups that they send them to.

use crate::untyped::Element;

/// Returns the ARNs of the target groups that `actions`, those of a rule or of a listener, forward to. None for other actions.
pub fn forwards<'a>(actions: impl Iterator<Item = &'a Element>) -> Vec<String> {
    let arn = |element: &Element| element.text_of("TargetGroupArn").map(str::to_owned);
    let forwards = actions.filter(|action| action.text_of("Type") == Some("forward"));
    let groups = forwards.flat_map(|action| {
        let weighed =
            action.child("ForwardConfig").into_iter().flat_map(|config| config.items("TargetGroups"));
        let weighed: Vec<String> = weighed.filter_map(arn).collect();
        if weighed.is_empty() { arn(action).into_iter().collect() } else { weighed }
    });
    groups.collect()
}

/// Returns the address at which a listener with this protocol and port takes requests for `host` and a path that fits `path`, a
/// pattern.
#[must_use]
pub fn address(protocol: &str, port: &str, host: &str, path: Option<&str>) -> String {
    let path = path.unwrap_or("/").split(['*', '?']).next().unwrap_or("/");
    let protocol = protocol.to_ascii_lowercase();
    let port = match (protocol.as_str(), port) {
        ("http", "80") | ("https", "443") => String::new(),
        (_, port) => format!(":{port}"),
    };
    match protocol.as_str() {
        "http" | "https" => format!("{protocol}://{host}{port}{path}"),
        _ => format!("{protocol}://{host}{port}"),
    }
}

/// Returns true if `host` stands for one host: it is no pattern.
#[must_use]
pub fn is_host(host: &str) -> bool {
    !host.contains(['*', '?'])
}
