//! The network: VPCs, subnets and security groups of Amazon EC2.

use std::{collections::BTreeMap, fmt};

use longshore_aws::{
    Aws, code, failure, is_unsupported,
    untyped::{CallError, Element},
};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;
use serde_json::{Value, json};

use crate::api::{Tags, pairs, text};

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) zone: String,
}

/// The other side of the traffic that a rule allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Ipv4(String),
    Ipv6(String),
    Group(String),
    PrefixList(String),
}

/// Traffic that a security group lets in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Permission {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a number, or `-1` for all.
    pub(crate) protocol: String,
    /// First and last port. `None` for all.
    pub(crate) ports: Option<(String, String)>,
    pub(crate) peer: Peer,
}

/// A security group as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecurityGroup {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) vpc: String,
    /// The traffic that it lets in, with the descriptions of the rules.
    pub(crate) ingress: BTreeMap<Permission, Option<String>>,
    pub(crate) tags: Tags,
}

impl Peer {
    /// The names of the lists that hold it in an answer and in a call, and of its member in both.
    const NAMES: [(&'static str, &'static str, &'static str, &'static str); 4] = [
        ("ipRanges", "IpRanges", "cidrIp", "CidrIp"),
        ("ipv6Ranges", "Ipv6Ranges", "cidrIpv6", "CidrIpv6"),
        ("groups", "Groups", "groupId", "GroupId"),
        ("prefixListIds", "PrefixListIds", "prefixListId", "PrefixListId"),
    ];

    fn of(list: &str, value: String) -> Self {
        match list {
            "ipRanges" => Self::Ipv4(value),
            "ipv6Ranges" => Self::Ipv6(value),
            "groups" => Self::Group(value),
            _ => Self::PrefixList(value),
        }
    }

    /// A CIDR block.
    pub(crate) fn block(block: &str) -> Self {
        if block.contains(':') { Self::Ipv6(block.to_owned()) } else { Self::Ipv4(block.to_owned()) }
    }

    fn parts(&self) -> (&'static str, &'static str, &str) {
        let (place, value) = match self {
            Self::Ipv4(value) => (0, value),
            Self::Ipv6(value) => (1, value),
            Self::Group(value) => (2, value),
            Self::PrefixList(value) => (3, value),
        };
        let (_, list, _, member) = Self::NAMES[place];
        (list, member, value)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parts().2)
    }
}

impl Permission {
    /// TCP from a peer to a port.
    pub(crate) fn tcp(port: u32, peer: Peer) -> Self {
        Self { protocol: "tcp".to_owned(), ports: Some((port.to_string(), port.to_string())), peer }
    }

    /// TCP from a peer to each port.
    pub(crate) fn all_tcp(peer: Peer) -> Self {
        Self { protocol: "tcp".to_owned(), ports: Some(("0".to_owned(), "65535".to_owned())), peer }
    }

    fn json(&self, description: Option<&str>) -> Value {
        let (list, member, value) = self.peer.parts();
        let mut permission = json!({ "IpProtocol": self.protocol });
        if let Some((from, to)) = &self.ports {
            permission["FromPort"] = json!(from);
            permission["ToPort"] = json!(to);
        }
        let mut entry = json!({});
        entry[member] = json!(value);
        if let Some(description) = description {
            entry["Description"] = json!(description);
        }
        permission[list] = json!([entry]);
        permission
    }

    /// Protocol and ports as a plan shows them: `tcp 443`.
    pub(crate) fn shown(&self) -> String {
        match &self.ports {
            _ if self.protocol == "-1" => "all".to_owned(),
            Some((from, to)) if from == to => format!("{} {from}", self.protocol),
            Some((from, to)) => format!("{} {from}-{to}", self.protocol),
            None => self.protocol.clone(),
        }
    }
}

impl SecurityGroup {
    /// The traffic that it lets in, with descriptions.
    pub(crate) fn allowed(&self) -> Vec<(&Permission, Option<&str>)> {
        self.ingress.iter().map(|(permission, description)| (permission, description.as_deref())).collect()
    }

