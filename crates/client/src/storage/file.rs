//! State in one file.

use std::{
    fmt,
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use redb::{
    Builder, Database, DatabaseError, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    backends::FileBackend,
};
use tacita_protocol::catalogue::{CatalogueDigest, ContentCatalogue};
use zeroize::Zeroizing;

use super::{Change, Look, Storage, StorageError};
use crate::{
    ClientError,
    state::{DeviceState, FORMAT, earlier},
};

/// The state under the number of its format. The places of earlier formats hold [`MOVED_ON`].
const STATES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("device");

/// No state in any format: an earlier program that looks for one refuses the file, and does not begin a new device in it.
const MOVED_ON: &[u8] = &[];

/// Catalogues under their digests.
const CATALOGUES: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("catalogues");

/// What redb may keep in memory: far more than a state needs.
const CACHE_BYTES: usize = 1 << 20;

/// Keeps the state in one file, durable (`fsync`) before each update returns, open to one device at a time.
///
/// The file holds secrets: it is made readable to its owner alone. Keep it out of backups; deleting it forgets the device.
/// Old pages of the file, and of the disk under it, can hold what was erased until they are written over.
pub struct FileStorage {
    path: PathBuf,
    database: Database,
    held: Mutex<DeviceState>,
}

impl FileStorage {
    /// Opens the state at `path`, or begins an empty one. A state of an earlier format is read, and the next update
    /// writes this one.
    ///
    /// # Errors
    /// [`StorageError::InUse`], [`StorageError::Unreadable`], [`StorageError::Newer`], [`StorageError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        let path = path.as_ref().to_owned();
        let file = open_private(&path).map_err(|error| io(&path, &error))?;
        let backend = FileBackend::new(file).map_err(|error| opening(&path, error))?;
        let database = Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(backend)
            .map_err(|error| opening(&path, error))?;
        let held = load(&path, &database)?;
        Ok(Self { path, database, held: Mutex::new(held) })
    }

    fn save(&self, bytes: &[u8]) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut states = transaction.open_table(STATES)?;
            states.insert(FORMAT, bytes)?;
            for earlier in 1..FORMAT {
                states.insert(earlier, MOVED_ON)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn save_catalogues(&self, catalogues: &[Arc<ContentCatalogue>]) -> Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut table = transaction.open_table(CATALOGUES)?;
            table.retain(|digest, _| catalogues.iter().any(|one| one.digest().0 == *digest))?;
            for catalogue in catalogues {
                table.insert(&catalogue.digest().0, catalogue.as_bytes())?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn load_catalogue(&self, digest: CatalogueDigest) -> Result<Option<Vec<u8>>, redb::Error> {
        let table = match self.database.begin_read()?.open_table(CATALOGUES) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table?,
        };
        Ok(table.get(&digest.0)?.map(|bytes| bytes.value().to_vec()))
    }
}

impl Storage for FileStorage {
    fn update(&self, change: &mut Change<'_>) -> Result<(), ClientError> {
        let mut held = self.held.lock();
        let mut next = held.clone();
        change(&mut next)?;
        let bytes = encode(&next).ok_or_else(|| StorageError::Unreadable(self.path.clone()))?;
        self.save(&bytes).map_err(|error| io(&self.path, &error))?;
        *held = next;
        Ok(())
    }

    fn read(&self, look: &mut Look<'_>) {
        look(&self.held.lock());
    }

    /// One that cannot be read counts as none: it is fetched again.
    fn catalogue(&self, digest: CatalogueDigest) -> Option<Vec<u8>> {
        self.load_catalogue(digest).ok().flatten()
    }

    fn keep_catalogues(&self, catalogues: &[Arc<ContentCatalogue>]) -> Result<(), ClientError> {
        Ok(self.save_catalogues(catalogues).map_err(|error| io(&self.path, &error))?)
    }
}

impl fmt::Debug for FileStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileStorage").field(&self.path).finish()
    }
}

fn open_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The number of a format, and a state in it.
type Stored = (u32, Zeroizing<Vec<u8>>);

fn load(path: &Path, database: &Database) -> Result<DeviceState, StorageError> {
    let read = || -> Result<Option<Stored>, redb::Error> {
        let transaction = database.begin_read()?;
        let table = match transaction.open_table(STATES) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table?,
        };
        Ok(table.last()?.map(|(format, bytes)| (format.value(), Zeroizing::new(bytes.value().to_vec()))))
    };
    match read().map_err(|error| io(path, &error))? {
        None => Ok(DeviceState::default()),
        Some((format, _)) if format > FORMAT => Err(StorageError::Newer { path: path.to_owned(), format }),
        Some((format, bytes)) => earlier::read(format, &bytes).ok_or_else(|| StorageError::Unreadable(path.to_owned())),
    }
}

