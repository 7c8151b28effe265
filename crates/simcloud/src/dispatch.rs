//! From a decoded request to a service: who calls, whether they may, and which service answers.

use serde_json::Value;

use crate::{
    ApiError, Call, World, autoscaling, ec2, ecr, ecs, elbv2, iam, kms, logs, members,
    policy::{Context, Document, Kind, Who},
    resource, secretsmanager, ssm, sts, tagging,
};

/// The services that the simulated cloud has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    AutoScaling,
    Ec2,
    Ecr,
    Ecs,
    Elbv2,
    Iam,
    Kms,
    Logs,
    SecretsManager,
    Ssm,
    Sts,
    Tagging,
}

impl Service {
    pub(crate) const ALL: [Self; 12] = [
        Self::AutoScaling,
        Self::Ec2,
        Self::Ecr,
        Self::Ecs,
        Self::Elbv2,
        Self::Iam,
        Self::Kms,
        Self::Logs,
        Self::SecretsManager,
        Self::Ssm,
        Self::Sts,
        Self::Tagging,
    ];

    /// The prefix of its actions in IAM; with `tag` for `tagging`, its name in credential scopes.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::AutoScaling => "application-autoscaling",
            Self::Ec2 => "ec2",
            Self::Ecr => "ecr",
            Self::Ecs => "ecs",
            Self::Elbv2 => "elasticloadbalancing",
            Self::Iam => "iam",
            Self::Kms => "kms",
            Self::Logs => "logs",
            Self::SecretsManager => "secretsmanager",
            Self::Ssm => "ssm",
            Self::Sts => "sts",
            Self::Tagging => "tag",
        }
    }

    /// The service whose `X-Amz-Target` starts with `prefix`.
    pub(crate) fn with_target(prefix: &str) -> Option<Self> {
        Some(match prefix {
            "AmazonEC2ContainerRegistry_V20150921" => Self::Ecr,
            "AmazonEC2ContainerServiceV20141113" => Self::Ecs,
            "AmazonSSM" => Self::Ssm,
            "AnyScaleFrontendService" => Self::AutoScaling,
            "Logs_20140328" => Self::Logs,
            "ResourceGroupsTaggingAPI_20170126" => Self::Tagging,
            "TrentService" => Self::Kms,
            "secretsmanager" => Self::SecretsManager,
            _ => return None,
        })
    }

    /// The service with a query protocol that requests are signed for under this name.
    pub(crate) fn with_query_scope(name: &str) -> Option<Self> {
        [Self::Ec2, Self::Elbv2, Self::Iam, Self::Sts].into_iter().find(|service| service.prefix() == name)
    }

    /// The names of all, for messages.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::prefix).join(", ")
    }

    /// The error that this service answers with when there are more calls than the quota allows.
    pub(crate) fn throttled(self) -> ApiError {
        match self {
            Self::Ec2 => ApiError::new("RequestLimitExceeded", "Request limit exceeded.").with_status(503),
            Self::Elbv2 | Self::Iam | Self::Sts => ApiError::new("Throttling", "Rate exceeded"),
            Self::Kms => ApiError::new(
                "ThrottlingException",
                "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
            ),
            Self::Tagging => ApiError::new("ThrottledException", "Rate exceeded"),
            Self::AutoScaling | Self::Ecr | Self::Ecs | Self::Logs | Self::SecretsManager | Self::Ssm => {
                ApiError::new("ThrottlingException", "Rate exceeded")
            }
        }
    }

    /// The error for what AWS has and the simulated cloud has not, by a code that the service's clients know.
    pub(crate) fn unsupported(self, message: String) -> ApiError {
        let code = match self {
            Self::Ec2 => "UnsupportedOperation",
            Self::Ecs => "UnsupportedFeatureException",
            Self::Elbv2 | Self::Iam | Self::Sts => "ValidationError",
            Self::Kms => "UnsupportedOperationException",
            Self::AutoScaling | Self::Ssm => "ValidationException",
            Self::Ecr | Self::Logs | Self::SecretsManager | Self::Tagging => "InvalidParameterException",
        };
        ApiError::new(code, message)
    }

    /// The error that this service answers with when a caller may not do something.
    fn access_denied(self, message: String) -> ApiError {
        match self {
            Self::Ec2 => ApiError::new(
                "UnauthorizedOperation",
                format!("You are not authorized to perform this operation. {message}"),
            )
            .with_status(403),
            Self::Elbv2 | Self::Iam | Self::Sts => ApiError::new("AccessDenied", message).with_status(403),
            _ => ApiError::new("AccessDeniedException", message),
        }
    }
}

