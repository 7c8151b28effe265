//! Rules of security groups.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Ec2, SecurityGroup,
    cidr::Cidr,
    describe,
    filter::Filterable,
    resource::{self, Resource as _, absent},
    tags::{self, Tags},
};
use crate::{ApiError, Call, Ids, partition};

/// The most rules of a group in one direction.
const MOST: usize = 60;

/// A rule of a security group: one protocol with its ports, one peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) id: String,
    /// The id of its security group.
    pub(super) group: String,
    pub(super) region: String,
    pub(super) traffic: Traffic,
    pub(super) description: Option<String>,
    pub(super) tags: Tags,
}

/// The traffic that a rule allows: its identity in a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Traffic {
    pub(super) is_egress: bool,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    protocol: String,
    /// -1 for all.
    from: i64,
    /// -1 for all.
    to: i64,
    peer: Peer,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Peer {
    Group(String),
    Ipv4(String),
    Ipv6(String),
    PrefixList(String),
}

impl Traffic {
    /// All traffic to or from a peer.
    fn all(is_egress: bool, peer: Peer) -> Self {
        Self { is_egress, protocol: "-1".to_owned(), from: -1, to: -1, peer }
    }

    /// The traffic out that each new group allows.
    pub(super) fn outwards() -> Self {
        Self::all(true, Peer::Ipv4("0.0.0.0/0".to_owned()))
    }

    /// The traffic between the members of a group, which the default group of a VPC allows.
    pub(super) fn within(group: &str) -> Self {
        Self::all(false, Peer::Group(group.to_owned()))
    }

    /// The id of the group that is its peer.
    pub(super) fn peer_group(&self) -> Option<&str> {
        if let Peer::Group(group) = &self.peer { Some(group) } else { None }
    }

    /// Returns true if it lets HTTPS in, from an address or from the members of groups.
    pub(super) fn admits_https(&self, address: &str, groups: &[String]) -> bool {
        let has_port =
            self.protocol == "-1" || (self.protocol == "tcp" && (self.from..=self.to).contains(&443));
        let has_peer = match &self.peer {
            Peer::Group(id) => groups.contains(id),
            Peer::Ipv4(cidr) => Cidr::parse(cidr).is_some_and(|block| block.has(address)),
            Peer::Ipv6(_) | Peer::PrefixList(_) => false,
        };
        !self.is_egress && has_port && has_peer
    }

    /// The words with which EC2 names it in a refusal.
    fn shown(&self) -> String {
        let (Peer::Group(peer) | Peer::Ipv4(peer) | Peer::Ipv6(peer) | Peer::PrefixList(peer)) = &self.peer;
        match self.protocol.as_str() {
            "-1" => format!("peer: {peer}, ALL, ALLOW"),
            protocol => format!(
                "peer: {peer}, {}, from port: {}, to port: {}, ALLOW",
                protocol.to_uppercase(),
                self.from,
                self.to
            ),
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("InvalidParameterValue", message)
}

fn missing(name: &str) -> ApiError {
    ApiError::new("MissingParameter", format!("The request must contain the parameter {name}"))
}

/// Checks the description of a group or of a rule: `kind` is what the message calls it.
pub(super) fn checked_description(kind: &str, description: &str) -> Result<String, ApiError> {
    let is_sound = description.chars().count() < 256
        && description
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(one));
    if is_sound {
        return Ok(description.to_owned());
    }
    Err(invalid(format!(
        "Invalid {kind}. Valid descriptions are strings less than 256 characters from the following set:  \
         a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
    )))
}

/// Protocol and ports of an `IpPermission` or of a `SecurityGroupRuleRequest`.
fn ports(given: &Value) -> Result<(String, i64, i64), ApiError> {
    let protocol = text(given, "IpProtocol").ok_or_else(|| missing("ipProtocol"))?.to_lowercase();
    let protocol = match protocol.as_str() {
        "-1" | "all" => return Ok(("-1".to_owned(), -1, -1)),
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        known @ ("tcp" | "udp" | "icmp" | "icmpv6") => known,
        // Rules for another protocol are for all of it.
        number if number.parse::<u8>().is_ok() => return Ok((number.to_owned(), -1, -1)),
        other => {
            return Err(invalid(format!("Invalid value '{other}' for IP protocol. Unknown protocol.")));
        }
    };
    let number = |name: &str| {
        let value = given.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    };
    let (from, to) = (number("FromPort"), number("ToPort"));
    if protocol.starts_with("icmp") {
        return Ok((protocol.to_owned(), from.unwrap_or(-1), to.unwrap_or(-1)));
    }
    let (Some(from), Some(to)) = (from, to) else {
        return Err(invalid(
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
        ));
    };
    if !(0..=65_535).contains(&from) || !(0..=65_535).contains(&to) || from > to {
        return Err(invalid(format!("Invalid TCP/UDP port range ({from}:{to})")));
    }
    Ok((protocol.to_owned(), from, to))
}

/// A CIDR block in its canonical form, without the bits of a host.
fn canonical(cidr: &str) -> Result<Peer, ApiError> {
    let parsed = cidr.split_once('/').and_then(|(address, length)| {
        let length: u32 = length.parse().ok()?;
        if let Ok(address) = address.parse::<Ipv4Addr>() {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(length)?).unwrap_or_default();
            return Some(Peer::Ipv4(format!("{}/{length}", Ipv4Addr::from(address.to_bits() & mask))));
        }
        let address: Ipv6Addr = address.parse().ok()?;
        let mask = u128::MAX.checked_shl(128_u32.checked_sub(length)?).unwrap_or_default();
        Some(Peer::Ipv6(format!("{}/{length}", Ipv6Addr::from(address.to_bits() & mask))))
    });
    parsed.ok_or_else(|| invalid(format!("CIDR block {cidr} is malformed")))
}

