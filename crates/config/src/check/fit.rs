//! Whether the containers of a service fit together.

use std::collections::BTreeMap;

use longshore_model::{Container, Fields, Name, TaskSize};

use super::service::Declared;

/// The containers of a task share one network, so no two of them can listen on one port.
pub(super) fn check_ports(containers: &BTreeMap<Name, Declared>, fields: &Fields<'_>) {
    let mut owners: BTreeMap<u16, String> = BTreeMap::new();
    for declared in containers.values() {
        for (name, port) in &declared.container.ports {
            let path = declared.path(&["ports", name.as_str()]);
            match owners.get(port) {
                Some(owner) => {
                    let help = "the containers of a task share one network: choose another port";
                    fields.problem_below(&path, format!("port {port} is taken by `{owner}`"), help);
                }
                None => drop(owners.insert(*port, path.join("."))),
            }
        }
    }
}

/// What the containers reserve has to fit into the task.
pub(super) fn check_size(size: TaskSize, containers: &BTreeMap<Name, Declared>, fields: &Fields<'_>) {
    check_amount(("memory", size.memory, " MiB"), containers, fields, |container| container.memory);
    check_amount(("cpu", size.cpu, " CPU units"), containers, fields, |container| container.cpu);
}

fn check_amount(
    (field, limit, unit): (&str, u32, &str),
    containers: &BTreeMap<Name, Declared>,
    fields: &Fields<'_>,
    reserved: impl Fn(&Container) -> Option<u32>,
) {
    let mut sum = 0_u64;
    let mut fits = true;
    for declared in containers.values() {
        let amount = reserved(&declared.container).unwrap_or(0);
        sum += u64::from(amount);
        if amount > limit {
            fits = false;
            let message = format!("{amount}{unit} do not fit into the task, which has {limit}");
            fields.problem_below(
                &declared.path(&[field]),
                message,
                format!("lower it, or raise size.{field}"),
            );
        }
    }
    if fits && sum > u64::from(limit) {
        let message = format!("is {limit}, but the containers together reserve {sum}{unit}");
        fields.problem_below(&["size", field], message, format!("raise it to at least {sum}"));
    }
}
