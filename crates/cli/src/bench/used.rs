//! What a process has used (Linux: `/proc`).

use std::fs;

use anyhow::{Context as _, Result};

use super::collectors::Collector;

/// Ticks of `/proc/PID/stat` in a second: 100 on every Linux that this runs on (`getconf CLK_TCK`).
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process has used.
pub(super) struct Used {
    /// User and system time of all threads.
    pub(super) cpu_seconds: f64,
    /// Bytes sent to the disk.
    pub(super) written_bytes: u64,
    /// The most memory it has held.
    pub(super) peak_bytes: u64,
}

impl Used {
    /// What a process has used since it began.
    pub(super) fn by(process: u32) -> Result<Self> {
        let read = |file: &str| {
            let path = format!("/proc/{process}/{file}");
            fs::read_to_string(&path).with_context(|| format!("cannot read {path}: this benchmark needs Linux"))
        };
        let number = |text: &str, key: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
        };
        let stat = read("stat")?;
        // After the name, which may hold spaces: utime and stime are the 12th and 13th fields.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = fields.get(11..13).unwrap_or_default().iter().filter_map(|field| field.parse::<f64>().ok());
        Ok(Self {
            cpu_seconds: ticks.sum::<f64>() / TICKS_PER_SECOND,
            written_bytes: number(&read("io")?, "write_bytes:"),
            peak_bytes: 1_024 * number(&read("status")?, "VmHWM:"),
        })
    }

    /// What all of these have used since they began: the sum, and the most memory of one.
    pub(super) fn by_all(collectors: &[Collector]) -> Result<Self> {
        let mut sum = Self { cpu_seconds: 0.0, written_bytes: 0, peak_bytes: 0 };
        for collector in collectors {
            let used = Self::by(collector.id())?;
            sum.cpu_seconds += used.cpu_seconds;
            sum.written_bytes += used.written_bytes;
            sum.peak_bytes = sum.peak_bytes.max(used.peak_bytes);
        }
        Ok(sum)
    }

    /// What was used after `before`.
    pub(super) fn since(self, before: &Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
            written_bytes: self.written_bytes - before.written_bytes,
            peak_bytes: self.peak_bytes,
        }
    }
}
