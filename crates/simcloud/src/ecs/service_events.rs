//! The event messages of a service: at most a hundred, the newest first.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::wire::time;
use crate::{Ids, Moment};

/// The most messages that ECS keeps.
const KEPT: usize = 100;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ServiceEvents(VecDeque<ServiceEvent>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ServiceEvent {
    id: String,
    at: Moment,
    message: String,
}

impl ServiceEvents {
    pub(super) fn say(&mut self, ids: &mut Ids, at: Moment, message: String) {
        self.0.push_front(ServiceEvent { id: ids.uuid(), at, message });
        self.0.truncate(KEPT);
    }

    pub(super) fn json(&self) -> Value {
        self.0
            .iter()
            .map(|event| json!({ "id": event.id, "createdAt": time(event.at), "message": event.message }))
            .collect()
    }
}

/// `(task 1) (task 2)`, as messages list tasks.
pub(super) fn task_list(tasks: &[String]) -> String {
    tasks.iter().map(|task| format!("(task {task})")).collect::<Vec<_>>().join(" ")
}
