//! Stacks as the tests generate them, and as they are written in a configuration.

use std::{collections::BTreeMap, fmt::Write as _};

use super::account::Fixed;

/// The registries: their names, and their hosts.
pub(super) const REGISTRIES: [(&str, &str); 4] = [
    ("ghcr", "ghcr.io"),
    ("hub", "docker.io"),
    ("gitlab", "registry.gitlab.com"),
    ("harbor", "harbor.example.com"),
];
/// The registry that needs no credential: the execution role pulls from it.
pub(super) const ECR: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

/// A stack. Its parts are small, and named by indices into short lists, so that it shrinks well.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Declaration {
    pub(super) store: Store,
    /// True if the parameters are encrypted with a key of one's own.
    pub(super) parameters_key: Option<usize>,
    /// The declaration of each of [`REGISTRIES`], if an image is in it.
    pub(super) registries: [Registry; 4],
    /// At least one, by [`SERVICES`].
    pub(super) services: BTreeMap<&'static str, Service>,
}

/// The store in Secrets Manager.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Store {
    pub(super) other_prefix: bool,
    pub(super) key: Option<usize>,
    pub(super) recovery_window: Option<u32>,
    pub(super) team: Option<usize>,
    pub(super) replicates: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Registry {
    /// Whose token it is.
    pub(super) user: usize,
    pub(super) names_secret: bool,
}

pub(super) const SERVICES: [&str; 3] = ["api", "web", "worker"];
/// The container beside the one with the name of the service.
const SIDE: &str = "side";
pub(super) const CLUSTERS: [&str; 3] = ["default", "batch", "web"];
pub(super) const SIZES: [(u32, u32); 2] = [(256, 1024), (512, 2048)];
pub(super) const PERCENTS: [(u32, u32); 3] = [(100, 200), (50, 200), (0, 100)];
pub(super) const DAYS: [u32; 3] = [7, 30, 365];
pub(super) const TEAMS: [&str; 2] = ["shop", "search"];

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Service {
    pub(super) cluster: usize,
    pub(super) desired_count: u32,
    pub(super) arm: bool,
    pub(super) size: Option<usize>,
    /// A subnet of one's own, and whether tasks without a public address are wanted where none run.
    pub(super) network: Option<(usize, bool)>,
    /// And whether commands can be executed in the containers.
    pub(super) task_role: Option<(usize, bool)>,
    pub(super) role: Role,
    /// True if the group has a name of its own, and for how long events are kept.
    pub(super) logs: Option<(bool, usize)>,
    pub(super) percents: usize,
    /// True if the circuit breaker rolls back; `None` if there is no breaker.
    pub(super) breaker: Option<bool>,
    /// At least one: `true` is the container with the name of the service.
    pub(super) containers: BTreeMap<bool, Container>,
}

/// The execution role.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Role {
    /// True if it has a name, and with it a path, of its own.
    pub(super) named: bool,
    pub(super) boundary: Option<usize>,
    pub(super) managed: Managed,
    pub(super) any_deputy: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Managed {
    #[default]
    ByDefault,
    /// The policy of one's own, which allows to write logs.
    Own,
    /// That and the default one.
    Both,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Container {
    pub(super) image: Image,
    pub(super) tag: usize,
    pub(super) memory: u32,
    pub(super) cpu: Option<u32>,
    pub(super) port: bool,
    pub(super) essential: bool,
    pub(super) command: bool,
    /// By `LEVEL` and `MODE`: one of two values.
    pub(super) environment: BTreeMap<&'static str, usize>,
    /// By `DATABASE_URL` and `API_KEY`.
    pub(super) secrets: BTreeMap<&'static str, Variable>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Image {
    /// In one of [`REGISTRIES`].
    Private(usize),
    Public,
    Ecr,
}

/// The place of a secret variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Variable {
    /// In Secrets Manager, with the value of one of two sources.
    Secret(usize),
    /// In Parameter Store, likewise.
    Parameter(usize),
    /// In another owner's storage: a secret, or a parameter.
    Kept(usize),
}

/// The variable of the run that holds the token of a user.
pub(super) fn token_of(user: usize) -> String {
    format!("TOKEN_{user}")
}

