use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};

use super::{Taken, check, table};
use crate::{
    ApiError, Blueprint, Call, Cloud, Moment, World,
    dispatch::{Service, dispatch},
    testing::cloud_of,
};

/// All input members that AWS's models have, by operation.
fn inputs() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let lines = include_str!("inputs.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (operation, paths) = line.split_once(':').expect("an operation");
            (operation, paths.split_ascii_whitespace().collect())
        })
        .collect()
}

fn service(operation: &str) -> (Service, &str) {
    let (prefix, name) = operation.split_once('.').expect("a service and an operation");
    let service = Service::ALL.into_iter().find(|service| service.prefix() == prefix);
    (service.expect("a service of the simulated cloud"), name)
}

fn call(operation: &str, input: Value) -> Call {
    Call {
        operation: operation.to_owned(),
        region: "eu-central-1".to_owned(),
        input,
        now: Moment(0),
        caller: "arn:aws:iam::123456789012:user/longshore".to_owned(),
    }
}

/// True if `path` is `taken`, a part of it, or a whole of which it is a part.
fn covers(taken: &str, path: &str) -> bool {
    let is_part =
        |whole: &str, part: &str| part.strip_prefix(whole).is_some_and(|rest| rest.starts_with('.'));
    taken == path || is_part(taken, path) || is_part(path, taken)
}

#[test]
fn table_names_only_what_models_have() {
    let inputs = inputs();
    assert_eq!(inputs.keys().collect::<Vec<_>>(), table().keys().collect::<Vec<_>>());
    for (operation, members) in table() {
        for taken in members.keys() {
            let is_known = inputs[operation].iter().any(|path| covers(taken, path));
            assert!(is_known, "{operation} has no member {taken}");
        }
    }
}

