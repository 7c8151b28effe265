//! The differences between declared and actual state.

use std::collections::{BTreeMap, BTreeSet};

use longshore_aws::{Ownership, tag_changes};
use longshore_model::{AFTER_APPLY, FieldChange, Shown};

use super::{
    api::{Balancer, Listener, not_found, redirect_to, shown},
    observed::{Observed, REDIRECT_TAG, Surroundings, WantedGroup, front_group, target_group},
    options::{Access, Options},
};
use crate::{
    api::{Tags, pairs},
    network::{Permission, SecurityGroup},
};

/// The security policy of a new listener that declares none: TLS 1.2 and 1.3, which AWS recommends.
const SSL_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";

fn change(field: impl Into<String>, old: Option<&str>, new: &str) -> FieldChange {
    let new = if new == AFTER_APPLY { Shown::AfterApply } else { Shown::text(new) };
    FieldChange::new(field, old.map(Shown::text), Some(new))
}

fn list(ids: &BTreeSet<String>) -> String {
    ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The tags of a resource that differ: those that name the owner, and declared ones.
pub(crate) fn tags<'a>(
    options: &'a Options,
    ownership: &'a Ownership,
    there: &Tags,
) -> Vec<(&'a str, &'a str)> {
    let declared = pairs(&options.tags);
    let declared = declared.filter(|(key, value)| there.get(*key).map(String::as_str) != Some(*value));
    ownership.missing(pairs(there)).into_iter().chain(declared).collect()
}

fn of_tags(prefix: &str, options: &Options, ownership: &Ownership, there: &Tags) -> Vec<FieldChange> {
    tag_changes(prefix, tags(options, ownership, there), pairs(there))
}

/// The declared attributes that differ.
pub(crate) fn attributes<'a>(options: &'a Options, balancer: &Balancer) -> Vec<(&'a str, &'a str)> {
    let declared = pairs(&options.attributes);
    declared
        .filter(|(key, value)| balancer.attributes.get(*key).map(String::as_str) != Some(*value))
        .collect()
}

/// The security groups that the load balancer is to be in. `None` if one of them is still to be made.
pub(crate) fn groups(
    options: &Options,
    around: &Surroundings,
    name: &str,
    observed: &Observed,
) -> Option<BTreeSet<String>> {
    match front_group(options, name) {
        None => around.groups.clone(),
        Some(front) => observed.group(&front, &around.vpc).map(|group| [group.id.clone()].into()),
    }
}

/// A listener as it is to be.
pub(crate) struct WantedListener<'a> {
    pub(crate) port: u32,
    pub(crate) protocol: &'static str,
    pub(crate) certificate: Option<&'a str>,
    pub(crate) ssl_policy: Option<&'a str>,
    pub(crate) actions: serde_json::Value,
    pub(crate) is_redirect: bool,
}

/// The listener that takes requests.
pub(crate) fn listener<'a>(options: &'a Options, certificate: Option<&'a str>) -> WantedListener<'a> {
    WantedListener {
        port: options.port,
        protocol: options.protocol(),
        certificate,
        ssl_policy: options.ssl_policy.as_deref(),
        actions: not_found(),
        is_redirect: false,
    }
}

/// The listener that redirects to the one with TLS, if there is to be one.
pub(crate) fn redirect(options: &Options) -> Option<WantedListener<'static>> {
    options.redirect_port().map(|port| WantedListener {
        port,
        protocol: "HTTP",
        certificate: None,
        ssl_policy: None,
        actions: redirect_to(options.port),
        is_redirect: true,
    })
}

