//! The realm's policy, derived from the settings.

use crate::realm::model::policy;
use crate::realm::{DAY_MS, Location, LockoutScope, Millis, Policy, WhenFull};
use crate::settings::{AuthType, LoginErrors, Settings};

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

/// Returns the policy: the part of the settings that the realm needs.
pub fn policy(settings: &Settings) -> Policy {
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
        location: Location::parse(&settings.server.location).unwrap_or_default(),
    }
}