    /// Puts new ids in place of those of groups that were made again.
    pub(crate) fn rename_peers(&mut self, new_ids: &BTreeMap<&str, String>) {
        let renamed = std::mem::take(&mut self.ingress).into_iter().map(|(mut permission, description)| {
            if let Peer::Group(id) = &mut permission.peer
                && let Some(new) = new_ids.get(id.as_str())
            {
                id.clone_from(new);
            }
            (permission, description)
        });
        self.ingress = renamed.collect();
    }

    fn of(element: &Element) -> Self {
        let mut ingress = BTreeMap::new();
        for permission in element.items("ipPermissions") {
            let ports = permission.text_of("fromPort").zip(permission.text_of("toPort"));
            let ports = ports.map(|(from, to)| (from.to_owned(), to.to_owned()));
            for (list, _, member, _) in Peer::NAMES {
                ingress.extend(permission.items(list).map(|entry| {
                    let peer = Peer::of(list, text(entry, member));
                    let protocol = text(permission, "ipProtocol");
                    let description = entry.text_of("description").filter(|text| !text.is_empty());
                    (Permission { protocol, ports: ports.clone(), peer }, description.map(str::to_owned))
                }));
            }
        }
        Self {
            id: text(element, "groupId"),
            name: text(element, "groupName"),
            vpc: text(element, "vpcId"),
            ingress,
            tags: element.items("tagSet").map(|tag| (text(tag, "key"), text(tag, "value"))).collect(),
        }
    }
}

/// Tags as EC2 takes them.
fn tags_json<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

fn failed(error: &CallError, operation: &str, what: &str) -> Failure {
    failure(error, format!("ec2:{operation} {what}"))
}

/// Amazon EC2.
#[derive(Clone, Copy)]
pub(crate) struct Network<'a>(pub(crate) &'a Aws);

