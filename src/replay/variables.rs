//! Values that differ from client to client: rows of CSV files, and texts with `{n}` in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::script::{Data, Script, ScriptState};
/// The longest file that is read, in rows.
const ROWS_MAX: usize = 10_000_000;

/// Why values cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    #[error("{path}: {source}")]
    Read { path: PathBuf, source: csv::Error },
    #[error("{0} has no rows below its first line, which names the values")]
    Empty(PathBuf),
    #[error("{0} has more than {ROWS_MAX} rows")]
    Large(PathBuf),
}

/// Where the values of a script come from.
#[derive(Debug, Clone, Default)]
pub struct Values {
    tables: Vec<Arc<Table>>,
    made: Vec<(String, String)>,
}

#[derive(Debug)]
struct Table {
    names: Vec<String>,
    rows: Vec<csv::StringRecord>,
}

impl Values {
    /// Those that a script names, which stands at `path`, and those of the command line, which win:
    /// CSV files, and names with their texts.
    pub fn of(
        script: &Script,
        path: &Path,
        files: &[PathBuf],
        set: &[(String, String)],
    ) -> Result<Self, ValuesError> {
        let mut values = Self::default();
        for data in &script.data {
            match data {
                Data::File(file) => values.tables.push(table(&path.with_file_name(file))?),
                Data::Made(name, text) => values.made.push((name.clone(), text.clone())),
            }
        }
        for file in files {
            values.tables.push(table(file)?);
        }
        values.made.extend(set.iter().cloned());
        Ok(values)
    }

    /// Whether a name gets a value.
    pub fn has(&self, name: &str) -> bool {
        self.made.iter().any(|(made, _)| made == name)
            || self.tables.iter().any(|table| table.names.iter().any(|it| it == name))
    }

    /// Gives a client its values: row by row, from the start again when there are more clients.
    pub(super) fn give(&self, memory: &mut ScriptState, client: usize) {
        memory.set("n", client as u64);
        for table in &self.tables {
            let row = &table.rows[client % table.rows.len()];
            for (name, value) in table.names.iter().zip(row) {
                memory.set(name, value);
            }
        }
        for (name, text) in &self.made {
            memory.set(name, text.replace("{n}", &client.to_string()));
        }
    }
}

fn table(path: &Path) -> Result<Arc<Table>, ValuesError> {
    let unread = |source| ValuesError::Read { path: path.to_owned(), source };
    let mut reader = csv::Reader::from_path(path).map_err(unread)?;
    let names = reader.headers().map_err(unread)?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for row in reader.records() {
        rows.push(row.map_err(unread)?);
        if rows.len() > ROWS_MAX {
            return Err(ValuesError::Large(path.to_owned()));
        }
    }
    match rows.is_empty() {
        true => Err(ValuesError::Empty(path.to_owned())),
        false => Ok(Arc::new(Table { names, rows })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_client_gets_its_own_values() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("u.csv"), "user,password\na,x\nb,\"y,z\"\n").unwrap();
        let script = Script::parse("* data u.csv\n* data desk=desk{n}").unwrap();
        let path = folder.path().join("s.script");
        let set = [("desk".to_owned(), "d{n}".to_owned())];
        let values = Values::of(&script, &path, &[], &set).unwrap();
        let mut memory = ScriptState::default();
        values.give(&mut memory, 3);
        let sent = memory.envelope(&json!({"U": "$user", "P": "$password", "D": "${desk}/${n}"}));
        let expected = json!({"U": "b", "P": "y,z", "D": "d3/3", "SOURCE_REF": "s1"});
        assert_eq!(sent.unwrap(), expected);
        assert!(values.has("password") && !values.has("token"));
        std::fs::write(folder.path().join("u.csv"), "user\n").unwrap();
        assert!(matches!(Values::of(&script, &path, &[], &[]), Err(ValuesError::Empty(_))));
    }
}
