//! The export format: the realm as JSON lines with a count and a checksum.
//!
//! The first line is the head (`FORMAT`, `VERSION`, `AT`, `CREDENTIALS`), then one row a line
//! (`KEY` in hexadecimal, `VALUE` as stored), the last line has `ROWS` and the `SHA256` of all
//! bytes before it.

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::realm::{Change, Millis, Realm, Row, StoredRow, User};

const FORMAT: &str = "tollgate-export";
/// Versions up to this one are read. 1: with the former names of fields.
const VERSION: u32 = 2;
/// No line is longer: a row has at most 3,900 bytes.
const LINE_MAX: u64 = 16 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
struct ExportHeader {
    format: String,
    version: u32,
    at: Millis,
    credentials: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
struct ExportFooter {
    rows: u64,
    sha256: String,
}

/// Why a file is not an export: the line, from 1, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A line is wrong.
    #[error("line {0}: {1}")]
    Line(u64, String),
    /// The file cannot be read.
    #[error("the export cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// SHA-256 over all rows of an export, by which a reader checks that it is complete.
#[derive(Debug, Default)]
pub struct ExportChecksum(Sha256);

impl ExportChecksum {
    /// Takes in what comes next.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The sum so far, in hexadecimal.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0.clone().finalize())
    }
}

/// What an export holds.
pub struct ExportedRealm {
    /// The rows, in order.
    pub rows: Vec<StoredRow>,
    /// The realm that they make.
    pub realm: Realm,
}

/// The realm that rows make, in the order of their keys: each must fit to those before it.
pub fn rebuild_realm(rows: impl IntoIterator<Item = Row>) -> Result<Realm, String> {
    let mut realm = Realm::default();
    for row in rows {
        check(&realm, &row)?;
        realm.apply_changes(&[Change::Put(row)]);
    }
    Ok(realm)
}

/// Writes the realm and gives the number of rows. Without credentials, hashes of passwords, and
/// sessions with their tokens, are left out.
pub fn write(
    realm: &Realm,
    at: Millis,
    credentials: bool,
    out: &mut impl Write,
) -> io::Result<u64> {
    let mut checksum = ExportChecksum::default();
    let mut write_line = |text: Vec<u8>, out: &mut dyn Write| {
        checksum.add(&text);
        checksum.add(b"\n");
        out.write_all(&text)?;
        out.write_all(b"\n")
    };
    let header = ExportHeader { format: FORMAT.to_owned(), version: VERSION, at, credentials };
    write_line(serde_json::to_vec(&header)?, out)?;
    let mut rows = 0;
    for row in realm.rows().filter_map(|row| exported(row, credentials)) {
        write_line(serde_json::to_vec(&StoredRow::from_row(&row))?, out)?;
        rows += 1;
    }
    serde_json::to_writer(&mut *out, &ExportFooter { rows, sha256: checksum.to_hex() })?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(rows)
}

/// The row as it is exported. Which entries were applied a moment ago means nothing elsewhere.
fn exported(row: Row, credentials: bool) -> Option<Row> {
    match row {
        Row::Seen(..) => None,
        row if credentials => Some(row),
        Row::Session(_) | Row::RotatedToken(..) | Row::Attempts(..) | Row::OneTime(..) => None,
        Row::History(..) | Row::PepperCheck(_) => None,
        Row::User(user) => Some(Row::User(User { credential: None, ..user })),
        row => Some(row),
    }
}

/// Reads and checks a whole export before anything is done with it.
pub fn read(input: &mut impl BufRead) -> Result<ExportedRealm, ExportError> {
    let (mut checksum, mut number) = (ExportChecksum::default(), 0);
    let (mut rows, mut realm) = (Vec::new(), Realm::default());
    loop {
        number += 1;
        let wrong = |text: &str| ExportError::Line(number, text.to_owned());
        let mut text = Vec::new();
        input.by_ref().take(LINE_MAX).read_until(b'\n', &mut text)?;
        if text.is_empty() {
            return Err(wrong("the export ends early: its last line with the sum is missing"));
        }
        if text.last() != Some(&b'\n') {
            return Err(wrong("a line that is too long, or cut off"));
        }
        let json = |_| wrong("not a line of an export");
        let value: Value = serde_json::from_slice(&text).map_err(json)?;
        if number == 1 {
            let header: ExportHeader = serde_json::from_value(value).map_err(json)?;
            if header.format != FORMAT || header.version > VERSION {
                return Err(wrong("not an export that this version reads"));
            }
        } else if value.get("SHA256").is_some() {
            let footer: ExportFooter = serde_json::from_value(value).map_err(json)?;
            if (footer.rows, footer.sha256) != (rows.len() as u64, checksum.to_hex()) {
                return Err(wrong("the sum does not fit: the export was changed or damaged"));
            }
            return match input.read(&mut [0])? {
                0 => Ok(ExportedRealm { rows, realm }),
                _ => Err(ExportError::Line(number + 1, "something follows the sum".to_owned())),
            };
        } else {
            let stored: StoredRow = serde_json::from_value(value).map_err(json)?;
            let row = stored.read().map_err(|why| ExportError::Line(number, why))?;
            check(&realm, &row).map_err(|why| ExportError::Line(number, why))?;
            realm.apply_changes(&[Change::Put(row)]);
            rows.push(stored);
        }
        checksum.add(&text);
    }
}

/// Whether what a row refers to came before it.
fn check(realm: &Realm, row: &Row) -> Result<(), String> {
    let user = |no| realm.user(no).map(drop).ok_or("a row of an unknown user");
    let profile = |no| realm.profile(no).map(drop).ok_or("a row of an unknown profile");
    let right = |no| realm.right(no).map(drop).ok_or("a row of an unknown right");
    match row {
        Row::Member(profile_no, user_no) => profile(*profile_no).and_then(|()| user(*user_no)),
        Row::Grant(profile_no, right_no) => profile(*profile_no).and_then(|()| right(*right_no)),
        Row::Direct(user_no, right_no) => user(*user_no).and_then(|()| right(*right_no)),
        Row::Session(session) => user(session.user),
        Row::User(it) if realm.user_by_name(&it.name).is_some() => Err("a user who was there"),
        _ => Ok(()),
    }
    .map_err(str::to_owned)
}
