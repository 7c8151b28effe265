//! The quotas of calls to AWS: token buckets, each shared by the operations of a class.
//!
//! [`Quotas::of`] is the table as data, for callers that pace calls or work out the shortest time of a run.

mod bucket;
mod ecs;
mod launches;
mod others;
mod throttle;

#[cfg(test)]
mod tests;

use serde::Deserialize;

pub(crate) use launches::Launches;
pub(crate) use throttle::Throttle;

use crate::{
    Blueprint,
    policy::{Context, glob},
};

/// A token bucket: how many calls it lets through at once when it is full, and how many a second for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rate {
    /// The most tokens that it holds.
    pub burst: u32,
    /// The tokens that come back in a second.
    pub per_second: u32,
}

/// The source of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The service's documentation.
    Documented,
    /// An estimate: AWS does not publish it.
    Estimated,
}

/// Operations that share a bucket, in an account and, but for IAM, a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Such as `ecs:service-modify`.
    pub name: &'static str,
    /// Such as `ecs:CreateService`, with `*` as a wildcard. An operation belongs to the first class that it fits.
    /// `ecs:fargate-launch` has none: each task that starts on Fargate takes a token, however it was started.
    pub operations: &'static [&'static str],
    /// The bucket.
    pub rate: Rate,
    /// The source of the rate.
    pub source: Source,
}

impl Class {
    /// Returns true if an operation, such as `ecs:CreateService`, takes its tokens from this bucket, if from no earlier one.
    #[must_use]
    pub fn has(&self, operation: &str) -> bool {
        self.operations.iter().any(|pattern| glob(pattern, operation, &Context::new()))
    }

    /// Returns true if all regions share the bucket.
    #[must_use]
    pub fn is_global(&self) -> bool {
        self.name.starts_with("iam:")
    }
}

/// A blueprint sets the rate of a class that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no class of operations {name}; the classes are {known}")]
pub struct UnknownClass {
    /// The name as it was given.
    pub name: String,
    /// The names that there are.
    pub known: String,
}

/// The classes of all services that the simulated cloud has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    classes: Vec<Class>,
}

impl Quotas {
    /// The quotas of an account, with the rates that its blueprint sets.
    ///
    /// # Errors
    /// When the blueprint names a class that is not there.
    pub fn of(blueprint: &Blueprint) -> Result<Self, UnknownClass> {
        let mut classes: Vec<Class> = ecs::CLASSES.iter().chain(others::CLASSES).copied().collect();
        for (name, rate) in &blueprint.quotas {
            let Some(class) = classes.iter_mut().find(|class| class.name == name) else {
                let known: Vec<_> = classes.iter().map(|class| class.name).collect();
                return Err(UnknownClass { name: name.clone(), known: known.join(", ") });
            };
            class.rate = *rate;
        }
        Ok(Self { classes })
    }

    /// All classes.
    #[must_use]
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// The class of an operation, such as `ecs:CreateService`.
    #[must_use]
    pub fn class_of(&self, operation: &str) -> Option<&Class> {
        self.classes.iter().find(|class| class.has(operation))
    }
}
