//! The suite that every step plugin passes.

use async_trait::async_trait;
use longshore_plugin::Node;
use longshore_testkit::step::{self, Abilities};
use serde_json::json;

use super::{Bench, node};

/// Keeps a record in a file, and the one before it in another.
const RECORD: &str = r#"
case "$STEP_PHASE" in
plan)
    if [ "$(cat record 2>/dev/null)" = "$TARGET" ]; then
        echo '{"action": "no-change"}'
        echo '{"output": "name", "value": "api"}'
    else
        echo '{"action": "update"}'
        echo "{\"change\": \"target\", \"new\": \"$TARGET\"}"
    fi ;;
apply)
    cp record previous 2>/dev/null
    printf %s "$TARGET" > record
    echo '{"output": "name", "value": "api"}' ;;
plan-removal)
    if [ -e record ]; then echo '{"action": "delete"}'; else echo '{"action": "no-change"}'; fi ;;
remove)
    rm -f record previous ;;
undo)
    rm -f record
    mv previous record 2>/dev/null || true ;;
esac
"#;

impl Bench {
    fn record(&self) -> Option<String> {
        std::fs::read_to_string(self.directory.path().join("record")).ok()
    }

    fn node_of(&self, target: &str) -> Node {
        let more = json!({
            "phases": ["plan", "apply", "plan-removal", "remove", "undo"],
            "inputs": { "TARGET": target },
            "outputs": { "name": "text" },
        });
        node(&self.options(RECORD, more)).unwrap()
    }
}

#[async_trait]
impl step::Harness for Bench {
    fn node(&self) -> Node {
        self.node_of("one")
    }

    fn changed(&self) -> Node {
        self.node_of("two")
    }

    fn changed_fields(&self) -> Vec<String> {
        vec!["target".to_owned()]
    }

    fn abilities(&self) -> Abilities {
        Abilities { owns: false, ..Abilities::RESOURCE }
    }

    async fn there(&self) -> Option<String> {
        self.record()
    }

    async fn drift(&self) -> Vec<String> {
        std::fs::write(self.directory.path().join("record"), "three").unwrap();
        vec!["target".to_owned()]
    }

    async fn writes(&self) -> String {
        format!("{:?}", self.record())
    }

    /// A program is not cut off: it ends, or its run does.
    async fn cut_off_after(&self, _: u32) -> bool {
        false
    }
}

#[tokio::test]
async fn program_passes_the_suite_of_steps() {
    let report = step::suite(async || Bench::new()).await;
    assert_eq!(report.left_out.len(), 3, "{report}");
}
