//! Secret keys, each in a file of its own.
//!
//! ```text
//! <dir>/                  0700
//! <dir>/lock              taken for the length of one change, so that several processes may use one vault
//! <dir>/signing           0600, 32 bytes
//! <dir>/<key id, hex>.key 0600, 32 bytes
//! ```
//!
//! A journal or a merge tree keeps old bytes around for as long as it likes; a key must be able to go. [`Vault::destroy`]
//! overwrites a key's bytes where they stand before it unlinks the file.
//!
//! **Guaranteed** when `destroy` returns, on a file system that writes in place (ext4, XFS without reflinks) on a disk that does:
//! no block that the file had holds the key any more. A crash leaves either the key whole or none, and destroying again finishes.
//!
//! **Not guaranteed**: that copies are gone which others made. Copy-on-write file systems (btrfs, ZFS, overlayfs on them,
//! snapshots below any file system) write the zeros elsewhere; solid-state disks remap blocks; backups, swap and memory dumps are
//! what they are. Keep a vault out of backups and snapshots, on an encrypted volume.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// The bytes of a secret key.
pub type Secret = Zeroizing<[u8; 32]>;

/// The name of a secret key.
pub type KeyId = [u8; 32];

const SIGNING: &str = "signing";
const LOCK: &str = "lock";
const KEY: &str = "key";
const UNFINISHED: &str = "unfinished";

/// A fault of the vault.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A key with this id is there already; it was not touched.
    #[error("the vault has a key {0} already")]
    Exists(String),
    /// A file does not hold a key.
    #[error("'{}' does not hold 32 bytes: restore it, or remove it if the key is of no use any more", .0.display())]
    Malformed(PathBuf),
    /// The operating system refused.
    #[error("the vault failed at '{}': {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

/// What is asked of a [`Vault`]: the seam at which a simulation lets it fail, and a model checker lets others come first.
pub trait SecretKeys: Send + Sync + std::fmt::Debug {
    /// See [`Vault::signing_key`].
    fn signing_key(&self) -> Result<Secret, VaultError>;
    /// See [`Vault::existing_signing_key`].
    fn existing_signing_key(&self) -> Result<Option<Secret>, VaultError>;
    /// See [`Vault::put`].
    fn put(&self, id: &KeyId, secret: &Secret) -> Result<(), VaultError>;
    /// See [`Vault::get`].
    fn get(&self, id: &KeyId) -> Result<Option<Secret>, VaultError>;
    /// See [`Vault::list`].
    fn list(&self) -> Result<Vec<KeyId>, VaultError>;
    /// See [`Vault::destroy`].
    fn destroy(&self, id: &KeyId) -> Result<(), VaultError>;
}

/// A directory of secret keys.
#[derive(Clone, Debug)]
pub struct Vault {
    dir: PathBuf,
}

