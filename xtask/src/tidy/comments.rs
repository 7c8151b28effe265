//! The words of comments: a sentence begins with its subject, or with the verb that says what a function does.

use super::Finding;
use crate::tree::Tree;

/// The greatest share of sentences that begin with one of [`OPENINGS`], in percent.
const SHARE: usize = 3;
/// Words that put a clause in the place of a name.
const OPENINGS: [&str; 7] = ["What", "Whether", "Who", "Whoever", "How", "Why", "Where"];
/// Words that name no one.
const NO_NAMES: [&str; 3] = ["somebody", "nobody", "whoever"];

pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    let (mut count, mut clauses) = (0, Vec::new());
    for (path, file) in tree.files(".rs") {
        for (line, paragraph) in paragraphs(&file.text) {
            for sentence in sentences(&paragraph) {
                count += 1;
                let mut words =
                    sentence.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
                if words.clone().next().is_some_and(|first| OPENINGS.contains(&first)) {
                    let message = format!("begin with the subject or a verb: `{sentence}`");
                    clauses.push(Finding::new(path, line, message));
                }
                if let Some(word) = words.find(|word| NO_NAMES.contains(&word.to_lowercase().as_str())) {
                    findings.push(Finding::new(path, line, format!("name who it is, instead of `{word}`")));
                }
            }
        }
    }
    if clauses.len() * 100 > count * SHARE {
        findings.extend(clauses);
    }
}

/// Returns the paragraphs of the comments that stand on lines of their own, each with its first line.
fn paragraphs(text: &str) -> Vec<(usize, String)> {
    let mut paragraphs = Vec::<(usize, String)>::new();
    let mut is_open = false;
    for (number, line) in (1..).zip(text.lines()) {
        let comment =
            line.trim_start().strip_prefix("//").map(|text| text.trim_start_matches(['/', '!']).trim());
        match (comment.filter(|text| !text.is_empty()), paragraphs.last_mut()) {
            (Some(text), Some((_, paragraph))) if is_open => paragraph.extend([" ", text]),
            (Some(text), _) => paragraphs.push((number, text.to_owned())),
            (None, _) => {}
        }
        is_open = comment.is_some_and(|text| !text.is_empty());
    }
    paragraphs
}

fn sentences(paragraph: &str) -> impl Iterator<Item = &str> {
    let ends = |(at, _): (usize, &str)| paragraph[..at].ends_with(['.', '!', '?', ':']);
    let starts = paragraph.match_indices(' ').filter(move |place| ends(*place)).map(|(at, _)| at);
    let bounds: Vec<_> = [0].into_iter().chain(starts).chain([paragraph.len()]).collect();
    (1..bounds.len())
        .map(move |end| paragraph[bounds[end - 1]..bounds[end]].trim())
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::found;

    fn findings(text: &str) -> Vec<String> {
        found([("crates/engine/src/run.rs", text)])
    }

    #[test]
    fn clauses_are_bounded_by_their_share() {
        let clause = "/// Runs.\n///\n/// It is fast. What it yields\n/// is kept.\nfn run() {}\n";
        assert_eq!(
            findings(clause),
            ["crates/engine/src/run.rs:3: begin with the subject or a verb: `What it yields is kept.`"]
        );
        let more = "/// Runs.\nfn run() {}\n".repeat(40);
        assert!(findings(&format!("{clause}{more}")).is_empty());
    }

    #[test]
    fn names_are_wanted() {
        assert_eq!(
            findings("// Nobody waits.\n"),
            ["crates/engine/src/run.rs:1: name who it is, instead of `Nobody`"]
        );
        assert!(findings("fn f() -> &'static str { \"// nobody\" }\n").is_empty());
    }
}
