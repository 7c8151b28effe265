//! Additions of a service deployer to the layers of a configuration: files that declare a service in its own format, and defaults.

use serde_json::{Map, Value};

use crate::Problem;

/// Additions of a service deployer to the layers of a configuration, for the services that it deploys.
#[derive(Clone, Debug, Default)]
pub struct ServiceLayers {
    /// The files that a service can name: the layer above the defaults.
    pub definition_files: Vec<DefinitionFile>,
    /// The lowest layer.
    pub defaults: Option<ServiceDefaults>,
}

/// Returns the defaults of a service, of which the layers above declare the table: keys below the service in their parts, and
/// values.
pub type ServiceDefaults = fn(&Map<String, Value>) -> Vec<(Vec<String>, Value)>;

/// A key of a service that names a JSON file, which declares the service in its deployer's own format.
#[derive(Clone, Copy, Debug)]
pub struct DefinitionFile {
    /// The key, such as `task-definition`.
    pub key: &'static str,
    /// Returns what the document declares, in the words of the configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it, all at once; the keys of the problems are JSON pointers (RFC 6901).
    pub read: fn(&Value) -> Result<Vec<FromFile>, Vec<Problem>>,
}

/// A value of a service that a definition file declares.
#[derive(Clone, Debug, PartialEq)]
pub struct FromFile {
    /// The key below the service, in its parts.
    pub key: Vec<String>,
    /// The value.
    pub value: Value,
    /// The place in the document that declares it: a JSON pointer.
    pub pointer: String,
}
