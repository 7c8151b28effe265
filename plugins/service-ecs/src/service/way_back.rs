//! The way back of a service whose rollout has failed: to what ran before.

use std::{future::Future, pin::Pin, time::Duration};

use aws_sdk_ecs::types::Service as EcsService;
use longshore_aws::{Freshness, wait};
use longshore_model::{Failure, FailureKind, Outputs};
use longshore_plugin::{Context, Result};

use super::{
    ServiceStep,
    compare::{Standing, standing},
    earlier::Earlier,
    step::{NoWayBack, is_active},
    target::{self, Target},
    undo::{Asked, begins_deployment},
};
use crate::{
    follow::{End, Expect, Unsuccessful, runs_again},
    revision,
    task_definition::revision_of,
};

impl ServiceStep {
    /// Follows a deployment to its end. If the rollout fails, the service goes back to what ran before this run, unless the
    /// declaration says otherwise. The rollout's failure stays the answer.
    pub(super) async fn follow_or_go_back(
        &self,
        context: &Context,
        service: EcsService,
        expect: Expect,
        desired_count: Option<u32>,
    ) -> Result<Outputs> {
        let before = context.kept::<EcsService>();
        let begins = matches!(expect, Expect::New(_));
        let has_way_back = self.service.deployment.rollback
            && before.as_ref().is_some_and(|before| begins || !is_settled(before));
        let timeout = self.timeout_for(&service, Duration::ZERO);
        let followed = self.follow(context, service, expect, desired_count, timeout, has_way_back).await;
        let Unsuccessful { failure, end } = match followed {
            Ok(outputs) => return Ok(outputs),
            Err(unsuccessful) => unsuccessful,
        };
        match (end, before) {
            (End::Open, _) | (End::RolledBack, None) => Err(failure),
            (End::RolledBack, Some(before)) => {
                // The next plan reads what runs from the tag. Without it, it asks for the revision.
                let _ = self.restore_rest(context, before).await;
                Err(failure)
            }
            (End::Failed, None) => {
                Err(and(failure, "there is nothing to go back to: this run has made the service"))
            }
            (End::Failed, Some(_)) if !self.service.deployment.rollback => {
                Err(and(failure, "the service stays as it is, because its `deployment.rollback` is false"))
            }
            (End::Failed, Some(before)) => Err(self.go_back(context, failure, before).await),
        }
    }

    /// Restores what ECS's own rollback leaves: the number of tasks, the settings and the note of the revision.
    async fn restore_rest(&self, context: &Context, mut before: EcsService) -> Result<()> {
        let Some(now) = self.observe(Freshness::Now).await? else { return Ok(()) };
        before.tags = Some(revision::with_note_of(now.tags(), before.tags()));
        self.restore_settings(context, &before).await
    }

    /// Takes the service back, and adds to the failure of the rollout what has become of that. (A way back that the user
    /// asked for has one itself: the type ends the circle.)
    fn go_back<'a>(
        &'a self,
        context: &'a Context,
        failure: Failure,
        before: EcsService,
    ) -> Pin<Box<dyn Future<Output = Failure> + Send + 'a>> {
        Box::pin(async move {
            // The first interrupt ends a run in order, and this is the order. The second one ends it at once.
            let uninterrupted = context.uninterrupted();
            let what = failure.message.lines().next().unwrap_or_default();
            let returned = wait::anew(context, self.return_from(&uninterrupted, what, before)).await;
            match returned {
                Ok(became) => and(failure, &became),
                Err(stuck) => {
                    let what = match stuck.kind {
                        FailureKind::Stuck => stuck.message.clone(),
                        _ => {
                            format!("the service did not come back to the revision before: {}", stuck.message)
                        }
                    };
                    let help = stuck.help.clone().unwrap_or_else(|| self.look());
                    context.keep_first(|| NoWayBack(stuck));
                    let failure = and(failure, &what);
                    let help = failure.help.as_ref().map_or(help.clone(), |first| format!("{first}; {help}"));
                    failure.help(help)
                }
            }
        })
    }

    /// Takes the service back after its rollout has `failed`, and tells what has become of it.
    async fn return_from(&self, context: &Context, failed: &str, before: EcsService) -> Result<String> {
        let Some(now) = self.observe(Freshness::Now).await?.filter(is_active) else {
            return Ok("there is nothing to go back to: the service was deleted meanwhile".to_owned());
        };
        let to = match self.way_back(&now, before).await? {
            Ok(to) => to,
            Err(why) => return Ok(format!("there is nothing to go back to: {why}")),
        };
        context.progress(format!("{failed}: the service goes back to {}", to.described()));
        let replaced = self.replaced(&now, &to).await?;
        self.restore_to(context, &to, Asked::ByRun).await?;
        let Some(service) = self.observe(Freshness::Now).await? else {
            return Ok("the service was deleted meanwhile".to_owned());
        };
        Ok(format!("{}{}", target::images(&replaced), runs_again(&service)))
    }

    /// Returns the state to which the service goes back, or the reason why it cannot go back. If the rollout before
    /// this run had not succeeded, it is the last successfully deployed state. Its tags are the current ones, except
    /// for the note of the running revision.
    async fn way_back(
        &self,
        now: &EcsService,
        before: EcsService,
    ) -> Result<std::result::Result<Target, String>> {
        let mut noted = before.tags().to_vec();
        let was_settled = is_settled(&before);
        let mut to = self.target(before).await?;
        if !was_settled {
            let failed = self.runs(now, Freshness::Now).await?;
            let failed = failed.as_ref().and_then(|revision| revision.service_revision_arn());
            let Some(earlier) = self.last_success(failed).await? else {
                return Ok(Err("no deployment of another revision has succeeded".to_owned()));
            };
            if to.state.task_definition() != Some(earlier.arn.as_str()) {
                noted.clear();
            }
            to.state.task_definition = Some(earlier.arn);
            to.state.network_configuration = earlier.network.or(to.state.network_configuration);
            to.revision = earlier.revision;
        }
        to.state.tags = Some(revision::with_note_of(now.tags(), &noted));
        if begins_deployment(&to.state, now)
            || !self.replaced(now, &to).await?.is_empty()
            || self.rollout_to_stop(now, &to).await?.is_some()
        {
            return Ok(Ok(to));
        }
        let revision = revision_of(now.task_definition().unwrap_or_default());
        Ok(Err(format!("it ran {revision} before, too")))
    }

    /// The last service revision that was deployed with success, other than the one that has `failed`.
    async fn last_success(&self, failed: Option<&str>) -> Result<Option<Earlier>> {
        for arn in self.succeeded().await? {
            if failed != Some(arn.as_str())
                && let Some(earlier) = self.deployed(&arn).await?
            {
                return Ok(Some(earlier));
            }
        }
        Ok(None)
    }
}

/// Returns true if the last rollout of the service succeeded.
fn is_settled(service: &EcsService) -> bool {
    matches!(standing(service), Standing::Steady | Standing::Short)
}

/// A failure with one more line.
fn and(failure: Failure, line: &str) -> Failure {
    Failure { message: format!("{}\n{line}", failure.message), ..failure }
}
