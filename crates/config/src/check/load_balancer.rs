//! `[services.NAME.load-balancer]`

use std::collections::BTreeMap;

use longshore_model::{Fields, LoadBalancer, Name};

use super::{PluginKind, Plugins};

/// Reads what sends requests to one of the containers, whose ports are given by their names.
pub(super) fn read(
    fields: &mut Fields<'_>,
    ports: &BTreeMap<Name, BTreeMap<Name, u16>>,
    plugins: &Plugins<'_>,
) -> Option<LoadBalancer> {
    let plugin = Plugins::name(fields, "target-group");
    let container = container(fields, ports);
    let port = container.as_ref().and_then(|container| port(fields, &ports[container]));
    fields.skip("container-port");
    let plugin = plugins.options(PluginKind::Step, plugin, fields);
    Some(LoadBalancer { plugin: plugin?, container: container?, port: port? })
}

/// The container that `container` names, or else the only one with a port.
fn container(fields: &mut Fields<'_>, ports: &BTreeMap<Name, BTreeMap<Name, u16>>) -> Option<Name> {
    let names = |all: &[&Name]| all.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(text) = fields.text("container") {
        let found = ports.keys().find(|name| name.as_str() == text);
        if found.is_none() {
            let all: Vec<_> = ports.keys().collect();
            let message = format!("names the container `{text}`, which the service does not have");
            fields.problem("container", message, format!("there are: {}", names(&all)));
        }
        return found.cloned();
    }
    let with_ports: Vec<_> =
        ports.iter().filter(|(_, ports)| !ports.is_empty()).map(|(name, _)| name).collect();
    match (with_ports.as_slice(), ports.len()) {
        ([container], _) => Some((*container).clone()),
        ([], 1) => ports.keys().next().cloned(),
        ([], _) => {
            fields.problem(
                "container",
                "is missing",
                "none of the containers has `ports`: name the one that takes the requests",
            );
            None
        }
        (several, _) => {
            fields.problem(
                "container",
                "is missing",
                format!("name one of those with ports: {}", names(several)),
            );
            None
        }
    }
}

/// The port that `container-port` names by its name or its number, or else the only one.
fn port(fields: &mut Fields<'_>, ports: &BTreeMap<Name, u16>) -> Option<u16> {
    let all = || ports.keys().map(Name::as_str).collect::<Vec<_>>().join(", ");
    match fields.peek("container-port") {
        Some(value) if value.is_number() => {
            fields.number("container-port", 1..=65_535).and_then(|port| u16::try_from(port).ok())
        }
        Some(_) => {
            let text = fields.text("container-port")?;
            let found = ports.iter().find(|(name, _)| name.as_str() == text).map(|(_, port)| *port);
            if found.is_none() {
                let help = if ports.is_empty() {
                    "write its number".to_owned()
                } else {
                    format!("there are: {}", all())
                };
                fields.problem(
                    "container-port",
                    format!("names the port `{text}`, which the container does not have"),
                    help,
                );
            }
            found
        }
        None => match ports.iter().collect::<Vec<_>>().as_slice() {
            [(_, port)] => Some(**port),
            [] => {
                fields.problem(
                    "container-port",
                    "is missing",
                    "set `ports` of the container, or the number of a port here",
                );
                None
            }
            _ => {
                fields.problem("container-port", "is missing", format!("name one of the ports: {}", all()));
                None
            }
        },
    }
}
