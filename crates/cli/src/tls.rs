//! Certificates as arguments and settings: a server's own, and what a client trusts and shows.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tacita_tls::{ClientCertificates, ClientTls, Identity, ServerTls};

use crate::configuration::ConfigArgs;

/// Whom a client trusts, and what it shows, over https.
#[derive(clap::Args, Clone, Default)]
pub(crate) struct ClientTlsArgs {
    /// The authority of the server's certificate, in PEM; without it those that browsers trust.
    #[arg(long, value_name = "FILE", env = "TACITA_CA", global = true)]
    ca: Option<PathBuf>,
    /// A certificate to show, in PEM, where the server asks for one.
    #[arg(long, value_name = "FILE", env = "TACITA_CLIENT_CERT", global = true)]
    client_cert: Option<PathBuf>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE", env = "TACITA_CLIENT_KEY", global = true)]
    client_key: Option<PathBuf>,
}

impl ClientTlsArgs {
    /// From a file of settings.
    pub(crate) fn of_file(ca: Option<PathBuf>, client_cert: Option<PathBuf>, client_key: Option<PathBuf>) -> Self {
        Self { ca, client_cert, client_key }
    }

    pub(crate) fn read(self) -> Result<ClientTls> {
        let identity = identity(self.client_cert, self.client_key, "--client-cert", "--client-key")?;
        Ok(ClientTls { authority: self.ca, identity })
    }
}

/// A server's certificate, as flags of its own.
#[derive(clap::Args)]
pub(crate) struct ServerTlsArgs {
    /// The certificate and those that lead to its authority, in PEM: TLS 1.3, and nothing older. Without it: plain
    /// HTTP. A changed file is read with the next connection.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
}

impl ServerTlsArgs {
    /// Says it as settings.
    pub(crate) fn set(&self, config: &mut ConfigArgs) {
        if let Some(file) = &self.tls_cert {
            config.set("--tls-cert", "tls.certificate", file);
        }
        if let Some(file) = &self.tls_key {
            config.set("--tls-key", "tls.key", file);
        }
    }
}

/// The settings `[tls]` of a server.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct ServerTlsFile {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
    client_certificates: Option<Whose>,
}

/// Who shows a client certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Whose {
    Publishers,
    Everyone,
}

impl ServerTlsFile {
    pub(crate) fn read(&self) -> Result<Option<ServerTls>> {
        let identity = identity(self.certificate.clone(), self.key.clone(), "--tls-cert", "--tls-key");
        let half = if self.certificate.is_some() { "tls.certificate" } else { "tls.key" };
        let Some(identity) = identity.context(half)? else {
            ensure!(
                self.client_ca.is_none(),
                "tls.client-ca: clients show certificates over TLS only: give --tls-cert and --tls-key"
            );
            return Ok(None);
        };
        let required = self.client_certificates == Some(Whose::Everyone);
        ensure!(
            self.client_ca.is_some() || !required,
            "tls.client-certificates: give --client-ca, whose certificates are taken"
        );
        let clients = self.client_ca.clone().map(|authority| ClientCertificates { authority, required });
        Ok(Some(ServerTls { identity, clients }))
    }
}

/// The settings `[tls]` of a relay, whose visitors show no certificates.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RelayTlsFile {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl RelayTlsFile {
    pub(crate) fn read(&self) -> Result<Option<ServerTls>> {
        let Self { certificate, key } = self;
        let whole = ServerTlsFile { certificate: certificate.clone(), key: key.clone(), ..ServerTlsFile::default() };
        whole.read()
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

    fn server(file: &str) -> Result<Option<ServerTls>> {
        toml::from_str::<ServerTlsFile>(file).unwrap().read()
    }

    #[test]
    fn half_a_setting_says_what_is_missing() {
        assert_eq!(server("").unwrap(), None);
        let both = "certificate = \"c\"\nkey = \"k\"\n";
        assert_eq!(server(both).unwrap().unwrap().clients, None);
        let required = |file: String| server(&file).unwrap().unwrap().clients.unwrap().required;
        assert!(!required(format!("{both}client-ca = \"a\"")));
        assert!(required(format!("{both}client-ca = \"a\"\nclient-certificates = \"everyone\"")));
        for (refused, remedy) in [
            ("certificate = \"c\"", "--tls-key"),
            ("key = \"k\"", "--tls-cert"),
            ("client-ca = \"a\"", "--tls-cert"),
            ("certificate = \"c\"\nkey = \"k\"\nclient-certificates = \"everyone\"", "--client-ca"),
        ] {
            let refused = format!("{:#}", server(refused).unwrap_err());
            assert!(refused.starts_with("tls.") && refused.contains(remedy), "{refused}");
        }
    }
}
