//! A collector in a process of its own, and what a process has used (Linux: `/proc`).

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tacita_proto::v1::{self, manifest_service_client::ManifestServiceClient};

use crate::{
    connect::{self, AdminClient},
    simulation::loopback::Party,
};

/// Ticks of `/proc/PID/stat` in a second: 100 on every Linux that this runs on (`getconf CLK_TCK`).
const TICKS_PER_SECOND: f64 = 100.0;

/// A running collector; killed with this value.
pub(super) struct Collector {
    child: Child,
    data: PathBuf,
    /// Where it listens.
    pub(super) url: String,
}

impl Collector {
    /// Starts one on a free port. That with number 0 keeps its state in `data`, where all of them find the vault; the others beside it.
    pub(super) fn start(data: &Path, scratch: &Path, store: &str, number: u64) -> Result<Self> {
        let vault = data.join("keys");
        let data = if number == 0 { data.to_owned() } else { scratch.join(format!("collector-{number}")) };
        let config = scratch.join("collector.toml");
        fs::write(&config, "listen = \"127.0.0.1:0\"\n[device]\ntoken-batch = 128\n")?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("collector")
            .args(["--data".as_ref(), data.as_os_str(), "--config".as_ref(), config.as_os_str()])
            .args(["--vault".as_ref(), vault.as_os_str()])
            .env("TACITA_STORE", store)
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(child.stderr.take().context("the collector has no standard error")?).lines();
        let first = said.next().context("the collector ended before it began")??;
        let url =
            first.split_whitespace().find_map(|word| word.strip_suffix(';')).filter(|url| url.starts_with("http"));
        let url = url.with_context(|| first.clone())?.to_owned();
        // It must never block on a full pipe.
        thread::spawn(move || said.for_each(drop));
        Ok(Self { child, data, url })
    }

    /// As its operator.
    pub(super) async fn admin(&mut self) -> Result<AdminClient> {
        let key = fs::read_to_string(self.data.join("operator.key"))?;
        connect::admin(&self.url, key.trim()).await
    }

    /// Waits until it has heard of the publisher and its measure, which were made at another one.
    pub(super) async fn knows(&self, party: &Party) -> Result<()> {
        let channel = connect::channel(&self.url).await?;
        let mut manifests = ManifestServiceClient::with_interceptor(channel, connect::Bearer::new(&party.relay_key)?);
        for _ in 0..300 {
            if manifests.get_manifest(v1::GetManifestRequest { publisher: party.publisher.0 }).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("the collector at {} does not hear of what is made at another one", self.url)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
            let used = Self::by(collector.child.id())?;
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
