//! The scripts of a run: read, checked, with their values.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use protocol::script::Script;

use crate::replay::Variables;

/// One script.
pub(super) struct LoadedScript {
    /// As it was named.
    pub name: String,
    pub script: Script,
    pub values: Variables,
    /// How many clients play it, if that was said.
    pub clients: Option<usize>,
}

impl LoadedScript {
    /// Reads all scripts; says everything that is wrong with any of them.
    pub(super) fn load_all(
        names: &[String],
        data: &[PathBuf],
        set: &[(String, String)],
    ) -> Result<Vec<Self>> {
        let (mut read, mut wrong) = (Vec::new(), Vec::new());
        for name in names {
            match Self::load(name, data, set) {
                Ok(one) => read.push(one),
                Err(error) => wrong.push(format!("{error:#}")),
            }
        }
        if wrong.is_empty() { Ok(read) } else { bail!("{}", wrong.join("\n")) }
    }

    fn load(name: &str, data: &[PathBuf], set: &[(String, String)]) -> Result<Self> {
        let (name, clients) = match name.rsplit_once(':') {
            Some((path, count)) if count.bytes().all(|b| b.is_ascii_digit()) => {
                let clients =
                    count.parse().with_context(|| format!("{name}: how many clients?"))?;
                (path, Some(clients))
            }
            _ => (name, None),
        };
        let path = Path::new(name);
        let text = std::fs::read_to_string(path).with_context(|| name.to_owned())?;
        let script = Script::parse(&text)
            .map_err(|error| anyhow!("{name}:{}: {}", error.line, error.what))?;
        let values = Variables::load(&script, path, data, set)?;
        Ok(Self { name: name.to_owned(), script, values, clients })
    }

    /// Names without a value, with their lines.
    fn missing_values(&self) -> Vec<(String, usize)> {
        let mut needs = self.script.unresolved();
        needs.retain(|(name, _)| !self.values.contains(name));
        needs
    }

    /// Refuses a script that lacks a value.
    pub(super) fn require_values(&self) -> Result<()> {
        match self.missing_values().first() {
            None => Ok(()),
            Some((name, line)) => bail!(
                "{}:{line}: ${name} has no value: --set {name}=TEXT gives it one, or a column of \
                 --data FILE",
                self.name
            ),
        }
    }

    /// Prints what the script is.
    pub(super) fn print_summary(&self) {
        let parts = self.script.parts();
        let shape = if parts.whole {
            "repeated as a whole".to_owned()
        } else {
            format!(
                "{} steps before, {} repeated, {} after",
                parts.before.len(),
                parts.round.len(),
                parts.after.len()
            )
        };
        println!("{}: {} steps, {shape}", self.name, self.script.steps.len());
        for (name, line) in self.missing_values() {
            println!("{}:{line}: ${name} needs a value", self.name);
        }
    }
}