#[test]
fn members_that_are_not_taken_are_refused_by_name() {
    let mut refused = 0;
    for (operation, paths) in inputs() {
        let members = &table()[operation];
        let (service, name) = service(operation);
        for path in paths {
            let found = members.iter().find(|(taken, _)| covers(taken, path));
            // The table may list a part of a member that the models know as a whole.
            let path = found.map_or(path, |(taken, _)| if taken.len() > path.len() { taken } else { path });
            let sent = |value: Value| path.rsplit('.').fold(value, |inner, part| json!({ part: inner }));
            let value = match found {
                Some((_, Taken::Any | Taken::WithoutEffect)) => continue,
                Some((_, Taken::Only(values))) => {
                    let allowed = call(name, sent(json!(values[0])));
                    assert_eq!(check(service, &allowed), Ok(()), "{operation} {path}");
                    "another"
                }
                None => "a value",
            };
            let error = check(service, &call(name, sent(json!(value)))).expect_err(path);
            let mut wholes = path.match_indices('.').map(|(end, _)| &path[..end]).chain([path]);
            let is_named = wholes.any(|whole| error.message.contains(&format!("{whole} of ")));
            assert!(is_named, "{operation} {path}: {error}");
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn operations_without_an_entry_are_unknown() {
    let error = check(Service::Iam, &call("CreateUser", json!({}))).unwrap_err();
    assert_eq!(error.code, "InvalidAction");
}

/// A cloud in which the specimens are called one after the other.
struct Stage {
    cloud: Cloud,
    kept: BTreeMap<String, String>,
    seen: BTreeSet<(String, &'static str)>,
    faults: Vec<String>,
    region: String,
}

impl Stage {
    fn new() -> Self {
        let repository =
            |name: &str| json!({ "repositories": { name: { "visibility": "public", "tags": { "1": {} } } } });
        let registries = json!({
            "ghcr.io": repository("acme/api"),
            "210987654321.dkr.ecr.eu-central-1.amazonaws.com": repository("api"),
        });
        let instance = json!({ "cluster": "main", "cpu": 4096, "memory": 8192 });
        let blueprint = Blueprint {
            registries: serde_json::from_value(registries).expect("registries"),
            container_instances: [("box".to_owned(), serde_json::from_value(instance).expect("an instance"))]
                .into(),
            latency_ms: 0,
            iam_propagation_ms: 0,
            ..Blueprint::default()
        };
        let cloud = cloud_of(&blueprint);
        Self {
            cloud,
            kept: BTreeMap::new(),
            seen: BTreeSet::new(),
            faults: Vec::new(),
            region: String::new(),
        }
    }

    /// Runs the specimens of a file, as its head describes them.
    async fn play(&mut self, text: &str) {
        let mut entries: Vec<String> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match entries.last_mut() {
                Some(entry) if line.starts_with(' ') => entry.push_str(line),
                _ => entries.push(line.to_owned()),
            }
        }
        for entry in entries {
            self.perform(&entry).await;
        }
    }

    async fn perform(&mut self, entry: &str) {
        if let Some(seconds) = entry.strip_prefix("wait ") {
            tokio::time::sleep(Duration::from_secs(seconds.parse().expect("seconds"))).await;
            return;
        }
        let (head, input) =
            entry.split_once('{').map_or((entry, String::new()), |(head, rest)| (head, format!("{{{rest}")));
        let input = self
            .kept
            .iter()
            .rev()
            .fold(input, |input, (name, value)| input.replace(&format!("${name}"), value));
        let input = if input.is_empty() { json!({}) } else { serde_json::from_str(&input).expect(entry) };
        let mut words: Vec<_> = head.split_ascii_whitespace().collect();
        let operation = words.pop().expect("an operation");
        self.region =
            words.pop_if(|word| word.starts_with('@')).map_or("eu-central-1", |word| &word[1..]).to_owned();
        let is_refused = words == ["!"];
        let Some(answer) = self.probe(operation, &input, is_refused).await else { return };
        if words.is_empty() {
            return;
        }
        let (of, name) = service(operation);
        let performed = self.cloud.edit(|world| run(world, &self.region, of, name, input)).await;
        assert_eq!(performed, Ok(answer.clone()), "{entry}");
        for keep in &words[1..] {
            let (name, pointer) = keep.split_once('=').expect("a name and a pointer");
            let value = answer.pointer(pointer).and_then(Value::as_str);
            self.kept
                .insert(name.to_owned(), value.unwrap_or_else(|| panic!("{entry}: {answer}")).to_owned());
        }
    }

    /// Calls an operation in a copy of the world, and once more without each of the members. Returns the answer.
    async fn probe(&mut self, operation: &str, input: &Value, is_refused: bool) -> Option<Value> {
        let world = self.cloud.inspect(World::clone).await;
        let (of, name) = service(operation);
        let outcome = |input: &Value| {
            let mut world = world.clone();
            let answer = run(&mut world, &self.region, of, name, input.clone());
            (answer, serde_json::to_value(&world).expect("JSON"))
        };
        let whole = outcome(input);
        if whole.0.is_err() != is_refused {
            self.faults.push(format!("{operation} {input}: {:?}", whole.0));
            return None;
        }
        for (path, taken) in &table()[operation] {
            let Some(rest) = without(input, path) else { continue };
            self.seen.insert((operation.to_owned(), path));
            let is_silent = outcome(&rest) == whole;
            if is_silent != (*taken == Taken::WithoutEffect) && !matches!(taken, Taken::Only(_)) {
                self.faults.push(format!("{operation} {path} has no effect in {input}"));
            }
        }
        whole.0.ok()
    }
}

fn run(
    world: &mut World,
    region: &str,
    service: Service,
    operation: &str,
    input: Value,
) -> Result<Value, ApiError> {
    let now = world.now;
    dispatch(world, service, &Call { now, region: region.to_owned(), ..call(operation, input) })
}

/// Returns the input without the member at `path`, if it is there.
fn without(input: &Value, path: &str) -> Option<Value> {
    let mut rest = input.clone();
    remove(&mut rest, path).then_some(rest)
}

fn remove(value: &mut Value, path: &str) -> bool {
    match value {
        Value::Array(items) => items.iter_mut().fold(false, |removed, item| remove(item, path) | removed),
        Value::Object(members) => match path.split_once('.') {
            None => members.remove(path).is_some(),
            Some((first, rest)) => members.get_mut(first).is_some_and(|inner| remove(inner, rest)),
        },
        _ => false,
    }
}

#[tokio::test(start_paused = true)]
async fn members_that_are_taken_have_an_effect() {
    let mut stage = Stage::new();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/members/specimens.txt");
    stage.play(&std::fs::read_to_string(path).expect("specimens")).await;
    let taken = table().iter().flat_map(|(operation, members)| {
        let members = members.iter().filter(|(_, taken)| !matches!(taken, Taken::Only(_)));
        members.map(|(path, _)| ((*operation).to_owned(), *path))
    });
    let missing = taken.filter(|member| !stage.seen.contains(member));
    let missing = missing.map(|(operation, path)| format!("{operation} {path} is in no specimen"));
    let faults: Vec<_> = stage.faults.iter().cloned().chain(missing).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
