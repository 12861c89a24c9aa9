//! Memory over time: sampled each second, judged by a rule.

use std::{fs, time::Instant};

const MIB: f64 = (1 << 20) as f64;

/// A run shorter than this is not judged: memory still settles.
const JUDGED_SECONDS: f64 = 300.0;

/// The memory that a process holds now (VmRSS), in bytes.
pub(in super::super) fn resident(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1_024.0)
}

/// What one server has held.
pub(super) struct Memory {
    began: Instant,
    /// Seconds since the beginning, and bytes.
    samples: Vec<(f64, f64)>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), samples: Vec::new() }
    }

    /// Looks at a process, if it runs.
    pub(super) fn sample(&mut self, process: Option<u32>) {
        if let Some(bytes) = process.and_then(resident) {
            self.samples.push((self.began.elapsed().as_secs_f64(), bytes));
        }
    }

    fn between(&self, from: f64, to: f64) -> impl Iterator<Item = &(f64, f64)> {
        let length = self.samples.last().map_or(0.0, |&(at, _)| at);
        self.samples.iter().filter(move |(at, _)| (from * length..=to * length).contains(at))
    }

    fn most(&self, from: f64, to: f64) -> f64 {
        self.between(from, to).map(|&(_, bytes)| bytes).fold(0.0, f64::max)
    }

    /// Mebibytes an hour, by least squares over the second half.
    fn slope(&self) -> f64 {
        let half: Vec<_> = self.between(0.5, 1.0).collect();
        let mean = |of: fn(&(f64, f64)) -> f64| half.iter().map(|sample| of(sample)).sum::<f64>() / half.len() as f64;
        let (at, bytes) = (mean(|sample| sample.0), mean(|sample| sample.1));
        let covariance: f64 = half.iter().map(|sample| (sample.0 - at) * (sample.1 - bytes)).sum();
        let variance: f64 = half.iter().map(|sample| (sample.0 - at).powi(2)).sum();
        if variance > 0.0 { covariance / variance * 3_600.0 / MIB } else { 0.0 }
    }

    /// Whether it is flat: the most in the last quarter of the run is no more than a fifth and 32 MiB above the most in
    /// the second quarter. `None` for a run that is too short to tell.
    pub(super) fn is_flat(&self) -> Option<bool> {
        let length = self.samples.last().map_or(0.0, |&(at, _)| at);
        let (second, last) = (self.most(0.25, 0.5), self.most(0.75, 1.0));
        (length >= JUDGED_SECONDS).then_some(last <= 1.2 * second + 32.0 * MIB)
    }

    pub(super) fn line(&self) -> String {
        let most = self.most(0.0, 1.0) / MIB;
        let Some(flat) = self.is_flat() else {
            return format!("at most {most:.0} MiB; too short a run to judge");
        };
        let (second, last) = (self.most(0.25, 0.5) / MIB, self.most(0.75, 1.0) / MIB);
        let (slope, verdict) = (self.slope(), if flat { "flat" } else { "NOT FLAT" });
        format!(
            "at most {most:.0} MiB; {second:.0} in the second quarter, {last:.0} in the last, {slope:+.0} MiB an hour: {verdict}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(of: impl Fn(f64) -> f64) -> Memory {
        let samples = (0..1_200).map(|second| (f64::from(second), of(f64::from(second)) * MIB)).collect();
        Memory { began: Instant::now(), samples }
    }

    #[test]
    fn memory_that_settles_is_flat_and_a_leak_is_not() {
        assert_eq!(memory(|at| 100.0 + at.min(200.0) / 2.0).is_flat(), Some(true));
        let leak = memory(|at| 100.0 + at / 4.0);
        assert_eq!(leak.is_flat(), Some(false));
        assert!((leak.slope() - 900.0).abs() < 1.0);
        // What a kill gives back hides no leak: it is the most that counts.
        assert_eq!(memory(|at| 100.0 + (at / 4.0) * f64::from(u8::from(at % 60.0 > 10.0))).is_flat(), Some(false));
    }
}
