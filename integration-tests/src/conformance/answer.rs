//! A cloud's answer in a case, as words that are the same in every run.

use std::fmt::Debug;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use longshore_aws::is_unsupported;

/// The facts that a case observed, or what kept it from observing them.
pub type Answer = Result<String, Refused>;

/// The reason for which a case could not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A call was refused that has to be accepted first.
    Call {
        /// Such as `ecs:CreateCluster`.
        operation: String,
        /// AWS's code, or a description of the answer if it has no code.
        code: String,
        /// The message of the cloud, for the person who investigates.
        message: String,
        /// True if that is how clouds answer which do not have the operation.
        unserved: bool,
    },
    /// An answer lacks something.
    Missing(&'static str),
    /// Something did not come about in the time that it may take.
    Never(&'static str),
}

impl Refused {
    /// As a fact.
    pub(super) fn fact(&self) -> String {
        match self {
            Self::Call { operation, code, .. } => format!("{operation} is refused: {code}"),
            Self::Missing(what) => format!("no {what}"),
            Self::Never(what) => format!("never {what}"),
        }
    }
}

impl<E: ProvideErrorMetadata + Debug> From<SdkError<E>> for Refused {
    fn from(error: SdkError<E>) -> Self {
        Self::call(operation::<E>(), &error)
    }
}

impl Refused {
    /// The error of a call of `operation`.
    pub(super) fn call<E: ProvideErrorMetadata>(operation: String, error: &SdkError<E>) -> Self {
        let metadata = error.as_service_error().map(ProvideErrorMetadata::meta);
        let code = metadata.and_then(|metadata| metadata.code()).filter(|code| !code.is_empty());
        let instead = || match error.raw_response() {
            Some(response) if response.status().is_success() => "an answer that cannot be read".to_owned(),
            Some(response) => format!("HTTP {}", response.status().as_u16()),
            None => "no answer".to_owned(),
        };
        let message = metadata.and_then(|metadata| metadata.message());
        // As moto answers operations that it lacks.
        let status = error.raw_response().map(|response| response.status().as_u16());
        let is_page = code.is_none() && matches!(status, Some(500 | 501));
        Self::Call {
            operation,
            code: code.map_or_else(instead, str::to_owned),
            message: message.unwrap_or_default().to_owned(),
            unserved: is_unsupported(error) || is_page,
        }
    }
}

/// The operation that has errors of type `E`: the SDK names them `aws_sdk_ecs::…::CreateClusterError`.
fn operation<E>() -> String {
    let name = std::any::type_name::<E>();
    let service = name.split("::").next().unwrap_or_default().trim_start_matches("aws_sdk_");
    let service = match service {
        "cloudwatchlogs" => "logs",
        "resourcegroupstagging" => "tag",
        service => service,
    };
    let operation = name.rsplit("::").next().unwrap_or_default().trim_end_matches("Error");
    format!("{service}:{operation}")
}

/// The code that a call was refused with; `accepted` where it was not.
///
/// # Errors
/// When the cloud does not seem to have the operation.
pub(super) fn refusal<T>(result: Result<T, impl Into<Refused>>) -> Answer {
    match result.map_err(Into::into) {
        Ok(_) => Ok("accepted".to_owned()),
        Err(Refused::Call { code, unserved: false, .. }) => Ok(code),
        Err(refused) => Err(refused),
    }
}

/// Parts of an answer that a case needs.
pub(super) trait Needed<T> {
    /// The part.
    ///
    /// # Errors
    /// When it is not there; `what` names it.
    fn needed(self, what: &'static str) -> Result<T, Refused>;
}

impl<T> Needed<T> for Option<T> {
    fn needed(self, what: &'static str) -> Result<T, Refused> {
        self.ok_or(Refused::Missing(what))
    }
}

/// `yes` where a fact holds, otherwise `no`.
pub(super) fn either(fact: bool, yes: &str, no: &str) -> String {
    if fact { yes } else { no }.to_owned()
}

/// Words in a fixed order, for what AWS gives in none.
pub(super) fn sorted<I: IntoIterator<Item: Into<String>>>(words: I) -> String {
    let mut words: Vec<String> = words.into_iter().map(Into::into).collect();
    words.sort();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_known_by_the_type_of_its_errors() {
        use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
        assert_eq!(operation::<GetCallerIdentityError>(), "sts:GetCallerIdentity");
    }
}
