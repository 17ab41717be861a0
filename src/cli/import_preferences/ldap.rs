//! Conversion of `ldap { connection { … } }`: one LDAP server for each block.

use toml::{Table, Value};

use super::convert::{Converted, key_for, literal, snake};
use super::parser::{Item, Word};

const PATH: &str = "security.authentication.ldap";
const INNER: &str = "security.authentication.ldap.connection";

impl Converted {
    /// Converts one server. A key that cannot be converted is reported; the other keys are kept.
    pub(super) fn connection(&mut self, block: &[Item]) {
        let mut servers = self.servers();
        let number = servers.len();
        servers.push(Value::Table(Table::new()));
        for item in block {
            let name = item.name().map(snake).unwrap_or_default();
            let value = match (&item.words[..], &item.block) {
                ([_, Word::Sign(sign), Word::Name(null)], None)
                    if sign == "=" && null == "null" =>
                {
                    continue;
                }
                ([_, Word::Sign(sign), value], None) if sign == "=" => literal(value),
                ([_], Some(block)) => list(block),
                _ => None,
            };
            let mut with = servers.clone();
            let fits = value.is_some_and(|value| {
                let server = with.get_mut(number).and_then(Value::as_table_mut);
                server.map(|server| server.insert(self.server_key(&name), value));
                self.set(PATH, "connection", Value::Array(with.clone()))
            });
            if fits { servers = self.servers() } else { self.skip(item, INNER) }
        }
    }

    fn servers(&self) -> Vec<Value> {
        let section = PATH.split('.').try_fold(&self.table, |it, key| it.get(key)?.as_table());
        let servers = section.and_then(|it| it.get("connection")?.as_array());
        servers.cloned().unwrap_or_default()
    }

    fn server_key(&self, name: &str) -> String {
        key_for(&format!("{INNER}[]"), name)
    }
}

/// Converts `searchBase { searchBase("…") }` to the list of the strings.
fn list(block: &[Item]) -> Option<Value> {
    let texts = block.iter().map(|item| match (&item.words[..], &item.block) {
        ([Word::Name(_), Word::Sign(open), Word::Text(text), Word::Sign(close)], None)
            if open == "(" && close == ")" =>
        {
            Some(Value::String(text.clone()))
        }
        _ => None,
    });
    texts.collect::<Option<Vec<_>>>().map(Value::Array)
}
