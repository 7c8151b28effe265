//! The command line's grammar.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::duration;

/// Ships private container images to Amazon ECS.
///
/// One declaration, `image = "ghcr.io/acme/api:1.4.2"`, becomes a credential that was proved to pull that image, a
/// secret that holds it, an execution role that may read that secret and nothing else, a task definition that names
/// both, and a service that is followed until its tasks run or until it is known why they do not.
#[derive(Debug, Parser)]
#[command(
    name = "longshore",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_long_help = EXAMPLES
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  longshore plan                                  what a deployment would change
  longshore deploy                                in the simulated cloud of the environment `local`
  longshore deploy --env production               in the AWS account of that environment
  longshore deploy --set services.api.memory=1024 with one value changed
  longshore status --output json                  for other programs

Exit codes:
  0    done, or nothing to do
  1    it failed, and standard error says why
  2    `plan --detailed-exitcode` found changes, or `drift` found drift
  64   the command line is wrong, or does not name the environment in a pipeline
  70   a fault of Longshore or of a plugin of its own, which standard error names
  130  interrupted: the first Ctrl-C lets running calls end, the second one ends at once";

/// What all commands understand.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// The environment, whose layer `configs/ENV.toml` is loaded [env: LONGSHORE_ENV] [default: local, except where CI
    /// is set and something is changed]
    #[arg(long, global = true, value_name = "ENV", help_heading = "Global options")]
    pub(crate) env: Option<String>,

    /// The directory of the configuration [env: LONGSHORE_CONFIG_DIR] [default: configs]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) config_dir: Option<PathBuf>,

    /// Changes one value of the configuration, above all other layers; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", help_heading = "Global options")]
    pub(crate) set: Vec<String>,

    /// Text for people, or one JSON object a line: the stream of events [env: LONGSHORE_OUTPUT] [default: text]
    #[arg(long, global = true, value_name = "FORMAT", help_heading = "Global options")]
    pub(crate) output: Option<OutputFormat>,

    /// Logs to standard error: -v what is done, -vv how, -vvv everything [env: LONGSHORE_VERBOSE, LONGSHORE_LOG]
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,

    /// Colours; `auto` is for terminals only and heeds NO_COLOR [env: LONGSHORE_COLOR] [default: auto]
    #[arg(long, global = true, value_name = "WHEN", help_heading = "Global options")]
    pub(crate) color: Option<Color>,

    /// Shows what commands and Docker's helpers say that fail to yield a secret; it may hold the secret
    /// [env: LONGSHORE_SHOW_HELPER_ERRORS]
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) show_helper_errors: bool,
}

/// In which form results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On terminals, unless NO_COLOR is set.
    Auto,
    /// Also where there is no terminal.
    Always,
    /// Not at all.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows what a deployment would change; reads only
    ///
    /// Every credential is proved by reading the manifests of the images that it must pull.
    #[command(after_help = "Example:\n  longshore plan --env production --detailed-exitcode")]
    Plan(Plan),

    /// Makes AWS as the configuration declares it, and follows the services until their tasks run
    ///
    /// Asks before the plan takes anything away: before it prunes orphans, which are resources of the stack that the
    /// configuration no longer declares, and before it replaces a declared resource or stops the tasks of a service.
    /// Without a terminal, an option has to answer; otherwise the run ends before it changes anything.
    ///
    /// A service whose rollout fails goes back to the revision that ran before, unless its `deployment.rollback` is false;
    /// `longshore rollback` takes services back later.
    #[command(after_help = "\
Questions                              Answers
  prune orphans?                       --prune or --yes; --no-prune leaves them and does the rest
  replace or stop what is declared?    --yes
  either of them                       --plan FILE, as far as the plan in it shows it

