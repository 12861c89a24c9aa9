//! What the whole-system tests share: running `tacita`, and servers that can be killed.

#![allow(dead_code, reason = "each test uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The binary under test.
pub(crate) const TACITA: &str = env!("CARGO_BIN_EXE_tacita");

/// Runs `tacita` to its end.
pub(crate) fn tacita(args: &[&str]) -> Output {
    Command::new(TACITA).args(args).stdin(Stdio::null()).output().expect("tacita starts")
}

/// Runs `tacita`, which must succeed; what it printed.
pub(crate) fn tacita_ok(args: &[&str]) -> String {
    let output = tacita(args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "tacita {args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// A port of loopback that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// A server in a process of its own, on a fixed port, that can be killed and started again.
pub(crate) struct Server {
    args: Vec<String>,
    port: u16,
    log: PathBuf,
    starts: usize,
    child: Option<Child>,
}

impl Server {
    /// Starts it and waits until it says that it runs.
    pub(crate) fn start(port: u16, log: PathBuf, args: &[&str]) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        let mut server = Self { args, port, log, starts: 0, child: None };
        server.restart();
        server
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) {
        let log = fs::File::options().create(true).append(true).open(&self.log).expect("the log can be written");
        let mut command = Command::new(TACITA);
        command.args(&self.args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().expect("tacita starts"));
        self.starts += 1;
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.log().matches(" on http").count() < self.starts {
            assert!(Instant::now() < deadline, "no server on port {}: {}", self.port, self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it has said this.
    pub(crate) fn until_said(&self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.log().contains(text) {
            assert!(Instant::now() < deadline, "'{text}' was not said: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it has printed so far.
    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where it prints to.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.log.clone()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a running server can be killed");
            child.wait().expect("a killed server ends");
        }
    }

    /// SIGTERM: its exit code, once it has ended by itself.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.tell_to_stop();
        self.ended()
    }

    /// SIGTERM, and not a wait.
    pub(crate) fn tell_to_stop(&self) {
        let child = self.child.as_ref().expect("the server runs");
        let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Its exit code, once it has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                return status.code();
            }
            if Instant::now() > deadline {
                child.kill().expect("a running server can be killed");
                child.wait().expect("a killed server ends");
                panic!("told to stop, it goes on: {}", self.log());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status().expect("kill starts");
        assert!(sent.success());
    }

    /// The server's address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A collector and a relay as processes, with a publisher, a brand and a campaign `acme/spring`.
pub(crate) struct Deployment {
    pub(crate) collector: Server,
    pub(crate) relay: Server,
    pub(crate) signing_key: String,
    pub(crate) brand_key: String,
    pub(crate) operator_key_file: PathBuf,
}

impl Deployment {
    /// Starts both; `measures` are the arguments of `tacita admin measure create acme/spring …`.
    ///
    /// `tap` is for a test that listens in between: the port where the relay finds the collector, and the collector's own.
    pub(crate) fn start(folder: &Path, measures: &[&[&str]], tap: Option<(u16, u16)>) -> Self {
        Self::start_with(folder, measures, tap, "token-batch = 4\nledger-bound = 100.0")
    }

    /// The same, with another device policy.
    pub(crate) fn start_with(
        folder: &Path,
        measures: &[&[&str]],
        tap: Option<(u16, u16)>,
        device_policy: &str,
    ) -> Self {
        Self::start_on(folder, measures, tap, device_policy, &[])
    }

    /// The same, with more arguments for the collector: another store than the embedded one.
    pub(crate) fn start_on(
        folder: &Path,
        measures: &[&[&str]],
        tap: Option<(u16, u16)>,
        device_policy: &str,
        more: &[&str],
    ) -> Self {
        let collector_port = tap.map_or_else(free_port, |(_, collector)| collector);
        let relay_port = free_port();
        let collector_file = folder.join("collector.toml");
        fs::write(&collector_file, format!("[device]\n{device_policy}\n[policy]\nreports-per-window = 1\n")).unwrap();
        let listen = format!("127.0.0.1:{collector_port}");
        let data = folder.join("collector");
        let args = ["collector", "--listen", &listen, "--data", path(&data), "--config", path(&collector_file)];
        let collector = Server::start(collector_port, folder.join("collector.log"), &[&args, more].concat());

        let operator_key_file = data.join("operator.key");
        let admin = |words: &[&str]| {
            let url = collector.url();
            let reach = ["admin", "--collector", &url, "--key-file", path(&operator_key_file)];
            tacita_ok(&[&reach, words].concat())
        };
        admin(&["publisher", "create", "daily-news"]);
        admin(&["brand", "create", "acme"]);
        admin(&["campaign", "create", "acme/spring", "--publisher", "daily-news"]);
        for measure in measures {
            admin(&[&["measure", "create", "acme/spring"], *measure].concat());
        }
        let relay_key = admin(&["key", "create", "--role", "publisher", "--subject", "daily-news"]);
        let brand_key = admin(&["key", "create", "--role", "brand", "--subject", "acme"]).trim().to_owned();
        let url = collector.url();
        let status = tacita_ok(&["status", "--collector", &url, "--key-file", path(&operator_key_file)]);
        let signing_key = status.lines().find_map(|line| line.strip_prefix("signing key")).unwrap().trim().to_owned();

        let relay_file = folder.join("relay.toml");
        let settings = "publisher = 1\ntrusted-proxies = [\"127.0.0.1\"]\n[batch]\nleast = 200\nage = \"1s\"\n";
        fs::write(&relay_file, settings).unwrap();
        let key_file = folder.join("relay.key");
        fs::write(&key_file, relay_key).unwrap();
        let listen = format!("127.0.0.1:{relay_port}");
        let upstream = format!("http://127.0.0.1:{}", tap.map_or(collector_port, |(port, _)| port));
        let data = folder.join("relay");
        let args = [
            &["relay", "--listen", &listen, "--collector", &upstream, "--signing-key", &signing_key][..],
            &["--data", path(&data), "--config", path(&relay_file), "--key-file", path(&key_file)],
        ]
        .concat();
        let relay = Server::start(relay_port, folder.join("relay.log"), &args);
        Self { collector, relay, signing_key, brand_key, operator_key_file }
    }
}

/// A path as an argument.
pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}
