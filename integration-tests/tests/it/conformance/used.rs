//! Every operation that the product calls, and every error that it acts on, has cases in the suite, and the README's
//! policy allows every call. Calls are found in the sources: `.create_cluster()`, or
//! `"CreateCluster"` in the untyped client's parameters, where the simulated cloud has a `CreateCluster`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use longshore_integration_tests::conformance::operations;

/// AWS's services: the prefix of their actions, their client, and where the simulated cloud lists their operations.
const SERVICES: [(&str, &str, &str); 12] = [
    ("application-autoscaling", "autoscaling", "autoscaling/mod.rs"),
    ("ec2", "ec2", "ec2/mod.rs"),
    ("ecr", "ecr", "ecr/mod.rs"),
    ("ecs", "ecs", "ecs/mod.rs"),
    ("elasticloadbalancing", "elbv2", "elbv2/mod.rs"),
    ("iam", "iam", "iam/mod.rs"),
    ("kms", "kms", "kms/mod.rs"),
    ("logs", "cloudwatchlogs", "logs/mod.rs"),
    ("secretsmanager", "secretsmanager", "secretsmanager/mod.rs"),
    ("ssm", "ssm", "ssm/mod.rs"),
    ("sts", "sts", "sts.rs"),
    ("tag", "resourcegroupstagging", "tagging/mod.rs"),
];

/// Those that the untyped client reaches.
const UNTYPED: [&str; 7] =
    ["application-autoscaling", "ec2", "ecr", "elasticloadbalancing", "kms", "logs", "tag"];

/// Permissions that the README names and no code calls.
const NOT_CALLED: [&str; 7] = [
    // ECS asks for them with the caller's permissions.
    "iam:CreateServiceLinkedRole",
    "iam:PassRole",
    // Keys of conditions.
    "iam:PassedToService",
    "iam:PermissionsBoundary",
    // The stores' services ask KMS for them with the caller's permissions.
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
];

/// Calls that every caller known to AWS may make.
const ALWAYS_ALLOWED: [&str; 1] = ["sts:GetCallerIdentity"];

/// Errors of AWS that the product acts on and no case brings about.
const NEVER_AT_WILL: [&str; 3] = [
    // Another change of the scalable target goes on.
    "ConcurrentUpdateException",
    // Two changes of a log group at the same time.
    "OperationAbortedException",
    // Another change of the cluster goes on.
    "UpdateInProgressException",
];

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The operations that the simulated cloud has, in the arms of its `match`es: the services by the method of their clients.
fn methods() -> BTreeMap<String, Vec<(usize, String)>> {
    let mut methods: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    for (service, (prefix, _, file)) in SERVICES.iter().enumerate() {
        let file = workspace().join("crates/simcloud/src").join(file);
        let text = fs::read_to_string(&file).unwrap();
        let arms = text.lines().filter_map(|line| Some(line.trim_start().split_once(" =>")?.0));
        let names: Vec<_> = arms
            .flat_map(|pattern| pattern.split(" | "))
            .filter_map(|name| name.strip_prefix('"')?.strip_suffix('"'))
            .filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase()))
            .collect();
        assert!(!names.is_empty(), "{} lists no operations", file.display());
        for name in names {
            methods.entry(snake_case(name)).or_default().push((service, format!("{prefix}:{name}")));
        }
    }
    methods
}

/// `create_cluster` for `CreateCluster`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The sources of the product: what it is tested with is not among them.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !["simcloud", "testkit", "tests", "snapshots"].contains(&name) {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && !["tests.rs", "testing.rs"].contains(&name) {
            found.push(path);
        }
    }
}

/// Returns the part of a file before its tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned()
}

/// AWS's error codes that the plugins, the lock and the shared reads look for, and a file that does.
fn errors() -> BTreeMap<String, PathBuf> {
    let mut files = Vec::new();
    for directory in ["plugins", "crates/aws/src/lock", "crates/aws/src/reads"] {
        sources(&workspace().join(directory), &mut files);
    }
    let mut errors = BTreeMap::new();
    for file in files {
        let code = code(&file);
        // The second of three pieces is between quotation marks, and so on: those of one line.
        for word in code.lines().flat_map(|line| line.split('"').skip(1).step_by(2)) {
            let is_code = ["Exception", "NotFound", "AlreadyExists"].iter().any(|end| word.ends_with(end));
            if is_code && word.chars().all(|letter| letter.is_ascii_alphabetic()) {
                errors.entry(word.to_owned()).or_insert_with(|| file.clone());
            }
        }
    }
    errors
}