Examples:
  longshore deploy --env production --concurrency 20
  longshore deploy --env production --no-prune      from an old branch, for instance")]
    Deploy(Deploy),

    /// Shows what is not as the configuration declares it, and who owns it; reads only
    ///
    /// Every field with what is declared and what was found. Exits with 2 when something drifted: for a scheduled job.
    #[command(after_help = "Example:\n  longshore drift --env production\n  longshore drift --all")]
    Drift(Drift),

    /// Adopts existing, untagged resources and updates them to match the configuration
    ///
    /// What carries no tag of Longshore's is never changed, until it is adopted: here, or below `[adopt]` in the
    /// configuration. What belongs to another stack or environment is not.
    #[command(after_help = "Example:\n  longshore adopt role.api credential.ghcr --env production")]
    Adopt(Adopt),

    /// Shows or takes away the stack's lock, which a run holds as long as it changes the stack
    Lock(Lock),

    /// Shows the services, their tasks, images and last events; reads only
    #[command(after_help = "Example:\n  longshore status --env production --output json")]
    Status(Status),

    /// Takes services back to an earlier revision, and follows them until their tasks run
    ///
    /// Without `--to`, a service goes back to the last revision before that was deployed with success. The configuration stays
    /// as it is: `longshore plan` shows the difference, and the next deploy brings what is declared.
    #[command(
        after_help = "Examples:\n  longshore rollback --env production\n  longshore rollback api --to 7 --env production"
    )]
    Rollback(Rollback),

    /// Replaces the tasks of services by others of the same revision, and follows them until they run
    #[command(after_help = "Example:\n  longshore restart api --env production --yes")]
    Restart(Restart),

    /// Removes what carries the stack's and the environment's tag, in reverse order
    ///
    /// Shows what will be removed, and asks for the stack's name before it removes anything.
    #[command(after_help = "Example:\n  longshore destroy --env local --yes")]
    Destroy(Destroy),

    /// Replaces the stored credentials; tasks use the new ones from their next launch on
    ///
    /// The new credential is fetched, or made where the registry's source makes tokens. It waits in the secret as
    /// AWSPENDING until it has pulled every image as it is stored, and only then becomes AWSCURRENT. One that does not
    /// pull is discarded, and what tasks read stays as it is.
    #[command(after_help = "Example:\n  longshore rotate ghcr --env production")]
    Rotate(Rotate),

    /// Shows the stored credentials: age, expiry, and whether they pull now; reads only
    ///
    /// The pull check uses what is stored, which is what tasks use, and not what the source yields.
    #[command(after_help = "Example:\n  longshore credentials --env production --fail-within 14d")]
    Credentials(Credentials),

    /// Prints the merged configuration and where each value came from; secrets are not shown
    #[command(after_help = "Example:\n  longshore config --set services.api.memory=1024")]
    Config,

    /// Checks the configuration as far as that needs no network, no credential and no AWS account
    ///
    /// Everything that is wrong is reported at once, with file and line. The options of programs that are plugins are checked
    /// by `plan`, because only the programs know them.
    #[command(after_help = "Example:\n  longshore validate --env production")]
    Validate,

    /// Shows the plan that `plan --out` has kept in a file
    ///
    /// Nothing else is read: neither the configuration nor AWS.
    #[command(after_help = "Example:\n  longshore show plan.json")]
    Show(Show),

    /// Draws the graph of steps
    #[command(after_help = "Example:\n  longshore graph --format mermaid > graph.mmd")]
    Graph(Graph),

    /// Serves the simulated cloud over HTTP, in real time, until it is interrupted
    ///
    /// AWS and the registries of the configuration's `[cloud]` answer at one address. Docker knows a registry by its address
    /// alone, so `--registry` gives one to a registry. On 127.0.0.1 Docker's engine takes it without TLS.
    #[command(
        after_help = "Example:\n  longshore cloud --listen 127.0.0.1:4566 --registry ghcr.io=127.0.0.1:5001 --state cloud.json"
    )]
    Cloud(Cloud),

    /// Prints a completion script for a shell
    #[command(
        after_help = "Example:\n  longshore completions bash > ~/.local/share/bash-completion/completions/longshore"
    )]
    Completions(Completions),

    /// Lists the plugins that a configuration can name with `use`, or describes one with its options
    #[command(after_help = "Example:\n  longshore plugins ghcr")]
    Plugins(Plugins),

    /// Tests a program that is a plugin: the protocol, and the suite of each kind of plugin that it is
    ///
    /// Each case has a program, a home directory and a `{dir}` of its own, which are removed in the end. A first answer is what
    /// all others are held against; what the options do not allow to test is left out and named.
    #[command(after_help = "\
Example:
  longshore plugin-test --option file=right.netrc --absent file=empty.netrc -- ./longshore-credential-netrc")]
    PluginTest(PluginTest),
}

