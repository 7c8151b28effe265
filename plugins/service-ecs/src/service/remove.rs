//! Removing a service.

use std::time::Duration;

use aws_sdk_ecs::types::Service;
use longshore_aws::{
    Freshness, Owner, Ownership, failure, is_absent,
    wait::{Patience, Probe, until},
};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Result};

use super::resource;
use crate::{
    reads::{Reads, count},
    tags,
    time::spoken,
};

/// The removal of a service.
pub(crate) struct Removal<'a> {
    /// Which.
    pub(crate) reads: Reads<'a>,
    /// The time limit for stopping its tasks.
    pub(crate) timeout: Duration,
}

impl Removal<'_> {
    fn at(&self, call: &str) -> String {
        format!("ecs:{call} {}/{}", self.reads.cluster, self.reads.service)
    }

    /// Returns the service, if it is the stack's to remove.
    ///
    /// # Errors
    /// If it is protected: it may be so only since it was planned.
    pub(crate) async fn removable(&self, context: &Context) -> Result<Option<Service>> {
        let ownership = Ownership::of(context);
        let is_ours = |service: &Service| ownership.owner(tags::pairs(service.tags())) == Owner::Ours;
        let Some(service) = self.reads.service(Freshness::Now).await?.filter(is_ours) else {
            return Ok(None);
        };
        let what = resource(self.reads.cluster, self.reads.service);
        let checked = ownership.require_unprotected(what, tags::pairs(service.tags()));
        checked.map_err(|failure| failure.at(self.at("DescribeServices")))?;
        Ok(Some(service))
    }

    /// Deletes the service, if it is the stack's, and waits until its tasks have stopped. ECS itself scales it down: so a
    /// run that ends before leaves it with the tasks that it had.
    pub(crate) async fn run(&self, context: &Context) -> Result<()> {
        let Some(service) = self.removable(context).await? else { return Ok(()) };
        if service.status() == Some("ACTIVE") {
            let call = self.reads.aws.ecs().await?.delete_service().cluster(self.reads.cluster);
            match call.service(self.reads.service).force(true).send().await {
                Ok(_) => {}
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(failure(&error, self.at("DeleteService"))),
            }
        }
        self.drained(context).await
    }

    /// Waits until a service that is being deleted is gone, and its tasks with it.
    pub(crate) async fn drained(&self, context: &Context) -> Result<()> {
        let timeout = self.timeout;
        let patience =
            Patience { deadline: timeout, first: Duration::from_secs(1), longest: Duration::from_secs(5) };
        let last = std::sync::Mutex::new(String::new());
        until(context, patience, |_| async {
            let service = self.reads.service(Freshness::Watched).await?;
            let Some(service) = service else { return Ok(Probe::Done(())) };
            let status = service.status().unwrap_or_default();
            if status == "INACTIVE" {
                return Ok(Probe::Done(()));
            }
            let tasks = count(service.running_count) + count(service.pending_count);
            let state = format!("the service is {status}, {tasks} tasks have not stopped yet");
            let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if *last != state {
                context.progress(&state);
                last.clone_from(&state);
            }
            let failed =
                Failure::new(FailureKind::DeadlineExceeded, state).at(self.at("DescribeServices")).help(
                    format!("it goes on by itself; run again later, or allow more than {}", spoken(timeout)),
                );
            Ok(Probe::Again(failed))
        })
        .await
    }
}
