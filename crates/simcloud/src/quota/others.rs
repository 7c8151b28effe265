//! The classes of the other services.
//!
//! Secrets Manager, Parameter Store, CloudWatch Logs and the Tagging API document transactions a second and no burst:
//! a second's worth is taken for it. IAM publishes nothing.

use super::{
    Class, Rate,
    Source::{self, Documented, Estimated},
};

/// A class that lets `burst` calls through at once and `per_second` for good.
const fn class(
    name: &'static str,
    operations: &'static [&'static str],
    burst: u32,
    per_second: u32,
    source: Source,
) -> Class {
    Class { name, operations, rate: Rate { burst, per_second }, source }
}

pub(super) const CLASSES: &[Class] = &[
    class("iam:read", &["iam:Get*", "iam:List*", "iam:Simulate*"], 50, 20, Estimated),
    class("iam:modify", &["iam:*"], 20, 5, Estimated),
    // AWS Secrets Manager quotas, "Secrets Manager request rate".
    class(
        "secretsmanager:value-read",
        &["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
        10_000,
        10_000,
        Documented,
    ),
    class("secretsmanager:batch-read", &["secretsmanager:BatchGetSecretValue"], 100, 100, Documented),
    class("secretsmanager:list", &["secretsmanager:ListSecrets"], 100, 100, Documented),
    class("secretsmanager:list-versions", &["secretsmanager:ListSecretVersionIds"], 50, 50, Documented),
    class("secretsmanager:create", &["secretsmanager:CreateSecret"], 50, 50, Documented),
    class("secretsmanager:delete", &["secretsmanager:DeleteSecret"], 50, 50, Documented),
    class("secretsmanager:restore", &["secretsmanager:RestoreSecret"], 50, 50, Documented),
    class(
        "secretsmanager:tag",
        &["secretsmanager:TagResource", "secretsmanager:UntagResource"],
        50,
        50,
        Documented,
    ),
    class("secretsmanager:policy", &["secretsmanager:*ResourcePolicy"], 50, 50, Documented),
    class("secretsmanager:update", &["secretsmanager:*"], 50, 50, Documented),
    // AWS Systems Manager endpoints and quotas, "Parameter Store", default throughput.
    class(
        "ssm:read",
        &["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"],
        40,
        40,
        Documented,
    ),
    class("ssm:put", &["ssm:PutParameter"], 3, 3, Documented),
    class("ssm:other", &["ssm:*"], 10, 5, Estimated),
    // CloudWatch Logs quotas.
    class("logs:describe-groups", &["logs:DescribeLogGroups"], 10, 10, Documented),
    class("logs:describe-streams", &["logs:DescribeLogStreams"], 25, 25, Documented),
    class("logs:get-events", &["logs:GetLogEvents"], 25, 25, Documented),
    class("logs:filter-events", &["logs:FilterLogEvents"], 5, 5, Documented),
    class("logs:create-stream", &["logs:CreateLogStream"], 50, 50, Documented),
    class("logs:put-events", &["logs:PutLogEvents"], 5_000, 5_000, Documented),
    class("logs:other", &["logs:*"], 10, 10, Estimated),
    // Amazon EC2 request throttling: non-mutating and mutating actions.
    class("ec2:read", &["ec2:Describe*", "ec2:Get*"], 100, 20, Documented),
    class("ec2:modify", &["ec2:*"], 50, 5, Documented),
    // Elastic Load Balancing has token buckets, too, whose sizes nothing publishes.
    class("elasticloadbalancing:read", &["elasticloadbalancing:Describe*"], 100, 20, Estimated),
    class("elasticloadbalancing:modify", &["elasticloadbalancing:*"], 40, 5, Estimated),
    // Application Auto Scaling publishes no rates.
    class(
        "application-autoscaling:read",
        &["application-autoscaling:Describe*", "application-autoscaling:List*"],
        50,
        10,
        Estimated,
    ),
    class("application-autoscaling:modify", &["application-autoscaling:*"], 20, 5, Estimated),
    // Amazon ECR endpoints and quotas: "Rate of … requests".
    class("ecr:batch-get-image", &["ecr:BatchGetImage"], 2_000, 2_000, Documented),
    class("ecr:put-image", &["ecr:PutImage"], 10, 10, Documented),
    class("ecr:other", &["ecr:*"], 10, 10, Estimated),
    class("kms:read", &["kms:Describe*", "kms:Get*", "kms:List*"], 100, 100, Estimated),
    class("kms:modify", &["kms:*"], 10, 5, Estimated),
    class("sts:all", &["sts:*"], 600, 600, Documented),
    // Resource Groups Tagging API quotas.
    class("tag:resources", &["tag:GetResources"], 15, 15, Documented),
    class("tag:other", &["tag:*"], 5, 5, Documented),
];