fn cidr(given: &str, is_v6: bool) -> Result<Peer, ApiError> {
    let peer = canonical(given)?;
    if matches!(peer, Peer::Ipv6(_)) == is_v6 {
        return Ok(peer);
    }
    Err(invalid(format!("CIDR block {given} is malformed")))
}

fn prefix_list(id: &str) -> Result<Peer, ApiError> {
    if id.starts_with("pl-") {
        return Ok(Peer::PrefixList(id.to_owned()));
    }
    let text = format!("The prefix list ID '{id}' does not exist");
    Err(ApiError::new("InvalidPrefixListID.NotFound", text))
}

/// A group of the same VPC, by id or by name.
fn peer_group(ec2: &Ec2, group: &SecurityGroup, given: &Value) -> Result<Peer, ApiError> {
    let (id, name) = (text(given, "GroupId"), text(given, "GroupName"));
    let mut here = ec2.security_groups.values().filter(|other| other.vpc == group.vpc);
    let found = here.find(|other| match id {
        Some(id) => other.id == id,
        None => Some(other.name.as_str()) == name,
    });
    found
        .map(|found| Peer::Group(found.id.clone()))
        .ok_or_else(|| absent::<SecurityGroup>(id.or(name).unwrap_or_default()))
}

/// The rules that a call asks for: traffic and description.
fn given(
    ec2: &Ec2,
    group: &SecurityGroup,
    call: &Call,
    is_egress: bool,
) -> Result<Vec<(Traffic, Option<String>)>, ApiError> {
    let flat = flat_permission(call);
    let permissions = match call.list("IpPermissions") {
        [] => flat.as_slice(),
        permissions => permissions,
    };
    let mut rules = Vec::new();
    for permission in permissions {
        let (protocol, from, to) = ports(permission)?;
        let before = rules.len();
        for (list, member) in [
            ("Groups", ""),
            ("IpRanges", "CidrIp"),
            ("Ipv6Ranges", "CidrIpv6"),
            ("PrefixListIds", "PrefixListId"),
        ] {
            for entry in permission.get(list).and_then(Value::as_array).into_iter().flatten() {
                let value = text(entry, member).unwrap_or_default();
                let peer = match list {
                    "Groups" => peer_group(ec2, group, entry)?,
                    "PrefixListIds" => prefix_list(value)?,
                    _ => cidr(value, list == "Ipv6Ranges")?,
                };
                let description = text(entry, "Description").filter(|text| !text.is_empty());
                let description =
                    description.map(|text| checked_description("rule description", text)).transpose()?;
                let protocol = protocol.clone();
                rules.push((Traffic { is_egress, protocol, from, to, peer }, description));
            }
        }
        if rules.len() == before {
            return Err(invalid("Invalid value '[]' for IP range. At least one peer must be specified"));
        }
    }
    if rules.is_empty() {
        return Err(missing("ipPermissions"));
    }
    Ok(rules)
}

