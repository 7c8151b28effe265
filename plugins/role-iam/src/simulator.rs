//! The proof by IAM itself that a role may do what the ECS agent needs it for, and the look at what it may read besides.
//!
//! Only ECS can assume the role, so IAM's policy simulator is asked instead (`iam:SimulatePrincipalPolicy`). It is
//! asked until it says yes: changes of IAM take effect with a delay that AWS gives no bound for.

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use aws_sdk_iam::{
    config::{Builder, retry::RetryConfig},
    types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult},
};
use longshore_aws::{
    failure, is_unsupported,
    wait::{self, Patience, Probe},
};
use longshore_model::{Failure, FailureKind};
use longshore_plugin::{Context, Result};

use crate::{
    builder::IamRoles,
    desired::INLINE_POLICIES,
    needs::Need,
    purpose::Purpose,
    verdict::{Decisions, Verdict, decisions, denied, is_allowed},
};

/// The time limit for a change to become effective in IAM.
const PATIENCE: Patience = Patience::of(Duration::from_secs(60));

/// The time for a managed policy to become effective, before it counts as harmless. IAM does not tell when it is
/// effective.
const SETTLE: Duration = Duration::from_secs(3);

/// The most that the simulator answers at once (API reference, SimulatePrincipalPolicy, `MaxItems`).
const MOST: i32 = 1000;

/// The simulator's answer to all questions.
enum Answer {
    Decisions(Decisions),
    /// Not now: what to say if it stays so.
    NotYet(Failure),
    /// It cannot be asked: why.
    Unknown(String),
}

/// Returns the failure to report if the role's own policies still allow an action that none of them contains. A removed
/// permission stays effective until IAM has applied the change.
fn still_allowed(role: &str, more: &[(Need, Vec<String>)]) -> Option<Failure> {
    let is_own = |source: &String| INLINE_POLICIES.iter().any(|policy| source.ends_with(policy));
    let (need, _) = more.iter().find(|(_, sources)| sources.iter().any(is_own))?;
    let name = name_of(role);
    let message =
        format!("the role {name} may still perform {} on {}, by its own policy", need.action, need.resource);
    let failure =
        Failure::new(FailureKind::Conflict, message).at(format!("iam:SimulatePrincipalPolicy {name}"));
    Some(
        failure
            .help("run again; if it stays so, look whether something else writes the role's inline policies"),
    )
}

impl IamRoles {
    /// Waits until the simulator allows a role all of its needs, and nothing else by its own policies. Warns of other
    /// reads that the role may do. If the simulator cannot be asked, a warning says so. With `policies_of_others`, an
    /// attached policy may allow anything.
    pub(crate) async fn wait_until_allowed(
        &self,
        context: &Context,
        role: &str,
        purpose: &Purpose,
        policies_of_others: bool,
    ) -> Result<()> {
        context.progress(format!("waiting until IAM allows the role {} what its tasks need", name_of(role)));
        let probe = |_| async move {
            Ok(match self.simulate(role, purpose).await? {
                Verdict::Allowed(more) => match still_allowed(role, &more) {
                    Some(failure) => Probe::Again(failure),
                    None => Probe::Done(Ok(more)),
                },
                Verdict::NotYet(failure) => Probe::Again(failure),
                Verdict::Unknown(why) => Probe::Done(Err(why)),
            })
        };
        let mut more = match wait::until(context, PATIENCE, probe).await? {
            Ok(more) => more,
            Err(why) => {
                context.warn(not_proved(role, &why));
                return Ok(());
            }
        };
        if more.is_empty() && policies_of_others {
            wait::pause(context, SETTLE, "IAM").await?;
            if let Verdict::Allowed(later) = self.simulate(role, purpose).await? {
                more = later;
            }
        }
        if let Some(warning) = reads_more(role, &more) {
            context.warn(format!(
                "{warning}; narrow that policy, or take it out of `execution-role.managed-policies`"
            ));
        }
        Ok(())
    }

    /// Asks once whether a role may do everything that it is for. Answers with what it may read besides, and with why
    /// something cannot be found out.
    pub(crate) async fn require_allowed(&self, role: &str, purpose: &Purpose) -> Result<Vec<String>> {
        Ok(match self.simulate(role, purpose).await? {
            Verdict::Allowed(more) => reads_more(role, &more).into_iter().collect(),
            Verdict::NotYet(failure) => return Err(failure),
            Verdict::Unknown(why) => vec![not_proved(role, &why)],
        })
    }

    async fn simulate(&self, role: &str, purpose: &Purpose) -> Result<Verdict> {
        let needs = purpose.needs();
        let mut by_context = BTreeMap::<_, Vec<&Need>>::new();
        for need in needs.iter().chain(&purpose.beside) {
            by_context.entry(&need.context).or_default().push(need);
        }
        let mut decisions = Decisions::new();
        for asked in by_context.into_values() {
            match self.ask(role, &asked).await? {
                Answer::Decisions(more) => decisions.extend(more),
                Answer::NotYet(failure) => return Ok(Verdict::NotYet(failure)),
                Answer::Unknown(why) => return Ok(Verdict::Unknown(why)),
            }
        }
        let mut unknown = None;
        for need in &needs {
            match denied(name_of(role), need, &decisions) {
                None => {}
                Some(Verdict::Unknown(why)) => unknown = Some(why),
                Some(verdict) => return Ok(verdict),
            }
        }
        let more =
            purpose.beside.iter().filter_map(|need| Some((need.clone(), is_allowed(need, &decisions)?)));
        Ok(unknown.map_or_else(|| Verdict::Allowed(more.collect()), Verdict::Unknown))
    }

