//! `cargo xtask test`: everything that can be tested here, and a list of what could not.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    process::Command,
};

use crate::{
    Error, containers,
    count::Count,
    helper::{Found, Helper},
    image,
    process::{self, Outcome, cargo, has_subcommand},
    suite,
    tree::Tree,
    workspace::Workspace,
};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    without: Vec<Helper>,
    without_doc_tests: bool,
    filters: Vec<String>,
}

impl Options {
    /// From a command line.
    pub(crate) fn parse(arguments: &[OsString]) -> Result<Self, Error> {
        let mut options = Self::default();
        for argument in arguments {
            let word = argument.to_str().ok_or_else(|| unknown(argument))?;
            match word.strip_prefix("--no-") {
                Some("doc") => options.without_doc_tests = true,
                Some(name) => {
                    let helper = Helper::ALL.into_iter().find(|helper| helper.name() == name);
                    options.without.push(helper.ok_or_else(|| unknown(argument))?);
                }
                None if word.starts_with('-') => return Err(unknown(argument)),
                None => options.filters.push(word.to_owned()),
            }
        }
        Ok(options)
    }
}

fn unknown(argument: &OsStr) -> Error {
    Error::Usage(format!("test knows no option {}", argument.display()))
}

/// The helpers that there are beside the toolchain.
#[derive(Debug, Default)]
struct Surroundings {
    /// The variables by which the tests find the helpers.
    variables: Vec<(&'static str, OsString)>,
    /// The missing helpers, and the reasons.
    missing: BTreeMap<Helper, String>,
}

impl Surroundings {
    fn explore(workspace: &Workspace, options: &Options, needed: &[Helper]) -> Result<Self, Error> {
        let mut surroundings = Self::default();
        for helper in Helper::ALL {
            if !needed.contains(&helper) && !helper.is_required() {
                continue;
            }
            let found = if options.without.contains(&helper) {
                Err(format!("--no-{} was given", helper.name()))
            } else {
                helper.find(workspace)
            };
            surroundings.note(helper, found, helper.is_required())?;
        }
        Ok(surroundings)
    }

    /// Notes whether `helper` was found: by which variable, or why not. A required helper has to be found.
    fn note(&mut self, helper: Helper, found: Found, is_required: bool) -> Result<(), Error> {
        match found {
            Ok(variable) => self.variables.extend(variable),
            Err(reason) if is_required => return Err(helper.is_wanted(&reason)),
            Err(reason) => {
                self.missing.insert(helper, reason);
            }
        }
        Ok(())
    }

    fn missing(&self) -> Vec<Helper> {
        self.missing.keys().copied().collect()
    }

    fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.variables.iter().cloned())
    }
}

/// Tests.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome, Error> {
    let tree = Tree::read(workspace.root())
        .map_err(|error| Error::Failed(format!("the sources could not be read: {error}")))?;
    let suites = suite::all(&tree);
    let needed: Vec<Helper> = suites.iter().map(|suite| suite.helper).collect();
    let mut surroundings = Surroundings::explore(workspace, options, &needed)?;

    // The doc tests come first: what people look for, the summary of all the others, is then the end of the output.
    let mut outcome = Outcome::SUCCESS;
    if !options.without_doc_tests {
        let mut doc = cargo(workspace, &["test", "--doc", "--workspace", "--no-fail-fast", "--quiet", "--"]);
        outcome = process::run(surroundings.apply(doc.args(&options.filters)))?;
        if !outcome.is_success() {
            eprintln!("doc tests failed; the other tests run nevertheless");
        }
    }
    let tests = if has_subcommand(workspace, "nextest") {
        run_counted(workspace, options, &mut surroundings)?
    } else {
        // `cargo test` starts no containers, and counts nothing.
        let missing = &mut surroundings.missing;
        missing.entry(Helper::Docker).or_insert_with(|| "cargo-nextest is not installed".to_owned());
        eprintln!("cargo-nextest is not installed: `cargo test` runs the tests");
        let arguments = cargo_test(&options.filters, &surroundings.missing());
        process::run(surroundings.apply(cargo(workspace, &[]).args(arguments)))?
    };
    for suite in &suites {
        if let Some(reason) = surroundings.missing.get(&suite.helper) {
            eprintln!("not run: {}: {reason}", suite.path);
        }
    }
    Ok(outcome.and(tests))
}

