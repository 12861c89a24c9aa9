//! A PostgreSQL server for tests and benchmarks, which goes with the value that stands for it.
//!
//! It lives in a temporary folder and listens on a unix socket there. Its programs are those that are installed.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use tokio_postgres::SimpleQueryMessage;

use super::{PostgresUrl, fault::Fault, schema};
use crate::StoreError;

/// An unprivileged user that the packages of PostgreSQL make: its server does not run as root.
const USER: &str = "postgres";

/// Stops the server and removes the folder as soon as its input closes, be it that the process that started it was killed.
const KEEP: &str = "read -r _; \"$0/pg_ctl\" -D \"$1/data\" -m immediate stop; rm -rf \"$1\"";

/// There is no server.
#[derive(Debug, thiserror::Error)]
pub enum ScratchError {
    /// Its programs are not on this machine.
    #[error("PostgreSQL is not installed here: install it (apt-get install postgresql), or give the URL of a server")]
    NotInstalled,
    /// It does not start.
    #[error("PostgreSQL does not start here: {0}")]
    Failed(String),
}

impl From<io::Error> for ScratchError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A server of our own; with this value it ends, and nothing of it stays.
#[derive(Debug)]
pub struct ScratchServer {
    folder: PathBuf,
    programs: PathBuf,
    as_root: bool,
    settings: String,
    keeper: Child,
}

impl Drop for ScratchServer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

impl ScratchServer {
    /// Starts one below `parent` with these settings, each `name=value`.
    ///
    /// # Errors
    ///
    /// [`ScratchError`] says whether PostgreSQL is missing or what it says. Nothing is left behind then.
    pub fn start(parent: &Path, settings: &[&str]) -> Result<Self, ScratchError> {
        let programs = programs().ok_or(ScratchError::NotInstalled)?;
        let folder = TempDir::with_prefix_in("tacita-postgres-", parent)?.keep();
        let as_root = number("id", &["-u"]) == Some(0);
        if as_root {
            let id = |which| number("id", &[which, USER]).ok_or(ScratchError::NotInstalled);
            chown(&folder, Some(id("-u")?), Some(id("-g")?))?;
        }
        let keeper = unprivileged(as_root, "sh")
            .args(["-c", KEEP])
            .args([&programs, &folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut options = format!("-k {} -c listen_addresses='' -c max_connections=300", folder.display());
        for setting in settings {
            // Writing to a String does not fail.
            let _ = write!(options, " -c {setting}");
        }
        let server = Self { folder, programs, as_root, settings: options, keeper };
        let data = server.data();
        let cluster = ["-D", &data, "-U", "tacita", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
        server.run("initdb", &cluster)?;
        server.go()?;
        Ok(server)
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<(), ScratchError> {
        let program = self.programs.join(program).display().to_string();
        let output = unprivileged(self.as_root, &program).args(args).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(ScratchError::Failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    /// Starts it, for the first time or again. While a process of the one that was killed is left, it waits.
    ///
    /// # Errors
    ///
    /// [`ScratchError::Failed`] with the end of the server's log.
    pub fn go(&self) -> Result<(), ScratchError> {
        let log = self.folder.join("log").display().to_string();
        let data = self.data();
        let start = ["-D", &data, "-l", &log, "-w", "-t", "60", "-s", "-o", &self.settings, "start"];
        for _ in 0..20 {
            if self.run("pg_ctl", &start).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(200));
        }
        Err(ScratchError::Failed(fs::read_to_string(log)?))
    }

    /// Stops it as an operator would in a hurry: what is under way is taken back, connections are cut.
    ///
    /// # Errors
    ///
    /// [`ScratchError::Failed`] if it does not stop.
    pub fn stop(&self) -> Result<(), ScratchError> {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "fast", "-w", "-t", "60", "-s", "stop"])
    }

    /// kill -9 of the server and all its processes.
    ///
    /// # Errors
    ///
    /// [`ScratchError::Failed`] if it does not run.
    pub fn kill(&self) -> Result<(), ScratchError> {
        let pid_file = fs::read_to_string(self.folder.join("data/postmaster.pid"))?;
        let pid = pid_file.lines().next().unwrap_or_default().to_owned();
        // First it stops, so that it begins no process that would be left: one that waits for a lock of those that were
        // killed waits for ever.
        send("-STOP", [pid.as_str()])?;
        wait_for(&pid, &["T", "Z"]);
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        send("-KILL", children.split_whitespace().chain([pid.as_str()]))?;
        children.split_whitespace().chain([pid.as_str()]).for_each(|pid| wait_for(pid, &["Z"]));
        Ok(())
    }

    /// Where to connect.
    pub fn url(&self) -> String {
        format!("postgresql://tacita@{}/postgres", self.folder.display().to_string().replace('/', "%2F"))
    }
}

/// Runs SQL in the database at `url`; gives the first column as text.
///
/// # Errors
///
/// As the store's calls.
pub async fn query(url: &PostgresUrl, sql: &str) -> Result<Vec<String>, StoreError> {
    let client = schema::connect(url).await?;
    let messages = client.simple_query(sql).await.map_err(Fault::from)?;
    let first = |message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    Ok(messages.into_iter().filter_map(first).collect())
}

/// Where a program of PostgreSQL's is, for tests that call it.
pub fn program(name: &str) -> Option<PathBuf> {
    programs().map(|programs| programs.join(name))
}

fn send<'a>(signal: &str, processes: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    Command::new("kill").arg(signal).args(processes).stderr(Stdio::null()).status().map(drop)
}

/// Waits until a process is in one of these states, or gone.
fn wait_for(pid: &str, states: &[&str]) {
    let state = || fs::read_to_string(format!("/proc/{pid}/stat"));
    while state().is_ok_and(|stat| !states.iter().any(|state| stat.contains(&format!(") {state} ")))) {
        thread::sleep(Duration::from_millis(5));
    }
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
    let output = Command::new(program).args(args).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The folder with PostgreSQL's programs; Debian keeps them out of the path.
fn programs() -> Option<PathBuf> {
    let in_path = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut packaged: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    packaged.sort();
    packaged.into_iter().rev().chain(in_path).find(|dir| dir.join("initdb").exists() && dir.join("pg_ctl").exists())
}
