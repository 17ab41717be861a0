//! Tests of durability: kills, power cuts, damage, full disks, backups, exports.

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
