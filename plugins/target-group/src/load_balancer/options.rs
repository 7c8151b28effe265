//! The options.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr},
};

use longshore_aws::bounded;
use longshore_model::{Fields, Name, Problem, Reference, Text};

use super::observed::name_of_targets;
use crate::options::{attributes, fault_of_name};

/// The longest name of a load balancer.
const LONGEST_NAME: usize = 32;
/// The attribute that `idle-timeout` sets.
const IDLE_TIMEOUT: &str = "idle_timeout.timeout_seconds";
/// The most tags of one's own: a resource can have fifty, some of which are Longshore's.
const MOST_TAGS: usize = 40;

/// The security groups of a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Existing ones.
    Existing(Vec<Text>),
    /// One that the step makes, which lets in requests from these blocks.
    Made(BTreeSet<String>),
}

/// The options of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) name: Option<String>,
    pub(crate) subnets: Vec<Text>,
    /// `internet-facing` or `internal`.
    pub(crate) scheme: &'static str,
    pub(crate) certificate: Option<Text>,
    pub(crate) ssl_policy: Option<String>,
    pub(crate) port: u32,
    pub(crate) access: Access,
    /// True if `ingress` is left out, so that requests come from everywhere.
    pub(crate) is_open_by_default: bool,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Options {
    pub(crate) fn read(options: &longshore_model::Options) -> Result<Self, Vec<Problem>> {
        options.read(|fields| {
            let name = name(fields);
            let subnets = subnets(fields);
            let schemes = [("internet-facing", "internet-facing"), ("internal", "internal")];
            let has_scheme = fields.has("scheme");
            let scheme = fields.choice("scheme", &schemes);
            let certificate = certificate(fields);
            let ssl_policy = ssl_policy(fields, certificate.is_some());
            let port = fields.number("port", 1..=65_535);
            let scheme = if has_scheme { scheme } else { Some("internet-facing") };
            let access = access(fields, scheme);
            let mut attributes =
                fields.table("attributes", |fields| Some(attributes(fields))).unwrap_or_default();
            idle_timeout(fields, &mut attributes);
            let tags = fields.table("tags", |fields| Some(tags(fields))).unwrap_or_default();
            let (access, is_open_by_default) = access?;
            Some(Self {
                name,
                subnets: subnets?,
                scheme: scheme?,
                port: port.unwrap_or(if certificate.is_some() { 443 } else { 80 }),
                certificate,
                ssl_policy,
                access,
                is_open_by_default,
                attributes,
                tags,
            })
        })
    }

    /// The name of the load balancer and of its security group.
    pub(crate) fn name_of(&self, stack: &Name, step: &Name) -> String {
        self.name.clone().unwrap_or_else(|| bounded(&format!("{stack}-{step}"), LONGEST_NAME))
    }

    pub(crate) fn references(&self) -> Vec<Reference> {
        let groups = match &self.access {
            Access::Existing(groups) => groups.as_slice(),
            Access::Made(_) => &[],
        };
        let texts = self.subnets.iter().chain(groups).chain(&self.certificate);
        texts.filter_map(|text| text.reference().cloned()).collect()
    }

    /// The ports that take requests: of the listener, and of the redirect to it.
    pub(crate) fn ports(&self) -> Vec<u32> {
        [Some(self.port), self.redirect_port()].into_iter().flatten().collect()
    }

    /// The port from which requests are redirected to the listener with TLS.
    pub(crate) fn redirect_port(&self) -> Option<u32> {
        (self.certificate.is_some() && self.port != 80).then_some(80)
    }

    pub(crate) const fn protocol(&self) -> &'static str {
        if self.certificate.is_some() { "HTTPS" } else { "HTTP" }
    }
}

/// Returns the fault of a load balancer's name, which its security group has too, if it has one.
pub(super) fn fault(name: &str) -> Option<&'static str> {
    if name.starts_with("internal-") {
        return Some("must not begin with `internal-`: Elastic Load Balancing refuses that");
    }
    if name.starts_with("sg-") {
        return Some("must not begin with `sg-`: its security group has the same name, and EC2 refuses that");
    }
    if name.ends_with(&name_of_targets("")) {
        return Some(
            "must not end in `-targets`: the security group of the targets has the name with that ending",
        );
    }
    fault_of_name(name)
}

fn name(fields: &mut Fields<'_>) -> Option<String> {
    let name = fields.text("name")?;
    if let Some(fault) = fault(&name) {
        fields.problem("name", format!("found \"{name}\""), fault);
        return None;
    }
    Some(name)
}