impl Vault {
    /// Opens the vault in `dir`, or makes one; shuts the directory to other users, and finishes what a crash cut short.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, VaultError> {
        let vault = Self { dir: dir.as_ref().to_owned() };
        let at = |error| fault(&vault.dir, error);
        DirBuilder::new().recursive(true).mode(0o700).create(&vault.dir).map_err(at)?;
        fs::set_permissions(&vault.dir, Permissions::from_mode(0o700)).map_err(at)?;
        vault.finish_what_was_cut_short()?;
        Ok(vault)
    }

    /// The key that signs the manifest, made on first use.
    pub fn signing_key(&self) -> Result<Secret, VaultError> {
        let _lock = self.lock()?;
        let path = self.dir.join(SIGNING);
        if let Some(secret) = read(&path)? {
            return Ok(secret);
        }
        let mut secret = Secret::default();
        getrandom::fill(secret.as_mut()).map_err(VaultError::Random)?;
        self.write(&path, &secret)?;
        Ok(secret)
    }

    /// The key that signs the manifest, if there is one.
    pub fn existing_signing_key(&self) -> Result<Option<Secret>, VaultError> {
        read(&self.dir.join(SIGNING))
    }

    /// Keeps a key. On return it survives a loss of power; a crash before leaves nothing that `get` would find.
    pub fn put(&self, id: &KeyId, secret: &Secret) -> Result<(), VaultError> {
        let _lock = self.lock()?;
        let path = self.path(id);
        if path.try_exists().map_err(|error| fault(&path, error))? {
            return Err(VaultError::Exists(hex(id)));
        }
        self.write(&path, secret)
    }

    /// The key with this id, unless it was never kept or was destroyed.
    pub fn get(&self, id: &KeyId) -> Result<Option<Secret>, VaultError> {
        read(&self.path(id))
    }

    /// The ids of the keys that are kept, in rising order.
    pub fn list(&self) -> Result<Vec<KeyId>, VaultError> {
        let mut ids = Vec::new();
        for path in self.files()? {
            if let Some(id) = id_of(&path)
                && read(&path)?.is_some()
            {
                ids.push(id);
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Destroys a key: overwrites its bytes, then unlinks its file. Destroying what is not there changes nothing.
    ///
    /// The module's documentation says what this guarantees, and what not.
    pub fn destroy(&self, id: &KeyId) -> Result<(), VaultError> {
        let _lock = self.lock()?;
        self.erase(&self.path(id))
    }

    fn path(&self, id: &KeyId) -> PathBuf {
        self.dir.join(hex(id)).with_extension(KEY)
    }

    /// Waits until no other process changes the vault; released when dropped.
    fn lock(&self) -> Result<File, VaultError> {
        let path = self.dir.join(LOCK);
        let open = || {
            let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(|error| fault(&path, error))
    }

    /// Writes a file that is there whole or not at all. Under the lock.
    fn write(&self, path: &Path, secret: &Secret) -> Result<(), VaultError> {
        let unfinished = path.with_extension(UNFINISHED);
        let write = || {
            let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&unfinished)?;
            file.write_all(secret.as_ref())?;
            file.sync_all()?;
            fs::rename(&unfinished, path)?;
            self.sync()
        };
        write().map_err(|error| {
            let _ = self.erase(&unfinished);
            fault(path, error)
        })
    }

    /// Overwrites and unlinks a file. Under the lock.
    fn erase(&self, path: &Path) -> Result<(), VaultError> {
        let erase = || {
            let mut file = match OpenOptions::new().write(true).open(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return self.sync(),
                file => file?,
            };
            let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX).clamp(32, 4096);
            file.write_all(&vec![0; length])?;
            file.sync_all()?;
            fs::remove_file(path)?;
            self.sync()
        };
        erase().map_err(|error| fault(path, error))
    }

    /// Makes the names in the directory durable.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    /// Erases what a `put` had not finished, and the files whose keys a `destroy` had overwritten already.
    fn finish_what_was_cut_short(&self) -> Result<(), VaultError> {
        let _lock = self.lock()?;
        for path in self.files()? {
            let unfinished = path.extension().is_some_and(|extension| extension == UNFINISHED);
            if unfinished || (id_of(&path).is_some() && read(&path)?.is_none()) {
                self.erase(&path)?;
            }
        }
        Ok(())
    }

    fn files(&self) -> Result<Vec<PathBuf>, VaultError> {
        let list = || fs::read_dir(&self.dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>();
        list().map_err(|error| fault(&self.dir, error))
    }
}

impl SecretKeys for Vault {
    fn signing_key(&self) -> Result<Secret, VaultError> {
        Self::signing_key(self)
    }

    fn existing_signing_key(&self) -> Result<Option<Secret>, VaultError> {
        Self::existing_signing_key(self)
    }

    fn put(&self, id: &KeyId, secret: &Secret) -> Result<(), VaultError> {
        Self::put(self, id, secret)
    }

    fn get(&self, id: &KeyId) -> Result<Option<Secret>, VaultError> {
        Self::get(self, id)
    }

    fn list(&self) -> Result<Vec<KeyId>, VaultError> {
        Self::list(self)
    }

    fn destroy(&self, id: &KeyId) -> Result<(), VaultError> {
        Self::destroy(self, id)
    }
}

/// The key in a file. All zeros are what `destroy` leaves behind when it is cut short, and no key.
fn read(path: &Path) -> Result<Option<Secret>, VaultError> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(|error| fault(path, error))?,
    };
    let length = file.metadata().map_err(|error| fault(path, error))?.len();
    let mut secret = Secret::default();
    if length != secret.len() as u64 {
        return Err(VaultError::Malformed(path.to_owned()));
    }
    file.read_exact(secret.as_mut()).map_err(|error| fault(path, error))?;
    Ok(secret.iter().any(|&byte| byte != 0).then_some(secret))
}

fn hex(id: &KeyId) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The id in the name of a key's file.
fn id_of(path: &Path) -> Option<KeyId> {
    let name = path.file_name()?.to_str()?.strip_suffix(KEY)?.strip_suffix('.')?;
    let digits = name.as_bytes();
    if digits.len() != 64 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut id = KeyId::default();
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(id)
}

