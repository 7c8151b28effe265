//! Route tables: the ways that the traffic of subnets takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Ec2, Subnet, Vpc,
    cidr::Cidr,
    describe,
    filter::Filterable,
    resource::{self, Resource as _, find, find_mut, named, required},
    tags::{self, Tags},
};
use crate::{ApiError, Call, Ids, Moment};

/// A route table of a VPC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RouteTable {
    pub(super) id: String,
    pub(super) region: String,
    pub(super) vpc: String,
    token: Option<String>,
    /// The VPC's own addresses, which are routed locally.
    local: String,
    /// The id of a gateway or an endpoint by the destination, which is a block or a prefix list.
    pub(super) routes: BTreeMap<String, String>,
    /// The subnets by the id of the association; that of the main table has none.
    associations: BTreeMap<String, Option<String>>,
    pub(super) tags: Tags,
}

impl RouteTable {
    fn is_main(&self) -> bool {
        self.associations.values().any(Option::is_none)
    }

    fn subnets(&self) -> impl Iterator<Item = &String> {
        self.associations.values().flatten()
    }

    /// The target of the longest route that has the address.
    pub(super) fn target(&self, address: &str) -> Option<&str> {
        let fitting = self.routes.iter().filter_map(|(destination, target)| {
            let block = Cidr::parse(destination).filter(|block| block.has(address))?;
            Some((block.length, target))
        });
        fitting.max_by_key(|(length, _)| *length).map(|(_, target)| target.as_str())
    }

    fn json(&self, ec2: &Ec2, account: &str, now: Moment) -> Value {
        let local = json!({
            "destinationCidrBlock": self.local,
            "gatewayId": "local",
            "state": "active",
            "origin": "CreateRouteTable",
        });
        let outwards = self.routes.iter().map(|(destination, target)| {
            let to = if destination.starts_with("pl-") {
                "destinationPrefixListId"
            } else {
                "destinationCidrBlock"
            };
            let via = if target.starts_with("nat-") { "natGatewayId" } else { "gatewayId" };
            let state = if ec2.is_active(target, &self.vpc, now) { "active" } else { "blackhole" };
            json!({ to: destination, via: target, "state": state, "origin": "CreateRoute" })
        });
        let routes: Vec<Value> = [local].into_iter().chain(outwards).collect();
        let associations = self.associations.iter().map(|(id, subnet)| {
            json!({
                "routeTableAssociationId": id,
                "routeTableId": self.id,
                "subnetId": subnet,
                "main": subnet.is_none(),
                "associationState": { "state": "associated" },
            })
        });
        let associations: Vec<Value> = associations.collect();
        json!({
            "routeTableId": self.id,
            "vpcId": self.vpc,
            "ownerId": account,
            "routeSet": routes,
            "associationSet": associations,
            "propagatingVgwSet": [],
            "tagSet": describe::tags(&self.tags),
        })
    }
}

impl Ec2 {
    /// Gives a VPC the main route table with the id.
    pub(super) fn add_main_route_table(&mut self, id: String, vpc: &Vpc) {
        let association = format!("rtbassoc-{}", id.trim_start_matches("rtb-"));
        let table = RouteTable {
            id: id.clone(),
            region: vpc.region.clone(),
            vpc: vpc.id.clone(),
            token: None,
            local: vpc.cidr.clone(),
            routes: BTreeMap::new(),
            associations: [(association, None)].into(),
            tags: Tags::new(),
        };
        self.route_tables.insert(id, table);
    }

    /// The route table of a subnet: the one that it is associated with, or else the VPC's main one.
    pub(super) fn route_table_of(&self, subnet: &Subnet) -> Option<&RouteTable> {
        let tables = || self.route_tables.values().filter(|table| table.vpc == subnet.vpc);
        let own = tables().find(|table| table.subnets().any(|id| *id == subnet.id));
        own.or_else(|| tables().find(|table| table.is_main()))
    }

    /// Returns true if a VPC has route tables beside its main one.
    pub(super) fn has_further_route_tables(&self, vpc: &str) -> bool {
        self.route_tables.values().any(|table| table.vpc == vpc && !table.is_main())
    }

    /// Removes the associations of a subnet that is deleted.
    pub(super) fn forget_subnet(&mut self, subnet: &str) {
        for table in self.route_tables.values_mut() {
            table.associations.retain(|_, of| of.as_deref() != Some(subnet));
        }
    }

