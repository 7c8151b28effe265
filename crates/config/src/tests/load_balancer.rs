//! The load balancer of a service.

use longshore_model::Name;

use super::{API, Configuration};

#[test]
fn load_balancer_sends_to_the_only_port() {
    let table = "ports.http = 8080\n[services.api.load-balancer]\nlistener = \"arn\"\n";
    let loaded = Configuration::new(&format!("{API}{table}"), "").load();
    let balancer = loaded.service("api").load_balancer.as_ref().unwrap();
    assert_eq!((balancer.container.as_str(), balancer.port), ("api", 8080));
    assert_eq!(balancer.plugin.name, "target-group");
    assert!(balancer.plugin.options.values.contains_key("listener"));
    assert_eq!(
        Name::new("api").map(|name| longshore_model::LoadBalancer::step(&name).to_string()).unwrap(),
        "load-balancer.api"
    );
}

#[test]
fn container_and_port_are_found_or_asked_for() {
    let containers = "[services.api]\n\
        containers.web = { image = \"nginx\", memory = 64, ports = { http = 80, admin = 81 } }\n\
        containers.app = { image = \"nginx\", memory = 64, ports = { http = 82 } }\n\
        containers.log = { image = \"nginx\", memory = 64 }\n";
    let with = |keys: &str| {
        let base = format!("stack = \"acme\"\n{containers}[services.api.load-balancer]\n{keys}");
        Configuration::new(&base, "")
    };
    for (keys, container, port) in [
        ("container = \"app\"", "app", 82),
        ("container = \"web\"\ncontainer-port = \"admin\"", "web", 81),
        ("container = \"log\"\ncontainer-port = 90", "log", 90),
    ] {
        let loaded = with(keys).load();
        let balancer = loaded.service("api").load_balancer.as_ref().unwrap();
        assert_eq!((balancer.container.as_str(), balancer.port), (container, port), "{keys}");
    }
    let wrong = [
        "",
        "container = \"wbe\"",
        "container = \"web\"",
        "container = \"web\"\ncontainer-port = \"https\"",
        "container = \"log\"",
        "container = \"app\"\ncontainer-port = 0",
    ];
    let shown: Vec<_> = wrong.iter().map(|keys| format!("{keys}\n{}", with(keys).errors())).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}
