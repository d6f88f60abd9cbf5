//! What a process cost, by its own accounting in `/proc`.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// Kernel clock ticks in a second: `USER_HZ`, 100 on every Linux that Hearth runs on.
const TICKS_PER_SECOND: u64 = 100;
/// Bytes in a memory page as `/proc/PID/statm` counts.
const PAGE_BYTES: u64 = 4096;

/// A reading of one or several processes at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// When it was taken.
    pub(crate) at: Instant,
    /// User and system time of all threads, also of those that ended; resolution 10 ms.
    pub(crate) cpu: Duration,
    /// Resident bytes.
    pub(crate) rss: u64,
    /// Resident bytes with shared pages divided among those who share them; 0 if not asked.
    pub(crate) pss: u64,
}

/// CPU time of one process.
///
/// # Errors
/// When the process is gone.
pub(crate) fn cpu(pid: &str) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

fn rss(pid: &str) -> io::Result<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    Ok(pages.unwrap_or(0) * PAGE_BYTES)
}

fn pss(pid: &str) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.unwrap_or(0) * 1024)
}

/// Reads all `pids` and adds them up; `with_pss` also walks their memory maps, which holds the
/// server up for milliseconds and is therefore only done where memory is what is measured.
///
/// # Errors
/// When one of the processes is gone.
pub(crate) fn sample(pids: &[u32], with_pss: bool) -> io::Result<Sample> {
    let mut sum = Sample { at: Instant::now(), cpu: Duration::ZERO, rss: 0, pss: 0 };
    for pid in pids.iter().map(u32::to_string) {
        sum.cpu += cpu(&pid)?;
        sum.rss += rss(&pid)?;
        sum.pss += if with_pss { pss(&pid)? } else { 0 };
    }
    Ok(sum)
}

/// Lets this thread wake up within a microsecond of the time it asked for instead of 50 µs late.
/// Where the kernel refuses, the pace is less even and the report's sender lag says so.
pub(crate) fn sharpen_timers() {
    let Ok(thread) = fs::read_link("/proc/thread-self") else { return };
    let Some(id) = thread.file_name().and_then(|name| name.to_str()) else { return };
    drop(fs::write(format!("/proc/{id}/timerslack_ns"), "1000"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_its_cpu_time_grows() -> io::Result<()> {
        let before = sample(&[std::process::id()], true)?;
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(60) {}
        let after = sample(&[std::process::id()], false)?;
        assert!(before.rss > 0 && before.pss > 0 && after.pss == 0);
        assert!(after.cpu > before.cpu && after.at > before.at);
        Ok(())
    }
}
