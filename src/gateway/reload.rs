//! Another configuration for a running gateway (SIGHUP): what only a start can change stays, and is
//! named; the difference is logged.

use super::state::Gateway;
use crate::replication::SubmitError;
use crate::settings::Settings;
/// Takes in a configuration that was checked. The realm's part of it comes first: if that cannot be
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
        tracing::warn!(key, "a setting that needs a restart is left as it was");
    }
    tracing::info!(changed = differences.len(), "the configuration was read again");
    Ok(())
}
