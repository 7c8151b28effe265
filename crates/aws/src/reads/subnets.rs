//! The subnets of the default VPC.

use std::{collections::BTreeSet, sync::Arc};

use longshore_plugin::Result;
use serde_json::json;

use super::{Clients, Freshness, Reads, loader::Loader};
use crate::failure;

/// The ids, under the one key that there is.
pub(super) type DefaultSubnets = Loader<(), (), Arc<BTreeSet<String>>>;

pub(super) fn loader(clients: Clients) -> DefaultSubnets {
    // Whatever the run changes, subnets are not among it: they are read once.
    Loader::new(1, Arc::default(), move |(), _| {
        let clients = clients.clone();
        async move { Ok([((), Ok(Arc::new(read(&clients).await?)))].into()) }
    })
}

async fn read(clients: &Clients) -> Result<BTreeSet<String>> {
    let aws = clients.get()?;
    // Only the default VPC has subnets that are the default of their availability zone.
    let is_default = json!({ "Filter": [{ "Name": "default-for-az", "Value": ["true"] }] });
    let pages = aws.ec2().await?.pages("DescribeSubnets", is_default).await;
    let pages = pages.map_err(|error| failure(&error, "ec2:DescribeSubnets"))?;
    let subnets = pages.iter().flat_map(|page| page.items("subnetSet"));
    Ok(subnets.filter_map(|subnet| subnet.text_of("subnetId")).map(str::to_owned).collect())
}

impl Reads {
    /// The subnets of the region's default VPC, one for each availability zone; none where there is no default VPC. They
    /// are read once in a run.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn default_subnets(&self) -> Result<Arc<BTreeSet<String>>> {
        Ok(self.default_subnets.load((), (), Freshness::Planned).await?.unwrap_or_default())
    }
}
