//! `[services.NAME]`

use std::collections::BTreeMap;

use longshore_model::{AwsTarget, Container, Fields, Name, Options, Service, Store, consists_of};

use super::{
    Named, PluginKind, Plugins,
    container::{self, Around},
    registry::Registries,
    role,
};

/// Reads a service.
pub(super) fn read(
    name: &Name,
    fields: &mut Fields<'_>,
    registries: &Registries,
    stores: &Named<Store>,
    plugins: &Plugins<'_>,
    aws: &AwsTarget,
) -> Option<Service> {
    let around = Around { registries, stores, plugins, aws };
    let deployer = Plugins::name(fields, "ecs");
    // ECS API reference, `CreateCluster`.
    let cluster = fields.accepted(
        "cluster",
        |text| consists_of(text, "-_", 255),
        "at most 255 letters, digits, - and _",
    );
    // ECS API reference, `CreateService`.
    let service_name = fields.accepted(
        "service-name",
        |text| consists_of(text, "-_", 255),
        "at most 255 letters, digits, - and _",
    );
    let mut left = Vec::new();
    let containers = containers(name, fields, &around, &mut left);
    let execution_role = fields.table("execution-role", |fields| role::read(fields, plugins));
    let load_balancer = fields.table("load-balancer", |fields| {
        let plugin = Plugins::name(fields, "target-group");
        left.push((vec!["load-balancer".to_owned()], fields.part(&["container", "container-port"])));
        plugins.options(PluginKind::Step, plugin, fields)
    });
    let tags = fields.table("tags", |fields| Some(super::tags::read(fields)));
    let after = super::step::after(fields);
    let protect = fields.flag("protect").unwrap_or_default();
    let mut options = fields.rest();
    for (path, left) in left {
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        options.nest(&path, left);
    }
    let deployer = plugins.used(PluginKind::ServiceDeployer, deployer, options);
    Some(Service {
        deployer: deployer?,
        cluster: cluster?,
        name: service_name?,
        containers,
        execution_role: execution_role?,
        load_balancer,
        after,
        tags: tags.unwrap_or_default(),
        protect,
    })
}

/// The containers of `containers`, or the one that the service itself declares. Adds to `left` what is left of their tables
/// for the deployer.
fn containers(
    service: &Name,
    fields: &mut Fields<'_>,
    around: &Around<'_>,
    left: &mut Vec<(Vec<String>, Options)>,
) -> BTreeMap<Name, Container> {
    if !fields.has("containers") {
        fields.skip("containers");
        let container = container::read(fields, around);
        return container.map(|container| (service.clone(), container)).into_iter().collect();
    }
    for field in container::KEYS {
        fields.skip(field);
        if fields.has(field) {
            let to = format!("{}.NAME.{field}", fields.key_of("containers"));
            fields.problem(
                field,
                "stands beside `containers`",
                format!("move it to {to}, or remove `containers`"),
            );
        }
    }
    let declared = super::named(fields, "containers", |name, fields| {
        let container = container::read(fields, around);
        left.push((vec!["containers".to_owned(), name.to_string()], fields.rest()));
        container
    });
    if declared.complete && declared.names.is_empty() {
        fields.problem(
            "containers",
            "declares no container",
            "add one, such as containers.api.image = \"…\"",
        );
    }
    declared.read
}
