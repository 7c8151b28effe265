//! Explanations of ECS's reasons for stopping tasks, with hints.
//!
//! The texts are those of the ECS developer guide ("Stopped tasks error messages") and of the ECS agent.

use longshore_model::Platform;

/// The facts that explanations may mention.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The log group that the containers write to.
    pub(crate) log_group: Option<String>,
    /// The platform of the tasks.
    pub(crate) platform: Platform,
}

/// The meaning of a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    /// Trying again cannot help: the same task fails in the same way until a user changes something.
    pub(crate) permanent: bool,
    /// The hint.
    pub(crate) help: String,
}

/// A kind of reason: every group has a word that occurs in it (in lower case).
struct Rule {
    words: &'static [&'static [&'static str]],
    permanent: bool,
    help: fn(&Facts) -> String,
}

const DENIED: &[&str] = &["401", "403", "unauthorized", "forbidden", "denied", "authorization failed"];
const UNREACHABLE: &[&str] = &[
    "i/o timeout",
    "deadline exceeded",
    "connection refused",
    "connection reset",
    "no such host",
    "no route to host",
    "dial tcp",
    "tls handshake timeout",
    "request canceled",
    "requestcanceled",
    "requesterror",
];

/// The kinds, the most particular first.
const RULES: &[Rule] = &[
    Rule {
        words: &[&["no matching manifest", "matching platform", "does not match the specified platform"]],
        permanent: true,
        help: |facts| {
            format!(
                "the image has no manifest for {}: build and push it for that platform, or set the service's \
                 architecture to one that the image has",
                facts.platform
            )
        },
    },
    Rule {
        words: &[&["retrieve secret"], &["json key", "invalid character"]],
        permanent: true,
        help: |_| {
            "the secret of an environment variable is no JSON with the key that stands behind its ARN: correct the \
             secret, or the `arn` of the variable"
                .to_owned()
        },
    },
    Rule {
        words: &[&[
            "unmarshal",
            "invalid character",
            "invalid schema",
            "authorizationdata is malformed",
            "username or password",
            "empty username",
            "empty password",
        ]],
        permanent: true,
        help: |_| {
            "the secret's value is not the JSON that ECS reads, {\"username\":\"…\",\"password\":\"…\"}, with \
             nothing empty: somebody else has written it; deploy again to write the credential anew"
                .to_owned()
        },
    },
    Rule {
        words: &[&["secret", "registry auth"], &["kms", "ciphertext refers to"], DENIED],
        permanent: true,
        help: |_| {
            "the execution role may not use the key that encrypts the secret: it needs kms:Decrypt, and the key's \
             policy must let the account's roles use it (set the store's KMS key in the configuration)"
                .to_owned()
        },
    },
    Rule {
        words: &[&["from ssm"], &["accessdenied", "not authorized to perform"]],
        permanent: true,
        help: |_| {
            "the execution role may not read the parameter: its policy has to allow ssm:GetParameters on the \
             parameter's ARN, and no policy of a boundary or of the organisation may deny it; deploy again to restore \
             the role's policy"
                .to_owned()
        },
    },
    Rule {
        words: &[&["from ssm"], UNREACHABLE],
        permanent: false,
        help: |_| {
            "the task does not reach Systems Manager: its subnets need a NAT gateway, an interface endpoint for \
             com.amazonaws.REGION.ssm, or (in public subnets) network.assign-public-ip, and its security group has to \
             let HTTPS out"
                .to_owned()
        },
    },
    Rule {
        words: &[&["secret", "registry auth"], &["accessdenied", "not authorized to perform"]],
        permanent: true,
        help: |_| {
            "the execution role may not read the secret: its policy has to allow secretsmanager:GetSecretValue on \
             the secret's full ARN, and no policy of the secret, of a boundary or of the organisation may deny it; \
             deploy again to restore the role's policy"
                .to_owned()
        },
    },
    Rule {
        words: &[
            &["secret", "registry auth"],
            &["resourcenotfound", "can't find the specified secret", "invalid ssm parameters"],
        ],
        permanent: true,
        help: |_| {
            "the secret or parameter that the task definition names is not there (any more): deploy again, so that it \
             is made and named by its new ARN; one that is only referenced (`arn`) has to be made by its owner"
                .to_owned()
        },
    },
    Rule {
        words: &[&["secret", "registry auth"], UNREACHABLE],
        permanent: false,
        help: |_| {
            "the task does not reach Secrets Manager: its subnets need a NAT gateway, an interface \
             endpoint for com.amazonaws.REGION.secretsmanager, or (in public subnets) network.assign-public-ip, and its security \
             group has to let HTTPS out"
                .to_owned()
        },
    },
    Rule {
        words: &[&["log group", "logger args", "log stream", "log driver", "awslogs"]],
        permanent: true,
        help: |facts| {
            format!(
                "the task cannot write to the log group {}: it has to exist in the task's region, and the execution \
                 role has to allow logs:CreateLogStream and logs:PutLogEvents \
                 (service-role/AmazonECSTaskExecutionRolePolicy does)",
                facts.log_group.as_deref().unwrap_or("that its definition names")
            )
        },
    },
    Rule {
        words: &[&["toomanyrequests", "too many requests", "429", "rate limit", "pull rate"]],
        permanent: false,
        help: |_| {
            "the registry limits pulls: use a credential with a higher limit, or wait until the limit is reset"
                .to_owned()
        },
    },
    Rule {
        words: &[&["cannotpull"], &["manifest unknown", "not found", "does not exist", "404"]],
        permanent: true,
        help: |_| {
            "the registry has no such image for this credential: look at the repository's name and tag; a registry \
             may say \"not found\" where it means \"not allowed\""
                .to_owned()
        },
    },
    Rule {
        words: &[&["cannotpull"], DENIED],
        permanent: true,
        help: |_| {
            "the registry refuses the credential in the secret: it may have expired, been revoked, or lack access to \
             this repository (GHCR: a classic token with read:packages, authorised for the organisation's SSO); \
             renew it at its source and deploy again; an image without a configured registry is pulled anonymously"
                .to_owned()
        },
    },
    Rule {
        words: &[&["cannotpull"], UNREACHABLE],
        permanent: false,
        help: |_| {
            "the task does not reach the registry: its subnets need a NAT gateway, or (in public subnets) \
             network.assign-public-ip, and its security group has to let HTTPS out"
                .to_owned()
        },
    },
    Rule {
        words: &[&["cannotpull"], &["no space left", "disk"]],
        permanent: false,
        help: |_| "the image does not fit on the task's disk: make it smaller".to_owned(),
    },
    Rule {
        words: &[&["download env files"], &["accessdenied", "access denied", "no execution role"]],
        permanent: true,
        help: |_| {
            "the execution role may not read an environment file: its policy has to allow s3:GetObject on the object and \
             s3:GetBucketLocation on its bucket, and no policy of the bucket may deny it; deploy again to restore the \
             role's policy"
                .to_owned()
        },
    },
    Rule {
        words: &[&["download env files"], &["nosuchkey", "not found", "404"]],
        permanent: true,
        help: |_| "the environment file is not there: put it into its bucket, or correct its ARN".to_owned(),
    },
    Rule {
        words: &[&["no container instances were found"]],
        permanent: false,
        help: |_| {
            "no container instance of the cluster takes tasks: start one whose agent names the cluster, activate one \
             that drains, or set launch-type = \"fargate\""
                .to_owned()
        },
    },
    Rule {
        words: &[&["no container instance met"], &["insufficient cpu", "insufficient memory"]],
        permanent: false,
        help: |_| {
            "no container instance has room for another task: add one, ask for less, or let a rollout stop tasks before \
             it starts others (deployment.minimum-healthy-percent below 100)"
                .to_owned()
        },
    },
    Rule {
        words: &[&["no container instance met"], &["already using a port"]],
        permanent: false,
        help: |_| {
            "the host port of the task is taken on every container instance: leave `hostPort` out in the network mode \
             bridge, or let a rollout stop tasks before it starts others (deployment.minimum-healthy-percent below 100)"
                .to_owned()
        },
    },
    Rule {
        words: &[&["no container instance met"], &["missing an attribute"]],
        permanent: false,
        help: |_| {
            "no container instance has all attributes in the task definition's requiresAttributes: its agent is too old, \
             lacks a log driver or a plugin, or is of another platform than runtimePlatform"
                .to_owned()
        },
    },
    Rule {
        words: &[&["no container instance met"], &["constraint unsatisfied"]],
        permanent: false,
        help: |_| {
            "no container instance meets the placementConstraints: correct them, or add an instance that does"
                .to_owned()
        },
    },
    Rule {
        words: &[&["unable to assume the role", "unable to assume role"]],
        permanent: false,
        help: |_| {
            "ECS may not assume the execution role (or the task role): its trust policy has to allow sts:AssumeRole \
             to ecs-tasks.amazonaws.com; deploy again to restore the execution role's"
                .to_owned()
        },
    },
    Rule {
        words: &[&["outofmemory", "out of memory", "memory usage", "exit code 137"]],
        permanent: false,
        help: |_| "a container used more memory than it may: raise its memory".to_owned(),
    },
    Rule {
        words: &[&["executable file not found", "exec format error", "no such file or directory"]],
        permanent: true,
        help: |facts| {
            format!(
                "the container's command cannot be run: look at `command` and at the image, which has to be one for \
                 {}",
                facts.platform
            )
        },
    },
    Rule {
        words: &[&["elb health check", "target group", "target-group"]],
        permanent: false,
        help: |facts| {
            format!(
                "the load balancer finds the task unhealthy: the container has to listen on the port of the target \
                 group and answer its health check in time; {}",
                logs(facts)
            )
        },
    },
    Rule {
        words: &[&["health check"]],
        permanent: false,
        help: |facts| format!("the container's own health check fails; {}", logs(facts)),
    },
    Rule {
        words: &[&["essential container", "exit code"]],
        permanent: false,
        help: |facts| format!("a container ended by itself; {}", logs(facts)),
    },
    Rule {
        words: &[&[
            "capacity is unavailable",
            "limit on the number of vcpus",
            "resource:memory",
            "resource:cpu",
        ]],
        permanent: false,
        help: |_| {
            "there is no capacity: try another subnet (another availability zone), or ask AWS for a higher quota"
                .to_owned()
        },
    },
];

fn logs(facts: &Facts) -> String {
    match &facts.log_group {
        Some(group) => format!("its output is in the log group {group}: `aws logs tail {group}`"),
        None => "its output is nowhere: turn the service's logs on to see it".to_owned(),
    }
}

/// Returns the meaning of `reason`, if it is known.
pub(crate) fn explain(reason: &str, facts: &Facts) -> Option<Explanation> {
    let reason = reason.to_lowercase();
    let matches =
        |rule: &&Rule| rule.words.iter().all(|group| group.iter().any(|word| reason.contains(word)));
    RULES.iter().find(matches).map(|rule| Explanation { permanent: rule.permanent, help: (rule.help)(facts) })
}

#[cfg(test)]
mod tests;
