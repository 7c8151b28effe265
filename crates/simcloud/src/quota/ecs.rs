//! The classes of ECS.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>

use super::{
    Class, Rate,
    Source::{Documented, Estimated},
};

/// The class of launches on Fargate.
pub(super) const LAUNCHES: &str = "ecs:fargate-launch";

pub(super) const CLASSES: &[Class] = &[
    Class {
        name: "ecs:cluster-modify",
        operations: &[
            "ecs:CreateCluster",
            "ecs:UpdateCluster",
            "ecs:PutClusterCapacityProviders",
            "ecs:DeleteCluster",
        ],
        rate: Rate { burst: 20, per_second: 1 },
        source: Documented,
    },
    Class {
        name: "ecs:cluster-read",
        operations: &["ecs:DescribeClusters", "ecs:ListClusters"],
        rate: Rate { burst: 50, per_second: 20 },
        source: Estimated,
    },
    Class {
        name: "ecs:task-definition-modify",
        operations: &["ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition"],
        rate: Rate { burst: 20, per_second: 1 },
        source: Documented,
    },
    Class {
        name: "ecs:task-definition-delete",
        operations: &["ecs:DeleteTaskDefinitions"],
        rate: Rate { burst: 5, per_second: 1 },
        source: Documented,
    },
    Class {
        name: "ecs:task-definition-read",
        operations: &[
            "ecs:DescribeTaskDefinition",
            "ecs:ListTaskDefinitions",
            "ecs:ListTaskDefinitionFamilies",
        ],
        rate: Rate { burst: 50, per_second: 20 },
        source: Documented,
    },
    Class {
        name: "ecs:service-modify",
        operations: &[
            "ecs:CreateService",
            "ecs:UpdateService",
            "ecs:DeleteService",
            "ecs:StopServiceDeployment",
            "ecs:ContinueServiceDeployment",
        ],
        rate: Rate { burst: 50, per_second: 5 },
        source: Documented,
    },
    Class {
        name: "ecs:service-read",
        operations: &["ecs:DescribeServices", "ecs:ListServices"],
        rate: Rate { burst: 100, per_second: 20 },
        source: Documented,
    },
    Class {
        name: "ecs:service-deployment-read",
        operations: &[
            "ecs:DescribeServiceDeployments",
            "ecs:ListServiceDeployments",
            "ecs:DescribeServiceRevisions",
        ],
        rate: Rate { burst: 50, per_second: 20 },
        source: Documented,
    },
    Class {
        name: "ecs:task-modify",
        operations: &["ecs:RunTask", "ecs:StopTask"],
        rate: Rate { burst: 100, per_second: 40 },
        source: Documented,
    },
    Class {
        name: "ecs:task-read",
        operations: &["ecs:DescribeTasks", "ecs:ListTasks", "ecs:ListContainerInstances"],
        rate: Rate { burst: 100, per_second: 20 },
        source: Documented,
    },
    Class {
        name: "ecs:tag-modify",
        operations: &["ecs:TagResource", "ecs:UntagResource"],
        rate: Rate { burst: 20, per_second: 10 },
        source: Documented,
    },
    Class {
        name: "ecs:tag-read",
        operations: &["ecs:ListTagsForResource"],
        rate: Rate { burst: 50, per_second: 20 },
        source: Documented,
    },
    // Not an operation's: whatever starts tasks on Fargate.
    Class { name: LAUNCHES, operations: &[], rate: Rate { burst: 100, per_second: 20 }, source: Documented },
    Class {
        name: "ecs:other",
        operations: &["ecs:*"],
        rate: Rate { burst: 50, per_second: 10 },
        source: Estimated,
    },
];
