//! Whether files and folders that settings name can be used. Nothing is made.

use std::{fs::File, path::Path};

use rustix::fs::{Access, access};

/// What keeps a folder from being written in, or made.
pub(crate) fn writable_folder(path: &Path) -> Result<(), String> {
    let there = path.ancestors().find(|part| part.exists() || part.as_os_str().is_empty()).unwrap_or(path);
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    if !there.is_dir() {
        return Err(format!("'{}' is a file: name a folder", there.display()));
    }
    access(there, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
        format!(
            "'{}' cannot be written in ({error}): give its rights to this user, or name another folder",
            there.display()
        )
    })
}

/// What keeps a file from being read.
pub(crate) fn readable_file(path: &Path) -> Result<(), String> {
    let remedy = |error: std::io::Error| {
        format!("cannot read '{}' ({error}): name a file that this user may read", path.display())
    };
    let is_file = File::open(path).and_then(|file| Ok(file.metadata()?.is_file())).map_err(remedy)?;
    if is_file { Ok(()) } else { Err(format!("'{}' is no file: name a file", path.display())) }
}
