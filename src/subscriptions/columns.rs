//! Rows as they are shown: the columns of each source, and what stands in them.

use protocol::UserName;
use protocol::filter::{Column, Kind, Value};

use super::data_row::{DataRow, FieldValue};
use crate::realm::{
    ATTRIBUTES, ActiveCode, Attempts, AuditEvent, FieldSnapshot, Profile, Realm, Right, Session,
    User,
};
use crate::storage::AuditNo;
const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}
const fn name(name: &'static str) -> Column {
    Column { name, kind: Kind::Name }
}
const fn number(name: &'static str) -> Column {
    Column { name, kind: Kind::Number }
}
const fn flag(name: &'static str) -> Column {
    Column { name, kind: Kind::Boolean }
}

const VERSION: Column = number("RECORD_VERSION");

pub(super) static USER_RIGHTS: [Column; 5] =
    [name("USER_NAME"), text("RIGHT_CODE"), text("CODE"), text("DESCRIPTION"), VERSION];
pub(super) static ALL_PROFILES: [Column; 5] =
    [text("ID"), text("NAME"), text("DESCRIPTION"), text("STATUS"), VERSION];
pub(super) static ALL_RIGHTS: [Column; 4] =
    [text("ID"), text("CODE"), text("DESCRIPTION"), VERSION];
pub(super) static ACTIVE_SESSIONS: [Column; 6] = [
    name("USER_NAME"),
    text("HOST"),
    number("LOGIN_TIME"),
    number("LAST_ACCESS_TIME"),
    text("SESSION_ID"),
    VERSION,
];
/// The column of ACTIVE_SESSIONS that is a capability, and the right that shows it.
pub(super) const SESSION_ID: usize = 4;
pub(super) const LOGOUT_OTHERS: &str = "LOGOUT_OTHERS";
pub(super) static LOGIN_ATTEMPTS: [Column; 4] =
    [name("USER_NAME"), number("ATTEMPTS"), number("LOCKED_UNTIL"), VERSION];
pub(super) static ACTIVE_CODES: [Column; 5] =
    [text("ID"), name("USER_NAME"), number("ISSUED_AT"), number("EXPIRES_AT"), VERSION];
pub(super) static AUDIT_EVENTS: [Column; 11] = [
    number("SEQUENCE"),
    number("AT"),
    text("EVENT"),
    name("USER_NAME"),
    name("TARGET"),
    text("HOST"),
    text("CODE"),
    text("REASON"),
    text("BEFORE"),
    text("AFTER"),
    VERSION,
];
pub(super) static SERVICES: [Column; 7] = [
    text("NAME"),
    flag("ENCRYPTED"),
    text("HOST"),
    number("PORT"),
    number("POSITION"),
    flag("HEALTHY"),
    VERSION,
];
pub(super) static ALL_USERS: [Column; 6 + ATTRIBUTES.len()] = {
    let mut columns = [text(""); 6 + ATTRIBUTES.len()];
    columns[0] = text("ID");
    columns[1] = name("USER_NAME");
    columns[2] = text("STATUS");
    columns[3] = number("LAST_LOGIN");
    columns[4] = flag("ONLINE");
    columns[5] = VERSION;
    let mut at = 0;
    while at < ATTRIBUTES.len() {
        columns[6 + at] = text(ATTRIBUTES[at]);
        at += 1;
    }
    columns
};

pub(super) fn user_right_row(user: &User, right: &Right) -> DataRow {
    named_user_right_row(user.name.as_str(), right)
}

/// The members of a row of USER_RIGHTS after the user's name.
pub(super) fn write_right_members(right: &Right) -> Vec<u8> {
    let mut text = Vec::new();
    named_user_right_row("", right).write_members(&mut text, &USER_RIGHTS, !1, false);
    text
}

fn named_user_right_row(user_name: &str, right: &Right) -> DataRow {
    DataRow::new([
        FieldValue::text(user_name),
        FieldValue::text(right.code.as_str()),
        FieldValue::text(right.code.as_str()),
        FieldValue::text(right.description.as_str()),
        FieldValue::Number(1),
    ])
}

