//! The load balancer of a service.

use longshore_model::{Name, Service};

use super::{API, Configuration};

#[test]
fn load_balancer_is_split_between_plugin_and_deployer() {
    let table = "[services.api.load-balancer]\nlistener = \"arn\"\ncontainer-port = 80\n";
    let loaded = Configuration::new(&format!("{API}{table}"), "").load();
    let service = loaded.service("api");
    let balancer = service.load_balancer.as_ref().unwrap();
    assert_eq!(balancer.name, "target-group");
    let listener = serde_json::json!({ "listener": "arn" });
    assert_eq!(serde_json::Value::Object(balancer.options.values.clone()), listener);
    let target = serde_json::json!({ "container-port": 80 });
    assert_eq!(service.deployer.options.values["load-balancer"], target);
    let step = Name::new("api").map(|name| Service::load_balancer_step(&name).to_string());
    assert_eq!(step.unwrap(), "load-balancer.api");
}
