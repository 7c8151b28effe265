//! `longshore credentials`.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use longshore_model::{CredentialStatus, EventKind, Failure, FailureKind, Name, Outcome, PullStatus, StepId};
use longshore_plugin::{Context, Credential, RegistryCredential, TokenLabels};
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
    if let Some(within) = within {
        let now = session.run.events.now() / 1000;
        failures.extend(credentials.iter().filter_map(|status| worry(status, now, within)));
    }
    session.run.events.emit(EventKind::Credentials { credentials });
    if failures.is_empty() {
        return session.finish(Outcome::Succeeded, []);
    }
    session.refuse(failures);
    session.finish(Outcome::Failed, [])
}

/// Every registry's credential, and what could not be read.
async fn read(session: &Session) -> (Vec<CredentialStatus>, Vec<Failure>) {
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
            Ok(Ok(status)) => credentials.push(status),
            Ok(Err(failure)) => failures.push(failure),
            Err(error) => failures.push(Failure::new(
                FailureKind::Internal,
                format!("reading a credential ended abnormally: {error}"),
            )),
        }
    }
    credentials.sort_by(|one, other| one.registry.cmp(&other.registry));
    (credentials, failures)
}

/// How the credential `name` is doing. `ask` says whether there is anybody to ask for facts of it.
async fn status(
    context: &Context,
    name: &Name,
    registry: &RegistryCredential,
    ask: bool,
) -> Result<CredentialStatus, Failure> {
    let mut status = CredentialStatus {
        registry: name.to_string(),
        host: registry.scope.host.clone(),
        source: registry.source.describe(),
        user: None,
        secret_arn: None,
        stored_at: None,
        expires_at: None,
        kind: None,
        scopes: Vec::new(),
        remaining_pulls: None,
        pull: PullStatus::NotStored,
        notes: Vec::new(),
    };
    let Some(stored) = registry.stored(context).await? else { return Ok(status) };
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
        return Ok(status);
    };
    status.pull = match registry.check_pulls(context, &credential).await {
        Ok(images) => PullStatus::Ok { images },
        Err(failure) => PullStatus::Refused { failure },
    };
    let facts = if ask { registry.source.facts(context, &credential).await } else { Ok(Default::default()) };
    match facts {
        Ok(facts) => {
            status.kind = status.kind.or(facts.kind);
            status.scopes = facts.scopes;
            status.expires_at = status.expires_at.or_else(|| facts.expires_at.and_then(moment));
            status.remaining_pulls = facts.remaining_pulls;
        }
        Err(failure) => status.notes.push(format!("{} tells nothing more: {failure}", registry.scope.host)),
    }
    status.user = Some(credential.username);
    Ok(status)
}

/// Why a scheduled job has to tell somebody.
fn worry(status: &CredentialStatus, now: u64, within: Duration) -> Option<Failure> {
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
        PullStatus::Ok { .. } => {}
    }
    let at = status.expires_at.as_ref()?.parse::<Timestamp>().ok()?;
    let left = u64::try_from(at.as_second()).unwrap_or_default().saturating_sub(now);
    if left > within.as_secs() {
        return None;
    }
    let message = format!("the stored credential `{registry}` of {host} expires in {}, at {at}", rough(left));
    let help = format!("give its source a new one, then `longshore rotate {registry}`");
    Some(Failure::new(FailureKind::DeadlineExceeded, message).help(help))
}

/// Seconds since the Unix epoch in RFC 3339.
fn moment(seconds: u64) -> Option<String> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok().map(|at| at.to_string())
}
