//! What a status looks like: for people, and as JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tacita_observability::samples::{Sample, samples};
use tacita_proto::v1;
use tacita_protocol::{
    epoch::EpochEntry,
    outcome::Outcome,
    time::{Clock as _, SystemClock},
};

use super::RelayStatus;
use crate::table::{Table, utc};

/// A server's metrics, as they were read.
pub(super) struct Metrics(Vec<Sample>);

impl Metrics {
    pub(super) fn read(page: &str) -> Self {
        Self(samples(page).collect())
    }

    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| sample.name == name)
    }

    fn value(&self, name: &str) -> f64 {
        self.of(name).map(|sample| sample.value).next().unwrap_or_default()
    }

    /// Each sample but those of a histogram's buckets: name, labels, value.
    pub(super) fn json(&self) -> Value {
        let told = self.0.iter().filter(|sample| !sample.name.ends_with("_bucket"));
        let one = |sample: &Sample| {
            let labels: Map<String, Value> =
                sample.labels.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
            json!({ "name": sample.name, "labels": labels, "value": sample.value })
        };
        told.map(one).collect()
    }
}

/// How a collector stands.
pub(super) fn collector(status: &v1::GetStatusResponse) {
    let server = status.server.clone().unwrap_or_default();
    let metrics = Metrics::read(&server.metrics);
    let build = metrics.of("tacita_collector_build_info").next();
    let (version, engine) = build.map_or(("?", "?"), |build| (build.label("version"), build.label("engine")));
    let unready: Vec<String> = server.unready.iter().map(|one| format!("{}: {}", one.reason, one.told)).collect();
    headline("collector", version, &unready, &metrics);
    println!("signing key  {}", hex::encode(&status.signing_key));
    let (bytes, retries) =
        (metrics.value("tacita_collector_store_bytes"), metrics.value("tacita_collector_store_retries_total"));
    println!("store        {engine}, {}, {retries} calls tried again", size(bytes));
    println!("log filter   {}", if server.log_filter.is_empty() { "(not its own)" } else { &server.log_filter });

    println!();
    epochs(&status.epochs);
    println!();
    publishers(&status.publishers);
    refusals(&metrics, "tacita_collector");
    waits(&metrics, "tacita_collector");
    limits(&metrics);
}

/// How a relay stands.
pub(super) fn relay(relay: &RelayStatus) {
    let metrics = &relay.metrics;
    let build = metrics.of("tacita_relay_build_info").next();
    let (version, publisher) = build.map_or(("?", "?"), |build| (build.label("version"), build.label("publisher")));
    headline(&format!("relay of publisher {publisher}"), version, &relay.unready, metrics);
    let reached = if metrics.value("tacita_relay_collector_up") > 0.0 { "answers" } else { "does not answer" };
    println!("collector    {reached}; manifest revision {}", metrics.value("tacita_relay_manifest_revision"));
    let of_state = |state: &str| {
        let found = metrics.of("tacita_relay_queue_envelopes").find(|sample| sample.label("state") == state);
        found.map_or(0.0, |sample| sample.value)
    };
    println!(
        "queue        {} waiting since {:.0} s, {} drawn; {} of {}",
        of_state("waiting"),
        metrics.value("tacita_relay_queue_age_seconds"),
        of_state("drawn"),
        size(metrics.value("tacita_relay_queue_bytes")),
        size(metrics.value("tacita_relay_queue_limit_bytes")),
    );
    let next = metrics.of("tacita_relay_waiting").find(|sample| sample.value > 0.0);
    println!("next batch   waits for {}", next.map_or("?", |sample| sample.label("reason")));

    println!();
    let mut outcomes = Table::new(&["envelopes", "number"]);
    for sample in metrics.of("tacita_relay_envelopes_total").filter(|sample| sample.value > 0.0) {
        outcomes.row([sample.label("outcome").to_owned(), sample.value.to_string()]);
    }
    outcomes.print();
    refusals(metrics, "tacita_relay");
    waits(metrics, "tacita_relay");
}

fn headline(what: &str, version: &str, unready: &[String], metrics: &Metrics) {
    let started = metrics.value("process_start_time_seconds");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(started, |since| since.as_secs_f64());
    let up = humantime::format_duration(std::time::Duration::from_secs((now - started).max(0.0) as u64));
    let memory = size(metrics.value("process_resident_memory_bytes"));
    let stands = if unready.is_empty() { "ready" } else { "NOT READY" };
    println!("{what}: {stands}; version {version}, up {up}, {memory} of memory");
    unready.iter().for_each(|reason| println!("  {reason}"));
}