/// Returns true if an operation leaves everything as it was.
pub(crate) fn only_reads(operation: &str) -> bool {
    ["Describe", "Get", "List", "BatchGet", "Filter", "Simulate"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}

/// Performs a call.
pub(crate) fn dispatch(world: &mut World, service: Service, call: &Call) -> Result<Value, ApiError> {
    if matches!(service, Service::Ec2 | Service::Ecs | Service::Elbv2) {
        world.enter_region(&call.region);
    }
    authorize(world, service, call)?;
    members::check(service, call)?;
    match service {
        Service::AutoScaling => autoscaling::handle(world, call),
        Service::Ec2 => ec2::handle(world, call),
        Service::Ecr => ecr::handle(world, call),
        Service::Ecs => ecs::handle(world, call),
        Service::Elbv2 => elbv2::handle(world, call),
        Service::Iam => iam::handle(world, call),
        Service::Kms => kms::handle(world, call),
        Service::Logs => logs::handle(world, call),
        Service::SecretsManager => secretsmanager::handle(world, call),
        Service::Ssm => ssm::handle(world, call),
        Service::Sts => sts::handle(world, call),
        Service::Tagging => tagging::handle(world, call),
    }
}

/// Returns the caller, as policies see it.
pub(crate) fn who<'a>(world: &'a World, call: &'a Call) -> Who<'a> {
    match call.caller.split_once(":assumed-role/").and_then(|(_, rest)| rest.split_once('/')) {
        None => Who::User { arn: &call.caller },
        Some((role, _)) => {
            let role = world.iam.role_arn(role).unwrap_or(&call.caller);
            Who::Session { role, session: &call.caller }
        }
    }
}

/// Sessions of roles may do what the role's policies permit; the account's user may do everything.
fn authorize(world: &World, service: Service, call: &Call) -> Result<(), ApiError> {
    // These look at each secret, parameter or trust policy themselves.
    if matches!(
        call.operation.as_str(),
        "GetSecretValue"
            | "GetParameter"
            | "GetParameters"
            | "GetParametersByPath"
            | "DeleteParameters"
            | "GetCallerIdentity"
            | "AssumeRole"
    ) {
        return Ok(());
    }
    let action = format!("{}:{}", service.prefix(), call.operation);
    let resource = resource::of(world, service, call);
    let policy = (service == Service::SecretsManager)
        .then(|| world.secrets.find(&call.region, call.text("SecretId")?)?.policy.as_deref())
        .flatten()
        .and_then(|text| Document::parse(text, Kind::Resource).ok());
    let context = Context::new().with("aws:RequestedRegion", &call.region);
    let authorize = |resource: &str| {
        world.iam.authorize(call.now, who(world, call), &action, resource, &context, policy.as_ref())
    };
    // Policies name a log group with or without `:*` at the end.
    let streams = (service == Service::Logs).then(|| format!("{}:*", resource.trim_end_matches(":*")));
    let verdict = match (authorize(&resource), streams.map(|streams| authorize(&streams))) {
        (Err(denial), _) | (_, Some(Err(denial))) if denial.explicit => Err(denial),
        (Ok(()), _) | (_, Some(Ok(()))) => Ok(()),
        (denial, _) => denial,
    };
    verdict.map_err(|denial| service.access_denied(denial.to_string()))
}
