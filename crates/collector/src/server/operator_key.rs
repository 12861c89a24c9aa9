//! The operator's key that the first collector of a store makes: without it nobody could administer.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use super::foundation::Foundation;
use crate::{
    CollectorError,
    auth::ApiKeyText,
    catalogue::{ApiKey, By, Catalogue, NewApiKey, Principal, Refused},
    registry::RegistryError,
};

/// Makes the first operator's key. The file is written before the log: a key in the log that nobody has would lock everybody
/// out, a file of a key that the log does not know is written over at the next start.
pub(super) async fn ensure_operator_key(foundation: &Foundation, path: &Path) -> Result<(), CollectorError> {
    let registry = &foundation.registry;
    let id = registry.snapshot().next_api_key();
    if has_operator(&registry.snapshot()) {
        return Ok(());
    }
    let text = ApiKeyText::generate(id).map_err(|error| CollectorError::Key(error.to_string()))?;
    write_secret(path, text.expose()).map_err(|cause| CollectorError::File { path: path.to_owned(), cause })?;
    let (principal, hash, created_at) = (Principal::Operator, text.hash(), foundation.clock.now());
    let wish = NewApiKey { principal, hash, created_at, read_only: false, valid_seconds: 0 };
    match registry.apply(By::Collector, |catalogue| catalogue.propose_api_key(id, &wish)).await {
        Ok(_) => tracing::info!(file = %path.display(), "made an operator's API key"),
        // Another collector, started at the same instant, was the first: it has the operator's key, and this file is none.
        Err(RegistryError::Refused(Refused::AlreadySo)) if has_operator(&registry.snapshot()) => {
            fs::remove_file(path).map_err(|cause| CollectorError::File { path: path.to_owned(), cause })?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn has_operator(catalogue: &Catalogue) -> bool {
    catalogue.api_keys().iter().any(ApiKey::administers)
}

/// Writes a file that only this user may read, in one step.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}