/// The permission that a call names by members of its own, as older clients do.
fn flat_permission(call: &Call) -> Option<Value> {
    call.text("IpProtocol")?;
    let mut permission = Map::new();
    for member in ["IpProtocol", "FromPort", "ToPort"] {
        permission.extend(call.input.get(member).map(|value| (member.to_owned(), value.clone())));
    }
    if let Some(cidr) = call.text("CidrIp") {
        permission.insert("IpRanges".to_owned(), json!([{ "CidrIp": cidr }]));
    }
    if let Some(name) = call.text("SourceSecurityGroupName") {
        permission.insert("Groups".to_owned(), json!([{ "GroupName": name }]));
    }
    Some(Value::Object(permission))
}

/// The security group that a call is about.
fn group<'a>(ec2: &'a Ec2, call: &Call) -> Result<&'a SecurityGroup, ApiError> {
    let id = call.text("GroupId").ok_or_else(|| missing("groupId"))?;
    ec2.security_group(id)
        .filter(|group| group.region == call.region)
        .ok_or_else(|| absent::<SecurityGroup>(id))
}

/// Adds rules to a group: all of them, or none.
pub(super) fn authorize(
    ec2: &mut Ec2,
    ids: &mut Ids,
    account: &str,
    call: &Call,
    is_egress: bool,
) -> Result<Value, ApiError> {
    let (id, rules) = {
        let group = group(ec2, call)?;
        (group.id.clone(), given(ec2, group, call, is_egress)?)
    };
    let tags = tags::given(call, Rule::TYPE)?;
    let mut known: BTreeSet<&Traffic> = ec2.rules_of(&id).map(|rule| &rule.traffic).collect();
    for (traffic, _) in &rules {
        if !known.insert(traffic) {
            let text = format!("the specified rule \"{}\" already exists", traffic.shown());
            return Err(ApiError::new("InvalidPermission.Duplicate", text));
        }
    }
    if known.iter().filter(|traffic| traffic.is_egress == is_egress).count() > MOST {
        let text = "The maximum number of rules per security group has been reached.";
        return Err(ApiError::new("RulesPerSecurityGroupLimitExceeded", text));
    }
    let mut made = Vec::new();
    for (traffic, description) in rules {
        let rule = Rule {
            id: format!("sgr-{}", ids.hex(17)),
            group: id.clone(),
            region: call.region.clone(),
            traffic,
            description,
            tags: tags.clone(),
        };
        made.push(rule_json(&rule, account));
        ec2.rules.insert(rule.id.clone(), rule);
    }
    Ok(json!({ "return": true, "securityGroupRuleSet": made }))
}

/// Removes rules from a group, by their ids or by their traffic: all of them, or none.
pub(super) fn revoke(ec2: &mut Ec2, call: &Call, is_egress: bool) -> Result<Value, ApiError> {
    let named = call.texts("SecurityGroupRuleId");
    let mut gone = BTreeSet::new();
    {
        let group = group(ec2, call)?;
        for id in &named {
            let rule = ec2.rules.get(id).filter(|rule| rule.group == group.id);
            let rule =
                rule.filter(|rule| rule.traffic.is_egress == is_egress).ok_or_else(|| absent::<Rule>(id))?;
            gone.insert(rule.id.clone());
        }
        let traffic = if named.is_empty() { given(ec2, group, call, is_egress)? } else { Vec::new() };
        for (traffic, _) in traffic {
            let rule = ec2.rules_of(&group.id).find(|rule| rule.traffic == traffic).ok_or_else(|| {
                let text = "The specified rule does not exist in this security group.";
                ApiError::new("InvalidPermission.NotFound", text)
            })?;
            gone.insert(rule.id.clone());
        }
    }
    ec2.rules.retain(|id, _| !gone.contains(id));
    Ok(json!({ "return": true }))
}