    fn association(&self, call: &Call) -> Result<(&RouteTable, String), ApiError> {
        let id = required(call, "AssociationId")?;
        let mut here = self.route_tables.values().filter(|table| table.region == call.region);
        let table =
            here.find(|table| table.associations.contains_key(id)).ok_or_else(|| no_association(id))?;
        Ok((table, id.to_owned()))
    }
}

pub(super) fn no_association(id: &str) -> ApiError {
    ApiError::new("InvalidAssociationID.NotFound", format!("The association ID '{id}' does not exist"))
}

fn invalid(text: String) -> ApiError {
    ApiError::new("InvalidParameterValue", text)
}

pub(super) fn create(ec2: &mut Ec2, ids: &mut Ids, account: &str, call: &Call) -> Result<Value, ApiError> {
    let token = call.text("ClientToken");
    let mut known = ec2.route_tables.values();
    if let Some(table) = known.find(|table| token.is_some() && table.token.as_deref() == token) {
        return Ok(json!({ "routeTable": table.json(ec2, account, call.now), "clientToken": token }));
    }
    let vpc = named(&ec2.vpcs, call, "VpcId")?;
    let table = RouteTable {
        id: format!("rtb-{}", ids.hex(17)),
        region: call.region.clone(),
        vpc: vpc.id.clone(),
        token: token.map(str::to_owned),
        local: vpc.cidr.clone(),
        routes: BTreeMap::new(),
        associations: BTreeMap::new(),
        tags: tags::given(call, RouteTable::TYPE)?,
    };
    let answer = json!({ "routeTable": table.json(ec2, account, call.now), "clientToken": token });
    ec2.route_tables.insert(table.id.clone(), table);
    Ok(answer)
}

pub(super) fn describe(ec2: &Ec2, account: &str, call: &Call) -> Result<Value, ApiError> {
    let render = |table: &RouteTable| table.json(ec2, account, call.now);
    resource::describe(ec2.route_tables.values(), call, "RouteTableId", "routeTableSet", render)
}

pub(super) fn delete(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let table = named(&ec2.route_tables, call, "RouteTableId")?;
    if !table.associations.is_empty() {
        return Err(super::change::dependency("routeTable", &table.id));
    }
    let id = table.id.clone();
    ec2.route_tables.remove(&id);
    for endpoint in ec2.endpoints.values_mut() {
        endpoint.route_tables.remove(&id);
    }
    Ok(json!({ "return": true }))
}

/// The target of a route that a call names.
fn target(ec2: &Ec2, table: &RouteTable, call: &Call) -> Result<String, ApiError> {
    let vpc = match (call.text("GatewayId"), call.text("NatGatewayId")) {
        (Some(id), None) => find(&ec2.internet_gateways, id, call)?.vpc.as_ref(),
        (None, Some(id)) => Some(&find(&ec2.nat_gateways, id, call)?.vpc),
        _ => {
            let text = "The request must contain exactly one of gatewayId, natGatewayId";
            return Err(ApiError::new("InvalidParameterCombination", text));
        }
    };
    let id = call.text("GatewayId").or(call.text("NatGatewayId")).unwrap_or_default();
    if vpc != Some(&table.vpc) {
        let text = format!("route table {} and network gateway {id} belong to different networks", table.id);
        return Err(invalid(text));
    }
    Ok(id.to_owned())
}

/// Creates a route, or gives the target of an existing one.
pub(super) fn put(ec2: &mut Ec2, call: &Call, replaces: bool) -> Result<Value, ApiError> {
    let table = named(&ec2.route_tables, call, "RouteTableId")?;
    let destination = required(call, "DestinationCidrBlock")?;
    let block = Cidr::given(destination)?;
    let target = target(ec2, table, call)?;
    let is_local = Cidr::parse(&table.local).is_some_and(|local| local == block);
    if !replaces && (is_local || table.routes.contains_key(destination)) {
        let text = format!("The route identified by {destination} already exists.");
        return Err(ApiError::new("RouteAlreadyExists", text));
    }
    if replaces && !table.routes.contains_key(destination) {
        return Err(invalid(format!(
            "There is no route defined for '{destination}' in the route table. Use CreateRoute instead."
        )));
    }
    let id = table.id.clone();
    find_mut(&mut ec2.route_tables, &id, call)?.routes.insert(destination.to_owned(), target);
    Ok(json!({ "return": true }))
}

