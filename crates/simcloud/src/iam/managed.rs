//! The policies that AWS manages, as far as the simulated cloud has them.
//!
//! Documents as the "AWS managed policy reference" lists them.

/// A policy that AWS manages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Managed {
    pub(crate) arn: &'static str,
    pub(crate) id: &'static str,
    pub(crate) version: &'static str,
    /// When AWS created it, ISO 8601.
    pub(crate) created: &'static str,
    pub(crate) document: &'static str,
}

impl Managed {
    /// The last part of the ARN.
    pub(crate) fn name(&self) -> &'static str {
        self.arn.rsplit('/').next().unwrap_or(self.arn)
    }

    /// `/`, or `/service-role/`.
    pub(crate) fn path(&self) -> &'static str {
        if self.arn.contains(":policy/service-role/") { "/service-role/" } else { "/" }
    }
}

/// The policy with this ARN, if the simulated cloud has it.
pub(crate) fn named(arn: &str) -> Option<&'static Managed> {
    ALL.iter().find(|policy| policy.arn == arn)
}

/// Every policy of AWS's that the simulated cloud has, by ARN.
pub(crate) const ALL: &[Managed] = &[
    Managed {
        arn: "arn:aws:iam::aws:policy/AdministratorAccess",
        id: "ANPAIWMBCKSKIEE64ZLYK",
        version: "v1",
        created: "2015-02-06T18:39:46Z",
        document: r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "*",
            "Resource": "*"
        }
    ]
}"#,
    },
    Managed {
        arn: "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        id: "ANPAJNCQGXC42545SKXIK",
        version: "v1",
        created: "2015-04-09T15:03:43Z",
        document: r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents"
            ],
            "Resource": "*"
        }
    ]
}"#,
    },
    Managed {
        arn: "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
        id: "ANPAJG4T4G4PV56DE72PY",
        version: "v1",
        created: "2017-11-16T18:48:22Z",
        document: r#"{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "ecr:GetAuthorizationToken",
                "ecr:BatchCheckLayerAvailability",
                "ecr:GetDownloadUrlForLayer",
                "ecr:BatchGetImage",
                "logs:CreateLogStream",
                "logs:PutLogEvents"
            ],
            "Resource": "*"
        }
    ]
}"#,
    },
];
