//! `rekey`: re-encrypts the confirmed secrets of second factors with the current key.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::config_args::ConfigArgs;
use super::offline_store;
use crate::realm::{Command, Fingerprint, UserNo};

/// The store whose secrets are re-encrypted.
#[derive(Args)]
pub(super) struct RekeyArgs {
    /// Directory of the stopped gateway's store
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Maximum number of secrets in one command, which keeps its log entry small.
const SECRETS_PER_COMMAND: usize = 64;
const NO_KEY: &str = "[security.mfa.qr_code] is not configured, so there is no key; name the \
                      configuration of the gateway with --config";

impl RekeyArgs {
    pub(super) fn run(self) -> Result<()> {
        let settings = self.config.load()?;
        settings.validate()?;
        let keys = settings.keyring(&self.data_dir)?.context(NO_KEY)?;
        let (reencrypted_count, failed) =
            offline_store::with_existing_store(&settings, &self.data_dir, async |started| {
                let encrypted: Vec<_> = started.replica.read(|realm, _| {
                    let of = |(no, own): (UserNo, &crate::realm::SecondFactor)| {
                        Some((no, realm.user(no)?.name.clone(), own.confirmed.clone()?))
                    };
                    realm.second_factors().filter_map(of).collect()
                });
                let bar = offline_store::progress_bar(encrypted.len() as u64)?;
                let (mut reencrypted_count, mut failed) = (0, 0);
                for some in encrypted.chunks(SECRETS_PER_COMMAND) {
                    let mut reencrypted: Vec<(UserNo, Fingerprint, Arc<str>)> = Vec::new();
                    for (no, name, encrypted) in some {
                        match keys.decrypt(name.as_str(), no.0, encrypted) {
                            Some(it) if it.is_earlier_key => {
                                let new = keys.encrypt(name.as_str(), no.0, &it.secret);
                                reencrypted.push((*no, Fingerprint::new(encrypted), new));
                            }
                            Some(_) => {}
                            None => failed += 1,
                        }
                    }
                    reencrypted_count += reencrypted.len();
                    if !reencrypted.is_empty() {
                        offline_store::submit(started, Command::ReencryptSecrets(reencrypted))
                            .await?;
                    }
                    bar.inc(some.len() as u64);
                }
                bar.finish_and_clear();
                Ok((reencrypted_count, failed))
            })?;
        println!("{reencrypted_count} secrets re-encrypted with the current key");
        if failed > 0 {
            bail!(
                "secrets that cannot be decrypted were left unchanged: {failed}; add their key to \
                 security.mfa.qr_code.old_secret_encrypt_keys, or restore mfa.key or the former \
                 username_table_look_up_salt; then repeat `tollgate rekey`"
            );
        }
        println!(
            "the keys in security.mfa.qr_code.old_secret_encrypt_keys are needed only for secrets \
             that were created with them and are not confirmed yet"
        );
        Ok(())
    }
}
