//! The PostgreSQL server that tests use: the one at `TACITA_TEST_DATABASE_URL`, or one that is made for the test binary
//! and goes with it.
//!
//! Where there is none the test is skipped, and says so by name; with `TACITA_TEST_REQUIRE_DATABASE` set it fails.

#![allow(dead_code, unreachable_pub)]

use std::{
    env,
    io::Write,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use tacita_store::{
    PostgresOptions, PostgresStore,
    postgres::scratch::{ScratchError, ScratchServer, query},
};

const URL: &str = "TACITA_TEST_DATABASE_URL";
const REQUIRE: &str = "TACITA_TEST_REQUIRE_DATABASE";

/// A server for one test alone, which may kill it.
pub fn alone() -> Option<ScratchServer> {
    start("on").or_else(skip)
}

fn start(fsync: &str) -> Option<ScratchServer> {
    match ScratchServer::start(&env::temp_dir(), &[&format!("fsync={fsync}")]) {
        Ok(server) => Some(server),
        Err(ScratchError::NotInstalled) => None,
        Err(failed) => panic!("{failed}"),
    }
}

/// The server that the tests of this binary share. Without `fsync` it is faster, and safe from all but a loss of power; it has
/// that if the first one asks for it.
fn shared(fsync: &str) -> Option<String> {
    static SERVER: OnceLock<Option<ScratchServer>> = OnceLock::new();
    env::var(URL).ok().or_else(|| SERVER.get_or_init(|| start(fsync)).as_ref().map(ScratchServer::url))
}

/// Says that the test that runs is skipped.
fn skip<T>() -> Option<T> {
    assert!(env::var_os(REQUIRE).is_none(), "{REQUIRE} is set and there is no PostgreSQL");
    let thread = std::thread::current();
    // Not by a macro, whose output the test harness swallows.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED {}: no PostgreSQL; install it (apt-get install postgresql) or set {URL}",
        thread.name().unwrap_or("a test")
    );
    None
}

/// An empty database of its own for each test. It is removed at the end, on a server that stays.
pub struct Fresh {
    name: String,
    server: String,
}

impl Fresh {
    /// On the shared server.
    pub async fn new() -> Option<Self> {
        Self::shared("off").await
    }

    /// On the shared server, and that one with `fsync`: to measure.
    pub async fn durable() -> Option<Self> {
        Self::shared("on").await
    }

    async fn shared(fsync: &str) -> Option<Self> {
        match shared(fsync) {
            Some(server) => Some(Self::on(server).await),
            None => skip(),
        }
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
        let joint = if self.server.contains('?') { '&' } else { '?' };
        format!("{}{joint}dbname={}", self.server, self.name)
    }

    /// Makes the tables, unless they are there, and opens a store on them.
    pub async fn open(&self, options: PostgresOptions) -> PostgresStore {
        let url = self.url().parse().unwrap();
        PostgresStore::init(&url, false).await.unwrap();
        PostgresStore::open(&url, options).await.unwrap()
    }

    /// Runs SQL there and hands back the first column as text.
    pub async fn sql(&self, sql: &str) -> Vec<String> {
        execute(&self.url(), sql).await
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if env::var_os(URL).is_none() {
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
    query(&url.parse().unwrap(), sql).await.unwrap()
}
