//! A world with one private image, one secret and one role, and a clock to move by hand.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::{
    ApiError, Blueprint, Call, Due, Moment, World,
    dispatch::{Service, dispatch},
    ecs,
    registry::{Registries, RegistrySpec},
};

pub(super) const REGION: &str = "eu-central-1";
pub(super) const TOKEN: &str = "ghp_token-of-the-simulation";
pub(super) const ROLE: &str = "arn:aws:iam::123456789012:role/execution";

pub(super) struct Sim {
    pub(super) world: World,
    pub(super) now: Moment,
    pub(super) secret: String,
}

/// The registries of the tests, as a configuration would declare them.
pub(super) fn registries() -> BTreeMap<String, RegistrySpec> {
    serde_json::from_value(json!({
        "ghcr.io": {
            "users": { "octocat": { "password": TOKEN }, "stranger": { "password": "ghp_strangers" } },
            "repositories": {
                "acme/api": {
                    "readers": ["octocat"],
                    "tags": {
                        "1": { "platforms": ["linux/amd64", "linux/arm64"] },
                        "2": {},
                        "arm": { "platforms": ["linux/arm64"] },
                        "arm-index": { "platforms": ["linux/arm64"], "index": true },
                        "crash": { "exits": 1 },
                        "hungry": { "needs-memory-mib": 4096 },
                        "sick": { "health-status": 503 },
                        "missing-page": { "health-status": 404 },
                        "alarming": { "alarms": ["api-5xx"] },
                    },
                },
                "acme/public": { "visibility": "public", "tags": { "latest": {} } },
            },
        },
        "docker.io": { "users": { "octocat": { "password": TOKEN } }, "repositories": { "library/nginx": { "visibility": "public", "tags": { "latest": {} } } } },
    }))
    .unwrap()
}

impl Sim {
    /// A world in which `acme/api:1` can be run: its role and secret are there, and visible.
    pub(super) fn new() -> Self {
        Self::seeded(7)
    }

