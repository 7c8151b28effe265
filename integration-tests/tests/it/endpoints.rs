//! The destinations of calls that the environment redirects: as in every AWS SDK, a variable for one service goes
//! before the one for all.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use crate::longshore::{Project, Server};

/// An emulator that has nothing of what it is asked for.
fn lacking() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let answer = r#"{"__type":"InternalFailure","message":"of the test"}"#;
            let head = format!("Connection: close\r\nContent-Length: {}", answer.len());
            let _ = stream.read(&mut [0; 65_536]);
            let _ = write!(stream, "HTTP/1.1 501 Not Implemented\r\n{head}\r\n\r\n{answer}");
        }
    });
    url
}

#[test]
fn a_variable_for_one_service_leads_its_calls_elsewhere() {
    let cloud = Server::simulated_cloud(&Project::new());
    let project =
        Project::new().variable("AWS_ENDPOINT_URL", &cloud.url).variable("AWS_ENDPOINT_URL_ECS", &lacking());
    let plan = project.longshore(&["plan"]).code(1);
    let role = format!("role.{}", crate::longshore::SERVICE);
    assert!(plan.stderr.lines().any(|line| line.contains(&role) && line.contains("to create")), "{plan:?}");
    assert!(plan.stderr.contains("error in cluster.default (unavailable)\n  of the test (InternalFailure)"));
    assert!(plan.stderr.contains("help: the endpoint does not have this call"), "{plan:?}");

    // The configuration's endpoint is for all calls.
    let plan = project.longshore(&["plan", "--set", &format!("aws.endpoint={}", cloud.url)]).code(0);
    assert!(plan.stdout.contains("to create, 0 to update"), "{plan:?}");
}
