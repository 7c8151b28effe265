//! Changing the service in place.

use aws_sdk_ecs::types::Service;
use longshore_aws::{JsonRequest, failure};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::Result;

use super::{
    ServiceStep,
    compare::{Declared, Difference},
};
use crate::{render::clamped, revision::Revision};

impl ServiceStep {
    /// Changes only what differs. With `force`, a new deployment begins even when nothing does.
    pub(super) async fn change(
        &self,
        cluster: &str,
        declared: &Declared<'_>,
        revision: &Revision<'_>,
        difference: &Difference,
        force: bool,
    ) -> Result<Service> {
        let mut call = self.aws.ecs().await?.update_service().cluster(cluster).service(&self.service.name);
        if difference.desired_count {
            call = call.set_desired_count(declared.desired_count.map(clamped));
        }
        if difference.task_definition {
            call = call.task_definition(revision.arn);
        }
        if let Some(placement) = declared.placement.as_ref().filter(|_| difference.network) {
            call = call.network_configuration(placement.configuration()?);
        }
        call = difference.options.apply(declared.execute_command, call);
        if force {
            call = call.force_new_deployment(true);
        }
        let members = JsonRequest(difference.members.clone());
        let sent = call.customize().interceptor(members).send().await;
        let answer = sent.map_err(|error| failure(&error, self.at("UpdateService")))?;
        answer.service.ok_or_else(|| Failure::new(FailureKind::Internal, "ECS answers without the service"))
    }
}