    pub(super) fn seeded(seed: u64) -> Self {
        let now = Moment(1_790_000_000_000);
        let mut world = World::new(&Blueprint { seed, ..Blueprint::default() }, now);
        world.registries = Registries::from_spec(&registries()).unwrap();
        let mut sim = Self { world, now, secret: String::new() };
        sim.write_secret(&json!({ "username": "octocat", "password": TOKEN }).to_string());
        sim.create_role();
        let secret = sim.secret.clone();
        sim.allow(
            json!([{ "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret }]),
        );
        sim.ecs("CreateCluster", json!({ "clusterName": "main" })).unwrap();
        sim.pass(10);
        sim
    }

    pub(super) fn write_secret(&mut self, value: &str) {
        if self.secret.is_empty() {
            let input =
                json!({ "Name": "ghcr", "SecretString": value, "ClientRequestToken": "0".repeat(32) });
            let answer = self.call(Service::SecretsManager, "CreateSecret", input).unwrap();
            self.secret = answer["ARN"].as_str().unwrap().to_owned();
        } else {
            let token = format!("{:032}", self.now.0);
            let input =
                json!({ "SecretId": self.secret, "SecretString": value, "ClientRequestToken": token });
            self.call(Service::SecretsManager, "PutSecretValue", input).unwrap();
        }
    }

    pub(super) fn create_role(&mut self) {
        self.trust("CreateRole", "AssumeRolePolicyDocument", "ecs-tasks.amazonaws.com");
    }

    pub(super) fn trust(&mut self, operation: &str, member: &str, principal: &str) {
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": principal },
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": { "aws:SourceAccount": "123456789012" },
                    "ArnLike": { "aws:SourceArn": "arn:aws:ecs:eu-central-1:123456789012:*" },
                },
            }],
        });
        let input = json!({ "RoleName": "execution", member: trust.to_string() });
        self.call(Service::Iam, operation, input).unwrap();
    }

    /// Replaces the role's inline policy.
    pub(super) fn allow(&mut self, statements: Value) {
        let document = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let input = json!({ "RoleName": "execution", "PolicyName": "inline", "PolicyDocument": document });
        self.call(Service::Iam, "PutRolePolicy", input).unwrap();
    }

    pub(super) fn call(
        &mut self,
        service: Service,
        operation: &str,
        input: Value,
    ) -> Result<Value, ApiError> {
        let call = Call {
            operation: operation.to_owned(),
            region: REGION.to_owned(),
            input,
            now: self.now,
            caller: "arn:aws:iam::123456789012:user/somebody".to_owned(),
        };
        dispatch(&mut self.world, service, &call)
    }

    pub(super) fn ecs(&mut self, operation: &str, input: Value) -> Result<Value, ApiError> {
        self.call(Service::Ecs, operation, input)
    }

    /// Calls an operation of Elastic Load Balancing.
    pub(super) fn elb(&mut self, operation: &str, input: Value) -> Value {
        self.call(Service::Elbv2, operation, input).unwrap()
    }

    /// Creates a load balancer in all subnets.
    pub(super) fn load_balancer(&mut self) -> Value {
        let state = serde_json::to_value(&self.world.ec2).unwrap();
        let subnets: Vec<&String> = state["subnets"].as_object().unwrap().keys().collect();
        self.elb("CreateLoadBalancer", json!({ "Name": "shop", "Subnets": subnets }))["LoadBalancers"][0]
            .clone()
    }

    /// Creates a target group, and a listener on a port with a rule that forwards to it. Returns the group and the rule.
    pub(super) fn target_group(
        &mut self,
        balancer: &Value,
        name: &str,
        target_type: &str,
        port: u16,
    ) -> (String, String) {
        let group = json!({
            "Name": name,
            "Protocol": "HTTP",
            "Port": 8080,
            "TargetType": target_type,
            "VpcId": balancer["VpcId"],
            "HealthCheckIntervalSeconds": 10,
        });
        let group = self.elb("CreateTargetGroup", group)["TargetGroups"][0]["TargetGroupArn"].clone();
        let listener = json!({
            "LoadBalancerArn": balancer["LoadBalancerArn"],
            "Port": port,
            "Protocol": "HTTP",
            "DefaultActions": [{ "Type": "fixed-response", "FixedResponseConfig": { "StatusCode": "404" } }],
        });
        let listener = self.elb("CreateListener", listener)["Listeners"][0]["ListenerArn"].clone();
        let rule = json!({
            "ListenerArn": listener,
            "Priority": 1,
            "Conditions": [{ "Field": "path-pattern", "Values": ["/*"] }],
            "Actions": [{ "Type": "forward", "TargetGroupArn": group }],
        });
        let rule = self.elb("CreateRule", rule)["Rules"][0]["RuleArn"].clone();
        let text = |value: Value| value.as_str().unwrap().to_owned();
        (text(group), text(rule))
    }

    /// Calls an operation that must be refused, and answers `CODE: message`.
    pub(super) fn refused(&mut self, operation: &str, input: Value) -> String {
        self.ecs(operation, input).unwrap_err().to_string()
    }

    /// Lets `seconds` pass.
    pub(super) fn pass(&mut self, seconds: u64) {
        self.pass_while(seconds, |_| {});
    }

    /// Lets `seconds` pass and looks at the world after every event.
    pub(super) fn pass_while(&mut self, seconds: u64, mut look: impl FnMut(&mut Self)) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some((at, due)) = self.world.agenda.pop(until) {
            self.now = at;
            let Due::Ecs(due) = due else { continue };
            assert!(ecs::happen(&mut self.world, at, due).is_none(), "an errand in a test without sockets");
            look(self);
        }
        self.now = until;
    }

    /// The definition of a Fargate task with one container.
    pub(super) fn definition(&self, image: &str) -> Value {
        json!({
            "family": "api",
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": "256",
            "memory": "512",
            "executionRoleArn": ROLE,
            "containerDefinitions": [{
                "name": "api",
                "image": image,
                "portMappings": [{ "containerPort": 8080 }],
                "repositoryCredentials": { "credentialsParameter": self.secret },
            }],
        })
    }

    pub(super) fn register(&mut self, image: &str) -> String {
        let definition = self.definition(image);
        self.register_definition(definition)
    }

    pub(super) fn register_definition(&mut self, definition: Value) -> String {
        let answer = self.ecs("RegisterTaskDefinition", definition).unwrap();
        answer["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
    }

    /// Registers a container instance with these attributes and the capabilities of an agent, and returns its id.
    pub(super) fn instance(&mut self, cpu: i64, memory: i64, attributes: Value) -> String {
        let document = json!({
            "instanceId": format!("i-{}", self.world.ids.hex(17)),
            "instanceType": "m5.large",
            "availabilityZone": "eu-central-1a",
            "region": REGION,
            "accountId": "123456789012",
            "architecture": "x86_64",
        });
        let mut all: Vec<Value> = [
            "com.amazonaws.ecs.capability.docker-remote-api.1.18",
            "ecs.capability.private-registry-authentication.secretsmanager",
            "ecs.capability.secrets.asm.bootstrap.log-driver",
            "ecs.capability.env-files.s3",
        ]
        .map(|name| json!({ "name": name }))
        .into();
        let own = attributes.as_object().unwrap().iter();
        all.extend(own.map(|(name, value)| json!({ "name": name, "value": value })));
        let input = json!({
            "cluster": "main",
            "instanceIdentityDocument": document.to_string(),
            "totalResources": [
                { "name": "CPU", "type": "INTEGER", "integerValue": cpu },
                { "name": "MEMORY", "type": "INTEGER", "integerValue": memory },
                { "name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"] },
            ],
            "attributes": all,
        });
        let answer = self.ecs("RegisterContainerInstance", input).unwrap();
        let arn = answer["containerInstance"]["containerInstanceArn"].as_str().unwrap();
        arn.rsplit('/').next().unwrap().to_owned()
    }

    pub(super) fn describe_instance(&mut self, id: &str) -> Value {
        let input = json!({ "cluster": "main", "containerInstances": [id] });
        self.ecs("DescribeContainerInstances", input).unwrap()["containerInstances"][0].clone()
    }

    /// The definition of a task on container instances, with one container.
    pub(super) fn definition_on_instances(&self, image: &str) -> Value {
        json!({
            "family": "api",
            "executionRoleArn": ROLE,
            "containerDefinitions": [{
                "name": "api",
                "image": image,
                "cpu": 256,
                "memory": 512,
                "portMappings": [{ "containerPort": 8080 }],
                "repositoryCredentials": { "credentialsParameter": self.secret },
            }],
        })
    }

    /// Registers a definition and creates the service `api` on container instances with it and more members.
    pub(super) fn deploy_on_instances(&mut self, definition: Value, members: Value) -> Value {
        let definition = self.register_definition(definition);
        let mut input = json!({
            "cluster": "main",
            "serviceName": "api",
            "taskDefinition": definition,
            "launchType": "EC2",
        });
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.ecs("CreateService", input).unwrap()["service"].clone()
    }

    pub(super) fn network(&self) -> Value {
        let state = serde_json::to_value(&self.world.ec2).unwrap();
        let subnets: Vec<&String> = state["subnets"].as_object().unwrap().keys().take(1).collect();
        json!({ "awsvpcConfiguration": { "subnets": subnets, "assignPublicIp": "ENABLED" } })
    }

    /// The input of `CreateService` for the service `api`.
    pub(super) fn service(&self, definition: &str, desired: u32) -> Value {
        json!({
            "cluster": "main",
            "serviceName": "api",
            "taskDefinition": definition,
            "desiredCount": desired,
            "launchType": "FARGATE",
            "networkConfiguration": self.network(),
        })
    }

    /// Registers `image` and creates the service `api` with it.
    pub(super) fn deploy(&mut self, image: &str, desired: u32) -> Value {
        let definition = self.register(image);
        let input = self.service(&definition, desired);
        self.ecs("CreateService", input).unwrap()["service"].clone()
    }

    pub(super) fn describe(&mut self) -> Value {
        let input = json!({ "cluster": "main", "services": ["api"] });
        self.ecs("DescribeServices", input).unwrap()["services"][0].clone()
    }

    pub(super) fn update(&mut self, change: Value) -> Value {
        let mut input = json!({ "cluster": "main", "service": "api" });
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        self.ecs("UpdateService", input).unwrap()["service"].clone()
    }

    pub(super) fn tasks(&mut self, desired_status: &str) -> Vec<Value> {
        let input = json!({ "cluster": "main", "desiredStatus": desired_status });
        let arns = self.ecs("ListTasks", input).unwrap()["taskArns"].clone();
        if arns.as_array().unwrap().is_empty() {
            return Vec::new();
        }
        let answer = self.ecs("DescribeTasks", json!({ "cluster": "main", "tasks": arns })).unwrap();
        answer["tasks"].as_array().unwrap().clone()
    }

    /// The service's last service deployment.
    pub(super) fn service_deployment(&mut self) -> Value {
        let list =
            self.ecs("ListServiceDeployments", json!({ "cluster": "main", "service": "api" })).unwrap();
        let arn = list["serviceDeployments"][0]["serviceDeploymentArn"].clone();
        let answer =
            self.ecs("DescribeServiceDeployments", json!({ "serviceDeploymentArns": [arn] })).unwrap();
        answer["serviceDeployments"][0].clone()
    }

    /// Returns the first stopped task's reason.
    pub(super) fn stopped_reason(&mut self) -> String {
        self.tasks("STOPPED")[0]["stoppedReason"].as_str().unwrap().to_owned()
    }

    /// The service's messages, oldest first, with ids taken out.
    pub(super) fn messages(&mut self) -> Vec<String> {
        let service = self.describe();
        let mut messages: Vec<String> = service["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| mask(event["message"].as_str().unwrap()))
            .collect();
        messages.reverse();
        messages
    }
}

/// The text with every run of at least 17 digits or hexadecimal digits replaced.
pub(super) fn mask(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if run >= 17 {
            masked.push('…');
            rest = &rest[run..];
        } else {
            let length = run.max(rest.chars().next().map_or(1, char::len_utf8));
            masked.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    masked
}
