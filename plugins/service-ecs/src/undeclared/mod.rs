//! Resources on ECS that the stack owns and no step makes any more.

mod clusters;
mod families;
mod log_groups;
mod services;

use std::sync::Arc;

use longshore_aws::{Aws, Freshness, Owner, Ownership, RESOURCE_TAG, is_protected};
use longshore_plugin::{Context, Declared, Result, Stays, Undeclared, UndeclaredResource};

/// Returns the finders and removers of such resources.
pub(crate) fn all(aws: &Aws) -> Vec<Arc<dyn Undeclared>> {
    let aws = || aws.clone();
    vec![
        Arc::new(services::Services { aws: aws() }),
        Arc::new(families::Families { aws: aws() }),
        Arc::new(log_groups::LogGroups { aws: aws() }),
        Arc::new(clusters::Clusters { aws: aws() }),
    ]
}

/// Returns the ids, behind `begin`, of this stack's undeclared resources of an AWS service, from the index of tags. The
/// caller has to look at them. Returns `None` if the endpoint has no such index.
async fn indexed(
    aws: &Aws,
    context: &Context,
    declared: &Declared,
    (service, begin): (&str, &str),
    resource: impl Fn(&str) -> String,
) -> Result<Option<Vec<String>>> {
    let ownership = Ownership::of(context);
    let Some(owned) = aws.reads().owned(ownership.stack(), Freshness::Planned).await? else {
        return Ok(None);
    };
    let of_kind = owned.iter().filter(|one| one.arn.service() == service && one.is_of(&ownership));
    let ids = of_kind.filter_map(|one| {
        let id = one.arn.resource().strip_prefix(begin)?;
        let makes = declared.makes(one.resource().unwrap_or_default(), &resource(id));
        (!makes).then(|| id.to_owned())
    });
    Ok(Some(ids.collect()))
}

/// The resource, if its `tags` say that it is the stack's, and nothing that is declared makes it.
fn undeclared<'a>(
    ownership: &Ownership,
    declared: &Declared,
    resource: String,
    id: &str,
    tags: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Option<UndeclaredResource> {
    let tags: Vec<_> = tags.into_iter().collect();
    let step = tags.iter().find(|(key, _)| *key == RESOURCE_TAG).map_or("", |(_, step)| step);
    let found = ownership.owner(tags.iter().copied()) == Owner::Ours && !declared.makes(step, &resource);
    let stays = is_protected(tags.iter().copied()).then_some(Stays::Protected);
    found.then(|| UndeclaredResource { step: step.to_owned(), id: id.to_owned(), resource, stays })
}
