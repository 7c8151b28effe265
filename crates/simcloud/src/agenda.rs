//! The future events of the simulated world, in order of time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Moment, autoscaling, ecs};

/// One thing that becomes due.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Due {
    /// The ECS scheduler or a task's agent has something to do.
    Ecs(ecs::Due),
    /// A scheduled action of Application Auto Scaling runs.
    AutoScaling(autoscaling::Due),
    /// A deleted secret's recovery window ends.
    SecretDeletion {
        /// The secret's ARN.
        arn: String,
    },
    /// A key's waiting period ends.
    KeyDeletion {
        /// The key's ARN.
        arn: String,
    },
}

/// Events to come, in order of time, then of their scheduling.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Agenda {
    next: u64,
    #[serde(with = "as_list")]
    events: BTreeMap<(Moment, u64), Due>,
}

impl Agenda {
    /// Lets `due` happen at `moment`; what is scheduled first for one moment happens first.
    pub fn at(&mut self, moment: Moment, due: Due) {
        self.events.insert((moment, self.next), due);
        self.next += 1;
    }

    /// Takes the earliest event that is due by `now`, with the moment at which it happens.
    pub fn pop(&mut self, now: Moment) -> Option<(Moment, Due)> {
        let first = self.events.first_entry()?;
        let (moment, _) = *first.key();
        (moment <= now).then(|| (moment, first.remove()))
    }

    /// The moment of the next event.
    #[must_use]
    pub fn next(&self) -> Option<Moment> {
        self.events.first_key_value().map(|((moment, _), _)| *moment)
    }
}

/// JSON has no tuple keys: the map is written as a list.
mod as_list {
    use super::{BTreeMap, Due, Moment};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        events: &BTreeMap<(Moment, u64), Due>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        events.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<(Moment, u64), Due>, D::Error> {
        Ok(Vec::<((Moment, u64), Due)>::deserialize(deserializer)?.into_iter().collect())
    }
}
