//! The names in a script for which the player must provide a value.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ast::{Action, Data, Script, Step, is_variable};

/// Names that the player always sets: the numbers of the client and of the round.
const BUILT_IN: [&str; 2] = ["n", "round"];

impl Script {
    /// Returns the names that the player must set: they are sent before a step captures a value for
    /// them. Each has the line of its first use. Columns of a CSV file are included, because the
    /// file is not part of the parsed script.
    pub fn unresolved(&self) -> Vec<(String, usize)> {
        let mut names = Names::default();
        names.defined.extend(BUILT_IN.map(str::to_owned));
        names.defined.extend(self.data.iter().filter_map(|data| match data {
            Data::Made(name, _) => Some(name.clone()),
            Data::File(_) => None,
        }));
        names.walk(&self.steps);
        names.unresolved
    }
}

#[derive(Default)]
struct Names {
    defined: BTreeSet<String>,
    unresolved: Vec<(String, usize)>,
}

impl Names {
    fn walk(&mut self, steps: &[Step]) {
        for step in steps {
            match &step.action {
                Action::Send(body) | Action::Cause(body) => self.sent(body, step.line),
                Action::Expect(body) | Action::Reply(body) | Action::Seek(body) => {
                    self.captured(body);
                }
                Action::Ask(name, words) => {
                    words.iter().for_each(|word| self.sent(&word.as_str().into(), step.line));
                    self.defined.insert(name.clone());
                }
                Action::Repeat(_, steps) => self.walk(steps),
                Action::Choose(choices) => {
                    choices.iter().for_each(|(_, steps)| self.walk(steps));
                }
                _ => {}
            }
        }
    }

    fn sent(&mut self, value: &Value, line: usize) {
        match value {
            Value::String(text) => match text.strip_prefix('$').filter(|name| is_variable(name)) {
                Some(name) => self.used(name, line),
                None => {
                    let parts = text.split("${").skip(1);
                    let names = parts.filter_map(|part| Some(part.split_once('}')?.0));
                    names.filter(|name| is_variable(name)).for_each(|name| self.used(name, line));
                }
            },
            Value::Array(items) => items.iter().for_each(|it| self.sent(it, line)),
            Value::Object(fields) => fields.values().for_each(|it| self.sent(it, line)),
            _ => {}
        }
    }

    fn used(&mut self, name: &str, line: usize) {
        if self.defined.insert(name.to_owned()) {
            self.unresolved.push((name.to_owned(), line));
        }
    }

    fn captured(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                let name = text.strip_prefix('$').filter(|name| is_variable(name));
                self.defined.extend(name.map(str::to_owned));
            }
            Value::Array(items) => items.iter().for_each(|it| self.captured(it)),
            Value::Object(fields) => fields.values().for_each(|it| self.captured(it)),
            _ => {}
        }
    }
}
