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
