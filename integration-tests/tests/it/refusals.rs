//! An image that cannot be pulled ends the deployment before anything is created, and each reason has its own words.

use std::fs;

use crate::longshore::{Project, SERVICE};

/// Deploys with changed values, and answers with what the failure says.
fn refused(project: &Project, set: &[&str]) -> String {
    let mut arguments = vec!["deploy"];
    arguments.extend(set.iter().flat_map(|value| ["--set", value]));
    let ended = project.longshore(&arguments).code(1);
    let status = project.longshore(&["status", "--output", "json"]).code(0);
    assert!(!status.stdout.contains("ACTIVE"), "{}", status.stdout);
    for file in fs::read_dir(project.path().join(".longshore")).into_iter().flatten().map(Result::unwrap) {
        let state = fs::read_to_string(file.path()).unwrap_or_default();
        assert!(!state.contains("microservice-api/ghcr"), "something was created: {state}");
    }
    ended.stderr
}

#[test]
fn five_reasons_have_five_messages() {
    let image = |image: &str| format!("services.{SERVICE}.image={image}");
    let spring = "ghcr.io/jonashackt/microservice-api-spring-boot-private";
    let cases = [
        ("wrong-token", vec!["registries.ghcr.token={ file = \"wrong\" }".to_owned()], "credential"),
        ("no-access", vec![image("ghcr.io/acme/internal:latest")], "acme/internal"),
        ("no-image", vec![image(&format!("{spring}:nowhere"))], "nowhere"),
        ("wrong-platform", vec![image(&format!("{spring}:arm64"))], "linux/arm64"),
        (
            "no-answer",
            vec![image("127.0.0.1:1/acme/api:1"), "registries.ghcr.host=127.0.0.1:1".to_owned()],
            "127.0.0.1:1",
        ),
    ];
    let project = Project::new();
    fs::write(project.path().join("wrong"), "ghp_thisTokenWasRevokedLongAgo000000000000").unwrap();
    let mut seen = Vec::new();
    for (name, set, word) in cases {
        let set: Vec<_> = set.iter().map(String::as_str).collect();
        let message = refused(&project, &set);
        assert!(message.contains(word), "{name}: {message}");
        assert!(!message.contains("ghp_"), "{name}: {message}");
        insta::with_settings!({filters => vec![(r"\d+(\.\d+)?(ms|s)\b", "[time]")]}, {
            insta::assert_snapshot!(name, &message);
        });
        assert!(!seen.contains(&message), "{name} says what another case says: {message}");
        seen.push(message);
    }
}
