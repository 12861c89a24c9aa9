//! Whose a client's certificate is.

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// The URIs that a certificate is issued for (its subject alternative names of that kind); none if it does not parse.
pub fn uri_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let parsed = EndEntityCert::try_from(certificate);
    parsed.map_or_else(|_| Vec::new(), |parsed| parsed.valid_uri_names().map(str::to_owned).collect())
}
