//! `cargo xtask aws-shapes`: AWS's own models of its APIs, as the small tables that `crates/aws-shapes` reads.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Map, Value};

use crate::{Error, process::Outcome, workspace::Workspace};

/// The operations of Application Auto Scaling that the product calls.
const AUTOSCALING: [&str; 12] = [
    "DeleteScalingPolicy",
    "DeleteScheduledAction",
    "DeregisterScalableTarget",
    "DescribeScalableTargets",
    "DescribeScalingPolicies",
    "DescribeScheduledActions",
    "ListTagsForResource",
    "PutScalingPolicy",
    "PutScheduledAction",
    "RegisterScalableTarget",
    "TagResource",
    "UntagResource",
];

/// The models, and the operations whose inputs are kept of each.
const MODELS: [(&str, &str, &[&str]); 2] = [
    ("application-autoscaling", "2016-02-06", &AUTOSCALING),
    (
        "ecs",
        "2014-11-13",
        &[
            "CreateCluster",
            "CreateService",
            "PutClusterCapacityProviders",
            "RegisterTaskDefinition",
            "RunTask",
            "UpdateCluster",
            "UpdateService",
        ],
    ),
];

/// The services that answer in JSON, and the operations that are called of each.
const ANSWERS: [(&str, &str, &[&str]); 8] = [
    (
        "ecs",
        "2014-11-13",
        &[
            "CreateCluster",
            "CreateService",
            "DeleteCluster",
            "DeleteService",
            "DeleteTaskDefinitions",
            "DeregisterTaskDefinition",
            "DescribeClusters",
            "DescribeServiceDeployments",
            "DescribeServiceRevisions",
            "DescribeServices",
            "DescribeTaskDefinition",
            "DescribeTasks",
            "ListClusters",
            "ListServiceDeployments",
            "ListServices",
            "ListTagsForResource",
            "ListTaskDefinitionFamilies",
            "ListTaskDefinitions",
            "ListTasks",
            "PutClusterCapacityProviders",
            "RegisterTaskDefinition",
            "RunTask",
            "StopServiceDeployment",
            "StopTask",
            "TagResource",
            "UntagResource",
            "UpdateCluster",
            "UpdateService",
        ],
    ),
    (
        "secretsmanager",
        "2017-10-17",
        &[
            "BatchGetSecretValue",
            "CreateSecret",
            "DeleteSecret",
            "DescribeSecret",
            "GetSecretValue",
            "ListSecrets",
            "PutSecretValue",
            "RemoveRegionsFromReplication",
            "ReplicateSecretToRegions",
            "RestoreSecret",
            "TagResource",
            "UntagResource",
            "UpdateSecret",
            "UpdateSecretVersionStage",
        ],
    ),
    (
        "ssm",
        "2014-11-06",
        &[
            "AddTagsToResource",
            "DeleteParameter",
            "DeleteParameters",
            "DescribeParameters",
            "GetParameter",
            "GetParametersByPath",
            "ListTagsForResource",
            "PutParameter",
            "RemoveTagsFromResource",
        ],
    ),
    (
        "logs",
        "2014-03-28",
        &[
            "CreateLogGroup",
            "DeleteLogGroup",
            "DeleteRetentionPolicy",
            "DescribeLogGroups",
            "GetLogEvents",
            "ListTagsForResource",
            "PutRetentionPolicy",
            "TagResource",
            "UntagResource",
        ],
    ),
    ("kms", "2014-11-01", &["DescribeKey", "TagResource", "UntagResource"]),
    ("resourcegroupstaggingapi", "2017-01-26", &["GetResources"]),
    ("application-autoscaling", "2016-02-06", &AUTOSCALING),
    ("ecr", "2015-09-21", &["BatchGetImage", "ListTagsForResource", "TagResource", "UntagResource"]),
];

