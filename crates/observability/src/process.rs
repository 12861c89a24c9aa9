//! The process itself, under the names that every Prometheus client gives these metrics.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

/// How long a tick of the processor's clock is, in `/proc`: 10 ms on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads `/proc` when the page is made. Where there is none, only the start is told.
#[derive(Debug)]
struct Process {
    started: f64,
}

/// Adds the process to a registry, without that registry's prefix.
pub fn register(registry: &mut Registry) {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    registry.register_collector(Box::new(Process { started }));
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let mut gauge = |name: &str, meaning: &str, unit: Option<Unit>, value: f64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, meaning, unit.as_ref(), gauge.metric_type())?)
        };
        let start = "When the process started, Unix time.";
        gauge("process_start_time", start, Some(Unit::Seconds), self.started)?;
        if let Some(bytes) = resident_bytes() {
            gauge("process_resident_memory", "Memory in use.", Some(Unit::Bytes), bytes)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            gauge("process_open_fds", "Open file descriptors.", None, open.count() as f64)?;
        }
        if let Some(seconds) = cpu_seconds() {
            let counter = ConstCounter::new(seconds);
            let meaning = "Processor time used, by the user and by the system.";
            let unit = Unit::Seconds;
            let encoder = encoder.encode_descriptor("process_cpu", meaning, Some(&unit), counter.metric_type())?;
            counter.encode(encoder)?;
        }
        Ok(())
    }
}

/// `VmRSS` of `/proc/self/status`.
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1_024.0)
}

/// `utime` and `stime` of `/proc/self/stat`: the 14th and 15th field. The second, a name in brackets, may hold spaces.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_memory_and_time() {
        assert!(resident_bytes().unwrap() > 1e5);
        let before = cpu_seconds().unwrap();
        let mut sum = 0_u64;
        while cpu_seconds().unwrap() <= before {
            sum = (0..100_000).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
        }
    }
}
