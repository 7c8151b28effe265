//! Names of ECS resources in their long form.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-account-settings.html#ecs-resource-ids>

use crate::{Partition, World};

/// Makes the ARNs of one account and region.
#[derive(Clone, Debug)]
pub(super) struct Arns {
    prefix: String,
    service_linked_role: String,
}

impl Arns {
    pub(super) fn of(world: &World, region: &str) -> Self {
        Self::in_region(region, &world.account)
    }

    pub(super) fn in_region(region: &str, account: &str) -> Self {
        let partition = Partition::of(region);
        Self {
            prefix: format!("arn:{partition}:ecs:{region}:{account}"),
            service_linked_role: format!(
                "arn:{partition}:iam::{account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
            ),
        }
    }

    /// The role with which ECS manages an account's network interfaces.
    pub(super) fn service_linked_role(&self) -> &str {
        &self.service_linked_role
    }

    pub(super) fn cluster(&self, cluster: &str) -> String {
        format!("{}:cluster/{cluster}", self.prefix)
    }

    pub(super) fn service(&self, cluster: &str, service: &str) -> String {
        format!("{}:service/{cluster}/{service}", self.prefix)
    }

    pub(super) fn task(&self, cluster: &str, task: &str) -> String {
        format!("{}:task/{cluster}/{task}", self.prefix)
    }

    pub(super) fn container(&self, cluster: &str, task: &str, container: &str) -> String {
        format!("{}:container/{cluster}/{task}/{container}", self.prefix)
    }

    pub(super) fn container_instance(&self, cluster: &str, id: &str) -> String {
        format!("{}:container-instance/{cluster}/{id}", self.prefix)
    }

    pub(super) fn task_definition(&self, family: &str, revision: u32) -> String {
        format!("{}:task-definition/{family}:{revision}", self.prefix)
    }

    pub(super) fn service_deployment(&self, cluster: &str, service: &str, id: &str) -> String {
        format!("{}:service-deployment/{cluster}/{service}/{id}", self.prefix)
    }

    pub(super) fn service_revision(&self, cluster: &str, service: &str, id: &str) -> String {
        format!("{}:service-revision/{cluster}/{service}/{id}", self.prefix)
    }

    /// The path below a resource type, such as `CLUSTER/SERVICE` for `service`, of an ARN in this account and
    /// region.
    pub(super) fn path<'a>(&self, kind: &str, arn: &'a str) -> Option<&'a str> {
        arn.strip_prefix(&self.prefix)?.strip_prefix(':')?.strip_prefix(kind)?.strip_prefix('/')
    }

    /// The cluster's name from a name or an ARN; `default` where nothing is given. An ARN of elsewhere is
    /// `None`.
    pub(super) fn cluster_name<'a>(&self, given: Option<&'a str>) -> Option<&'a str> {
        match given {
            None => Some("default"),
            Some(arn) if arn.starts_with("arn:") => self.path("cluster", arn),
            Some(name) => Some(name),
        }
    }

    /// The service's name from a name or an ARN, which must be of `cluster`.
    pub(super) fn service_name<'a>(&self, cluster: &str, given: &'a str) -> Option<&'a str> {
        self.below(cluster, "service", given)
    }

    /// The task's id from an id or an ARN, which must be of `cluster`.
    pub(super) fn task_id<'a>(&self, cluster: &str, given: &'a str) -> Option<&'a str> {
        self.below(cluster, "task", given)
    }

    /// The container instance's id from an id or an ARN, which must be of `cluster`.
    pub(super) fn container_instance_id<'a>(&self, cluster: &str, given: &'a str) -> Option<&'a str> {
        self.below(cluster, "container-instance", given)
    }

    fn below<'a>(&self, cluster: &str, kind: &str, given: &'a str) -> Option<&'a str> {
        if !given.starts_with("arn:") {
            return Some(given);
        }
        match self.path(kind, given)?.split_once('/') {
            Some((of, name)) => (of == cluster).then_some(name),
            // The old short form has no cluster in it.
            None => self.path(kind, given),
        }
    }
}
