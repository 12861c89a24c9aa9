//! Collector and relay in processes of their own, on fixed ports, so that they can be killed and come back.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tacita_proto::v1;

use super::{
    super::{overload::Target, seal_in_a_process},
    clock::FakeClock,
    proxy::Proxy,
    text,
};
use crate::{
    connect,
    simulation::loopback::{self, Party},
};

/// A server's process. Killed with this value.
pub(super) struct Server {
    args: Vec<String>,
    clock: Option<FakeClock>,
    log: PathBuf,
    starts: usize,
    child: Option<Child>,
    /// Where it listens.
    pub(super) port: u16,
}

impl Server {
    fn start(port: u16, log: PathBuf, clock: Option<FakeClock>, args: Vec<String>) -> Result<Self> {
        let mut server = Self { args, clock, log, starts: 0, child: None, port };
        server.restart()?;
        Ok(server)
    }

    /// Starts it again, and waits until it says that it runs.
    pub(super) fn restart(&mut self) -> Result<()> {
        let log = fs::File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        if let Some(clock) = &self.clock {
            clock.give_to(&mut command);
        }
        self.child = Some(command.spawn()?);
        self.starts += 1;
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.said().matches(" on http://").count() < self.starts {
            ensure!(Instant::now() < deadline, "a server on port {} does not start: {}", self.port, self.said());
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last lines of its log.
    fn last_words(&self) -> String {
        const LINES: usize = 20;
        let said = self.said();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// kill -9.
    pub(super) fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Its process, while it has one.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = self.kill();
    }
}

/// A collector, a relay, and a proxy before each.
pub(in super::super) struct Deployment {
    pub(super) collector: Server,
    pub(super) relay: Server,
    /// Before the relay, and between relay and collector.
    pub(super) proxies: [Proxy; 2],
    pub(super) party: Party,
    pub(super) operator_key: String,
    pub(super) signing_key: String,
    /// Where the collector keeps its store.
    pub(super) store: PathBuf,
}

/// A port of loopback that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

impl Deployment {
    /// Starts all of it, with its state in `data` and its logs in `scratch`.
    pub(in super::super) async fn start(
        data: &Path,
        scratch: &Path,
        clock: Option<FakeClock>,
        measure: v1::CreateMeasureRequest,
    ) -> Result<Self> {
        let file = scratch.join("collector.toml");
        // Half an hour of a fast machine takes more tokens than a publisher has by default.
        let quota = "[limits]\ntokens-per-publisher = 1000000000\n";
        fs::write(&file, format!("[device]\ntoken-batch = 128\n[policy]\nreports-per-window = 1\n{quota}"))?;
        let (port, folder) = (free_port()?, data.join("collector"));
        let listen = format!("127.0.0.1:{port}");
        let args =
            ["collector", "--no-dashboard", "--listen", &listen, "--data", text(&folder)?, "--config", text(&file)?];
        let args = args.map(str::to_owned).to_vec();
        let collector = Server::start(port, scratch.join("collector.log"), clock.clone(), args)?;

        let operator_key = fs::read_to_string(folder.join("operator.key"))?.trim().to_owned();
        let mut admin = connect::admin(&collector.url(), &operator_key).await?;
        let party = loopback::create_party(&mut admin, vec![measure]).await?;
        let status = admin.get_status(v1::GetStatusRequest {}).await.map_err(connect::refused)?.into_inner();
        let signing_key = hex::encode(&status.signing_key);

        let upstream = Proxy::before(port).await?;
        let file = scratch.join("relay.toml");
        // One address stands for all visitors: what one may have is not what is measured.
        let visitor = "[visitor]\ntokens = 1000000000\nenvelopes = 1000000000\nper = \"1s\"\n";
        fs::write(&file, format!("[batch]\nage = \"1s\"\n{visitor}"))?;
        let key_file = scratch.join("relay.key");
        fs::write(&key_file, &party.relay_key)?;
        let port = free_port()?;
        let (listen, publisher) = (format!("127.0.0.1:{port}"), party.publisher.to_string());
        let (collector_url, folder) = (upstream.url(), data.join("relay"));
        let args = [
            &["relay", "--publisher", &publisher, "--listen", &listen, "--collector", &collector_url][..],
            &["--signing-key", &signing_key, "--data", text(&folder)?],
            &["--config", text(&file)?, "--key-file", text(&key_file)?],
        ];
        let args = args.concat().into_iter().map(str::to_owned).collect();
        let relay = Server::start(port, scratch.join("relay.log"), clock, args)?;
        let proxies = [Proxy::before(port).await?, upstream];
        let store = data.join("collector/store");
        Ok(Self { collector, relay, proxies, party, operator_key, signing_key, store })
    }

    /// Freshly sealed reports of the first measure, one after the other in `file`.
    pub(in super::super) fn seal(&self, reports: u64, file: &Path) -> Result<()> {
        seal_in_a_process(&self.collector.url(), &self.party, reports, file)
    }

    /// kill -9 of the collector, for good.
    pub(in super::super) fn stop_collector(&mut self) -> Result<()> {
        self.collector.kill()
    }

    /// The collector, as one who submits to it.
    pub(in super::super) fn collector_as_target(&self) -> Target {
        let (url, key) = (self.collector.url(), self.party.relay_key.clone());
        Target { url, key, process: self.collector.id() }
    }

    /// The relay, likewise. It asks for no key.
    pub(in super::super) fn relay_as_target(&self) -> Target {
        let (url, key) = (self.relay.url(), self.party.relay_key.clone());
        Target { url, key, process: self.relay.id() }
    }

    /// What both servers said last.
    pub(super) fn last_words(&self) -> String {
        format!("collector:\n{}\nrelay:\n{}", self.collector.last_words(), self.relay.last_words())
    }

    /// The durable count of reports that were counted.
    pub(super) async fn counted(&self) -> Result<u64> {
        let mut admin = connect::admin(&self.collector.url(), &self.operator_key).await?;
        let status = admin.get_status(v1::GetStatusRequest {}).await.map_err(connect::refused)?.into_inner();
        let outcomes = status.publishers.iter().flat_map(|publisher| &publisher.outcomes);
        Ok(outcomes.filter(|count| count.outcome == i32::from(v1::Outcome::Counted)).map(|count| count.reports).sum())
    }
}
