//! Markdown of the wire reference: tables, JSON blocks, anchors and the table of contents.

use serde_json::Value;

/// Returns a table. In cells, `|` is escaped and line breaks become spaces.
pub fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut out = format!("| {} |\n|{}\n", header.join(" | "), "---|".repeat(N));
    for row in rows {
        let cells = row.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    out
}

/// Returns a text as code: in backticks.
pub(super) fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Returns several texts as code, separated by commas.
pub(super) fn codes<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(code).collect::<Vec<_>>().join(", ")
}

/// Returns the anchor that Markdown renderers give a heading.
fn anchor(heading: &str) -> String {
    let lower = heading.to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Returns a link to a heading of the same page.
pub(super) fn link(heading: &str) -> String {
    format!("[{heading}](#{})", anchor(heading))
}

/// Returns the table of contents of a text. Each heading of level 2 or 3 is a list item; headings
/// of level 4 follow their heading of level 3 in the same line.
pub(super) fn contents(text: &str) -> String {
    let mut out = String::new();
    let mut separator = ": ";
    for line in text.lines() {
        let Some((marks, heading)) = line.split_once(' ') else { continue };
        match marks {
            "##" => out.push_str(&format!("\n* {}", link(heading))),
            "###" => out.push_str(&format!("\n  * {}", link(heading))),
            "####" => out.push_str(&format!("{separator}{}", link(heading))),
            _ => continue,
        }
        separator = if marks == "####" { ", " } else { ": " };
    }
    out.push('\n');
    out
}

/// Returns a fenced block of JSON, broken where a line would be too long.
pub(super) fn json_block(value: &Value) -> String {
    let mut out = String::from("```json\n");
    write_json(value, 0, 0, &mut out);
    out.push_str("\n```\n");
    out
}

/// The longest line of a JSON block, in characters.
const LINE_MAX: usize = 96;

/// Appends a value whose first line begins in column `column`; further lines are indented.
fn write_json(value: &Value, indent: usize, column: usize, out: &mut String) {
    let line = one_line(value);
    if column + line.chars().count() <= LINE_MAX {
        out.push_str(&line);
        return;
    }
    let inner = indent + 2;
    let members: Vec<(String, &Value)> = match value {
        Value::Object(map) => {
            ordered(map).map(|(key, value)| (format!("{}: ", quoted(key)), value)).collect()
        }
        Value::Array(list) => list.iter().map(|value| (String::new(), value)).collect(),
        _ => return out.push_str(&line),
    };
    let (open, close) = if value.is_object() { ('{', '}') } else { ('[', ']') };
    out.push(open);
    for (at, (key, value)) in members.into_iter().enumerate() {
        out.push_str(if at > 0 { ",\n" } else { "\n" });
        out.push_str(&format!("{:inner$}{key}", ""));
        write_json(value, inner, inner + key.chars().count(), out);
    }
    out.push_str(&format!("\n{:indent$}{close}", ""));
}

/// Returns a value as JSON in one line, with spaces after commas and colons.
fn one_line(value: &Value) -> String {
    let list = |members: Vec<String>| members.join(", ");
    match value {
        Value::Object(map) => {
            let member =
                |(key, value): (&String, &Value)| format!("{}: {}", quoted(key), one_line(value));
            format!("{{{}}}", list(ordered(map).map(member).collect()))
        }
        Value::Array(items) => format!("[{}]", list(items.iter().map(one_line).collect())),
        scalar => scalar.to_string(),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The names that come first in an object, in this order.
const FIRST_NAMES: [&str; 10] = [
    "MESSAGE_TYPE",
    "SOURCE_REF",
    "OPERATION",
    "ROW_REF",
    "ID",
    "USER_NAME",
    "NAME",
    "CODE",
    "TEXT",
    "STATUS_CODE",
];

/// Returns the members of an object as a reader expects them: names first, objects and lists last.
fn ordered(map: &serde_json::Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let mut members: Vec<_> = map.iter().collect();
    let position = |key: &str| FIRST_NAMES.iter().position(|it| *it == key);
    members.sort_by_key(|(key, value)| {
        let position = position(key).unwrap_or(usize::MAX);
        (position, value.is_object() || value.is_array())
    });
    members.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_link_to_the_headings_of_three_levels() {
        let text = "# T\n## A b\ntext\n### C_D\n#### E (pushed)\n#### F\n### G\n";
        let expected = "\n* [A b](#a-b)\n  * [C_D](#c_d): [E (pushed)](#e-pushed), [F](#f)\n  \
                        * [G](#g)\n";
        assert_eq!(contents(text), expected);
    }

    #[test]
    fn long_json_is_broken_into_lines() {
        let value = serde_json::json!({
            "DETAILS": { "A": "x".repeat(60), "B": ["y".repeat(40)] }, "MESSAGE_TYPE": "X",
        });
        let block = json_block(&value);
        let lines: Vec<&str> = block.lines().collect();
        assert_eq!(lines[2], "  \"MESSAGE_TYPE\": \"X\",");
        assert_eq!(lines[3], "  \"DETAILS\": {");
        assert!(lines.iter().all(|line| line.len() <= LINE_MAX), "{block}");
        let text = block.trim_start_matches("```json").trim_end_matches("```\n");
        assert_eq!(serde_json::from_str::<serde_json::Value>(text).unwrap(), value);
    }
}
