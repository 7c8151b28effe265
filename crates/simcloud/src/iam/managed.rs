//! The policies that AWS manages, as far as the simulated cloud has them.
//!
//! Documents as the "AWS managed policy reference" lists them.

use crate::Partition;

/// A policy that AWS manages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Managed {
    /// Path and name, as the ARN ends with them.
    pub(crate) path_and_name: &'static str,
    pub(crate) id: &'static str,
    pub(crate) version: &'static str,
    /// When AWS created it, ISO 8601.
    pub(crate) created: &'static str,
    pub(crate) document: &'static str,
}

impl Managed {
    /// Its ARN in a partition.
    pub(crate) fn arn(&self, partition: Partition) -> String {
        format!("arn:{partition}:iam::aws:policy/{}", self.path_and_name)
    }

    /// The name.
    pub(crate) fn name(&self) -> &'static str {
        self.path_and_name.rsplit('/').next().unwrap_or(self.path_and_name)
    }

    /// `/`, or `/service-role/`.
    pub(crate) fn path(&self) -> &'static str {
        if self.path_and_name.starts_with("service-role/") { "/service-role/" } else { "/" }
    }
}

/// Every policy of AWS's that the simulated cloud has, by ARN.
pub(crate) const ALL: &[Managed] = &[
    Managed {
        path_and_name: "AdministratorAccess",
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
        path_and_name: "service-role/AWSLambdaBasicExecutionRole",
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
        path_and_name: "service-role/AmazonECSTaskExecutionRolePolicy",
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