fn subnets(fields: &mut Fields<'_>) -> Option<Vec<Text>> {
    const WANTED: &str =
        "at least two subnets in different availability zones, such as [\"subnet-0a\", \"subnet-0b\"]";
    if !fields.has("subnets") {
        fields.problem("subnets", "is missing", format!("name {WANTED}"));
        return None;
    }
    let subnets = fields.texts_or_references("subnets")?;
    let distinct: BTreeSet<_> = subnets.iter().collect();
    if distinct.len() < 2 {
        fields.refuse("subnets", WANTED);
        return None;
    }
    Some(subnets)
}

fn certificate(fields: &mut Fields<'_>) -> Option<Text> {
    let certificate = fields.text_or_reference("certificate")?;
    let is_arn = |arn: &str| {
        arn.starts_with("arn:")
            && ((arn.contains(":acm:") && arn.contains(":certificate/"))
                || (arn.contains(":iam:") && arn.contains(":server-certificate/")))
    };
    if let Text::Literal(arn) = &certificate
        && !is_arn(arn)
    {
        let wanted = "must be the ARN of a certificate, such as \
            \"arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012\"";
        fields.problem("certificate", format!("found \"{arn}\""), wanted);
    }
    Some(certificate)
}

fn ssl_policy(fields: &mut Fields<'_>, has_certificate: bool) -> Option<String> {
    let policy = fields.text("ssl-policy")?;
    if !has_certificate {
        fields.problem("ssl-policy", "is set without `certificate`", "set both, or remove it");
    }
    Some(policy)
}

/// The security groups, and whether the whole internet may send requests only because nothing else is declared.
fn access(fields: &mut Fields<'_>, scheme: Option<&str>) -> Option<(Access, bool)> {
    let has_ingress = fields.has("ingress");
    let ingress = fields.texts("ingress");
    if fields.has("security-groups") {
        let groups = fields.texts_or_references("security-groups")?;
        if has_ingress {
            fields.problem(
                "ingress",
                "is set together with `security-groups`",
                "remove one of them: rules of existing groups are not changed",
            );
        }
        if groups.is_empty() {
            fields.problem("security-groups", "is empty", "name a group, or remove it: then one is made");
        }
        return Some((Access::Existing(groups), false));
    }
    if has_ingress {
        let blocks: BTreeSet<String> = ingress?.into_iter().collect();
        for block in &blocks {
            if let Some(help) = fault_of_block(block) {
                fields.problem("ingress", format!("found \"{block}\""), help);
            }
        }
        if blocks.is_empty() {
            fields.problem("ingress", "is empty", "name the blocks that requests come from");
        }
        return Some((Access::Made(blocks), false));
    }
    if scheme == Some("internal") {
        fields.problem(
            "ingress",
            "is missing",
            "name the blocks that requests to the internal load balancer come from, such as [\"10.0.0.0/8\"]",
        );
        return None;
    }
    Some((Access::Made(["0.0.0.0/0".to_owned()].into()), true))
}

/// Returns the fault of a CIDR block: how it should be written.
fn fault_of_block(block: &str) -> Option<String> {
    let parsed = block.split_once('/').and_then(|(address, length)| {
        let length: u32 = length.parse().ok()?;
        if let Ok(address) = address.parse::<Ipv4Addr>() {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(length)?).unwrap_or_default();
            return Some(format!("{}/{length}", Ipv4Addr::from(address.to_bits() & mask)));
        }
        let address: Ipv6Addr = address.parse().ok()?;
        let mask = u128::MAX.checked_shl(128_u32.checked_sub(length)?).unwrap_or_default();
        Some(format!("{}/{length}", Ipv6Addr::from(address.to_bits() & mask)))
    });
    match parsed {
        None => Some("must be a CIDR block, such as \"203.0.113.0/24\"".to_owned()),
        Some(canonical) if canonical != block => {
            Some(format!("must be written as AWS does: \"{canonical}\""))
        }
        Some(_) => None,
    }
}

fn idle_timeout(fields: &mut Fields<'_>, attributes: &mut BTreeMap<String, String>) {
    let Some(seconds) = fields.number("idle-timeout", 1..=4000) else { return };
    if attributes.insert(IDLE_TIMEOUT.to_owned(), seconds.to_string()).is_some() {
        fields.problem(
            "idle-timeout",
            format!("is set together with `attributes.\"{IDLE_TIMEOUT}\"`"),
            "remove one of them",
        );
    }
}

fn tags(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for key in fields.names() {
        let Some(value) = fields.text(&key) else { continue };
        let is_reserved = key.starts_with("aws:") || key.starts_with("longshore:");
        if is_reserved || key.is_empty() || key.chars().count() > 127 || value.chars().count() > 256 {
            let help =
                "keys have 1 to 127 characters, values at most 256; `aws:` and `longshore:` are reserved";
            fields.problem(&key, "is not a possible tag", help);
        }
        tags.insert(key, value);
    }
    if tags.len() > MOST_TAGS {
        fields.problem("", format!("has {} tags", tags.len()), format!("set at most {MOST_TAGS}"));
    }
    tags
}
