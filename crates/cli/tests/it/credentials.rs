//! `credentials`: how the stored credentials are doing.

use longshore_cli::Exit;
use longshore_model::{EventKind, PullStatus};

use crate::{
    assert_shown,
    project::{NEW_TOKEN, Project, TOKEN},
};

/// Compares with a snapshot, in which digests, the end of the ARN, and the age are masked: that depends on how long the
/// test takes.
macro_rules! assert_table {
    ($text:expr) => {{
        insta::with_settings!({filters => vec![
            (r"sha256:[0-9a-f]+", "sha256:[digest]"),
            (r"/pull-\w{6}\b", "/pull-[suffix]"),
            (r"acme-bot  \d+[sm] {2,3}", "acme-bot  [age]  "),
        ]}, { insta::assert_snapshot!($text) });
    }};
}

#[test]
fn credentials_are_watched_from_before_the_first_deployment_to_their_end() {
    let project = Project::new();
    let none = project.run(&["credentials"]);
    assert_eq!(none.exit, Exit::Done, "{}", none.stderr);
    assert_shown!(none.stdout);
    assert_eq!(project.run(&["credentials", "--fail-within", "14d"]).exit, Exit::Failed);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Changes, "it only reads");

    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
    // What counts is what is stored, not what the source would yield.
    project.write("configs/token", NEW_TOKEN);
    let good = project.run(&["credentials", "--fail-within", "14d", "-vvv"]);
    assert_eq!(good.exit, Exit::Done, "{}", good.stderr);
    assert!(!good.stdout.contains(TOKEN) && !good.stderr.contains(TOKEN));
    assert_table!(good.stdout);
    let json = project.run(&["credentials", "--output", "json"]);
    let found = json.events().into_iter().find_map(|event| match event.event {
        EventKind::Credentials { credentials } => Some(credentials),
        _ => None,
    });
    let [status] = &found.unwrap()[..] else { panic!("one registry: {}", json.stdout) };
    assert_eq!((status.registry.as_str(), status.user.as_deref()), ("ghcr", Some("acme-bot")));
    assert!(matches!(&status.pull, PullStatus::Ok { images } if images.len() == 1), "{status:?}");

    // The registry no longer accepts it.
    project.write("configs/right-token", NEW_TOKEN);
    let bad = project.run(&["credentials"]);
    assert_eq!(bad.exit, Exit::Done);
    assert_table!(bad.stdout);
    let bad = project.run(&["credentials", "--fail-within", "14d"]);
    assert_eq!(bad.exit, Exit::Failed);
    assert_shown!(bad.errors());
}
