//! PEM files: read with the file's name in each error, and read again when they change.

use std::{
    fmt, fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    RootCertStore,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};

/// A certificate and its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The certificate, then those that lead to its authority, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// TLS cannot be set up. The message names the file and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {cause}; give a file that this user may read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A file holds something else.
    #[error("{}: {problem}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is amiss, and what it should hold.
        problem: String,
    },
    /// An address is none.
    #[error("'{0}' is not an address: write http://HOST:PORT, or https://HOST[:PORT] for TLS")]
    Address(String),
    /// TLS was set up for an address without it.
    #[error(
        "'{0}' is an address without TLS, and a certificate or authority is given: write https://, or leave them out"
    )]
    Unused(String),
}

impl TlsError {
    pub(crate) fn content(path: &Path, problem: impl fmt::Display) -> Self {
        Self::Content { path: path.to_owned(), problem: problem.to_string() }
    }
}

/// The cryptography of all connections.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn explained(path: &Path, error: pem::Error, what: &str) -> TlsError {
    match error {
        pem::Error::Io(cause) => TlsError::Read { path: path.to_owned(), cause },
        pem::Error::NoItemsFound => TlsError::content(path, format!("it holds no {what} in PEM (-----BEGIN …)")),
        error => TlsError::content(path, format!("it is no PEM file: {error}")),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let explained = |error| explained(path, error, "certificate");
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(explained)?.collect();
    let read = read.map_err(explained)?;
    if read.is_empty() { Err(explained(pem::Error::NoItemsFound)) } else { Ok(read) }
}

impl Identity {
    /// The certificate with its chain, and the key.
    pub(crate) fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        Ok((certificates(&self.certificate)?, self.private_key()?))
    }

    /// What is wrong with the file of each.
    pub(crate) fn problems(&self) -> (Option<TlsError>, Option<TlsError>) {
        (certificates(&self.certificate).err(), self.private_key().err())
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_file(&self.key).map_err(|error| explained(&self.key, error, "private key"))
    }

    /// Why rustls does not take the pair.
    pub(crate) fn refused(&self, error: &rustls::Error) -> TlsError {
        TlsError::content(&self.certificate, format!("not taken with the key in {}: {error}", self.key.display()))
    }

    pub(crate) fn files(&self) -> [PathBuf; 2] {
        [self.certificate.clone(), self.key.clone()]
    }
}

/// The authorities in a file.
pub(crate) fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| TlsError::content(path, format!("no authority's certificate: {error}")))?;
    }
    Ok(roots)
}

/// Inode, time of change in seconds and nanoseconds, length: what a replaced or rewritten file does not keep.
type Look = Option<(u64, i64, i64, u64)>;

/// Something made from files, made anew when they change. What cannot be made is logged, and the last one that could stays.
pub(crate) struct Renewed<T> {
    files: Vec<PathBuf>,
    make: Box<dyn Fn() -> Result<T, TlsError> + Send + Sync>,
    newest: Mutex<(Vec<Look>, Arc<T>)>,
}

impl<T> Renewed<T> {
    pub(crate) fn new(
        files: Vec<PathBuf>,
        make: impl Fn() -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        let looks = look(&files);
        let made = Arc::new(make()?);
        Ok(Self { files, make: Box::new(make), newest: Mutex::new((looks, made)) })
    }

    /// Of the files as they are now, if they hold.
    pub(crate) fn newest(&self) -> Arc<T> {
        let looks = look(&self.files);
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.0 != looks {
            newest.0 = looks;
            match (self.make)() {
                Ok(made) => {
                    newest.1 = Arc::new(made);
                    tracing::info!(files = ?self.files, "certificates are read again");
                }
                Err(error) => tracing::error!(%error, "changed certificates are not taken: the former stay in use"),
            }
        }
        newest.1.clone()
    }
}

fn look(files: &[PathBuf]) -> Vec<Look> {
    let look = |file: &PathBuf| {
        let seen = fs::metadata(file).ok()?;
        Some((seen.ino(), seen.mtime(), seen.mtime_nsec(), seen.size()))
    };
    files.iter().map(look).collect()
}

impl<T> fmt::Debug for Renewed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Renewed({:?})", self.files)
    }
}
