//! The section of the data sources.

use protocol::filter::{Column, Kind};

use crate::messages::schema::markdown::{code, codes, table};
use crate::subscriptions::DataSource;

pub(super) fn section() -> String {
    let mut out = String::from(INTRODUCTION);
    let mut seen = Vec::new();
    for (name, source) in DataSource::NAMES {
        if seen.contains(source) {
            continue;
        }
        seen.push(*source);
        out.push_str(&format!("\n### {name}\n\n{}\n\n", source.summary()));
        out.push_str(&properties(name, *source));
        out.push('\n');
        out.push_str(&columns(source.columns()));
    }
    out
}

const INTRODUCTION: &str = "\
## Data sources

The values of DATASOURCE_NAME in DATA_LOGON. Every row also has OPERATION and ROW_REF; see
[QUERY_UPDATE](#query_update). A column without a value is absent in INSERT. Times are in
milliseconds since 1970-01-01 UTC (epoch ms). [Filters](filters.md) compare columns of the kind
*name*, such as user names, without regard to case. Over REST, POST subscribes, GET polls, PUT reads
more rows, and DELETE unsubscribes.
";

fn properties(name: &str, source: DataSource) -> String {
    let others = DataSource::NAMES.iter().filter(|(other, it)| *it == source && *other != name);
    let others: Vec<&str> = others.map(|(other, _)| *other).collect();
    let all_rows = match source.view_right() {
        Some(right) => format!("users with the right {}", code(right)),
        None => "all users".to_owned(),
    };
    let path = protocol::rest_paths::path(name);
    let mut rows = vec![["users who see all rows".to_owned(), all_rows]];
    if source.view_right().is_some() {
        rows.push(["other users see".to_owned(), source.own_rows().to_owned()]);
    }
    if let Some(right) = source.unmask_right() {
        let masked = codes(source.maskable_names());
        let text = format!(
            "has no value in rows of another user, unless the subscriber has the right {}",
            code(right)
        );
        rows.push([format!("column {masked}"), text]);
    }
    rows.push(["REST".to_owned(), format!("`POST`, `GET`, `PUT`, `DELETE` {}", code(&path))]);
    if !others.is_empty() {
        rows.push(["other names".to_owned(), codes(others)]);
    }
    table(["property", "value"], rows)
}

fn columns(columns: &[Column]) -> String {
    let row = |column: &Column| {
        let kind = match column.kind {
            Kind::Text => "string",
            Kind::Name => "name",
            Kind::Number => "integer",
            Kind::Boolean => "boolean",
        };
        [code(column.name), kind.to_owned(), column.description.to_owned()]
    };
    table(["column", "kind", "meaning"], columns.iter().map(row))
}
