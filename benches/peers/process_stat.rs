//! Processor time and memory of a process, from /proc.

/// Returns the processor time of the running threads of a process, in nanoseconds. The time of
/// threads that have ended is not included.
pub fn cpu_ns(process_id: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{process_id}/task")).expect("the process runs");
    let time = |thread: std::fs::DirEntry| -> Option<u64> {
        // A thread may end meanwhile.
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok()
    };
    threads.filter_map(|thread| time(thread.ok()?)).sum()
}

/// Returns the memory that a process occupies, in bytes.
pub fn memory_bytes(process_id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status"));
    let status = status.expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kib * 1_024
}
