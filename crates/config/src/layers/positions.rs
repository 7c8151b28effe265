//! The lines of the values of a JSON document.

use std::collections::BTreeMap;

use super::document::Lines;

/// Returns the line of each value in `text`, a JSON document without faults, by its JSON pointer.
pub(super) fn lines(text: &str) -> BTreeMap<String, usize> {
    let mut scan = Scan { text, at: 0, lines: Lines::of(text), found: BTreeMap::new() };
    scan.value("");
    scan.found
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    lines: Lines<'a>,
    found: BTreeMap<String, usize>,
}

impl Scan<'_> {
    fn next(&mut self) -> Option<char> {
        self.at = self.text.len() - self.text[self.at..].trim_start().len();
        self.text[self.at..].chars().next()
    }

    fn value(&mut self, pointer: &str) {
        let first = self.next();
        self.found.insert(pointer.to_owned(), self.lines.position(self.at).0);
        match first {
            Some('{') => self.items('}', |scan, _| {
                let line = scan.lines.position(scan.at).0;
                let name = scan.string();
                scan.next();
                scan.at += 1; // the colon
                let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                scan.value(&pointer);
                scan.found.insert(pointer, line);
            }),
            Some('[') => self.items(']', |scan, index| scan.value(&format!("{pointer}/{index}"))),
            Some('"') => drop(self.string()),
            _ => {
                let rest = &self.text[self.at..];
                self.at += rest.find([',', ']', '}']).unwrap_or(rest.len());
            }
        }
    }

    /// Reads the items between brackets, with a comma between two.
    fn items(&mut self, close: char, mut item: impl FnMut(&mut Self, usize)) {
        self.at += 1;
        let mut index = 0;
        while let Some(c) = self.next() {
            if c == close {
                self.at += 1;
                return;
            }
            if c == ',' {
                self.at += 1;
                self.next();
            }
            item(self, index);
            index += 1;
        }
    }

    fn string(&mut self) -> String {
        let start = self.at;
        let mut is_escaped = false;
        let end = self.text[start..].char_indices().skip(1).find_map(|(at, c)| {
            let ends = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            ends.then_some(start + at + 1)
        });
        self.at = end.unwrap_or(self.text.len());
        serde_json::from_str(&self.text[start..self.at]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_its_line() {
        let text =
            "{\n \"a/b\": [1,\n  {\"c\": \"}\\\"],\\\\\"}],\n \"d\":\n   true, \"e\": {}, \"f\": []}\n";
        let lines = lines(text).into_iter().collect::<Vec<_>>();
        let lines: Vec<_> = lines.iter().map(|(pointer, line)| (pointer.as_str(), *line)).collect();
        let all = [
            ("", 1),
            ("/a~1b", 2),
            ("/a~1b/0", 2),
            ("/a~1b/1", 3),
            ("/a~1b/1/c", 3),
            ("/d", 4),
            ("/e", 5),
            ("/f", 5),
        ];
        assert_eq!(lines, all);
    }
}