/// The services that the simulated cloud plays: IAM's prefix, which names them in the cloud's table, the model, and true if
/// `crates/aws-shapes` has the model's inputs, so that the cloud checks what is within their members.
const SIMULATED: [(&str, &str, &str, bool); 12] = [
    ("application-autoscaling", "application-autoscaling", "2016-02-06", true),
    ("ec2", "ec2", "2016-11-15", false),
    ("ecr", "ecr", "2015-09-21", false),
    ("ecs", "ecs", "2014-11-13", true),
    ("elasticloadbalancing", "elbv2", "2015-12-01", false),
    ("iam", "iam", "2010-05-08", false),
    ("kms", "kms", "2014-11-01", false),
    ("logs", "logs", "2014-03-28", false),
    ("secretsmanager", "secretsmanager", "2017-10-17", false),
    ("ssm", "ssm", "2014-11-06", false),
    ("sts", "sts", "2011-06-15", false),
    ("tag", "resourcegroupstaggingapi", "2017-01-26", false),
];

/// The directory in which the simulated cloud lists its operations, and to which the members of their inputs go.
const SIMULATED_MEMBERS: &str = "crates/simcloud/src/members";

/// In the documentation of a member of UpdateService.
const DEPLOYS: &str = "This parameter triggers a new service deployment";

/// The longest documentation of a member, in characters.
const SENTENCE: usize = 160;

/// Writes the tables from the botocore that lies in the directory `arguments` name.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<Outcome, Error> {
    let [botocore] = arguments else {
        let message =
            "aws-shapes takes the directory of botocore: `pip download botocore --no-deps`, unpacked";
        return Err(Error::Usage(message.to_owned()));
    };
    let botocore = Path::new(botocore);
    let version = version(botocore)?;
    for (service, api, operations) in MODELS {
        let model = read(&botocore.join("data").join(service).join(api).join("service-2.json"))?;
        let header = format!(
            "# {service} {api}, from botocore {version}: written by `cargo xtask aws-shapes`, not by hand.\n\
             # Copyright Amazon.com, Inc.; licensed under Apache-2.0.\n"
        );
        let table = header + &table(&model, operations)?;
        let path = workspace.root().join(format!("crates/aws-shapes/shapes/{service}.txt"));
        fs::write(&path, table).map_err(|error| failed(&path, &error))?;
        println!("{}", path.display());
    }
    let mut answers = format!(
        "# The members of answers, from botocore {version}: written by `cargo xtask aws-shapes`, not by hand.\n\
         # Copyright Amazon.com, Inc.; licensed under Apache-2.0.\n"
    );
    for (service, api, operations) in ANSWERS {
        let model = read(&botocore.join("data").join(service).join(api).join("service-2.json"))?;
        answers.push_str(&members(&model, operations)?);
    }
    let path = workspace.root().join("crates/aws/src/genuine/answers.txt");
    fs::write(&path, answers).map_err(|error| failed(&path, &error))?;
    println!("{}", path.display());
    simulated_inputs(workspace, botocore, &version)?;
    Ok(Outcome::SUCCESS)
}

/// Writes the paths of all input members of the operations that the simulated cloud has.
fn simulated_inputs(workspace: &Workspace, botocore: &Path, version: &str) -> Result<(), Error> {
    let directory = workspace.root().join(SIMULATED_MEMBERS);
    let table = directory.join("table.txt");
    let table = fs::read_to_string(&table).map_err(|error| failed(&table, &error))?;
    let mut inputs = format!(
        "# The input members of the operations in table.txt, from botocore {version}: written by `cargo xtask aws-shapes`, not by hand.\n\
         # Copyright Amazon.com, Inc.; licensed under Apache-2.0.\n"
    );
    for (prefix, service, api, is_shallow) in SIMULATED {
        let model = read(&botocore.join("data").join(service).join(api).join("service-2.json"))?;
        let operations =
            table.lines().filter_map(|line| line.split_once(':')?.0.strip_prefix(prefix)?.strip_prefix('.'));
        for operation in operations.filter(|operation| !operation.contains(' ')) {
            let described = model["operations"].get(operation);
            let described =
                described.ok_or_else(|| Error::Failed(format!("{service} has no operation {operation}")))?;
            let mut paths = BTreeSet::new();
            if let Some(shape) = described["input"]["shape"].as_str() {
                input_paths(&model, shape, &mut Vec::new(), is_shallow, &mut paths);
            }
            let paths: String = paths.iter().map(|path| format!(" {path}")).collect();
            let _ = writeln!(inputs, "{prefix}.{operation}:{paths}");
        }
    }
    let path = directory.join("inputs.txt");
    fs::write(&path, inputs).map_err(|error| failed(&path, &error))?;
    println!("{}", path.display());
    Ok(())
}

