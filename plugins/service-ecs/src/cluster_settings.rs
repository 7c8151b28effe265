//! The step plugin `ecs-cluster`: capacity providers, settings and defaults of a cluster, in AWS's own words.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use aws_sdk_ecs::types::ClusterField;
use longshore_aws::{
    Aws, JsonAnswer, JsonRequest, Ownership, failure,
    fields::{Owned, field_changes, table},
};
use longshore_aws_shapes::Extent;
use longshore_model::{
    Action, FieldChange, Inputs, Options, Outputs, Problem, Reference, StepId, StepPlan, ValueType,
};
use longshore_plugin::{Context, Node, Result, Step, StepDeclaration, StepPlugin};
use serde_json::{Map, Value, json};

use crate::{
    cluster::{self, CLUSTER_ARN},
    fields::input,
};

/// Fields that other steps set.
const OTHERS: &Owned = &[("clusterName", "set `cluster` of the step"), ("tags", "set `tags` of the stack")];

/// The members that PutClusterCapacityProviders takes, both of them in each call.
const PROVIDERS: [&str; 2] = ["capacityProviders", "defaultCapacityProviderStrategy"];

/// Makes steps that set up clusters.
pub(crate) struct ClusterSettings {
    pub(crate) aws: Aws,
}

impl StepPlugin for ClusterSettings {
    fn node(&self, declaration: &StepDeclaration<'_>) -> std::result::Result<Node, Vec<Problem>> {
        let (name, declared) = read(declaration.options)?;
        let mut services = declaration.stack.services.values();
        if !services.any(|service| service.cluster == name) {
            let key = format!("{}.cluster", declaration.options.key);
            let message = format!("no service of the stack runs on the cluster `{name}`");
            let help = "set it to the `cluster` of a service: the cluster is made with its services";
            return Err(vec![Problem::new(key, message).help(help)]);
        }
        let references: Vec<_> =
            Reference::all_in("", &declared).into_iter().map(|(_, reference)| reference).collect();
        let makes = format!("settings of the {}", cluster::resource(&name));
        let cluster = StepId::new("cluster", &name);
        let step = ClusterSettingsStep { aws: self.aws.clone(), name, declared: declared.into() };
        Ok(Node::new(declaration.id(), Arc::new(step))
            .makes(makes)
            .input(CLUSTER_ARN, ValueType::CLUSTER_ARN, &cluster, CLUSTER_ARN)
            .references(references))
    }
}

/// Reads the cluster's name and the declared members.
fn read(options: &Options) -> std::result::Result<(String, Map<String, Value>), Vec<Problem>> {
    options.read(|fields| {
        let name = fields.text("cluster").unwrap_or_else(|| "default".to_owned());
        if !fields.has("aws") {
            fields.skip("aws");
            let help = "set what CreateCluster takes, such as aws.capacityProviders = [\"FARGATE\", \"FARGATE_SPOT\"]";
            fields.problem("aws", "is missing", help);
            return None;
        }
        match table(fields, "aws", input("CreateCluster"), OTHERS)? {
            Value::Object(members) => Some((name, members)),
            _ => None,
        }
    })
}

/// Sets up a cluster. Only declared members are compared and sent.
struct ClusterSettingsStep {
    aws: Aws,
    name: String,
    declared: Value,
}

/// A cluster as ECS describes it.
struct Observed {
    json: Value,
    tags: Vec<(String, String)>,
}

impl ClusterSettingsStep {
    fn resource(&self) -> String {
        format!("settings of the {}", cluster::resource(&self.name))
    }

    fn at(&self, call: &str) -> String {
        format!("ecs:{call} {}", self.name)
    }

    async fn observe(&self) -> Result<Option<Observed>> {
        let client = self.aws.ecs().await?;
        let json = JsonAnswer::default();
        let mut call = client.describe_clusters().clusters(&self.name);
        for field in [ClusterField::Settings, ClusterField::Configurations, ClusterField::Tags] {
            call = call.include(field);
        }
        let answer = call.customize().interceptor(json.clone()).send().await;
        answer.map_err(|error| failure(&error, self.at("DescribeClusters")))?;
        let clusters = json.take("clusters");
        let found = clusters.as_ref().and_then(Value::as_array).into_iter().flatten();
        let found = found.into_iter().find(|cluster| cluster["status"] != "INACTIVE").cloned();
        Ok(found.map(|json| {
            let text = |tag: &Value, field: &str| Some(tag.get(field)?.as_str()?.to_owned());
            let tags = json["tags"].as_array().into_iter().flatten();
            let tags = tags.filter_map(|tag| Some((text(tag, "key")?, text(tag, "value")?))).collect();
            Observed { json, tags }
        }))
    }

