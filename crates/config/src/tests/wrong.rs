//! Errors in keys and values, and their messages.

use longshore_model::Problem;

use super::{API, Configuration};
use crate::PluginUse;

#[test]
fn everything_is_reported_at_once() {
    let base = r#"
stack = "acme shop"
colour = "blue"

[aws]
region = "Frankfurt"
account = "1234"
endpoint = "http://me:hunter2@127.0.0.1"
rates = { iam = { burst = 0, per-second = -1, per-minute = 5 }, sts = 3 }

[registries.ghcr]
use = "ghcr"
host = "https://ghcr.io"
store = "defualt"
secret-name = "ghcr-AbCdEf"

[registries.other]
use = "docker-config"

[registries.ecr]
use = "x"
host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"

[registries.nothing]

[services.api]
image = "ghcr.io/Acme/api"
cluster = "a b"

[services.api.execution-role]
name = "a b"
managed-policies = { task = "arn:aws:s3:::bucket", other = "" }

[services."web shop"]

[services.none]
image = ""

[services.worker]
registry = "ghrc"
image = "ghcr.io/acme/worker"
"#;
    let local = "services.batch = 3\n[[stores]]\nuse = 1\n";
    let errors = Configuration::new(base, local)
        .variable("LONGSHORE_SERVICES__API__TAGS", "large")
        .variable("LONGSHORE_SERVICE__API__PROTECT", "3")
        .set("services.worker.protect=very")
        .set("services.worker.protect")
        .errors();
    assert!(!errors.contains("hunter2"));
    insta::assert_snapshot!(errors);
}

#[test]
fn containers_that_do_not_fit_together() {
    let base = r#"
stack = "acme"
aws.account = 123456789012
[registries]
hub = { use = "dockerhub", store = "defualt" }
docker = { use = "docker-config", host = "registry-1.docker.io" }
[services.api]
image = "acme/api"
containers.web.image = "acme/web"
[services.mirror]
image = "ghcr.io/acme/api"
registry = "hub"
[services.empty.containers]
[services.imageless]
containers.web = { registry = "hub" }
"#;
    insta::assert_snapshot!(Configuration::new(base, "").errors());
}

#[test]
fn an_empty_stack_is_allowed_but_it_needs_a_name() {
    assert!(Configuration::new("stack = 'acme'", "").load().stack.services.is_empty());
    let errors = Configuration::new("", "").errors();
    assert_eq!(errors, "configs/base.toml: stack: is missing; set it, for example to \"my-stack\"");
}

#[test]
fn plugins_judge_their_options_in_the_same_run() {
    let local = "[services.api]\nimgae = 3\nprotect = 'two'\nexecution-role.boundry = 'x'";
    let errors = Configuration::new(API, local).errors_with(&|used| {
        let read = used.plugin.options.read(|fields| {
            fields.text("boundary");
            fields.required_text("username", "\"acme\"")
        });
        read.err().unwrap_or_default()
    });
    insta::assert_snapshot!(errors);
}

#[test]
fn problems_that_plugins_notice_later_have_places_too() {
    let configuration = Configuration::new(API, "");
    let loaded = configuration.load();
    let options = &loaded.stack.registries.values().next().unwrap().source.options;
    let mut problems = options.read(|fields| fields.text("usrname")).unwrap_err();
    problems.extend(
        loaded.service("api").deployer.options.read(|fields| fields.required_text("x", "1")).unwrap_err(),
    );
    insta::assert_snapshot!(configuration.shown(&loaded.locate(problems)));
}

#[test]
fn errors_can_be_read_by_programs() {
    let configuration = Configuration::new(API, "[services.api]\nprotect = 'x'").set("stack=a b");
    let errors = crate::load(&configuration.layers, &super::plugins()).unwrap_err();
    insta::assert_snapshot!(configuration.shown(&serde_json::to_string_pretty(&errors).unwrap()));
}

#[test]
fn where_a_source_is_mistyped_no_host_is_missing() {
    let base = "stack = 'acme'\nregistries.hub.use = 'dokerhub'\nregistries.own.use = 'static'\n";
    let judge = |used: &PluginUse| match used.plugin.name.as_str() {
        "dokerhub" => vec![Problem::new(format!("{}.use", used.plugin.options.key), "unknown")],
        _ => Vec::new(),
    };
    let errors = Configuration::new(base, "").errors_with(&judge);
    assert!(errors.contains("registries.hub.use: unknown"), "{errors}");
    assert!(!errors.contains("registries.hub.host"), "{errors}");
    assert!(errors.contains("registries.own.host: is missing"), "{errors}");
}
