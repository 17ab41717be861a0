//! SIGHUP: the configuration and the certificate are read again. What is wrong changes nothing.

use anyhow::{Context, Result};
use sd_notify::NotifyState;

use crate::gateway::Gateway;
use crate::net::{Identity, tls};
use crate::platform::metrics;
use crate::settings::{Settings, SettingsError};
/// Reads everything again; the gateway goes on with what it has if anything is wrong.
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
            let error = format!("{error:#}");
            tracing::error!(error, "the configuration stays as it was");
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
        // Turned off: that needs a restart, and is said so.
        Some(_) if !settings.server.tls.is_on() => None,
        Some(identity) => Some((identity, tls::load(&settings.server.tls)?)),
        None => None,
    };
    crate::gateway::apply(gateway, settings).await.context("the policy cannot be stored")?;
    if let Some((identity, checked)) = replacement {
        identity.replace(checked);
    }
    Ok(())
}

/// Tells systemd, where it asks to be told.
pub(super) fn notify_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the supervisor was not told");
    }
}
