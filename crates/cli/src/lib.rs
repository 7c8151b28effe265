//! The longshore command: a library with a runner, so that tests and tools can run it within their own process.
//!
//! [`Longshore`] is the command with its plugins. [`run`] takes the arguments and an [`Io`], the seam to the process. Nothing is printed past it. Commands report what
//! happens as one stream of events, which is drawn on a terminal, written line by line, or printed as JSON; errors are
//! turned into hints and exit codes here and nowhere else.

mod arguments;
mod blueprint;
mod command;
mod duration;
mod ecr;
mod exit;
mod holder;
mod host;
mod interrupt;
mod io;
mod logging;
mod longshore;
mod place;
mod plan_file;
mod protect;
mod pulls;
mod render;
mod replace_file;
mod session;
mod settings;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use clap::{CommandFactory as _, FromArgMatches as _, error::ErrorKind};

pub use exit::Exit;
pub use io::{Interrupts, Io};
pub use longshore::Longshore;

use arguments::{Arguments, Color};
use command::Invocation;
use io::Stream;
use logging::{Log, Logging};
use longshore_model::printable;
use longshore_plugin::{Plugins, panicked};
use protect::protect_process;
use render::{Display, Live, Style};
use settings::{SHOW_HELPER_ERRORS, Settings};

/// The widest that help is printed.
const HELP_WIDTH: usize = 100;

/// Runs the command with the plugins of the workspace and with `arguments`, the first of which is its own name.
pub fn run(arguments: impl IntoIterator<Item = impl Into<OsString>>, io: Io) -> Exit {
    Longshore::new().run_within(arguments, io)
}

fn execute(arguments: impl IntoIterator<Item = impl Into<OsString>>, io: Io, plugins: Plugins) -> Exit {
    if io.owns_process {
        protect_process();
    }
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let Io { stdin, stdout, stderr, mut variables, unreadable, interrupts, owns_process, size, .. } = io;
    let (stdout, stderr) = (Stream::new(stdout), Stream::new(stderr));
    let terminals = (io.stdout_is_terminal, io.stderr_is_terminal);

    let width = if terminals.0 || terminals.1 { usize::from(size().1).min(HELP_WIDTH) } else { HELP_WIDTH };
    let parsed = Arguments::command()
        .term_width(width)
        .try_get_matches_from(&arguments)
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return explain(&error, &arguments, &stdout, &stderr, terminals, &variables),
    };
    if let Some(name) = unreadable.iter().find(|name| configures(name)) {
        return misused(
            &format!("the environment variable {name} is no UTF-8 text; correct or unset it"),
            &stderr,
        );
    }
    let settings = match Settings::new(parsed.global, parsed.command.concurrency(), &variables) {
        Ok(settings) => settings,
        Err(message) => return misused(&message, &stderr),
    };

    if settings.show_helper_errors {
        // The option says the same as the variable, which reaches the credentials.
        variables.insert(SHOW_HELPER_ERRORS.to_owned(), true.to_string());
    }
    let style = |is_terminal| Style::new(settings.color, is_terminal, &variables);
    // A log and a drawing do not share a terminal well.
    let is_logged = settings.verbose > 0 || settings.log.is_some();
    let is_drawn = terminals.1 && !is_logged && variables.get("TERM").is_none_or(|term| term != "dumb");
    let live = Live::default();
    let log = Log {
        verbose: settings.verbose,
        filter: settings.log.clone(),
        color: style(terminals.1).color,
        stream: stderr.clone(),
        live: live.clone(),
    };
    let logging = match Logging::start(&log, owns_process) {
        Ok(logging) => logging,
        Err(message) => return misused(&message, &stderr),
    };
    let display = Display {
        output: settings.output,
        stdout_style: style(terminals.0),
        stderr_style: style(terminals.1),
        stdout: stdout.with_color(style(terminals.0).color),
        stderr: stderr.with_color(style(terminals.1).color),
        drawn: is_drawn.then_some(size),
        live,
    };
    let stdin_is_terminal = io.stdin_is_terminal;
    let (stdout, stderr) = (display.stdout.clone(), display.stderr.clone());
    let plugins = Arc::new(plugins);
    let invocation =
        Invocation { settings, plugins, variables, display, stdin, stdin_is_terminal, interrupts, logging };
    let exit = catch_unwind(AssertUnwindSafe(|| command::execute(parsed.command, invocation)));
    let exit = exit.unwrap_or_else(|_| {
        stderr.line(format!("error: {}", panicked("the command")));
        Exit::Fault
    });
    match stdout.lost() {
        // A caller that relies on the results must not take them for complete.
        Some(why) if matches!(exit, Exit::Done | Exit::Changes) => {
            stderr.line(format!("error: the results could not be written: {why}"));
            Exit::Failed
        }
        _ => exit,
    }
}

/// Returns true if a variable has a say in what is deployed, and where.
fn configures(variable: &str) -> bool {
    variable == "CI" || ["LONGSHORE_", "AWS_"].iter().any(|prefix| variable.starts_with(prefix))
}

/// Prints help and version to standard output, and what is wrong with the command line to standard error.
fn explain(
    error: &clap::Error,
    arguments: &[OsString],
    stdout: &Stream,
    stderr: &Stream,
    terminals: (bool, bool),
    variables: &BTreeMap<String, String>,
) -> Exit {
    let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let (stream, is_terminal) = if is_answer { (stdout, terminals.0) } else { (stderr, terminals.1) };
    let text = error.render();
    // Arguments that hold control sequences are shown without colours, of which theirs could be some.
    let are_printable =
        arguments.iter().all(|argument| argument.to_str().is_some_and(|text| printable(text) == text));
    if are_printable && Style::new(wanted_color(arguments), is_terminal, variables).color {
        stream.clone().with_color(true).write(text.ansi().to_string());
    } else {
        stream.write(text.to_string());
    }
    if is_answer { Exit::Done } else { Exit::Usage }
}

/// Returns the value of `--color` on a command line that could not be parsed.
fn wanted_color(arguments: &[OsString]) -> Color {
    let says = |value: &str| {
        let joined = OsString::from(format!("--color={value}"));
        arguments.contains(&joined)
            || arguments.windows(2).any(|pair| pair == [OsStr::new("--color"), OsStr::new(value)])
    };
    match () {
        () if says("never") => Color::Never,
        () if says("always") => Color::Always,
        () => Color::Auto,
    }
}

fn misused(message: &str, stderr: &Stream) -> Exit {
    stderr.line(format!("error: {message}\n\nFor more information, try '--help'."));
    Exit::Usage
}