/// The variable of the run that holds the value of a source.
pub(super) fn source(source: usize) -> String {
    format!("VALUE_{source}")
}

/// The text of a secret variable of the run, which is found again wherever it leaks.
pub(super) fn value_of(variable: &str) -> String {
    format!("hushed-{variable}-5f0c1d")
}

impl Declaration {
    /// The same without tasks, and without the default cluster, which others use in a shared account.
    pub(super) fn without_tasks(mut self) -> Self {
        for service in self.services.values_mut() {
            service.desired_count = 0;
            service.cluster = service.cluster.max(1);
        }
        self
    }

    /// The names of the log groups.
    pub(super) fn groups(&self, stack: &str) -> impl Iterator<Item = String> {
        self.services.iter().filter_map(move |(name, service)| {
            let (named, _) = service.logs?;
            Some(if named { format!("/{stack}/{name}") } else { format!("/longshore/{stack}/{name}") })
        })
    }

    /// The containers, with the names of their services and their own.
    pub(super) fn containers(&self) -> impl Iterator<Item = (&'static str, &'static str, &Container)> {
        self.services.iter().flat_map(|(service, declared)| {
            let name = |own: bool| if own { *service } else { SIDE };
            declared.containers.iter().map(move |(own, container)| (*service, name(*own), container))
        })
    }

    /// Which of the [`REGISTRIES`] are used.
    pub(super) fn used_registries(&self) -> impl Iterator<Item = usize> {
        (0..REGISTRIES.len()).filter(|index| {
            self.containers().any(|(_, _, container)| container.image == Image::Private(*index))
        })
    }

    /// As it stands in a configuration.
    pub(super) fn text(&self, stack: &str, region: &str, fixed: &Fixed) -> String {
        let mut text = format!("stack = \"{stack}\"\naws.region = \"{region}\"\n");
        self.write_stores(&mut text, fixed);
        for index in self.used_registries() {
            let (name, host) = REGISTRIES[index];
            let Registry { user, names_secret } = self.registries[index];
            let key = format!("registries.{name}");
            write!(text, "{key} = {{ use = \"static\", host = \"{host}\", username = \"user-{user}\"")
                .unwrap();
            write!(text, ", password = {{ env = \"{}\" }}", token_of(user)).unwrap();
            if names_secret {
                write!(text, ", secret-name = \"{stack}/pull/{name}\"").unwrap();
            }
            text.push_str(" }\n");
        }
        for (name, service) in &self.services {
            service.write(&mut text, stack, name, fixed);
        }
        for (service, name, container) in self.containers() {
            let key = format!("services.{service}.containers.{name}");
            container.write(&mut text, &key, name, fixed);
            // A task needs one that is.
            if self.services[service].containers.len() > 1 && name == SIDE && !container.essential {
                writeln!(text, "{key}.essential = false").unwrap();
            }
        }
        text
    }

    fn write_stores(&self, text: &mut String, fixed: &Fixed) {
        let Store { other_prefix, key, recovery_window, team, replicates } = self.store;
        text.push_str("stores.default.use = \"secretsmanager\"\nstores.parameters.use = \"ssm\"\n");
        if other_prefix {
            text.push_str("stores.default.prefix = \"elsewhere/\"\n");
        }
        if let Some(key) = key {
            writeln!(text, "stores.default.kms-key = \"{}\"", fixed.keys[key]).unwrap();
        }
        if let Some(days) = recovery_window {
            writeln!(text, "stores.default.recovery-window-days = {days}").unwrap();
        }
        if let Some(team) = team {
            writeln!(text, "stores.default.tags.team = \"{}\"", TEAMS[team]).unwrap();
        }
        // Each region would need a key of the same alias.
        if let Some(replicates) = replicates.filter(|_| key.is_none()) {
            let regions = if replicates { "\"eu-west-1\"" } else { "" };
            writeln!(text, "stores.default.replicate-to = [{regions}]").unwrap();
        }
        if let Some(key) = self.parameters_key {
            writeln!(text, "stores.parameters.kms-key = \"{}\"", fixed.keys[key]).unwrap();
        }
    }
}

