//! Internet gateways, NAT gateways and the elastic addresses of the latter.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Ec2, change,
    describe::{self, answer},
    filter::Filterable,
    interfaces::{Interface, public_address},
    resource::{self, Resource as _, find, find_mut, named, required},
    tags::{self, Tags},
};
use crate::{ApiError, Call, Ids, Moment, World};

/// The time that a NAT gateway takes to be made, and to be deleted.
const NAT_CHANGES: Duration = Duration::from_secs(10);
/// The time for which a deleted NAT gateway is shown.
const NAT_SHOWN: Duration = Duration::from_secs(60 * 60);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct InternetGateway {
    pub(super) id: String,
    pub(super) region: String,
    /// The VPC that it is attached to.
    pub(super) vpc: Option<String>,
    pub(super) tags: Tags,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NatGateway {
    pub(super) id: String,
    pub(super) region: String,
    pub(super) vpc: String,
    pub(super) subnet: String,
    token: Option<String>,
    allocation: String,
    interface: String,
    address: String,
    created: Moment,
    deleted: Option<Moment>,
    /// False if the VPC had no internet gateway when the NAT gateway was made.
    has_way_out: bool,
    pub(super) tags: Tags,
}

/// An elastic address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Address {
    pub(super) id: String,
    pub(super) region: String,
    pub(super) tags: Tags,
}

impl NatGateway {
    pub(super) fn state(&self, now: Moment) -> &'static str {
        match self.deleted {
            Some(deleted) if now < deleted + NAT_CHANGES => "deleting",
            Some(_) => "deleted",
            None if !self.has_way_out => "failed",
            None if now < self.created + NAT_CHANGES => "pending",
            None => "available",
        }
    }

    fn is_there(&self) -> bool {
        self.deleted.is_none()
    }

    fn json(&self, now: Moment) -> Value {
        let failure =
            (!self.has_way_out).then(|| format!("Network {} has no Internet gateway attached", self.vpc));
        json!({
            "natGatewayId": self.id,
            "vpcId": self.vpc,
            "subnetId": self.subnet,
            "state": self.state(now),
            "failureCode": failure.as_ref().map(|_| "Gateway.NotAttached"),
            "failureMessage": failure,
            "connectivityType": "public",
            "createTime": self.created.iso(),
            "deleteTime": self.deleted.map(Moment::iso),
            "natGatewayAddressSet": [{
                "allocationId": self.allocation,
                "associationId": association(&self.id),
                "networkInterfaceId": self.interface,
                "privateIp": self.address,
                "publicIp": public_address(&self.allocation),
                "isPrimary": true,
                "status": if self.has_way_out { "succeeded" } else { "failed" },
            }],
            "tagSet": describe::tags(&self.tags),
        })
    }
}

/// The id of the association of a NAT gateway with its address.
fn association(nat: &str) -> String {
    nat.replacen("nat-", "eipassoc-", 1)
}

impl InternetGateway {
    fn json(&self, account: &str) -> Value {
        let attachment = self.vpc.as_ref().map(|vpc| json!({ "vpcId": vpc, "state": "available" }));
        json!({
            "internetGatewayId": self.id,
            "ownerId": account,
            "attachmentSet": attachment.into_iter().collect::<Vec<_>>(),
            "tagSet": describe::tags(&self.tags),
        })
    }
}

impl Ec2 {
    pub(super) fn internet_gateway_of(&self, vpc: &str) -> Option<&InternetGateway> {
        self.internet_gateways.values().find(|gateway| gateway.vpc.as_deref() == Some(vpc))
    }

    fn nat_gateway_of(&self, allocation: &str) -> Option<&NatGateway> {
        self.nat_gateways.values().find(|nat| nat.is_there() && nat.allocation == allocation)
    }

    /// The network interfaces of the NAT gateways of a region.
    pub(super) fn nat_interfaces(&self, region: &str) -> impl Iterator<Item = Interface> {
        let here = self.nat_gateways.values().filter(move |nat| nat.is_there() && nat.region == region);
        here.map(|nat| Interface {
            id: nat.interface.clone(),
            subnet: nat.subnet.clone(),
            groups: Some(Vec::new()),
            mac: interface_mac(&nat.interface),
            address: nat.address.clone(),
            is_public: true,
            description: format!("Interface for NAT Gateway {}", nat.id),
            instance_owner: "amazon-aws".to_owned(),
        })
    }
}

