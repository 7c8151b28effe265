//! Secret values that a program yields.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_credential::VALUE_LIMIT;
use longshore_model::{FailureKind, Options, Problem, Secret};
use longshore_plugin::{Context, Result, SecretValue};

use crate::{
    Kind, Lent, PROCESS,
    credential_source::TIMEOUT,
    declaration::Declaration,
    process::Process,
    protocol::{NoMore, ValueResult},
};

/// A program that yields the value of an environment variable.
struct ProgramValue {
    process: Arc<Process>,
}

/// Returns true if the field `value` of a table names a program.
pub(crate) fn is_program(options: &Options) -> bool {
    options.values.get("value").and_then(|value| value.get("use")).is_some_and(|name| name == PROCESS)
}

pub(crate) fn build(
    options: &Options,
    lent: &Lent,
) -> std::result::Result<Arc<dyn SecretValue>, Vec<Problem>> {
    let declaration = options.read(|fields| {
        fields.table("value", |table| {
            table.skip("use");
            Declaration::read(table, TIMEOUT)
        })
    })?;
    Ok(Arc::new(ProgramValue { process: lent.process(declaration, Kind::SecretValue) }))
}

#[async_trait]
impl SecretValue for ProgramValue {
    fn describe(&self) -> String {
        self.process.describe()
    }

    async fn fetch(&self, context: &Context) -> Result<Secret<String>> {
        let options = self.process.options(context).await?;
        let ValueResult { value } =
            self.process.request(context, "secret-value.get", &options, NoMore {}).await?;
        let unfit = match value.expose() {
            text if text.is_empty() => "that is empty",
            text if text.len() > VALUE_LIMIT => "of more than 65,536 bytes",
            text if text.contains('\0') => "with a NUL character, which no environment variable can have",
            _ => return Ok(value),
        };
        let help = "let it yield the value of an environment variable";
        Err(self.process.fail(FailureKind::Invalid, &format!("yields a value {unfit}")).help(help))
    }
}