impl Service {
    fn write(&self, text: &mut String, stack: &str, name: &str, fixed: &Fixed) {
        let mut line = |key: &str, value: String| writeln!(text, "services.{name}.{key} = {value}").unwrap();
        let quoted = |value: &str| format!("\"{value}\"");
        if self.cluster > 0 {
            line("cluster", quoted(&format!("{stack}-{}", CLUSTERS[self.cluster])));
        }
        line("desired-count", self.desired_count.to_string());
        if self.arm {
            line("architecture", quoted("arm64"));
        }
        if let Some((cpu, memory)) = self.size.map(|size| SIZES[size]) {
            line("size", format!("{{ cpu = {cpu}, memory = {memory} }}"));
        }
        if let Some((subnet, hidden)) = self.network {
            line("network.subnets", format!("[\"{}\"]", fixed.subnets[subnet]));
            // Without one, a task in these subnets would reach no registry.
            line("network.assign-public-ip", (!hidden || self.desired_count > 0).to_string());
        }
        if let Some((role, executes)) = self.task_role {
            line("task-role", quoted(&fixed.task_roles[role]));
            line("execute-command", executes.to_string());
        }
        if self.role.named {
            line("execution-role.name", quoted(&format!("{stack}-own-{name}")));
            line("execution-role.path", quoted("/acme/"));
        }
        if let Some(boundary) = self.role.boundary {
            line("execution-role.permissions-boundary", quoted(&fixed.policies[boundary]));
        }
        match self.role.managed {
            Managed::ByDefault => {}
            Managed::Own => line("execution-role.managed-policies.own", quoted(&fixed.managed)),
            Managed::Both => {
                line("execution-role.managed-policies.own", quoted(&fixed.managed));
                let default = "service-role/AmazonECSTaskExecutionRolePolicy";
                line("execution-role.managed-policies.default", quoted(default));
            }
        }
        if self.role.any_deputy {
            line("execution-role.confused-deputy-conditions", "false".to_owned());
        }
        match self.logs {
            None => line("logs", "false".to_owned()),
            Some((named, days)) => {
                if named {
                    line("logs.group", quoted(&format!("/{stack}/{name}")));
                }
                line("logs.retention-days", DAYS[days].to_string());
                line("logs.removal", quoted("delete"));
            }
        }
        let (minimum, maximum) = PERCENTS[self.percents];
        line("deployment.minimum-healthy-percent", minimum.to_string());
        line("deployment.maximum-percent", maximum.to_string());
        line("deployment.circuit-breaker", self.breaker.is_some().to_string());
        if let Some(rollback) = self.breaker {
            line("deployment.rollback", rollback.to_string());
        }
    }
}

impl Container {
    fn write(&self, text: &mut String, key: &str, name: &str, fixed: &Fixed) {
        let mut line = |field: &str, value: String| writeln!(text, "{key}.{field} = {value}").unwrap();
        let tag = self.tag + 1;
        let image = match self.image {
            Image::Private(registry) => format!("{}/acme/{name}:{tag}", REGISTRIES[registry].1),
            Image::Public => format!("public.ecr.aws/acme/{name}:{tag}"),
            Image::Ecr => format!("{ECR}/acme/{name}:{tag}"),
        };
        line("image", format!("\"{image}\""));
        line("memory", self.memory.to_string());
        if let Some(cpu) = self.cpu {
            line("cpu", cpu.to_string());
        }
        if self.port {
            line("ports.http", if name == SIDE { "9090" } else { "8080" }.to_owned());
        }
        if self.command {
            line("command", "[\"serve\", \"--quiet\"]".to_owned());
        }
        for (variable, value) in &self.environment {
            line(&format!("environment.{variable}"), format!("\"value {value}\""));
        }
        for (variable, kept) in &self.secrets {
            let kept = match kept {
                Variable::Secret(of) => format!("{{ value = {{ env = \"{}\" }} }}", source(*of)),
                Variable::Parameter(of) => {
                    format!("{{ store = \"parameters\", value = {{ env = \"{}\" }} }}", source(*of))
                }
                Variable::Kept(which) => format!("{{ arn = \"{}\" }}", fixed.kept[*which]),
            };
            line(&format!("secrets.{variable}"), kept);
        }
    }
}
