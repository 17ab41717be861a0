//! The machine: descriptors, memory for hashes, the clock, the certificate.

use super::finding::Finding;
use super::finding::Severity::{Advice, Problem, Weak};
use crate::settings::Settings;
/// A certificate is renewed in time if it is good for so many days more.
const CERTIFICATE_DAYS: i64 = 14;

/// What was seen of the machine.
#[derive(Debug, Clone, Copy)]
pub struct MachineFacts {
    /// Connections that there are descriptors for (`ulimit -n`).
    pub connections_max: usize,
    /// Processors.
    pub cores: usize,
    /// Bytes of memory that can be had now; none: it is not known.
    pub memory_free: Option<u64>,
    /// Days until the certificate is no longer good; none: no TLS.
    pub certificate_days: Option<i64>,
}

/// All that should be different.
pub fn check(settings: &Settings, seen: &MachineFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    let (limits, scrypt) = (&settings.server.limits, &settings.security.scrypt);
    if seen.connections_max < limits.connections_max {
        let why = format!(
            "there are descriptors for {} connections, server.limits.connections_max is {}",
            seen.connections_max, limits.connections_max
        );
        let change = format!(
            "raise the hard limit to {} (LimitNOFILE of the unit), or lower connections_max",
            limits.connections_max + 64
        );
        found.push(Finding::new(Advice, "ulimit -n", why, change));
    }
    let threads = crate::auth::thread_count(scrypt.threads);
    if threads > seen.cores {
        let why =
            format!("{threads} threads hash on {} processors: they wait for another", seen.cores);
        found.push(Finding::new(Advice, "security.scrypt.threads", why, "set it to 0"));
    }
    let hash_bytes = scrypt.cost().memory_bytes() * threads as u64;
    if let Some(free) = seen.memory_free.filter(|free| hash_bytes > free / 2) {
        let why = format!(
            "{threads} hashes at once take {} MiB, {} MiB of memory are free",
            hash_bytes >> 20,
            free >> 20
        );
        let change = "lower security.scrypt.threads or log_n, or add memory";
        found.push(Finding::new(Weak, "memory", why, change));
    }
    if let Some(days) = seen.certificate_days.filter(|days| *days < CERTIFICATE_DAYS) {
        let (severity, why) = if days < 0 {
            (Problem, format!("the certificate is over since {} days", -days))
        } else {
            (Weak, format!("the certificate is good for {days} days only"))
        };
        let change = "renew the files; the gateway reads them again by itself";
        found.push(Finding::new(severity, "server.tls.certificate", why, change));
    }
    found
}

/// Bytes of memory that can be had now, as Linux estimates.
pub fn memory_free() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}
