//! The texts that ECS and its agent are known for.

use super::*;

/// Reasons as AWS gives them, and a word of the advice that fits, with whether it is permanent.
const REASONS: &[(&str, &str, bool)] = &[
    (
        "ResourceInitializationError: failed to download env files: file download command: non empty error stream: \
         AccessDenied: Access Denied status code: 403",
        "s3:GetBucketLocation",
        true,
    ),
    (
        "ResourceInitializationError: failed to download env files: file download command: non empty error stream: \
         NoSuchKey: The specified key does not exist. status code: 404",
        "put it into its bucket",
        true,
    ),
    (
        "(service api) was unable to place a task because no container instance met all of its requirements. Reason: No \
         Container Instances were found in your cluster.",
        "whose agent names the cluster",
        false,
    ),
    (
        "(service api) was unable to place a task because no container instance met all of its requirements. The closest \
         matching (container-instance 0) has insufficient memory available.",
        "no container instance has room",
        false,
    ),
    (
        "(service api) was unable to place a task because no container instance met all of its requirements. The closest \
         matching (container-instance 0) is already using a port required by your task.",
        "leave `hostPort` out",
        false,
    ),
    (
        "(service api) was unable to place a task because no container instance met all of its requirements. The closest \
         matching (container-instance 0) is missing an attribute required by your task.",
        "requiresAttributes",
        false,
    ),
    (
        "(service api) was unable to place a task because no container instance met all of its requirements. The closest \
         matching (container-instance 0) encountered error \"MemberOf placement constraint unsatisfied.\".",
        "placementConstraints",
        false,
    ),
    (
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref \
         ghcr.io/acme/api:1: failed to authorize: failed to fetch oauth token: unexpected status from GET request \
         to https://ghcr.io/token: 403 Forbidden",
        "refuses the credential",
        true,
    ),
    (
        "CannotPullContainerError: failed to resolve reference \"ghcr.io/acme/api:1\": failed to fetch oauth \
         token: 401 Unauthorized",
        "refuses the credential",
        true,
    ),
    (
        "CannotPullContainerError: pull access denied for acme/api, repository does not exist or may require \
         authorization: server message: insufficient_scope: authorization failed",
        "no such image",
        true,
    ),
    ("CannotPullContainerError: ghcr.io/acme/api:9: not found", "no such image", true),
    ("CannotPullContainerError: manifest unknown: manifest unknown", "no such image", true),
    (
        "CannotPullContainerError: no matching manifest for linux/arm64 in the manifest list entries",
        "linux/amd64",
        true,
    ),
    (
        "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'",
        "linux/amd64",
        true,
    ),
    (
        "CannotPullContainerError: dial tcp 140.82.121.33:443: i/o timeout",
        "does not reach the registry",
        false,
    ),
    (
        "CannotPullContainerError: toomanyrequests: You have reached your pull rate limit.",
        "limits pulls",
        false,
    ),
    ("CannotPullContainerError: write /var/lib/x: no space left on device", "disk", false),
    (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
         failed: unable to retrieve secret from asm: AccessDeniedException: User: \
         arn:aws:sts::123456789012:assumed-role/api/0123 is not authorized to perform: \
         secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:eu-central-1:123456789012:secret:x",
        "secretsmanager:GetSecretValue",
        true,
    ),
    (
        "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from \
         asm: AccessDeniedException: Access to KMS is not allowed",
        "kms:Decrypt",
        true,
    ),
    (
        "ResourceInitializationError: unable to pull secrets or registry auth: ResourceNotFoundException: Secrets \
         Manager can't find the specified secret.",
        "its new ARN",
        true,
    ),
    (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
         failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): \
         AccessDeniedException: The ciphertext refers to a customer master key that does not exist, does not \
         exist in this region, or you are not allowed to access.",
        "kms:Decrypt",
        true,
    ),
    (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
         failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): \
         AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/api/0123 is not authorized to \
         perform: ssm:GetParameters on resource: arn:aws:ssm:eu-central-1:123456789012:parameter/shop/db because \
         no identity-based policy allows the ssm:GetParameters action status code: 400",
        "ssm:GetParameters",
        true,
    ),
    (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
         failed: unable to retrieve secrets from ssm: service call has been retried 5 time(s): RequestCanceled: \
         request context canceled caused by: context deadline exceeded",
        "com.amazonaws.REGION.ssm",
        false,
    ),
    (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
         failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid ssm \
         parameters: /shop/db",
        "its new ARN",
        true,
    ),
    (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
         failed: unable to retrieve secret from asm: service call has been retried 1 time(s): retrieved secret \
         from Secrets Manager did not contain json key password",
        "the `arn` of the variable",
        true,
    ),
    (
        "ResourceInitializationError: unable to pull secrets or registry auth: asm fetching secret from the \
         service for arn:aws:secretsmanager:eu-central-1:123456789012:secret:x: unable to unmarshal secret: \
         invalid character 'g' looking for beginning of value",
        "is not the JSON",
        true,
    ),
    (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
         failed: unable to get registry auth from asm: service call has been retried 1 time(s): asm fetching \
         password: AuthorizationData is malformed, empty field",
        "is not the JSON",
        true,
    ),
    (
        "ResourceInitializationError: unable to pull secrets or registry auth: RequestCanceled: request context \
         canceled caused by: context deadline exceeded",
        "does not reach Secrets Manager",
        false,
    ),
    (
        "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: \
         failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not \
         exist.",
        "log group /longshore/shop/api",
        true,
    ),
    ("OutOfMemoryError: Container killed due to memory usage", "raise its memory", false),
    ("Essential container in task exited (api: exit code 137)", "raise its memory", false),
    ("Essential container in task exited (api: exit code 1)", "aws logs tail /longshore/shop/api", false),
    ("CannotStartContainerError: exec: \"serve\": executable file not found in $PATH", "cannot be run", true),
    (
        "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:x:y:targetgroup/z)",
        "load balancer",
        false,
    ),
    ("Task failed container health checks", "own health check", false),
    (
        "ECS was unable to assume the role 'arn:aws:iam::123456789012:role/api' that was provided for this task.",
        "trust policy",
        false,
    ),
    ("Capacity is unavailable at this time. Please try again later", "no capacity", false),
];

#[test]
fn every_reason_gets_the_advice_that_fits() {
    let facts = Facts { log_group: Some("/longshore/shop/api".to_owned()), platform: Platform::default() };
    for (reason, advice, permanent) in REASONS {
        let explanation = explain(reason, &facts).unwrap_or_else(|| panic!("unknown: {reason}"));
        assert!(explanation.help.contains(advice), "{reason}\n=> {}", explanation.help);
        assert_eq!(explanation.permanent, *permanent, "{reason}");
    }
}

#[test]
fn every_rule_is_used() {
    let helps: std::collections::BTreeSet<_> = REASONS
        .iter()
        .filter_map(|(reason, ..)| explain(reason, &Facts::default()))
        .map(|explanation| explanation.help)
        .collect();
    assert_eq!(helps.len(), RULES.len());
}

#[test]
fn says_nothing_of_what_it_does_not_know() {
    assert_eq!(explain("Scaling activity initiated by (deployment ecs-svc/1)", &Facts::default()), None);
}
