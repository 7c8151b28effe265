//! The state of a stack's lock.

use longshore_model::LockState;

use super::{Style, time, words};

/// Renders the current or last holder of the lock of `stack`. `now` is in milliseconds since the Unix epoch.
pub(super) fn block(stack: &str, lock: Option<&LockState>, now: u64, style: Style) -> String {
    let Some(state) = lock else {
        return format!("{stack} is not locked, and no run has locked it yet.\n");
    };
    let who = words::lock(state);
    let heard = time::since(&state.renewed, now);
    let ago =
        heard.map_or_else(|| time::moment(&state.renewed), |seconds| format!("{} ago", time::rough(seconds)));
    let LockState { epoch, lease, .. } = state;
    if !state.held {
        return format!("{stack} is not locked.\n  last: {who}\n  epoch {epoch}, given back {ago}\n");
    }
    let gone = heard.is_some_and(|seconds| seconds > state.gone_after());
    let note = if gone { "; whoever comes next takes the lock over" } else { "" };
    let locked = style.bold(&format!("{stack} is locked"));
    format!("{locked}: {who}\n  epoch {epoch}, last heard of {ago}, with a lease of {lease}s{note}\n")
}

#[cfg(test)]
mod tests {
    use longshore_model::LockHolder;

    use super::*;

    fn state(held: bool) -> LockState {
        LockState {
            epoch: 12,
            held,
            holder: Some(LockHolder {
                command: "deploy".into(),
                environment: "production".into(),
                who: "jo".into(),
                job: Some("GitHub Actions acme/shop deploy #17".into()),
                url: Some("https://github.com/acme/shop/actions/runs/42".into()),
                since: "2026-11-23T06:27:01Z".into(),
            }),
            renewed: "2026-11-23T06:27:31Z".into(),
            lease: 60,
        }
    }

    #[test]
    fn says_who_holds_the_lock_and_whether_anybody_was_heard_of() {
        // 2026-11-23T06:27:41Z
        let now = 1_795_415_261_000;
        let style = Style::default();
        let foreign = LockState { holder: None, ..state(true) };
        let blocks = [
            block("shop", None, now, style),
            block("shop", Some(&state(true)), now, style),
            block("shop", Some(&state(true)), now + 60_000, style),
            block("shop", Some(&state(true)), now + 61_000, style),
            block("shop", Some(&state(false)), now, style),
            block("shop", Some(&foreign), now, style),
        ];
        insta::assert_snapshot!(blocks.join("\n"));
    }
}
