//! The resources of EC2 that are found, described and tagged alike.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    describe::answer,
    filter::{Filter, Filterable, filtered},
    tags::Tags,
};
use crate::{ApiError, Call};

/// A resource with an id, in a region, with tags.
pub(super) trait Resource: Filterable {
    /// The type in tag specifications and in ARNs.
    const TYPE: &'static str;
    /// The code for an id that does not exist, and the words for the resource in its message.
    const ABSENT: (&'static str, &'static str);

    fn id(&self) -> &str;
    fn region(&self) -> &str;
    fn tags_mut(&mut self) -> &mut Tags;

    /// The first criterion of the order in descriptions; the second one is the id.
    fn rank(&self) -> &str {
        ""
    }
}

macro_rules! resource {
    ($resource:ty, $kind:expr, $code:literal, $words:literal $(, $rank:ident)?) => {
        impl Resource for $resource {
            const TYPE: &'static str = $kind;
            const ABSENT: (&'static str, &'static str) = ($code, $words);

            fn id(&self) -> &str {
                &self.id
            }

            fn region(&self) -> &str {
                &self.region
            }

            fn tags_mut(&mut self) -> &mut Tags {
                &mut self.tags
            }
            $(
                fn rank(&self) -> &str {
                    &self.$rank
                }
            )?
        }
    };
}

resource!(super::Vpc, "vpc", "InvalidVpcID.NotFound", "vpc ID");
resource!(super::Subnet, "subnet", "InvalidSubnetID.NotFound", "subnet ID", zone);
resource!(super::SecurityGroup, "security-group", "InvalidGroup.NotFound", "security group");
resource!(
    super::rules::Rule,
    "security-group-rule",
    "InvalidSecurityGroupRuleId.NotFound",
    "security group rule ID"
);
resource!(super::routes::RouteTable, "route-table", "InvalidRouteTableID.NotFound", "routeTable ID");
resource!(
    super::gateways::InternetGateway,
    "internet-gateway",
    "InvalidInternetGatewayID.NotFound",
    "internetGateway ID"
);
resource!(super::gateways::NatGateway, "natgateway", "NatGatewayNotFound", "Nat Gateway");
resource!(super::gateways::Address, "elastic-ip", "InvalidAllocationID.NotFound", "allocation ID");
resource!(super::endpoints::Endpoint, "vpc-endpoint", "InvalidVpcEndpointId.NotFound", "Vpc Endpoint Id");

pub(super) fn absent<T: Resource>(id: &str) -> ApiError {
    ApiError::new(T::ABSENT.0, format!("The {} '{id}' does not exist", T::ABSENT.1))
}

/// Returns the member of a request, which has to be there.
pub(super) fn required<'a>(call: &'a Call, key: &str) -> Result<&'a str, ApiError> {
    call.text(key).filter(|text| !text.is_empty()).ok_or_else(|| {
        ApiError::new("MissingParameter", format!("The request must contain the parameter {key}"))
    })
}

/// Returns the resource with an id in the region of a call.
pub(super) fn find<'a, T: Resource>(
    all: &'a BTreeMap<String, T>,
    id: &str,
    call: &Call,
) -> Result<&'a T, ApiError> {
    all.get(id).filter(|one| one.region() == call.region).ok_or_else(|| absent::<T>(id))
}

pub(super) fn find_mut<'a, T: Resource>(
    all: &'a mut BTreeMap<String, T>,
    id: &str,
    call: &Call,
) -> Result<&'a mut T, ApiError> {
    all.get_mut(id).filter(|one| one.region() == call.region).ok_or_else(|| absent::<T>(id))
}

/// Returns the resource that a member of a call names.
pub(super) fn named<'a, T: Resource>(
    all: &'a BTreeMap<String, T>,
    call: &Call,
    member: &str,
) -> Result<&'a T, ApiError> {
    find(all, required(call, member)?, call)
}

/// Answers a description: a page of the resources of the region that have the ids in the member `ids`, if there are any, and
/// that the filters accept.
pub(super) fn describe<'a, T: Resource + 'a>(
    all: impl Iterator<Item = &'a T> + Clone,
    call: &Call,
    ids: &str,
    set: &str,
    render: impl Fn(&T) -> Value,
) -> Result<Value, ApiError> {
    let here = all.filter(|one| one.region() == call.region);
    let wanted = call.texts(ids);
    if let Some(id) = wanted.iter().find(|id| !here.clone().any(|one| one.id() == **id)) {
        return Err(absent::<T>(id));
    }
    let chosen = here.filter(|one| wanted.is_empty() || wanted.iter().any(|id| id == one.id()));
    let mut found = filtered(chosen, &Filter::all(call))?;
    found.sort_by_key(|one| one.rank());
    answer(set, call, found.into_iter().map(render).collect())
}