fn encode(state: &DeviceState) -> Option<Zeroizing<Vec<u8>>> {
    // Sized first, so that no copy with secrets is left behind by a buffer that grew.
    let size = postcard::experimental::serialized_size(state).ok()?;
    let mut bytes = Zeroizing::new(vec![0; size]);
    postcard::to_slice(state, &mut bytes).ok()?;
    Some(bytes)
}

fn io(path: &Path, error: &dyn fmt::Display) -> StorageError {
    StorageError::Io { path: path.to_owned(), message: error.to_string() }
}

fn opening(path: &Path, error: DatabaseError) -> StorageError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => StorageError::InUse(path.to_owned()),
        DatabaseError::UpgradeRequired(_) => StorageError::Unreadable(path.to_owned()),
        DatabaseError::Storage(redb::StorageError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            StorageError::Unreadable(path.to_owned())
        }
        error => io(path, &error),
    }
}

#[cfg(test)]
mod tests {
    use tacita_protocol::catalogue::Contents;

    use super::super::{read, update};
    use super::*;

    fn set(storage: &FileStorage, number: u64) {
        update(storage, |state| {
            state.next_session = number;
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn what_was_updated_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.redb");
        set(&FileStorage::open(&path).unwrap(), 7);
        assert_eq!(read(&FileStorage::open(&path).unwrap(), |state| state.next_session), 7);
    }

    /// A file with the value under the format, as a program of that format leaves it.
    fn file_of(path: &Path, format: u32, bytes: &[u8]) {
        let database = Database::create(path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(STATES).unwrap().insert(format, bytes).unwrap();
        transaction.commit().unwrap();
    }

    #[test]
    fn a_file_of_format_1_is_read_and_written_as_2_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.redb");
        file_of(&path, 1, include_bytes!("../../tests/format-1.bin"));
        let spent = |storage: &FileStorage| read(storage, |state| (state.ledger.len(), state.next_session));
        let storage = FileStorage::open(&path).unwrap();
        assert_eq!(spent(&storage), (2, 1));
        set(&storage, 7);
        drop(storage);
        assert_eq!(spent(&FileStorage::open(&path).unwrap()), (2, 7));
        let database = Database::open(&path).unwrap();
        let transaction = database.begin_read().unwrap();
        let states = transaction.open_table(STATES).unwrap();
        assert_eq!(
            states.get(1).unwrap().unwrap().value(),
            MOVED_ON,
            "its tokens do not come back in an earlier program"
        );
    }

    #[test]
    fn a_file_of_a_newer_format_is_refused_by_name_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.redb");
        set(&FileStorage::open(&path).unwrap(), 7);
        file_of(&path, FORMAT + 1, b"of tomorrow");
        let error = FileStorage::open(&path).unwrap_err();
        assert!(matches!(error, StorageError::Newer { format: 3, .. }), "{error}");
        assert!(error.to_string().contains("format 3, and this program knows up to 2: update the program"), "{error}");
        let database = Database::open(&path).unwrap();
        let transaction = database.begin_read().unwrap();
        assert_eq!(transaction.open_table(STATES).unwrap().get(3).unwrap().unwrap().value(), b"of tomorrow");
    }

    #[test]
    fn a_file_is_open_to_one_device_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.redb");
        let _first = FileStorage::open(&path).unwrap();
        let error = FileStorage::open(&path).unwrap_err();
        assert!(matches!(error, StorageError::InUse(_)), "{error}");
        assert!(error.to_string().contains("one device at a time"));
    }

    #[test]
    fn a_file_that_is_no_state_is_an_error_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.txt");
        let letter = "Dear reader, ".repeat(1_000);
        std::fs::write(&path, &letter).unwrap();
        let error = FileStorage::open(&path).unwrap_err();
        assert!(matches!(error, StorageError::Unreadable(_)), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), letter);
        assert!(matches!(FileStorage::open(folder.path().join("no/such/folder")), Err(StorageError::Io { .. })));
    }

    #[test]
    fn the_catalogues_of_the_manifest_are_kept_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.redb");
        let of = |id: &str| Arc::new(Contents::new(vec![id.into()]).unwrap().catalogue().clone());
        let (one, two) = (of("/a"), of("/b"));
        let storage = FileStorage::open(&path).unwrap();
        assert_eq!(storage.catalogue(one.digest()), None);
        storage.keep_catalogues(std::slice::from_ref(&one)).unwrap();
        set(&storage, 1);
        drop(storage);
        let storage = FileStorage::open(&path).unwrap();
        assert_eq!(storage.catalogue(one.digest()).as_deref(), Some(one.as_bytes()));
        storage.keep_catalogues(std::slice::from_ref(&two)).unwrap();
        assert_eq!((storage.catalogue(one.digest()), storage.catalogue(two.digest()).is_some()), (None, true));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("device.redb");
        set(&FileStorage::open(&path).unwrap(), 1);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    }
}
