//! The second factor of a login, outside the realm: a code is checked against the secret that only
//! this gateway can open; tokens that may be needed are drawn.

use protocol::{MfaCode, Nack, RefreshToken, UserName};

use crate::messages::context::MessageContext;
use crate::messages::errors;
use crate::realm::{
    EnrolmentActor, Fingerprint, MfaReason, PresentedFactor, Refusal, RequiredFactor,
    SecondFactorInput, TokenHash, User, UserNo,
};

/// What a login may leave behind, in clear.
pub struct FactorTokens {
    pending_login: RefreshToken,
    active_code: MfaCode,
}

impl FactorTokens {
    /// New ones.
    pub fn generate() -> Self {
        Self {
            pending_login: crate::auth::refresh_token(),
            active_code: MfaCode::new(crate::auth::refresh_token().expose()),
        }
    }

    /// The same for a login that is half done already, by the token that it has.
    pub fn for_pending_login(token: Option<&RefreshToken>, drawn: Self) -> Self {
        Self {
            pending_login: token.cloned().unwrap_or(drawn.pending_login),
            active_code: drawn.active_code,
        }
    }

    /// The second factor as the log may know it. A connector gets no pending login: it repeats the
    /// whole one.
    pub fn hashed(&self, presented: Option<PresentedFactor>, connector: bool) -> SecondFactorInput {
        let hash = |text: &str| TokenHash(crate::auth::hash_token(text));
        SecondFactorInput {
            presented,
            pending_login: (!connector).then(|| hash(self.pending_login.expose())),
            active_code: (!connector).then(|| hash(self.active_code.expose())),
        }
    }

    /// The refusal of a login whose first factor was right.
    pub fn pending_nack(&self, reason: MfaReason, required: RequiredFactor) -> Nack {
        errors::second_factor_nack(reason, required).with_pending_login(&self.pending_login)
    }

    /// The active code, once it is good.
    pub fn into_active_code(self) -> MfaCode {
        self.active_code
    }
}

/// A secret that a code is checked against.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SecretState {
    /// The one in force.
    Confirmed,
    /// The one that waits to be confirmed.
    Pending,
}

/// What was given as a second factor, as far as it can be checked here.
pub fn check_code(
    context: &MessageContext,
    user: Option<UserNo>,
    code: Option<&MfaCode>,
) -> Option<PresentedFactor> {
    let text = code?.expose().trim();
    let settings = context.gateway.settings();
    let is_code =
        settings.security.mfa.qr_code.as_ref().is_some_and(|it| it.totp_config().is_code(text));
    if !is_code {
        let plain = crate::auth::normalize_recovery_code(text);
        let hash = crate::auth::hash_token(plain.as_deref().unwrap_or(text));
        return Some(PresentedFactor::Code(TokenHash(hash)));
    }
    let checked = user.and_then(|user| check_totp(context, user, text, SecretState::Confirmed));
    let (checked, at_secs, resealed) = checked.map_or((None, None, None), |it| it.into_parts());
    Some(PresentedFactor::Totp { checked, at_secs, reencrypted: resealed })
}

/// A code that was checked against a secret.
pub struct CheckedCode {
    encrypted: Fingerprint,
    at_secs: Option<u64>,
    reencrypted: Option<std::sync::Arc<str>>,
}

impl CheckedCode {
    /// The secret, the start of the code's period if it fits, and the secret sealed anew.
    pub fn into_parts(self) -> (Option<Fingerprint>, Option<u64>, Option<std::sync::Arc<str>>) {
        (Some(self.encrypted), self.at_secs, self.reencrypted)
    }
}

/// Checks a code against a secret of a user; none: he has none.
pub fn check_totp(
    context: &MessageContext,
    user: UserNo,
    text: &str,
    of: SecretState,
) -> Option<CheckedCode> {
    let (name, sealed) = context.read(|realm| {
        let own = realm.second_factor(user)?;
        let sealed = match of {
            SecretState::Confirmed => own.confirmed.clone(),
            SecretState::Pending => own.pending.as_ref().map(|it| it.encrypted.clone()),
        };
        Some((realm.user(user)?.name.clone(), sealed?))
    })?;
    let settings = context.gateway.settings();
    let codes = settings.security.mfa.qr_code.as_ref()?.totp_config();
    let keys = context.gateway.keys.as_ref()?;
    let Some(opened) = keys.decrypt(name.as_str(), user.0, &sealed) else {
        tracing::error!(user = %name, "a secret was sealed with a key that is not configured");
        return Some(CheckedCode {
            encrypted: Fingerprint::new(&sealed),
            at_secs: None,
            reencrypted: None,
        });
    };
    let at_secs = codes.check(&opened.secret, text, context.now / 1_000);
    let anew = opened.is_old_key && at_secs.is_some();
    let resealed = anew.then(|| keys.encrypt(name.as_str(), user.0, &opened.secret));
    Some(CheckedCode { encrypted: Fingerprint::new(&sealed), at_secs, reencrypted: resealed })
}

/// Whom a name means, for the check of his code.
pub fn user_number(context: &MessageContext, name: &UserName) -> Option<UserNo> {
    context.read(|realm| realm.user_by_name(name).map(|user: &User| user.no))
}

/// Whose second factor is meant.
pub struct TargetUser {
    /// Its user's name.
    pub name: UserName,
    /// And number.
    pub no: UserNo,
}

/// Who creates or confirms a secret, and for whom: by the token of a login that must enrol for its
/// user, else by the session for whom it names, else for its own. `right`: what it needs for
/// others.
pub fn enrolment_actor(
    context: &MessageContext,
    token: Option<&RefreshToken>,
    name: Option<&UserName>,
    right: &'static str,
) -> Result<(EnrolmentActor, TargetUser), Nack> {
    let target = |user: &User| TargetUser { name: user.name.clone(), no: user.no };
    if let Some(token) = token {
        context.check_failure_limit()?;
        let hash = TokenHash(crate::auth::hash_token(token.expose()));
        let user = context.read(|realm| realm.user_by_pending_login(&hash).map(target));
        let user = user.filter(|user| name.is_none_or(|name| *name == user.name));
        let Some(user) = user else {
            context.record_failure();
            return Err(errors::nack(&context.gateway, context.now, Refusal::RefreshExpired));
        };
        context.set_audited_user(&user.name);
        return Ok((EnrolmentActor::PendingLogin(hash), user));
    }
    let session = context.session()?;
    let found = context.read(|realm| match name {
        Some(name) => realm.user_by_name(name).map(target),
        None => realm.user(session.user).map(target),
    });
    let none = || {
        let may = context.read(|realm| realm.holds_code(session.user, right));
        let name = name.map(ToString::to_string).unwrap_or_default();
        match may {
            true => errors::nack(&context.gateway, context.now, Refusal::NotFound("USER", name)),
            false => Nack::not_authorised(right),
        }
    };
    Ok((EnrolmentActor::Actor(context.actor()?), found.ok_or_else(none)?))
}