/// The operations that the product calls, and a file that does.
fn used() -> BTreeMap<String, PathBuf> {
    let methods = methods();
    let mut files = Vec::new();
    sources(&workspace().join("crates"), &mut files);
    sources(&workspace().join("plugins"), &mut files);
    let mut used = BTreeMap::new();
    for file in files {
        let text = code(&file);
        let mentions = |service: usize| {
            let client = SERVICES[service].1;
            text.contains(&format!(".{client}(")) || text.contains(&format!("aws_sdk_{client}"))
        };
        for call in text.split("()").filter_map(|before| before.rsplit_once('.')) {
            let Some(operations) = methods.get(call.1) else { continue };
            // TagResource is an operation of several services: it is that of the file's clients.
            let of_file: Vec<_> = operations.iter().filter(|(service, _)| mentions(*service)).collect();
            let certain = if of_file.is_empty() { operations.iter().collect() } else { of_file };
            for (_, operation) in certain {
                used.entry(operation.clone()).or_insert_with(|| file.clone());
            }
        }
        for (service, operation) in methods.values().flatten() {
            let name = operation.split_once(':').map_or("", |(_, name)| name);
            if UNTYPED.contains(&SERVICES[*service].0)
                && mentions(*service)
                && text.contains(&format!("\"{name}\""))
            {
                used.entry(operation.clone()).or_insert_with(|| file.clone());
            }
        }
    }
    used
}

/// The actions that the README names for the identity which runs Longshore.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(workspace().join("README.md")).unwrap();
    let (_, text) = text.split_once("### What Longshore itself may do").unwrap();
    let section = text.split("\n## ").next().unwrap();
    let words = section.split(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, ':' | '-'));
    let actions = words.filter(|word| {
        word.split_once(':').is_some_and(|(prefix, action)| {
            SERVICES.iter().any(|service| service.0 == prefix)
                && action.starts_with(|first: char| first.is_ascii_uppercase())
        })
    });
    actions.map(str::to_owned).filter(|action| !NOT_CALLED.contains(&action.as_str())).collect()
}

#[test]
fn every_operation_that_is_called_has_cases() {
    let covered: BTreeSet<&str> = operations().iter().map(|operation| operation.name).collect();
    let used = used();
    assert!(used.len() >= 70, "the sources call only {:?}", used.keys());
    let without: Vec<_> =
        used.iter().filter(|(operation, _)| !covered.contains(operation.as_str())).collect();
    assert!(without.is_empty(), "no cases in integration-tests/src/conformance for {without:#?}");
}

#[test]
fn every_error_that_is_acted_on_is_the_answer_of_a_case() {
    let operations = operations();
    let answers: Vec<&str> =
        operations.iter().flat_map(|operation| operation.cases.iter().map(|case| case.answer)).collect();
    let errors = errors();
    assert!(errors.len() >= 10, "the sources act only on {:?}", errors.keys());
    let is_answer = |code: &str| answers.iter().any(|answer| answer.contains(code));
    let without: Vec<_> = errors
        .iter()
        .filter(|(code, _)| !is_answer(code) && !NEVER_AT_WILL.contains(&code.as_str()))
        .collect();
    assert!(without.is_empty(), "no case in integration-tests/src/conformance answers {without:#?}");
}

#[test]
fn the_documented_policy_allows_what_is_called_and_nothing_else() {
    let (used, documented) = (used(), documented());
    let forgotten: Vec<_> = used
        .iter()
        .filter(|(operation, _)| {
            !documented.contains(*operation) && !ALWAYS_ALLOWED.contains(&operation.as_str())
        })
        .collect();
    assert!(forgotten.is_empty(), "README.md, “What Longshore itself may do”, does not name {forgotten:#?}");
    let too_much: Vec<_> = documented.iter().filter(|action| !used.contains_key(*action)).collect();
    assert!(
        too_much.is_empty(),
        "README.md, “What Longshore itself may do”, names what nothing calls: {too_much:#?}"
    );
}
