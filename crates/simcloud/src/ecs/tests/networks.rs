//! The ways out of a network decide what a task on Fargate can do.

use serde_json::{Value, json};

use super::harness::{REGION, ROLE, Sim, registries};
use crate::{dispatch::Service, registry::Registries};

const ECR: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

/// A network under construction, and the subnet of the tasks.
struct Net {
    sim: Sim,
    vpc: String,
    subnet: String,
}

impl Net {
    /// A VPC of its own with the subnet, and without any way out.
    fn own() -> Self {
        let mut net = Self { sim: Sim::new(), vpc: String::new(), subnet: String::new() };
        let mut registries = registries();
        let repository =
            json!({ "repositories": { "api": { "visibility": "public", "tags": { "1": {} } } } });
        registries.insert(ECR.to_owned(), serde_json::from_value(repository).unwrap());
        net.sim.world.registries = Registries::from_spec(&registries).unwrap();
        let secret = net.sim.secret.clone();
        net.sim.allow(json!([
            { "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret },
            { "Effect": "Allow", "Action": ["ecr:*", "logs:*"], "Resource": "*" },
        ]));
        net.sim.call(Service::Logs, "CreateLogGroup", json!({ "logGroupName": "/api" })).unwrap();
        net.vpc = net.made("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }), "/vpc/vpcId");
        for attribute in ["EnableDnsHostnames", "EnableDnsSupport"] {
            net.ec2("ModifyVpcAttribute", json!({ "VpcId": net.vpc, attribute: { "Value": "true" } }));
        }
        net.subnet = net.further_subnet("10.0.1.0/24");
        net
    }

    /// A subnet of the default VPC: one that is there, or a new one.
    fn default(is_new: bool) -> Self {
        let mut net = Self::own();
        let subnets = net
            .ec2("DescribeSubnets", json!({ "Filter": [{ "Name": "default-for-az", "Value": ["true"] }] }));
        net.vpc = subnets["subnetSet"][0]["vpcId"].as_str().unwrap().to_owned();
        net.subnet = if is_new {
            net.further_subnet("172.31.64.0/20")
        } else {
            subnets["subnetSet"][0]["subnetId"].as_str().unwrap().to_owned()
        };
        net
    }

    fn ec2(&mut self, operation: &str, input: Value) -> Value {
        self.sim.call(Service::Ec2, operation, input).unwrap()
    }

    fn made(&mut self, operation: &str, input: Value, id: &str) -> String {
        self.ec2(operation, input).pointer(id).and_then(Value::as_str).unwrap().to_owned()
    }

    fn further_subnet(&mut self, cidr: &str) -> String {
        self.made("CreateSubnet", json!({ "VpcId": self.vpc, "CidrBlock": cidr }), "/subnet/subnetId")
    }

    fn main_table(&mut self) -> String {
        let filters = json!([
            { "Name": "vpc-id", "Value": [self.vpc] },
            { "Name": "association.main", "Value": ["true"] },
        ]);
        self.made("DescribeRouteTables", json!({ "Filter": filters }), "/routeTableSet/0/routeTableId")
    }

    /// A route table of its own for the subnet.
    fn table_for(&mut self, subnet: &str) -> String {
        let table = self.made("CreateRouteTable", json!({ "VpcId": self.vpc }), "/routeTable/routeTableId");
        self.ec2("AssociateRouteTable", json!({ "RouteTableId": table, "SubnetId": subnet }));
        table
    }

    fn gateway(&mut self) -> String {
        let gateway = self.made("CreateInternetGateway", json!({}), "/internetGateway/internetGatewayId");
        self.ec2("AttachInternetGateway", json!({ "InternetGatewayId": gateway, "VpcId": self.vpc }));
        gateway
    }

    fn route(&mut self, table: &str, destination: &str, member: &str, target: &str) {
        let input = json!({ "RouteTableId": table, "DestinationCidrBlock": destination, member: target });
        self.ec2("CreateRoute", input);
    }

    /// Routes all traffic of the VPC to an internet gateway.
    fn public(mut self) -> Self {
        let (table, gateway) = (self.main_table(), self.gateway());
        self.route(&table, "0.0.0.0/0", "GatewayId", &gateway);
        self
    }

    /// Routes all traffic of the subnet to a NAT gateway in another subnet, which the main table serves.
    fn behind_nat(mut self) -> (Self, String) {
        let allocation = self.made("AllocateAddress", json!({}), "/allocationId");
        let subnet = self.further_subnet("10.0.2.0/24");
        let input = json!({ "SubnetId": subnet, "AllocationId": allocation });
        let nat = self.made("CreateNatGateway", input, "/natGateway/natGatewayId");
        let subnet = self.subnet.clone();
        let table = self.table_for(&subnet);
        self.route(&table, "0.0.0.0/0", "NatGatewayId", &nat);
        self.sim.pass(60);
        (self, nat)
    }

    /// Adds interface endpoints for services, with a security group that lets HTTPS in from a block.
    fn endpoints(mut self, services: &[&str], from: &str, private_dns: bool) -> Self {
        let input = json!({ "GroupName": "endpoints", "GroupDescription": "d", "VpcId": self.vpc });
        let group = self.made("CreateSecurityGroup", input, "/groupId");
        let rule = json!({ "GroupId": group, "IpProtocol": "tcp", "FromPort": "443", "ToPort": "443", "CidrIp": from });
        self.ec2("AuthorizeSecurityGroupIngress", rule);
        for service in services {
            let input = json!({
                "VpcEndpointType": "Interface",
                "VpcId": self.vpc,
                "ServiceName": format!("com.amazonaws.{REGION}.{service}"),
                "SubnetId": [self.subnet],
                "SecurityGroupId": [group],
                "PrivateDnsEnabled": private_dns,
            });
            self.ec2("CreateVpcEndpoint", input);
        }
        self
    }

    fn bucket_endpoint(mut self, table: &str) -> Self {
        let input = json!({ "VpcId": self.vpc, "ServiceName": format!("com.amazonaws.{REGION}.s3"), "RouteTableId": [table] });
        self.ec2("CreateVpcEndpoint", input);
        self
    }

    /// Runs a task with these members of its container, and returns its stopped reason if it does not start.
    fn run(&mut self, address: &str, container: Value) -> Option<String> {
        let mut definition = self.sim.definition("docker.io/library/nginx:latest");
        let target = definition["containerDefinitions"][0].as_object_mut().unwrap();
        target.remove("repositoryCredentials");
        target.extend(container.as_object().unwrap().clone());
        definition["executionRoleArn"] = json!(ROLE);
        let definition = self.sim.register_definition(definition);
        let network = json!({ "subnets": [self.subnet], "assignPublicIp": address });
        let input = json!({
            "cluster": "main",
            "taskDefinition": definition,
            "launchType": "FARGATE",
            "networkConfiguration": { "awsvpcConfiguration": network },
        });
        let task = self.sim.ecs("RunTask", input).unwrap()["tasks"][0]["taskArn"].clone();
        self.sim.pass(300);
        let input = json!({ "cluster": "main", "tasks": [task] });
        let task = self.sim.ecs("DescribeTasks", input).unwrap()["tasks"][0].clone();
        task["stoppedReason"].as_str().map(str::to_owned)
    }

    /// Tells which tasks start, or at least get beyond their secret or their log group.
    fn outcome(&mut self, address: &str) -> String {
        let image = self.run(address, json!({}));
        let ecr = self.run(address, json!({ "image": format!("{ECR}/api:1") }));
        let secrets = json!({ "secrets": [{ "name": "A", "valueFrom": self.sim.secret }] });
        let secret = self.run(address, secrets);
        let options =
            json!({ "awslogs-group": "/api", "awslogs-region": REGION, "awslogs-stream-prefix": "p" });
        let logging = json!({ "logConfiguration": { "logDriver": "awslogs", "options": options } });
        let logs = self.run(address, logging);
        let says = |reason: &Option<String>, words: &str| {
            reason.as_ref().is_some_and(|reason| reason.contains(words))
        };
        let mut can = Vec::new();
        match &image {
            None => can.push("pulls"),
            Some(reason) => assert!(
                reason.starts_with("CannotPullContainerError: ") && reason.ends_with("443: i/o timeout"),
                "{reason}"
            ),
        }
        can.push(match &ecr {
            None => "ecr",
            Some(reason) if reason.contains("unable to retrieve ecr registry auth") => "no token",
            Some(reason) if reason.contains("starport-layer-bucket") => "no layers",
            Some(reason) => panic!("{reason}"),
        });
        can.extend((!says(&secret, "unable to retrieve secret from asm")).then_some("secret"));
        can.extend((!says(&logs, "failed to validate logger args")).then_some("logs"));
        can.join(", ")
    }
}

const ALL: &str = "pulls, ecr, secret, logs";
const NONE: &str = "no token";

#[test]
fn routes_and_addresses_decide_what_tasks_reach() {
    let (nat, _) = Net::own().public().behind_nat();
    let (without_way_out, _) = Net::own().behind_nat();
    let (mut deleted, id) = Net::own().public().behind_nat();
    deleted.ec2("DeleteNatGateway", json!({ "NatGatewayId": id }));
    let mut unrouted = Net::own();
    unrouted.gateway();
    let mut own_table = Net::own().public();
    let subnet = own_table.subnet.clone();
    own_table.table_for(&subnet);
    let mut halves = Net::own();
    let (table, gateway) = (halves.main_table(), halves.gateway());
    halves.route(&table, "0.0.0.0/1", "GatewayId", &gateway);
    halves.route(&table, "128.0.0.0/1", "GatewayId", &gateway);
    let mut detached = Net::own();
    let (table, gateway) = (detached.main_table(), detached.gateway());
    detached.route(&table, "0.0.0.0/0", "GatewayId", &gateway);
    detached.ec2("DetachInternetGateway", json!({ "InternetGatewayId": gateway, "VpcId": detached.vpc }));
    let mut nameless = Net::own().public();
    nameless.ec2(
        "ModifyVpcAttribute",
        json!({ "VpcId": nameless.vpc, "EnableDnsSupport": { "Value": "false" } }),
    );
    for (name, mut net, with_address, without_address) in [
        ("a default subnet", Net::default(false), ALL, NONE),
        ("a new subnet of the default VPC", Net::default(true), ALL, NONE),
        ("no gateway", Net::own(), NONE, NONE),
        ("a gateway without a route", unrouted, NONE, NONE),
        ("a gateway in the main table", Net::own().public(), ALL, NONE),
        ("a gateway by two routes", halves, ALL, NONE),
        ("a gateway that is detached again", detached, NONE, NONE),
        ("a table of its own beside a public main table", own_table, NONE, NONE),
        ("a NAT gateway", nat, ALL, ALL),
        ("a NAT gateway without a way out", without_way_out, NONE, NONE),
        ("a NAT gateway that is deleted", deleted, NONE, NONE),
        ("no resolution of names", nameless, NONE, NONE),
    ] {
        assert_eq!(net.outcome("ENABLED"), with_address, "{name}, with a public address");
        assert_eq!(net.outcome("DISABLED"), without_address, "{name}, without a public address");
    }
}

#[test]
fn endpoints_replace_ways_to_the_internet() {
    const SERVICES: [&str; 4] = ["secretsmanager", "logs", "ecr.api", "ecr.dkr"];
    let within = "10.0.0.0/16";
    let mut bucket = Net::own().endpoints(&SERVICES, within, true);
    let table = bucket.main_table();
    let bucket = bucket.bucket_endpoint(&table);
    let mut elsewhere = Net::own().endpoints(&SERVICES, within, true);
    let other = elsewhere.further_subnet("10.0.3.0/24");
    let table = elsewhere.table_for(&other);
    let elsewhere = elsewhere.bucket_endpoint(&table);
    for (name, mut net, expected) in [
        ("of two services", Net::own().endpoints(&SERVICES[..2], within, true), "no token, secret, logs"),
        (
            "of ECR, without Amazon S3",
            Net::own().endpoints(&SERVICES, within, true),
            "no layers, secret, logs",
        ),
        ("of ECR, with Amazon S3", bucket, "ecr, secret, logs"),
        ("of Amazon S3 in another table", elsewhere, "no layers, secret, logs"),
        ("behind a group that lets others in", Net::own().endpoints(&SERVICES, "10.9.0.0/16", true), NONE),
        ("without private names", Net::own().endpoints(&SERVICES, within, false), NONE),
    ] {
        assert_eq!(net.outcome("DISABLED"), expected, "endpoints {name}");
    }
}

#[test]
fn instances_pull_through_their_own_interface() {
    let mut net = Net::own();
    net.sim.instance(2048, 4096, json!({ "ecs.capability.task-eni": "" }));
    let mut definition = net.sim.definition_on_instances("ghcr.io/acme/api:1");
    definition["networkMode"] = json!("awsvpc");
    let network = json!({ "awsvpcConfiguration": { "subnets": [net.subnet] } });
    net.sim.deploy_on_instances(definition, json!({ "desiredCount": 1, "networkConfiguration": network }));
    net.sim.pass(120);
    assert_eq!(net.sim.describe()["runningCount"], 1);
}
