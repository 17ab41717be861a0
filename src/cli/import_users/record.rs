//! Reader of user records in CSV or JSON Lines, with the field names of Genesis.

use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail};
use protocol::{Password, ProfileName, RightCode, UserName};
use serde_json::{Map, Value};

use super::error::LineError;
use crate::auth::PasswordHasher;
use crate::messages::is_attribute;
use crate::realm::{ATTRIBUTES, NewUser, UserStatus};

/// A user that was read from the file.
pub(super) struct UserRecord {
    /// The number of the line, from 1.
    pub(super) line: u64,
    pub(super) user: NewUser,
    pub(super) secret: ImportedPassword,
}

/// The password of a record.
pub(super) enum ImportedPassword {
    None,
    Plain(Password),
    /// A hash in its stored form.
    Stored(String),
    /// SHA-512(USER_NAME + password) in hexadecimal.
    Sha512(Password),
}

/// Fields other than the attributes.
const COLUMNS: [&str; 6] =
    ["USER_NAME", "STATUS", "PASSWORD", "PASSWORD_HASH", "USER_PROFILES", "RIGHT_CODES"];
/// A line of a JSON file must have fewer bytes than this, including its line feed.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Reads a file. Returns the valid records, and the errors of the other lines.
pub(super) fn read(file: &Path) -> Result<(Vec<UserRecord>, Vec<LineError>)> {
    let extension = file.extension().and_then(|it| it.to_str()).unwrap_or_default();
    if ["jsonl", "ndjson", "json"].contains(&extension.to_ascii_lowercase().as_str()) {
        read_json(file)
    } else {
        read_csv(file)
    }
}

fn read_csv(file: &Path) -> Result<(Vec<UserRecord>, Vec<LineError>)> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(crate::cli::import_users::record::open(file)?);
    let header = reader.headers()?.clone();
    let is_field = |name: &&str| COLUMNS.contains(name) || ATTRIBUTES.contains(name);
    if let Some(unknown) = header.iter().map(str::trim).find(|name| !is_field(name)) {
        bail!(
            "unknown column {unknown:?}: the first line must name fields that \
             `tollgate import-users --help` lists"
        );
    }
    if !header.iter().any(|name| name.trim() == "USER_NAME") {
        bail!("missing column USER_NAME: the first line must name the fields");
    }
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    for row in reader.records() {
        let row = match row {
            Ok(row) => row,
            // The text of the error is not used: it could quote the line.
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                wrong.push((line, "not valid CSV, or not UTF-8".to_owned()));
                continue;
            }
        };
        let line = row.position().map_or(0, csv::Position::line);
        if row.len() != header.len() {
            let what = format!("{} columns, but the first line has {}", row.len(), header.len());
            wrong.push((line, what));
            continue;
        }
        let text = |(name, value): (&str, &str)| (name.trim().to_owned(), value.into());
        let fields = header.iter().zip(row.iter()).filter(|(_, value)| !value.is_empty());
        match record(line, fields.map(text).collect()) {
            Ok(record) => good.push(record),
            Err(what) => wrong.push((line, what)),
        }
    }
    Ok((good, wrong))
}