impl Network<'_> {
    async fn call(
        &self,
        operation: &'static str,
        input: Value,
    ) -> Result<std::result::Result<Element, CallError>> {
        Ok(self.0.ec2().await?.call(operation, input).await)
    }

    /// Calls an operation about `what`. `None` if its error has the code `absent`.
    async fn unless(
        &self,
        operation: &'static str,
        what: &str,
        input: Value,
        absent: &str,
    ) -> Result<Option<Element>> {
        match self.call(operation, input).await? {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if code(&error) == Some(absent) => Ok(None),
            Err(error) => Err(failed(&error, operation, what)),
        }
    }

    /// Calls an operation about `what`.
    async fn done(&self, operation: &'static str, what: &str, input: Value) -> Result<Element> {
        self.call(operation, input).await?.map_err(|error| failed(&error, operation, what))
    }

    /// Returns true if the VPC exists.
    pub(crate) async fn has_vpc(&self, vpc: &str) -> Result<bool> {
        let filter = json!({ "Filter": [{ "Name": "vpc-id", "Value": [vpc] }] });
        let answer = self.done("DescribeVpcs", vpc, filter).await?;
        Ok(answer.items("vpcSet").next().is_some())
    }

    /// The subnets with these ids, as far as they exist.
    pub(crate) async fn subnets(&self, ids: &[&str]) -> Result<Vec<Subnet>> {
        let filter = json!({ "Filter": [{ "Name": "subnet-id", "Value": ids }] });
        let answer = self.done("DescribeSubnets", &ids.join(" "), filter).await?;
        let subnets = answer.items("subnetSet").map(|subnet| Subnet {
            id: text(subnet, "subnetId"),
            vpc: text(subnet, "vpcId"),
            zone: text(subnet, "availabilityZone"),
        });
        Ok(subnets.collect())
    }

    /// The security groups that fit a filter.
    pub(crate) async fn groups(&self, filter: &str, values: &[&str]) -> Result<Vec<SecurityGroup>> {
        let filter = json!({ "Filter": [{ "Name": filter, "Value": values }] });
        let pages = self.0.ec2().await?.pages("DescribeSecurityGroups", filter).await;
        let pages = match pages {
            // An endpoint without EC2 has none.
            Err(error) if is_unsupported(&error) => return Ok(Vec::new()),
            pages => pages.map_err(|error| failed(&error, "DescribeSecurityGroups", &values.join(" ")))?,
        };
        Ok(pages.iter().flat_map(|page| page.items("securityGroupInfo")).map(SecurityGroup::of).collect())
    }

    /// Creates a security group, and returns its id. `None` if the VPC has one of that name.
    pub(crate) async fn create_group(
        &self,
        name: &str,
        description: &str,
        vpc: &str,
        tags: &[(&str, &str)],
    ) -> Result<Option<String>> {
        let input = json!({
            "GroupName": name,
            "GroupDescription": description,
            "VpcId": vpc,
            "TagSpecification": [
                { "ResourceType": "security-group", "Tag": tags_json(tags.iter().copied()) },
            ],
        });
        let answer = self.unless("CreateSecurityGroup", name, input, "InvalidGroup.Duplicate").await?;
        Ok(answer.map(|answer| text(&answer, "groupId")))
    }

    /// Lets traffic into a security group. Returns false if a part of it is let in already.
    pub(crate) async fn authorize(
        &self,
        group: &str,
        permissions: &[(&Permission, Option<&str>)],
    ) -> Result<bool> {
        let permissions: Vec<_> =
            permissions.iter().map(|(permission, description)| permission.json(*description)).collect();
        if permissions.is_empty() {
            return Ok(true);
        }
        let input = json!({ "GroupId": group, "IpPermissions": permissions });
        let answer =
            self.unless("AuthorizeSecurityGroupIngress", group, input, "InvalidPermission.Duplicate").await?;
        Ok(answer.is_some())
    }

    /// Keeps traffic out of a security group.
    pub(crate) async fn revoke(&self, group: &str, permissions: &[&Permission]) -> Result<()> {
        for permission in permissions {
            // One at a time: another run, or an attempt whose answer was lost, may have revoked one of them.
            let input = json!({ "GroupId": group, "IpPermissions": [permission.json(None)] });
            self.unless("RevokeSecurityGroupIngress", group, input, "InvalidPermission.NotFound").await?;
        }
        Ok(())
    }

    pub(crate) async fn add_tags<'t>(
        &self,
        id: &str,
        tags: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<()> {
        let tags = tags_json(tags);
        if tags.as_array().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        self.done("CreateTags", id, json!({ "ResourceId": [id], "Tag": tags })).await.map(drop)
    }

    /// Gives a security group the tags that it had before.
    pub(crate) async fn restore_tags(&self, id: &str, was: &Tags, now: &Tags) -> Result<()> {
        let lost = pairs(was).filter(|(key, value)| now.get(*key).map(String::as_str) != Some(*value));
        self.add_tags(id, lost).await?;
        let new: Vec<_> = now.keys().filter(|key| !was.contains_key(*key)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let new: Vec<_> = new.into_iter().map(|key| json!({ "Key": key })).collect();
        self.done("DeleteTags", id, json!({ "ResourceId": [id], "Tag": new })).await.map(drop)
    }

    /// Deletes a security group. Returns false if a network interface or a rule of another group uses it.
    pub(crate) async fn delete_group(&self, id: &str) -> Result<bool> {
        match self.call("DeleteSecurityGroup", json!({ "GroupId": id })).await? {
            Ok(_) => Ok(true),
            Err(error) => match code(&error) {
                Some("InvalidGroup.NotFound") => Ok(true),
                Some("DependencyViolation") => Ok(false),
                _ => Err(failed(&error, "DeleteSecurityGroup", id)),
            },
        }
    }

    /// The failure of a security group that stays in use.
    pub(crate) fn in_use(id: &str) -> Failure {
        let message = format!(
            "the security group {id} is in use: by a network interface, or by a rule of another group"
        );
        Failure::new(FailureKind::Conflict, message).at(format!("ec2:DeleteSecurityGroup {id}")).help(
            "remove it from tasks, load balancers and rules that Longshore did not make, and run this again",
        )
    }
}
