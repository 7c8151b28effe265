//! Configurations that AWS would refuse are found before any change.

use std::fs;

use longshore_aws::Aws;
use longshore_cli::Exit;
use serde_json::json;

use crate::{hand::by_hand, project::Project};

/// A project whose service has `more` in its table.
fn project(more: &str) -> Project {
    let project = Project::new();
    let base = fs::read_to_string(project.path("configs/base.toml")).unwrap();
    project.write("configs/base.toml", &format!("{base}{more}\n"));
    project
}

/// Makes sure that a plan and a deploy with `more` end with `said`, before anything is made.
fn refused(more: &str, said: &str) {
    let project = project(more);
    let plan = project.run(&["plan"]);
    assert_eq!(plan.exit, Exit::Failed, "{more}: {}", plan.stdout);
    assert!(plan.stderr.contains(said), "{more}: {}", plan.stderr);
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Failed, "{more}");
    assert!(!deploy.stdout.contains(": created"), "{more}: {}", deploy.stdout);
}

#[test]
fn limits_of_ecs_are_found_before_changes() {
    let list = |kind: &str, count: usize| {
        (0..count).map(|id| format!("\"{kind}-{id:017x}\"")).collect::<Vec<_>>().join(", ")
    };
    let subnets = format!("network.subnets = [{}]", list("subnet", 17));
    refused(&subnets, "services.api.network.subnets: has 17 subnets, and ECS takes at most 16");
    let groups = format!("network.security-groups = [{}]", list("sg", 6));
    refused(&groups, "services.api.network.security-groups: has 6 security groups");
    let large = format!("[services.api.environment]\nBIG = \"{}\"", "x".repeat(70_000));
    refused(&large, "ECS takes at most 65536");
}

#[test]
fn eleven_containers_are_refused() {
    let containers = (0..11).map(|id| format!("containers.c{id} = {{ image = \"ghcr.io/acme/api:1\" }}\n"));
    let project = Project::new();
    let base = fs::read_to_string(project.path("configs/base.toml")).unwrap();
    let single = "image = \"ghcr.io/acme/api:1\"\nmemory = 768\ndesired-count = 2\nports.http = 8080\n";
    assert!(base.contains(single), "{base}");
    let many = containers.collect::<String>() + "size = { cpu = 1024, memory = 2048 }\n";
    project.write("configs/base.toml", &base.replace(single, &many));
    let plan = project.run(&["plan"]);
    assert_eq!(plan.exit, Exit::Failed, "{}", plan.stdout);
    assert!(plan.stderr.contains("has 11 containers, and ECS takes at most 10"), "{}", plan.stderr);
}

#[test]
fn missing_references_are_found_before_changes() {
    refused(
        "network.subnets = [\"subnet-0a1b\", \"subnet-0a1c\"]",
        "there is no subnet subnet-0a1b in eu-central-1; there is no subnet subnet-0a1c in eu-central-1",
    );
    refused("network.security-groups = [\"sg-0a1b\"]", "there is no security group sg-0a1b in eu-central-1");
    refused(
        "task-role = \"arn:aws:iam::123456789012:role/nobody\"",
        "there is no role arn:aws:iam::123456789012:role/nobody in this account",
    );
    let secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/db-AbCdEf";
    refused(&format!("secrets.DB.arn = \"{secret}:password::\""), &format!("there is no secret {secret}"));
    let parameter = "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/db";
    refused(&format!("secrets.DB.arn = \"{parameter}\""), &format!("there is no parameter {parameter}"));
    let group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop/50dc6c495c0c9188";
    refused(
        &format!(
            "aws.service.loadBalancers.\"{group}\" = {{ containerName = \"api\", containerPort = 8080 }}"
        ),
        &format!("there is no target group {group}"),
    );
}

#[test]
fn networks_in_several_vpcs_are_refused() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let (subnet, group) = by_hand(&project, async |aws: &Aws| {
        let ec2 = aws.ec2().await.unwrap();
        let made = ec2.call("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" })).await.unwrap();
        let vpc = made.child("vpc").unwrap().text_of("vpcId").unwrap();
        let group = json!({ "VpcId": vpc, "GroupName": "web", "GroupDescription": "web" });
        let group = ec2.call("CreateSecurityGroup", group).await.unwrap();
        let subnets = aws.reads().default_subnets().await.unwrap();
        (subnets.first().unwrap().clone(), group.text_of("groupId").unwrap().to_owned())
    });
    let network = format!("services.api.network={{subnets=[\"{subnet}\"],security-groups=[\"{group}\"]}}");
    let plan = project.run(&["plan", "--set", &network]);
    assert_eq!(plan.exit, Exit::Failed, "{}", plan.stdout);
    assert!(plan.stderr.contains(&format!("{subnet} is in the VPC vpc-")), "{}", plan.stderr);
    assert!(plan.stderr.contains("of one VPC in `services.api.network`"), "{}", plan.stderr);
}

#[test]
fn existing_references_are_used() {
    let project = Project::new();
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    let secret = by_hand(&project, async |aws: &Aws| {
        let ssm = aws.ssm().await.unwrap();
        for name in ["/shop/db", "plain"] {
            let put = ssm.put_parameter().name(name).value("x").r#type("String".into());
            put.send().await.unwrap();
        }
        let secrets = aws.secretsmanager().await.unwrap();
        let made = secrets.create_secret().name("theirs").secret_string("{\"password\":\"x\"}");
        made.send().await.unwrap().arn.unwrap()
    });
    let parameter = "arn:aws:ssm:eu-central-1:123456789012:parameter";
    let base = fs::read_to_string(project.path("configs/base.toml")).unwrap();
    let secrets = format!(
        "secrets.DB.arn = \"{parameter}/shop/db\"\nsecrets.PLAIN.arn = \"{parameter}/plain\"\n\
         secrets.KEY.arn = \"{secret}:password::\"\n"
    );
    project.write("configs/base.toml", &format!("{base}{secrets}"));
    let deployed = project.run(&["deploy"]);
    assert_eq!(deployed.exit, Exit::Done, "{}", deployed.stderr);
    project.write("configs/base.toml", &format!("{base}{}", secrets.replace("password::", "password:GONE:")));
    let plan = project.run(&["plan"]);
    assert!(plan.stderr.contains("has no version with the stage GONE"), "{}", plan.stderr);
}
