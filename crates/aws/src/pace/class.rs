//! Classes of API calls that share a rate limit.

/// How many calls AWS takes: a token bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    /// The bucket's size: how many calls may come at once.
    pub(super) burst: u32,
    /// How many calls a second it takes for long.
    pub(super) per_second: f64,
}

/// API calls that share a rate limit, per account and region.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ApiClass {
    /// Its name in the configuration.
    pub(super) name: &'static str,
    /// The service, as the SDK names it; `*` for any.
    service: &'static str,
    /// The operations; one that ends in `*` stands for all that begin so.
    operations: &'static [&'static str],
    /// The limit.
    pub(super) rate: Rate,
}

impl ApiClass {
    /// Returns true if the class names its operations, instead of taking the rest of its service.
    #[cfg(test)]
    pub(super) fn takes_some(&self) -> bool {
        !self.operations.contains(&"*")
    }
}

const fn class(
    name: &'static str,
    service: &'static str,
    operations: &'static [&'static str],
    burst: u32,
    per_second: f64,
) -> ApiClass {
    ApiClass { name, service, operations, rate: Rate { burst, per_second } }
}

/// The classes; the first that fits counts.
///
/// Documented are those of ECS (API reference, "Request throttling") save that of the reads of clusters, those of Secrets
/// Manager (user guide, "Quotas"), of ECR's `BatchGetImage` ("Amazon ECR endpoints and quotas") and of STS (IAM user guide,
/// "IAM and AWS STS quotas"), which have no burst, so that a second's worth is taken for it, as with `ssm-read` and
/// `logs-describe`, and that of EC2 (API reference, "Request throttling"). The others are estimates: AWS publishes no
/// rates of IAM, for example. A test compares them with those of the simulated cloud.
pub(super) const CLASSES: [ApiClass; 33] = [
    class(
        "ecs-task-definition-modify",
        "ECS",
        &["RegisterTaskDefinition", "DeregisterTaskDefinition"],
        20,
        1.0,
    ),
    class("ecs-task-definition-delete", "ECS", &["DeleteTaskDefinitions"], 5, 1.0),
    class("ecs-task-definition-read", "ECS", &["DescribeTaskDefinition", "ListTaskDefinition*"], 50, 20.0),
    class(
        "ecs-service-modify",
        "ECS",
        &[
            "CreateService",
            "UpdateService",
            "DeleteService",
            "StopServiceDeployment",
            "ContinueServiceDeployment",
        ],
        50,
        5.0,
    ),
    class("ecs-service-read", "ECS", &["DescribeServices", "ListServices*"], 100, 20.0),
    class(
        "ecs-service-deployment-read",
        "ECS",
        &["DescribeService*", "ListServiceDeployments", "ListServiceRevisions"],
        50,
        20.0,
    ),
    class("ecs-task-modify", "ECS", &["RunTask", "StopTask"], 100, 40.0),
    class("ecs-task-read", "ECS", &["DescribeTasks", "ListTasks", "ListContainerInstances"], 100, 20.0),
    class("ecs-tag-modify", "ECS", &["TagResource", "UntagResource"], 20, 10.0),
    class("ecs-tag-read", "ECS", &["ListTagsForResource"], 50, 20.0),
    class(
        "ecs-cluster-modify",
        "ECS",
        &["CreateCluster", "UpdateCluster*", "PutClusterCapacityProviders", "DeleteCluster"],
        20,
        1.0,
    ),
    class("ecs-cluster-read", "ECS", &["DescribeClusters", "ListClusters"], 50, 20.0),
    class("iam-read", "IAM", &["Get*", "List*", "Simulate*"], 50, 20.0),
    class("iam-modify", "IAM", &["*"], 20, 5.0),
    class("secretsmanager-read", "Secrets Manager", &["GetSecretValue", "DescribeSecret"], 10_000, 10_000.0),
    class("secretsmanager-list", "Secrets Manager", &["BatchGetSecretValue", "ListSecrets"], 100, 100.0),
    class("secretsmanager-other", "Secrets Manager", &["*"], 50, 50.0),
    class("ssm-read", "SSM", &["GetParameter", "GetParameters*"], 40, 40.0),
    class("ssm-put", "SSM", &["PutParameter"], 3, 3.0),
    class("ssm-other", "SSM", &["*"], 10, 5.0),
    class("logs-describe", "CloudWatch Logs", &["DescribeLogGroups"], 10, 10.0),
    class("logs-other", "CloudWatch Logs", &["*"], 10, 10.0),
    class("tag-read", "Resource Groups Tagging API", &["*"], 15, 15.0),
    class("ec2-read", "EC2", &["Describe*"], 100, 20.0),
    class("ec2-modify", "EC2", &["*"], 50, 5.0),
    class("elb-read", "Elastic Load Balancing v2", &["Describe*"], 100, 20.0),
    class("elb-modify", "Elastic Load Balancing v2", &["*"], 40, 5.0),
    class("autoscaling-read", "Application Auto Scaling", &["Describe*", "List*"], 50, 10.0),
    class("autoscaling-modify", "Application Auto Scaling", &["*"], 20, 5.0),
    class("ecr-read", "ECR", &["BatchGetImage"], 2000, 2000.0),
    class("ecr-other", "ECR", &["*"], 10, 10.0),
    class("sts", "STS", &["*"], 600, 600.0),
    class("other", "*", &["*"], 20, 10.0),
];

