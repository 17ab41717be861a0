//! Conversion of `loginAck` and `customLoginAck`.

use toml::{Table, Value};

use super::convert::{Converted, literal};
use super::parser::{Item, Word};
use crate::realm::ATTRIBUTES;

impl Converted {
    /// Converts `loginAck(TABLE) { loadRecord { … } fields { FIELD withPrefix "X" } }`.
    pub(super) fn login_ack(&mut self, item: &Item, block: &[Item]) {
        // tollgate takes the fields only from the user's record. In Genesis, this record is in the
        // table USER_ATTRIBUTES.
        let is_ours =
            matches!(item.words.get(2), Some(Word::Name(table)) if table == "USER_ATTRIBUTES");
        if !is_ours {
            return self.skip(item, "security");
        }
        for inner in block {
            match (inner.name(), &inner.block) {
                (Some("loadRecord"), Some(load)) if loads_the_user(load) => {}
                (Some("fields"), Some(fields)) => {
                    for field in fields {
                        self.field(field);
                    }
                }
                _ => self.skip(inner, "security.login_ack"),
            }
        }
    }

    fn field(&mut self, item: &Item) {
        let mut field = Table::new();
        match &item.words[..] {
            [Word::Name(name)] => field.insert("field".to_owned(), last(name).into()),
            [Word::Name(name), Word::Name(with), Word::Text(prefix)] if with == "withPrefix" => {
                field.insert("prefix".to_owned(), prefix.as_str().into());
                field.insert("field".to_owned(), last(name).into())
            }
            _ => return self.skip(item, "security.login_ack.fields"),
        };
        let attribute = field.get("field").and_then(Value::as_str);
        if !attribute.is_some_and(|name| ATTRIBUTES.contains(&name)) {
            return self.skip(item, "security.login_ack.fields");
        }
        let mut fields = self.list("fields");
        fields.push(Value::Table(field));
        if !self.set("security.login_ack", "fields", Value::Array(fields)) {
            self.skip(item, "security.login_ack.fields");
        }
    }

    /// Converts `customLoginAck { user -> if(user.userName == "X") { … } }`.
    pub(super) fn custom_login_ack(&mut self, item: &Item, block: &[Item]) {
        let mut for_all = Table::new();
        for inner in block {
            // `user ->` precedes the first statement on its line, or has a line of its own.
            let (user, words) = match &inner.words[..] {
                [Word::Name(user), Word::Sign(arrow), rest @ ..] if arrow == "->" => {
                    (Some(user.clone()), rest)
                }
                words => (None, words),
            };
            let statement =
                Item { words: words.to_vec(), line: inner.line, block: inner.block.clone() };
            match (words, &inner.block) {
                ([], None) => {}
                (
                    [
                        Word::Name(check),
                        Word::Sign(_),
                        Word::Name(field),
                        Word::Sign(is),
                        Word::Text(name),
                        Word::Sign(_),
                    ],
                    Some(then),
                ) if check == "if" && is == "==" && field.ends_with(".userName") => {
                    let mut rule = Table::new();
                    rule.insert("users".to_owned(), Value::Array(vec![name.as_str().into()]));
                    for one in then {
                        self.amend(&mut rule, one);
                    }
                    self.add_rule(rule, item);
                }
                _ if user.is_some() && words.is_empty() => {}
                _ => self.amend(&mut for_all, &statement),
            }
        }
        if !for_all.is_empty() {
            self.add_rule(for_all, item);
        }
    }

    fn add_rule(&mut self, rule: Table, item: &Item) {
        let mut rules = self.list("custom");
        rules.push(Value::Table(rule));
        if !self.set("security.login_ack", "custom", Value::Array(rules)) {
            self.skip(item, "security");
        }
    }

    /// Converts one statement of a rule: an addition, a removal or a block of preferences.
    fn amend(&mut self, rule: &mut Table, item: &Item) {
        let key = match (item.name(), item.words.get(1)) {
            (Some("permissions"), Some(Word::Sign(sign))) if sign == "+=" => "add_permissions",
            (Some("permissions"), Some(Word::Sign(sign))) if sign == "-=" => "remove_permissions",
            (Some("profiles"), Some(Word::Sign(sign))) if sign == "+=" => "add_profiles",
            (Some("profiles"), Some(Word::Sign(sign))) if sign == "-=" => "remove_profiles",
            (Some("userPreferences" | "userPreferences.apply"), _) if item.block.is_some() => {
                return self.preferences(rule, item);
            }
            _ => return self.skip(item, "security.custom_login_ack"),
        };
        let texts = item.words.iter().filter_map(|word| match word {
            Word::Text(text) => Some(Value::from(text.as_str())),
            _ => None,
        });
        let texts: Vec<_> = texts.collect();
        if texts.is_empty() || item.block.is_some() {
            return self.skip(item, "security.custom_login_ack");
        }
        match rule.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
            Value::Array(list) => list.extend(texts),
            _ => self.skip(item, "security.custom_login_ack"),
        }
    }

    /// Converts `userPreferences = userPreferences.apply { setString("NAME", "VALUE") }`.
    fn preferences(&mut self, rule: &mut Table, item: &Item) {
        for set in item.block.iter().flatten() {
            let value = match &set.words[..] {
                [
                    Word::Name(set),
                    Word::Sign(_),
                    Word::Text(name),
                    Word::Sign(_),
                    value,
                    Word::Sign(_),
                ] if set.starts_with("set") => literal(value).map(|value| (name.clone(), value)),
                _ => None,
            };
            let preferences =
                rule.entry("set_preferences").or_insert_with(|| Value::Table(Table::new()));
            match (value, preferences) {
                (Some((name, value)), Value::Table(all)) => drop(all.insert(name, value)),
                _ => self.skip(set, "security.custom_login_ack"),
            }
        }
    }

    fn list(&self, key: &str) -> Vec<Value> {
        let section = self.table.get("security").and_then(|it| it.get("login_ack"));
        section.and_then(|it| it.get(key)?.as_array()).cloned().unwrap_or_default()
    }
}

/// Returns the column of a constant: CITY for `USER_ATTRIBUTES.CITY`.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Whether the block is one call of `UserAttributes.byUserName`. Its argument is not checked: it is
/// assumed to be the name of the user who logs in.
fn loads_the_user(load: &[Item]) -> bool {
    matches!(load, [one] if one.name() == Some("UserAttributes.byUserName"))
}
