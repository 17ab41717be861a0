//! Refusals of the realm in the words of the protocol: the one place where they become text.

use protocol::{Nack, NackCode};
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::platform::random;
use crate::realm::{MfaReason, Millis, Refusal, RequiredFactor};
use crate::settings::LoginErrors;

/// The NACK for a refusal.
pub fn nack(gateway: &Gateway, now: Millis, refusal: Refusal) -> Nack {
    let uniform = gateway.settings().security.login_errors == LoginErrors::Uniform;
    let refusal = match refusal {
        Refusal::UnknownAccount if uniform => Refusal::IncorrectCredentials,
        refusal => refusal,
    };
    let code = refusal.code();
    let (text, details) = match refusal {
        Refusal::SessionLimit(sessions) => {
            let hide = gateway.settings().security.hide_hosts;
            let shown = |it: &crate::realm::SessionSummary| {
                let host = if hide { None } else { Some(&it.host) };
                json!({ "SESSION_ID": it.id.0, "HOST": host, "LAST_ACCESS_TIME": it.accessed })
            };
            let sessions: Vec<_> = sessions.iter().map(shown).collect();
            let text = "the user has as many sessions as allowed; log one of them out first";
            (text.to_owned(), Some(json!({ "SESSION": sessions })))
        }
        Refusal::NotAuthorised(right) => return Nack::not_authorised(&right),
        Refusal::SecondFactor(reason, required) => return second_factor_nack(reason, required),
        refusal => text_and_details(now, refusal),
    };
    let nack = Nack::new(code, text);
    match details {
        Some(details) => nack.with(details),
        None => nack,
    }
}

/// TEXT and DETAILS of a refusal.
fn text_and_details(now: Millis, refusal: Refusal) -> (String, Option<Value>) {
    if let Some(text) = fixed_text(&refusal) {
        return (text.to_owned(), None);
    }
    match refusal {
        Refusal::Locked { until } => locked(now, until),
        Refusal::PasswordChangeRequired(status) => {
            let text = "the password must be changed before the login".to_owned();
            (text, Some(json!({ "STATUS": status.word() })))
        }
        Refusal::CannotGrantRight(right) => {
            let text = format!("only who holds the right {right} may grant it");
            (text, Some(json!({ "RIGHT": right })))
        }
        Refusal::TargetHasHigherRights(right) => {
            let text = format!("the user holds the right {right}, which you do not hold");
            (text, Some(json!({ "RIGHT": right })))
        }
        Refusal::Disabled(name) => {
            (format!("{name} is disabled; a reset would enable the user again"), None)
        }
        Refusal::HasDependents(kind, name) => {
            let text = format!("{kind} {name} still holds it; take it away there first");
            (text, Some(json!({ "TABLE": kind, "KEY": name })))
        }
        Refusal::Duplicate(field, value) => {
            let text = format!("{field} {value} exists already");
            (text, Some(json!({ "FIELD": field, "VALUE": value })))
        }
        Refusal::NotFound(kind, name) => {
            let text = format!("no {kind} is called {name:?}");
            (text, Some(json!({ "TABLE": kind, "KEY": name })))
        }
        Refusal::IdNameMismatch(field) => {
            (format!("id and name in {field} are not of one record"), None)
        }
        Refusal::InvalidId(field) => (format!("{field} is not an id of its kind"), None),
        Refusal::VersionConflict(version) => {
            let text = format!("the record has version {version} now; read it again");
            (text, Some(json!({ "RECORD_VERSION": version })))
        }
        Refusal::OneTimeTokenLimit(until) => {
            let wait = until.saturating_sub(now);
            let text = "the user has as many one-time tokens as allowed; wait until one ends";
            (text.to_owned(), Some(json!({ "RETRY_AFTER_MS": wait })))
        }
        _ => ("refused".to_owned(), None),
    }
}

/// TEXT of a refusal that has no more to say.
fn fixed_text(refusal: &Refusal) -> Option<&'static str> {
    Some(match refusal {
        Refusal::UnknownAccount => "no user has this name",
        Refusal::IncorrectCredentials => "the user name or the password is wrong",
        Refusal::StaleCredential => "the password was being changed; log in again",
        Refusal::NoSession => "the session is over; log in again",
        Refusal::RefreshExpired => "the refresh token is no longer good; log in again",
        Refusal::InvalidOneTimeToken => "the token is unknown, used or expired",
        Refusal::InvalidLifetimes => "a refresh token must live longer than an access token",
        Refusal::LastAdministrator => "nobody would be left who can amend users",
        Refusal::ManagedByDirectory => "the directory keeps this user's password; change it there",
        Refusal::LocalUser => "the user name or the password is wrong",
        Refusal::ResetCooldown(_) => "the next reset has to wait",
        Refusal::MailQueueFull => "too many mails wait to be sent; try again later",
        Refusal::TooLong => "the record is too long; shorten its texts",
        _ => return None,
    })
}

fn locked(now: Millis, until: Option<Millis>) -> (String, Option<Value>) {
    let Some(until) = until else {
        return ("the account is disabled; an administrator can enable it".to_owned(), None);
    };
    let secs = until.saturating_sub(now).div_ceil(1_000);
    let text = format!("too many wrong passwords; try again in {secs} s");
    (text, Some(json!({ "RETRY_AFTER_SECS": secs })))
}

/// MFA_FAILED: what is missing, and which factor it is.
pub fn second_factor_nack(reason: MfaReason, required: RequiredFactor) -> Nack {
    let text = match (reason, required) {
        (MfaReason::Required, RequiredFactor::Link) => {
            "a link was mailed; open it, or send its code as MFA_CODE"
        }
        (MfaReason::Required, _) => "send the code of your authenticator app as MFA_CODE",
        (MfaReason::Invalid, RequiredFactor::Link) => {
            "the code is wrong, used or over; another link was mailed"
        }
        (MfaReason::Invalid, _) => "the code is wrong or was used; wait for the next one",
        (MfaReason::Enrol, _) => {
            "a second factor is needed first: EVENT_MFA_CREATE_SECRET, EVENT_MFA_CONFIRM_SECRET"
        }
        (MfaReason::Expired, _) => "no secret waits to be confirmed; create another one",
    };
    let kind = if required == RequiredFactor::Link { "NOTIFY" } else { "QR_CODE" };
    let details = json!({ "REASON": reason.word(), "MFA": kind });
    Nack::new(NackCode::MfaFailed, text).with(details)
}

/// A fault of the gateway, such as an outcome that the command cannot have. The log and the client
/// share an incident id, and nothing else.
pub fn internal_error(message_type: &'static str) -> Nack {
    let reference = random::incident_id();
    tracing::error!(
        message_type,
        reference,
        "a message could not be served: a fault of the gateway"
    );
    Nack::new(
        NackCode::InternalError,
        format!("a fault of the gateway; its log knows it as {reference}"),
    )
}