    /// Asks about what has the same context: at once, or action by action where the simulator wants that.
    async fn ask(&self, role: &str, asked: &[&Need]) -> Result<Answer> {
        let mut by_action = BTreeMap::<_, Vec<&Need>>::new();
        for need in asked {
            by_action.entry(need.action).or_default().push(need);
        }
        if by_action.len() == 1 || !self.one_action_at_a_time.load(Ordering::Relaxed) {
            match self.request(role, asked).await? {
                Some(answer) => return Ok(answer),
                None => self.one_action_at_a_time.store(true, Ordering::Relaxed),
            }
        }
        let mut decisions = Decisions::new();
        for asked in by_action.into_values() {
            match self.request(role, &asked).await? {
                Some(Answer::Decisions(more)) => decisions.extend(more),
                Some(other) => return Ok(other),
                None => return Ok(Answer::Unknown("the simulator refuses a single action".to_owned())),
            }
        }
        Ok(Answer::Decisions(decisions))
    }

    /// One request, all pages of its answer. Nothing where its actions cannot be asked about together.
    async fn request(&self, role: &str, asked: &[&Need]) -> Result<Option<Answer>> {
        let (mut actions, mut resources): (Vec<_>, Vec<_>) =
            asked.iter().map(|need| (need.action.to_owned(), need.resource.clone())).unzip();
        for list in [&mut actions, &mut resources] {
            list.sort_unstable();
            list.dedup();
        }
        let context = asked.first().map_or(&[][..], |need| &need.context);
        let request = self
            .aws
            .iam()
            .await?
            .simulate_principal_policy()
            .policy_source_arn(role)
            .set_action_names(Some(actions))
            .set_resource_arns(Some(resources))
            .set_context_entries(Some(context.iter().map(entry).collect()))
            .max_items(MOST);
        let mut results = Vec::<EvaluationResult>::new();
        let mut marker = None;
        loop {
            let page = request
                .clone()
                .set_marker(marker)
                .customize()
                // The question is repeated anyway; and the SDK would take an endpoint that does not know it for a broken
                // one.
                .config_override(Builder::new().retry_config(RetryConfig::disabled()));
            let page = match page.send().await {
                Ok(page) => page,
                Err(error) if is_unsupported(&error) => {
                    let why = "the endpoint does not know iam:SimulatePrincipalPolicy";
                    return Ok(Some(Answer::Unknown(why.to_owned())));
                }
                Err(error) => {
                    let failure = failure(&error, format!("iam:SimulatePrincipalPolicy {}", name_of(role)));
                    return match failure.kind {
                        FailureKind::Denied => Ok(Some(Answer::Unknown(
                            "the caller may not use iam:SimulatePrincipalPolicy; allow it to have the role \
                             proved"
                                .to_owned(),
                        ))),
                        // Not found: the role was just made, and is not visible everywhere yet.
                        FailureKind::NotFound | FailureKind::Throttled | FailureKind::Unavailable => {
                            Ok(Some(Answer::NotYet(failure)))
                        }
                        // "Invalid Input Actions: … and … require different authorization information." Which these
                        // are, AWS does not document.
                        _ if failure.message.contains("different authorization information") => Ok(None),
                        _ => Err(failure),
                    };
                }
            };
            marker = page.marker.filter(|_| page.is_truncated);
            results.extend(page.evaluation_results.unwrap_or_default());
            if marker.is_none() {
                return Ok(Some(Answer::Decisions(decisions(context, &results))));
            }
        }
    }
}

fn not_proved(role: &str, why: &str) -> String {
    format!("it was not proved that the role {} may do what its tasks need: {why}", name_of(role))
}

/// Returns the warning about other reads that a role may do, with the policies that allow them.
fn reads_more(role: &str, more: &[(Need, Vec<String>)]) -> Option<String> {
    let (first, _) = more.first()?;
    let mut policies: Vec<_> = more.iter().flat_map(|(_, sources)| sources).cloned().collect();
    policies.sort_unstable();
    policies.dedup();
    let others = match more.len() - 1 {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    let policies = match policies.as_slice() {
        [] => "its policies".to_owned(),
        policies => policies.join(", "),
    };
    Some(format!(
        "the role {} may read more than its service needs, such as {}{others}: {policies} allows it",
        name_of(role),
        first.resource
    ))
}

/// The name of a role by its ARN.
pub(crate) fn name_of(role: &str) -> &str {
    role.rsplit('/').next().unwrap_or(role)
}

fn entry((key, value): &(&'static str, String)) -> ContextEntry {
    ContextEntry::builder()
        .context_key_name(*key)
        .context_key_type(ContextKeyTypeEnum::String)
        .set_context_key_values(Some(vec![value.clone()]))
        .build()
}
