//! `longshore rotate`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use longshore_graph::Graph;
use longshore_model::{
    Action, Failure, FailureKind, Inputs, Name, Outcome, Outputs, StepId, StepPlan, ValueType,
};
use longshore_plugin::{Context, Node, SecretStore, Step};
use longshore_steps::RegistryCredential;

use super::{
    Invocation, stack,
    unknown::{there_are, unknown},
};
use crate::{arguments, exit::Exit, session::Session};

/// Replaces the stored credentials.
pub(super) fn run(options: arguments::Rotate, invocation: Invocation) -> Exit {
    stack::run_locked("rotate", options.locking, invocation, |session, _| Box::pin(rotate(session, options)))
}

async fn rotate(session: &Session, options: arguments::Rotate) -> Exit {
    let graph = chosen(&session.expansion.credentials, &options.registries)
        .and_then(|chosen| graph(&chosen, options.grace));
    let graph = match graph {
        Ok(graph) => graph,
        Err(failures) => return session.fail(failures),
    };
    let planned = session.run.plan(&graph).await;
    let plans = match session.planned(planned) {
        Ok(plans) => plans,
        Err(exit) => return exit,
    };
    if !plans.values().any(StepPlan::is_change) {
        return session.finish(Outcome::Succeeded, plans.values());
    }
    let applied = session.run.apply(&graph, &plans).await;
    session.finish_applied(&plans, applied)
}

type Credentials = BTreeMap<Name, Arc<RegistryCredential>>;

/// The credentials of the registries that were named; of all when none was.
fn chosen(all: &Credentials, named: &[String]) -> Result<Credentials, Vec<Failure>> {
    if named.is_empty() {
        return Ok(all.clone());
    }
    let (mut chosen, mut failures) = (Credentials::new(), Vec::new());
    for name in named {
        let Some((name, credential)) = all.iter().find(|(other, _)| other.as_str() == name) else {
            let others = match all.is_empty() {
                true => "the configuration declares no registries".to_owned(),
                false => there_are(all.keys()),
            };
            failures.push(unknown("registry", name, all.keys().map(Name::as_str), &others));
            continue;
        };
        if credential.is_unused() {
            failures.push(unused(credential));
            continue;
        }
        if !credential.can_rotate() {
            let message = format!("the store of the registry `{name}` cannot rotate");
            let failure = Failure::new(FailureKind::Invalid, message);
            failures.push(failure.help("replace the credential with `longshore deploy`"));
            continue;
        }
        chosen.insert(name.clone(), credential.clone());
    }
    if failures.is_empty() { Ok(chosen) } else { Err(failures) }
}

fn unused(credential: &RegistryCredential) -> Failure {
    let message = format!(
        "the credential `{}` cannot be rotated: no service has an image at {}, so that nothing would prove a new one",
        credential.registry,
        credential.location()
    );
    let help =
        "declare the service that needs it first, or remove the registry; with `mint`, set removed = true";
    Failure::new(FailureKind::Invalid, message).help(help)
}

fn graph(credentials: &Credentials, grace: Duration) -> Result<Graph, Vec<Failure>> {
    let node = |(name, credential): (&Name, &Arc<RegistryCredential>)| {
        let step = RotateStep { credential: credential.clone(), grace };
        let node = Node::new(StepId::new("credential", name), Arc::new(step));
        // One that is not used may not be stored.
        if credential.is_unused() { node } else { node.output(<dyn SecretStore>::ARN, ValueType::SECRET_ARN) }
    };
    Graph::new(credentials.iter().map(node)).map_err(|errors| {
        errors.iter().map(|error| Failure::new(FailureKind::Internal, error.to_string())).collect()
    })
}

/// Rotates one credential.
struct RotateStep {
    credential: Arc<RegistryCredential>,
    /// The time for which a token that was replaced stays valid.
    grace: Duration,
}

#[async_trait]
impl Step for RotateStep {
    async fn plan(&self, context: &Context, _inputs: &Inputs) -> Result<StepPlan, Failure> {
        self.credential.plan_renewal(context).await
    }

    async fn apply(&self, context: &Context, _inputs: &Inputs, _plan: &StepPlan) -> Result<Outputs, Failure> {
        let renewed = self.credential.renew(context).await?;
        let wait = if renewed.has_replaced { self.grace } else { Duration::ZERO };
        if renewed.has_replaced {
            let grace = self.grace.as_secs();
            context.progress(format!("the new token is in use; the old one is revoked in {grace} s"));
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {
                self.credential.revoke_replaced(context).await.map_err(|failure| Failure {
                    message: format!("the new credential is in use, but: {}", failure.message),
                    ..failure
                })?;
            }
            () = context.interrupt.cancelled() => {
                context.warn("the old token is still valid: the next `deploy` or `rotate` revokes it");
            }
        }
        Ok([(<dyn SecretStore>::ARN.to_owned(), renewed.arn)].into())
    }

    async fn plan_removal(&self, _context: &Context) -> Result<StepPlan, Failure> {
        Ok(StepPlan::new(Action::NoChange, format!("credential of {}", self.credential.registry)))
    }

    async fn remove(&self, _context: &Context) -> Result<(), Failure> {
        Ok(())
    }
}
