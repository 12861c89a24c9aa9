//! A collector in a process of its own.

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

/// One publisher sends all that is measured, from one address, over as many streams as there may be.
const CONFIG: &str = r#"
listen = "127.0.0.1:0"

[device]
token-batch = 128

[limits]
connections-per-peer = 1024
tenant-percent = 100
"#;

/// Where it listens, if the line says so.
fn url_in(line: &str) -> Option<&str> {
    line.split_whitespace().find_map(|word| word.strip_suffix(';')).filter(|url| url.starts_with("http"))
}

/// A running collector; killed with this value.
pub(super) struct Collector {
    child: Child,
    data: PathBuf,
    /// Where it listens.
    pub(super) url: String,
}

impl Collector {
    /// Starts one on a free port. That with number 0 keeps its state in `data`, where all of them find the vault; the
    /// others beside it.
    pub(super) fn start(data: &Path, scratch: &Path, store: &str, number: u64) -> Result<Self> {
        let vault = data.join("keys");
        let data = if number == 0 { data.to_owned() } else { scratch.join(format!("collector-{number}")) };
        let config = scratch.join("collector.toml");
        fs::write(&config, CONFIG)?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("collector")
            .args(["--data".as_ref(), data.as_os_str(), "--config".as_ref(), config.as_os_str()])
            .args(["--vault".as_ref(), vault.as_os_str()])
            .env("TACITA_COLLECTOR__STORE", store)
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(child.stderr.take().context("the collector has no standard error")?).lines();
        let mut before = String::new();
        let url = loop {
            let Some(line) = said.next().transpose()? else { bail!("the collector ended before it listened:{before}") };
            match url_in(&line) {
                Some(url) => break url.to_owned(),
                None => before.extend(["\n", &line]),
            }
        };
        // It must never block on a full pipe.
        thread::spawn(move || said.for_each(drop));
        Ok(Self { child, data, url })
    }

    /// As its operator.
    pub(super) async fn admin(&mut self) -> Result<AdminClient> {
        let key = fs::read_to_string(self.data.join("operator.key"))?;
        connect::admin(&self.url, key.trim()).await
    }

    /// The process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
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
