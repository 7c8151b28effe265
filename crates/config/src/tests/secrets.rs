//! Secrets that are written into the configuration are not shown.

use super::{API, Configuration};

const TOKEN: &str = "ghp_hunter2hunter2hunter2";

#[test]
fn a_literal_token_is_in_no_listing_and_no_debug() {
    let local =
        format!("registries.ghcr.token = '{TOKEN}'\nservices.api.environment.DB_PASSWORD = '{TOKEN}'");
    let configuration = Configuration::new(API, &local)
        .variable("LONGSHORE_STORES__DEFAULT__API_KEY", TOKEN)
        .set(&format!("services.api.command=[\"--with\", \"{TOKEN}\"]"));
    let listing = configuration.listing();
    for key in [
        "registries.ghcr.token",
        "services.api.environment.DB_PASSWORD",
        "services.api.command",
        "stores.default.api-key",
    ] {
        assert!(listing.contains(&format!("\n{key} = (secret)  # ")), "{key}:\n{listing}");
    }
    let loaded = configuration.load();
    let registry = loaded.stack.registries.values().next().unwrap();
    let shown = format!("{:?}{registry:?}{:?}{listing}", configuration.layers, loaded.stack.stores);
    assert!(!shown.contains(TOKEN), "{shown}");
}

#[test]
fn where_a_token_is_found_is_shown() {
    let listing = Configuration::new(API, "").listing();
    assert!(
        listing.contains("registries.ghcr.token.env = \"GHCR_TOKEN\"  # configs/base.toml:6"),
        "{listing}"
    );
}

#[test]
fn no_error_repeats_a_token_wherever_it_stands() {
    // The token in the place of every value, one after the other.
    let base = r#"
stack = "acme"
aws = { region = "R", profile = "", account = "R", endpoint = "R" }
[registries.ghcr]
use = "ghcr"
host = "R R"
store = "R"
secret-name = "R-"
[services.api]
image = "R R"
registry = "R"
cluster = "R R"
execution-role.name = "R R"
execution-role.managed-policies.task = "arn:R"
"#;
    let errors = Configuration::new(&base.replace('R', TOKEN), "").set(TOKEN).errors();
    assert!(!errors.contains(TOKEN), "{errors}");
    assert_eq!(errors.lines().count(), 12, "{errors}");
}
