//! Durability: kills, power cuts, damage and full disks; backups and exports.

mod backup;
mod command_log;
mod damaged_stores;
mod export;
mod first_start_steps;
mod full_disk;
mod kills;
mod power_cuts;
mod store_formats;
mod sync_order;
