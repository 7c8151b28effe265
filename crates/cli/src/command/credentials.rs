//! `longshore credentials`.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use longshore_model::{CredentialStatus, EventKind, Failure, FailureKind, Name, Outcome, PullStatus, StepId};
use longshore_plugin::{Context, Credential, panicked};
use longshore_steps::{RegistryCredential, TokenLabels};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{Invocation, stack};
use crate::{arguments, exit::Exit, render::rough, session::Session};

/// Shows the stored credentials, and whether they pull.
pub(super) fn run(options: &arguments::Credentials, invocation: Invocation) -> Exit {
    let within = options.fail_within;
    stack::run("credentials", invocation, move |session, _| Box::pin(credentials(session, within)))
}

async fn credentials(session: &Session, within: Option<Duration>) -> Exit {
    let read = tokio::select! {
        read = read(session) => read,
        () = session.run.interrupt.cancelled() => return session.finish(Outcome::Interrupted, []),
    };
    let (credentials, mut failures) = read;
    let mut warnings = Vec::new();
    if let Some(within) = within {
        let now = session.run.events.now() / 1000;
        for found in &credentials {
            match worry(found, now, within) {
                Some(failure) => failures.push(failure),
                None => warnings.extend(unknown_end(&found.status)),
            }
        }
    }
    let credentials = credentials.into_iter().map(|found| found.status).collect();
    session.run.events.emit(EventKind::Credentials { credentials });
    for message in warnings {
        session.run.events.emit(EventKind::Warning { step: None, message });
    }
    if failures.is_empty() {
        return session.finish(Outcome::Succeeded, []);
    }
    session.fail(failures)
}

/// The status of a credential, and the failure of asking for facts of it.
struct Found {
    status: CredentialStatus,
    untold: Option<Failure>,
}

/// Every registry's credential, and what could not be read.
async fn read(session: &Session) -> (Vec<Found>, Vec<Failure>) {
    let limit = Arc::new(Semaphore::new(session.at_a_time()));
    let mut reads = JoinSet::new();
    for (name, credential) in &session.expansion.credentials {
        let context = session.context(StepId::new("credential", name));
        let (name, credential, limit) = (name.clone(), credential.clone(), limit.clone());
        let ask = !session.simulates(&credential.scope.host);
        reads.spawn(async move {
            // It is never closed.
            let _permit = limit.acquire().await;
            status(&context, &name, &credential, ask).await
        });
    }
    let (mut credentials, mut failures) = (Vec::new(), Vec::new());
    while let Some(read) = reads.join_next().await {
        match read {
            Ok(Ok(found)) => credentials.push(found),
            Ok(Err(failure)) => failures.push(failure),
            Err(_) => failures.push(panicked("reading a credential")),
        }
    }
    credentials.sort_by(|one, other| one.status.registry.cmp(&other.status.registry));
    (credentials, failures)
}

/// Reads the status of the credential `name`. `ask` says whether the source is asked for facts of it.
async fn status(
    context: &Context,
    name: &Name,
    registry: &RegistryCredential,
    ask: bool,
) -> Result<Found, Failure> {
    let mut status = CredentialStatus {
        registry: name.to_string(),
        host: registry.location(),
        source: registry.source.describe(),
        user: None,
        secret_arn: None,
        stored_at: None,
        expires_at: None,
        never_expires: false,
        kind: None,
        scopes: Vec::new(),
        remaining_pulls: None,
        pull: PullStatus::NotStored,
        notes: Vec::new(),
    };
    if registry.is_unused() {
        status.pull = PullStatus::Unused;
    }
    let Some(stored) = registry.stored(context).await? else { return Ok(Found { status, untold: None }) };
    let labels = TokenLabels::read(&stored.labels);
    status.secret_arn = Some(stored.arn);
    status.stored_at = stored.changed_at.and_then(moment);
    status.expires_at = labels.expires_at.and_then(moment);
    status.kind = labels.id.map(|id| format!("token {id}, made for this stack"));
    let Some(credential) = Credential::from_secret_string(&stored.value) else {
        let message = "what is stored is no JSON with a user name and a password";
        let failure = Failure::new(FailureKind::Invalid, message)
            .help("deploy the stack, which stores the credential again");
        status.pull = PullStatus::Refused { failure };
        return Ok(Found { status, untold: None });
    };
    if !registry.is_unused() {
        status.pull = match registry.check_pulls(context, &credential).await {
            Ok(pulls) => PullStatus::Ok { images: pulls.notes },
            Err(failure) => PullStatus::Refused { failure },
        };
    }
    let facts = if ask { registry.source.facts(context, &credential).await } else { Ok(Default::default()) };
    let untold = match facts {
        Ok(facts) => {
            status.kind = status.kind.or(facts.kind);
            status.scopes = facts.scopes;
            status.expires_at = status.expires_at.or_else(|| facts.expires_at.and_then(moment));
            status.never_expires = status.expires_at.is_none() && facts.never_expires;
            status.remaining_pulls = facts.remaining_pulls;
            None
        }
        Err(failure) => {
            status.notes.push(format!("{} tells nothing more: {failure}", registry.location()));
            Some(failure)
        }
    };
    status.user = Some(credential.username);
    Ok(Found { status, untold })
}

/// Returns a failure if a scheduled job has to report the credential.
fn worry(found: &Found, now: u64, within: Duration) -> Option<Failure> {
    let Found { status, untold } = found;
    let CredentialStatus { registry, host, .. } = status;
    match &status.pull {
        PullStatus::NotStored => {
            let message = format!("the credential `{registry}` of {host} is not stored yet");
            return Some(Failure::new(FailureKind::NotFound, message).help("deploy the stack"));
        }
        PullStatus::Refused { failure } => {
            let message = format!("the stored credential `{registry}` does not pull: {}", failure.message);
            return Some(Failure { message, ..failure.clone() });
        }
        // No task is launched with it.
        PullStatus::Unused => return None,
        PullStatus::Ok { .. } => {}
    }
    let Some(at) = status.expires_at.as_ref().and_then(|at| at.parse::<Timestamp>().ok()) else {
        // A source that failed may answer next time. A missing answer must not pass for a credential that lasts.
        let failure = untold.clone()?;
        let message = format!(
            "whether the stored credential `{registry}` of {host} expires in time cannot be found out: {}",
            failure.message
        );
        return Some(Failure { message, ..failure });
    };
    let left = u64::try_from(at.as_second()).unwrap_or_default().saturating_sub(now);
    if left > within.as_secs() {
        return None;
    }
    let message = format!("the stored credential `{registry}` of {host} expires in {}, at {at}", rough(left));
    let help = format!("give its source a new one, then `longshore rotate {registry}`");
    Some(Failure::new(FailureKind::DeadlineExceeded, message).help(help))
}

/// Returns the warning that a credential's expiry is unknown: a scheduled job does not fail before it.
fn unknown_end(status: &CredentialStatus) -> Option<String> {
    let CredentialStatus { registry, host, .. } = status;
    let is_used = status.pull != PullStatus::Unused;
    (is_used && status.expires_at.is_none() && !status.never_expires).then(|| {
        format!(
            "nobody tells when the stored credential `{registry}` of {host} expires: --fail-within fails only once it \
             does not pull any more, so keep its end in mind where it has one"
        )
    })
}

/// Seconds since the Unix epoch in RFC 3339.
fn moment(seconds: u64) -> Option<String> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok().map(|at| at.to_string())
}
