//! `longshore cloud`.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use futures_util::future::{try_join, try_join_all};
use longshore_model::{Failure, FailureKind};
use longshore_simcloud::{Blueprint, Cloud, TokioClock, registry::canonical_host, serve, serve_registry};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    Invocation,
    stack::{no_signals, runtime},
};
use crate::{
    arguments, blueprint,
    exit::Exit,
    host,
    interrupt::{Listener, until_interrupted_twice},
    io::Interrupts,
    place::{cannot_open, wall_clock},
};

/// Serves the simulated cloud over HTTP until it is interrupted.
pub(super) fn run(options: &arguments::Cloud, mut invocation: Invocation) -> Exit {
    let loaded = match host::load(&invocation.settings, &invocation.variables, &host::plugins()) {
        Ok(loaded) => loaded,
        Err(failures) => return invocation.refuse(failures),
    };
    let draft = match blueprint::draft(loaded.cloud.as_ref(), &loaded.stack.aws) {
        Ok(draft) => draft.improvising(&loaded.stack),
        Err(problems) => return invocation.refuse(host::refused(&loaded.locate(problems))),
    };
    let runtime = match runtime(false, &invocation.logging) {
        Ok(runtime) => runtime,
        Err(failure) => return invocation.refuse(vec![failure]),
    };
    let interrupts = std::mem::replace(&mut invocation.interrupts, Interrupts::Never);
    let interrupt = CancellationToken::new();
    let served = runtime.block_on(async {
        let listener = Listener::new(interrupts).map_err(|error| vec![no_signals(&error)])?;
        let work = async {
            let environment = host::environment(&loaded, &invocation.variables);
            let names = [&loaded.stack.name, &loaded.stack.environment];
            let blueprint = draft.resolve(names, &environment, &interrupt).await?;
            let served = listen(options, &blueprint, &invocation, interrupt.clone()).await;
            served.map_err(|failure| vec![failure])
        };
        until_interrupted_twice(listener, &interrupt, work).await.unwrap_or(Ok(()))
    });
    runtime.shutdown_background();
    match served {
        Ok(()) => Exit::Done,
        Err(failures) => invocation.refuse(failures),
    }
}

async fn listen(
    options: &arguments::Cloud,
    blueprint: &Blueprint,
    invocation: &Invocation,
    interrupt: CancellationToken,
) -> Result<(), Failure> {
    let cloud = match &options.state {
        Some(path) => Cloud::open(path, blueprint, wall_clock()),
        None => {
            Cloud::new(blueprint, Arc::new(TokioClock::starting_at(wall_clock()).at_speed(blueprint.speed)))
        }
    };
    let cloud = cloud.map_err(|error| cannot_open(&error))?;
    // The cloud's own address comes last: who sees it finds the registries, too.
    let mut registries = Vec::new();
    for (host, address) in &options.registries {
        require_registry(&cloud, host, blueprint).await?;
        registries.push((host.as_str(), bind(*address, "--registry").await?));
    }
    let (address, listener) = bind(options.listen, "--listen").await?;
    let addresses = registries.iter().map(|(host, (address, _))| (*host, *address)).collect();
    announce(&format!("http://{address}"), &addresses, blueprint, invocation);
    let registries = registries.into_iter().map(|(host, (_, listener))| {
        serve_registry(cloud.clone(), host, listener, interrupt.clone().cancelled_owned())
    });
    let served = try_join(
        serve(cloud.clone(), listener, interrupt.clone().cancelled_owned()),
        try_join_all(registries),
    );
    served.await.map_err(|error| {
        Failure::new(FailureKind::Unavailable, format!("the simulated cloud ended: {error}"))
    })?;
    cloud.save().await.map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))
}

async fn bind(address: SocketAddr, option: &str) -> Result<(SocketAddr, TcpListener), Failure> {
    let cannot_listen = |error: std::io::Error| {
        Failure::new(FailureKind::Unavailable, format!("cannot listen on {address}: {error}")).help(format!(
            "stop what uses the port, or choose another one with {option}; port 0 takes a free one"
        ))
    };
    let listener = TcpListener::bind(address).await.map_err(cannot_listen)?;
    Ok((listener.local_addr().map_err(cannot_listen)?, listener))
}

async fn require_registry(cloud: &Cloud, host: &str, blueprint: &Blueprint) -> Result<(), Failure> {
    let hosts: Vec<_> = cloud.inspect(|world| world.registries.hosts().map(str::to_owned).collect()).await;
    if hosts.iter().any(|known| *known == canonical_host(host)) {
        return Ok(());
    }
    let hosts: Vec<_> = blueprint.registries.keys().map(String::as_str).collect();
    let message = match hosts.as_slice() {
        [] => format!("the simulated cloud has no registry {host}, and no other either"),
        hosts => format!("the simulated cloud has no registry {host}; it has {}", hosts.join(", ")),
    };
    Err(Failure::new(FailureKind::Invalid, message)
        .at("--registry")
        .help(format!("declare it: `[cloud.registries.\"{host}\"]`")))
}

/// Prints what clients have to set, in a form that a shell can read.
fn announce(
    url: &str,
    addresses: &BTreeMap<&str, SocketAddr>,
    blueprint: &Blueprint,
    invocation: &Invocation,
) {
    let stdout = &invocation.display.stdout;
    let variables = [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", &blueprint.region),
    ];
    if invocation.is_json() {
        let variables: serde_json::Map<_, _> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let registries: Vec<_> = blueprint.registries.keys().collect();
        let account = &blueprint.account;
        let line = serde_json::json!({
            "type": "cloud-started", "url": url, "account": account, "registries": registries,
            "registry-addresses": addresses, "variables": variables,
        });
        stdout.line(line.to_string());
        return;
    }
    stdout.line(format!("# The simulated cloud listens at {url}, as the account {}.", blueprint.account));
    stdout.line("# In another terminal:");
    for (name, value) in variables {
        stdout.line(format!("export {name}={value}"));
    }
    for host in blueprint.registries.keys() {
        stdout.line(format!("# The registry {host}: {url}/v2/…?ns={host}"));
    }
    for (host, address) in addresses {
        stdout.line(format!("# The registry {host} alone: docker login {address}"));
    }
    stdout.line("# Ctrl-C ends it.");
}
