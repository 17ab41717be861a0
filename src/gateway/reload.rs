//! Reload of the configuration of a running gateway (SIGHUP).
//!
//! Changed settings are logged. Settings that need a restart keep their previous values, which is
//! logged, too.

use super::state::Gateway;
use crate::replication::SubmitError;
use crate::settings::Settings;

/// Applies a checked configuration. The realm's policy is submitted first: if the policy cannot be
/// stored, nothing changes.
pub async fn apply(gateway: &Gateway, new: Settings) -> Result<(), SubmitError> {
    let running = gateway.settings().clone();
    let (new, kept) = new.keep_startup_settings(&running);
    gateway.replica.set_policy(crate::gateway::policy::policy(&new)).await?;
    let differences = running.changes(&new);
    let changed = gateway.services.apply_settings(new.services.clone(), &new.service_list);
    gateway.apply_settings(new);
    if let Some(changed) = changed {
        crate::gateway::tasks::publish_change(gateway, &changed);
    }
    for (key, old, new) in &differences {
        tracing::info!(key, old, new, "a setting changed");
    }
    for key in kept {
        tracing::warn!(key, "a changed setting needs a restart; the previous value stays in force");
    }
    tracing::info!(changed_settings = differences.len(), "configuration reloaded");
    Ok(())
}