/// The hardware address of an interface that EC2 itself makes.
pub(super) fn interface_mac(id: &str) -> String {
    let digits = id.trim_start_matches("eni-");
    let pairs = (0..5).map(|index| digits.get(index * 2..index * 2 + 2).unwrap_or("00"));
    pairs.fold("0a".to_owned(), |mac, pair| mac + ":" + pair)
}

pub(super) fn create_internet_gateway(
    ec2: &mut Ec2,
    ids: &mut Ids,
    account: &str,
    call: &Call,
) -> Result<Value, ApiError> {
    let gateway = InternetGateway {
        id: format!("igw-{}", ids.hex(17)),
        region: call.region.clone(),
        vpc: None,
        tags: tags::given(call, InternetGateway::TYPE)?,
    };
    let answer = json!({ "internetGateway": gateway.json(account) });
    ec2.internet_gateways.insert(gateway.id.clone(), gateway);
    Ok(answer)
}

pub(super) fn describe_internet_gateways(ec2: &Ec2, account: &str, call: &Call) -> Result<Value, ApiError> {
    let render = |gateway: &InternetGateway| gateway.json(account);
    resource::describe(
        ec2.internet_gateways.values(),
        call,
        "InternetGatewayId",
        "internetGatewaySet",
        render,
    )
}

pub(super) fn attach(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let vpc = named(&ec2.vpcs, call, "VpcId")?.id.clone();
    let taken = ec2.internet_gateway_of(&vpc).is_some();
    let gateway = find_mut(&mut ec2.internet_gateways, required(call, "InternetGatewayId")?, call)?;
    if let Some(other) = &gateway.vpc {
        let text = format!("resource {} is already attached to network {other}", gateway.id);
        return Err(ApiError::new("Resource.AlreadyAssociated", text));
    }
    if taken {
        let text = format!("Network {vpc} already has an internet gateway attached");
        return Err(ApiError::new("InvalidParameterValue", text));
    }
    gateway.vpc = Some(vpc);
    Ok(json!({ "return": true }))
}

/// Detaches a gateway from a VPC in which no interface has a public address.
pub(super) fn detach(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let vpc = named(&world.ec2.vpcs, call, "VpcId")?.id.clone();
    let gateway = named(&world.ec2.internet_gateways, call, "InternetGatewayId")?;
    if gateway.vpc.as_ref() != Some(&vpc) {
        let text = format!("resource {} is not attached to network {vpc}", gateway.id);
        return Err(ApiError::new("Gateway.NotAttached", text));
    }
    if super::interfaces::have_public_address(world, call, &vpc) {
        let text = format!(
            "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
        );
        return Err(ApiError::new("DependencyViolation", text));
    }
    let id = gateway.id.clone();
    find_mut(&mut world.ec2.internet_gateways, &id, call)?.vpc = None;
    Ok(json!({ "return": true }))
}

pub(super) fn delete_internet_gateway(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let gateway = named(&ec2.internet_gateways, call, "InternetGatewayId")?;
    if gateway.vpc.is_some() {
        return Err(change::dependency("internetGateway", &gateway.id));
    }
    let id = gateway.id.clone();
    ec2.internet_gateways.remove(&id);
    Ok(json!({ "return": true }))
}

pub(super) fn create_nat_gateway(ec2: &mut Ec2, ids: &mut Ids, call: &Call) -> Result<Value, ApiError> {
    let token = call.text("ClientToken");
    let mut known = ec2.nat_gateways.values();
    if let Some(nat) = known.find(|nat| token.is_some() && nat.token.as_deref() == token) {
        return Ok(json!({ "natGateway": nat.json(call.now), "clientToken": token }));
    }
    let subnet = named(&ec2.subnets, call, "SubnetId")?;
    let allocation = &named(&ec2.addresses, call, "AllocationId")?.id;
    if ec2.nat_gateway_of(allocation).is_some() {
        let text = format!("Elastic IP address [{allocation}] is already associated");
        return Err(ApiError::new("Resource.AlreadyAssociated", text));
    }
    let nat = NatGateway {
        id: format!("nat-{}", ids.hex(17)),
        region: call.region.clone(),
        vpc: subnet.vpc.clone(),
        subnet: subnet.id.clone(),
        token: token.map(str::to_owned),
        allocation: allocation.clone(),
        interface: format!("eni-{}", ids.hex(17)),
        address: subnet.address(ids).unwrap_or_default(),
        created: call.now,
        deleted: None,
        has_way_out: ec2.internet_gateway_of(&subnet.vpc).is_some(),
        tags: tags::given(call, NatGateway::TYPE)?,
    };
    let answer = json!({ "natGateway": nat.json(call.now), "clientToken": token });
    ec2.nat_gateways.insert(nat.id.clone(), nat);
    Ok(answer)
}

