//! Checks of the host: file descriptors, hashing threads, memory and the certificate.

use super::finding::Finding;
use super::finding::Severity::{Advice, Problem, Weak};
use crate::settings::Settings;

/// A certificate with fewer remaining days than this should be renewed.
const CERTIFICATE_DAYS: i64 = 14;

/// The properties of the host.
#[derive(Debug, Clone, Copy)]
pub struct MachineFacts {
    /// Connections that the limit of file descriptors allows (`ulimit -n`).
    pub connections_max: usize,
    /// CPU cores.
    pub cores: usize,
    /// Bytes of available memory; `None` if unknown.
    pub memory_free: Option<u64>,
    /// Days until the certificate expires; `None` without TLS, or if it cannot be parsed.
    pub certificate_days: Option<i64>,
}

/// Returns the findings about the host.
pub fn check(settings: &Settings, seen: &MachineFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    let (limits, scrypt) = (&settings.server.limits, &settings.security.scrypt);
    if seen.connections_max < limits.connections_max {
        let why = format!(
            "file descriptors allow only {} connections, but server.limits.connections_max is {}",
            seen.connections_max, limits.connections_max
        );
        let change = format!(
            "raise the hard limit to {} (systemd: LimitNOFILE), or lower connections_max",
            limits.connections_max + 64
        );
        found.push(Finding::new(Advice, "ulimit -n", why, change));
    }
    let threads = crate::auth::thread_count(scrypt.threads);
    if threads > seen.cores {
        let why = format!("{threads} hashing threads compete for {} CPU cores", seen.cores);
        found.push(Finding::new(Advice, "security.scrypt.threads", why, "set it to 0 (automatic)"));
    }
    let hash_bytes = scrypt.cost().memory_bytes() * threads as u64;
    if let Some(free) = seen.memory_free.filter(|free| hash_bytes > free / 2) {
        let why = format!(
            "{threads} concurrent hashes need {} MiB, more than half of the {} MiB available",
            hash_bytes >> 20,
            free >> 20
        );
        let change = "lower security.scrypt.threads or log_n, or add memory";
        found.push(Finding::new(Weak, "memory", why, change));
    }
    if let Some(days) = seen.certificate_days.filter(|days| *days < CERTIFICATE_DAYS) {
        let (severity, why) = if days < 0 {
            (Problem, format!("the certificate expired {} days ago", -days))
        } else {
            (Weak, format!("the certificate expires in {days} days"))
        };
        let change = "renew the certificate files; the gateway reloads them automatically";
        found.push(Finding::new(severity, "server.tls.certificate", why, change));
    }
    found
}

/// Returns the bytes of available memory as estimated by Linux; `None` if unknown.
pub fn memory_free() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}