pub(super) fn user_row(realm: &Realm, user: &User) -> DataRow {
    let online = realm.sessions_of(user.no).any(|session| session.dormant.is_none());
    let attributes = (0..ATTRIBUTES.len()).map(|number| match user.attribute(number as u8) {
        Some(text) => FieldValue::text(text),
        None => FieldValue::Null,
    });
    let known = [
        FieldValue::text(user.id()),
        FieldValue::text(user.name.as_str()),
        FieldValue::text(user.status.word()),
        user.last_login.map_or(FieldValue::Null, |at| FieldValue::Number(at as i64)),
        FieldValue::Flag(online),
        FieldValue::Number(i64::from(user.version)),
    ];
    DataRow::new(known.into_iter().chain(attributes))
}

pub(super) fn active_session_row(
    realm: &Realm,
    session: &Session,
    with_id: bool,
) -> Option<DataRow> {
    Some(DataRow::new([
        FieldValue::text(realm.user(session.user)?.name.as_str()),
        FieldValue::text(&*session.host),
        FieldValue::Number(session.opened as i64),
        FieldValue::Number(session.accessed as i64),
        if with_id { FieldValue::text(session.id.0.to_string()) } else { FieldValue::Null },
        FieldValue::Number(1),
    ]))
}

pub(super) fn login_attempts_row(name: &UserName, attempts: &Attempts) -> DataRow {
    let count = attempts.summary();
    DataRow::new([
        FieldValue::text(name.as_str()),
        FieldValue::Number(i64::from(count.wrong)),
        count.locked_until.map_or(FieldValue::Null, |until| FieldValue::Number(until as i64)),
        FieldValue::Number(1),
    ])
}

pub(super) fn active_code_row(realm: &Realm, code: &ActiveCode) -> Option<DataRow> {
    Some(DataRow::new([
        FieldValue::text(code.no.to_string()),
        FieldValue::text(realm.user(code.user)?.name.as_str()),
        FieldValue::Number(code.issued as i64),
        FieldValue::Number(code.until as i64),
        FieldValue::Number(1),
    ]))
}

pub(super) fn profile_row(profile: &Profile) -> DataRow {
    DataRow::new([
        FieldValue::text(profile.id()),
        FieldValue::text(profile.name.as_str()),
        FieldValue::text(profile.description.as_str()),
        FieldValue::text(profile.status.word()),
        FieldValue::Number(i64::from(profile.version)),
    ])
}

pub(super) fn right_row(right: &Right) -> DataRow {
    DataRow::new([
        FieldValue::text(right.no.id(right.location)),
        FieldValue::text(right.code.as_str()),
        FieldValue::text(right.description.as_str()),
        FieldValue::Number(1),
    ])
}

/// A row of the audit trail; BEFORE and AFTER are JSON texts.
pub(super) fn audit_event_row(no: AuditNo, row: &AuditEvent) -> DataRow {
    let text = |text: &Option<Box<str>>| match text {
        Some(text) => FieldValue::text(&**text),
        None => FieldValue::Null,
    };
    let side = |side: &FieldSnapshot| side.json().map_or(FieldValue::Null, FieldValue::text);
    DataRow::new([
        FieldValue::Number(no as i64),
        FieldValue::Number(row.at as i64),
        FieldValue::text(&*row.event),
        text(&row.user_name),
        text(&row.target),
        text(&row.host),
        FieldValue::text(&*row.code),
        text(&row.reason),
        side(&row.before),
        side(&row.after),
        FieldValue::Number(1),
    ])
}

impl FieldValue {
    /// The field as criteria compare it.
    pub fn value(&self) -> Value<'_> {
        match self {
            FieldValue::Text(text) => Value::Text(text),
            FieldValue::Number(number) => Value::Number(*number),
            FieldValue::Flag(flag) => Value::Boolean(*flag),
            FieldValue::Null => Value::Null,
        }
    }
}
