//! The default configuration as a commented TOML file.

use toml::Table;

use super::reference::ReferenceRow;
use super::root::Settings;
use super::sections::{HostSettings, ServiceSettings};

impl Settings {
    /// Returns the default configuration as TOML, with a comment above each key. This TOML parses
    /// to the default settings.
    pub fn default_toml() -> String {
        let mut out = String::from(
            "# The default configuration of tollgate. Command-line options override environment\n\
             # variables (TOLLGATE_SECTION__KEY). Environment variables override this file. An\n\
             # unknown key is an error.\n",
        );
        for ReferenceRow { section, key, default, meaning, optional, .. } in Self::reference_rows()
        {
            if section.contains('[') {
                continue;
            }
            let line = match (key.as_str(), default) {
                ("", _) if optional => format!("\n# {meaning}\n# [{section}]\n"),
                (key, Some(default)) if optional => {
                    format!("# {meaning}\n# {key} = {default}\n")
                }
                ("", _) => format!("\n# {meaning}\n[{section}]\n"),
                ("services", _) => format!("\n# {meaning}\n{}", services_example()),
                (key, Some(default)) => format!("# {meaning}\n{key} = {default}\n"),
                (key, None) => format!("# {meaning}\n# {key} is not set\n"),
            };
            out.push_str(&line);
        }
        out
    }
}

/// Returns an example of a service as comments, because services have no default.
fn services_example() -> String {
    let host = |name: &str| HostSettings { name: name.to_owned(), port: 9001 };
    let service = ServiceSettings {
        name: "SBL_EVENT_HANDLER".to_owned(),
        encrypted: false,
        hosts: vec![host("genesisserv1"), host("genesisserv2")],
    };
    let table = Table::try_from(service)
        .unwrap_or_else(|error| unreachable!("a service is a TOML table: {error}"));
    let lines = table.iter().map(|(key, value)| format!("# {key} = {value}\n"));
    format!("# [[services]]\n{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_gives_the_defaults() {
        let text = Settings::default_toml();
        assert_eq!(Settings::parse(&text, std::iter::empty()).unwrap(), Settings::default());
        assert!(text.contains("# minimum_length is not set"), "{text}");
        assert!(text.contains("[security.genesis_password.retry]"), "{text}");
        let example = text.lines().filter(|line| line.starts_with("# [[") || line.contains(" = "));
        let example: String =
            example.map(|line| line.trim_start_matches("# ").to_owned() + "\n").collect();
        assert!(example.contains("[[services]]"), "{example}");
    }
}
