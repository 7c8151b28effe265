//! The tables of this crate, and what follows from them.

use serde_json::{Value, json};

use crate::{Extent, Form, Kind, Model, Shape};

fn definition() -> Shape<'static> {
    Model::ecs().input("RegisterTaskDefinition").unwrap()
}

fn container() -> Shape<'static> {
    Model::ecs().shape("ContainerDefinition").unwrap()
}

fn shown(form: &Form) -> Vec<String> {
    form.fields().map(|(path, text)| format!("{} = {text}", path.join("."))).collect()
}

fn changed(actual: &Value, declared: &Value, extent: Extent) -> Vec<String> {
    let changes = container().form(actual).changes_to(&container().form(declared), extent);
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    changes
        .iter()
        .map(|change| {
            format!("{}: {} → {}", change.path.join("."), text(&change.actual), text(&change.declared))
        })
        .collect()
}

#[test]
fn every_member_has_a_shape() {
    for model in [Model::ecs(), Model::application_autoscaling()] {
        let shapes = model.names();
        for shape in &shapes {
            let shape = model.shape(shape).unwrap();
            let inner = shape.members().map(|member| member.shape).chain(shape.item());
            let lost: Vec<_> = inner.filter(|inner| !shapes.contains(&inner.name())).collect();
            assert!(lost.is_empty(), "{shape:?}: {lost:?}");
        }
    }
}

#[test]
fn facts_name_members_and_values_of_the_model() {
    let models = [Model::ecs(), Model::application_autoscaling()];
    let shapes =
        models.iter().flat_map(|model| model.names().into_iter().filter_map(|name| model.shape(name)));
    for member in shapes.flat_map(Shape::members) {
        let shape = member.shape;
        let Some(facts) = shape.facts else { continue };
        for name in facts.keys.iter().flatten().copied().chain(facts.value) {
            assert!(shape.item().unwrap().member(name).is_some(), "{}: {name}", member.name);
        }
        if !shape.values().is_empty() {
            assert!(facts.defaults.iter().all(|value| shape.values().contains(value)), "{}", member.name);
        }
    }
    let unknown = Model::parse("structure A\n  b C\n", "set A.c\n");
    assert_eq!(unknown.map(|_| ()), Err("A.c"));
    let model = Model::ecs();
    let input = model.input("CreateService").unwrap();
    assert!(model.fixed("CreateService").iter().all(|member| input.member(member).is_some()));
}

#[test]
fn update_service_lacks_fixed_members() {
    let model = Model::ecs();
    let (create, update) = (model.input("CreateService").unwrap(), model.input("UpdateService").unwrap());
    let lacking: Vec<_> = create.members().map(|member| member.name).collect();
    let lacking: Vec<_> = lacking.into_iter().filter(|name| update.member(name).is_none()).collect();
    let others = ["clientToken", "tags"];
    let fixed: Vec<_> = lacking.into_iter().filter(|name| !others.contains(name)).collect();
    // UpdateService names the cluster and the service, but does not change them.
    assert_eq!([&["cluster"][..], &fixed].concat(), model.fixed("CreateService"));
}

#[test]
fn tables_become_keyed_lists() {
    let declared = json!({
        "ulimits": {"nofile": {"softLimit": 1, "hardLimit": 2}},
        "environment": {"A": "x", "B": 1},
        "portMappings": {"http": {"containerPort": 80}},
        "stopTimeout": 30,
    });
    assert_eq!(
        container().read(&declared),
        Ok(json!({
            "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}],
            "environment": [{"name": "A", "value": "x"}, {"name": "B", "value": "1"}],
            "portMappings": [{"name": "http", "containerPort": 80}],
            "stopTimeout": 30,
        }))
    );
}

#[test]
fn everything_wrong_is_found_at_once() {
    let declared = json!({
        "cpu": 256,
        "networkMode": "awsvcp",
        "volumes": {"data": {"efsVolumeConfiguration": {"fileSystemID": "fs-1", "rootDirectory": ["/"]}}},
        "placementConstraints": [{"type": "memberOf"}, "x"],
        "tags": [{"key": "", "value": "x"}],
        "ephemeralStorage": {"sizeInGiB": "50"},
    });
    let findings = definition().read(&declared).unwrap_err();
    let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
    assert!(
        matches!(&findings[4].kind, Kind::Unknown { known } if known.contains(&"fileSystemId".to_owned()))
    );
}

#[test]
fn check_takes_nothing_that_aws_would_not() {
    let lenient =
        json!({"name": "a", "cpu": 1, "user": 1000, "ulimits": {"core": {"softLimit": 1, "hardLimit": 1}}});
    assert!(container().read(&lenient).is_ok());
    let found: Vec<_> = container().check(&lenient).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "ulimits: found a table, must be a list of tables, or a table by their names",
            "user: found the number 1000, must be a text",
            "ulimits.core.name: is missing",
        ]
    );
}

