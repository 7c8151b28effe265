//! The registries of images, and the containers of services.

use longshore_model::{Name, Reference, StepId};

use super::Configuration;

#[test]
fn an_image_finds_its_registry_by_its_host() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let base = format!(
        r#"
stack = "acme"
[registries]
ghcr = {{ use = "ghcr" }}
hub = {{ use = "dockerhub", host = "index.docker.io" }}
gitlab = {{ use = "gitlab", host = "git.example.com:5050" }}
[services.all.containers]
short.image = "api"
hub.image = "acme/api:1"
ghcr.image = "ghcr.io/acme/api:1@{digest}"
port = {{ image = "git.example.com:5050/a/b/c", registry = "gitlab" }}
other-port.image = "git.example.com:5051/a/b/c"
ecr.image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api"
public.image = "public.ecr.aws/nginx/nginx"
"#
    );
    let loaded = Configuration::new(&base, "").load();
    let registry = |container: &str| {
        let container = &loaded.service("all").containers[&Name::new(container).unwrap()];
        container.registry.as_ref().map(Name::as_str)
    };
    assert_eq!(registry("short"), Some("hub"));
    assert_eq!(registry("hub"), Some("hub"));
    assert_eq!(registry("ghcr"), Some("ghcr"));
    assert_eq!(registry("port"), Some("gitlab"));
    assert_eq!(registry("other-port"), None);
    assert_eq!(registry("ecr"), None);
    assert_eq!(registry("public"), None);
}

