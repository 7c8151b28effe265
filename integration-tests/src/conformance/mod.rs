//! One suite of what AWS answers, for several clouds: the simulated one, moto, LocalStack, and any other endpoint.
//!
//! A [case](Case) tries something with the SDK's real clients and tells what it observed in words that are the same in
//! every run. AWS's answer stands in the case, by AWS's documentation; a cloud that answers otherwise is named beside
//! it, with its answer and the reason for which AWS's is the other one ([`Disagreement`]). An answer without an
//! explanation fails the suite, and so does an explanation that does not hold any more.
//!
//! Cases keep out of each other's way by names, so that they run at once in one account.

/// The page of AWS's API reference about an operation.
macro_rules! api {
    (autoscaling $operation:literal) => {
        page!("autoscaling/application/APIReference", $operation)
    };
    (ec2 $operation:literal) => {
        page!("AWSEC2/latest/APIReference", $operation)
    };
    (ecs $operation:literal) => {
        page!("AmazonECS/latest/APIReference", $operation)
    };
    (elasticloadbalancing $operation:literal) => {
        page!("elasticloadbalancing/latest/APIReference", $operation)
    };
    (iam $operation:literal) => {
        page!("IAM/latest/APIReference", $operation)
    };
    (kms $operation:literal) => {
        page!("kms/latest/APIReference", $operation)
    };
    (logs $operation:literal) => {
        page!("AmazonCloudWatchLogs/latest/APIReference", $operation)
    };
    (secretsmanager $operation:literal) => {
        page!("secretsmanager/latest/apireference", $operation)
    };
    (ssm $operation:literal) => {
        page!("systems-manager/latest/APIReference", $operation)
    };
    (tag $operation:literal) => {
        page!("resourcegroupstagging/latest/APIReference", $operation)
    };
    (sts $operation:literal) => {
        page!("STS/latest/APIReference", $operation)
    };
}

macro_rules! page {
    ($guide:literal, $operation:literal) => {
        concat!("https://docs.aws.amazon.com/", $guide, "/API_", $operation, ".html")
    };
}

mod account;
mod answer;
mod autoscaling;
mod case;
mod cloud;
mod ec2;
mod ecr;
mod ecs;
mod elbv2;
mod iam;
mod kms;
mod lacks;
mod logs;
mod run;
mod secretsmanager;
mod ssm;
mod sts;
mod table;
mod tagging;
mod untyped;

pub use account::{Account, Clients};
pub use answer::{Answer, Refused};
pub use case::{Case, Disagreement, Operation};
pub use cloud::{Cloud, LOCALSTACK, MOTO, SERVED, SIMULATED};
pub use run::{Outcome, Report, run};
pub use table::{Column, differences, render};

/// The region of the accounts.
const REGION: &str = "eu-central-1";

/// All operations with their cases.
#[must_use]
pub fn operations() -> Vec<Operation> {
    [
        ecs::operations(),
        iam::operations(),
        secretsmanager::operations(),
        ssm::operations(),
        kms::operations(),
        sts::operations(),
        logs::operations(),
        ec2::operations(),
        elbv2::operations(),
        autoscaling::operations(),
        ecr::operations(),
        tagging::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_operation_and_case_is_there_once_and_disagreements_disagree() {
        let mut names = BTreeSet::new();
        for operation in operations() {
            assert!(names.insert(operation.name), "{} is there twice", operation.name);
            assert!(!operation.cases.is_empty(), "{} has no case", operation.name);
            let mut cases = BTreeSet::new();
            for case in &operation.cases {
                let what = format!("{}, {}", operation.name, case.name);
                assert!(cases.insert(case.name), "{what} is there twice");
                let mut clouds = BTreeSet::new();
                for disagreement in &case.disagreements {
                    assert!(!disagreement.holds(case.answer), "{what}");
                    assert!(disagreement.page.starts_with("https://docs.aws.amazon.com/"), "{what}");
                    for cloud in disagreement.clouds {
                        assert!(clouds.insert(*cloud), "{what}: {cloud} is there twice");
                        assert!(lacks::reason(cloud, operation.name).is_none(), "{what}: {cloud} lacks it");
                    }
                }
            }
        }
    }
}