/// The place in [`CLASSES`] of the class that `operation` of `service` is in.
pub(super) fn index_of(service: &str, operation: &str) -> usize {
    let fits = |class: &ApiClass| {
        (class.service == "*" || class.service == service)
            && class.operations.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(begin) => operation.starts_with(begin),
                None => operation == *pattern,
            })
    };
    CLASSES.iter().position(fits).unwrap_or(CLASSES.len() - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn name_of(service: &str, operation: &str) -> &'static str {
        CLASSES[index_of(service, operation)].name
    }

    #[test]
    fn every_call_has_its_class() {
        for (service, operation, class) in [
            ("ECS", "RegisterTaskDefinition", "ecs-task-definition-modify"),
            ("ECS", "DescribeTaskDefinition", "ecs-task-definition-read"),
            ("ECS", "ListTaskDefinitions", "ecs-task-definition-read"),
            ("ECS", "DescribeServices", "ecs-service-read"),
            ("ECS", "ListServices", "ecs-service-read"),
            ("ECS", "DescribeServiceDeployments", "ecs-service-deployment-read"),
            ("ECS", "ListServiceDeployments", "ecs-service-deployment-read"),
            ("ECS", "DescribeServiceRevisions", "ecs-service-deployment-read"),
            ("ECS", "StopServiceDeployment", "ecs-service-modify"),
            ("ECS", "ExecuteCommand", "other"),
            ("IAM", "GetAccountAuthorizationDetails", "iam-read"),
            ("IAM", "SimulatePrincipalPolicy", "iam-read"),
            ("IAM", "PutRolePolicy", "iam-modify"),
            ("Secrets Manager", "PutSecretValue", "secretsmanager-other"),
            ("Secrets Manager", "BatchGetSecretValue", "secretsmanager-list"),
            ("SSM", "GetParametersByPath", "ssm-read"),
            ("SSM", "AddTagsToResource", "ssm-other"),
            ("CloudWatch Logs", "DescribeLogGroups", "logs-describe"),
            ("CloudWatch Logs", "PutRetentionPolicy", "logs-other"),
            ("EC2", "DescribeSecurityGroups", "ec2-read"),
            ("EC2", "CreateTags", "ec2-modify"),
            ("KMS", "DescribeKey", "other"),
        ] {
            assert_eq!(name_of(service, operation), class, "{service} {operation}");
        }
    }

    #[test]
    fn names_are_unique_and_the_last_class_takes_everything() {
        let names: BTreeSet<_> = CLASSES.iter().map(|class| class.name).collect();
        assert_eq!(names.len(), CLASSES.len());
        assert_eq!(name_of("Quantum", "Entangle"), "other");
    }
}
