//! The export format: the realm as JSON lines with a count and a checksum.
//!
//! The first line is the header (`FORMAT`, `VERSION`, `AT`, `CREDENTIALS`). Each row is one line
//! (`KEY` in hexadecimal, `VALUE` as stored). The last line has the number of `ROWS` and the
//! `SHA256` of all lines before it.

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::realm::{Change, Millis, Realm, Row, StoredRow, User};

const FORMAT: &str = "tollgate-export";
/// The version that is written. Earlier versions are read, too: version 1 has former field names.
const VERSION: u32 = 2;
/// The most bytes of a line; a row has at most 3,900 bytes.
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

/// Why a file cannot be read as an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The line with this number, counted from 1, is invalid for this reason.
    #[error("line {0}: {1}")]
    Line(u64, String),
    /// The file cannot be read.
    #[error("the export cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// SHA-256 over the lines of an export or a backup, by which a reader checks that the file is
/// complete.
#[derive(Debug, Default)]
pub struct ExportChecksum(Sha256);

impl ExportChecksum {
    /// Adds the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the checksum of the bytes so far, in hexadecimal.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0.clone().finalize())
    }
}

/// The content of an export.
pub struct ExportedRealm {
    /// The rows, in the order of the lines.
    pub rows: Vec<StoredRow>,
    /// The realm that consists of these rows.
    pub realm: Realm,
}

/// Builds a realm from rows in the order of their keys. Fails if a member, grant, direct right or
/// session refers to a record that no earlier row defines, or if two users have the same name.
pub fn rebuild_realm(rows: impl IntoIterator<Item = Row>) -> Result<Realm, String> {
    let mut realm = Realm::default();
    for row in rows {
        check(&realm, &row)?;
        realm.apply_changes(&[Change::Put(row)]);
    }
    Ok(realm)
}

/// Writes the realm and returns the number of rows. Without `credentials`, the export has no
/// password hashes (current or former), pepper check, second factors, failed login attempts,
/// sessions, pending logins, queued mails, mailed links and codes, or other tokens.
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

/// Returns the row in its exported form; `None` if the export leaves it out. The ids of applied
/// entries are always left out, because they are meaningless in another store, and so are the names
/// in the configuration, which the next start adds.
fn exported(row: Row, credentials: bool) -> Option<Row> {
    match row {
        Row::Seen(..) | Row::ConfiguredName(..) => None,
        row if credentials => Some(row),
        Row::User(user) => Some(Row::User(User { credential: None, ..user })),
        Row::History(..) | Row::PepperCheck(_) | Row::Attempts(..) | Row::Places(..) => None,
        Row::Session(_) | Row::RotatedToken(..) | Row::PendingLogin(..) => None,
        Row::OneTime(..) | Row::SelfReset(..) | Row::ActiveCode(_) | Row::Mail(_) => None,
        Row::SecondFactor(..) => None,
        Row::Policy(_) | Row::Counters(_) | Row::TokenLifetimes(_) => Some(row),
        Row::Right(_) | Row::Profile(_) => Some(row),
        Row::Member(..) | Row::Grant(..) | Row::Direct(..) => Some(row),
    }
}

/// Leaves out sessions, tokens, codes, pending logins and queued mails, and begins a new proof
/// epoch of each user. What was issued before the export is therefore void after an import.
pub fn without_proofs(rows: Vec<StoredRow>) -> Vec<StoredRow> {
    let kept = |row: StoredRow| match row.read() {
        Ok(Row::Session(_) | Row::RotatedToken(..) | Row::PendingLogin(..)) => None,
        Ok(Row::OneTime(..) | Row::SelfReset(..) | Row::ActiveCode(_) | Row::Mail(_)) => None,
        Ok(Row::User(user)) => {
            let proof_epoch = user.proof_epoch + 1;
            Some(StoredRow::from_row(&Row::User(User { proof_epoch, ..user })))
        }
        // An invalid row is refused when it is restored.
        Ok(_) | Err(_) => Some(row),
    };
    rows.into_iter().filter_map(kept).collect()
}

/// Reads a whole export. Fails if a line or the checksum is invalid.
pub fn read(input: &mut impl BufRead) -> Result<ExportedRealm, ExportError> {
    let (mut checksum, mut number) = (ExportChecksum::default(), 0);
    let (mut rows, mut realm) = (Vec::new(), Realm::default());
    loop {
        number += 1;
        let wrong = |text: &str| ExportError::Line(number, text.to_owned());
        let mut text = Vec::new();
        input.by_ref().take(LINE_MAX).read_until(b'\n', &mut text)?;
        if text.is_empty() {
            return Err(wrong("the export is incomplete: its last line, with SHA256, is missing"));
        }
        if text.last() != Some(&b'\n') {
            return Err(wrong("the line is too long or incomplete"));
        }
        let invalid = |_| wrong("not a valid line of an export");
        let value: Value = serde_json::from_slice(&text).map_err(invalid)?;
        if number == 1 {
            let header: ExportHeader = serde_json::from_value(value).map_err(invalid)?;
            if header.format != FORMAT || header.version > VERSION {
                return Err(wrong("unknown FORMAT or VERSION; try a newer version of tollgate"));
            }
        } else if value.get("SHA256").is_some() {
            let footer: ExportFooter = serde_json::from_value(value).map_err(invalid)?;
            if (footer.rows, footer.sha256) != (rows.len() as u64, checksum.to_hex()) {
                return Err(wrong("ROWS or SHA256 is wrong: the export was changed or damaged"));
            }
            return match input.read(&mut [0])? {
                0 => Ok(ExportedRealm { rows, realm }),
                _ => Err(ExportError::Line(number + 1, "data after the last line".to_owned())),
            };
        } else {
            let stored: StoredRow = serde_json::from_value(value).map_err(invalid)?;
            let row = stored.read().map_err(|why| ExportError::Line(number, why))?;
            check(&realm, &row).map_err(|why| ExportError::Line(number, why))?;
            realm.apply_changes(&[Change::Put(row)]);
            rows.push(stored);
        }
        checksum.add(&text);
    }
}

/// Checks a row against `realm`. A member, grant, direct right or session may refer only to records
/// in `realm`. A user may not have the name of a user in `realm`. Other rows are not checked.
fn check(realm: &Realm, row: &Row) -> Result<(), String> {
    let user = |no| realm.user(no).map(drop).ok_or("the row refers to an unknown user");
    let profile = |no| realm.profile(no).map(drop).ok_or("the row refers to an unknown profile");
    let right = |no| realm.right(no).map(drop).ok_or("the row refers to an unknown right");
    match row {
        Row::Member(profile_no, user_no) => profile(*profile_no).and_then(|()| user(*user_no)),
        Row::Grant(profile_no, right_no) => profile(*profile_no).and_then(|()| right(*right_no)),
        Row::Direct(user_no, right_no) => user(*user_no).and_then(|()| right(*right_no)),
        Row::Session(session) => user(session.user),
        Row::User(it) if realm.user_by_name(&it.name).is_some() => Err("duplicate user name"),
        _ => Ok(()),
    }
    .map_err(str::to_owned)
}