/// Adds the paths of the members of a shape, as they stand in requests; lists have no place in a path.
fn input_paths(
    model: &Value,
    shape: &str,
    above: &mut Vec<(String, String)>,
    is_shallow: bool,
    paths: &mut BTreeSet<String>,
) {
    let described = &model["shapes"][shape];
    if let Some(item) = described["member"]["shape"].as_str() {
        return input_paths(model, item, above, is_shallow, paths);
    }
    let members = described["members"].as_object().filter(|members| !members.is_empty());
    let is_within = above.iter().any(|(of, _)| of == shape) || (is_shallow && !above.is_empty());
    let Some(members) = members.filter(|_| !is_within) else {
        let path: Vec<_> = above.iter().map(|(_, name)| name.as_str()).collect();
        if !path.is_empty() {
            paths.insert(path.join("."));
        }
        return;
    };
    for (name, member) in members {
        let inner = member["shape"].as_str().unwrap_or_default();
        above.push((shape.to_owned(), wire_name(model, name, member)));
        input_paths(model, inner, above, is_shallow, paths);
        above.pop();
    }
}

/// The name of a member in requests, which in EC2's protocol is another one.
fn wire_name(model: &Value, name: &str, member: &Value) -> String {
    let text = |key: &str| member[key].as_str();
    if model["metadata"]["protocol"] != "ec2" {
        return text("locationName").unwrap_or(name).to_owned();
    }
    let capitalized =
        |name: &str| name.chars().take(1).flat_map(char::to_uppercase).chain(name.chars().skip(1)).collect();
    text("queryName").map_or_else(|| capitalized(text("locationName").unwrap_or(name)), str::to_owned)
}

/// A line for each operation, with the members of its answer.
fn members(model: &Value, operations: &[&str]) -> Result<String, Error> {
    let mut lines = String::new();
    let service = model["metadata"]["serviceId"].as_str().unwrap_or_default();
    for name in operations {
        let operation = model["operations"].get(name);
        let operation =
            operation.ok_or_else(|| Error::Failed(format!("the model has no operation {name}")))?;
        let shape = operation["output"]["shape"].as_str().unwrap_or_default();
        let members = model["shapes"][shape]["members"].as_object().into_iter().flatten();
        let members: String = members.map(|(member, _)| format!(" {member}")).collect();
        let _ = writeln!(lines, "{service}.{name}:{members}");
    }
    Ok(lines)
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Failed(format!("{}: {error}", path.display()))
}

fn version(botocore: &Path) -> Result<String, Error> {
    let path = botocore.join("__init__.py");
    let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
    let version = text.lines().find_map(|line| line.strip_prefix("__version__ = "));
    let version = version.ok_or_else(|| failed(&path, &"names no version"))?;
    Ok(version.trim_matches(['\'', '"']).to_owned())
}

/// Reads a model, which botocore compresses since its version 1.30.
fn read(path: &Path) -> Result<Value, Error> {
    let text = if path.exists() {
        fs::read(path).map_err(|error| failed(path, &error))?
    } else {
        let compressed = PathBuf::from(format!("{}.gz", path.display()));
        let output = Command::new("gzip").arg("-dc").arg(&compressed).output();
        let output = output.map_err(|error| Error::Failed(format!("gzip: {error}")))?;
        if !output.status.success() {
            return Err(failed(&compressed, &String::from_utf8_lossy(&output.stderr)));
        }
        output.stdout
    };
    serde_json::from_slice(&text).map_err(|error| failed(path, &error))
}