#[test]
fn longest_path_decides_among_registries_of_one_host() {
    let base = r#"
stack = "acme"
[registries]
quay = { use = "static", host = "quay.io" }
organisation = { use = "static", host = "quay.io/acme" }
project = { use = "static", host = "quay.io/acme/shop" }
hub = { use = "dockerhub", host = "docker.io/acme" }
gitlab = { use = "gitlab", host = "git.example.com:5050/acme/shop" }
[services.all.containers]
other.image = "quay.io/other/api"
acmes.image = "quay.io/acmes/api"
acme.image = "quay.io/acme/api"
shop.image = "quay.io/acme/shop/api"
repository.image = "quay.io/acme/shop:1"
chosen = { image = "quay.io/acme/shop/api", registry = "organisation" }
hub.image = "acme/api"
official.image = "nginx"
gitlab.image = "git.example.com:5050/acme/shop/api"
elsewhere.image = "git.example.com:5050/acme/other/api"
"#;
    let loaded = Configuration::new(base, "").load();
    let found =
        loaded.service("all").containers.iter().map(|(name, container)| {
            format!("{name} {}", container.registry.as_ref().map_or("-", Name::as_str))
        });
    insta::assert_snapshot!(found.collect::<Vec<_>>().join("\n"), @r"
    acme organisation
    acmes quay
    chosen organisation
    elsewhere -
    gitlab gitlab
    hub hub
    official -
    other quay
    repository project
    shop project
    ");
}

#[test]
fn registries_of_one_host_differ_in_path_and_not_in_access() {
    let base = r#"
stack = "acme"
[registries]
one = { use = "static", host = "quay.io/acme" }
two = { use = "static", host = "quay.io/acme" }
three = { use = "static", host = "quay.io/other", insecure = true }
four = { use = "static", host = "quay.io/more", endpoint = "http://mirror.example.com" }
five = { use = "static", host = "acme" }
six = { use = "static", host = "quay.io/Acme" }
seven = { use = "static", host = "QUAY.io/seven", ca-file = "ca.pem" }
[services.api]
image = "quay.io/other/api"
registry = "four"
"#;
    insta::assert_snapshot!(Configuration::new(base, "").errors());
}

#[test]
fn a_registry_that_is_removed_pulls_no_image() {
    let base = "stack = 'acme'\n[registries]\nold = { use = 'dockerhub', removed = true }\nhub.use = 'dockerhub'\n\
                gone = { use = 'ghcr', removed = true }\n[services.api.containers]\nhub.image = 'acme/api'\n\
                public.image = 'ghcr.io/acme/public'";
    let loaded = Configuration::new(base, "").load();
    let registry = |container: &str| {
        let container = &loaded.service("api").containers[&Name::new(container).unwrap()];
        container.registry.as_ref().map(Name::as_str)
    };
    assert_eq!((registry("hub"), registry("public")), (Some("hub"), None));
    let errors = Configuration::new(&format!("{base}\npublic.registry = 'gone'"), "").errors();
    insta::assert_snapshot!(errors);
}

#[test]
fn a_service_itself_can_be_its_single_container() {
    let base = "stack = 'acme'\n[services.api]\nimage = 'acme/api'\nports.http = 80";
    let loaded = Configuration::new(base, "").load();
    let service = loaded.service("api");
    let (name, container) = service.containers.first_key_value().unwrap();
    assert_eq!((service.containers.len(), name.as_str()), (1, "api"));
    assert_eq!(container.image.to_string(), "acme/api");
    assert_eq!(service.deployer.options.values["ports"], serde_json::json!({ "http": 80 }));
}

#[test]
fn deployer_adds_defaults_below_all_layers() {
    let base = "stack = 'acme'\n[services.api]\nimage = 'a'\n[services.own]\nimage = 'a'\nreplicas = 3\n\
                [services.other]\nuse = 'other'\nimage = 'a'";
    let deployers = |deployer: &str| longshore_model::ServiceLayers {
        defaults: (deployer == "ecs").then_some(|service| {
            assert_eq!(service["image"], "a");
            vec![(vec!["replicas".to_owned()], 1.into())]
        }),
        ..longshore_model::ServiceLayers::default()
    };
    let layers = Configuration::new(base, "");
    let loaded =
        crate::load(&layers.layers, &crate::Contributions { deployers: &deployers, ..super::plugins() })
            .unwrap();
    let options = |service: &str| loaded.service(service).deployer.options.clone();
    let replicas = ["api", "own", "other"].map(|service| options(service).values.get("replicas").cloned());
    assert_eq!(replicas, [Some(1.into()), Some(3.into()), None]);
    let defaults = ["api", "own"].map(|service| options(service).defaults.contains("replicas"));
    assert_eq!(defaults, [true, false]);
    assert_eq!(loaded.origin("services.api.replicas"), Some(&crate::Origin::Default));
}

#[test]
fn deployer_gets_declared_words_without_defaults() {
    let base = "stack = 'acme'\n[services.api]\nimage = 'a'\ndeployment.rollback = true\n";
    let loaded = Configuration::new(base, "services.api.network.subnets = ['subnet-1']").load();
    let options = &loaded.service("api").deployer.options;
    assert_eq!(serde_json::Value::Object(options.taken.clone()), serde_json::json!({ "image": "a" }));
    let declared = serde_json::json!({
        "deployment": { "rollback": true },
        "network": { "subnets": ["subnet-1"] },
    });
    assert_eq!(serde_json::Value::Object(options.values.clone()), declared);
}

#[test]
fn steps_and_references_are_read() {
    let base = r#"
stack = "acme"
[services.api]
image = "a"
after = ["steps.migrate"]
environment = { URL = { from = "steps.web", output = "url" } }
[steps.web]
use = "target-group"
listener = { from = "steps.listener", output = "arn" }
protect = true
"#;
    let loaded = Configuration::new(base, "steps.web.after = ['steps.listener']").load();
    let service = loaded.service("api");
    assert_eq!(service.after, [StepId::named("steps.migrate")]);
    let url = Reference { from: StepId::named("steps.web"), output: "url".to_owned() };
    let found = Reference::all_in("", &service.deployer.options.values);
    assert_eq!(found, [("environment.URL".to_owned(), url)]);
    let web = loaded.stack.steps.values().next().unwrap();
    assert_eq!((web.plugin.name.as_str(), web.protect), ("target-group", true));
    assert_eq!(web.after, [StepId::named("steps.listener")]);
    assert_eq!(Reference::all_in("", &web.plugin.options.values)[0].0, "listener");
}

#[test]
fn deployer_gets_unread_keys_of_containers() {
    let base = r#"
stack = "acme"
[services.api]
aws.task-definition.pidMode = "task"
containers.web = { image = "nginx", aws.stopTimeout = 30, imgae = 512 }
containers.side.image = "nginx"
"#;
    let local = "services.api.containers.web.aws.hostname = \"web\"";
    let loaded = Configuration::new(base, local).load();
    let options = &loaded.service("api").deployer.options;
    assert_eq!(
        serde_json::Value::Object(options.values.clone()),
        serde_json::json!({
            "aws": { "task-definition": { "pidMode": "task" } },
            "containers": { "side": {}, "web": { "aws": { "hostname": "web", "stopTimeout": 30 }, "imgae": 512 } },
        })
    );
    let judge = |used: &crate::PluginUse| match used.kind {
        crate::PluginKind::ServiceDeployer => used
            .plugin
            .options
            .read(|fields| {
                fields.skip("aws");
                fields.table("containers", |containers| {
                    containers.table("web", |web| {
                        web.skip("aws");
                        Some(())
                    })
                })
            })
            .unwrap_err(),
        _ => Vec::new(),
    };
    let errors = Configuration::new(base, local).errors_with(&judge);
    assert_eq!(
        errors,
        "configs/base.toml:5: services.api.containers.web.imgae: unknown key; did you mean `image`?"
    );
}
