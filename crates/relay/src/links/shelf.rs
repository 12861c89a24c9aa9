//! The file of links, read again when it changes: a publisher adds a link without a restart.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::table::{InvalidLinks, Link, LinkTable};

/// How often the file is looked at. Its bytes are compared: clocks and editors' ways of saving do not matter.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The file of links cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// It cannot be read.
    #[error("the short links in {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// It does not hold.
    #[error("the short links in {}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The problem.
        problem: InvalidLinks,
    },
}

/// The links in service.
pub(crate) struct LinkShelf {
    path: PathBuf,
    in_service: RwLock<Arc<LinkTable>>,
    /// What the file held when it was last read, whether it could be used or not.
    seen: Mutex<String>,
}

impl LinkShelf {
    pub(crate) fn open(path: &Path) -> Result<Self, LinksError> {
        let text = read(path)?;
        let table = parse(path, &text)?;
        Ok(Self { path: path.to_owned(), in_service: RwLock::new(Arc::new(table)), seen: Mutex::new(text) })
    }

    pub(crate) fn get(&self, code: &str) -> Option<Link> {
        self.in_service.read().unwrap_or_else(PoisonError::into_inner).get(code).cloned()
    }

    /// Looks at the file until told to stop. One that does not hold is said once, and the links in service stay.
    pub(crate) async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let shelf = self.clone();
            tokio::task::spawn_blocking(move || shelf.look()).await.ok();
        }
    }

    fn look(&self) {
        let text = match read(&self.path) {
            Ok(text) => text,
            // A file that is being replaced is not there for a moment.
            Err(error) => return tracing::warn!(%error, "the links in service stay"),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == text {
            return;
        }
        match parse(&self.path, &text) {
            Ok(table) => {
                tracing::info!(links = table.len(), "the short links were read again");
                *self.in_service.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
            }
            Err(error) => tracing::error!(%error, "the links in service stay"),
        }
        *seen = text;
    }
}

fn read(path: &Path) -> Result<String, LinksError> {
    fs::read_to_string(path).map_err(|error| LinksError::Read { path: path.to_owned(), error })
}

fn parse(path: &Path, text: &str) -> Result<LinkTable, LinksError> {
    LinkTable::parse(text).map_err(|problem| LinksError::Invalid { path: path.to_owned(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_hold_or_is_gone_leaves_the_links_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("links.toml");
        let write = |code: &str, to: &str| {
            fs::write(&path, format!("[[link]]\ncode = \"{code}\"\nto = \"{to}\"\n")).unwrap();
        };
        write("ferry", "https://news.example");
        let shelf = LinkShelf::open(&path).unwrap();
        write("boat", "news.example");
        shelf.look();
        assert!(shelf.get("ferry").is_some() && shelf.get("boat").is_none());
        write("boat", "https://news.example");
        shelf.look();
        assert!(shelf.get("ferry").is_none() && shelf.get("boat").is_some());
        fs::remove_file(&path).unwrap();
        shelf.look();
        assert!(shelf.get("boat").is_some());
    }
}
