//! Secret values for environment variables of containers.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::{Options, Problem, Secret};
use longshore_plugin::{Context, Extensions, Plugins, Result, SecretValue};

use crate::{Environment, SecretInput};

/// Reads where secret values are found: a table with the field `value`, which is a [`SecretInput`]. Environment
/// variables are those of the [`Environment`] that the host lends, else those of the process.
pub fn register(plugins: &mut Plugins) {
    plugins.set_secret_values(secret_value);
}

/// Builds the secret value that the field `value` of a table names.
///
/// # Errors
/// Everything that is wrong with the table.
pub fn secret_value(
    options: &Options,
    extensions: &Extensions,
) -> std::result::Result<Arc<dyn SecretValue>, Vec<Problem>> {
    let input = options.read(|fields| SecretInput::read(fields, "value"))?;
    let environment = extensions.get::<Environment>().map(Arc::unwrap_or_clone).unwrap_or_default();
    Ok(Arc::new(Value { input, environment }))
}

struct Value {
    input: SecretInput,
    environment: Environment,
}

#[async_trait]
impl SecretValue for Value {
    fn describe(&self) -> String {
        self.input.describe()
    }

    async fn fetch(&self, context: &Context) -> Result<Secret<String>> {
        self.input.fetch_content(context, &self.environment).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn read(table: Json) -> std::result::Result<Arc<dyn SecretValue>, String> {
        let mut plugins = Plugins::default();
        register(&mut plugins);
        let Json::Object(values) = table else { unreachable!() };
        let key = "services.api.secrets.DATABASE_URL".to_owned();
        let options = Options { key, values, known: vec!["store".to_owned()], ..Options::default() };
        plugins
            .secret_value(&options, &Extensions::default())
            .map_err(|problems| problems.iter().map(|problem| format!("{problem}\n")).collect())
    }

    #[test]
    fn reads_the_field_value_and_says_what_is_wrong_with_it() {
        let value = read(json!({"value": {"env": "DATABASE_URL"}})).unwrap();
        assert_eq!(value.describe(), "environment variable DATABASE_URL");
        let wrong = [json!({"value": "postgres://hunter2"}), json!({"value": {"env": "A"}, "sotre": "x"})];
        let said = wrong.map(|table| read(table).err().unwrap()).concat();
        assert!(!said.contains("hunter2"));
        insta::assert_snapshot!(said);
    }
}