/// The table of a model: its operations, then every shape of their inputs in the order of the names.
fn table(model: &Value, operations: &[&str]) -> Result<String, Error> {
    let mut table = String::new();
    let mut reached = BTreeSet::new();
    for operation in operations {
        let input = model["operations"][operation]["input"]["shape"].as_str();
        let input = input.ok_or_else(|| Error::Failed(format!("the model has no operation {operation}")))?;
        let _ = writeln!(table, "operation {operation} {input}");
        reach(model, input, &mut reached);
    }
    for name in reached {
        shape(&mut table, name, &model["shapes"][name])?;
    }
    Ok(table)
}

/// Adds the shape `name` and all that it consists of.
fn reach<'a>(model: &'a Value, name: &'a str, reached: &mut BTreeSet<&'a str>) {
    if !reached.insert(name) {
        return;
    }
    let shape = &model["shapes"][name];
    let members = shape["members"].as_object().into_iter().flatten().map(|(_, member)| member);
    let parts = ["member", "key", "value"].into_iter().map(|part| &shape[part]);
    for inner in members.chain(parts).filter_map(|part| part["shape"].as_str()) {
        reach(model, inner, reached);
    }
}

/// A line for the shape, and one for each of its members.
fn shape(table: &mut String, name: &str, shape: &Value) -> Result<(), Error> {
    let kind = shape["type"].as_str().unwrap_or_default();
    let inner = |part: &str| shape[part]["shape"].as_str().unwrap_or_default();
    let line = match kind {
        "structure" if shape["document"] == true => format!("document {name}"),
        "structure" if shape["union"] == true => format!("union {name}"),
        "structure" => format!("structure {name}"),
        "list" => format!("list {name} {}{}", inner("member"), bounds(shape)),
        "map" => format!("map {name} {} {}{}", inner("key"), inner("value"), bounds(shape)),
        "string" => {
            let values = shape["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let values: String = values.map(|value| format!(" {value}")).collect();
            format!("string {name}{}{values}", bounds(shape))
        }
        "boolean" | "integer" | "long" | "float" | "double" | "timestamp" => {
            format!("{kind} {name}{}", bounds(shape))
        }
        _ => return Err(Error::Failed(format!("{name} has the type {kind}, which the table does not know"))),
    };
    table.push_str(&line);
    table.push('\n');
    let required: BTreeSet<_> =
        shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let no_members = Map::new();
    for (member, described) in shape["members"].as_object().unwrap_or(&no_members) {
        let is_required = if required.contains(member.as_str()) { "!" } else { "" };
        let is_deprecated = if described["deprecated"] == true { "~" } else { "" };
        let documentation = described["documentation"].as_str().unwrap_or_default();
        let deploys = if documentation.contains(DEPLOYS) { "^" } else { "" };
        let shape = described["shape"].as_str().unwrap_or_default();
        let sentence = first_sentence(documentation);
        let line = format!("  {member}{is_required}{is_deprecated}{deploys} {shape} {sentence}");
        let _ = writeln!(table, "{}", line.trim_end());
    }
    Ok(())
}

/// ` LEAST..MOST`, either of which may be missing.
fn bounds(shape: &Value) -> String {
    let bound = |name: &str| shape[name].as_i64().map(|bound| bound.to_string()).unwrap_or_default();
    match (bound("min"), bound("max")) {
        (least, most) if least.is_empty() && most.is_empty() => String::new(),
        (least, most) => format!(" {least}..{most}"),
    }
}

/// The first sentence of a documentation in HTML, without notes, as plain text.
fn first_sentence(html: &str) -> String {
    let mut text = html.to_owned();
    for block in ["important", "note"] {
        while let Some((before, rest)) = text.split_once(&format!("<{block}>")) {
            let after = rest.split_once(&format!("</{block}>")).map_or("", |(_, after)| after);
            text = format!("{before}{after}");
        }
    }
    let mut plain = String::new();
    let mut rest = text.as_str();
    while let Some((before, tag)) = rest.split_once('<') {
        plain.push_str(before);
        let (name, after) = tag.split_once('>').unwrap_or((tag, ""));
        // A paragraph or a list that ends, ends the sentence.
        if ["/p", "ul", "dl"].contains(&name) && !plain.trim().is_empty() {
            plain.push('\n');
        }
        rest = after;
    }
    plain.push_str(rest);
    let first = plain.trim_start().lines().next().unwrap_or_default();
    let words: Vec<_> = first.split_whitespace().collect();
    let mut sentence = String::new();
    for (index, word) in words.iter().enumerate() {
        if sentence.chars().count() + word.chars().count() > SENTENCE {
            sentence.push('…');
            break;
        }
        if index > 0 {
            sentence.push(' ');
        }
        sentence.push_str(word);
        let next_begins = words.get(index + 1).is_none_or(|next| next.starts_with(char::is_uppercase));
        if word.ends_with('.') && next_begins {
            break;
        }
    }
    for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")] {
        sentence = sentence.replace(entity, character);
    }
    sentence
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn table_has_only_reachable_shapes() {
        let model = json!({
            "operations": {"Run": {"input": {"shape": "RunRequest"}}},
            "shapes": {
                "RunRequest": {"type": "structure", "required": ["name"], "members": {
                    "name": {"shape": "Name", "documentation": "<p>The name. It is short.</p>"},
                    "old": {"shape": "Sizes", "deprecated": true},
                    "size": {"shape": "Size", "documentation": "This parameter triggers a new service deployment."},
                }},
                "Name": {"type": "string", "min": 1, "max": 9},
                "Sizes": {"type": "list", "member": {"shape": "Size"}, "max": 2},
                "Size": {"type": "string", "enum": ["S", "L"]},
                "Other": {"type": "boolean"},
            },
        });
        let expected = "operation Run RunRequest\nstring Name 1..9\nstructure RunRequest\n  name! Name The name.\n  \
                        old~ Sizes\n  size^ Size This parameter triggers a new service deployment.\nstring Size S L\nlist Sizes Size ..2\n";
        assert_eq!(table(&model, &["Run"]).ok().as_deref(), Some(expected));
        assert!(table(&model, &["Walk"]).is_err());
    }

    #[test]
    fn input_paths_lead_through_lists_and_end_at_circles() {
        let model = json!({
            "metadata": {"protocol": "ec2"},
            "shapes": {
                "Request": {"members": {
                    "Filters": {"shape": "Filters", "locationName": "filter"},
                    "Tree": {"shape": "Tree", "queryName": "Bough"},
                }},
                "Filters": {"member": {"shape": "Filter"}},
                "Filter": {"members": {"name": {"shape": "Text"}}},
                "Tree": {"members": {"left": {"shape": "Tree"}}},
                "Text": {"type": "string"},
            },
        });
        let mut paths = BTreeSet::new();
        input_paths(&model, "Request", &mut Vec::new(), false, &mut paths);
        assert_eq!(paths.into_iter().collect::<Vec<_>>(), ["Bough.Left", "Filter.Name"]);
    }

    #[test]
    fn answers_have_the_members_of_their_shape() {
        let model = json!({
            "metadata": {"serviceId": "Legs"},
            "operations": {"Run": {"output": {"shape": "RunAnswer"}}, "Stop": {}},
            "shapes": {"RunAnswer": {"members": {"pace": {}, "steps": {}}}},
        });
        let lines = members(&model, &["Run", "Stop"]).ok();
        assert_eq!(lines.as_deref(), Some("Legs.Run: pace steps\nLegs.Stop:\n"));
        assert!(members(&model, &["Walk"]).is_err());
    }

    #[test]
    fn documentation_is_one_plain_sentence() {
        let html = "<important> <p>Old agents fail.</p> </important> <p>The <code>a&lt;b</code> e.g. this. More.</p>";
        assert_eq!(first_sentence(html), "The a<b e.g. this.");
        assert_eq!(first_sentence("<p>One of:</p> <ul> <li>A</li></ul>"), "One of:");
        assert!(first_sentence(&"word ".repeat(80)).ends_with("word…"));
    }
}
