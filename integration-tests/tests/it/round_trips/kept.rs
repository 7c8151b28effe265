//! The contents of the account, as an owner without Longshore sees them.

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{ClusterField, Service, ServiceField, Tag, TaskDefinitionField};
use aws_sdk_secretsmanager::types::SecretListEntry;
use aws_sdk_ssm::types::{ParameterStringFilter, ResourceTypeForTagging};
use serde_json::json;

use super::{
    account::Account,
    declaration::{Declaration, REGISTRIES, Variable, source, token_of, value_of},
};

const TAG: &str = "longshore:stack";

/// A value that is kept, and what tells its versions apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) version: String,
}

/// The values of the stack's secrets and parameters, by name.
pub(super) async fn values(account: &Account) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    let aws = account.aws();
    let client = aws.secretsmanager().await.unwrap();
    for name in secrets(account).await {
        let read = client.get_secret_value().secret_id(&name).version_stage("AWSCURRENT");
        let read = read.send().await.unwrap();
        let value = Value { text: read.secret_string.unwrap(), version: read.version_id.unwrap() };
        values.insert(name, value);
    }
    let client = aws.ssm().await.unwrap();
    for name in parameters(account).await {
        let read = client.get_parameter().name(&name).with_decryption(true).send().await.unwrap();
        let read = read.parameter.unwrap();
        values.insert(name, Value { version: read.version.to_string(), text: read.value.unwrap() });
    }
    values
}

/// Checks that the values are those of their sources, and that there are no others.
#[track_caller]
pub(super) fn expect_values(stack: &str, declaration: &Declaration, values: &BTreeMap<String, Value>) {
    let prefix = if declaration.store.other_prefix { "elsewhere/" } else { "longshore/" };
    let mut expected = BTreeMap::new();
    for registry in declaration.used_registries() {
        let declared = declaration.registries[registry];
        let name = REGISTRIES[registry].0;
        let name = match declared.names_secret {
            true => format!("{stack}/pull/{name}"),
            false => format!("{prefix}{stack}/{name}/pull"),
        };
        expected.insert(name, value_of(&token_of(declared.user)));
    }
    for (service, container, declared) in declaration.containers() {
        for (variable, kept) in &declared.secrets {
            let path = format!("{stack}/{service}/{container}/{variable}");
            match kept {
                Variable::Secret(of) => expected.insert(format!("{prefix}{path}"), value_of(&source(*of))),
                Variable::Parameter(of) => {
                    expected.insert(format!("/longshore/{path}"), value_of(&source(*of)))
                }
                Variable::Kept(_) => None,
            };
        }
    }
    let names: Vec<_> = values.keys().collect();
    assert_eq!(names, expected.keys().collect::<Vec<_>>(), "what is kept");
    for (name, token) in expected {
        let text = &values[&name].text;
        // A credential is JSON with the user's name.
        assert!(*text == token || text.contains(&format!("\"{token}\"")), "{name}: {text}");
    }
}

/// Returns the resources with the stack's tag, by every way to look for it.
pub(super) async fn left(account: &Account) -> Vec<String> {
    let mut left = indexed(account).await;
    if account.is_at_moto() {
        // Of the former it names what was deleted, and the latter are looked at in `roles_and_groups`.
        left.retain(|arn| !arn.contains(":ecs:") && !arn.contains(":logs:"));
    }
    left.extend(parameters(account).await);
    left.extend(secrets(account).await);
    left.extend(on_ecs(account).await);
    left.extend(roles_and_groups(account).await);
    left
}

fn is_tag(account: &Account, key: Option<&str>, value: Option<&str>) -> bool {
    key == Some(TAG) && value == Some(account.stack())
}

/// Returns true if it may be the stack's, by its name: what others have in an account that is shared may be gone at any time.
fn may_be_ours(account: &Account, name: &str) -> bool {
    !account.is_at_moto() || name.contains(account.stack())
}

/// By the index of tags. AWS says of it that it may name what was deleted: secrets that can still be restored are looked
/// at in [`secrets`].
async fn indexed(account: &Account) -> Vec<String> {
    let filter = json!({ "TagFilters": [{ "Key": TAG, "Values": [account.stack()] }] });
    let aws = account.aws();
    let mut pages = aws.resourcegroupstagging().await.unwrap().page_by_page("GetResources", filter);
    let mut left = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        for found in page["ResourceTagMappingList"].as_array().unwrap() {
            let arn = found["ResourceARN"].as_str().unwrap();
            // Revisions that are INACTIVE remain, because deployments refer to them; `on_ecs` looks at those that are
            // not.
            if !arn.contains(":secretsmanager:") && !arn.contains(":task-definition/") {
                left.push(arn.to_owned());
            }
        }
    }
    left
}

