//! Which layer wins.

use longshore_model::{AssumedRole, ContainerSecret, ServiceDefaults, ServiceLayers};
use proptest::prelude::*;
use serde_json::json;

use super::{API, Configuration};
use crate::{Contributions, Origin, load};

#[test]
fn each_layer_overrides_the_one_below() {
    let memory = |configuration: &Configuration| {
        let loaded = configuration.load();
        let memory = loaded.service("api").deployer.options.values["memory"].as_u64().unwrap();
        (memory, configuration.origin("services.api.memory"))
    };
    let mut configuration = Configuration::new(API, "");
    assert_eq!(memory(&configuration), (512, "configs/base.toml:9".to_owned()));
    configuration = configuration.file("local.toml", "\n[services.api]\nmemory = 513\n");
    assert_eq!(memory(&configuration), (513, "configs/local.toml:3".to_owned()));
    configuration = configuration.variable("LONGSHORE_SERVICES__API__MEMORY", "514");
    assert_eq!(
        memory(&configuration),
        (514, "environment variable LONGSHORE_SERVICES__API__MEMORY".to_owned())
    );
    configuration = configuration.set("services.api.memory=515");
    assert_eq!(memory(&configuration), (515, "--set services.api.memory".to_owned()));
}

#[test]
fn defaults_are_the_lowest_layer() {
    let configuration = Configuration::new(API, "");
    assert_eq!(configuration.load().service("api").cluster, "default");
    assert_eq!(configuration.origin("services.api.cluster"), "default");
    assert_eq!(configuration.origin("registries.ghcr.host"), "default");
    let configuration = configuration.set("services.api.cluster=main");
    assert_eq!(configuration.load().service("api").cluster, "main");
    assert_eq!(configuration.origin("services.api.nothing"), "none");
}

#[test]
fn tables_merge_and_lists_are_replaced() {
    let base =
        format!("{API}network.subnets = ['subnet-1', 'subnet-2']\nenvironment = {{ A = 'a', B = 'b' }}\n");
    let configuration = Configuration::new(&base, "services.api.environment.B = 'c'")
        .set("services.api.network.subnets=[\"subnet-3\"]")
        .variable("LONGSHORE_SERVICES__API__ENVIRONMENT__NEW_ONE", "007");
    let loaded = configuration.load();
    let values = &loaded.service("api").deployer.options.values;
    assert_eq!(values["network"]["subnets"], json!(["subnet-3"]));
    let declared = [("A", "a"), ("B", "c"), ("NEW_ONE", "007")];
    let declared = declared.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(loaded.environment("api"), declared.into());
}

#[test]
fn lists_of_tables_keep_their_tables() {
    let hooks =
        "[[services.api.aws.service.hooks]]\nkind = 'PAUSE'\nstages = ['A', 'B']\ntimeout.minutes = 5\n";
    let loaded = Configuration::new(API, hooks).load();
    let options = &loaded.service("api").deployer.options;
    let expected = json!([{ "kind": "PAUSE", "stages": ["A", "B"], "timeout": { "minutes": 5 } }]);
    assert_eq!(options.values["aws"]["service"]["hooks"], expected);
}

#[test]
fn a_layer_replaces_where_a_credential_is_found() {
    let token = |configuration: &Configuration| {
        let loaded = configuration.load();
        let registry = loaded.stack.registries.values().next().unwrap();
        registry.source.options.values["token"].clone()
    };
    let configuration = Configuration::new(API, "registries.ghcr.token.file = 'secrets/token'");
    assert_eq!(token(&configuration), json!({"file": "secrets/token"}));
    assert_eq!(configuration.origin("registries.ghcr.token"), "configs/local.toml:1");
    assert_eq!(configuration.origin("registries.ghcr.token.env"), "none");
    let configuration = configuration.set("registries.ghcr.token.command=[\"pass\", \"ghcr\"]");
    assert_eq!(token(&configuration), json!({"command": ["pass", "ghcr"]}));
    let configuration =
        Configuration::new(API, "registries.ghcr.token = { secretsmanager = 'acme', field = 'token' }");
    assert_eq!(token(&configuration), json!({"secretsmanager": "acme", "field": "token"}));
    let configuration = configuration.set("registries.ghcr.token.ssm=/acme/ghcr");
    assert_eq!(token(&configuration), json!({"ssm": "/acme/ghcr"}));
}

#[test]
fn a_user_name_that_is_found_somewhere_is_replaced_like_a_credential() {
    let base = r#"
        stack = "acme"
        [registries.harbor]
        use = "static"
        host = "harbor.example.com"
        username = { env = "HARBOR_USER" }
    "#;
    let registry = |configuration: &Configuration| {
        let loaded = configuration.load();
        loaded.stack.registries.values().next().unwrap().clone()
    };
    let username =
        |configuration: &Configuration| registry(configuration).source.options.values["username"].clone();
    let configuration = Configuration::new(base, "registries.harbor.username.file = 'secrets/user'");
    assert_eq!(username(&configuration), json!({"file": "secrets/user"}));
    let configuration = configuration.set("registries.harbor.username=acme");
    assert_eq!(username(&configuration), json!("acme"));
}

