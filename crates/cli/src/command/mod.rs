//! The commands.

mod adopt;
mod approve;
mod cloud;
mod completions;
mod config;
mod confirm;
mod credentials;
mod deploy;
mod destroy;
mod drift;
mod graph;
mod lock;
mod operate;
mod plan;
mod plugin_test;
mod plugins;
mod rotate;
mod show;
mod stack;
mod status;
mod unknown;
mod validate;

use std::{collections::BTreeMap, io::BufRead, sync::Arc};

use longshore_config::environments;
use longshore_model::{Event, EventKind, Failure, FailureKind};
use longshore_plugin::Plugins;

use crate::{
    arguments::{Command, OutputFormat},
    exit::Exit,
    io::Interrupts,
    logging::Logging,
    place::wall_clock,
    render::Display,
    settings::Settings,
};

/// The input of every command.
pub(crate) struct Invocation {
    pub(crate) settings: Settings,
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) display: Display,
    pub(crate) stdin: Box<dyn BufRead + Send>,
    pub(crate) stdin_is_terminal: bool,
    pub(crate) interrupts: Interrupts,
    pub(crate) logging: Logging,
}

impl Invocation {
    /// Returns true if results are for programs.
    fn is_json(&self) -> bool {
        self.settings.output == OutputFormat::Json
    }

    /// Returns why a command that changes something must not begin: a pipeline has to name the environment. Without this,
    /// a pipeline that forgot it would change the simulated cloud and succeed.
    fn unnamed_environment(&self) -> Option<Failure> {
        let is_pipeline =
            self.variables.get("CI").is_some_and(|ci| !["", "0", "false"].contains(&ci.as_str()));
        if self.settings.names_environment || !is_pipeline {
            return None;
        }
        let names = environments(&self.settings.directory);
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let message = "the environment is not named, and the variable CI says that a pipeline runs this";
        let help = format!("name it with --env or LONGSHORE_ENV; there are: {there}");
        Some(Failure::new(FailureKind::Invalid, message).help(help))
    }

    /// Says why the command cannot even begin.
    fn refuse(&self, failures: Vec<Failure>) -> Exit {
        let interrupted = failures.iter().all(|failure| failure.kind == FailureKind::Interrupted);
        let event = Event { at: wall_clock().0, event: EventKind::CommandFailed { failures } };
        self.display.readers(true).read(&event);
        if interrupted { Exit::Interrupted } else { Exit::Failed }
    }
}

/// Runs `command`.
pub(crate) fn execute(command: Command, invocation: Invocation) -> Exit {
    match command {
        Command::Plan(options) => plan::run(&options, invocation),
        Command::Deploy(options) => deploy::run(options, invocation),
        Command::Drift(options) => drift::run(invocation, options.all),
        Command::Adopt(options) => adopt::run(options, invocation),
        Command::Status(_) => status::run(invocation),
        Command::Destroy(options) => destroy::run(&options, invocation),
        Command::Rollback(options) => operate::rollback(options, invocation),
        Command::Restart(options) => operate::restart(options, invocation),
        Command::Rotate(options) => rotate::run(options, invocation),
        Command::Credentials(options) => credentials::run(&options, invocation),
        Command::Lock(options) => lock::run(options, invocation),
        Command::Config => config::run(&invocation),
        Command::Validate => validate::run(&invocation),
        Command::Show(options) => show::run(&options, &invocation),
        Command::Graph(options) => graph::run(&options, &invocation),
        Command::Cloud(options) => cloud::run(&options, invocation),
        Command::Completions(options) => completions::run(&options, &invocation),
        Command::Plugins(options) => plugins::run(&options, &invocation),
        Command::PluginTest(options) => plugin_test::run(&options, invocation),
    }
}
