//! Allocations of commands on stacks of many services. A program of its own, because its allocator counts them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    alloc::System,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::{self, Cursor},
    sync::Arc,
};

use longshore_cli::{Exit, Interrupts, Io, run};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tempfile::TempDir;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A stack of `services`, each with two containers, a secret and a dependency.
fn project(services: usize) -> TempDir {
    let mut base = String::from(
        "stack = 'large'\naws.region = 'eu-central-1'\n\
         [registries.ghcr]\nuse = 'ghcr'\nusername = 'acme'\ntoken.env = 'GHCR_TOKEN'\n",
    );
    for service in 0..services {
        let before = service.saturating_sub(1);
        let after = if service % 2 == 1 { format!("after = ['service.s{before}']\n") } else { String::new() };
        write!(
            base,
            "[services.s{service}]\ndesired-count = 2\n{after}\
             [services.s{service}.containers.web]\nimage = 'ghcr.io/acme/web{service}:1'\nmemory = 512\n\
             ports.http = 8080\nenvironment.LOG = 'info'\nsecrets.KEY.value.env = 'KEY'\n\
             [services.s{service}.containers.proxy]\nimage = 'proxy:1'\nmemory = 128\n"
        )
        .unwrap();
    }
    let local: String =
        (0..services).map(|service| format!("services.s{service}.cluster = 'own'\n")).collect();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("base.toml"), base).unwrap();
    fs::write(directory.path().join("local.toml"), local).unwrap();
    directory
}

/// The number of allocations that a command takes on a stack of `services`.
fn allocations(arguments: &[&str], services: usize) -> usize {
    let directory = project(services);
    let io = Io {
        stdin: Box::new(Cursor::new("")),
        stdout: Box::new(io::sink()),
        stderr: Box::new(io::stderr()),
        stdin_is_terminal: false,
        stdout_is_terminal: false,
        stderr_is_terminal: false,
        size: Arc::new(|| (24, 100)),
        variables: BTreeMap::from([("LONGSHORE_SERVICES__S0__CLUSTER".to_owned(), "main".to_owned())]),
        unreadable: BTreeSet::new(),
        interrupts: Interrupts::Never,
        owns_process: false,
    };
    let configs = directory.path().to_str().unwrap().to_owned();
    let mut all = vec!["longshore", "--config-dir", &configs, "--env", "local"];
    all.extend(arguments);
    let before = ALLOCATOR.stats();
    assert_eq!(run(all, io), Exit::Done);
    let after = ALLOCATOR.stats();
    after.allocations + after.reallocations - before.allocations - before.reallocations
}

#[test]
fn allocations_grow_in_proportion_to_services() {
    for arguments in [
        &["config"][..],
        &["config", "--output=json"],
        &["graph"],
        &["graph", "--format=mermaid"],
        &["graph", "--format=dot"],
        &["graph", "--output=json"],
    ] {
        // Tables of AWS's API and the like are made only once.
        allocations(arguments, 1);
        let [few, some, many] = [20, 80, 320].map(|services| allocations(arguments, services));
        let (first, next) = ((some - few) / 60, (many - some) / 240);
        assert!(next <= first + first / 20, "{arguments:?}: {first} allocations a service, then {next}");
    }
}