/// Gives rules other traffic and another description.
pub(super) fn modify(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let mut changed = Vec::new();
    {
        let group = group(ec2, call)?;
        let updates = call.list("SecurityGroupRule");
        if updates.is_empty() {
            return Err(missing("SecurityGroupRules"));
        }
        for update in updates {
            let id = text(update, "SecurityGroupRuleId").ok_or_else(|| missing("SecurityGroupRuleId"))?;
            let known =
                ec2.rules.get(id).filter(|rule| rule.group == group.id).ok_or_else(|| absent::<Rule>(id))?;
            let wanted = update.get("SecurityGroupRule").ok_or_else(|| missing("SecurityGroupRule"))?;
            let (protocol, from, to) = ports(wanted)?;
            let peers = ["CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId"]
                .iter()
                .filter_map(|member| Some((*member, text(wanted, member)?)));
            let peer = match peers.collect::<Vec<_>>().as_slice() {
                [("ReferencedGroupId", id)] => peer_group(ec2, group, &json!({ "GroupId": id }))?,
                [("PrefixListId", id)] => prefix_list(id)?,
                [(member, block)] => cidr(block, *member == "CidrIpv6")?,
                _ => return Err(invalid("Exactly one peer must be specified for a security group rule")),
            };
            let description = text(wanted, "Description").filter(|text| !text.is_empty());
            let description =
                description.map(|text| checked_description("rule description", text)).transpose()?;
            let traffic = Traffic { is_egress: known.traffic.is_egress, protocol, from, to, peer };
            if ec2.rules_of(&group.id).any(|rule| rule.id != id && rule.traffic == traffic) {
                let text = format!("the specified rule \"{}\" already exists", traffic.shown());
                return Err(ApiError::new("InvalidPermission.Duplicate", text));
            }
            changed.push(Rule { traffic, description, ..known.clone() });
        }
    }
    ec2.rules.extend(changed.into_iter().map(|rule| (rule.id.clone(), rule)));
    Ok(json!({ "return": true }))
}

pub(super) fn describe(ec2: &Ec2, account: &str, call: &Call) -> Result<Value, ApiError> {
    let render = |rule: &Rule| rule_json(rule, account);
    resource::describe(ec2.rules.values(), call, "SecurityGroupRuleId", "securityGroupRuleSet", render)
}

fn rule_arn(rule: &Rule, account: &str) -> String {
    partition::arn("ec2", &rule.region, account, format_args!("{}/{}", Rule::TYPE, rule.id))
}

fn rule_json(rule: &Rule, account: &str) -> Value {
    let Traffic { is_egress, protocol, from, to, peer } = &rule.traffic;
    let mut value = json!({
        "securityGroupRuleId": rule.id,
        "securityGroupRuleArn": rule_arn(rule, account),
        "groupId": rule.group,
        "groupOwnerId": account,
        "isEgress": is_egress,
        "ipProtocol": protocol,
        "fromPort": from,
        "toPort": to,
        "description": rule.description,
        "tagSet": describe::tags(&rule.tags),
    });
    let (member, shown) = match peer {
        Peer::Group(id) => ("referencedGroupInfo", json!({ "groupId": id, "userId": account })),
        Peer::Ipv4(cidr) => ("cidrIpv4", json!(cidr)),
        Peer::Ipv6(cidr) => ("cidrIpv6", json!(cidr)),
        Peer::PrefixList(id) => ("prefixListId", json!(id)),
    };
    value[member] = shown;
    value
}

/// The rules of a group in one direction, as descriptions of the group have them: by protocol and ports.
pub(super) fn permissions(ec2: &Ec2, group: &str, account: &str, is_egress: bool) -> Value {
    let mut by_ports: BTreeMap<(&str, i64, i64), [Vec<Value>; 4]> = BTreeMap::new();
    for rule in ec2.rules_of(group).filter(|rule| rule.traffic.is_egress == is_egress) {
        let Traffic { protocol, from, to, peer, .. } = &rule.traffic;
        let (list, mut shown) = match peer {
            Peer::Group(id) => (0, json!({ "userId": account, "groupId": id })),
            Peer::Ipv4(cidr) => (1, json!({ "cidrIp": cidr })),
            Peer::Ipv6(cidr) => (2, json!({ "cidrIpv6": cidr })),
            Peer::PrefixList(id) => (3, json!({ "prefixListId": id })),
        };
        shown["description"] = json!(rule.description);
        by_ports.entry((protocol, *from, *to)).or_default()[list].push(shown);
    }
    let permissions = by_ports.into_iter().map(|((protocol, from, to), [groups, v4, v6, prefix_lists])| {
        let has_ports = protocol != "-1";
        json!({
            "ipProtocol": protocol,
            "fromPort": has_ports.then_some(from),
            "toPort": has_ports.then_some(to),
            "groups": groups,
            "ipRanges": v4,
            "ipv6Ranges": v6,
            "prefixListIds": prefix_lists,
        })
    });
    permissions.collect()
}

impl Filterable for Rule {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(vec![match filter {
            "group-id" => self.group.clone(),
            "security-group-rule-id" => self.id.clone(),
            _ => return None,
        }])
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }
}