impl Command {
    /// How many steps run at a time, where the command says it.
    pub(crate) fn concurrency(&self) -> Option<NonZeroUsize> {
        match self {
            Self::Plan(options) => options.run.concurrency,
            Self::Deploy(options) => options.run.concurrency,
            Self::Drift(options) => options.run.concurrency,
            Self::Adopt(options) => options.run.concurrency,
            Self::Status(options) => options.run.concurrency,
            Self::Destroy(options) => options.run.concurrency,
            Self::Rollback(options) => options.services.run.concurrency,
            Self::Restart(options) => options.services.run.concurrency,
            Self::Rotate(options) => options.run.concurrency,
            Self::Credentials(options) => options.run.concurrency,
            Self::Lock(_)
            | Self::Config
            | Self::Validate
            | Self::Show(_)
            | Self::Graph(_)
            | Self::Cloud(_)
            | Self::Completions(_)
            | Self::Plugins(_)
            | Self::PluginTest(_) => None,
        }
    }
}

/// Options of `plugin-test`.
#[derive(Args, Debug)]
pub(crate) struct PluginTest {
    /// An option of the program, as JSON or text, with `{dir}` for the directory of a case; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) option: Vec<String>,
    /// An option with which a source finds nothing; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) absent: Vec<String>,
    /// An option that makes another declaration of a step; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) change: Vec<String>,
    /// A secret that the program is given, by the environment variable that holds it; may be repeated
    #[arg(long, value_name = "NAME=VARIABLE")]
    pub(crate) secret: Vec<String>,
    /// An environment variable that the program inherits; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) pass: Vec<String>,
    /// The registry whose credential is asked for
    #[arg(long, value_name = "HOST", default_value = "registry.example.com")]
    pub(crate) host: String,
    /// The longest time for one request
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<String>,
}

/// Options of `plan`.
#[derive(Args, Debug)]
pub(crate) struct Plan {
    /// Exits with 0 when there is nothing to do, with 2 when there are changes, and with 1 on errors
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Keeps the plan in a file, for `deploy --plan`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Leaves orphans as they are, as `deploy --no-prune` does
    #[arg(long)]
    pub(crate) no_prune: bool,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Options of `drift`.
#[derive(Args, Debug)]
pub(crate) struct Drift {
    #[command(flatten)]
    pub(crate) run: Run,
    /// Lists the settings of services, too, that nothing declares and that a deploy leaves as they are
    #[arg(long)]
    pub(crate) all: bool,
}

/// Options of `adopt`.
#[derive(Args, Debug)]
pub(crate) struct Adopt {
    /// The steps whose resources are adopted, as `longshore graph` shows them
    #[arg(value_name = "STEP", required = true)]
    pub(crate) steps: Vec<String>,
    /// Does not ask before the tasks of an adopted service are stopped
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) locking: Locking,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Options of `deploy`.
#[derive(Args, Debug)]
pub(crate) struct Deploy {
    /// Applies the plan in a file, of `plan --out`: where anything would be done otherwise by now, nothing is done
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// What becomes of what was done when something fails or the run is interrupted: `keep` it, so that the next deploy
    /// goes on from there, or `undo` it, newest first
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnFailure::Keep)]
    pub(crate) on_failure: OnFailure,
    #[command(flatten)]
    pub(crate) approval: Approval,
    #[command(flatten)]
    pub(crate) locking: Locking,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Answers to the questions of a deployment, given beforehand.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Approval {
    /// Prunes without asking: removes the stack's resources that the configuration no longer declares
    #[arg(long, conflicts_with = "no_prune")]
    pub(crate) prune: bool,
    /// Does not prune: leaves orphans as they are
    #[arg(long, conflicts_with = "plan")]
    pub(crate) no_prune: bool,
    /// Does not ask: prunes, and replaces and stops what is declared, as the plan says
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Options of whatever changes the stack.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Locking {
    /// How long to wait while another run holds the stack's lock; 0 does not wait
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration::parse)]
    pub(crate) lock_timeout: Duration,
    /// Goes without the stack's lock: nothing keeps another run from changing the stack at the same time
    #[arg(long, conflicts_with = "lock_timeout")]
    pub(crate) no_lock: bool,
}

/// Options of `lock`.
#[derive(Args, Debug)]
pub(crate) struct Lock {
    #[command(subcommand)]
    pub(crate) action: LockAction,
}

/// What to do with the stack's lock.
#[derive(Debug, Subcommand)]
pub(crate) enum LockAction {
    /// Shows who holds the lock, or held it last; reads only
    #[command(after_help = "Example:\n  longshore lock show --env production")]
    Show,

