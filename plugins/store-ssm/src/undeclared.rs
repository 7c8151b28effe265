//! Parameters of the stack that no step makes any more.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::ParameterStringFilter;
use longshore_aws::{Owner, Ownership, RESOURCE_TAG, STACK_TAG, failure};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Declared, Result, UndeclaredSecret};

use crate::{
    observed::{self, pairs},
    store::{self, ParameterStore},
};

impl ParameterStore {
    /// One request for each fifty parameters of the stack, and one for each parameter's tags, which are not listed.
    pub(crate) async fn find_undeclared(
        &self,
        context: &Context,
        declared: &Declared,
    ) -> Result<Vec<UndeclaredSecret>> {
        let ownership = Ownership::of(context);
        let filter = ParameterStringFilter::builder()
            .key(format!("tag:{STACK_TAG}"))
            .values(ownership.tags()[0].1)
            .build()
            .map_err(|error| {
                Failure::new(FailureKind::Internal, format!("a filter cannot be built: {error}"))
            })?;
        let client = self.aws.ssm().await?;
        let mut pages =
            client.describe_parameters().parameter_filters(filter).max_results(50).into_paginator().send();
        let mut undeclared = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failure(&error, "ssm:DescribeParameters"))?;
            for name in page.parameters.unwrap_or_default().into_iter().filter_map(|found| found.name) {
                // What was just deleted is listed for a moment.
                let Some(tags) = observed::tags(client, &name).await? else { continue };
                let resource = tags.get(RESOURCE_TAG).cloned().unwrap_or_default();
                let is_declared = declared.makes(&resource, &store::resource(&name));
                if !is_declared && ownership.owner(pairs(&tags)) == Owner::Ours {
                    undeclared.push(UndeclaredSecret { name, resource, labels: BTreeMap::new() });
                }
            }
        }
        undeclared.sort();
        Ok(undeclared)
    }
}
