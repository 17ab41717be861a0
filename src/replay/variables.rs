//! Values of script variables for each client: rows of CSV files, and texts with `{n}`.
//!
//! In a text, `{n}` is replaced by the number of the client.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::script::{Data, Script, ScriptState};

/// Maximum number of rows of a CSV file.
const ROWS_MAX: usize = 10_000_000;

/// Why values cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum VariablesError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: csv::Error },
    #[error("{0} has no rows after its first line, which contains the names")]
    Empty(PathBuf),
    #[error("{0} is not below the folder of the script; use --data for other files")]
    Outside(PathBuf),
    #[error("{0} has more than {ROWS_MAX} rows")]
    Large(PathBuf),
}

/// The sources of the values of a script.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    tables: Vec<Arc<VariableTable>>,
    /// Names of variables and their texts, which may contain `{n}`.
    made: Vec<(String, String)>,
}

#[derive(Debug)]
struct VariableTable {
    names: Vec<String>,
    rows: Vec<csv::StringRecord>,
}

impl Variables {
    /// Loads the values that the script at `path` declares, and the values of the command line: CSV
    /// files (`files`), and names with their texts (`set`). A text overrides every CSV file.
    /// Otherwise the command line overrides the script.
    pub fn load(
        script: &Script,
        path: &Path,
        files: &[PathBuf],
        set: &[(String, String)],
    ) -> Result<Self, VariablesError> {
        let mut values = Self::default();
        for data in &script.data {
            match data {
                Data::File(file) => values.tables.push(table(&below_folder(path, file)?)?),
                Data::Made(name, text) => values.made.push((name.clone(), text.clone())),
            }
        }
        for file in files {
            values.tables.push(table(file)?);
        }
        values.made.extend(set.iter().cloned());
        Ok(values)
    }

    /// Whether a name has a value.
    pub fn contains(&self, name: &str) -> bool {
        self.made.iter().any(|(made, _)| made == name)
            || self.tables.iter().any(|table| table.names.iter().any(|it| it == name))
    }

    /// Sets the values of a client: its row of each file, starting again at the first row if the
    /// file has fewer rows than clients.
    pub(super) fn assign(&self, state: &mut ScriptState, client: usize) {
        state.set("n", client as u64);
        for table in &self.tables {
            let row = &table.rows[client % table.rows.len()];
            for (name, value) in table.names.iter().zip(row) {
                state.set(name, value);
            }
        }
        for (name, text) in &self.made {
            state.set(name, text.replace("{n}", &client.to_string()));
        }
    }
}

/// Returns the path of a file that a script names, which must be below the folder of the script.
/// Scripts are shared: they must not be able to read other files and send them to a gateway.
fn below_folder(script: &Path, file: &str) -> Result<PathBuf, VariablesError> {
    let named = script.with_file_name(file);
    let folder = script.parent().filter(|folder| !folder.as_os_str().is_empty());
    let real = |path: &Path| {
        path.canonicalize()
            .map_err(|source| VariablesError::Read { path: named.clone(), source: source.into() })
    };
    let (folder, found) = (real(folder.unwrap_or(Path::new(".")))?, real(&named)?);
    if found.starts_with(folder) { Ok(found) } else { Err(VariablesError::Outside(named)) }
}

fn table(path: &Path) -> Result<Arc<VariableTable>, VariablesError> {
    let unread = |source| VariablesError::Read { path: path.to_owned(), source };
    let mut reader = csv::Reader::from_path(path).map_err(unread)?;
    let names = reader.headers().map_err(unread)?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for row in reader.records() {
        rows.push(row.map_err(unread)?);
        if rows.len() > ROWS_MAX {
            return Err(VariablesError::Large(path.to_owned()));
        }
    }
    if rows.is_empty() {
        Err(VariablesError::Empty(path.to_owned()))
    } else {
        Ok(Arc::new(VariableTable { names, rows }))
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
        let values = Variables::load(&script, &path, &[], &set).unwrap();
        let mut memory = ScriptState::default();
        values.assign(&mut memory, 3);
        let sent = memory.envelope(&json!({"U": "$user", "P": "$password", "D": "${desk}/${n}"}));
        let expected = json!({"U": "b", "P": "y,z", "D": "d3/3", "SOURCE_REF": "s1"});
        assert_eq!(sent.unwrap(), expected);
        assert!(values.contains("password") && !values.contains("token"));
        std::fs::write(folder.path().join("u.csv"), "user\n").unwrap();
        assert!(matches!(Variables::load(&script, &path, &[], &[]), Err(VariablesError::Empty(_))));
    }

    #[test]
    fn a_script_reads_only_files_below_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let below = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(below("scripts/more")).unwrap();
        for name in ["u.csv", "scripts/more/u.csv"] {
            std::fs::write(below(name), "user\na\n").unwrap();
        }
        std::os::unix::fs::symlink(below("u.csv"), below("scripts/link.csv")).unwrap();
        let load = |name: &str| {
            let script = Script::parse(&format!("* data {name}")).unwrap();
            Variables::load(&script, &below("scripts/s.script"), &[], &[])
        };
        assert!(load("more/u.csv").is_ok());
        for outside in ["../u.csv", "link.csv", "/etc/passwd"] {
            let refused = load(outside).unwrap_err();
            assert!(matches!(refused, VariablesError::Outside(_)), "{outside}: {refused}");
        }
    }
}
