//! Certificates as arguments and settings: a server's own, and what a client trusts and shows.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use serde::Deserialize;
use tacita_tls::{ClientCertificates, ClientTls, Identity, ServerTls};

/// Whom a client trusts, and what it shows, over https.
#[derive(clap::Args, Clone, Default)]
pub(crate) struct ClientTlsArgs {
    /// The authority of the server's certificate, in PEM; without it those that browsers trust.
    #[arg(long, value_name = "FILE", env = "TACITA_CA")]
    ca: Option<PathBuf>,
    /// A certificate to show, in PEM, where the server asks for one.
    #[arg(long, value_name = "FILE", env = "TACITA_CLIENT_CERT")]
    client_cert: Option<PathBuf>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE", env = "TACITA_CLIENT_KEY")]
    client_key: Option<PathBuf>,
}

impl ClientTlsArgs {
    /// These, and where one is not given that of `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            ca: self.ca.or(other.ca),
            client_cert: self.client_cert.or(other.client_cert),
            client_key: self.client_key.or(other.client_key),
        }
    }

    /// From a file of settings.
    pub(crate) fn of_file(ca: Option<PathBuf>, client_cert: Option<PathBuf>, client_key: Option<PathBuf>) -> Self {
        Self { ca, client_cert, client_key }
    }

    pub(crate) fn read(self) -> Result<ClientTls> {
        let identity = identity(self.client_cert, self.client_key, "--client-cert", "--client-key")?;
        Ok(ClientTls { authority: self.ca, identity })
    }
}

/// A server's certificate.
#[derive(clap::Args)]
pub(crate) struct ServerTlsArgs {
    /// The certificate and those that lead to its authority, in PEM: TLS 1.3, and nothing older. Without it: plain HTTP. A changed
    /// file is read with the next connection.
    #[arg(long, value_name = "FILE", env = "TACITA_TLS_CERT")]
    tls_cert: Option<PathBuf>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE", env = "TACITA_TLS_KEY")]
    tls_key: Option<PathBuf>,
}

/// The settings `[tls]` of a server's file.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct ServerTlsFile {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
    client_certificates: Option<Whose>,
}

/// Who shows a client certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Whose {
    Publishers,
    Everyone,
}

impl ServerTlsArgs {
    /// What is given, and else what the file says; `client_ca` is a flag of the collector.
    pub(crate) fn read(self, file: ServerTlsFile, client_ca: Option<PathBuf>) -> Result<Option<ServerTls>> {
        let (certificate, key) = (self.tls_cert.or(file.certificate), self.tls_key.or(file.key));
        let authority = client_ca.or(file.client_ca);
        let Some(identity) = identity(certificate, key, "--tls-cert", "--tls-key")? else {
            ensure!(
                authority.is_none(),
                "client-ca: clients show certificates over TLS only: give --tls-cert and --tls-key"
            );
            return Ok(None);
        };
        let required = file.client_certificates == Some(Whose::Everyone);
        ensure!(
            authority.is_some() || !required,
            "tls.client-certificates: give --client-ca, whose certificates are taken"
        );
        let clients = authority.map(|authority| ClientCertificates { authority, required });
        Ok(Some(ServerTls { identity, clients }))
    }
}

fn identity(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    cert_flag: &str,
    key_flag: &str,
) -> Result<Option<Identity>> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(Identity { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => bail!("{cert_flag} needs {key_flag}: a certificate is of no use without its private key"),
        (None, Some(_)) => bail!("{key_flag} needs {cert_flag}: a private key is of no use without its certificate"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(cert: bool, key: bool, ca: bool, file: &str) -> Result<Option<ServerTls>> {
        let given = |given: bool, name: &str| given.then(|| name.into());
        let args = ServerTlsArgs { tls_cert: given(cert, "c"), tls_key: given(key, "k") };
        args.read(toml::from_str(file).unwrap(), given(ca, "ca"))
    }

    #[test]
    fn half_a_setting_says_what_is_missing() {
        assert_eq!(server(false, false, false, "").unwrap(), None);
        let both = server(true, true, true, "").unwrap().unwrap();
        assert!(!both.clients.unwrap().required);
        assert!(
            server(true, true, true, "client-certificates = \"everyone\"").unwrap().unwrap().clients.unwrap().required
        );
        assert_eq!(server(false, false, false, "certificate = \"c\"\nkey = \"k\"").unwrap().unwrap().clients, None);
        for (refused, remedy) in [
            (server(true, false, false, ""), "--tls-key"),
            (server(false, true, false, ""), "--tls-cert"),
            (server(false, false, true, ""), "--tls-cert"),
            (server(true, true, false, "client-certificates = \"everyone\""), "--client-ca"),
        ] {
            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains(remedy), "{refused}");
        }
    }
}
