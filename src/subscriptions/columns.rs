//! The columns of each data source, and how records become data rows.

use protocol::UserName;
use protocol::filter::{Column, Kind, Value};

use super::data_row::{DataRow, FieldValue};
use crate::realm::{
    ATTRIBUTES, ActiveCode, Attempts, AuditEvent, FieldSnapshot, Profile, Realm, Right, Session,
    User,
};
use crate::storage::AuditNo;

const fn text(name: &'static str, description: &'static str) -> Column {
    Column { name, kind: Kind::Text, description }
}
const fn name(name: &'static str, description: &'static str) -> Column {
    Column { name, kind: Kind::Name, description }
}
const fn number(name: &'static str, description: &'static str) -> Column {
    Column { name, kind: Kind::Number, description }
}
const fn flag(name: &'static str, description: &'static str) -> Column {
    Column { name, kind: Kind::Boolean, description }
}

const VERSION: Column =
    number("RECORD_VERSION", "Version of the record; each change of the record adds 1.");
const NO_VERSION: Column = number("RECORD_VERSION", "Always 1.");

pub(super) static USER_RIGHTS: [Column; 5] = [
    name("USER_NAME", "Name of the user."),
    text("RIGHT_CODE", "Code of a right that the user has, directly or through a profile."),
    text("CODE", "The same as RIGHT_CODE."),
    text("DESCRIPTION", "Description of the right."),
    NO_VERSION,
];
pub(super) static ALL_PROFILES: [Column; 5] = [
    text("ID", "Id of the profile."),
    text("NAME", "Name of the profile."),
    text("DESCRIPTION", "Description of the profile."),
    text("STATUS", "ENABLED or DISABLED. A disabled profile gives its users no rights."),
    VERSION,
];
pub(super) static ALL_RIGHTS: [Column; 4] = [
    text("ID", "Id of the right."),
    text("CODE", "Code of the right."),
    text("DESCRIPTION", "Description of the right."),
    NO_VERSION,
];
pub(super) static ACTIVE_SESSIONS: [Column; 6] = [
    name("USER_NAME", "Name of the user of the session."),
    text("HOST", "IP address of the client that logged in or refreshed last."),
    number("LOGIN_TIME", "Time of the login, epoch ms."),
    number("LAST_ACCESS_TIME", "Time of the last use, epoch ms; updated about once a minute."),
    text("SESSION_ID", "Id of the session, for EVENT_LOGOUT and EVENT_END_SESSION."),
    NO_VERSION,
];
/// The number of the column SESSION_ID of ACTIVE_SESSIONS. The column is masked, because its value
/// is a capability: a session can be ended with its SESSION_ID.
pub(super) const SESSION_ID: usize = 4;
/// The right to see SESSION_ID of other users.
pub(super) const LOGOUT_OTHERS: &str = "LOGOUT_OTHERS";
pub(super) static LOGIN_ATTEMPTS: [Column; 4] = [
    name("USER_NAME", "User name that was tried; perhaps no user has this name."),
    number(
        "ATTEMPTS",
        "Number of wrong passwords that count towards a lock; with `retry.scope = \
         \"user_and_address\"` in the configuration, the number of the address or network with the \
         most.",
    ),
    number(
        "LOCKED_UNTIL",
        "When the latest lock ends or has ended, epoch ms; absent without a lock.",
    ),
    NO_VERSION,
];
pub(super) static ACTIVE_CODES: [Column; 5] = [
    text("ID", "Id of the code, for EVENT_MFA_REVOKE_CODE; not the code itself."),
    name("USER_NAME", "Name of the user of the code."),
    number("ISSUED_AT", "When the code was issued, epoch ms."),
    number("EXPIRES_AT", "When the code expires, epoch ms."),
    NO_VERSION,
];
pub(super) static AUDIT_EVENTS: [Column; 13] = [
    number("SEQUENCE", "Number of the row in the audit trail."),
    number("AT", "Time of the event, epoch ms."),
    text(
        "EVENT",
        "MESSAGE_TYPE, or the name of an action of the gateway or its command line, such as \
         SESSION_ENDED.",
    ),
    name("USER_NAME", "Name of the user who caused the event."),
    name("TARGET", "Name of the user, profile or right that the event concerns."),
    text("HOST", "IP address of the client."),
    text("CODE", "OK, the error code of the refusal, or for SESSION_ENDED why the session ended."),
    text(
        "PROOF",
        "How the user was authenticated, if the event opened, resumed or refreshed a session or \
         set a password: PASSWORD, LDAP, SSO, REFRESH, ONE_TIME (a one-time password) or RECOVERY \
         (a reset).",
    ),
    text(
        "FACTOR",
        "Second factor that was used, if the event opened, resumed or refreshed a session: NONE, \
         TOTP, RECOVERY_CODE, LINK or ACTIVE_CODE.",
    ),
    text("REASON", "REASON at the root of the message."),
    text("BEFORE", "The changed fields before the event: a text that contains JSON."),
    text("AFTER", "The changed fields after the event: a text that contains JSON."),
    NO_VERSION,
];
pub(super) static SERVICES: [Column; 7] = [
    text("NAME", "Name of the service."),
    flag("ENCRYPTED", "Whether the service requires TLS."),
    text("HOST", "Host name or IP address."),
    number("PORT", "TCP port."),
    number("POSITION", "Position of the host in the list of its service, from 0."),
    flag("HEALTHY", "Whether the last health check reached the host; true without a check."),
    NO_VERSION,
];
pub(super) static ALL_USERS: [Column; 6 + ATTRIBUTES.len()] = {
    const UNSET: Column = text("", "Attribute of the user; see the type UserBody.");
    let mut columns = [UNSET; 6 + ATTRIBUTES.len()];
    columns[0] = text("ID", "Id of the user.");
    columns[1] = name("USER_NAME", "Name of the user.");
    columns[2] = text(
        "STATUS",
        "ENABLED, DISABLED, PASSWORD_EXPIRED or PASSWORD_RESET; see STATUS of the type UserBody.",
    );
    columns[3] = number("LAST_LOGIN", "Time of the last login, epoch ms.");
    columns[4] = flag("ONLINE", "Whether the user has a live session.");
    columns[5] = VERSION;
    let mut at = 0;
    while at < ATTRIBUTES.len() {
        columns[6 + at] = Column { name: ATTRIBUTES[at], ..UNSET };
        at += 1;
    }
    columns
};

