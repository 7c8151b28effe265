//! The output for programs: JSON lines.

use longshore_cli::Exit;
use longshore_model::{Event, EventKind, FailureKind, Outcome};

use crate::project::Project;

fn finished(events: &[Event]) -> (Outcome, Vec<(String, usize)>) {
    match &events.last().unwrap().event {
        EventKind::RunFinished { outcome, actions, .. } => (*outcome, actions.clone().into_iter().collect()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_line_is_an_event() {
    let project = Project::new();
    let deploy = project.run(&["deploy", "--output", "json"]);
    assert_eq!((deploy.exit, deploy.stderr.as_str()), (Exit::Done, ""));
    let events = deploy.events();
    assert!(
        matches!(&events[0].event, EventKind::RunStarted { command, stack, .. } if command == "deploy" && stack == "shop")
    );
    assert_eq!(finished(&events), (Outcome::Succeeded, vec![("create".to_owned(), 6)]));
    assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at), "time goes on");
    let status = events.iter().find_map(|event| match &event.event {
        EventKind::Status { services } => Some(services),
        _ => None,
    });
    assert_eq!(status.map(|services| (services.len(), services[0].running)), Some((1, 2)));

    let again = project.run(&["deploy", "--output", "json"]).events();
    assert_eq!(finished(&again), (Outcome::Succeeded, vec![("no-change".to_owned(), 6)]));
    let destroy = project.run(&["destroy", "--yes", "--output", "json"]).events();
    let log_group_stays = ("no-change".to_owned(), 1);
    assert_eq!(finished(&destroy), (Outcome::Succeeded, vec![("delete".to_owned(), 5), log_group_stays]));
}

#[test]
fn the_virtual_clock_shows_in_the_times() {
    let project = Project::new();
    let started = std::time::Instant::now();
    let events = project.run(&["deploy", "--output", "json"]).events();
    let took = events.last().unwrap().at - events[0].at;
    assert!(took > 20_000, "tasks take their time: {took} ms");
    assert!(started.elapsed().as_millis() < u128::from(took), "and nobody waits for it");
}

#[test]
fn steps_run_one_at_a_time_where_that_is_wanted() {
    let most_at_a_time = |arguments: &[&str]| {
        let (mut running, mut most) = (0_usize, 0);
        for event in Project::new().run(arguments).events() {
            match event.event {
                EventKind::StepStarted { .. } => running += 1,
                EventKind::StepSucceeded { .. } => running -= 1,
                _ => {}
            }
            most = most.max(running);
        }
        most
    };
    assert_eq!(most_at_a_time(&["deploy", "--output", "json", "--concurrency", "1"]), 1);
    // Steps that wait for nothing end where they begin, so only those that wait are under way at the same time.
    assert_eq!(most_at_a_time(&["deploy", "--output", "json"]), 3);
}

#[test]
fn problems_are_events_too() {
    let project = Project::new().variable("LONGSHORE_OUTPUT", "json");
    let plan = project.run(&["plan", "--set", "services.api.memroy=3", "--set", "cloud.seeed=3"]);
    assert_eq!((plan.exit, plan.stderr.as_str()), (Exit::Failed, ""));
    let events = plan.events();
    let [Event { event: EventKind::CommandFailed { failures }, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(failures.len(), 2);
    assert!(failures.iter().all(|failure| failure.kind == FailureKind::Invalid && failure.help.is_some()));
    let missing = project.run(&["destroy"]).events();
    assert!(matches!(&missing[..], [Event { event: EventKind::CommandFailed { .. }, .. }]));
}

#[test]
fn listings_are_json_lines() {
    let project = Project::new();
    for command in ["config", "graph", "plugins"] {
        let ran = project.run(&[command, "--output", "json"]);
        assert_eq!(ran.exit, Exit::Done, "{}", ran.stderr);
        assert!(ran.stdout.lines().count() > 3, "{command}");
        assert!(
            ran.stdout
                .lines()
                .all(|line| serde_json::from_str::<serde_json::Value>(line).unwrap().is_object())
        );
    }
}
