//! Credential providers of the kubelet.

use super::*;

/// Prints a response with `auth`, after it has kept the request.
fn provider(bench: &Bench, auth: &str) -> Vec<String> {
    let response = format!(
        r#"{{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1","cacheKeyType":"Registry","cacheDuration":"5m0s","auth":{auth}}}"#
    );
    std::fs::write(
        bench.path("provider"),
        format!("cat > {}; echo '{response}'", bench.path("asked").display()),
    )
    .unwrap();
    vec!["sh".to_owned(), bench.path("provider").display().to_string()]
}

fn source(bench: &Bench, values: Value) -> Result<Arc<dyn CredentialSource>, Vec<Problem>> {
    let mut plugins = Plugins::default();
    crate::register(&mut plugins);
    let options = bench.options("registries.quay", values);
    plugins.credential_source(&Plugin { name: "kubelet-provider".to_owned(), options }, &bench.extensions())
}

#[tokio::test]
async fn most_specific_credential_is_taken() {
    let bench = Bench::new();
    let auth = r#"{"*.io":{"username":"a","password":"1"},"quay.io":{"username":"b","password":"2"},"quay.io/acme":{"username":"c","password":"3"}}"#;
    let program = provider(&bench, auth);
    let fetched =
        source(&bench, json!({ "program": program })).unwrap().fetch(&bench.context()).await.unwrap();
    assert_eq!((fetched.username.as_str(), fetched.password.expose().as_str()), ("b", "2"));
    let asked: Value = serde_json::from_str(&std::fs::read_to_string(bench.path("asked")).unwrap()).unwrap();
    let expected = json!({
        "kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "image": "quay.io",
    });
    assert_eq!(asked, expected);
    let values = json!({ "program": program, "image": "quay.io/acme/api" });
    let fetched = source(&bench, values).unwrap().fetch(&bench.context()).await.unwrap();
    assert_eq!(fetched.username, "c");
}

#[tokio::test]
async fn faults_of_providers_are_told_without_their_words() {
    let mut told = Vec::new();
    for auth in [
        "null",
        r#"{"other.io":{"username":"a","password":"1"}}"#,
        r#"{"quay.io":{"username":"","password":"hunter2"}}"#,
        r#"{"quay.io":{"username":"AWS","password":"hunter2"}}"#,
        r#"{"quay.io":"hunter2"}"#,
    ] {
        let bench = Bench::new();
        let program = provider(&bench, auth);
        let source = source(&bench, json!({ "program": program, "sha256": "0".repeat(64) }));
        assert!(source.unwrap().fetch(&bench.context()).await.unwrap_err().message.contains("digest"));
        let source = self::source(&bench, json!({ "program": program })).unwrap();
        told.push(source.fetch(&bench.context()).await.unwrap_err().to_string());
    }
    for script in [
        "echo hunter2 >&2; exit 2",
        "echo '{\"kind\":\"X\",\"apiVersion\":\"credentialprovider.kubelet.k8s.io/v1alpha1\"}'",
        "sleep 20",
    ] {
        let bench = Bench::new();
        std::fs::write(bench.path("provider"), script).unwrap();
        let source = source(&bench, json!({ "program": ["sh", "provider"], "timeout": "1s" })).unwrap();
        told.push(source.fetch(&bench.context()).await.unwrap_err().to_string());
    }
    let bench = Bench::new();
    let values = json!({ "program": ["x"], "secrets": { "a": { "env": "TOKEN" } } });
    told.push(lines(&source(&bench, values).err().unwrap()));
    told.push(lines(&source(&bench, json!({ "program": ["x"], "imag": "x" })).err().unwrap()));
    let told = told.join("\n");
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(told);
}