/// Runs the tests by nextest, with containers where some need them, and tells how many there were of each suite.
fn run_counted(
    workspace: &Workspace,
    options: &Options,
    surroundings: &mut Surroundings,
) -> Result<Outcome, Error> {
    let mut list = cargo(workspace, &["nextest", "list", "--workspace", "--message-format", "oneline"]);
    let Some(list) = process::output(surroundings.apply(list.args(&options.filters))) else {
        return Err(Error::Failed("the tests could not be built or listed".to_owned()));
    };
    let count = Count::of(&list);
    let has_docker = count.needs(Helper::Docker) && !surroundings.missing.contains_key(&Helper::Docker);
    let image = match count.runs_against(Helper::Docker, "image") {
        true if has_docker => Some(image::ForTests::build(workspace)?),
        _ => None,
    };
    surroundings.variables.extend(image.as_ref().map(image::ForTests::variable));
    let run = |surroundings: &Surroundings| {
        let mut tests = cargo(workspace, &[]);
        surroundings.apply(tests.args(nextest(&options.filters, &surroundings.missing())));
        tests
    };
    let mut outcome = None;
    if has_docker {
        outcome = containers::run(workspace, &run(surroundings))?;
        if outcome.is_none() {
            surroundings.missing.insert(Helper::Docker, containers::NOT_THERE.to_owned());
        }
    }
    let outcome = match outcome {
        Some(outcome) => outcome,
        // All that was asked for is listed below.
        None if count.is_left_out(&surroundings.missing) => Outcome::SUCCESS,
        None => process::run(&mut run(surroundings))?,
    };
    eprint!("\n{}", count.table(&surroundings.missing));
    Ok(outcome)
}

fn nextest(filters: &[String], missing: &[Helper]) -> Vec<String> {
    let mut arguments = strings(&["nextest", "run", "--workspace", "--no-fail-fast"]);
    if !missing.is_empty() {
        let left_out: Vec<String> =
            missing.iter().map(|&helper| format!("not test(/(^|::){}::/)", suite::module(helper))).collect();
        arguments.extend(["-E".to_owned(), left_out.join(" & ")]);
    }
    arguments.extend_from_slice(filters);
    arguments
}

fn cargo_test(filters: &[String], missing: &[Helper]) -> Vec<String> {
    let mut arguments =
        strings(&["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast", "--"]);
    for &helper in missing {
        arguments.extend(["--skip".to_owned(), format!("{}::", suite::module(helper))]);
    }
    arguments.extend_from_slice(filters);
    arguments
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, Error> {
        Options::parse(&arguments.iter().map(Into::into).collect::<Vec<_>>())
    }

    #[test]
    fn options_and_filters() {
        assert_eq!(
            parse(&["--no-docker", "pull", "--no-doc", "--no-python"]).unwrap(),
            Options {
                without: vec![Helper::Docker, Helper::Python],
                without_doc_tests: true,
                filters: vec!["pull".to_owned()],
            }
        );
        for wrong in ["--no-perl", "--release", "-j1"] {
            let Err(Error::Usage(message)) = parse(&[wrong]) else { panic!("{wrong} was taken") };
            assert!(message.contains(wrong), "{message}");
        }
    }

    #[test]
    fn a_helper_that_is_missing_is_noted_unless_it_is_required() {
        let mut surroundings = Surroundings::default();
        let missing = || Err("no Docker engine answers".to_owned());
        surroundings.note(Helper::Docker, missing(), false).unwrap();
        surroundings.note(Helper::Python, Ok(Some(("XTASK_PYTHON_TOOLS", "tools".into()))), true).unwrap();
        surroundings.note(Helper::Registry, Ok(None), false).unwrap();
        assert_eq!(surroundings.missing(), [Helper::Docker]);
        assert_eq!(surroundings.variables, [("XTASK_PYTHON_TOOLS", "tools".into())]);
        let Err(Error::Failed(message)) = surroundings.note(Helper::Docker, missing(), true) else {
            panic!("a required helper was not missed")
        };
        assert_eq!(message, "no Docker engine answers, and LONGSHORE_REQUIRE_DOCKER is set");
    }

    #[test]
    fn what_misses_its_helper_is_left_out_and_counted_as_skipped() {
        assert_eq!(
            nextest(&["pull".to_owned()], &[Helper::Docker, Helper::Python]).join(" "),
            "nextest run --workspace --no-fail-fast \
             -E not test(/(^|::)needs_docker::/) & not test(/(^|::)needs_python::/) pull"
        );
        assert_eq!(nextest(&[], &[]).join(" "), "nextest run --workspace --no-fail-fast");
        assert_eq!(
            cargo_test(&["pull".to_owned()], &[Helper::Docker]).join(" "),
            "test --workspace --lib --bins --tests --no-fail-fast -- --skip needs_docker:: pull"
        );
    }
}
