//! Any bytes as a backup: its header and its rows, or rows under a right header. Verified and read back the same, or
//! refused by name.
#![no_main]

use std::{path::PathBuf, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tacita_cli::fuzzing::{backup_rows, backup_verify};
use tacita_fuzz::{plant, scratch};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| scratch("backup"));

const ROW: [u8; 12] = [0, 0, 0, 3, 0, 0, 0, 1, b'k', b'e', b'y', 7];

/// A right header for [`ROW`], but for its hash.
const HEADER: &str = r#"{"format":1,"version":"0.1.0","schema":3,"taken-at":7,"log-length":1,"rows":1,"tables":[{"name":"log","bytes":12,"sha256":"00"}]}"#;

fn seeds() -> Vec<Vec<u8>> {
    vec![
        [&[0][..], HEADER.as_bytes(), b"\n", &ROW].concat(),
        [&[1][..], &ROW, &ROW].concat(),
        [&[1][..], &ROW[..11]].concat(),
        vec![1],
    ]
}

fuzz_target!(init: plant("cli_backup", seeds()), |bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    if kind % 2 == 1 {
        return backup_rows(&FOLDER, bytes);
    }
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    backup_verify(&FOLDER.join("given"), &bytes[..end], bytes.get(end + 1..).unwrap_or_default());
});
