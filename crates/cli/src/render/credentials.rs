//! The status of the registries' credentials.

use jiff::Timestamp;
use longshore_model::{CredentialStatus, PullStatus};

use super::{Style, failure, time, words};

const TITLES: [&str; 7] = ["REGISTRY", "USER", "AGE", "EXPIRES", "PULLS LEFT", "PULL CHECK", "SOURCE"];

/// The column of the pull check, which is coloured.
const CHECK: usize = 5;

/// A row for each registry; below the table where its credential is stored, what it is, and what is wrong with it.
/// `at` is now, in milliseconds since the Unix epoch.
pub(super) fn table(credentials: &[CredentialStatus], at: u64, style: Style) -> String {
    if credentials.is_empty() {
        return "The configuration declares no registries that need a credential.\n".to_owned();
    }
    let rows: Vec<_> = credentials.iter().map(|status| row(status, at / 1000)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([TITLES[column].len()]).max().unwrap_or_default()
    };
    let widths: [usize; 7] = std::array::from_fn(width);
    let line = |cells: &[String; 7], paint: &dyn Fn(usize, String) -> String| {
        let cells = cells.iter().enumerate().map(|(column, cell)| {
            let last = column + 1 == cells.len();
            let padded = if last { cell.clone() } else { format!("{cell:0$}", widths[column]) };
            paint(column, padded)
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  "))
    };
    let mut text = line(&TITLES.map(str::to_owned), &|_, cell| style.dim(&cell));
    for (status, row) in credentials.iter().zip(&rows) {
        let paint = |column: usize, cell: String| match (column, &status.pull) {
            (CHECK, PullStatus::Ok { .. }) => style.green(&cell),
            (CHECK, PullStatus::Refused { .. }) => style.red(&cell),
            (CHECK, PullStatus::NotStored) => style.yellow(&cell),
            _ => cell,
        };
        text.push_str(&line(row, &paint));
    }
    for status in credentials {
        text.push_str(&details(status, style));
    }
    text
}

fn row(status: &CredentialStatus, now: u64) -> [String; 7] {
    let none = || "-".to_owned();
    let seconds = |moment: &Option<String>| {
        let at = moment.as_ref()?.parse::<Timestamp>().ok()?;
        u64::try_from(at.as_second()).ok()
    };
    let age = seconds(&status.stored_at).map(|at| time::rough(now.saturating_sub(at)));
    let expires = seconds(&status.expires_at).map(|at| match at.checked_sub(now) {
        Some(left) if left > 0 => format!("in {}", time::rough(left)),
        _ => "expired".to_owned(),
    });
    let expires = expires.unwrap_or_else(|| match &status.pull {
        PullStatus::NotStored | PullStatus::Unused if status.stored_at.is_none() => none(),
        _ if status.never_expires => "never".to_owned(),
        _ => "unknown".to_owned(),
    });
    let check = match &status.pull {
        PullStatus::Ok { images } => format!("ok ({})", words::count(images.len(), "image")),
        PullStatus::Refused { failure } => words::failure(failure.kind).to_owned(),
        PullStatus::NotStored => "not stored yet".to_owned(),
        PullStatus::Unused => "no images".to_owned(),
    };
    [
        status.registry.clone(),
        status.user.clone().unwrap_or_else(none),
        age.unwrap_or_else(none),
        expires,
        status.remaining_pulls.map_or_else(none, |left| left.to_string()),
        check,
        status.source.clone(),
    ]
}

fn details(status: &CredentialStatus, style: Style) -> String {
    let host = if status.registry == status.host { String::new() } else { format!(" ({})", status.host) };
    let mut text = format!("\n{}{host}\n", style.bold(&status.registry));
    let mut lines: Vec<String> = Vec::new();
    lines.extend(status.secret_arn.clone());
    let mut what: Vec<_> = status.kind.iter().cloned().collect();
    if !status.scopes.is_empty() {
        what.push(format!("scopes: {}", status.scopes.join(", ")));
    }
    if let Some(expires) = &status.expires_at {
        what.push(format!("expires {}", time::moment(expires)));
    }
    if !what.is_empty() {
        lines.push(what.join("; "));
    }
    if let PullStatus::Ok { images } = &status.pull {
        lines.extend(images.iter().cloned());
    }
    lines.extend(status.notes.iter().cloned());
    for line in lines {
        text.push_str(&format!("  {}\n", style.dim(&line)));
    }
    match &status.pull {
        PullStatus::Refused { failure } => {
            for line in failure::block(None, failure, style).lines() {
                text.push_str(&format!("  {line}\n"));
            }
        }
        PullStatus::NotStored => text.push_str("  nothing is stored yet: `longshore deploy` does that\n"),
        PullStatus::Unused => {
            text.push_str("  no service has an image there, so that nothing proves it\n");
        }
        PullStatus::Ok { .. } => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use longshore_model::{Failure, FailureKind};

    use super::*;

    #[test]
    fn shows_credentials_that_pull_that_do_not_and_that_are_not_there() {
        let ghcr = CredentialStatus {
            registry: "ghcr".into(),
            host: "ghcr.io".into(),
            source: "the environment variable GHCR_TOKEN".into(),
            user: Some("acme-bot".into()),
            secret_arn: Some(
                "arn:aws:secretsmanager:eu-central-1:1:secret:longshore/shop/ghcr/pull-Ab12Cd".into(),
            ),
            stored_at: Some("2026-11-20T08:00:00Z".into()),
            expires_at: Some("2026-12-01T08:00:00Z".into()),
            never_expires: false,
            kind: Some("classic personal access token".into()),
            scopes: vec!["read:packages".into()],
            remaining_pulls: None,
            pull: PullStatus::Ok {
                images: vec!["ghcr.io/acme/api:1 can be pulled for linux/amd64 (sha256:0a1b2c3d4e5f)".into()],
            },
            notes: vec![],
        };
        let hub = CredentialStatus {
            registry: "hub".into(),
            host: "docker.io".into(),
            source: "minted at hub.docker.com".into(),
            user: Some("acme".into()),
            expires_at: Some("2026-11-01T08:00:00Z".into()),
            remaining_pulls: Some(93),
            kind: None,
            scopes: vec![],
            pull: PullStatus::Refused {
                failure: Failure::new(
                    FailureKind::Denied,
                    "docker.io refuses: incorrect username or password",
                )
                .at("GET https://auth.docker.io/token")
                .help("rotate it"),
            },
            notes: vec!["docker.io tells nothing more: no answer".into()],
            ..ghcr.clone()
        };
        let own = CredentialStatus {
            registry: "registry.acme.dev".into(),
            host: "registry.acme.dev".into(),
            source: "the file token".into(),
            user: None,
            secret_arn: None,
            stored_at: None,
            expires_at: None,
            kind: None,
            scopes: vec![],
            pull: PullStatus::NotStored,
            ..ghcr.clone()
        };
        let lasting = CredentialStatus {
            registry: "lasting".into(),
            expires_at: None,
            never_expires: true,
            ..ghcr.clone()
        };
        let untold = CredentialStatus { registry: "untold".into(), never_expires: false, ..lasting.clone() };
        let at = 1_795_420_800_000;
        let all = [ghcr, hub, own, lasting, untold];
        insta::assert_snapshot!(table(&all, at, Style::default()));
        assert_eq!(
            console::strip_ansi_codes(&table(&all, at, Style { color: true, unicode: false })),
            table(&all, at, Style::default())
        );
        insta::assert_snapshot!(table(&[], at, Style::default()));
    }
}
