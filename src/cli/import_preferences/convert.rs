//! Conversion of an `auth-preferences.kts` to a configuration.
//!
//! Only literal values are converted, as in the sample of the document "Genesis authentication". A
//! setting that cannot be converted is reported with its line, never with its value. The conversion
//! does no I/O.

use toml::{Table, Value};

use super::parser::{self, Item, Unreadable, Word};
use crate::settings::Settings;

/// The result of a conversion.
#[derive(Debug, Default)]
pub struct Converted {
    /// The configuration.
    pub table: Table,
    /// What was not converted: the line, and the name of the setting.
    pub unconverted: Vec<(usize, String)>,
}

/// Blocks whose path differs: the Genesis path in snake case, and the path in the configuration.
const BLOCKS: &[(&str, &str)] = &[
    ("security.authentication.genesis_password", "security.genesis_password"),
    ("security.self_service_reset", "security.genesis_password.self_service_reset"),
];

/// Converts the text of a file.
pub fn convert(text: &str) -> Result<Converted, Unreadable> {
    let mut converted = Converted::default();
    for item in parser::read(text)? {
        match (item.name(), &item.block) {
            (Some("import" | "package"), None) => {}
            (Some("security"), Some(block)) => converted.section("security", block),
            _ => converted.skip(&item, ""),
        }
    }
    Ok(converted)
}

impl Converted {
    fn section(&mut self, path: &str, items: &[Item]) {
        for item in items {
            let name = item.name().map(snake).unwrap_or_default();
            let inner = format!("{path}.{name}");
            match (&item.words[..], &item.block) {
                (_, Some(block)) if inner == "security.login_ack" => self.login_ack(item, block),
                (_, Some(block)) if inner == "security.custom_login_ack" => {
                    self.custom_login_ack(item, block);
                }
                (_, Some(block)) if inner == "security.authentication.ldap.connection" => {
                    self.connection(block);
                }
                ([Word::Name(_)], Some(block)) => {
                    let entry = BLOCKS.iter().find(|(block, _)| *block == inner);
                    self.section(entry.map_or(&inner, |(_, key)| *key), block);
                }
                ([Word::Name(_), Word::Sign(sign), value @ ..], None) if sign == "=" => {
                    self.assign(item, path, &name, value);
                }
                _ => self.skip(item, path),
            }
        }
    }

    fn assign(&mut self, item: &Item, path: &str, name: &str, value: &[Word]) {
        let value = match value {
            [Word::Name(null)] if null == "null" => return,
            [value] => literal(value),
            _ => None,
        };
        if !value.is_some_and(|value| self.set(path, name, value)) {
            self.skip(item, path);
        }
    }

    /// Sets a key. `name` is the name of the key, an alias, or the Genesis name in snake case.
    /// Returns false, and changes nothing, if the key does not exist or the value is invalid.
    pub(super) fn set(&mut self, path: &str, name: &str, value: Value) -> bool {
        let mut one = Value::Table(Table::from_iter([(key_for(path, name), value)]));
        for section in path.rsplit('.') {
            one = Value::Table(Table::from_iter([(section.to_owned(), one)]));
        }
        let Value::Table(mut one) = one else { return false };
        crate::settings::resolve(&mut one);
        let mut both = self.table.clone();
        crate::settings::merge::merge(&mut both, one);
        // The other keys were accepted before, so an error is due to this key.
        let fits = Settings::parse(&both.to_string(), std::iter::empty()).is_ok();
        if fits {
            self.table = both;
        }
        fits
    }

    /// Records that an item and its block were not converted.
    pub(super) fn skip(&mut self, item: &Item, path: &str) {
        let what = match (item.name(), path) {
            (Some(name), "") => name.to_owned(),
            (Some(name), path) => format!("{path}.{}", snake(name)),
            (None, path) => format!("a statement in {path}"),
        };
        self.unconverted.push((item.line, what));
    }
}

/// Returns the key with this Genesis name (in snake case); `name` itself if no key has it.
pub(super) fn key_for(path: &str, name: &str) -> String {
    let entries = Settings::reference_rows();
    let is_key = |entry: &&crate::settings::ReferenceRow| {
        entry.section == path && entry.genesis_key.as_deref().map(snake).as_deref() == Some(name)
    };
    entries.iter().find(is_key).map_or_else(|| name.to_owned(), |entry| entry.key.clone())
}

/// Converts a string, a number, a boolean or a constant; `None` for anything else. Of a constant
/// such as `HashingFunction.SHA1`, only the last part is kept.
pub(super) fn literal(word: &Word) -> Option<Value> {
    Some(match word {
        Word::Text(text) => Value::String(text.clone()),
        Word::Number(number) => match (number.parse::<i64>(), number.parse::<f64>()) {
            (Ok(whole), _) => Value::Integer(whole),
            (_, Ok(decimal)) => Value::Float(decimal),
            _ => return None,
        },
        Word::Name(name) => match name.as_str() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            name => Value::String(name.rsplit_once('.')?.1.to_owned()),
        },
        Word::Sign(_) => return None,
    })
}

/// Returns a name in snake case: `session_timeout_mins` for `sessionTimeoutMins`, `restrict_qwerty`
/// for `restrictQWERTY`.
pub(super) fn snake(camel: &str) -> String {
    let mut out = String::new();
    let mut last_is_upper = true;
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !last_is_upper {
            out.push('_');
        }
        last_is_upper = c.is_ascii_uppercase() || c == '_';
        out.push(c.to_ascii_lowercase());
    }
    out
}

impl Item {
    pub(super) fn name(&self) -> Option<&str> {
        match self.words.first() {
            Some(Word::Name(name)) => Some(name),
            _ => None,
        }
    }
}