impl<'a> WantedListener<'a> {
    /// The policy of a new listener.
    pub(crate) fn new_ssl_policy(&self) -> Option<&'a str> {
        (self.protocol == "HTTPS").then(|| self.ssl_policy.unwrap_or(SSL_POLICY))
    }

    /// Returns true if a call has to change the listener.
    pub(crate) fn differs(&self, there: &Listener) -> bool {
        !self.changes(Some(there)).is_empty()
    }

    fn changes(&self, there: Option<&Listener>) -> Vec<FieldChange> {
        let field = |name: &str| format!("listener.{}.{name}", self.port);
        let actions = shown(&self.actions);
        let (old_port, old_actions) =
            (there.map(|there| there.port.to_string()), there.map(|there| shown(&there.actions)));
        let policy = if there.is_some() { self.ssl_policy } else { self.new_ssl_policy() };
        let fields = [
            ("Port", old_port.as_deref(), Some(self.port.to_string())),
            ("Protocol", there.map(|there| there.protocol.as_str()), Some(self.protocol.to_owned())),
            (
                "CertificateArn",
                there.and_then(|there| there.certificate.as_deref()),
                self.certificate.map(str::to_owned),
            ),
            ("SslPolicy", there.and_then(|there| there.ssl_policy.as_deref()), policy.map(str::to_owned)),
            ("DefaultActions", old_actions.as_deref(), Some(actions)),
        ];
        let differing = fields.into_iter().filter_map(|(name, old, new)| Some((name, old, new?)));
        let differing = differing.filter(|(_, old, new)| *old != Some(new.as_str()));
        differing.map(|(name, old, new)| change(field(name), old, &new)).collect()
    }
}

/// The traffic of a group, by protocol and ports.
fn by_ports<'a>(permissions: impl Iterator<Item = &'a Permission>) -> BTreeMap<String, BTreeSet<String>> {
    let mut by_ports: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for permission in permissions {
        by_ports.entry(permission.shown()).or_default().insert(permission.peer.to_string());
    }
    by_ports
}

fn of_ingress(wanted: &WantedGroup, there: Option<&SecurityGroup>) -> Vec<FieldChange> {
    let declared = by_ports(wanted.ingress.iter());
    let actual = there.map(|there| by_ports(there.ingress.keys())).unwrap_or_default();
    let ports: BTreeSet<_> = declared.keys().chain(actual.keys()).collect();
    let changed = ports.into_iter().filter(|ports| declared.get(*ports) != actual.get(*ports));
    let changes = changed.map(|ports| {
        let field = format!("{}ingress.{ports}", wanted.prefix);
        let old = actual.get(ports).map(list);
        match declared.get(ports) {
            Some(new) => change(field, old.as_deref(), &list(new)),
            None => FieldChange::new(field, old.map(Shown::text), None),
        }
    });
    changes.collect()
}

fn of_group(
    wanted: &WantedGroup,
    there: Option<&SecurityGroup>,
    options: &Options,
    ownership: &Ownership,
) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    match there {
        None => changes.push(change(format!("{}GroupName", wanted.prefix), None, &wanted.name)),
        Some(there) => {
            let prefix = format!("{}group.tags.", wanted.prefix);
            changes.extend(of_tags(&prefix, options, ownership, &there.tags));
        }
    }
    changes.extend(of_ingress(wanted, there));
    changes
}

/// The fields of a step that is made.
pub(crate) fn of_new(
    options: &Options,
    around: Option<&Surroundings>,
    name: &str,
    observed: &Observed,
    ownership: &Ownership,
) -> Vec<FieldChange> {
    let subnets = around.map_or_else(|| AFTER_APPLY.to_owned(), |around| list(&around.subnets));
    let groups = around.and_then(|around| groups(options, around, name, observed));
    let groups = groups.map_or_else(|| AFTER_APPLY.to_owned(), |groups| list(&groups));
    let certificate = options
        .certificate
        .as_ref()
        .map(|_| around.and_then(|around| around.certificate.as_deref()).unwrap_or(AFTER_APPLY));
    let mut changes = vec![
        change("Scheme", None, options.scheme),
        change("Subnets", None, &subnets),
        change("SecurityGroups", None, &groups),
    ];
    let front = front_group(options, name);
    let vpc = around.map_or("", |around| around.vpc.as_str());
    let front_id = front.as_ref().and_then(|front| observed.group(front, vpc)).map(|group| group.id.as_str());
    for wanted in front.iter().chain(&target_group(options, name, front_id)) {
        // It may be there already: adopted, or left by a run that ended early.
        changes.extend(of_group(wanted, observed.group(wanted, vpc), options, ownership));
    }
    changes.extend(
        pairs(&options.attributes).map(|(key, value)| change(format!("attributes.{key}"), None, value)),
    );
    changes.extend(listener(options, certificate).changes(None));
    changes.extend(redirect(options).iter().flat_map(|redirect| redirect.changes(None)));
    changes
}

