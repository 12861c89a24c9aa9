//! A PostgreSQL server for tests: the one at `TACITA_TEST_DATABASE_URL`, or one that is made for the test binary in a temporary
//! folder, on a unix socket, and that goes with it.
//!
//! Where there is none the test is skipped, and says so by name; with `TACITA_TEST_REQUIRE_DATABASE` set it fails.

#![allow(dead_code, unreachable_pub)]

use std::{
    fs,
    io::Write,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tacita_store::{PostgresOptions, PostgresStore};
use tempfile::TempDir;
use tokio_postgres::NoTls;

const URL: &str = "TACITA_TEST_DATABASE_URL";
const REQUIRE: &str = "TACITA_TEST_REQUIRE_DATABASE";

/// An unprivileged user that the packages of PostgreSQL make: its server does not run as root.
const USER: &str = "postgres";

/// A server of our own.
pub struct Server {
    dir: PathBuf,
    bin: PathBuf,
    as_root: bool,
    fsync: bool,
    /// When its input closes, be it that this process is killed, the keeper stops the server and removes the folder.
    keeper: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

impl Server {
    /// Starts one, if PostgreSQL is installed. Without `fsync` it is faster, and safe from all but a loss of power.
    pub fn start(fsync: bool) -> Option<Self> {
        let bin = programs()?;
        let dir = TempDir::new().unwrap().keep();
        let as_root = number("id", &["-u"]) == Some(0);
        if as_root {
            let (uid, gid) = (number("id", &["-u", USER])?, number("id", &["-g", USER])?);
            chown(&dir, Some(uid), Some(gid)).unwrap();
        }
        let keep = "read -r _; \"$0/pg_ctl\" -D \"$1/data\" -m immediate stop; rm -rf \"$1\"";
        let keeper = unprivileged(as_root, "sh")
            .args(["-c", keep])
            .args([&bin, &dir])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { bin, dir, as_root, fsync, keeper };
        let data = server.data();
        server
            .run("initdb", &["-D", &data, "-U", "tacita", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"])
            .unwrap();
        server.go();
        Some(server)
    }

    fn data(&self) -> String {
        self.dir.join("data").to_str().unwrap().to_owned()
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<(), String> {
        let program = self.bin.join(program);
        let output = unprivileged(self.as_root, program.to_str().unwrap()).args(args).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }

    /// Starts it, for the first time or again. While a process of the one that was killed is left, it is refused.
    pub fn go(&self) {
        let log = self.dir.join("log");
        let options = format!(
            "-k {} -c listen_addresses='' -c max_connections=300 -c fsync={}",
            self.dir.display(),
            if self.fsync { "on" } else { "off" },
        );
        let (data, log) = (self.data(), log.to_str().unwrap());
        let start = || self.run("pg_ctl", &["-D", &data, "-l", log, "-w", "-t", "60", "-s", "-o", &options, "start"]);
        for _ in 0..20 {
            if start().is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("the server does not start: {}", fs::read_to_string(log).unwrap());
    }

    /// kill -9 of the server and all its processes.
    pub fn kill(&self) {
        let pid_file = fs::read_to_string(self.dir.join("data/postmaster.pid")).unwrap();
        let pid = pid_file.lines().next().unwrap().to_owned();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        Command::new("kill")
            .arg("-9")
            .arg(&pid)
            .args(children.split_whitespace())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        while Path::new(&format!("/proc/{pid}/stat")).exists() && !is_zombie(&pid) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Where to connect.
    pub fn url(&self) -> String {
        format!("host={} user=tacita dbname=postgres", self.dir.display())
    }
}

fn is_zombie(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

fn unprivileged(as_root: bool, program: &str) -> Command {
    if !as_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    // Not in a folder that the user may not enter.
    command.current_dir("/").args(["--reuid", USER, "--regid", USER, "--clear-groups", program]);
    command
}

fn number(program: &str, args: &[&str]) -> Option<u32> {
    let output = Command::new(program).args(args).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The folder with PostgreSQL's programs; Debian keeps them out of the path.
fn programs() -> Option<PathBuf> {
    let in_path = std::env::split_paths(&std::env::var_os("PATH")?).collect::<Vec<_>>();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut packaged: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    packaged.sort();
    packaged.into_iter().rev().chain(in_path).find(|dir| dir.join("initdb").exists() && dir.join("pg_ctl").exists())
}

/// The server that the tests of this binary share; it has `fsync` if the first one asks for it.
fn shared(fsync: bool) -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    std::env::var(URL).ok().or_else(|| SERVER.get_or_init(|| Server::start(fsync)).as_ref().map(Server::url))
}

/// Says that the test that runs is skipped.
pub fn skip() {
    assert!(std::env::var_os(REQUIRE).is_none(), "{REQUIRE} is set and there is no PostgreSQL");
    let thread = std::thread::current();
    // Not by a macro, whose output the test harness swallows.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED {}: no PostgreSQL; install it (apt-get install postgresql) or set {URL}",
        thread.name().unwrap_or("a test")
    );
}

/// An empty database of its own for each test. It is removed at the end, on a server that stays.
pub struct Fresh {
    name: String,
    server: String,
}

impl Fresh {
    /// On the shared server.
    pub async fn new() -> Option<Self> {
        Self::shared(false).await
    }

    /// On the shared server, and that one with `fsync`: to measure.
    pub async fn durable() -> Option<Self> {
        Self::shared(true).await
    }

    async fn shared(fsync: bool) -> Option<Self> {
        let Some(server) = shared(fsync) else {
            skip();
            return None;
        };
        Some(Self::on(server).await)
    }

    /// On this server.
    pub async fn on(server: String) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("tacita_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        Self { name, server }
    }

    /// Where the database is.
    pub fn url(&self) -> String {
        if self.server.contains("://") {
            let joint = if self.server.contains('?') { '&' } else { '?' };
            format!("{}{joint}dbname={}", self.server, self.name)
        } else {
            format!("{} dbname={}", self.server, self.name)
        }
    }

    /// Opens a store there.
    pub async fn open(&self, options: PostgresOptions) -> PostgresStore {
        PostgresStore::open(&self.url(), options).await.unwrap()
    }

    /// Runs SQL there and hands back the first column as text.
    pub async fn sql(&self, sql: &str) -> Vec<String> {
        execute(&self.url(), sql).await
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if std::env::var_os(URL).is_none() {
            // It goes with its server.
            return;
        }
        let (server, name) = (self.server.clone(), self.name.clone());
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute(&server, &format!("DROP DATABASE {name} WITH (FORCE)")));
        });
        // Left behind if the server is gone.
        let _ = removed.join();
    }
}

async fn execute(url: &str, sql: &str) -> Vec<String> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let messages = client.simple_query(sql).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    let first = |message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    messages.into_iter().filter_map(first).collect()
}
