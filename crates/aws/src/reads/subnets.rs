//! The subnets of the default VPC.

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_ec2::types::Filter;
use longshore_plugin::Result;

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
    let is_default = Filter::builder().name("default-for-az").values("true").build();
    let mut subnets = aws.ec2().await?.describe_subnets().filters(is_default).into_paginator().items().send();
    let mut ids = BTreeSet::new();
    while let Some(subnet) = subnets.next().await {
        ids.extend(subnet.map_err(|error| failure(&error, "ec2:DescribeSubnets"))?.subnet_id);
    }
    Ok(ids)
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