pub(super) fn user_right_row(user: &User, right: &Right) -> DataRow {
    named_user_right_row(user.name.as_str(), right)
}

/// Encodes the JSON members that follow the user name in a USER_RIGHTS row.
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

/// Returns a row of the audit trail; BEFORE and AFTER are JSON texts.
pub(super) fn audit_event_row(no: AuditNo, row: &AuditEvent) -> DataRow {
    let text = |text: &Option<Box<str>>| match text {
        Some(text) => FieldValue::text(&**text),
        None => FieldValue::Null,
    };
    let json = |fields: &FieldSnapshot| fields.json().map_or(FieldValue::Null, FieldValue::text);
    DataRow::new([
        FieldValue::Number(no as i64),
        FieldValue::Number(row.at as i64),
        FieldValue::text(&*row.event),
        text(&row.user_name),
        text(&row.target),
        text(&row.host),
        FieldValue::text(&*row.code),
        row.proof.map_or(FieldValue::Null, |proof| FieldValue::text(proof.word())),
        row.factor.map_or(FieldValue::Null, |factor| FieldValue::text(factor.word())),
        text(&row.reason),
        json(&row.before),
        json(&row.after),
        FieldValue::Number(1),
    ])
}

impl FieldValue {
    /// Returns the field as filters compare it.
    pub fn value(&self) -> Value<'_> {
        match self {
            FieldValue::Text(text) => Value::Text(text),
            FieldValue::Number(number) => Value::Number(*number),
            FieldValue::Flag(flag) => Value::Boolean(*flag),
            FieldValue::Null => Value::Null,
        }
    }
}
