//! The room of a container instance: CPU units, memory and host ports.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The first host port that is handed out for port mappings without one.
const FIRST_DYNAMIC: u16 = 32_768;

/// The protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::ecs) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    /// The protocol of a port mapping.
    pub(in crate::ecs) fn of(given: Option<&str>) -> Self {
        if given == Some("udp") { Self::Udp } else { Self::Tcp }
    }
}

/// CPU units, memory in MiB, and host ports that are in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::ecs) struct Resources {
    pub(in crate::ecs) cpu: i64,
    pub(in crate::ecs) memory: i64,
    tcp: BTreeSet<u16>,
    udp: BTreeSet<u16>,
}

impl Resources {
    /// CPU units and memory, without ports.
    pub(in crate::ecs) fn of(cpu: i64, memory: i64) -> Self {
        Self { cpu, memory, ..Self::default() }
    }

    /// Room with ports that are reserved.
    pub(super) fn room(cpu: i64, memory: i64, tcp: BTreeSet<u16>, udp: BTreeSet<u16>) -> Self {
        Self { cpu, memory, tcp, udp }
    }

    pub(in crate::ecs) fn ports(&self, protocol: Protocol) -> &BTreeSet<u16> {
        match protocol {
            Protocol::Tcp => &self.tcp,
            Protocol::Udp => &self.udp,
        }
    }

    /// Takes a port.
    pub(in crate::ecs) fn take(&mut self, protocol: Protocol, port: u16) {
        match protocol {
            Protocol::Tcp => self.tcp.insert(port),
            Protocol::Udp => self.udp.insert(port),
        };
    }

    /// The first port for a port mapping without one that neither this nor `taken` uses.
    pub(in crate::ecs) fn free_port(&self, protocol: Protocol, taken: &Self) -> Option<u16> {
        let is_free =
            |port: &u16| !self.ports(protocol).contains(port) && !taken.ports(protocol).contains(port);
        (FIRST_DYNAMIC..=u16::MAX).find(is_free)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.cpu += other.cpu;
        self.memory += other.memory;
        self.tcp.extend(&other.tcp);
        self.udp.extend(&other.udp);
    }

    /// The room that is left when `taken` is in use.
    pub(in crate::ecs) fn without(&self, taken: &Self) -> Self {
        Self {
            cpu: self.cpu - taken.cpu,
            memory: self.memory - taken.memory,
            tcp: &self.tcp | &taken.tcp,
            udp: &self.udp | &taken.udp,
        }
    }

    pub(super) fn json(&self) -> Value {
        let number = |name: &str, value: i64| json!({ "name": name, "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": value });
        let ports = |name: &str, ports: &BTreeSet<u16>| {
            let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
            json!({
                "name": name, "type": "STRINGSET", "doubleValue": 0.0, "longValue": 0, "integerValue": 0,
                "stringSetValue": ports,
            })
        };
        json!([
            number("CPU", self.cpu),
            number("MEMORY", self.memory),
            ports("PORTS", &self.tcp),
            ports("PORTS_UDP", &self.udp),
        ])
    }
}