fn epochs(published: &[v1::EpochEntry]) {
    let mut epochs = Table::new(&["epoch", "state", "starts", "ends", "closes"]);
    for entry in published.iter().filter_map(|entry| EpochEntry::try_from(entry).ok()) {
        let state = entry.state(SystemClock.now()).name().to_owned();
        let [starts, ends, closes] = [entry.starts_at, entry.ends_at, entry.closes_at].map(|time| utc(time.0));
        epochs.row([entry.epoch.to_string(), state, starts, ends, closes]);
    }
    epochs.print();
}

fn publishers(all: &[v1::PublisherStatus]) {
    let mut publishers = Table::new(&["publisher", "tokens issued", "reports"]);
    for publisher in all {
        let name = publisher.publisher.clone().unwrap_or_default().name;
        let words = outcomes(publisher).map(|(name, reports)| format!("{reports} {name}"));
        let words = words.collect::<Vec<_>>().join(", ");
        publishers.row([name, publisher.tokens_issued.to_string(), words]);
    }
    publishers.print();
}

fn outcomes(publisher: &v1::PublisherStatus) -> impl Iterator<Item = (&'static str, u64)> {
    publisher.outcomes.iter().filter_map(|count| Some((Outcome::from_wire(count.outcome).ok()?.name(), count.reports)))
}

/// The calls that were not answered with what was asked.
fn refusals(metrics: &Metrics, prefix: &str) {
    let name = format!("{prefix}_calls_total");
    let good = ["OK", "HTTP_200", "HTTP_302", "HTTP_304"];
    let mut table = Table::new(&["call", "code", "reason", "limit", "refused"]);
    let mut any = false;
    for sample in metrics.of(&name).filter(|sample| sample.value > 0.0 && !good.contains(&sample.label("code"))) {
        any = true;
        let words = ["method", "code", "reason", "limit"].map(|label| sample.label(label).to_owned());
        let [method, code, reason, limit] = words;
        table.row([method, code, reason, limit, sample.value.to_string()]);
    }
    if any {
        println!();
        table.print();
    }
}

/// How often and how long on average was waited.
fn waits(metrics: &Metrics, prefix: &str) {
    let (counts, sums) = (format!("{prefix}_wait_seconds_count"), format!("{prefix}_wait_seconds_sum"));
    let mut table = Table::new(&["waited for", "times", "on average"]);
    let mut any = false;
    for count in metrics.of(&counts).filter(|sample| sample.value > 0.0) {
        any = true;
        let reason = count.label("reason");
        let sum = metrics.of(&sums).find(|sum| sum.label("reason") == reason).map_or(0.0, |sum| sum.value);
        table.row([reason.to_owned(), count.value.to_string(), format!("{:.1} ms", 1e3 * sum / count.value)]);
    }
    if any {
        println!();
        table.print();
    }
}

fn limits(metrics: &Metrics) {
    let mut table = Table::new(&["limit", "used", "of"]);
    for limit in metrics.of("tacita_collector_limit") {
        let name = limit.label("limit");
        let used = metrics.of("tacita_collector_limit_used").find(|used| used.label("limit") == name);
        table.row([name.to_owned(), used.map_or(0.0, |used| used.value).to_string(), limit.value.to_string()]);
    }
    println!();
    table.print();
}

/// Bytes as people say them.
fn size(bytes: f64) -> String {
    match bytes {
        bytes if bytes >= 1e9 => format!("{:.1} GB", bytes / 1e9),
        bytes if bytes >= 1e6 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.0} kB", bytes / 1e3),
    }
}

pub(super) fn epoch_json(entry: &v1::EpochEntry) -> Value {
    let state = EpochEntry::try_from(entry).map_or("unknown", |entry| entry.state(SystemClock.now()).name());
    json!({
        "epoch": entry.epoch, "state": state,
        "starts_at": entry.starts_at, "ends_at": entry.ends_at, "closes_at": entry.closes_at,
    })
}

pub(super) fn publisher_json(publisher: &v1::PublisherStatus) -> Value {
    let who = publisher.publisher.clone().unwrap_or_default();
    let reports: Map<String, Value> =
        outcomes(publisher).map(|(name, reports)| (name.to_owned(), reports.into())).collect();
    json!({ "id": who.id, "name": who.name, "tokens_issued": publisher.tokens_issued, "reports": reports })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_the_unit_that_fits() {
        assert_eq!([0.0, 2_500.0, 1.25e7, 3.1e9].map(size), ["0 kB", "2 kB", "12.5 MB", "3.1 GB"].map(str::to_owned));
    }

    #[test]
    fn buckets_are_left_out_of_json() {
        let metrics = Metrics::read("a_bucket{le=\"1\"} 1\na_sum 2\n");
        assert_eq!(metrics.json(), json!([{ "name": "a_sum", "labels": {}, "value": 2.0 }]));
    }
}