#[test]
fn required_members_are_looked_for_at_last() {
    let declared = json!({
        "family": "f",
        "containerDefinitions": [{"name": "api", "logConfiguration": {}}],
        "volumes": [{"name": "data", "efsVolumeConfiguration": {}}],
    });
    let read = definition().read(&declared).unwrap();
    let missing: Vec<_> = definition().missing(&read).iter().map(ToString::to_string).collect();
    assert_eq!(
        missing,
        [
            "containerDefinitions.api.logConfiguration.logDriver: is missing",
            "volumes.data.efsVolumeConfiguration.fileSystemId: is missing",
        ]
    );
}

#[test]
fn normal_form_knows_keys_and_units() {
    let form = definition().form(&json!({
        "cpu": ".25 vCPU",
        "memory": "0.5 GB",
        "requiresCompatibilities": ["FARGATE", "EC2"],
        "volumes": [{"name": "scratch", "host": {}}],
        "revision": 7,
        "containerDefinitions": [{
            "name": "api",
            "image": "i",
            "portMappings": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 80, "protocol": "udp"}],
            "environment": [{"name": "B", "value": ""}, {"name": "A"}],
            "command": ["a", "b"],
            "mountPoints": [],
        }],
    }));
    insta::assert_snapshot!(shown(&form).join("\n"));
}

#[test]
fn defaults_and_order_are_no_difference() {
    let actual = json!({
        "cpu": 0,
        "essential": true,
        "portMappings": [{"containerPort": 2, "hostPort": 2, "protocol": "tcp"}, {"containerPort": 1, "hostPort": 0}],
        "linuxParameters": {"capabilities": {"add": ["B", "A"]}, "initProcessEnabled": false},
        "mountPoints": [],
        "healthCheck": {"command": ["CMD"], "interval": 30, "timeout": 5, "retries": 3},
        "hostname": null,
    });
    let declared = json!({
        "portMappings": [{"containerPort": 1}, {"containerPort": 2}],
        "linuxParameters": {"capabilities": {"add": ["A", "B"]}},
        "healthCheck": {"command": ["CMD"]},
    });
    assert_eq!(changed(&actual, &declared, Extent::Whole), [""; 0]);
    assert_eq!(changed(&declared, &actual, Extent::Whole), [""; 0]);
}

#[test]
fn undeclared_members_are_left_alone() {
    let actual = json!({
        "user": "root",
        "dependsOn": [{"containerName": "a", "condition": "START"}],
        "dockerLabels": {"a": "1", "b": "2"},
        "ulimits": [{"name": "core", "softLimit": 1, "hardLimit": 1}],
    });
    let declared = json!({"dependsOn": [], "dockerLabels": {"a": "2"}});
    assert_eq!(
        changed(&actual, &declared, Extent::Declared),
        ["dependsOn.a.condition: START → -", "dockerLabels.a: 1 → 2", "dockerLabels.b: 2 → -",]
    );
    assert_eq!(changed(&actual, &declared, Extent::Whole).len(), 6);
}

#[test]
fn item_with_only_a_key_is_one_field() {
    let (bare, full) = (
        json!({"volumes": [{"name": "a"}]}),
        json!({"volumes": [{"name": "a", "host": {"sourcePath": "/"}}]}),
    );
    let forms = [bare, full, json!({})].map(|value| definition().form(&value));
    let changes = |from: usize, to: usize| forms[from].changes_to(&forms[to], Extent::Whole).len();
    assert_eq!([changes(0, 1), changes(1, 0), changes(2, 0), changes(0, 2), changes(2, 1)], [1; 5]);
}

#[test]
fn overlay_changes_one_value_of_a_keyed_list() {
    let mut lower = json!({
        "portMappings": [{"name": "http", "containerPort": 80}, {"name": "admin", "containerPort": 81}],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}},
        "command": ["a"],
    });
    let upper = json!({
        "portMappings": [{"name": "http", "appProtocol": "http2"}],
        "logConfiguration": {"options": {"mode": "non-blocking"}},
        "command": ["b"],
    });
    container().overlay(&mut lower, upper);
    assert_eq!(
        lower,
        json!({
            "portMappings":
                [{"name": "http", "containerPort": 80, "appProtocol": "http2"}, {"name": "admin", "containerPort": 81}],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "mode": "non-blocking"}},
            "command": ["b"],
        })
    );
}

