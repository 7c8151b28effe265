//! Programs that break the protocol.

use std::time::{Duration, Instant};

use super::*;

/// Answers the greeting as it must.
const HELLO: &str = r#"read -r line; echo '{"hello":{"protocol":1,"name":"x","version":"1","kinds":{"credential-source":{}}}}'; read -r line; "#;

/// Returns the failure of a program that is a shell script, which must come within its deadline.
async fn failure(script: &str) -> String {
    let bench = Bench::new();
    std::fs::write(bench.path("script"), script).unwrap();
    let source = bench.source(json!({ "program": ["sh", "script"], "timeout": "1s" })).unwrap();
    let started = Instant::now();
    let failure = source.fetch(&bench.context()).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "{failure}");
    assert_eq!(failure.at.as_deref(), Some("registries.quay"));
    format!("{:?}: {failure}", failure.kind)
}

#[tokio::test]
async fn broken_programs_are_told_by_their_fault() {
    let after_hello = [
        ("crash", "exit 3"),
        ("killed", "kill -9 $$"),
        ("closed", "exec >&-; sleep 5"),
        ("long line", "head -c 2097152 /dev/zero | tr '\\0' x; sleep 5"),
        ("no JSON", "echo hello; sleep 5"),
        ("half a line", "printf '{\"id\":1'"),
        ("another request", "echo '{\"id\":7,\"result\":{}}'; sleep 5"),
        ("unknown member", "echo '{\"id\":1,\"result\":{},\"more\":1}'; sleep 5"),
        ("two forms", "echo '{\"id\":1,\"result\":{},\"progress\":\"x\"}'; sleep 5"),
        (
            "unknown field",
            "echo '{\"id\":1,\"result\":{\"username\":\"a\",\"password\":\"b\",\"hunter2\":1}}'; sleep 5",
        ),
        ("missing field", "echo '{\"id\":1,\"result\":{\"username\":\"a\"}}'; sleep 5"),
        ("wrong type", "echo '{\"id\":1,\"result\":{\"username\":\"a\",\"password\":4711}}'; sleep 5"),
        (
            "unknown kind of error",
            "echo '{\"id\":1,\"error\":{\"kind\":\"bad\",\"message\":\"x\"}}'; sleep 5",
        ),
        (
            "token in an error",
            "echo '{\"id\":1,\"error\":{\"kind\":\"denied\",\"message\":\"ghp_0123456789abcdef is bad\"}}'; sleep 5",
        ),
        ("never ending", "sleep 60"),
        (
            "ends late",
            "read -r line; echo '{\"id\":1,\"error\":{\"kind\":\"interrupted\",\"message\":\"x\"}}'; sleep 60",
        ),
        ("empty password", "echo '{\"id\":1,\"result\":{\"username\":\"a\",\"password\":\"\"}}'; sleep 5"),
    ];
    let hello = [
        ("silence", "sleep 60"),
        ("other version", r#"read -r line; echo '{"hello":{"protocol":2,"news":1}}'; sleep 5"#),
        ("no version", r#"read -r line; echo '{"hello":{}}'; sleep 5"#),
        (
            "unknown fact",
            r#"read -r line; echo '{"hello":{"protocol":1,"name":"x","version":"1","kinds":{},"more":1}}'; sleep 5"#,
        ),
        (
            "unknown capability",
            r#"read -r line; echo '{"hello":{"protocol":1,"name":"x","version":"1","kinds":{"credential-source":{"capabilities":["fly"]}}}}'; sleep 5"#,
        ),
        (
            "unknown schema",
            r#"read -r line; echo '{"hello":{"protocol":1,"name":"x","version":"1","kinds":{"credential-source":{"options":{"pattern":"x"}}}}}'; sleep 5"#,
        ),
    ];
    let mut told = Vec::new();
    for (name, script) in hello {
        told.push(format!("{name}: {}", failure(script).await));
    }
    for (name, script) in after_hello {
        told.push(format!("{name}: {}", failure(&format!("{HELLO}{script}")).await));
    }
    let told = told.join("\n");
    assert!(!told.contains("hunter2") && !told.contains("4711") && !told.contains("0123456789"), "{told}");
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn program_that_is_missing_is_named() {
    let bench = Bench::new();
    for program in ["no-such-program-here", "./missing"] {
        let source = bench.source(json!({ "program": [program] })).unwrap();
        let failure = source.fetch(&bench.context()).await.unwrap_err();
        assert!(failure.message.contains(program) && failure.help.is_some(), "{failure}");
    }
}
