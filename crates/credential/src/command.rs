//! Secret values that commands print.

use longshore_model::{Failure, FailureKind, Secret};
use longshore_plugin::{Context, Result};

use crate::{Environment, Program, VALUE_LIMIT};

/// The part of a command's output that is the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// The first line: password managers print notes below a password.
    FirstLine,
    /// All of it.
    Whole,
}

/// Runs `program`, without a shell and without input, and returns its standard output.
pub(crate) async fn output(
    context: &Context,
    environment: &Environment,
    program: &str,
    arguments: &[String],
    output: Output,
) -> Result<Secret<String>> {
    let title = format!("command `{program}`");
    let fail = |kind, what: &str| Failure::new(kind, format!("the {title} {what}"));
    let finished =
        Program::new(&title, program).arguments(arguments).within(environment).run(context).await?;
    if !finished.status().success() {
        let ended = format!("failed with {}", finished.status());
        // Whatever it says may be the secret.
        let said = if environment.shows_errors() { finished.said() } else { String::new() };
        let ended = if said.is_empty() { ended } else { format!("{ended}: {said}") };
        return Err(fail(FailureKind::Denied, &ended).help("run it by hand to see what it says"));
    }
    let printed = match output {
        Output::FirstLine => finished.stdout().split(|byte| *byte == b'\n').next().unwrap_or_default(),
        Output::Whole => finished.stdout(),
    };
    if printed.len() > VALUE_LIMIT {
        return Err(fail(FailureKind::Invalid, "prints more than a secret may have: 65,536 bytes"));
    }
    match std::str::from_utf8(printed) {
        Ok(text) => Ok(Secret::new(text.to_owned())),
        Err(_) => Err(fail(FailureKind::Invalid, "prints something that is no UTF-8 text")),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::testing::context;

    const SECRET: &str = "correct-horse-battery-staple";

    async fn run(program: &str, arguments: &[String], printed: Output) -> Result<Secret<String>> {
        output(&context(), &Environment::default(), program, arguments, printed).await
    }

    /// Runs it where its words are shown.
    async fn shown(script: &str) -> Failure {
        let environment = Environment::default().showing_errors(true);
        let arguments = ["-c".to_owned(), script.to_owned()];
        output(&context(), &environment, "sh", &arguments, Output::FirstLine).await.unwrap_err()
    }

    #[tokio::test]
    async fn words_of_failing_command_are_not_shown() {
        for script in [
            format!("printf {SECRET} | base64 >&2; exit 3"),
            format!("echo 'the secret is {SECRET}' >&2; exit 3"),
            format!("printf {SECRET} | od -An -tx1 >&2; exit 3"),
        ] {
            let arguments = ["-c".to_owned(), script];
            let failure = run("sh", &arguments, Output::FirstLine).await.unwrap_err();
            assert_eq!(failure.message, "the command `sh` failed with exit status: 3");
        }
    }

    async fn sh(script: &str) -> Result<Secret<String>> {
        run("sh", &["-c".to_owned(), script.to_owned()], Output::FirstLine).await
    }

    async fn refused(script: &str) -> String {
        let failure = shown(script).await;
        let text = format!("{:?}: {failure}", failure.kind);
        assert!(!format!("{text}{failure:?}").contains(SECRET), "{text}");
        text
    }

    #[tokio::test]
    async fn the_first_line_of_standard_output_counts() {
        let value = sh(&format!("echo noise >&2; echo {SECRET}; echo more; yes | head -c 200000")).await;
        assert_eq!(value.unwrap().expose(), SECRET);
    }

    #[tokio::test]
    async fn the_whole_output_may_be_the_value() {
        let printed = run("printf", &["a\n b\r\n\n".to_owned()], Output::Whole).await.unwrap();
        assert_eq!(printed.expose(), "a\n b\r\n\n");
        let long = run("head", &["-c", "70000", "/dev/zero"].map(str::to_owned), Output::Whole).await;
        assert!(long.is_err(), "a part of a secret is no secret");
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_may_take_its_time_on_a_paused_clock() {
        assert_eq!(sh("sleep 0.2; echo x").await.unwrap().expose(), "x");
    }

    #[tokio::test]
    async fn arguments_reach_the_command_as_they_are() {
        let arguments = ["%s", "a b; $HOME *"].map(str::to_owned);
        assert_eq!(run("printf", &arguments, Output::FirstLine).await.unwrap().expose(), "a b; $HOME *");
    }

    #[tokio::test]
    async fn says_why_a_command_fails_without_what_it_printed() {
        let echo = format!("echo {SECRET}; echo \"cannot use {SECRET} of $0\" >&2; exit 3");
        let scripts = [
            echo.as_str(),
            "echo ghp_0123456789abcdef is bad >&2; exit 1",
            "exit 1",
            "kill -9 $$",
            "head -c 70000 /dev/zero",
            r"printf '\377'",
        ];
        let mut failures = Vec::new();
        for script in scripts {
            failures.push(refused(script).await);
        }
        let missing = run("/nowhere/no-such-command", &[], Output::FirstLine).await;
        failures.push(missing.unwrap_err().to_string());
        insta::assert_snapshot!(failures.join("\n"));
    }

    #[tokio::test]
    async fn the_end_of_a_long_story_is_told() {
        let text = refused("yes trace | head -c 100000 >&2; echo 'the reason' >&2; exit 1").await;
        assert!(text.len() < 800 && text.contains("the reason"), "{text}");
    }
}