#[test]
fn fill_keeps_only_undeclared_members() {
    let service = Model::ecs().input("UpdateService").unwrap();
    let mut declared = json!({
        "deploymentConfiguration": {"maximumPercent": 150, "alarms": {"alarmNames": ["b"], "enable": true, "rollback": true}},
        "loadBalancers": [],
    });
    let actual = json!({
        "deploymentConfiguration": {"minimumHealthyPercent": 50, "alarms": {"alarmNames": ["a"]}, "strategy": null},
        "loadBalancers": [{"targetGroupArn": "t"}],
        "status": "ACTIVE",
    });
    service.fill(&mut declared, &actual);
    assert_eq!(
        declared,
        json!({
            "deploymentConfiguration": {
                "maximumPercent": 150,
                "minimumHealthyPercent": 50,
                "alarms": {"alarmNames": ["b"], "enable": true, "rollback": true},
            },
            "loadBalancers": [],
        })
    );
}

#[test]
fn model_tells_which_changes_deploy() {
    let service = Model::ecs().input("UpdateService").unwrap();
    let deploys: Vec<_> =
        service.members().filter(|member| member.deploys).map(|member| member.name).collect();
    assert_eq!(
        deploys,
        [
            "loadBalancers",
            "networkConfiguration",
            "platformVersion",
            "serviceConnectConfiguration",
            "serviceRegistries",
            "taskDefinition",
            "volumeConfigurations",
            "vpcLatticeConfigurations",
        ]
    );
}

#[test]
fn tables_are_read_as_the_lists_that_they_stand_for() {
    let value = json!({
        "family": "api",
        "containerDefinitions": [{
            "name": "web",
            "image": "nginx",
            "environment": [{ "name": "A", "value": "1" }, { "name": "b.c" }],
            "portMappings": [{ "containerPort": 80 }, { "containerPort": 81, "name": "admin" }],
            "mountPoints": [],
            "ulimits": [{ "name": "nofile", "softLimit": 1, "hardLimit": 2 }],
            "secrets": [{ "name": "A", "valueFrom": "a" }, { "name": "A", "valueFrom": "b" }],
            "linuxParameters": { "tmpfs": [{ "containerPath": "/tmp", "size": 64 }] },
            "command": ["a", "b"],
        }],
        "volumes": [{ "name": "data", "host": { "sourcePath": "/data" } }, { "name": "scratch" }],
    });
    let tables = definition().tables(&value);
    assert_eq!(tables["containerDefinitions"]["web"]["environment"], json!({ "A": "1", "b.c": {} }));
    assert_eq!(tables["containerDefinitions"]["web"]["ulimits"]["nofile"]["softLimit"], 1);
    // One port has no name, and one variable has two values.
    assert!(tables["containerDefinitions"]["web"]["portMappings"].is_array());
    assert!(tables["containerDefinitions"]["web"]["secrets"].is_array());
    assert_eq!(definition().read(&tables), definition().read(&value));
}

#[test]
fn numbers_and_times_have_one_form() {
    let shape = Model::application_autoscaling().input("PutScheduledAction").unwrap();
    let declared = json!({ "StartTime": "2026-12-24T18:00:00Z", "Timezone": "UTC" });
    let read = shape.read(&declared).unwrap();
    assert_eq!(read["StartTime"], 1_798_135_200);
    let answered = json!({ "StartTime": 1_798_135_200.0 });
    assert!(shape.form(&answered).changes_to(&shape.form(&read), Extent::Whole).is_empty());
    assert!(shape.read(&json!({ "StartTime": "tomorrow" })).is_err());
    let tracking =
        Model::application_autoscaling().shape("TargetTrackingScalingPolicyConfiguration").unwrap();
    let form = |value: Value| tracking.form(&json!({ "TargetValue": value }));
    assert_eq!(form(json!(60)), form(json!(60.0)));
    assert_ne!(form(json!(60)), form(json!(60.5)));
}

/// The members of a service, by the way in which ECS changes them.
fn ways_of_change() -> String {
    let (create, update) =
        (Model::ecs().input("CreateService").unwrap(), Model::ecs().input("UpdateService").unwrap());
    let (mut quiet, mut deploying, mut never) = (Vec::new(), Vec::new(), Vec::new());
    for member in create.members().filter(|member| member.name != "clientToken") {
        let name = format!("`{}`", member.name);
        match update.member(member.name) {
            _ if Model::ecs().fixed("CreateService").contains(&member.name) => never.push(name),
            Some(updated) if updated.deploys => deploying.push(name),
            _ => quiet.push(name),
        }
    }
    let row = |way: &str, members: Vec<String>| format!("| {way} | {} |", members.join(", "));
    [
        row("in place", quiet),
        row("in place, by a deployment that replaces the tasks", deploying),
        row("never: the service has to be made anew", never),
    ]
    .join("\n")
}

#[test]
fn documents_say_how_each_member_of_a_service_changes() {
    let documents = std::fs::read_to_string("../../docs/ecs-fields.md").unwrap();
    let ways = ways_of_change();
    assert!(documents.contains(&ways), "docs/ecs-fields.md should have:\n{ways}");
}
