//! The resource that a call is about, as IAM policies name it.

use crate::{Call, World, dispatch::Service, partition, ssm};

/// The ARN that has to be permitted, or `*` for operations that are not about one resource.
pub(crate) fn of(world: &World, service: Service, call: &Call) -> String {
    let arn = |tail: &str| partition::arn(service.prefix(), &call.region, &world.account, tail);
    let found = match service {
        Service::SecretsManager => secret(world, call, &arn),
        Service::Iam => iam(world, call),
        Service::Logs => call
            .text("logGroupName")
            .map(|group| match call.text("logStreamName") {
                Some(stream) => arn(&format!("log-group:{group}:log-stream:{stream}")),
                None => arn(&format!("log-group:{group}")),
            })
            .or_else(|| call.text("resourceArn").map(str::to_owned)),
        Service::Kms => call.text("KeyId").map(|key| {
            world
                .kms
                .find(&call.region, key)
                .map_or_else(|| arn(&format!("key/{key}")), |key| key.arn.clone())
        }),
        Service::Ecr => call.text("repositoryName").map(|name| {
            let account = call.text("registryId").unwrap_or(&world.account);
            partition::arn("ecr", &call.region, account, format_args!("repository/{name}"))
        }),
        Service::Ecs => ecs(call, &arn),
        Service::Elbv2 => elbv2(call, &arn),
        Service::Ssm => {
            let name = call.text("Name").or_else(|| call.text("ResourceId"));
            name.map(|name| ssm::arn(&call.region, &world.account, name))
        }
        Service::AutoScaling => {
            let target = || world.autoscaling.arn(&call.region, call.text("ResourceId")?);
            call.text("ResourceARN").map(str::to_owned).or_else(target)
        }
        Service::Ec2 | Service::Sts | Service::Tagging => None,
    };
    found.unwrap_or_else(|| "*".to_owned())
}

fn secret(world: &World, call: &Call, arn: &dyn Fn(&str) -> String) -> Option<String> {
    if let Some(name) = call.text("Name") {
        return Some(arn(&format!("secret:{name}-??????")));
    }
    let id = call.text("SecretId")?;
    Some(match world.secrets.find(&call.region, id) {
        Some(secret) => secret.arn.clone(),
        None if id.starts_with("arn:") => id.to_owned(),
        None => arn(&format!("secret:{id}")),
    })
}

fn iam(world: &World, call: &Call) -> Option<String> {
    let path = call.text("Path").unwrap_or("/");
    let role = |name: &str| match world.iam.role_arn(name) {
        Some(arn) => arn.to_owned(),
        None => world.iam.arn(format_args!("role{path}{name}")),
    };
    call.text("RoleName")
        .map(role)
        .or_else(|| call.text("PolicyName").map(|name| world.iam.arn(format_args!("policy{path}{name}"))))
        .or_else(|| call.text("PolicyArn").or_else(|| call.text("PolicySourceArn")).map(str::to_owned))
}

fn ecs(call: &Call, arn: &dyn Fn(&str) -> String) -> Option<String> {
    let named = |kind: &str, name: &str| {
        if name.starts_with("arn:") { name.to_owned() } else { arn(&format!("{kind}/{name}")) }
    };
    let cluster = call.text("cluster").unwrap_or("default");
    let cluster_name = cluster.rsplit('/').next().unwrap_or(cluster);
    match call.operation.as_str() {
        "CreateService" => Some(named("service", &format!("{cluster_name}/{}", call.text("serviceName")?))),
        "UpdateService" | "DeleteService" => {
            let service = call.text("service")?;
            Some(if service.starts_with("arn:") {
                service.to_owned()
            } else {
                arn(&format!("service/{cluster_name}/{service}"))
            })
        }
        "DescribeServices" => {
            let services = call.texts("services");
            let [one] = services.as_slice() else { return None };
            Some(if one.starts_with("arn:") {
                one.clone()
            } else {
                arn(&format!("service/{cluster_name}/{one}"))
            })
        }
        "DescribeContainerInstances" | "UpdateContainerInstancesState" => {
            let instances = call.texts("containerInstances");
            let [one] = instances.as_slice() else { return None };
            Some(named("container-instance", one).replace(
                &format!("container-instance/{one}"),
                &format!("container-instance/{cluster_name}/{one}"),
            ))
        }
        "RegisterContainerInstance" | "DeregisterContainerInstance" | "ListContainerInstances" => {
            Some(named("cluster", cluster))
        }
        "CreateCluster" => Some(named("cluster", call.text("clusterName").unwrap_or("default"))),
        "UpdateCluster" | "DeleteCluster" => Some(named("cluster", cluster)),
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            call.text("resourceArn").map(str::to_owned)
        }
        "RegisterTaskDefinition" => Some(arn(&format!("task-definition/{}:*", call.text("family")?))),
        "StopTask" => Some(named("task", &format!("{cluster_name}/{}", call.text("task")?))),
        "RunTask" => Some(named("task-definition", call.text("taskDefinition")?)),
        _ => None,
    }
}

/// The resource of a change; what describes is permitted on everything.
fn elbv2(call: &Call, arn: &dyn Fn(&str) -> String) -> Option<String> {
    let name = || call.text("Name");
    match call.operation.as_str() {
        operation if operation.starts_with("Describe") => None,
        "CreateTargetGroup" => Some(arn(&format!("targetgroup/{}/*", name()?))),
        "CreateLoadBalancer" => Some(arn(&format!("loadbalancer/app/{}/*", name()?))),
        "AddTags" | "RemoveTags" => call.texts("ResourceArns").into_iter().next(),
        _ => ["RuleArn", "ListenerArn", "LoadBalancerArn", "TargetGroupArn"]
            .iter()
            .find_map(|member| call.text(member))
            .map(str::to_owned),
    }
}