fn fault(path: &Path, error: io::Error) -> VaultError {
    VaultError::Io { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn vault() -> (TempDir, Vault) {
        let dir = TempDir::new().unwrap();
        let vault = Vault::open(dir.path().join("vault")).unwrap();
        (dir, vault)
    }

    fn secret(byte: u8) -> Secret {
        let mut secret = Secret::default();
        for (place, value) in secret.iter_mut().enumerate() {
            *value = byte ^ (place as u8).wrapping_mul(31);
        }
        secret
    }

    /// Every byte under the directory: names and contents.
    fn everything(dir: &Path) -> Vec<u8> {
        let mut bytes = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            bytes.extend_from_slice(path.as_os_str().as_encoded_bytes());
            bytes.extend(if path.is_dir() { everything(&path) } else { fs::read(&path).unwrap() });
        }
        bytes
    }

    fn holds(bytes: &[u8], secret: &Secret) -> bool {
        bytes.windows(8).any(|window| secret.windows(8).any(|part| part == window))
    }

    #[test]
    fn a_destroyed_key_stands_nowhere_under_the_directory() {
        let (dir, vault) = vault();
        vault.put(&[1; 32], &secret(7)).unwrap();
        vault.put(&[2; 32], &secret(8)).unwrap();
        // The name of the file goes; another name for it shows what became of its bytes.
        fs::hard_link(vault.path(&[1; 32]), dir.path().join("same-file")).unwrap();
        assert!(holds(&everything(dir.path()), &secret(7)));
        vault.destroy(&[1; 32]).unwrap();
        let left = everything(dir.path());
        assert!(!holds(&left, &secret(7)));
        assert!(holds(&left, &secret(8)));
        assert!(vault.get(&[1; 32]).unwrap().is_none());
        vault.destroy(&[1; 32]).unwrap();
        assert_eq!(vault.list().unwrap(), [[2; 32]]);
    }

    #[test]
    fn keys_survive_a_reopening_and_are_listed_in_order() {
        let (_dir, vault) = vault();
        for byte in [9, 3, 200] {
            vault.put(&[byte; 32], &secret(byte)).unwrap();
        }
        let vault = Vault::open(&vault.dir).unwrap();
        assert_eq!(vault.list().unwrap(), [[3; 32], [9; 32], [200; 32]]);
        assert_eq!(vault.get(&[200; 32]).unwrap().unwrap(), secret(200));
        assert!(vault.get(&[4; 32]).unwrap().is_none());
    }

    #[test]
    fn a_key_is_never_replaced() {
        let (_dir, vault) = vault();
        vault.put(&[1; 32], &secret(1)).unwrap();
        assert!(matches!(vault.put(&[1; 32], &secret(2)), Err(VaultError::Exists(_))));
        assert_eq!(vault.get(&[1; 32]).unwrap().unwrap(), secret(1));
    }

    #[test]
    fn the_signing_key_is_made_once_even_by_many_at_a_time() {
        let (_dir, vault) = vault();
        let keys: Vec<Secret> = std::thread::scope(|scope| {
            let makers: Vec<_> = (0..8).map(|_| scope.spawn(|| vault.signing_key().unwrap())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(Vault::open(&vault.dir).unwrap().signing_key().unwrap(), keys[0]);
        assert!(vault.list().unwrap().is_empty());
    }

    #[test]
    fn nobody_else_may_read_a_vault() {
        let (dir, vault) = vault();
        vault.put(&[1; 32], &secret(1)).unwrap();
        vault.signing_key().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir.path().join("vault")), 0o700);
        for file in vault.files().unwrap() {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
        fs::set_permissions(&vault.dir, Permissions::from_mode(0o755)).unwrap();
        Vault::open(&vault.dir).unwrap();
        assert_eq!(mode(&vault.dir), 0o700);
    }

    #[test]
    fn what_a_crash_cut_short_is_finished_at_the_next_opening() {
        let (_dir, vault) = vault();
        vault.put(&[1; 32], &secret(1)).unwrap();
        vault.put(&[2; 32], &secret(2)).unwrap();
        fs::write(vault.dir.join(hex(&[3; 32])).with_extension(UNFINISHED), secret(3).as_ref()).unwrap();
        fs::write(vault.path(&[2; 32]), [0; 32]).unwrap();
        assert!(vault.get(&[2; 32]).unwrap().is_none());
        let vault = Vault::open(&vault.dir).unwrap();
        assert!(!holds(&everything(&vault.dir), &secret(3)));
        assert!(!vault.path(&[2; 32]).exists());
        assert_eq!(vault.list().unwrap(), [[1; 32]]);
        vault.put(&[3; 32], &secret(3)).unwrap();
    }

    #[test]
    fn a_file_of_the_wrong_length_is_named() {
        let (_dir, vault) = vault();
        fs::write(vault.path(&[1; 32]), [1; 31]).unwrap();
        assert!(matches!(vault.get(&[1; 32]), Err(VaultError::Malformed(path)) if path == vault.path(&[1; 32])));
    }
}