#[test]
fn a_layer_replaces_where_a_variable_has_its_value() {
    let arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/db";
    let base = format!(
        "stores.parameters.use = 'ssm'\n{API}secrets.A = {{ store = 'parameters', value = {{ env = 'A' }} }}\n\
         secrets.B = {{ arn = '{arn}', kms-key = 'alias/x' }}\n"
    );
    let secrets = |configuration: &Configuration| {
        let loaded = configuration.load();
        let containers = &loaded.service("api").containers;
        containers.values().next().unwrap().secrets.clone()
    };
    let written = |secret: &ContainerSecret| match secret {
        ContainerSecret::Written { store, value } => (store.to_string(), value.values.clone()),
        ContainerSecret::Existing { .. } => panic!("{secret:?}"),
    };
    let configuration = Configuration::new(&base, "")
        .variable("LONGSHORE_SERVICES__API__SECRETS__NEW_ONE", "{ value = { env = \"X\" } }");
    let below = secrets(&configuration);
    assert_eq!(written(&below["A"]).0, "parameters");
    assert_eq!(written(&below["NEW_ONE"]).0, "default");
    let existing = ContainerSecret::Existing { arn: arn.parse().unwrap(), kms_key: Some("alias/x".into()) };
    assert_eq!(below["B"], existing);

    let above =
        format!("[services.api.secrets]\nA.arn = '{arn}'\nB.value.file = 'b'\nNEW_ONE.value.file = 'new'\n");
    let above = secrets(&configuration.file("local.toml", &above));
    assert_eq!(above["A"], ContainerSecret::Existing { arn: arn.parse().unwrap(), kms_key: None });
    assert_eq!(json!(written(&above["B"])), json!(["default", {"value": {"file": "b"}}]));
    let configuration = Configuration::new(&base, "services.api.secrets.A.value.file = 'a'");
    let value = written(&secrets(&configuration)["A"]);
    assert_eq!(json!(value), json!(["parameters", {"value": {"file": "a"}}]));
}

#[test]
fn a_plugin_sees_what_the_loader_has_read() {
    let local = "registries.ghcr.store = 'default'";
    let loaded = Configuration::new(API, local).load();
    let options = &loaded.stack.registries.values().next().unwrap().source.options;
    let taken = ["use", "host", "store", "endpoint", "username"].map(|key| options.taken_text(key));
    assert_eq!(taken, [Some("ghcr"), Some("ghcr.io"), Some("default"), None, None]);
}

#[test]
fn variables_and_flags_that_look_like_numbers_are_texts_where_a_text_is_wanted() {
    let configuration = Configuration::new(API, "")
        .variable("LONGSHORE_AWS__ACCOUNT", "123456789012")
        .variable("LONGSHORE_SERVICES__API__ENVIRONMENT__VERSION", "1.10")
        .set("services.api.environment.DEBUG=true")
        .set("services.api.protect=\"true\"");
    let errors = configuration.errors();
    assert_eq!(
        errors,
        "--set services.api.protect: services.api.protect: found the text \"true\"; must be true or false"
    );
    let loaded = configuration.set("services.api.protect=true").load();
    assert_eq!(loaded.stack.aws.account.as_deref(), Some("123456789012"));
    let declared = [("DEBUG", "true"), ("VERSION", "1.10")];
    let declared = declared.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(loaded.environment("api"), declared.into());
}

#[test]
fn a_table_that_was_removed_in_between_has_its_defaults_again() {
    let base = format!("{API}logs.retention-days = 14\n");
    let configuration =
        Configuration::new(&base, "services.api.logs = false").set("services.api.logs.group=g");
    let defaults: ServiceDefaults =
        |_| vec![(vec!["logs".to_owned(), "retention-days".to_owned()], 30.into())];
    let deployers = |_: &str| ServiceLayers { defaults: Some(defaults), ..ServiceLayers::default() };
    let loaded =
        load(&configuration.layers, &Contributions { deployers: &deployers, ..super::plugins() }).unwrap();
    let logs = &loaded.service("api").deployer.options.values["logs"];
    assert_eq!(*logs, json!({ "group": "g", "retention-days": 30 }));
    assert_eq!(loaded.origin("services.api.logs.retention-days"), Some(&Origin::Default));
    let origin = loaded.origin("services.api.logs").map(ToString::to_string);
    assert_eq!(origin.as_deref(), Some("--set services.api.logs.group"));
}

#[test]
fn relative_paths_count_from_the_file_that_set_them() {
    let path = |configuration: &Configuration| {
        let loaded = configuration.load();
        let registry = loaded.stack.registries.values().next().unwrap();
        let read = registry.source.options.read(|fields| {
            fields.text("username");
            fields.table("token", |fields| fields.path("file"))
        });
        read.unwrap()
    };
    let configuration = Configuration::new(API, "registries.ghcr.token.file = 'secrets/token'");
    assert_eq!(path(&configuration), configuration.path("secrets/token"));
    let configuration = configuration.set("registries.ghcr.token.file=elsewhere/token");
    assert_eq!(path(&configuration).to_str(), Some("elsewhere/token"));
}

