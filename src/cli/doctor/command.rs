//! `doctor`: checks configuration, host and store, and prints findings.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use super::finding::{Finding, Severity};
use super::store_checks::{self, StoreFacts};
use super::{machine_checks, settings_checks};
use crate::cli::config_args::ConfigArgs;
use crate::cli::terminal::escaped;
use crate::gateway::{StartError, startup};
use crate::net::tls;
use crate::platform::{Clock, file_descriptors, private_file};
use crate::realm::UserStatus;
use crate::settings::{Engine, Settings};
use crate::storage::{DiskSpace, RowStore, StoreError};

/// The configuration and the store to check.
#[derive(Args)]
pub(in crate::cli) struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Directory of the store to check; while a gateway uses the store, only the permissions of the
    /// directory and the disk space are checked
    #[arg(long, value_name = "DIR", default_value = "tollgate-data")]
    data_dir: PathBuf,
}

impl DoctorArgs {
    /// Fails if any finding is a problem or a weakness.
    pub(in crate::cli) fn run(&self) -> Result<()> {
        let settings = self.config.load()?;
        settings.validate()?;
        let mut found = settings_checks::check(&settings);
        let certificate_days = certificate_days(&settings)?;
        let machine_facts = machine_checks::MachineFacts {
            connections_max: file_descriptors::raise_fd_limit(),
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            memory_free: machine_checks::memory_free(),
            certificate_days,
        };
        found.extend(machine_checks::check(&settings, &machine_facts));
        if settings.store.engine == Engine::Sled {
            let facts = check_store(&settings, &self.data_dir);
            println!("store: {}", describe(&facts));
            let short = DiskSpace::new(&self.data_dir, settings.store.disk_reserve_mb).shortage();
            found.extend(store_checks::check(&self.data_dir, &facts, short));
        }
        print_findings(found)
    }
}

/// Returns the days until the certificate expires; `None` without TLS, or if no certificate can be
/// parsed.
fn certificate_days(settings: &Settings) -> Result<Option<i64>> {
    if !settings.server.tls.is_on() {
        return Ok(None);
    }
    let now = (Clock::system().now() / 1_000) as i64;
    let until = tls::load(&settings.server.tls)?.expires_at_secs();
    Ok(until.map(|until| (until - now).div_euclid(86_400)))
}

fn describe(facts: &StoreFacts) -> &'static str {
    match facts {
        StoreFacts::Missing => "not created yet",
        StoreFacts::InUse => "in use by a running gateway, which `tollgate health` checks",
        StoreFacts::Unusable { .. } => "unusable",
        StoreFacts::Intact { .. } => "intact",
    }
}

/// Opens the store as `serve` does, which rebuilds damaged rows if possible. All rows and the whole
/// command log are checked, but only the end of the audit trail.
fn check_store(settings: &Settings, dir: &Path) -> StoreFacts {
    if !RowStore::exists_in(dir) {
        return StoreFacts::Missing;
    }
    private_file::make_new_files_private();
    match startup::start(settings, dir, Clock::system()) {
        Ok(started) => {
            let pepper_matches = started.pepper_matches(settings);
            let (has_administrator, open_resets) = started.replica.read(|realm, _| {
                let blank = |user: &&crate::realm::User| {
                    user.status == UserStatus::PasswordReset && user.credential.is_none()
                };
                (realm.has_administrator(), realm.users_after(None).filter(blank).count())
            });
            started.close();
            StoreFacts::Intact { pepper_matches, has_administrator, open_resets }
        }
        Err(StartError::Store(StoreError::Locked)) => StoreFacts::InUse,
        Err(error) => StoreFacts::Unusable { why: error.to_string(), change: remedy(&error) },
    }
}

fn remedy(error: &StartError) -> &'static str {
    match error {
        StartError::Store(StoreError::Damaged(_)) => {
            "restore a backup into a new directory with `tollgate import`"
        }
        StartError::Store(StoreError::Format { .. }) => {
            "use the version of tollgate that wrote the store, or a newer one"
        }
        StartError::Store(StoreError::Locked) => "stop the process that has the store open",
        StartError::Store(StoreError::Io(_)) | StartError::Submit(_) => {
            "check the disk, and that all files belong to the user of the gateway"
        }
        StartError::Refused(_) => "start the gateway with the configuration of this store",
    }
}

/// Prints the findings, the most severe first.
fn print_findings(mut found: Vec<Finding>) -> Result<()> {
    found.sort_by_key(|finding| finding.severity);
    for Finding { severity, subject, why, change } in &found {
        let text = format!("{}: {subject}\n    {why}\n    -> {change}", severity.label());
        println!("{}", escaped(&text));
    }
    let severe = found.iter().filter(|finding| finding.severity != Severity::Advice).count();
    if severe > 0 {
        bail!("problems and weaknesses found: {severe}");
    }
    println!("no problems or weaknesses found");
    Ok(())
}
