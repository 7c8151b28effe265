//! `longshore cloud`.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read as _,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::{Arc, OnceLock},
};

use futures_util::future::{try_join, try_join_all};
use longshore_model::{Failure, FailureKind};
use longshore_simcloud::{
    Access, Blueprint, Cloud, Sealed, TokioClock, registry::canonical_host, serve, serve_registry,
};
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
    let loaded = match host::load(&invocation.settings, &invocation.variables, &invocation.plugins) {
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
    let opened = OnceLock::new();
    let served = runtime.block_on(async {
        let mut listener = Listener::new(interrupts).map_err(|error| vec![no_signals(&error)])?;
        let work = async {
            let environment = host::environment(&loaded, &invocation.variables);
            let names = [&loaded.stack.name, &loaded.stack.environment];
            let blueprint = draft.resolve(names, &environment, &interrupt).await?;
            let served = listen(options, &blueprint, &invocation, interrupt.clone(), &opened).await;
            served.map_err(|failure| vec![failure])
        };
        // The second signal drops the requests that are open, but no change that was answered.
        until_interrupted_twice(&mut listener, &interrupt, work).await.unwrap_or(Ok(()))?;
        match opened.get() {
            Some(cloud) => save(cloud).await.map_err(|failure| vec![failure]),
            None => Ok(()),
        }
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
    opened: &OnceLock<Cloud>,
) -> Result<(), Failure> {
    let cloud = match &options.state {
        Some(path) => Cloud::open(path, blueprint, wall_clock()),
        None => {
            Cloud::new(blueprint, Arc::new(TokioClock::starting_at(wall_clock()).at_speed(blueprint.speed)))
        }
    };
    let cloud = cloud.map_err(|error| cannot_open(&error))?;
    let cloud = opened.get_or_init(|| cloud);
    // The cloud's own address comes last: who sees it finds the registries, too.
    let mut registries = Vec::new();
    for (host, address) in &options.registries {
        require_registry(cloud, host, blueprint).await?;
        registries.push((host.as_str(), bind(*address, "--registry").await?));
    }
    let (address, listener) = bind(options.listen, "--listen").await?;
    let addresses = registries.iter().map(|(host, (address, _))| (*host, *address)).collect();
    let key = key(options, cloud).await?;
    let access = match &key {
        Some(key) => Access::of_keys([key.clone()]),
        None => Access::of_any_key(),
    };
    let advice = "`longshore cloud --allow-host NAME` allows a name";
    let access = access.for_hosts(options.hosts.iter().cloned()).with_advice(advice);
    announce(address, key.as_ref(), &addresses, blueprint, invocation);
    let registries = registries.into_iter().map(|(host, (_, listener))| {
        serve_registry(cloud.clone(), host, access.clone(), listener, interrupt.clone().cancelled_owned())
    });
    let served = try_join(
        serve(cloud.clone(), access.clone(), listener, interrupt.clone().cancelled_owned()),
        try_join_all(registries),
    );
    served.await.map_err(|error| {
        Failure::new(FailureKind::Unavailable, format!("the simulated cloud ended: {error}"))
    })?;
    Ok(())
}

async fn save(cloud: &Cloud) -> Result<(), Failure> {
    cloud.save().await.map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))
}

/// The access key that the cloud takes, with its secret; `None` takes all.
async fn key(options: &arguments::Cloud, cloud: &Cloud) -> Result<Option<(String, Sealed)>, Failure> {
    match &options.key_file {
        _ if options.allow_any_key => Ok(None),
        Some(path) => key_in(path).map(Some),
        None => Ok(Some(cloud.edit(|world| world.sts.user_key()).await)),
    }
}

/// Reads `ID:SECRET`.
fn key_in(path: &Path) -> Result<(String, Sealed), Failure> {
    const MOST: u64 = 4096;
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MOST).read_to_string(&mut text));
    read.map_err(|error| {
        Failure::new(
            FailureKind::Invalid,
            format!("cannot read the access key in {}: {error}", path.display()),
        )
    })?;
    let parts = text.trim().split_once(':').filter(|(id, secret)| !id.is_empty() && !secret.is_empty());
    let (id, secret) = parts.ok_or_else(|| {
        Failure::new(FailureKind::Invalid, format!("{} has no access key", path.display()))
            .at("--key-file")
            .help("write the access key and its secret into the file, as in `ID:SECRET`")
    })?;
    Ok((id.to_owned(), Sealed::new(secret)))
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

/// The address at which this machine's clients reach what listens at `address`.
fn reached(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Prints what clients have to set, in a form that a shell can read.
fn announce(
    address: SocketAddr,
    key: Option<&(String, Sealed)>,
    addresses: &BTreeMap<&str, SocketAddr>,
    blueprint: &Blueprint,
    invocation: &Invocation,
) {
    let stdout = &invocation.display.stdout;
    let url = format!("http://{}", reached(address));
    let (id, secret) = key.map_or(("test", "test"), |(id, secret)| (id, secret.expose()));
    let variables = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_ACCESS_KEY_ID", id),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_REGION", &blueprint.region),
        ("AWS_DEFAULT_REGION", &blueprint.region),
    ];
    if invocation.is_json() {
        let variables: serde_json::Map<_, _> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let registries: Vec<_> = blueprint.registries.keys().collect();
        let account = &blueprint.account;
        let line = serde_json::json!({
            "type": "cloud-started", "url": url, "account": account, "registries": registries,
            "registry-addresses": addresses, "variables": variables,
            "beyond-loopback": !address.ip().is_loopback(),
        });
        stdout.line(line.to_string());
        return;
    }
    stdout.line(format!("# The simulated cloud listens at {url}, as the account {}.", blueprint.account));
    if !address.ip().is_loopback() {
        stdout.line("# Other machines reach it: its registries' users and its keys protect what it holds.");
    }
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
