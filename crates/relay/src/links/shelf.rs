//! The file of links, read again when it changes: a publisher adds a link without a restart.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{
    declared::{self, Problem},
    table::{Link, LinkTable},
};

/// How often the file is looked at. Its bytes are compared: clocks and editors' ways of saving do not matter.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The file of links cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LinksError {
    /// It cannot be read.
    #[error("the short links in {}: {error}; name a file that the relay may read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// It does not hold.
    #[error("the short links: {}", self.problems().join("; "))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All that is wrong with it.
        problems: Vec<Problem>,
    },
}

impl LinksError {
    /// Each problem by itself, with the file, the line and the remedy.
    pub fn problems(&self) -> Vec<String> {
        match self {
            Self::Read { .. } => vec![self.to_string()],
            Self::Invalid { path, problems } => {
                problems.iter().map(|problem| format!("{}:{problem}", path.display())).collect()
            }
        }
    }
}

/// The links in service.
pub(crate) struct LinkShelf {
    path: PathBuf,
    in_service: RwLock<Arc<LinkTable>>,
    /// What the file held when it was last read, whether it could be used or not.
    seen: Mutex<Vec<u8>>,
}

impl LinkShelf {
    pub(crate) fn open(path: &Path) -> Result<Self, LinksError> {
        let bytes = read(path)?;
        let table = parse(path, &bytes)?;
        Ok(Self { path: path.to_owned(), in_service: RwLock::new(Arc::new(table)), seen: Mutex::new(bytes) })
    }

    pub(crate) fn get(&self, code: &str) -> Option<Link> {
        self.in_service.read().unwrap_or_else(PoisonError::into_inner).get(code).cloned()
    }

    /// Looks at the file until told to stop. All that is wrong with one is said once, and the links in service stay.
    pub(crate) async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let shelf = self.clone();
            tokio::task::spawn_blocking(move || shelf.look()).await.ok();
        }
    }

    fn look(&self) {
        let bytes = match read(&self.path) {
            Ok(bytes) => bytes,
            // A file that is being replaced is not there for a moment.
            Err(error) => return tracing::warn!(%error, "the links in service stay"),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == bytes {
            return;
        }
        match parse(&self.path, &bytes) {
            Ok(table) => {
                tracing::info!(links = table.len(), "the short links were read again");
                *self.in_service.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
            }
            Err(error) => {
                error.problems().into_iter().for_each(|error| tracing::error!(error, "the links in service stay"));
            }
        }
        *seen = bytes;
    }
}

fn read(path: &Path) -> Result<Vec<u8>, LinksError> {
    fs::read(path).map_err(|error| LinksError::Read { path: path.to_owned(), error })
}

fn parse(path: &Path, bytes: &[u8]) -> Result<LinkTable, LinksError> {
    let parsed = declared::text_of(bytes).map_err(|problem| vec![problem]).and_then(LinkTable::parse);
    parsed.map_err(|problems| LinksError::Invalid { path: path.to_owned(), problems })
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
        let refused = LinkShelf::open(&path).err().unwrap();
        let told = format!("{}:3: link 'boat': 'news.example' is no target", path.display());
        assert!(refused.problems()[0].starts_with(&told) && refused.to_string().contains(&told), "{refused}");
        fs::write(&path, b"[[link]]\ncode = 'caf\xe9'\n").unwrap();
        let refused = LinkShelf::open(&path).err().unwrap();
        assert!(refused.to_string().ends_with(":2: this is not UTF-8: write the file in it"), "{refused}");
        shelf.look();
        assert!(shelf.get("ferry").is_some());
        write("boat", "https://news.example");
        shelf.look();
        assert!(shelf.get("ferry").is_none() && shelf.get("boat").is_some());
        fs::remove_file(&path).unwrap();
        shelf.look();
        assert!(shelf.get("boat").is_some());
    }
}