pub(super) fn describe_nat_gateways(ec2: &Ec2, call: &Call) -> Result<Value, ApiError> {
    let is_shown = |nat: &&NatGateway| nat.deleted.is_none_or(|deleted| call.now < deleted + NAT_SHOWN);
    let shown = ec2.nat_gateways.values().filter(is_shown);
    resource::describe(shown, call, "NatGatewayId", "natGatewaySet", |nat| nat.json(call.now))
}

pub(super) fn delete_nat_gateway(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let nat = find_mut(&mut ec2.nat_gateways, required(call, "NatGatewayId")?, call)?;
    nat.deleted.get_or_insert(call.now);
    Ok(json!({ "natGatewayId": nat.id }))
}

pub(super) fn allocate(ec2: &mut Ec2, ids: &mut Ids, call: &Call) -> Result<Value, ApiError> {
    let address = Address {
        id: format!("eipalloc-{}", ids.hex(17)),
        region: call.region.clone(),
        tags: tags::given(call, Address::TYPE)?,
    };
    let answer = json!({
        "allocationId": address.id,
        "publicIp": public_address(&address.id),
        "domain": "vpc",
        "publicIpv4Pool": "amazon",
        "networkBorderGroup": call.region,
    });
    ec2.addresses.insert(address.id.clone(), address);
    Ok(answer)
}

pub(super) fn describe_addresses(ec2: &Ec2, account: &str, call: &Call) -> Result<Value, ApiError> {
    resource::describe(ec2.addresses.values(), call, "AllocationId", "addressesSet", |address| {
        let nat = ec2.nat_gateway_of(&address.id);
        json!({
            "allocationId": address.id,
            "publicIp": public_address(&address.id),
            "domain": "vpc",
            "publicIpv4Pool": "amazon",
            "networkBorderGroup": address.region,
            "associationId": nat.map(|nat| association(&nat.id)),
            "networkInterfaceId": nat.map(|nat| &nat.interface),
            "networkInterfaceOwnerId": nat.map(|_| account),
            "privateIpAddress": nat.map(|nat| &nat.address),
            "tagSet": describe::tags(&address.tags),
        })
    })
}

/// The domain names of addresses. None has one, for nothing sets one.
pub(super) fn describe_address_attributes(ec2: &Ec2, call: &Call) -> Result<Value, ApiError> {
    for id in call.texts("AllocationId") {
        find(&ec2.addresses, &id, call)?;
    }
    answer("addressSet", call, Vec::new())
}

/// Refuses to take the address of a NAT gateway away, and knows no other association.
pub(super) fn disassociate(ec2: &Ec2, call: &Call) -> Result<Value, ApiError> {
    let id = required(call, "AssociationId")?;
    let mut here = ec2.nat_gateways.values().filter(|nat| nat.is_there() && nat.region == call.region);
    Err(if here.any(|nat| association(&nat.id) == id) {
        ApiError::new("AuthFailure", "You do not have permission to access the specified resource.")
    } else {
        super::routes::no_association(id)
    })
}

pub(super) fn release(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let id = named(&ec2.addresses, call, "AllocationId")?.id.clone();
    if ec2.nat_gateway_of(&id).is_some() {
        let text = format!("The address with allocation id [{id}] cannot be released as it is in use.");
        return Err(ApiError::new("InvalidIPAddress.InUse", text));
    }
    if let Some(group) = call.text("NetworkBorderGroup").filter(|group| *group != call.region) {
        let text =
            format!("The address with allocation id [{id}] is not in the network border group {group}.");
        return Err(ApiError::new("InvalidParameterValue", text));
    }
    ec2.addresses.remove(&id);
    Ok(json!({ "return": true }))
}

impl Filterable for InternetGateway {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(match filter {
            "internet-gateway-id" => vec![self.id.clone()],
            "attachment.vpc-id" => self.vpc.iter().cloned().collect(),
            "attachment.state" => self.vpc.iter().map(|_| "available".to_owned()).collect(),
            _ => return None,
        })
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Filterable for NatGateway {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(vec![match filter {
            "nat-gateway-id" => self.id.clone(),
            "vpc-id" => self.vpc.clone(),
            "subnet-id" => self.subnet.clone(),
            _ => return None,
        }])
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }
}

impl Filterable for Address {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(vec![match filter {
            "allocation-id" => self.id.clone(),
            "domain" => "vpc".to_owned(),
            "public-ip" => public_address(&self.id),
            _ => return None,
        }])
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }
}
