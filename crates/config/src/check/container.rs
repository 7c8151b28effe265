//! The containers of a service.

use longshore_model::{AwsTarget, Container, Fields, ImageReference, Name, Store};

use super::{Named, Plugins, registry::Registries, secret};

/// The keys of a container that are read here, and can stand on the service itself, which then has this one container.
pub(super) const KEYS: [&str; 3] = ["image", "registry", "secrets"];

/// The declarations to which a container refers.
pub(super) struct Around<'a> {
    pub(super) registries: &'a Registries,
    pub(super) stores: &'a Named<Store>,
    pub(super) plugins: &'a Plugins<'a>,
    pub(super) aws: &'a AwsTarget,
}

/// Reads a container from the table that declares it.
pub(super) fn read(fields: &mut Fields<'_>, around: &Around<'_>) -> Option<Container> {
    let image = fields.required_text("image", "\"ghcr.io/acme/api:1.4.2\"").and_then(|_| {
        fields.parsed::<ImageReference>("image", "an image such as \"ghcr.io/acme/api:1.4.2\"")
    });
    let registry = registry(fields, image.as_ref(), around.registries);
    let environment = fields.peek("environment").and_then(serde_json::Value::as_object);
    let secrets = fields.table("secrets", |fields| Some(secret::read_all(fields, environment, around)));
    Some(Container { image: image?, registry, secrets: secrets.unwrap_or_default() })
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
