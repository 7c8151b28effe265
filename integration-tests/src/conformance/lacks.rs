//! Operations that clouds do not have at all. A cloud that has it by now makes the suite fail, so that this stays true.

use super::{LOCALSTACK, MOTO};

/// Operations that a cloud does not have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lack {
    /// The cloud.
    pub(super) cloud: &'static str,
    /// An operation, such as `ecs:CreateCluster`, or all of a service: `ecs:*`.
    pub(super) operations: &'static str,
    /// The cloud's message, and the reason for it, as far as that is known.
    pub(super) reason: &'static str,
}

/// All of them.
pub(super) const LACKS: &[Lack] = &[
    Lack {
        cloud: LOCALSTACK,
        operations: "ecs:*",
        reason: "ECS is part of its paid plans: InternalFailure with HTTP 501, “either not included in your current \
                 license plan or has not yet been emulated”",
    },
    Lack {
        cloud: LOCALSTACK,
        operations: "ecr:*",
        reason: "ECR is part of its paid plans: InternalFailure with HTTP 501, “either not included in your current \
                 license plan or has not yet been emulated”",
    },
    Lack {
        cloud: LOCALSTACK,
        operations: "elasticloadbalancing:*",
        reason: "Elastic Load Balancing is part of its paid plans: InternalFailure with HTTP 501, “either not included in \
                 your current license plan or has not yet been emulated”",
    },
    Lack {
        cloud: LOCALSTACK,
        operations: "application-autoscaling:*",
        reason: "Application Auto Scaling is part of its paid plans: InternalFailure with HTTP 501, “either not included in \
                 your current license plan or has not yet been emulated”",
    },
    Lack {
        cloud: MOTO,
        operations: "application-autoscaling:TagResource",
        reason: "it is not implemented: a page of HTTP 500",
    },
    Lack {
        cloud: MOTO,
        operations: "application-autoscaling:UntagResource",
        reason: "it is not implemented: a page of HTTP 500",
    },
    Lack {
        cloud: MOTO,
        operations: "application-autoscaling:ListTagsForResource",
        reason: "it is not implemented: a page of HTTP 500",
    },
    Lack {
        cloud: MOTO,
        operations: "iam:SimulatePrincipalPolicy",
        reason: "there is no policy simulator: a page of HTTP 500",
    },
    Lack {
        cloud: MOTO,
        operations: "ecs:ListServiceDeployments",
        reason: "it is not implemented: a page of HTTP 500",
    },
    Lack {
        cloud: MOTO,
        operations: "ecs:DescribeServiceDeployments",
        reason: "it is not implemented: a page of HTTP 500",
    },
    Lack {
        cloud: MOTO,
        operations: "ecs:StopServiceDeployment",
        reason: "it is not implemented: a page of HTTP 500",
    },
    Lack {
        cloud: MOTO,
        operations: "ecs:DescribeServiceRevisions",
        reason: "it is not implemented: a page of HTTP 500",
    },
];

/// Returns the reason for which a cloud does not have an operation, if it does not.
pub(super) fn reason(cloud: &str, operation: &str) -> Option<&'static str> {
    LACKS.iter().find(|lack| lack.cloud == cloud && lack.covers(operation)).map(|lack| lack.reason)
}

impl Lack {
    fn covers(&self, operation: &str) -> bool {
        match self.operations.strip_suffix('*') {
            Some(service) => operation.starts_with(service),
            None => self.operations == operation,
        }
    }
}