    /// The declared members that differ from `actual`, field by field.
    fn changes(&self, actual: &Value, inputs: &Inputs) -> Vec<FieldChange> {
        let shape = input("CreateCluster");
        let declared = shape.form(&Reference::resolved(&self.declared, inputs));
        field_changes("", shape.form(actual).changes_to(&declared, Extent::Declared)).collect()
    }

    /// Sends `members`, and those of `actual` that a call would lose otherwise.
    async fn send(&self, members: &BTreeSet<String>, wanted: &Value, actual: &Value) -> Result<()> {
        let client = self.aws.ecs().await?;
        let value = |member: &str| {
            let there = || actual.get(member).cloned();
            wanted.get(member).cloned().or_else(there).unwrap_or_else(|| json!([]))
        };
        if PROVIDERS.iter().any(|member| members.contains(*member)) {
            let sent = PROVIDERS.map(|member| (member.to_owned(), value(member)));
            let call = client.put_cluster_capacity_providers().cluster(&self.name);
            let call = call.set_capacity_providers(Some(Vec::new()));
            let call = call.set_default_capacity_provider_strategy(Some(Vec::new())).customize();
            let answer = call.interceptor(JsonRequest(sent.into_iter().collect())).send().await;
            answer.map_err(|error| failure(&error, self.at("PutClusterCapacityProviders")))?;
        }
        let others = members.iter().filter(|member| !PROVIDERS.contains(&member.as_str()));
        let sent: Map<_, _> = others.map(|member| (member.clone(), value(member))).collect();
        if !sent.is_empty() {
            let call = client.update_cluster().cluster(&self.name).customize();
            let answer = call.interceptor(JsonRequest(sent)).send().await;
            answer.map_err(|error| failure(&error, self.at("UpdateCluster")))?;
        }
        Ok(())
    }
}

fn members_of(changes: &[FieldChange]) -> BTreeSet<String> {
    changes.iter().filter_map(|change| change.field.split('.').next().map(str::to_owned)).collect()
}

#[async_trait]
impl Step for ClusterSettingsStep {
    async fn plan(&self, context: &Context, inputs: &Inputs) -> Result<StepPlan> {
        let Some(observed) = self.observe().await? else {
            let changes = self.changes(&json!({}), inputs);
            return Ok(StepPlan::new(Action::Create, self.resource()).changes(changes));
        };
        let changes = self.changes(&observed.json, inputs);
        let action = if changes.is_empty() { Action::NoChange } else { Action::Update };
        if action == Action::Update {
            let tags = observed.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            let rename = "let its owner set it up, and remove this step";
            let what = cluster::resource(&self.name);
            let owned = Ownership::of(context).require(what, rename, tags);
            owned.map_err(|failure| failure.at(self.at("DescribeClusters")))?;
        }
        Ok(StepPlan::new(action, self.resource()).changes(changes))
    }

    async fn apply(&self, context: &Context, inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs> {
        let observed = self.observe().await?;
        let actual = observed.map_or_else(|| json!({}), |observed| observed.json);
        context.keep_first(|| actual.clone());
        let declared = Reference::resolved(&self.declared, inputs);
        self.send(&members_of(&self.changes(&actual, inputs)), &declared, &actual).await?;
        Ok(Outputs::new())
    }

    /// There is nothing to remove: the settings go with their cluster.
    async fn plan_removal(&self, _context: &Context) -> Result<StepPlan> {
        Ok(StepPlan { resources: 0, ..StepPlan::new(Action::NoChange, self.resource()) })
    }

    async fn remove(&self, _context: &Context) -> Result<()> {
        Ok(())
    }

    async fn undo(&self, context: &Context, plan: &StepPlan) -> Result<()> {
        // The settings of a cluster that was made in this run go with it.
        let Some(before) = context.kept::<Value>().filter(|_| plan.action == Action::Update) else {
            return Ok(());
        };
        self.send(&members_of(&plan.changes), &before, &json!({})).await
    }
}
