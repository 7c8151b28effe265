//! The container and port to which `load-balancer` of a service sends requests.

use std::collections::BTreeMap;

use longshore_model::{Fields, Name, Problem};

use super::{Container, LoadBalancer};

/// The port that takes requests, as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Port {
    Number(u16),
    Name(String),
}

/// The words `container` and `container-port`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    container: Option<String>,
    port: Option<Port>,
}

impl Target {
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let container = fields.text("container");
        let port = match fields.peek("container-port") {
            Some(value) if value.is_number() => {
                let number = fields.number("container-port", 1..=65_535);
                number.and_then(|port| u16::try_from(port).ok()).map(Port::Number)
            }
            _ => fields.text("container-port").map(Port::Name),
        };
        Self { container, port }
    }

    /// Returns the container and port of the service `service` that are meant.
    ///
    /// # Errors
    /// When the declaration names none that is there, or leaves a choice.
    pub(super) fn target(
        &self,
        service: &Name,
        containers: &BTreeMap<Name, Container>,
    ) -> Result<LoadBalancer, Vec<Problem>> {
        let found = self.container(containers).map_err(|wrong| (wrong, "container"));
        let found = found.and_then(|(name, declared)| {
            let port = self.port(&declared.ports).map_err(|wrong| (wrong, "container-port"))?;
            Ok(LoadBalancer { container: name.clone(), port })
        });
        found.map_err(|((message, help), field)| {
            vec![Problem::new(format!("services.{service}.load-balancer.{field}"), message).help(help)]
        })
    }

    /// The container that `container` names, or else the only one with a port.
    fn container<'a>(
        &self,
        containers: &'a BTreeMap<Name, Container>,
    ) -> Result<(&'a Name, &'a Container), (String, String)> {
        let listed = |all: &[(&Name, &Container)]| {
            all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let all: Vec<_> = containers.iter().collect();
        if let Some(text) = &self.container {
            return all.iter().find(|(name, _)| name.as_str() == text).copied().ok_or_else(|| {
                let message = format!("names the container `{text}`, which the service does not have");
                (message, format!("there are: {}", listed(&all)))
            });
        }
        let with_ports: Vec<_> =
            all.iter().filter(|(_, container)| !container.ports.is_empty()).copied().collect();
        match (with_ports.as_slice(), all.as_slice()) {
            ([only], _) | ([], [only]) => Ok(*only),
            ([], _) => Err((
                "is missing".to_owned(),
                "none of the containers has `ports`: name the one that takes the requests".to_owned(),
            )),
            (several, _) => {
                Err(("is missing".to_owned(), format!("name one of those with ports: {}", listed(several))))
            }
        }
    }

    /// The port that `container-port` names by its name or its number, or else the only one.
    fn port(&self, ports: &BTreeMap<Name, u16>) -> Result<u16, (String, String)> {
        let listed = || ports.keys().map(Name::as_str).collect::<Vec<_>>().join(", ");
        match (&self.port, ports.values().collect::<Vec<_>>().as_slice()) {
            (Some(Port::Number(number)), _) => Ok(*number),
            (Some(Port::Name(text)), _) => {
                let found = ports.iter().find(|(name, _)| name.as_str() == text).map(|(_, port)| *port);
                found.ok_or_else(|| {
                    let help = if ports.is_empty() {
                        "write its number".to_owned()
                    } else {
                        format!("there are: {}", listed())
                    };
                    (format!("names the port `{text}`, which the container does not have"), help)
                })
            }
            (None, [port]) => Ok(**port),
            (None, []) => Err((
                "is missing".to_owned(),
                "set `ports` of the container, or the number of a port here".to_owned(),
            )),
            (None, _) => Err(("is missing".to_owned(), format!("name one of the ports: {}", listed()))),
        }
    }
}
