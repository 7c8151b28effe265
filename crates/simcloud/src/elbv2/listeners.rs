//! Listeners.

use serde_json::{Value, json};

use super::{
    action,
    error::{no_listener, validation},
    names,
    rules::come_into_use,
    state::{Elbv2, Listener, Rule, Tags, is_in},
    tags,
};
use crate::{ApiError, Call, World};

/// The most of a load balancer.
const MOST: usize = 50;
/// The policy of a listener with TLS that names none.
const SSL_POLICY: &str = "ELBSecurityPolicy-2016-08";

fn json(elbv2: &Elbv2, arn: &str, listener: &Listener) -> Value {
    let certificates: Vec<Value> =
        listener.certificates.iter().map(|arn| json!({ "CertificateArn": arn })).collect();
    let actions = elbv2.default_rule(arn).map(|rule| rule.actions.clone());
    let is_https = listener.protocol == "HTTPS";
    json!({
        "ListenerArn": arn,
        "LoadBalancerArn": listener.load_balancer,
        "Port": listener.port,
        "Protocol": listener.protocol,
        "Certificates": is_https.then_some(certificates),
        "SslPolicy": listener.ssl_policy,
        "DefaultActions": actions,
        "MutualAuthentication": is_https.then(|| json!({ "Mode": "off" })),
    })
}

fn port(call: &Call) -> Result<Option<u16>, ApiError> {
    let Some(port) = call.number("Port") else { return Ok(None) };
    let port = u16::try_from(port).ok().filter(|port| *port > 0);
    port.map(Some).ok_or_else(|| validation("The port must be between 1 and 65535"))
}

/// Protocol, certificates and policy, as the call changes those of a listener, if there is one.
fn transport(
    call: &Call,
    known: Option<&Listener>,
) -> Result<(String, Vec<String>, Option<String>), ApiError> {
    let protocol = match call.text("Protocol").or(known.map(|known| known.protocol.as_str())) {
        Some(protocol @ ("HTTP" | "HTTPS")) => protocol.to_owned(),
        Some(other) => {
            return Err(ApiError::new(
                "UnsupportedProtocol",
                format!("Protocol '{other}' is not supported for load balancers of type 'application'"),
            ));
        }
        None => return Err(validation("A protocol must be specified")),
    };
    let given: Vec<String> = call
        .list("Certificates")
        .iter()
        .filter_map(|certificate| Some(certificate.get("CertificateArn")?.as_str()?.to_owned()))
        .collect();
    if protocol == "HTTP" {
        if !given.is_empty() || call.text("SslPolicy").is_some() {
            return Err(validation(
                "Certificates and a security policy cannot be specified for a listener with protocol 'HTTP'",
            ));
        }
        return Ok((protocol, Vec::new(), None));
    }
    // The simulated cloud has no Certificate Manager: an ARN of one in the region will do.
    let is_certificate = |arn: &String| {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        matches!(parts.as_slice(), ["arn", _, "acm", region, _, id] if *region == call.region && id.starts_with("certificate/"))
            || matches!(parts.as_slice(), ["arn", _, "iam", "", _, id] if id.starts_with("server-certificate/"))
    };
    if let Some(arn) = given.iter().find(|arn| !is_certificate(arn)) {
        return Err(ApiError::new("CertificateNotFound", format!("Certificate ARN '{arn}' is not valid")));
    }
    let kept = known.map(|known| known.certificates.clone()).unwrap_or_default();
    let certificates = if given.is_empty() { kept } else { given };
    if certificates.is_empty() {
        return Err(validation("A certificate must be specified for HTTPS listeners"));
    }
    if certificates.len() > 1 {
        return Err(ApiError::new(
            "TooManyCertificates",
            "You have specified too many certificates. A listener has one default certificate",
        ));
    }
    let policy = call.text("SslPolicy").or(known.and_then(|known| known.ssl_policy.as_deref()));
    let policy = policy.unwrap_or(SSL_POLICY);
    if !policy.starts_with("ELBSecurityPolicy-") {
        return Err(ApiError::new("SSLPolicyNotFound", format!("SSL policy '{policy}' not found")));
    }
    Ok((protocol, certificates, Some(policy.to_owned())))
}

