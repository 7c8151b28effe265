//! CloudWatch Logs' state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ApiError, Moment, partition};

/// Log groups by region and name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Logs {
    pub(super) regions: BTreeMap<String, BTreeMap<String, Group>>,
}

/// A log group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// The name.
    pub name: String,
    /// The ARN without the trailing `:*`.
    pub arn: String,
    /// When it was created.
    pub created: Moment,
    /// The days for which events are kept; `None` is for ever.
    pub retention_days: Option<u32>,
    /// The class, such as `STANDARD`.
    pub class: Class,
    /// The ARN of the key that encrypts it; `None` is the service's own.
    pub kms_key: Option<String>,
    /// True if it cannot be deleted.
    pub deletion_protection: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Streams by name.
    pub streams: BTreeMap<String, Stream>,
}

/// The class of a log group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Class {
    /// All features.
    #[default]
    Standard,
    /// Fewer features, at a lower price.
    InfrequentAccess,
    /// For delivery to other services; events are kept for a day.
    Delivery,
}

/// A log stream.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Stream {
    /// When it was created.
    pub created: Moment,
    /// The events in order of their time.
    pub events: Vec<Event>,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: Moment,
    /// When it arrived.
    pub ingested: Moment,
    /// The line.
    pub message: String,
}

impl Logs {
    /// A log group of a region.
    #[must_use]
    pub fn group(&self, region: &str, name: &str) -> Option<&Group> {
        self.regions.get(region)?.get(name)
    }

    /// The log groups of a region, by name.
    pub fn groups(&self, region: &str) -> impl Iterator<Item = &Group> {
        self.regions.get(region).into_iter().flat_map(BTreeMap::values)
    }

    /// Creates a log group, as the `awslogs-create-group` option and `CreateLogGroup` do.
    ///
    /// # Errors
    /// `ResourceAlreadyExistsException`.
    pub fn create_group(
        &mut self,
        region: &str,
        account: &str,
        name: &str,
        now: Moment,
    ) -> Result<&mut Group, ApiError> {
        let groups = self.regions.entry(region.to_owned()).or_default();
        match groups.entry(name.to_owned()) {
            std::collections::btree_map::Entry::Occupied(_) => {
                Err(ApiError::new("ResourceAlreadyExistsException", "The specified log group already exists"))
            }
            std::collections::btree_map::Entry::Vacant(place) => Ok(place.insert(Group {
                name: name.to_owned(),
                arn: partition::arn("logs", region, account, format_args!("log-group:{name}")),
                created: now,
                retention_days: None,
                class: Class::default(),
                kms_key: None,
                deletion_protection: false,
                tags: BTreeMap::new(),
                streams: BTreeMap::new(),
            })),
        }
    }

    /// Creates a log stream. The caller checks the permission (`logs:CreateLogStream` on the group's ARN with
    /// `:log-stream:NAME`).
    ///
    /// # Errors
    /// `ResourceNotFoundException` without the group, `ResourceAlreadyExistsException`.
    pub fn create_stream(
        &mut self,
        region: &str,
        group: &str,
        stream: &str,
        now: Moment,
    ) -> Result<(), ApiError> {
        let group = self.group_mut(region, group)?;
        if group.streams.contains_key(stream) {
            return Err(ApiError::new(
                "ResourceAlreadyExistsException",
                "The specified log stream already exists",
            ));
        }
        group.streams.insert(stream.to_owned(), Stream { created: now, events: Vec::new() });
        Ok(())
    }

    /// Appends lines to a stream, all at `at`.
    ///
    /// # Errors
    /// `ResourceNotFoundException` without the group or the stream.
    pub fn write<I: IntoIterator<Item = String>>(
        &mut self,
        region: &str,
        group: &str,
        stream: &str,
        at: Moment,
        lines: I,
    ) -> Result<(), ApiError> {
        let stream = self.stream_mut(region, group, stream)?;
        stream.events.extend(lines.into_iter().map(|message| Event { at, ingested: at, message }));
        Ok(())
    }

    pub(super) fn group_mut(&mut self, region: &str, name: &str) -> Result<&mut Group, ApiError> {
        self.regions.get_mut(region).and_then(|groups| groups.get_mut(name)).ok_or_else(no_group)
    }

    pub(super) fn stream_mut(
        &mut self,
        region: &str,
        group: &str,
        stream: &str,
    ) -> Result<&mut Stream, ApiError> {
        self.group_mut(region, group)?.streams.get_mut(stream).ok_or_else(no_stream)
    }
}

/// The refusal for a group that is not there.
pub(super) fn no_group() -> ApiError {
    ApiError::new("ResourceNotFoundException", "The specified log group does not exist.")
}

/// The refusal for a stream that is not there.
pub(super) fn no_stream() -> ApiError {
    ApiError::new("ResourceNotFoundException", "The specified log stream does not exist.")
}
