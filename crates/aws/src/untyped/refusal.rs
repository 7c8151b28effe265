//! Errors that a service answers with.

use std::{error::Error, fmt};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_types::{
    error::metadata::{self, ErrorMetadata, ProvideErrorMetadata},
    retry::{ErrorKind, ProvideErrorKind},
};
use aws_types::request_id::RequestId;

/// An error answer of a service. An answer that did not come from AWS has no code.
#[derive(Debug)]
pub struct Refusal {
    metadata: ErrorMetadata,
    source: Option<BoxError>,
}

/// Returns an error's metadata, as far as it has any.
pub(super) fn metadata_of(code: Option<&str>, message: Option<&str>) -> metadata::Builder {
    let metadata = ErrorMetadata::builder();
    let metadata = code.into_iter().fold(metadata, metadata::Builder::code);
    message.into_iter().fold(metadata, metadata::Builder::message)
}

impl Refusal {
    pub(super) fn of(metadata: ErrorMetadata) -> Self {
        Self { metadata, source: None }
    }

    /// The error of an answer that could not be read.
    pub(super) fn unreadable(metadata: ErrorMetadata, source: BoxError) -> Self {
        Self { metadata, source: Some(source) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.metadata.code() {
            Some(code) => write!(f, "{code}: {}", self.metadata.message().unwrap_or_default()),
            None => f.write_str("the answer is not one of AWS"),
        }
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.metadata
    }
}

impl ProvideErrorKind for Refusal {
    fn retryable_error_kind(&self) -> Option<ErrorKind> {
        None
    }

    fn code(&self) -> Option<&str> {
        self.metadata.code()
    }
}

impl RequestId for Refusal {
    fn request_id(&self) -> Option<&str> {
        self.metadata.request_id()
    }
}
