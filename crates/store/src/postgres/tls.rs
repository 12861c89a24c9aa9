//! How connections are encrypted: as `sslmode` in the URL says, and never without checking the server's certificate and name.
//!
//! Authorities are those that browsers trust, or, as with libpq, those in the file that `PGSSLROOTCERT` names. Unix
//! sockets need no encryption and get none.

use std::{ffi::OsStr, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::explain;
use crate::StoreError;

/// What makes connections.
pub(super) fn connector() -> Result<MakeRustlsConnect, StoreError> {
    let roots = match std::env::var_os("PGSSLROOTCERT") {
        Some(file) => authorities(&file)?,
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Engine(explain(&error)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// The authorities in a PEM file.
fn authorities(file: &OsStr) -> Result<RootCertStore, StoreError> {
    let failed = |error: &dyn std::fmt::Display| {
        StoreError::Engine(format!("PGSSLROOTCERT names '{}': {error}", file.to_string_lossy()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))? {
        let certificate = certificate.map_err(|error| failed(&error))?;
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    if roots.is_empty() { Err(failed(&"it holds no certificate")) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_authorities_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = authorities(file.path().as_os_str()).unwrap_err().to_string();
        assert!(refused.contains(file.path().to_str().unwrap()), "{refused}");
        assert!(authorities("/nowhere/at/all".as_ref()).is_err());
    }
}
