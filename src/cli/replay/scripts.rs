//! Loads and checks the scripts of a run and their values.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use protocol::script::Script;

use crate::cli::error_text::with_causes;
use crate::cli::terminal::escaped;
use crate::replay::Variables;

/// A script with its values.
pub(super) struct LoadedScript {
    /// The path as given on the command line, without `:N`.
    pub name: String,
    pub script: Script,
    pub values: Variables,
    /// The number N of `SCRIPT:N`; `None` if the script shares `--clients`.
    pub clients: Option<usize>,
}

impl LoadedScript {
    /// Loads all scripts. The error lists what is wrong with each of them.
    pub(super) fn load_all(
        names: &[String],
        data: &[PathBuf],
        set: &[(String, String)],
    ) -> Result<Vec<Self>> {
        let (mut read, mut wrong) = (Vec::new(), Vec::new());
        for name in names {
            match Self::load(name, data, set) {
                Ok(one) => read.push(one),
                Err(error) => wrong.push(with_causes(&error)),
            }
        }
        if wrong.is_empty() { Ok(read) } else { bail!("{}", wrong.join("\n")) }
    }

    fn load(name: &str, data: &[PathBuf], set: &[(String, String)]) -> Result<Self> {
        let (name, clients) = match name.rsplit_once(':') {
            Some((path, count)) if count.bytes().all(|b| b.is_ascii_digit()) => {
                let clients =
                    count.parse().with_context(|| format!("{name}: invalid number of clients"))?;
                (path, Some(clients))
            }
            _ => (name, None),
        };
        let path = Path::new(name);
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
        let script = Script::parse(&text)
            .map_err(|error| anyhow!("{name}:{}: {}", error.line, error.what))?;
        let values = Variables::load(&script, path, data, set)?;
        Ok(Self { name: name.to_owned(), script, values, clients })
    }

    /// Returns the variables without a value, with their lines.
    fn missing_values(&self) -> Vec<(String, usize)> {
        let mut needs = self.script.unresolved();
        needs.retain(|(name, _)| !self.values.contains(name));
        needs
    }

    /// Fails if a variable of the script has no value.
    pub(super) fn require_values(&self) -> Result<()> {
        match self.missing_values().first() {
            None => Ok(()),
            Some((name, line)) => bail!(
                "{}:{line}: ${name} has no value; use --set {name}=TEXT or a column of a --data \
                 file",
                self.name
            ),
        }
    }

    /// Prints the number of steps and the variables without a value.
    pub(super) fn print_summary(&self) {
        let parts = self.script.parts();
        let shape = if parts.whole {
            "repeated as a whole".to_owned()
        } else {
            format!(
                "{} before * repeat, {} repeated, {} after",
                parts.before.len(),
                parts.round.len(),
                parts.after.len()
            )
        };
        let name = escaped(&self.name);
        println!("{name}: {} steps, {shape}", self.script.steps.len());
        for (value, line) in self.missing_values() {
            println!("{name}:{line}: ${} needs a value", escaped(&value));
        }
    }
}
