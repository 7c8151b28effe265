//! Epochs in Parameter Store.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use aws_sdk_ssm::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{Parameter, ParameterType},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use longshore_model::{Failure, FailureKind, Name};
use longshore_plugin::Result;

use super::{Creation, Epoch, Epochs, Record, answer_date::AnswerDate, record};
use crate::{code, failure, fenced::OfTheLock, is_unsupported};

/// The maximum number of parameters in an answer of `GetParametersByPath`.
const PAGE: i32 = 10;

/// The epochs of a stack's lock.
pub(super) struct Parameters {
    ssm: Client,
    /// `/longshore/STACK/lock`.
    path: String,
}

impl Parameters {
    pub(super) fn new(ssm: Client, stack: &Name) -> Self {
        Self { ssm, path: format!("/longshore/{stack}/lock") }
    }

    fn name(&self, number: u64) -> String {
        format!("{}/{number:06}", self.path)
    }

    /// Returns the epoch of a parameter; `None` if the parameter is something else.
    fn epoch(&self, parameter: Parameter, answered: Option<SystemTime>) -> Option<Epoch> {
        let number = parameter.name?.strip_prefix(&self.path)?.strip_prefix('/')?.parse().ok()?;
        let modified = SystemTime::try_from(parameter.last_modified_date?).ok()?;
        Some(Epoch {
            number,
            version: parameter.version.try_into().ok()?,
            modified,
            age: answered.map(|answered| whole_seconds(modified, answered)),
            record: Arc::new(record::read(&parameter.value?)),
        })
    }

    fn refused<E>(&self, error: &SdkError<E, HttpResponse>, action: &str, what: &str) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let failure = failure(error, format!("ssm:{action} {what}"));
        let path = &self.path;
        if is_unsupported(error) {
            let message = "there is no Parameter Store, which keeps the lock of a stack";
            let help = "where nothing else changes the stack meanwhile, go without the lock: --no-lock";
            return Failure { at: failure.at, ..Failure::new(FailureKind::Invalid, message).help(help) };
        }
        let is_denied = code(error).is_some_and(|code| code.contains("AccessDenied"));
        if !is_denied {
            return failure;
        }
        failure.help(format!(
            "the lock of a stack takes `ssm:GetParametersByPath`, `ssm:PutParameter` and `ssm:DeleteParameters` on \
             parameter{path} and parameter{path}/*: allow them to the caller, or, where nothing else changes the stack \
             meanwhile, go without the lock: --no-lock"
        ))
    }
}

/// From one moment to the other, without a fraction: headers have none, and so each look is some time before the next one.
pub(super) fn whole_seconds(from: SystemTime, to: SystemTime) -> Duration {
    Duration::from_secs(to.duration_since(from).unwrap_or_default().as_secs())
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameters").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl Epochs for Parameters {
    async fn list(&self) -> Result<Vec<Epoch>> {
        let mut epochs = Vec::new();
        let mut next = None;
        loop {
            let date = AnswerDate::default();
            let page =
                self.ssm.get_parameters_by_path().path(&self.path).max_results(PAGE).set_next_token(next);
            let page = page.customize().interceptor(date.clone()).send().await;
            let page = page.map_err(|error| self.refused(&error, "GetParametersByPath", &self.path))?;
            let (found, answered) = (page.parameters.unwrap_or_default(), date.get());
            epochs.extend(found.into_iter().filter_map(|found| self.epoch(found, answered)));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        // In which order they come, AWS does not say.
        epochs.sort_unstable_by_key(|epoch| epoch.number);
        Ok(epochs)
    }

    async fn create(&self, number: u64, record: &Record) -> Result<Creation> {
        let name = self.name(number);
        let put = self.put_parameter(&name, record, 0)?.overwrite(false);
        match put.customize().interceptor(OfTheLock).send().await {
            Ok(_) => Ok(Creation::Created),
            Err(error) if code(&error) == Some("ParameterAlreadyExists") => Ok(Creation::Exists),
            Err(error) => Err(self.refused(&error, "PutParameter", &name)),
        }
    }

    async fn put(&self, number: u64, record: &Record, write: u64) -> Result<()> {
        let name = self.name(number);
        let put = self.put_parameter(&name, record, write)?.overwrite(true);
        let put = put.customize().interceptor(OfTheLock).send().await;
        put.map(drop).map_err(|error| self.refused(&error, "PutParameter", &name))
    }

    async fn remove(&self, numbers: &[u64]) -> Result<()> {
        let names = numbers.iter().map(|number| self.name(*number)).collect();
        let removed = self.ssm.delete_parameters().set_names(Some(names));
        let removed = removed.customize().interceptor(OfTheLock).send().await;
        removed.map(drop).map_err(|error| self.refused(&error, "DeleteParameters", &self.path))
    }
}

impl Parameters {
    fn put_parameter(
        &self,
        name: &str,
        record: &Record,
        write: u64,
    ) -> Result<aws_sdk_ssm::operation::put_parameter::builders::PutParameterFluentBuilder> {
        let value = record::write(record, write).map_err(|error| {
            Failure::new(FailureKind::Internal, format!("the lock cannot be written: {error}"))
        })?;
        Ok(self.ssm.put_parameter().name(name).value(value).r#type(ParameterType::String))
    }
}