/// Secrets that are not scheduled for deletion.
async fn secrets(account: &Account) -> Vec<String> {
    let aws = account.aws();
    let mut pages = aws.secretsmanager().await.unwrap().list_secrets().into_paginator().send();
    let mut owned = Vec::new();
    while let Some(page) = pages.next().await.transpose().unwrap() {
        let is_ours = |secret: &SecretListEntry| {
            secret.tags().iter().any(|tag| is_tag(account, tag.key(), tag.value()))
        };
        let secrets = page.secret_list.into_iter().flatten().filter(is_ours);
        owned.extend(secrets.filter_map(|secret| secret.name));
    }
    owned
}

async fn parameters(account: &Account) -> Vec<String> {
    let aws = account.aws();
    let client = aws.ssm().await.unwrap();
    let filter = ParameterStringFilter::builder().key("Path").option("Recursive").values("/longshore");
    let pages = client.describe_parameters().parameter_filters(filter.build().unwrap());
    let mut pages = pages.into_paginator().send();
    let mut parameters = Vec::new();
    while let Some(page) = pages.next().await.transpose().unwrap() {
        parameters.extend(page.parameters.into_iter().flatten().filter_map(|parameter| parameter.name));
    }
    let mut owned = Vec::new();
    for name in parameters.into_iter().filter(|name| may_be_ours(account, name)) {
        let tags = client.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter);
        let tags = tags.resource_id(&name).send().await.unwrap();
        if tags.tag_list().iter().any(|tag| is_tag(account, Some(tag.key()), Some(tag.value()))) {
            owned.push(name);
        }
    }
    owned
}

fn is_ours(account: &Account, tags: &[Tag]) -> bool {
    tags.iter().any(|tag| is_tag(account, tag.key(), tag.value()))
}

/// The ARNs of clusters, of anybody, active or not.
async fn clusters(account: &Account) -> Vec<String> {
    let aws = account.aws();
    let client = aws.ecs().await.unwrap();
    let mut clusters = client.list_clusters().send().await.unwrap().cluster_arns.unwrap_or_default();
    clusters.retain(|arn| may_be_ours(account, arn));
    clusters
}

/// The stack's services that are active.
pub(super) async fn services(account: &Account) -> Vec<Service> {
    let aws = account.aws();
    let client = aws.ecs().await.unwrap();
    let mut active = Vec::new();
    for cluster in clusters(account).await {
        let services = client.list_services().cluster(&cluster).send().await.unwrap().service_arns;
        for service in services.unwrap_or_default() {
            let call = client.describe_services().cluster(&cluster).services(service);
            let found = call.include(ServiceField::Tags).send().await.unwrap().services.unwrap();
            let is_active =
                |service: &Service| service.status() != Some("INACTIVE") && is_ours(account, service.tags());
            active.extend(found.into_iter().filter(is_active));
        }
    }
    active
}

/// Clusters, services and revisions that are active.
async fn on_ecs(account: &Account) -> Vec<String> {
    let aws = account.aws();
    let client = aws.ecs().await.unwrap();
    let mut left = Vec::new();
    for arn in clusters(account).await {
        let cluster = client.describe_clusters().clusters(&arn).include(ClusterField::Tags);
        let cluster = cluster.send().await.unwrap().clusters.unwrap();
        let is_active = cluster[0].status() != Some("INACTIVE");
        if is_active && is_ours(account, cluster[0].tags()) {
            left.push(arn);
        }
    }
    left.extend(services(account).await.into_iter().filter_map(|service| service.service_arn));
    let definitions = client.list_task_definitions().into_paginator().items().send();
    let definitions: Vec<_> = definitions.collect::<Result<_, _>>().await.unwrap();
    for arn in definitions.into_iter().filter(|arn| may_be_ours(account, arn)) {
        let found = client.describe_task_definition().task_definition(&arn);
        let found = found.include(TaskDefinitionField::Tags).send().await.unwrap();
        if is_ours(account, found.tags()) {
            left.push(arn);
        }
    }
    left
}

async fn roles_and_groups(account: &Account) -> Vec<String> {
    let aws = account.aws();
    let iam = aws.iam().await.unwrap();
    let mut left = Vec::new();
    let mut roles = iam.list_roles().into_paginator().items().send();
    while let Some(role) = roles.next().await.transpose().unwrap() {
        if !may_be_ours(account, &role.arn) {
            continue;
        }
        let tags = iam.list_role_tags().role_name(&role.role_name).send().await.unwrap();
        if tags.tags().iter().any(|tag| is_tag(account, Some(tag.key()), Some(tag.value()))) {
            left.push(role.arn);
        }
    }
    let logs = aws.cloudwatchlogs().await.unwrap();
    let mut pages = logs.page_by_page("DescribeLogGroups", json!({}));
    while let Some(page) = pages.next().await.unwrap() {
        for group in page["logGroups"].as_array().unwrap() {
            let arn = group["arn"].as_str().unwrap();
            if !may_be_ours(account, arn) {
                continue;
            }
            let resource = json!({ "resourceArn": arn.trim_end_matches(":*") });
            let answer = logs.call("ListTagsForResource", resource).await.unwrap();
            if answer["tags"][TAG] == account.stack() {
                left.push(arn.to_owned());
            }
        }
    }
    left
}
