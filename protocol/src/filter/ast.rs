//! The parsed form of a filter, and how it is matched against rows.

use std::fmt;
use std::sync::Arc;

use super::functions::FunctionCall;

/// The kind of the values of a column, which determines how they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string, compared case-sensitively.
    Text,
    /// A user name, compared with ASCII case ignored.
    Name,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// A column of a data source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name of the field in a row.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
    /// The meaning of its values, in one sentence. Filters do not use this text.
    pub description: &'static str,
}

/// The value of a column in one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A string or a user name.
    Text(&'a str),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// No value.
    Null,
}

/// The error for text that is not a valid filter: position and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFilter {
    /// The position in the text, in characters, from 1.
    pub column: usize,
    /// The reason, as text for the client.
    pub what: String,
}

impl fmt::Display for InvalidFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "character {}: {}", self.column, self.what)
    }
}

impl std::error::Error for InvalidFilter {}

/// A filter. Clones share the parsed form.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// `None` if every row matches.
    pub(super) root: Option<Arc<Node>>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Compare(Operand, Comparison, Operand),
    In(usize, Kind, Vec<Operand>),
    Call(usize, FunctionCall),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Field(usize, Kind),
    Text(Box<str>),
    Number(f64),
    Boolean(bool),
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Filter {
    /// The maximum length of a filter, in bytes.
    pub const LENGTH_MAX: usize = 4096;
    /// The maximum nesting of `!` and parentheses.
    pub const DEPTH_MAX: usize = 16;
    /// The maximum number of terms: comparisons, calls and values in lists together.
    pub const TERMS_MAX: usize = 256;

    /// Whether a row matches. `row` returns the value of the column with a given index.
    pub fn matches<'r>(&self, row: impl Fn(usize) -> Value<'r>) -> bool {
        self.root.as_ref().is_none_or(|root| root.matches(&row))
    }

    /// The values that the filter pins a column to: in every row that matches, the column has one
    /// of them. Sorted, without duplicates, user names in lower case. `None` if rows with other
    /// values may match, too.
    pub fn pinned(&self, column: usize) -> Option<Vec<String>> {
        let mut values = self.root.as_ref()?.pinned(column)?;
        values.sort();
        values.dedup();
        Some(values)
    }

    /// Whether the pin is the only condition: a row matches if the column has one of the values of
    /// [`Self::pinned`].
    pub fn is_pin(&self, column: usize) -> bool {
        let is_single = |node: &Node| matches!(node, Node::Compare(..) | Node::In(..));
        self.root.as_deref().is_some_and(|root| is_single(root) && root.pinned(column).is_some())
    }
}

impl Node {
    fn matches<'r>(&self, row: &impl Fn(usize) -> Value<'r>) -> bool {
        match self {
            Node::All(nodes) => nodes.iter().all(|node| node.matches(row)),
            Node::Any(nodes) => nodes.iter().any(|node| node.matches(row)),
            Node::Not(node) => !node.matches(row),
            Node::Compare(left, how, right) => {
                let fold = left.is_name() || right.is_name();
                compare(left.value(row), *how, right.value(row), fold)
            }
            Node::In(field, kind, list) => {
                let value = Comparable::from(row(*field));
                let fold = *kind == Kind::Name;
                list.iter().any(|item| compare(value, Comparison::Equal, item.value(row), fold))
            }
            Node::Call(field, call) => match row(*field) {
                Value::Text(text) => call.matches(text),
                _ => false,
            },
        }
    }

    fn pinned(&self, column: usize) -> Option<Vec<String>> {
        match self {
            // A row must satisfy all nodes, so the shortest list is sufficient.
            Node::All(nodes) => {
                nodes.iter().filter_map(|node| node.pinned(column)).min_by_key(Vec::len)
            }
            Node::Any(nodes) => {
                let each =
                    nodes.iter().map(|node| node.pinned(column)).collect::<Option<Vec<_>>>()?;
                Some(each.concat())
            }
            Node::Compare(Operand::Field(field, kind), Comparison::Equal, Operand::Text(text))
            | Node::Compare(Operand::Text(text), Comparison::Equal, Operand::Field(field, kind))
                if *field == column =>
            {
                Some(vec![folded(text, *kind)])
            }
            Node::In(field, kind, list) if *field == column => {
                let text = |item: &Operand| match item {
                    Operand::Text(text) => Some(folded(text, *kind)),
                    _ => None,
                };
                list.iter().map(text).collect()
            }
            _ => None,
        }
    }
}

fn folded(text: &str, kind: Kind) -> String {
    if kind == Kind::Name { text.to_ascii_lowercase() } else { text.to_owned() }
}

/// A value in the form in which it is compared: all numbers are `f64`.
#[derive(Clone, Copy)]
enum Comparable<'a> {
    Text(&'a str),
    Number(f64),
    Boolean(bool),
    Null,
}

impl<'a> From<Value<'a>> for Comparable<'a> {
    fn from(value: Value<'a>) -> Self {
        match value {
            Value::Text(text) => Comparable::Text(text),
            Value::Number(number) => Comparable::Number(number as f64),
            Value::Boolean(flag) => Comparable::Boolean(flag),
            Value::Null => Comparable::Null,
        }
    }
}

impl Operand {
    fn is_name(&self) -> bool {
        matches!(self, Operand::Field(_, Kind::Name))
    }