/// The fields that differ and that no call changes.
pub(crate) fn unchangeable(
    options: &Options,
    around: &Surroundings,
    balancer: &Balancer,
) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    if balancer.scheme != options.scheme {
        changes.push(change("Scheme", Some(&balancer.scheme), options.scheme));
    }
    if balancer.vpc != around.vpc {
        changes.push(change("VpcId", Some(&balancer.vpc), &around.vpc));
    }
    if balancer.state == "failed" {
        changes.push(change("State", Some("failed"), "active"));
    }
    changes
}

/// The fields that are changed in place.
pub(crate) fn in_place(
    options: &Options,
    around: &Surroundings,
    ownership: &Ownership,
    name: &str,
    balancer: &Balancer,
    observed: &Observed,
) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    if !balancer.is_active() {
        changes.push(change("State", Some(&balancer.state), "active"));
    }
    if balancer.subnets != around.subnets {
        changes.push(change("Subnets", Some(&list(&balancer.subnets)), &list(&around.subnets)));
    }
    let wanted = groups(options, around, name, observed);
    if wanted.as_ref() != Some(&balancer.groups) {
        let new = wanted.map_or_else(|| AFTER_APPLY.to_owned(), |groups| list(&groups));
        changes.push(change("SecurityGroups", Some(&list(&balancer.groups)), &new));
    }
    changes.extend(attributes(options, balancer).into_iter().map(|(key, new)| {
        change(format!("attributes.{key}"), balancer.attributes.get(key).map(String::as_str), new)
    }));
    changes.extend(of_tags("tags.", options, ownership, &balancer.tags));

    let front = front_group(options, name);
    let there = front.as_ref().and_then(|front| observed.group(front, &around.vpc));
    let targets = target_group(options, name, there.map(|group| group.id.as_str()));
    for wanted in front.iter().chain(&targets) {
        changes.extend(of_group(wanted, observed.group(wanted, &around.vpc), options, ownership));
    }
    let leftovers = observed.leftovers(options, ownership, &around.vpc).into_iter();
    changes.extend(leftovers.map(|group| FieldChange::new("GroupId", Some(Shown::text(&group.id)), None)));

    let of_listener = |wanted: &WantedListener<'_>, there: Option<&Listener>| {
        let mut changes = wanted.changes(there);
        if let Some(there) = there {
            let mut marked = there.tags.clone();
            if wanted.is_redirect && !marked.contains_key(REDIRECT_TAG) {
                changes.push(change(format!("listener.{}.tags.{REDIRECT_TAG}", wanted.port), None, "true"));
            }
            marked.remove(REDIRECT_TAG);
            let prefix = format!("listener.{}.tags.", wanted.port);
            changes.extend(of_tags(&prefix, options, ownership, &marked));
        }
        changes
    };
    let main = observed.listener(options, ownership);
    changes.extend(of_listener(&listener(options, around.certificate.as_deref()), main));
    let there = observed.redirect(options, ownership);
    match (redirect(options), there) {
        (Some(redirect), there) => changes.extend(of_listener(&redirect, there)),
        (None, Some(there)) => {
            let old = Shown::text(shown(&there.actions));
            changes.push(FieldChange::new(
                format!("listener.{}.DefaultActions", there.port),
                Some(old),
                None,
            ));
        }
        (None, None) => {}
    }
    changes
}

/// The note about access from the whole internet that the declaration does not ask for.
pub(crate) fn note(options: &Options) -> Option<String> {
    let is_open = options.is_open_by_default && matches!(options.access, Access::Made(_));
    is_open.then(|| {
        "lets in requests from everywhere (0.0.0.0/0), because its scheme is internet-facing: set `ingress` to allow less"
            .to_owned()
    })
}