#[test]
fn keys_with_dots_are_kept_apart() {
    let local = r#"
        [cloud]
        embedded = true
        [cloud.registries."ghcr.io".users.acme]
        password = { file = "local/token" }
    "#;
    let configuration = Configuration::new(API, local).set("cloud.registries.\"ghcr.io\".fault=unreachable");
    let loaded = configuration.load();
    let cloud = loaded.cloud.unwrap();
    assert!(loaded.embedded);
    assert_eq!(
        json!(cloud.values),
        json!({"registries": {"ghcr.io": {
            "users": {"acme": {"password": {"file": "local/token"}}},
            "fault": "unreachable",
        }}})
    );
    let directory = &cloud.directories["registries.\"ghcr.io\".users.acme.password.file"];
    assert_eq!(directory, configuration.directory.path());
    assert_eq!(
        configuration.origin("cloud.registries.\"ghcr.io\".fault"),
        "--set cloud.registries.\"ghcr.io\".fault"
    );
    assert_eq!(
        configuration.origin("cloud.registries.\"ghcr.io\".users.acme.password.file"),
        "configs/local.toml:5"
    );
}

#[test]
fn without_a_cloud_there_is_none() {
    let loaded = Configuration::new(API, "").load();
    assert!(loaded.cloud.is_none() && !loaded.embedded);
}

/// A layer's setting of `services.api.desired-count`.
#[derive(Clone, Debug)]
enum Setting {
    Base(u32),
    Local(u32),
    Variable(u32),
    Set(u32),
}

proptest! {
    // Each case writes two files.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_highest_layer_wins_and_is_named(settings in proptest::collection::vec(
        prop_oneof![
            (0..100_u32).prop_map(Setting::Base),
            (0..100_u32).prop_map(Setting::Local),
            (0..100_u32).prop_map(Setting::Variable),
            (0..100_u32).prop_map(Setting::Set),
        ],
        0..8,
    )) {
        let (mut base, mut local, mut variable, mut sets) = (None, None, None, Vec::new());
        for setting in &settings {
            match *setting {
                Setting::Base(count) => base = Some(count),
                Setting::Local(count) => local = Some(count),
                Setting::Variable(count) => variable = Some(count),
                Setting::Set(count) => sets.push(count),
            }
        }
        let line = |count: Option<u32>| count.map(|count| format!("desired-count = {count}\n")).unwrap_or_default();
        let mut configuration =
            Configuration::new(&format!("{API}{}", line(base)), &format!("[services.api]\n{}", line(local)));
        if let Some(count) = variable {
            configuration = configuration.variable("LONGSHORE_SERVICES__API__DESIRED_COUNT", &count.to_string());
        }
        for count in &sets {
            configuration = configuration.set(&format!("services.api.desired-count={count}"));
        }
        let named = |origin: &'static str| move |count| (count, origin);
        let (count, origin) = sets.last().copied().map(named("--set services.api.desired-count"))
            .or(variable.map(named("environment variable LONGSHORE_SERVICES__API__DESIRED_COUNT")))
            .or(local.map(named("configs/local.toml:2")))
            .or(base.map(named("configs/base.toml:10")))
            .map_or((None, "none"), |(count, origin)| (Some(count), origin));
        let loaded = configuration.load();
        let found = loaded.service("api").deployer.options.values.get("desired-count").cloned();
        prop_assert_eq!(found, count.map(serde_json::Value::from));
        prop_assert_eq!(configuration.origin("services.api.desired-count"), origin);
    }
}

#[test]
fn role_to_assume_is_an_arn_or_a_table() {
    let arn = "arn:aws:iam::123456789012:role/deploy";
    let assumed = |aws: &str| {
        let configuration = Configuration::new(&format!("{API}\n[aws]\n{aws}"), "");
        configuration.load().stack.aws.assume_role
    };
    let role = AssumedRole { arn: arn.to_owned(), ..AssumedRole::default() };
    assert_eq!(assumed(&format!("assume-role = '{arn}'")), Some(role.clone()));
    let table = "external-id = 'acme', session-name = 'ci@shop', duration-seconds = 900";
    let role = AssumedRole {
        external_id: Some("acme".to_owned()),
        session_name: Some("ci@shop".to_owned()),
        duration_seconds: Some(900),
        ..role
    };
    assert_eq!(assumed(&format!("assume-role = {{ arn = '{arn}', {table} }}")), Some(role));

    let errors = |aws: &str| Configuration::new(&format!("{API}\n[aws]\n{aws}"), "").errors();
    let user = errors("assume-role = 'arn:aws:iam::123456789012:user/deploy'");
    assert!(user.contains("aws.assume-role: ") && user.contains("must be the ARN of a role"), "{user}");
    let table =
        errors("assume-role = { external-id = ' ', session-name = 'x', duration-seconds = 60, name = 'x' }");
    for key in ["external-id", "session-name", "duration-seconds", "name", "arn"] {
        assert!(table.contains(&format!("aws.assume-role.{key}: ")), "{key}: {table}");
    }
}