    fn value<'a, 'r: 'a>(&'a self, row: &impl Fn(usize) -> Value<'r>) -> Comparable<'a> {
        match self {
            Operand::Field(field, _) => row(*field).into(),
            Operand::Text(text) => Comparable::Text(text),
            Operand::Number(number) => Comparable::Number(*number),
            Operand::Boolean(flag) => Comparable::Boolean(*flag),
            Operand::Null => Comparable::Null,
        }
    }
}

/// Compares two values. Values of different kinds are unequal and have no order.
fn compare(left: Comparable<'_>, how: Comparison, right: Comparable<'_>, fold: bool) -> bool {
    use std::cmp::Ordering;
    let fold_byte = |byte: u8| if fold { byte.to_ascii_lowercase() } else { byte };
    let order = match (left, right) {
        (Comparable::Text(a), Comparable::Text(b)) => {
            Some(a.bytes().map(fold_byte).cmp(b.bytes().map(fold_byte)))
        }
        (Comparable::Number(a), Comparable::Number(b)) => a.partial_cmp(&b),
        (Comparable::Boolean(a), Comparable::Boolean(b)) => (a == b).then_some(Ordering::Equal),
        (Comparable::Null, Comparable::Null) => Some(Ordering::Equal),
        _ => None,
    };
    match how {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::Unequal => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;

    const COLUMNS: [Column; 4] = [
        Column { name: "USER_NAME", kind: Kind::Name, description: "" },
        Column { name: "CODE", kind: Kind::Text, description: "" },
        Column { name: "PORT", kind: Kind::Number, description: "" },
        Column { name: "ONLINE", kind: Kind::Boolean, description: "" },
    ];

    fn row(column: usize) -> Value<'static> {
        [Value::Text("JaneDee"), Value::Text("ORDEN"), Value::Number(9001), Value::Boolean(true)]
            [column]
    }

    fn check(text: &str) -> bool {
        Filter::parse(text, &COLUMNS).unwrap_or_else(|error| panic!("{text}: {error}")).matches(row)
    }

    fn wrong(text: &str) -> (usize, String) {
        let error = Filter::parse(text, &COLUMNS).unwrap_err();
        (error.column, error.what)
    }

    #[test]
    fn operators_and_functions_match_rows() {
        for yes in [
            "",
            "USER_NAME=='janedee'",
            "'JANEDEE' == USER_NAME",
            "CODE != 'orden' && PORT >= 9001",
            "PORT < 9001.5 || false == true",
            "!(ONLINE == false) && !CODE.startsWith('X')",
            "CODE in ['A','ORDEN']",
            "USER_NAME in [\"x\",\"JANEDEE\"]",
            "USER_NAME.contains('EDE')",
            "Expr.containsIgnoreCase(CODE,'rde')",
            "CODE.containsIgnoreCase('rDe') && CODE.endsWith('EN')",
            "CODE != null && CODE != 1",
        ] {
            assert!(check(yes), "{yes}");
        }
        for no in ["CODE=='orden'", "CODE < 1", "PORT == '9001'", "ONLINE > false", "CODE == null"]
        {
            assert!(!check(no), "{no}");
        }
    }

    #[test]
    fn errors_name_their_column() {
        assert_eq!(wrong("NOPE == 1").0, 1);
        assert!(wrong("NOPE == 1").1.contains("NOPE"));
        assert_eq!(wrong("CODE == ").0, 9);
        assert_eq!(wrong("CODE == 'x").0, 9);
        assert_eq!(wrong("CODE == 'x' CODE").0, 13);
        assert_eq!(wrong("CODE.exec('x')").0, 6);
        assert!(wrong(&"(".repeat(100)).1.contains("deep"));
        assert!(wrong(&"!".repeat(100)).1.contains("deep"));
        assert!(wrong(&vec!["PORT==1"; 300].join("&&")).1.contains("256"));
        assert!(wrong(&"x".repeat(5000)).1.contains("4096"));
    }

    #[test]
    fn equality_on_a_column_pins_it() {
        let pinned = |text: &str| Filter::parse(text, &COLUMNS).unwrap().pinned(0);
        let one = Some(vec!["u17".to_owned()]);
        assert_eq!(pinned("USER_NAME=='U17'"), one);
        assert_eq!(pinned("CODE=='A' && (USER_NAME=='u17')"), one);
        assert_eq!(pinned("USER_NAME in ['b','A']"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(pinned("USER_NAME=='u17' || CODE=='A'"), None);
        assert_eq!(pinned("!(USER_NAME=='u17')"), None);
        assert_eq!(pinned("USER_NAME!='u17'"), None);
    }

    #[test]
    fn a_pin_has_no_other_condition() {
        let is_pin = |text: &str| Filter::parse(text, &COLUMNS).unwrap().is_pin(0);
        for text in ["USER_NAME=='u17'", "'U17'==USER_NAME", "USER_NAME in ['b','A']"] {
            assert!(is_pin(text), "{text}");
        }
        let more = ["", "CODE=='A'", "USER_NAME!='u17'", "CODE=='A' && USER_NAME=='u17'"];
        for text in more {
            assert!(!is_pin(text), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_failure_persistence(
            FileFailurePersistence::WithSource("regressions"),
        ))]
        #[test]
        fn no_input_panics(text in "[A-Z_.'\"()!&|=<> a-z0-9\\[\\],\\\\é-]{0,200}") {
            if let Ok(filter) = Filter::parse(&text, &COLUMNS) {
                filter.matches(row);
                filter.pinned(0);
            }
        }
    }
}