fn read_json(file: &Path) -> Result<(Vec<UserRecord>, Vec<LineError>)> {
    use std::io::Read;
    let mut reader = BufReader::new(crate::cli::import_users::record::open(file)?);
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    for line in 1.. {
        let mut text = Vec::new();
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if text.len() as u64 == LINE_BYTES_MAX {
            bail!("line {line} is longer than {} bytes", LINE_BYTES_MAX - 1);
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let fields = serde_json::from_slice::<Map<String, Value>>(&text);
        let read = fields.map_err(|_| "not a JSON object".to_owned());
        match read.and_then(|fields| record(line, fields)) {
            Ok(record) => good.push(record),
            Err(what) => wrong.push((line, what)),
        }
    }
    Ok((good, wrong))
}

/// Reads the fields of a user. An error names the field and never its value.
fn record(line: u64, mut fields: Map<String, Value>) -> Result<UserRecord, String> {
    fields.retain(|_, value| !value.is_null());
    let name = text(&mut fields, "USER_NAME")?.ok_or("USER_NAME is missing")?;
    let name = UserName::parse(&name);
    let name = name.map_err(|error| format!("USER_NAME is not valid: {error}"))?;
    let secret = secret(&mut fields)?;
    let status = text(&mut fields, "STATUS")?.map(|text| status(&text)).transpose()?;
    let profiles = list(&mut fields, "USER_PROFILES", |name| ProfileName::parse(name).ok())?;
    let rights = list(&mut fields, "RIGHT_CODES", |code| RightCode::parse(code).ok())?;
    let mut attributes = Vec::new();
    for (number, attribute) in (0u8..).zip(ATTRIBUTES) {
        let Some(text) = text(&mut fields, attribute)? else { continue };
        if !is_attribute(&text) {
            let text = "a text of at most 256 bytes without control characters";
            return Err(format!("{attribute} must be {text}"));
        }
        if *attribute == "EMAIL_ADDRESS" && !crate::mail::is_address(&text) {
            return Err("EMAIL_ADDRESS is not a mail address".to_owned());
        }
        attributes.push((number, text.into()));
    }
    if let Some((unknown, _)) = fields.iter().next() {
        return Err(format!("unknown field {unknown:?}"));
    }
    let attributes = attributes.into();
    let user = NewUser { attributes, profiles, rights, status, ..NewUser::named(name) };
    Ok(UserRecord { line, user, secret })
}

/// Removes a field and returns its text; `None` if it is missing or empty.
fn text(fields: &mut Map<String, Value>, field: &str) -> Result<Option<String>, String> {
    match fields.remove(field) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("{field} must be a string")),
    }
}

/// Removes a field and returns the names in it. The field is a JSON array, or a text in which `;`
/// separates the names.
fn list<T>(
    fields: &mut Map<String, Value>,
    field: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, String> {
    let wrong = || format!("{field} must be a list of valid names (in CSV separated by ;)");
    let names: Vec<String> = match fields.remove(field) {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => text.split(';').map(|it| it.trim().to_owned()).collect(),
        Some(Value::Array(list)) => {
            let texts = list.iter().map(|it| it.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or_else(wrong)?
        }
        Some(_) => return Err(wrong()),
    };
    let names = names.iter().filter(|name| !name.is_empty());
    names.map(|name| parse(name).ok_or_else(wrong)).collect()
}

fn status(text: &str) -> Result<UserStatus, String> {
    let all = [UserStatus::Enabled, UserStatus::Disabled, UserStatus::PasswordExpired];
    let found = all.into_iter().find(|status| status.word() == text);
    found.ok_or_else(|| "STATUS must be ENABLED, DISABLED or PASSWORD_EXPIRED".to_owned())
}

fn secret(fields: &mut Map<String, Value>) -> Result<ImportedPassword, String> {
    match (text(fields, "PASSWORD")?, text(fields, "PASSWORD_HASH")?) {
        (None, None) => Ok(ImportedPassword::None),
        (Some(password), None) => Ok(ImportedPassword::Plain(Password::new(password))),
        (None, Some(hash)) => stored(&hash),
        (Some(_), Some(_)) => Err("PASSWORD and PASSWORD_HASH exclude each other".to_owned()),
    }
}

fn stored(hash: &str) -> Result<ImportedPassword, String> {
    if hash.len() == 128 && hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(ImportedPassword::Sha512(Password::new(hash)));
    }
    PasswordHasher::import_external(hash).map(ImportedPassword::Stored).ok_or_else(|| {
        "PASSWORD_HASH is neither a scrypt PHC string with a supported cost nor \
         SHA-512(USER_NAME + password) in hexadecimal"
            .to_owned()
    })
}

/// Opens the file for reading.
pub(super) fn open(file: &Path) -> Result<std::fs::File> {
    std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))
}
