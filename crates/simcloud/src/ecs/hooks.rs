//! Lifecycle hooks of deployments.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html>

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    rollback,
    scheduler::wake,
    service::{Strategy, not_played},
    service_deployment::{self, Status},
    stages::Stage,
    wire::{Answer, input, invalid, time},
};
use crate::{ApiError, Call, Ids, Moment, World};

/// The minutes for which a hook is waited for if it doesn't say so itself.
const TIMEOUT: u32 = 1440;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum TargetType {
    #[default]
    AwsLambda,
    Pause,
}

/// The action on a deployment that waits for a hook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum HookAction {
    #[default]
    Rollback,
    Continue,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Timeout {
    action: Option<HookAction>,
    timeout_in_minutes: Option<u32>,
}

/// A hook as it is configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LifecycleHook {
    target_type: Option<TargetType>,
    hook_target_arn: Option<String>,
    role_arn: Option<String>,
    #[serde(default)]
    lifecycle_stages: Vec<Stage>,
    hook_details: Option<Value>,
    timeout_configuration: Option<Timeout>,
}

impl LifecycleHook {
    pub(super) fn check(&self, strategy: Strategy) -> Result<(), ApiError> {
        if self.lifecycle_stages.is_empty() {
            return Err(invalid("A lifecycle hook must have lifecycleStages."));
        }
        if self.target_type.unwrap_or_default() == TargetType::AwsLambda {
            let Some(arn) = &self.hook_target_arn else {
                return Err(invalid("hookTargetArn is required for a lifecycle hook of type AWS_LAMBDA."));
            };
            return Err(not_played(&format!("Lambda functions: the lifecycle hook {arn} cannot be called")));
        }
        if self.hook_target_arn.is_some() {
            return Err(invalid("hookTargetArn is not valid for a lifecycle hook of type PAUSE."));
        }
        let shifts = [Stage::TestTrafficShift, Stage::ProductionTrafficShift];
        if let Some(stage) = self.lifecycle_stages.iter().find(|stage| shifts.contains(stage)) {
            let stage = stage.name();
            return Err(invalid(format!(
                "A lifecycle hook of type PAUSE is not valid at the stage {stage}."
            )));
        }
        let rolling = [Stage::ReconcileService, Stage::PreScaleUp, Stage::PostScaleUp];
        let is_played = |stage: &&Stage| strategy != Strategy::Rolling || rolling.contains(stage);
        match self.lifecycle_stages.iter().find(|stage| !is_played(stage)) {
            Some(stage) => {
                Err(not_played(&format!("hooks at the stage {} of rolling deployments", stage.name())))
            }
            None => Ok(()),
        }
    }

    fn runs_at(&self, stage: Stage) -> bool {
        self.lifecycle_stages.contains(&stage)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum HookStatus {
    AwaitingAction,
    Succeeded,
    Failed,
    TimedOut,
}

/// A hook of the stage that a deployment is in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ActiveHook {
    id: String,
    status: HookStatus,
    expires: Moment,
    action: HookAction,
}

impl ActiveHook {
    /// The hooks of a stage that a deployment enters.
    pub(super) fn begun(hooks: &[LifecycleHook], stage: Stage, ids: &mut Ids, now: Moment) -> Vec<Self> {
        let begin = |hook: &LifecycleHook| {
            const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
            let timeout = hook.timeout_configuration.clone().unwrap_or_default();
            let minutes = timeout.timeout_in_minutes.unwrap_or(TIMEOUT);
            Self {
                id: format!("ecs-pause-{}", ids.from_alphabet(LETTERS, 43)),
                status: HookStatus::AwaitingAction,
                expires: now + Duration::from_secs(u64::from(minutes) * 60),
                action: timeout.action.unwrap_or_default(),
            }
        };
        hooks.iter().filter(|hook| hook.runs_at(stage)).map(begin).collect()
    }

    /// The moment at which it is no longer waited for. `None` if it isn't waited for.
    pub(super) fn waits_until(&self) -> Option<Moment> {
        (self.status == HookStatus::AwaitingAction).then_some(self.expires)
    }

    /// Ends the wait if it has lasted long enough. Returns true if the deployment is to be rolled back.
    pub(super) fn expire(&mut self, now: Moment) -> bool {
        if self.waits_until().is_none_or(|until| now < until) {
            return false;
        }
        self.status = HookStatus::TimedOut;
        self.action == HookAction::Rollback
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "hookId": self.id,
            "targetType": TargetType::Pause,
            "status": self.status,
            "expiresAt": time(self.expires),
            "timeoutAction": self.action,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Continue {
    service_deployment_arn: String,
    hook_id: String,
    action: Option<HookAction>,
}

/// `ContinueServiceDeployment`. Without an action, the deployment goes on.
pub(super) fn continue_deployment(world: &mut World, call: &Call) -> Answer {
    let request: Continue = input(call)?;
    let (key, id) = service_deployment::located(world, call, &request.service_deployment_arn)?;
    let service = world.ecs.service_mut(&key).ok_or_else(service_deployment::not_found)?;
    let deployment = service.service_deployments.iter_mut().find(|deployment| deployment.id == id);
    let deployment = deployment.ok_or_else(service_deployment::not_found)?;
    let is_in_progress = deployment.status == Status::InProgress;
    let hooks = deployment.course.iter_mut().flat_map(|course| &mut course.hooks);
    let mut waiting = hooks.filter(|hook| is_in_progress && hook.waits_until().is_some());
    let Some(hook) = waiting.find(|hook| hook.id == request.hook_id) else {
        return Err(invalid(format!(
            "The lifecycle hook {} is not in the AWAITING_ACTION status.",
            request.hook_id
        )));
    };
    match request.action.unwrap_or(HookAction::Continue) {
        HookAction::Continue => {
            hook.status = HookStatus::Succeeded;
            wake(world, call.now, &key);
        }
        HookAction::Rollback => {
            hook.status = HookStatus::Failed;
            rollback::fail(world, call.now, &key, &rollback::Cause::Stopped, true);
            wake(world, call.now, &key);
        }
    }
    Ok(json!({ "serviceDeploymentArn": request.service_deployment_arn }))
}
