//! Another configuration for a running gateway (SIGHUP): what only a start can change stays, and is
//! named; the difference is logged.

use super::state::Node;
use crate::replication::SubmitError;
use crate::settings::Settings;
/// Takes in a configuration that was checked. The realm's part of it comes first: if that cannot be
/// stored, nothing changes.
pub async fn apply(node: &Node, new: Settings) -> Result<(), SubmitError> {
    let running = node.settings().clone();
    let (new, kept) = new.keeping(&running);
    node.replica.set_policy(crate::gateway::policy::policy(&new)).await?;
    let differences = running.differences(&new);
    let changed = node.services.configure(new.services.clone(), &new.service_list);
    node.apply_settings(new);
    if let Some(changed) = changed {
        crate::gateway::tasks::tell(node, &changed);
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
