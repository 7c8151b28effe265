//! `credentials`: how the stored credentials are doing.

use longshore_cli::Exit;
use longshore_model::{EventKind, PullStatus};
use longshore_published::{Server, respond};

use crate::{
    assert_shown,
    http::Served,
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
    // The stored credential counts, not the source's.
    project.write("configs/token", NEW_TOKEN);
    let good = project.run(&["credentials", "--fail-within", "14d", "-vvv"]);
    assert_eq!(good.exit, Exit::Done, "{}", good.stderr);
    assert!(!good.stdout.contains(TOKEN) && !good.stderr.contains(TOKEN));
    assert_table!(good.stdout);
    // It is green, but not without a word: no source knows the users of a simulated registry.
    let nobody = "nobody tells when the stored credential `ghcr` of ghcr.io expires";
    assert!(good.stderr.contains(nobody), "{}", good.stderr);
    let quiet = project.run(&["credentials"]);
    assert!(!quiet.stderr.contains(nobody), "{}", quiet.stderr);
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

/// Starts an API of GitHub that gives every request this answer, and returns its URL.
fn github(status: u16, headers: &'static [(&str, &str)]) -> String {
    format!("http://{}", Server::start(None, move |_| respond(status, headers, "{}")).address)
}

#[test]
fn an_end_that_cannot_be_found_out_fails_the_job() {
    let cloud = Served::start();
    let host = &cloud.registry;
    let registry = format!("registries.ghcr.host={host}");
    let image = format!("services.api.image={host}/acme/api:1");
    let project = Project::new();
    let run = |arguments: &[&str], api: &str| {
        let api = format!("registries.ghcr.api={api}");
        project.run(&[arguments, &["--set", &registry, "--set", &image, "--set", &api]].concat())
    };
    let nowhere = "http://127.0.0.1:1";
    assert_eq!(run(&["deploy"], nowhere).exit, Exit::Done);
    let watch = |api: &str| run(&["credentials", "--fail-within", "14d"], api);

    let broken = github(500, &[]);
    let ended = watch(&broken);
    assert_eq!(ended.exit, Exit::Failed, "{}", ended.stdout);
    let reason =
        format!("the stored credential `ghcr` of {host} expires in time cannot be found out: GitHub fails");
    assert!(ended.stderr.contains(&reason), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("at: GET {broken}/user")), "{}", ended.stderr);
    assert!(ended.stdout.contains("  unknown  "), "{}", ended.stdout);
    // A caller that does not ask whether it lasts gets to see the known facts.
    assert_eq!(run(&["credentials"], &broken).exit, Exit::Done);

    let lasting = watch(&github(200, &[]));
    assert_eq!(lasting.exit, Exit::Done, "{}", lasting.stderr);
    assert!(lasting.stdout.contains("  never  "), "{}", lasting.stdout);
    assert!(!lasting.stderr.contains("nobody tells"), "{}", lasting.stderr);

    let past = &[("github-authentication-token-expiration", "2020-01-01 00:00:00 UTC")];
    let expired = watch(&github(200, past));
    assert_eq!(expired.exit, Exit::Failed, "{}", expired.stdout);
    assert!(expired.stdout.contains("  expired  "), "{}", expired.stdout);

    let json = run(&["credentials", "--output", "json"], &github(200, &[]));
    let found = json.events().into_iter().find_map(|event| match event.event {
        EventKind::Credentials { credentials } => credentials.into_iter().next(),
        _ => None,
    });
    let status = found.unwrap();
    assert_eq!((status.expires_at, status.never_expires), (None, true));
    cloud.end();
}
