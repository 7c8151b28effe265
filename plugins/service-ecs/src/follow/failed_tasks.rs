//! The tasks that failed, by reason.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::Task;

use crate::task::{has_exited, has_failed, short_id, stopped_reason};

/// Tasks that failed for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The reason, as the first of them gave it.
    pub(super) reason: String,
    /// The reason without what differs from task to task.
    essence: String,
    /// The number of tasks that failed for it.
    pub(super) tasks: usize,
    /// The number of them that failed since Longshore follows.
    pub(super) fresh: usize,
    /// True if they ran before they failed: a container ended by itself.
    pub(super) exited: bool,
}

/// All tasks that failed, each counted once.
#[derive(Clone, Debug, Default)]
pub(super) struct FailedTasks {
    /// ARNs of tasks that need not be looked at again.
    known: BTreeSet<String>,
    groups: Vec<Group>,
}

impl FailedTasks {
    /// Returns true if a task has been looked at before.
    pub(super) fn knows(&self, arn: &str) -> bool {
        self.known.contains(arn)
    }

    /// Counts `task` if it failed and is one of `deployment`. `fresh` tells whether it stopped since Longshore follows.
    /// Answers with what to tell, when it is the first of its reason.
    pub(super) fn note(&mut self, task: &Task, deployment: Option<&str>, fresh: bool) -> Option<String> {
        let arn = task.task_arn()?;
        if task.last_status() == Some("STOPPED") || has_failed(task) {
            self.known.insert(arn.to_owned());
        }
        let is_other = task.started_by().zip(deployment).is_some_and(|(by, deployment)| by != deployment);
        if is_other || !has_failed(task) {
            return None;
        }
        let reason = stopped_reason(task).unwrap_or_else(|| "ECS gives no reason".to_owned());
        let essence = essence(&reason);
        match self.groups.iter_mut().find(|group| group.essence == essence) {
            Some(group) => {
                group.tasks += 1;
                group.fresh += usize::from(fresh);
                None
            }
            None => {
                let told = format!("task {} stopped: {reason}", short_id(arn));
                let exited = has_exited(task);
                self.groups.push(Group { reason, essence, tasks: 1, fresh: usize::from(fresh), exited });
                Some(told)
            }
        }
    }

    /// The reasons, the most frequent first.
    pub(super) fn groups(&self) -> Vec<&Group> {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.tasks));
        groups
    }
}

/// A reason without what differs from task to task: ids of requests, tasks and sessions, and addresses.
fn essence(reason: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':');
    let mut essence = String::new();
    let mut word = String::new();
    for c in reason.chars().chain([' ']) {
        if is_part(c) {
            word.push(c);
            continue;
        }
        essence.push_str(if is_individual(&word) { "*" } else { &word });
        word.clear();
        essence.push(c);
    }
    essence.truncate(essence.trim_end().len());
    essence
}

/// Returns true if a word is an id or an address: hexadecimal digits of some length, or numbers with dots and colons.
fn is_individual(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let only = |others: &str| word.chars().all(|c| c.is_ascii_digit() || others.contains(c));
    let is_id = word.len() >= 16 && digits > 0 && only("abcdefABCDEF-");
    let is_address = digits > 3 && word.contains('.') && only(".:");
    is_id || is_address
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::TaskStopCode;

    use super::*;

    fn task(id: &str, code: TaskStopCode, reason: &str) -> Task {
        Task::builder()
            .task_arn(format!("arn:aws:ecs:eu-central-1:123456789012:task/shop/{id}"))
            .started_by("ecs-svc/1")
            .last_status("STOPPED")
            .stop_code(code)
            .stopped_reason(reason)
            .build()
    }

    #[test]
    fn equal_reasons_are_counted_together_although_ids_differ() {
        let reason = |session: &str, port: u32| {
            format!(
                "User: arn:aws:sts::123456789012:assumed-role/api/{session} is not authorized; dial tcp 10.0.0.1:{port}"
            )
        };
        let mut failed = FailedTasks::default();
        let first =
            task("aaaaaaaaaaaa", TaskStopCode::TaskFailedToStart, &reason("0af3b2c4d5e6f7a8b9c0", 33124));
        let told = failed.note(&first, Some("ecs-svc/1"), true);
        assert!(told.unwrap().starts_with("task aaaaaaaa… stopped: User:"));
        let second = task("b", TaskStopCode::TaskFailedToStart, &reason("9bf3b2c4d5e6f7a8b9c0", 40001));
        assert_eq!(failed.note(&second, Some("ecs-svc/1"), false), None);
        let other = task("c", TaskStopCode::EssentialContainerExited, "Essential container in task exited");
        assert!(failed.note(&other, Some("ecs-svc/1"), true).is_some());
        let counts: Vec<_> = failed.groups().iter().map(|group| (group.tasks, group.fresh)).collect();
        assert_eq!(counts, [(2, 1), (1, 1)]);
    }

    #[test]
    fn tasks_that_were_replaced_or_are_others_do_not_count() {
        let mut failed = FailedTasks::default();
        let scaled = task(
            "a",
            TaskStopCode::ServiceSchedulerInitiated,
            "Scaling activity initiated by (deployment x)",
        );
        let others = task("b", TaskStopCode::TaskFailedToStart, "CannotPullContainerError");
        let unhealthy =
            task("c", TaskStopCode::ServiceSchedulerInitiated, "Task failed ELB health checks in (x)");
        assert_eq!(failed.note(&scaled, Some("ecs-svc/1"), true), None);
        assert_eq!(failed.note(&others, Some("ecs-svc/2"), true), None);
        assert!(failed.note(&unhealthy, Some("ecs-svc/1"), true).is_some());
        assert_eq!(failed.groups().len(), 1);
    }
}
