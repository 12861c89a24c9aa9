//! The SDK's files as its build left them: named and hashed by the build's own list, read once, held in memory.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256, Sha384};

/// The file that a page embeds; it asks for the others beside itself.
const CORE: &str = "tacita.js";

/// The build's list: each file's name and its hash, as an `integrity` attribute has it.
const LIST: &str = "integrity.json";

/// More than any file of a page's SDK has; what is larger was named by mistake.
const FILE_BYTES: usize = 1 << 20;

/// The SDK's folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SdkError {
    /// A file cannot be read.
    #[error("the SDK's {}: {error}; run `npm ci --ignore-scripts && npm run build` in web/ and name web/sdk/dist", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// The build's list is not one.
    #[error("{}: {problem}; build the SDK anew", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file is not the one that the list names: browsers would refuse it.
    #[error("{} is not the file that {LIST} names: its hash is {found}; copy the whole build, or build anew", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The hash that it has.
        found: String,
    },
}

/// One build of the SDK.
#[derive(Clone, Debug)]
pub struct Sdk {
    version: String,
    files: Vec<SdkFile>,
}

/// One file of a build.
#[derive(Clone, Debug)]
pub struct SdkFile {
    /// `tacita.js`, `tacita-device.js`, …
    pub name: String,
    /// What an `integrity` attribute holds: `sha384-…`.
    pub integrity: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// The file, gzipped.
    pub gzip: Vec<u8>,
}

impl Sdk {
    /// Reads the build in `folder` and holds every file against the hash that the build wrote down.
    ///
    /// # Errors
    /// A file is missing, too large, or another than the list names.
    pub fn read(folder: &Path) -> Result<Self, SdkError> {
        let list = folder.join(LIST);
        let broken = |problem: String| SdkError::List { path: list.clone(), problem };
        let text = fs::read(&list).map_err(|error| SdkError::Missing { path: list.clone(), error })?;
        let named: BTreeMap<String, String> =
            serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))?;
        if !named.contains_key(CORE) {
            return Err(broken(format!("it names no {CORE}")));
        }
        if let Some(other) = named.keys().find(|name| !is_name(name)) {
            return Err(broken(format!("'{other}' is no file of the SDK: those are {CORE} and tacita-NAME.js")));
        }
        let files =
            named.into_iter().map(|(name, hash)| read_file(folder, name, hash)).collect::<Result<Vec<_>, _>>()?;
        let mut version = Sha256::new();
        for file in &files {
            version.update(format!("{} {}\n", file.name, file.integrity));
        }
        Ok(Self { version: hex::encode(&version.finalize()[..8]), files })
    }

    /// 16 hexadecimal digits that stand for the bytes of all files.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The files, in the order of their names.
    pub fn files(&self) -> &[SdkFile] {
        &self.files
    }

    /// Where a relay serves this very file, for ever.
    pub fn path_of(&self, file: &SdkFile) -> String {
        format!("/tacita/{}/{}", self.version, file.name)
    }

    /// The file that a page embeds.
    pub fn core(&self) -> Option<&SdkFile> {
        self.files.iter().find(|file| file.name == CORE)
    }
}

/// `tacita.js`, or `tacita-` and lower-case letters and `.js`: nothing that could lead out of the folder.
fn is_name(name: &str) -> bool {
    let part = name.strip_prefix("tacita").and_then(|rest| rest.strip_suffix(".js"));
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    part.is_some_and(|part| part.is_empty() || part.strip_prefix('-').is_some_and(letters))
}

fn read_file(folder: &Path, name: String, hash: String) -> Result<SdkFile, SdkError> {
    let path = folder.join(&name);
    let missing = |error| SdkError::Missing { path: path.clone(), error };
    let bytes = fs::read(&path).map_err(missing)?;
    if bytes.len() > FILE_BYTES {
        return Err(missing(io::Error::other(format!("it has {} bytes, more than {FILE_BYTES}", bytes.len()))));
    }
    let integrity = format!("sha384-{}", BASE64_STANDARD.encode(Sha384::digest(&bytes)));
    if integrity != hash {
        return Err(SdkError::Changed { path, found: integrity });
    }
    let gzip = gzipped(&bytes).map_err(missing)?;
    Ok(SdkFile { name, integrity, bytes, gzip })
}

fn gzipped(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_a_file_of_the_sdk_and_nowhere_else() {
        for name in ["tacita.js", "tacita-device.js", "tacita-tokens.js"] {
            assert!(is_name(name), "{name}");
        }
        let others =
            ["", "tacita", "../tacita.js", "tacita-../../x.js", "tacita-.js", "tacita-{x}.js", "tacita.js.map"];
        for name in others.into_iter().chain(["index.js", "/etc/passwd", "tacita-a/b.js", "Tacita.js", "tacita-.js.js"])
        {
            assert!(!is_name(name), "{name}");
        }
    }
}
