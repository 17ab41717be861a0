//! Refusals of the realm in the words of the protocol: the one place where they become text.

use protocol::{Nack, NackCode};
use serde_json::json;

use crate::node::Node;
use crate::realm::{Millis, Refusal};
use crate::settings::LoginErrors;

/// The NACK for a refusal.
pub fn nack(node: &Node, now: Millis, refusal: Refusal) -> Nack {
    let uniform = node.settings.security.login_errors == LoginErrors::Uniform;
    match refusal {
        Refusal::UnknownAccount if uniform => nack(node, now, Refusal::IncorrectCredentials),
        Refusal::UnknownAccount => Nack::new(NackCode::UnknownAccount, "no user has this name"),
        Refusal::IncorrectCredentials => {
            Nack::new(NackCode::IncorrectCredentials, "the user name or the password is wrong")
        }
        Refusal::Locked { until: Some(until) } => {
            let secs = until.saturating_sub(now).div_ceil(1_000);
            Nack::new(
                NackCode::LockedAccount,
                format!("too many wrong passwords; try again in {secs} s"),
            )
            .with(json!({ "RETRY_AFTER_SECS": secs }))
        }
        Refusal::Locked { until: None } => Nack::new(
            NackCode::LockedAccount,
            "the account is disabled; an administrator can enable it",
        ),
        Refusal::MustChange(status) => {
            Nack::new(NackCode::PasswordExpired, "the password must be changed before the login")
                .with(json!({ "STATUS": status.word() }))
        }
        Refusal::SessionsFull(sessions) => {
            let hide = node.settings.security.hide_hosts;
            let shown = |it: &crate::realm::outcome::SessionShown| {
                let host = if hide { None } else { Some(&it.host) };
                json!({ "SESSION_ID": it.id.0, "HOST": host, "LAST_ACCESS_TIME": it.accessed })
            };
            let sessions: Vec<_> = sessions.iter().map(shown).collect();
            let text = "the user has as many sessions as allowed; log one of them out first";
            Nack::new(NackCode::MaxActiveSessionsReached, text).with(json!({ "SESSION": sessions }))
        }
        Refusal::StaleCredential => {
            Nack::new(NackCode::LoginFail, "the password was being changed; log in again")
        }
        Refusal::NoSession => {
            Nack::new(NackCode::SessionExpired, "the session is over; log in again")
        }
        Refusal::RefreshExpired => {
            Nack::new(NackCode::SessionExpired, "the refresh token is no longer good; log in again")
        }
        Refusal::NotAuthorised(right) => Nack::not_authorised(&right),
        other => administration(other),
    }
}

fn administration(refusal: Refusal) -> Nack {
    match refusal {
        Refusal::Escalation(right) => Nack::new(
            NackCode::NotAuthorised,
            format!("only who holds the right {right} may grant it"),
        )
        .with(json!({ "RIGHT": right })),
        Refusal::Overpowered(right) => Nack::new(
            NackCode::NotAuthorised,
            format!("the user holds the right {right}, which you do not hold"),
        )
        .with(json!({ "RIGHT": right })),
        Refusal::Disabled(name) => {
            let text = format!("{name} is disabled; a reset would enable the user again");
            Nack::new(NackCode::ValidationError, text)
        }
        Refusal::Depended(kind, name) => {
            let text = format!("{kind} {name} still holds it; take it away there first");
            Nack::new(NackCode::DependentRecordFound, text)
                .with(json!({ "TABLE": kind, "KEY": name }))
        }
        Refusal::Duplicate(field, value) => {
            Nack::new(NackCode::DuplicateKey, format!("{field} {value} exists already"))
                .with(json!({ "FIELD": field, "VALUE": value }))
        }
        Refusal::NotFound(kind, name) => {
            Nack::new(NackCode::RecordNotFound, format!("no {kind} is called {name:?}"))
                .with(json!({ "TABLE": kind, "KEY": name }))
        }
        Refusal::Disagree(field) => Nack::new(
            NackCode::InvalidParameter,
            format!("id and name in {field} are not of one record"),
        ),
        Refusal::NotAnId(field) => {
            Nack::new(NackCode::InvalidParameter, format!("{field} is not an id of its kind"))
        }
        Refusal::Stale(version) => {
            let text = format!("the record has version {version} now; read it again");
            Nack::new(NackCode::OptimisticConcurrencyError, text)
                .with(json!({ "RECORD_VERSION": version }))
        }
        Refusal::LastAdministrator => {
            Nack::new(NackCode::LastAdministrator, "nobody would be left who can amend users")
        }
        Refusal::TooLong => {
            Nack::new(NackCode::ValidationError, "the record is too long; shorten its texts")
        }
        _ => unexpected(),
    }
}

/// An outcome that the command cannot have: a fault of the gateway.
pub fn unexpected() -> Nack {
    Nack::new(NackCode::InternalError, "the gateway gave an answer that does not fit")
}