/// The same settings succeed again, and create nothing.
pub(super) fn create(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let balancer = call.required("LoadBalancerArn", "ValidationError")?;
    world.elbv2.find_load_balancer(balancer)?;
    let port = port(call)?.ok_or_else(|| validation("A port must be specified"))?;
    let (protocol, certificates, ssl_policy) = transport(call, None)?;
    let actions = action::checked(&world.elbv2, call, "DefaultActions", balancer)?;
    let tags = tags::given(call)?;
    let World { elbv2, ids, .. } = world;
    let mut of_balancer = elbv2.listeners.iter().filter(|(_, known)| known.load_balancer == balancer);
    if let Some((arn, known)) = of_balancer.clone().find(|(_, known)| known.port == port) {
        let is_same = known.protocol == protocol
            && known.certificates == certificates
            && known.tags == tags
            && elbv2.default_rule(arn).is_some_and(|rule| rule.actions == actions);
        if is_same {
            return Ok(json!({ "Listeners": [json(elbv2, arn, known)] }));
        }
        return Err(ApiError::new(
            "DuplicateListener",
            format!("A listener already exists on this port for this load balancer '{balancer}'"),
        ));
    }
    if of_balancer.nth(MOST - 1).is_some() {
        return Err(ApiError::new(
            "TooManyListeners",
            format!("The maximum number of listeners '{MOST}' has been reached"),
        ));
    }
    let arn = format!("{}/{}", balancer.replacen(":loadbalancer/", ":listener/", 1), ids.hex(16));
    let listener =
        Listener { load_balancer: balancer.to_owned(), port, protocol, certificates, ssl_policy, tags };
    let rule =
        Rule { listener: arn.clone(), priority: None, conditions: Vec::new(), actions, tags: Tags::new() };
    let rule_arn = super::rules::new_arn(&arn, ids);
    come_into_use(world, call.now, &rule.actions);
    world.elbv2.listeners.insert(arn.clone(), listener);
    world.elbv2.rules.insert(rule_arn, rule);
    answer(&world.elbv2, &arn)
}

fn answer(elbv2: &Elbv2, arn: &str) -> Result<Value, ApiError> {
    Ok(json!({ "Listeners": [json(elbv2, arn, elbv2.find_listener(arn)?)] }))
}

pub(super) fn describe(world: &World, call: &Call) -> Result<Value, ApiError> {
    let elbv2 = &world.elbv2;
    let arns = call.texts("ListenerArns");
    let found: Vec<Value> = match (call.text("LoadBalancerArn"), arns.as_slice()) {
        (Some(balancer), []) => {
            elbv2.find_load_balancer(balancer)?;
            let of_balancer = elbv2.listeners.iter().filter(|(_, known)| known.load_balancer == balancer);
            of_balancer.map(|(arn, listener)| json(elbv2, arn, listener)).collect()
        }
        (None, [_, ..]) => arns
            .iter()
            .map(|arn| {
                let listener = elbv2.find_listener(arn)?;
                if is_in(arn, &call.region) { Ok(json(elbv2, arn, listener)) } else { Err(no_listener()) }
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(validation("You must specify either listener ARNs or a load balancer ARN")),
    };
    names::listed(call, "Listeners", found)
}

pub(super) fn modify(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("ListenerArn", "ValidationError")?;
    let mut listener = world.elbv2.find_listener(arn)?.clone();
    let port = port(call)?.unwrap_or(listener.port);
    let is_taken = world.elbv2.listeners.iter().any(|(known, other)| {
        known != arn && other.load_balancer == listener.load_balancer && other.port == port
    });
    if is_taken {
        return Err(ApiError::new(
            "DuplicateListener",
            format!(
                "A listener already exists on this port for this load balancer '{}'",
                listener.load_balancer
            ),
        ));
    }
    (listener.protocol, listener.certificates, listener.ssl_policy) = transport(call, Some(&listener))?;
    listener.port = port;
    if !call.list("DefaultActions").is_empty() {
        let actions = action::checked(&world.elbv2, call, "DefaultActions", &listener.load_balancer)?;
        come_into_use(world, call.now, &actions);
        let mut rules = world.elbv2.rules.values_mut();
        if let Some(rule) = rules.find(|rule| rule.listener == arn && rule.priority.is_none()) {
            rule.actions = actions;
        }
    }
    world.elbv2.listeners.insert(arn.to_owned(), listener);
    answer(&world.elbv2, arn)
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let arn = call.required("ListenerArn", "ValidationError")?;
    world.elbv2.find_listener(arn)?;
    world.elbv2.remove_listener(arn);
    Ok(json!({}))
}
