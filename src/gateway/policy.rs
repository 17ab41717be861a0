//! The realm's policy, derived from the settings.

use crate::realm::model::policy;
use protocol::{ProfileName, UserName};

use crate::realm::{
    ConfiguredName, DAY_MS, GuardedRights, Location, LockoutScope, Millis, Policy, SetPolicy,
    WhenFull,
};
use crate::settings::{AuthType, GuardedGroup, GuardedRightsSetting, LoginErrors, Mode, Settings};

fn mfa(settings: &Settings) -> policy::Mfa {
    let mfa = &settings.security.mfa;
    let names = |list: &[String]| list.iter().map(|name| name.as_str().into()).collect();
    let links = |it: &crate::settings::Notify| policy::Links {
        temporary_ms: it.temp_code_expiry_duration.millis(),
        active_ms: it.active_code_expiry_duration.millis(),
    };
    policy::Mfa {
        totp: mfa.qr_code.is_some(),
        totp_for: names(&mfa.required_for),
        link: mfa.notify.as_ref().map(links),
        link_for: mfa.notify.as_ref().map(|it| names(&it.required_for)).unwrap_or_default(),
        codes_max: mfa.max_attempts,
        confirm_ms: mfa.qr_code.as_ref().map_or(0, |it| it.confirm_wait_period_secs * 1_000),
    }
}

/// Returns what the realm needs of the settings: the policy, and the names on which decisions
/// depend.
pub fn policy(settings: &Settings) -> SetPolicy {
    SetPolicy { policy: rules(settings), names: names(settings) }
}

/// Returns the names in the configuration on which decisions depend, with their keys.
fn names(settings: &Settings) -> Vec<(ConfiguredName, Box<str>)> {
    let security = &settings.security;
    let connections = security.authentication.ldap.connection.iter();
    let first_logins = connections.map(|it| &it.on_first_login);
    let of_directories = first_logins.flat_map(|first| {
        let profiles = first.profiles.iter().map(|name| (name, "on_first_login.profiles"));
        let groups = first.group_profiles.values().map(|it| (it, "on_first_login.group_profiles"));
        profiles.chain(groups)
    });
    let of_directories = of_directories
        .map(|(name, key)| (name, format!("security.authentication.ldap.connection.{key}")));
    let list = |names: &'_ Vec<String>, key: &str| {
        names.iter().map(|name| (name.clone(), key.to_owned())).collect::<Vec<_>>()
    };
    let notify = security.mfa.notify.as_ref().map(|it| &it.required_for);
    let acks = security.login_ack.custom.iter().flat_map(|it| &it.profiles);
    let profiles = list(&security.mfa.required_for, "security.mfa.required_for")
        .into_iter()
        .chain(notify.map(|it| list(it, "security.mfa.notify.required_for")).unwrap_or_default())
        .chain(of_directories.map(|(name, key)| (name.clone(), key)))
        .chain(acks.map(|name| (name.clone(), "security.login_ack.custom.profiles".to_owned())));
    let profiles = profiles.filter_map(|(name, key)| {
        Some((ConfiguredName::Profile(ProfileName::parse(&name).ok()?), key.into()))
    });
    // With INTERNAL, all local users can log in.
    let is_internal = security.authentication.kind == AuthType::Internal;
    let internal = security.authentication.internal_users.iter().filter(|_| !is_internal);
    let internal = internal.filter_map(|name| {
        let key = "security.authentication.internal_users";
        Some((ConfiguredName::LocalUser(UserName::parse(name).ok()?), key.into()))
    });
    profiles.chain(internal).collect()
}

fn rules(settings: &Settings) -> Policy {
    let security = &settings.security;
    let retry = &security.genesis_password.retry;
    let strength = &security.genesis_password.validation.password_strength;
    let idle_ms = security.session_timeout_ms();
    Policy {
        idle_ms,
        refresh_ms: security.refresh_token_expiration_ms(),
        use_report_ms: (idle_ms / 10).min(60_000),
        sessions_max: u32::try_from(security.max_simultaneous_user_logins)
            .ok()
            .filter(|max| *max > 0),
        when_full: match security.session_limit_action {
            crate::settings::SessionLimitAction::Refuse => WhenFull::Refuse,
            crate::settings::SessionLimitAction::EvictOldest => WhenFull::EvictOldest,
        },
        rotation: security.refresh_rotation,
        grace_ms: security.refresh_grace_secs * 1_000,
        attempts_max: retry.max_attempts,
        lock_ms: retry.wait_time_ms(),
        lock_scope: match retry.scope {
            crate::settings::LockScopeSetting::User => LockoutScope::User,
            crate::settings::LockScopeSetting::UserAndAddress => LockoutScope::UserAndNetwork,
        },
        history: strength.history(),
        password_age_ms: strength.expiry_days().map(|days| Millis::from(days) * DAY_MS),
        access_ms: security.access_token_life_secs * 1_000,
        one_time_ms: security.one_time_token_secs * 1_000,
        absent_list_clears: security.absent_list_clears,
        reset_ms: security.reset_window_ms(),
        blank_reset: security.reset_mode == crate::settings::ResetMode::Blank,
        uniform: security.login_errors == LoginErrors::Uniform,
        mfa: mfa(settings),
        self_reset: security.genesis_password.self_service_reset.as_ref().map(|it| {
            let (timeout_ms, cool_ms) = (it.timeout_ms(), it.cool_down_ms());
            policy::SelfResets { timeout_ms, cool_ms }
        }),
        directory: security.authentication.kind == AuthType::Ldap,
        guarded_rights: guarded_rights(&security.guarded_rights),
        local_logins: security.authentication.kind == AuthType::Internal,
        directory_logins: security.authentication.kind != AuthType::Internal,
        max_session_ms: security.max_session_ms(),
        directory_session_ms: directory_session_ms(settings),
        reauthentication_ms: security.reauthentication_ms(),
        reauthentication_for_all: settings.mode == Mode::Hardened,
        one_time_password_ms: security.one_time_password_ms(),
        notices: security.notices.as_ref().map(|it| it.topics.clone()).unwrap_or_default(),
        location: Location::parse(&settings.server.location).unwrap_or_default(),
    }
}

fn guarded_rights(setting: &GuardedRightsSetting) -> GuardedRights {
    match setting {
        GuardedRightsSetting::Group(GuardedGroup::All) => GuardedRights::All,
        GuardedRightsSetting::Group(GuardedGroup::Administration) => {
            GuardedRights::Administration(Vec::new())
        }
        GuardedRightsSetting::Codes(codes) => {
            GuardedRights::Administration(codes.iter().map(|code| code.as_str().into()).collect())
        }
    }
}

/// Returns the maximum age of a session of a directory user; `None` if the directory can be asked
/// again whether the user still exists.
fn directory_session_ms(settings: &Settings) -> Option<Millis> {
    let connections = &settings.security.authentication.ldap.connection;
    let cannot_ask = connections.iter().any(|it| it.bind_dn.is_empty());
    cannot_ask.then_some(DAY_MS)
}
