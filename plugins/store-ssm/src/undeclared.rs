//! Parameters of the stack that no step makes any more.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::ParameterStringFilter;
use longshore_aws::{Freshness, Owner, Ownership, RESOURCE_TAG, STACK_TAG, failure, is_protected};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Declared, Result, UndeclaredSecret};

use crate::{
    observed::{self, pairs},
    store::{self, ParameterStore},
};

/// The names that one parameter may have.
type Names = Vec<String>;

impl ParameterStore {
    /// Sends one request for the tags of each undeclared parameter in the index of tags: the index may be behind. If
    /// the endpoint has no such index, all parameters of the stack are listed and looked at.
    pub(crate) async fn find_undeclared(
        &self,
        context: &Context,
        declared: &Declared,
    ) -> Result<Vec<UndeclaredSecret>> {
        let ownership = Ownership::of(context);
        let found = match self.indexed(&ownership, declared).await? {
            Some(found) => found,
            None => self.listed(&ownership).await?,
        };
        let mut undeclared = Vec::new();
        for names in found {
            // The index still names a parameter for a moment after its deletion.
            let Some((name, tags)) = self.look(names).await? else { continue };
            let resource = tags.get(RESOURCE_TAG).cloned().unwrap_or_default();
            let is_declared = declared.makes(&resource, &store::resource(&name));
            if !is_declared && ownership.owner(pairs(&tags)) == Owner::Ours {
                let is_protected = is_protected(pairs(&tags));
                undeclared.push(UndeclaredSecret { name, resource, labels: BTreeMap::new(), is_protected });
            }
        }
        undeclared.sort();
        Ok(undeclared)
    }

    /// The parameter that has one of these names, and its tags.
    async fn look(&self, names: Names) -> Result<Option<(String, BTreeMap<String, String>)>> {
        let client = self.aws.ssm().await?;
        for name in names {
            if let Some(tags) = observed::tags(client, &name).await? {
                return Ok(Some((name, tags)));
            }
        }
        Ok(None)
    }

    /// Returns the stack's undeclared parameters from the index of tags. It sends no request of its own: all searches
    /// for undeclared resources share the index.
    async fn indexed(&self, ownership: &Ownership, declared: &Declared) -> Result<Option<BTreeSet<Names>>> {
        let owned = self.aws.reads().owned(ownership.stack(), Freshness::Planned).await?;
        let Some(owned) = owned else { return Ok(None) };
        let of_kind = owned.iter().filter(|one| one.arn.service() == "ssm" && one.is_of(ownership));
        let names = of_kind.filter_map(|one| {
            let names = names(one.arn.resource().strip_prefix("parameter/")?);
            let step = one.resource().unwrap_or_default();
            let is_declared = names.iter().any(|name| declared.makes(step, &store::resource(name)));
            (!is_declared).then_some(names)
        });
        Ok(Some(names.collect()))
    }

    /// All parameters of the stack, fifty a request.
    async fn listed(&self, ownership: &Ownership) -> Result<BTreeSet<Names>> {
        let filter = ParameterStringFilter::builder()
            .key(format!("tag:{STACK_TAG}"))
            .values(ownership.stack())
            .build()
            .map_err(|error| {
                Failure::new(FailureKind::Internal, format!("a filter cannot be built: {error}"))
            })?;
        let client = self.aws.ssm().await?;
        let mut pages =
            client.describe_parameters().parameter_filters(filter).max_results(50).into_paginator().send();
        let mut names = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failure(&error, "ssm:DescribeParameters"))?;
            let parameters = page.parameters.unwrap_or_default().into_iter();
            names.extend(parameters.filter_map(|found| found.name.map(|name| vec![name])));
        }
        Ok(names)
    }
}

/// The names that a parameter may have whose ARN ends so: the slash before a path is not told from the one of the ARN,
/// and a name of one level may do without (user guide, "Requirements and constraints for parameter names").
fn names(resource: &str) -> Names {
    let path = format!("/{resource}");
    if resource.contains('/') { vec![path] } else { vec![resource.to_owned(), path] }
}
