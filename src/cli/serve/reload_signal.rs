//! Reload of the configuration and the certificate on SIGHUP; an error changes nothing.

use anyhow::{Context, Result};
use sd_notify::NotifyState;

use crate::cli::error_text::with_causes;
use crate::gateway::Gateway;
use crate::net::{Identity, tls};
use crate::platform::metrics;
use crate::settings::{Settings, SettingsError};

/// Reloads the configuration and the certificate. If either is invalid, both stay as they are.
pub(super) async fn run(
    read: impl Fn() -> Result<Settings, SettingsError>,
    gateway: &Gateway,
    identity: Option<&Identity>,
) {
    let began = NotifyState::monotonic_usec_now().ok();
    notify_systemd(&[NotifyState::Reloading].into_iter().chain(began).collect::<Vec<_>>());
    match attempt(read, gateway, identity).await {
        Ok(()) => metrics::record_reloaded("done"),
        Err(error) => {
            let error = with_causes(&error);
            tracing::error!(error, "reload failed; the previous configuration stays in force");
            metrics::record_reloaded("refused");
        }
    }
    notify_systemd(&[NotifyState::Ready]);
}

async fn attempt(
    read: impl Fn() -> Result<Settings, SettingsError>,
    gateway: &Gateway,
    identity: Option<&Identity>,
) -> Result<()> {
    let settings = read()?;
    let replacement = match identity {
        // Turning TLS off needs a restart; `apply` logs that.
        Some(_) if !settings.server.tls.is_on() => None,
        Some(identity) => Some((identity, tls::load(&settings.server.tls)?)),
        None => None,
    };
    crate::gateway::apply(gateway, settings)
        .await
        .context("cannot store the changed settings for logins and sessions")?;
    if let Some((identity, checked)) = replacement {
        identity.replace(checked);
    }
    Ok(())
}

/// Notifies systemd if it started the gateway with a notify socket.
pub(super) fn notify_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "notifying systemd failed");
    }
}
