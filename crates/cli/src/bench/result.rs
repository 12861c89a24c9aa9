//! What came of a run, for people and as JSON.

use std::time::Duration;

use super::{Ingest, floor::Floor, load::Taken, store::Work, used::Used};

/// What came of a run.
pub(super) struct Measured<'a> {
    pub(super) args: &'a Ingest,
    pub(super) store: &'static str,
    pub(super) floor: &'a Floor,
    pub(super) taken: &'a Taken,
    /// By all collectors.
    pub(super) used: &'a Used,
    /// By the process that sends, on the same cores.
    pub(super) sender: &'a Used,
    /// By the database, if there is one.
    pub(super) work: Option<Work>,
}

impl Measured<'_> {
    fn rate(&self) -> f64 {
        self.taken.counted as f64 / self.taken.seconds
    }

    fn per_report(&self, total: f64) -> f64 {
        total / self.taken.counted as f64
    }

    /// By the engine: the collectors' own bytes, or the database's log.
    fn written_per_report(&self) -> f64 {
        self.per_report(self.work.map_or(self.used.written_bytes, |work| work.written_bytes) as f64)
    }

    pub(super) fn print(&self) {
        let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
        let [p50, p99, p999] = self.taken.latency;
        println!(
            "{} reports, {} a request, {} connections, {} collector{} on {}",
            self.taken.counted,
            self.args.batch,
            self.args.connections,
            self.args.collectors,
            if self.args.collectors == 1 { "" } else { "s" },
            self.store,
        );
        println!(
            "rate      {:>10.0} reports/s   {:.2} × the floor of {:.0} (open_many alone on the same cores)",
            self.rate(),
            self.rate() / self.floor.reports_per_second,
            self.floor.reports_per_second
        );
        println!(
            "CPU       {:>10.1} µs a report of the collector's; the floor is {:.1}, and sending takes {:.1} more",
            self.per_report(self.used.cpu_seconds) * 1e6,
            self.floor.cpu_seconds_per_report * 1e6,
            self.per_report(self.sender.cpu_seconds) * 1e6
        );
        println!(
            "latency   p50 {:.2} ms   p99 {:.2} ms   p99.9 {:.2} ms   (one fsync of this disk: {:.2} ms)",
            millis(p50),
            millis(p99),
            millis(p999),
            millis(self.floor.fsync)
        );
        let of_what = if self.work.is_some() { " of write-ahead log" } else { "" };
        println!("written   {:>10.0} bytes{of_what} a report", self.written_per_report());
        println!("memory    {:>10.0} MB at the most, of a collector", self.used.peak_bytes as f64 / 1e6);
        if let Some(work) = self.work {
            println!("conflicts {:>10} calls made again, {} deadlocks", work.rollbacks, work.deadlocks);
        }
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let [p50, p99, p999] = self.taken.latency.map(|latency| latency.as_secs_f64());
        serde_json::json!({
            "store": self.store, "collectors": self.args.collectors,
            "reports": self.taken.counted, "batch": self.args.batch, "connections": self.args.connections,
            "in_flight": self.args.in_flight,
            "reports_per_second": self.rate(),
            "floor_reports_per_second": self.floor.reports_per_second,
            "ratio_to_floor": self.rate() / self.floor.reports_per_second,
            "cpu_seconds_per_report": self.per_report(self.used.cpu_seconds),
            "sender_cpu_seconds_per_report": self.per_report(self.sender.cpu_seconds),
            "floor_cpu_seconds_per_report": self.floor.cpu_seconds_per_report,
            "latency_seconds": { "p50": p50, "p99": p99, "p999": p999 },
            "fsync_seconds": self.floor.fsync.as_secs_f64(),
            "written_bytes_per_report": self.written_per_report(),
            "peak_memory_bytes": self.used.peak_bytes,
            "calls_made_again": self.work.map(|work| work.rollbacks),
            "deadlocks": self.work.map(|work| work.deadlocks),
        })
    }
}
