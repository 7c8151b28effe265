//! Files and environments that are not there, and files that are not TOML.

use super::{API, Configuration};

#[test]
fn a_missing_environment_names_those_that_exist() {
    let configuration = Configuration::new(API, "").file("staging.toml", "").file("notes.txt", "");
    assert_eq!(
        configuration.environment("stagin").errors(),
        "configs/stagin.toml: there is no environment `stagin`; did you mean `staging`? there are: local, staging"
    );
    let configuration = Configuration::new(API, "").environment("base");
    assert_eq!(
        configuration.errors(),
        "configs/base.toml: `base` is what all environments share, and no environment itself; there are: local"
    );
}

#[test]
fn a_missing_directory_or_base_is_named() {
    let mut configuration = Configuration::new(API, "");
    std::fs::remove_file(configuration.path("base.toml")).unwrap();
    assert_eq!(
        configuration.errors(),
        "configs/base.toml: there is no such file; it holds what all environments share; another directory is named \
         with --config-dir"
    );
    configuration.layers.directory.push("nowhere");
    assert_eq!(
        configuration.errors(),
        "configs/nowhere: there is no such directory; name the one that holds base.toml with --config-dir"
    );
}

#[test]
fn what_is_not_toml_is_shown_by_line_and_column_without_its_text() {
    let errors = Configuration::new("stack = 'a'\ntoken = 'hunter2\n", "a = 1\na = 2\n").set("=").errors();
    assert!(!errors.contains("hunter2"));
    insta::assert_snapshot!(errors);
}

#[test]
fn the_line_is_right_however_a_key_is_written() {
    let local = "\
# A comment.
aws.region = 'eu-central-1'
[services.api]
cpu = 256
network = { subnets = [
  'subnet-1',
], assign-public-ip = true }
[services.api.deployment]
timeout = \"\"\"
1m\"\"\"
rollback = false
[services.api.ports]
http = 80
[stores.default]
\"use\" = 'secretsmanager'
";
    let configuration = Configuration::new(API, local);
    for (key, line) in [
        ("aws.region", 2),
        ("services.api.cpu", 4),
        ("services.api.network.subnets", 5),
        ("services.api.network.assign-public-ip", 7),
        ("services.api.deployment.timeout", 9),
        ("services.api.deployment.rollback", 11),
        ("services.api.ports.http", 13),
        ("stores.default.use", 15),
    ] {
        assert_eq!(configuration.origin(key), format!("configs/local.toml:{line}"), "{key}");
    }
}

#[test]
fn how_a_registry_is_reached_is_known_to_its_plugin_too() {
    let base = "stack = \"acme\"\nregistries.own = { use = \"gitlab\", host = \"git.example.com:5050\" }";
    let configuration = Configuration::new(base, "registries.own.ca-file = \"certs/ca.pem\"");
    let registry = configuration.load().stack.registries.into_values().next().unwrap();
    let file = configuration.path("certs/ca.pem");
    assert_eq!((registry.insecure, registry.ca_file.as_ref()), (false, Some(&file)));
    assert_eq!(registry.source.options.taken_path("ca-file"), Some(file));
    assert!(registry.source.options.values.is_empty());

    let configuration = configuration.set("registries.own.insecure=true");
    assert!(configuration.load().stack.registries.into_values().all(|registry| registry.insecure));
    let configuration = configuration.set("registries.own.endpoint=http://127.0.0.1:5050");
    assert_eq!(
        configuration.errors(),
        "--set registries.own.insecure: registries.own.insecure: is set beside endpoint; remove insecure: the \
         endpoint's http:// or https:// says how the registry is reached"
    );
}
