//! The containers of a service.

use std::collections::BTreeMap;

use longshore_model::{AwsTarget, Container, Fields, ImageReference, ImageUpdates, Name, Store, Text};

use super::{Named, Plugins, registry::Registries, secret, text::name};

/// The keys of a container that can stand on the service itself, which then has this one container.
pub(super) const KEYS: [&str; 8] =
    ["image", "registry", "cpu", "memory", "ports", "environment", "secrets", "command"];

/// What a container refers to.
pub(super) struct Around<'a> {
    pub(super) registries: &'a Registries,
    pub(super) stores: &'a Named<Store>,
    pub(super) plugins: &'a Plugins<'a>,
    pub(super) aws: &'a AwsTarget,
}

/// Reads `image-updates` and `pin`, of a service or of one of its containers.
pub(super) fn image_updates(fields: &mut Fields<'_>) -> Option<ImageUpdates> {
    let values = [("redeploy", ImageUpdates::Redeploy), ("ignore", ImageUpdates::Ignore)];
    let updates = fields.choice("image-updates", &values);
    match (fields.flag("pin"), updates) {
        (Some(true), Some(ImageUpdates::Ignore)) => {
            let help = "remove one of both: a pinned image follows its tag with the next deploy";
            fields.problem("pin", "is true, but `image-updates` is \"ignore\"", help);
            None
        }
        (Some(true), _) => Some(ImageUpdates::Pin),
        (Some(false), None) => Some(ImageUpdates::Redeploy),
        (_, updates) => updates,
    }
}

/// Reads a container from the table that declares it, `essential` aside.
pub(super) fn read(
    fields: &mut Fields<'_>,
    around: &Around<'_>,
    image_updates: ImageUpdates,
) -> Option<Container> {
    let image = fields.required_text("image", "\"ghcr.io/acme/api:1.4.2\"").and_then(|_| {
        fields.parsed::<ImageReference>("image", "an image such as \"ghcr.io/acme/api:1.4.2\"")
    });
    let registry = registry(fields, image.as_ref(), around.registries);
    let cpu = fields.number("cpu", 1..=u32::MAX);
    // ECS API reference, `ContainerDefinition`: Docker reserves no less than 6 MiB.
    let memory = fields.number("memory", 6..=u32::MAX);
    let ports = fields.table("ports", |fields| Some(ports(fields)));
    let environment = fields.table("environment", |fields| Some(environment(fields))).unwrap_or_default();
    let secrets = fields.table("secrets", |fields| Some(secret::read_all(fields, &environment, around)));
    let command = fields.texts("command");
    Some(Container {
        image: image?,
        image_updates,
        registry,
        cpu,
        memory,
        ports: ports.unwrap_or_default(),
        environment,
        secrets: secrets.unwrap_or_default(),
        command,
        essential: true,
    })
}

/// The registry whose credential pulls the image: the one that the container names, or else the one that the image
/// begins like.
fn registry(
    fields: &mut Fields<'_>,
    image: Option<&ImageReference>,
    registries: &Registries,
) -> Option<Name> {
    if !fields.has("registry") {
        fields.skip("registry");
        let image = image.filter(|image| !image.is_ecr())?;
        return registries.of(image).cloned();
    }
    let name = registries.declared.reference(fields, "registry", "registry")?;
    if registries.removed.contains(&name) {
        let message = format!("refers to the registry `{name}`, which is removed");
        fields.problem(
            "registry",
            message,
            format!("take `removed` out of [registries.{name}], or this out"),
        );
        return None;
    }
    if let (Some(prefix), Some(image)) = (registries.prefixes.get(&name), image)
        && !prefix.covers(image)
    {
        let lies_at = if prefix.host() == image.host() {
            format!("{}/{}", image.host(), image.repository())
        } else {
            image.host().to_owned()
        };
        let message = format!("refers to the registry `{name}` at {prefix}, but the image lies at {lies_at}");
        fields.problem("registry", message, "remove it: an image finds its registry by its host");
        return None;
    }
    Some(name)
}

fn ports(fields: &mut Fields<'_>) -> BTreeMap<Name, u16> {
    let mut ports = BTreeMap::new();
    for field in fields.names() {
        // ECS API reference, `PortMapping`.
        if field.bytes().any(|byte| byte.is_ascii_uppercase()) {
            fields.skip(&field);
            fields.problem(&field, "is not a port's name", "must have lower-case letters only");
            continue;
        }
        let Some(name) = name(fields, &field) else { continue };
        if let Some(port) = fields.number(&field, 1..=65535).and_then(|port| u16::try_from(port).ok()) {
            ports.insert(name, port);
        }
    }
    ports
}

fn environment(fields: &mut Fields<'_>) -> BTreeMap<String, Text> {
    let mut environment = BTreeMap::new();
    for field in fields.names() {
        if field.is_empty() || field.contains(['=', '\0']) {
            fields.skip(&field);
            fields.problem(
                &field,
                "is not the name of an environment variable",
                "must not be empty nor have a `=`",
            );
        } else if let Some(text) = fields.text_or_reference(&field) {
            environment.insert(field, text);
        }
    }
    environment
}