pub(super) fn delete_route(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let id = required(call, "RouteTableId")?;
    let table = find_mut(&mut ec2.route_tables, id, call)?;
    let destination = required(call, "DestinationCidrBlock")?;
    if destination == table.local {
        return Err(invalid(format!("cannot remove local route {destination} in route table {id}")));
    }
    if table.routes.remove(destination).is_none() {
        let text = format!("no route with destination-cidr-block {destination} in route table {id}");
        return Err(ApiError::new("InvalidRoute.NotFound", text));
    }
    Ok(json!({ "return": true }))
}

pub(super) fn associate(ec2: &mut Ec2, ids: &mut Ids, call: &Call) -> Result<Value, ApiError> {
    let table = named(&ec2.route_tables, call, "RouteTableId")?;
    let subnet = named(&ec2.subnets, call, "SubnetId")?;
    if table.vpc != subnet.vpc {
        return Err(other_network(&table.id, &subnet.id));
    }
    let of = Some(subnet.id.clone());
    if let Some((id, _)) = table.associations.iter().find(|(_, known)| **known == of) {
        return Ok(associated("associationId", id));
    }
    if ec2.route_tables.values().any(|other| other.subnets().any(|id| *id == subnet.id)) {
        let text = format!(
            "the specified association for route table {} conflicts with an existing association",
            table.id
        );
        return Err(ApiError::new("Resource.AlreadyAssociated", text));
    }
    let (table, id) = (table.id.clone(), format!("rtbassoc-{}", ids.hex(17)));
    find_mut(&mut ec2.route_tables, &table, call)?.associations.insert(id.clone(), of);
    Ok(associated("associationId", &id))
}

pub(super) fn disassociate(ec2: &mut Ec2, call: &Call) -> Result<Value, ApiError> {
    let (table, id) = ec2.association(call)?;
    if table.associations[&id].is_none() {
        return Err(invalid(format!("cannot disassociate the main route table association {id}")));
    }
    let table = table.id.clone();
    find_mut(&mut ec2.route_tables, &table, call)?.associations.remove(&id);
    Ok(json!({ "return": true }))
}

/// Moves an association, which may be that of the main table, to another table.
pub(super) fn reassociate(ec2: &mut Ec2, ids: &mut Ids, call: &Call) -> Result<Value, ApiError> {
    let (from, id) = ec2.association(call)?;
    let subnet = from.associations[&id].clone();
    let (from, vpc) = (from.id.clone(), from.vpc.clone());
    let to = named(&ec2.route_tables, call, "RouteTableId")?.id.clone();
    if ec2.route_tables[&to].vpc != vpc {
        return Err(other_network(&to, subnet.as_deref().unwrap_or(&vpc)));
    }
    find_mut(&mut ec2.route_tables, &from, call)?.associations.remove(&id);
    let new = format!("rtbassoc-{}", ids.hex(17));
    find_mut(&mut ec2.route_tables, &to, call)?.associations.insert(new.clone(), subnet);
    Ok(associated("newAssociationId", &new))
}

fn other_network(table: &str, subnet: &str) -> ApiError {
    invalid(format!("route table {table} and subnet {subnet} belong to different networks"))
}

fn associated(member: &str, id: &str) -> Value {
    json!({ member: id, "associationState": { "state": "associated" } })
}

impl Filterable for RouteTable {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        let routed =
            |prefix: &str| self.routes.values().filter(|id| id.starts_with(prefix)).cloned().collect();
        Some(match filter {
            "route-table-id" | "association.route-table-id" => vec![self.id.clone()],
            "vpc-id" => vec![self.vpc.clone()],
            "association.main" => vec![self.is_main().to_string()],
            "association.subnet-id" => self.subnets().cloned().collect(),
            "association.route-table-association-id" => self.associations.keys().cloned().collect(),
            "route.destination-cidr-block" => {
                let blocks = self.routes.keys().filter(|destination| !destination.starts_with("pl-"));
                blocks.chain([&self.local]).cloned().collect()
            }
            "route.gateway-id" => routed("igw-"),
            "route.nat-gateway-id" => routed("nat-"),
            _ => return None,
        })
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }
}
