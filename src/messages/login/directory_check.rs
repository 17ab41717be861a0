//! Password checks by a directory, and user records created or updated from the directory.

use protocol::{Nack, NackCode, Password, ProfileName, RightCode, UserName};

use super::checked_password::CheckedPassword;
use super::snapshot::LoginSnapshot;
use crate::auth::{DirectoryUser, LdapResult};
use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::messages::users::is_attribute;
use crate::platform::refusal_line;
use crate::realm::{
    ATTRIBUTES, AuthenticatedBy, Command, Outcome, Refusal, SyncDirectoryUser, Verdict,
};
use crate::settings::LdapConnection;

/// Checks a password only in a directory (authentication type LDAP).
pub(super) async fn check_directory_password(
    context: &MessageContext,
    name: &UserName,
    password: &Password,
    snapshot: &LoginSnapshot,
) -> Result<CheckedPassword, Nack> {
    let connections = connections(context);
    // With `bypass_login_internal_auth`, not the gateway but the directory decides whether an
    // account is locked. Before the query it is unknown which directory contains the user.
    let any_bypass = connections.iter().any(|it| it.bypass_login_internal_auth);
    if let Some(until) = snapshot.locked_until.filter(|_| !any_bypass) {
        let refusal = Refusal::Locked { until: Some(until) };
        return Err(errors::nack(&context.gateway, context.now, refusal));
    }
    let checked = |verdict, bypass: bool| CheckedPassword {
        verdict,
        checked: None,
        rehash: None,
        authenticated_by: AuthenticatedBy::Directory { checks: bypass.into() },
    };
    let all_bypass = connections.iter().all(|it| it.bypass_login_internal_auth);
    if password.expose().is_empty() {
        return Ok(checked(Verdict::Blank, all_bypass));
    }
    match query(context, name, password).await? {
        (LdapResult::Confirmed(found), connection) => {
            sync_record(context, name, found, &connection, false).await?;
            Ok(checked(Verdict::Matched, connection.bypass_login_internal_auth))
        }
        (LdapResult::NotInGroup, _) => Err(not_in_group(context)),
        // The name is unknown to the directory and to the gateway. The realm treats it like an
        // unknown local name.
        (LdapResult::Unknown, _) if snapshot.user.is_none() && !any_bypass => {
            Ok(checked(Verdict::Wrong, false))
        }
        (LdapResult::Unknown | LdapResult::Wrong, _) => Ok(checked(Verdict::Wrong, all_bypass)),
    }
}

/// Checks a password in a directory, after the stored hash matched (authentication type HYBRID).
pub(super) async fn confirm(
    context: &MessageContext,
    name: &UserName,
    password: &Password,
) -> Result<Verdict, Nack> {
    match query(context, name, password).await? {
        (LdapResult::Confirmed(found), connection) => {
            sync_record(context, name, found, &connection, true).await?;
            Ok(Verdict::Matched)
        }
        (LdapResult::NotInGroup, _) => Err(not_in_group(context)),
        (LdapResult::Unknown | LdapResult::Wrong, _) => Ok(Verdict::Wrong),
    }
}

fn connections(context: &MessageContext) -> Vec<LdapConnection> {
    context.gateway.settings().security.authentication.ldap.connection.clone()
}

/// Checks a password in the directories. Returns the result, and the settings of the connection
/// that confirmed the password. If none did, the settings are those of the first connection.
async fn query(
    context: &MessageContext,
    name: &UserName,
    password: &Password,
) -> Result<(LdapResult, LdapConnection), Nack> {
    let directory = context.gateway.directory.load_full();
    let result =
        directory.authenticate(&context.gateway.clock, name.as_str(), password.expose()).await;
    let unreachable = || {
        let text = "the directory cannot be reached; the attempt was not counted; try again later";
        Nack::new(NackCode::LoginFail, text)
    };
    let (result, number) = result.map_err(|_| unreachable())?;
    let connection = connections(context).into_iter().nth(number).ok_or_else(unreachable)?;
    Ok((result, connection))
}

fn not_in_group(context: &MessageContext) -> Nack {
    if context.read(|realm| realm.policy().uniform) {
        errors::nack(&context.gateway, context.now, Refusal::IncorrectCredentials)
    } else {
        let text = "the user is not in a directory group that may log in; ask an administrator of \
                    the directory";
        Nack::new(NackCode::NotAuthorised, text)
    }
}

/// Creates the user's record, or updates it if it differs from the directory, as the settings of
/// the connection permit. `local` means that the user is a local user (authentication type HYBRID).
async fn sync_record(
    context: &MessageContext,
    name: &UserName,
    found: DirectoryUser,
    connection: &LdapConnection,
    local: bool,
) -> Result<(), Nack> {
    let from = record_from_directory(name, found, connection, local);
    // Most logins change no record. The command is therefore planned first, and is submitted only
    // if the plan has changes or a refusal.
    let differs = context.read(|realm| {
        let planned = realm.plan(context.now, &Command::SyncDirectoryUser(from.clone()));
        !planned.changes.is_empty() || matches!(planned.outcome, Outcome::Refused(_))
    });
    if !differs {
        return Ok(());
    }
    match context.submit_raw(Command::SyncDirectoryUser(from)).await? {
        Outcome::Refused(refused) => {
            if refused == Refusal::LocalUser {
                let text = "a directory login was refused: a local user has the same name";
                refusal_line!(WARN, Some(context.client.address), user = %name, "{text}");
            }
            Err(errors::nack(&context.gateway, context.now, refused))
        }
        Outcome::Done => Ok(()),
        _ => Err(errors::internal_error(context.event)),
    }
}

fn record_from_directory(
    name: &UserName,
    found: DirectoryUser,
    connection: &LdapConnection,
    local: bool,
) -> SyncDirectoryUser {
    let first = &connection.on_first_login;
    let value = |field: &str| {
        let value = found.attributes.get(first.attributes.get(field)?)?;
        let fits =
            is_attribute(value) && (field != "EMAIL_ADDRESS" || crate::mail::is_address(value));
        fits.then(|| value.as_str().into())
    };
    let numbered = (0u8..).zip(ATTRIBUTES);
    let mapped = numbered.filter(|(_, field)| first.attributes.contains_key(**field));
    let profile = |name: &String| ProfileName::parse(name).ok();
    let by_group = found.groups.iter().filter_map(|group| first.group_profiles.get(group));
    let all = first.profiles.iter().chain(first.group_profiles.values());
    SyncDirectoryUser {
        user_name: name.clone(),
        local,
        create: first.create_user && !local,
        update: connection.on_login_success.update_attributes,
        attributes: mapped.map(|(number, field)| (number, value(field))).collect(),
        profiles: first.profiles.iter().chain(by_group).filter_map(profile).collect(),
        rights: first.rights.iter().filter_map(|code| RightCode::parse(code).ok()).collect(),
        sync: connection.on_login_success.sync_profiles.then(|| all.filter_map(profile).collect()),
    }
}