    /// Takes the lock away from its holder: for a run that hangs
    ///
    /// A run that died loses the lock by itself, within a minute. One that lives finds out within seconds, changes nothing
    /// any more, and fails. Asks for the stack's name before.
    #[command(after_help = "Example:\n  longshore lock release --env production --yes")]
    Release {
        /// Does not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What becomes of what a run did that does not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnFailure {
    /// It stays.
    Keep,
    /// It is taken back.
    Undo,
}

/// Options of `status`.
#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Options of `destroy`.
#[derive(Args, Debug)]
pub(crate) struct Destroy {
    /// Does not ask
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) locking: Locking,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Options of `rollback`.
#[derive(Args, Debug)]
pub(crate) struct Rollback {
    /// The revision of the service's task definition: its number, FAMILY:NUMBER or its ARN
    #[arg(long, value_name = "REVISION", conflicts_with = "all")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) services: Services,
}

/// Options of `restart`.
#[derive(Args, Debug)]
pub(crate) struct Restart {
    #[command(flatten)]
    pub(crate) services: Services,
}

/// Options of what is done to services that run.
#[derive(Args, Debug)]
pub(crate) struct Services {
    /// The services, by their names in the configuration; needed if the stack has several
    #[arg(value_name = "SERVICE")]
    pub(crate) named: Vec<String>,
    /// All services of the stack
    #[arg(long, conflicts_with = "named")]
    pub(crate) all: bool,
    /// Does not ask
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) locking: Locking,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Options of `rotate`.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// The registries, by their names in the configuration; otherwise all of them
    #[arg(value_name = "REGISTRY")]
    pub(crate) registries: Vec<String>,
    /// How long a token that was replaced stays valid: tasks that are being launched may have read it
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration::parse)]
    pub(crate) grace: Duration,
    #[command(flatten)]
    pub(crate) locking: Locking,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Options of `credentials`.
#[derive(Args, Debug)]
pub(crate) struct Credentials {
    /// Exits with 1 when a credential expires within this time or its registry was asked in vain, when it does not pull,
    /// or is not stored: for a scheduled job
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) fail_within: Option<Duration>,
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Options of whatever runs steps.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Run {
    /// How many steps run, or services are read, at a time [env: LONGSHORE_CONCURRENCY] [default: all that are ready]
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<NonZeroUsize>,
}

/// Options of `graph`.
#[derive(Args, Debug)]
pub(crate) struct Graph {
    /// The form of the drawing
    #[arg(long, value_enum, default_value_t = GraphFormat::Tree)]
    pub(crate) format: GraphFormat,
}

/// The form of a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Text.
    Tree,
    /// A Mermaid flowchart, for Markdown.
    Mermaid,
    /// Graphviz.
    Dot,
}

/// Options of `cloud`.
#[derive(Args, Debug)]
pub(crate) struct Cloud {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    pub(crate) listen: SocketAddr,
    /// A registry of the cloud, and an address at which it answers alone; may be repeated
    #[arg(long = "registry", value_name = "HOST=ADDRESS", value_parser = registry_at)]
    pub(crate) registries: Vec<(String, SocketAddr)>,
    /// A file that keeps the cloud's state; otherwise it is forgotten at the end
    ///
    /// A change is on disk before it is answered. Beyond 128 KiB of state, it is within a second: a process that is killed
    /// loses the changes of its last second.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// A name, beside those of the loopback, for which the cloud answers; may be repeated
    ///
    /// A page in a browser reaches this address under names of its own. So other names in `Host`, and pages (`Origin`), are
    /// refused.
    #[arg(long = "allow-host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// A file with the access key and its secret, `ID:SECRET`; otherwise chance makes a key, which the state keeps
    #[arg(long, value_name = "FILE", conflicts_with = "allow_any_key")]
    pub(crate) key_file: Option<PathBuf>,
    /// Takes every access key, and does not verify signatures
    #[arg(long)]
    pub(crate) allow_any_key: bool,
}

/// Reads the value of `--registry`.
fn registry_at(text: &str) -> Result<(String, SocketAddr), String> {
    let (host, address) = text.rsplit_once('=').ok_or("write it as in ghcr.io=127.0.0.1:5001")?;
    let address = address.parse().map_err(|_| format!("`{address}` is no address such as 127.0.0.1:5001"))?;
    Ok((host.to_owned(), address))
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Plugins {
    /// The plugin to describe
    pub(crate) name: Option<String>,
}

/// Options of `show`.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The file with the plan
    #[arg(value_name = "FILE")]
    pub(crate) plan: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Arguments::command().debug_assert();
    }
}
