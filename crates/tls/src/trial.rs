//! An authority that issues certificates into a folder: for tests, which have no other.

use std::{
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType};

use crate::Identity;

/// An authority of its own.
#[derive(Debug)]
pub struct TrialAuthority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl TrialAuthority {
    /// Makes one; its certificate is in the folder.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn new(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = named("trial authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?;
        fs::write(folder.join("authority.pem"), certificate.pem())?;
        Ok(Self { folder: folder.to_owned(), issuer: Issuer::new(params, key) })
    }

    /// Its certificate, for those who are to trust it.
    pub fn file(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Issues a certificate for host names, addresses or URIs, into `NAME.crt` and `NAME.key`.
    ///
    /// # Errors
    /// A name is none, or the folder cannot be written to.
    pub fn issue(&self, name: &str, names: &[&str]) -> io::Result<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        let sort = |name: &&str| {
            let text = |name: &str| name.try_into().map_err(io::Error::other);
            Ok(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) if name.contains("://") => SanType::URI(text(name)?),
                Err(_) => SanType::DnsName(text(name)?),
            })
        };
        params.subject_alt_names = names.iter().map(sort).collect::<io::Result<_>>()?;
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        let file = |ending: &str| self.folder.join(format!("{name}.{ending}"));
        fs::write(file("crt"), certificate.pem())?;
        fs::write(file("key"), key.serialize_pem())?;
        Ok(Identity { certificate: file("crt"), key: file("key") })
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}
