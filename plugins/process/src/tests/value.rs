//! Secret values.

use longshore_plugin::SecretValue;

use super::*;

fn value(bench: &Bench, value: Value) -> Result<Arc<dyn SecretValue>, Vec<Problem>> {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let options = bench.options("services.api.secrets.DATABASE_URL", json!({ "value": value }));
    plugins.secret_value(&options, &bench.extensions())
}

#[tokio::test]
async fn program_yields_the_value_of_a_variable() {
    let bench = Bench::new();
    let kinds = json!({ "secret-value": { "options": { "properties": { "path": { "type": "string" } } } } });
    let program = bench.script(&kinds, r#"printf '{"id":%s,"result":{"value":"a\\nb"}}\n' $id"#);
    let built = value(&bench, json!({ "use": "process", "program": program, "path": "kv/db" })).unwrap();
    assert_eq!(built.describe(), "program sh");
    assert_eq!(built.fetch(&bench.context()).await.unwrap().expose(), "a\nb");
}

#[tokio::test]
async fn program_of_another_kind_is_refused() {
    let bench = Bench::new();
    let built = value(&bench, json!({ "use": "process", "program": [example("longshore-credential-file")] }));
    let failure = built.unwrap().fetch(&bench.context()).await.unwrap_err();
    assert!(failure.message.ends_with("is no secret-value, but credential-source"), "{failure}");
}

#[test]
fn other_values_are_read_as_before() {
    let bench = Bench::new();
    assert_eq!(value(&bench, json!({ "env": "A" })).unwrap().describe(), "environment variable A");
    assert!(value(&bench, json!({ "use": "process" })).is_err());
}
