//! The tasks of a cluster, found by id and by service.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Task;

/// Tasks by id; stopped ones, too, until they are forgotten. Whom a task belongs to never changes.
#[derive(Clone, Debug, Default)]
pub(in crate::ecs) struct Tasks {
    by_id: BTreeMap<String, Task>,
    /// The ids of a service's tasks, by its name. Reads of one service must not look at the tasks of all.
    of_service: BTreeMap<String, BTreeSet<String>>,
}

impl Tasks {
    pub(in crate::ecs) fn insert(&mut self, task: Task) {
        if let Some(service) = &task.service {
            self.of_service.entry(service.clone()).or_default().insert(task.id.clone());
        }
        self.by_id.insert(task.id.clone(), task);
    }

    pub(in crate::ecs) fn remove(&mut self, id: &str) {
        let Some(service) = self.by_id.remove(id).and_then(|task| task.service) else { return };
        if let Some(ids) = self.of_service.get_mut(&service) {
            ids.remove(id);
            if ids.is_empty() {
                self.of_service.remove(&service);
            }
        }
    }

    pub(in crate::ecs) fn get(&self, id: &str) -> Option<&Task> {
        self.by_id.get(id)
    }

    pub(in crate::ecs) fn get_mut(&mut self, id: &str) -> Option<&mut Task> {
        self.by_id.get_mut(id)
    }

    pub(in crate::ecs) fn values(&self) -> impl Iterator<Item = &Task> {
        self.by_id.values()
    }

    /// The tasks of a service, by id.
    pub(in crate::ecs) fn of_service(&self, service: &str) -> impl Iterator<Item = &Task> {
        self.of_service.get(service).into_iter().flatten().filter_map(|id| self.by_id.get(id))
    }
}

impl Serialize for Tasks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.by_id.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tasks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut tasks = Self::default();
        for task in BTreeMap::<String, Task>::deserialize(deserializer)?.into_values() {
            tasks.insert(task);
        }
        Ok(tasks)
    }
}
