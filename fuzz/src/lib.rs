//! Valid inputs for the targets, so that fuzzing begins beyond the first byte.

use std::{fs, path::PathBuf};

/// Puts seeds into the corpus of `target`, which libFuzzer reads next.
pub fn plant<S: AsRef<[u8]>>(target: &str, seeds: impl IntoIterator<Item = S>) {
    let corpus = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus")).join(target);
    fs::create_dir_all(&corpus).expect("a folder for the corpus");
    for (number, seed) in seeds.into_iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number}")), seed).expect("a seed");
    }
}

/// A folder for files that a target reads or keeps, on memory where there is such: it lives as long as the machine.
pub fn scratch(target: &str) -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = parent.join(format!("tacita-fuzz-{target}"));
    fs::create_dir_all(&folder).expect("a folder for scratch files");
    folder
}

/// The message `kind` of a target that tells messages apart by their first byte.
pub fn message(kind: u8, message: &impl prost::Message) -> Vec<u8> {
    [vec![kind], message.encode_to_vec()].concat()
}

/// Texts joined as targets of several texts take them apart: by a zero byte.
pub fn joined(parts: &[&str]) -> Vec<u8> {
    parts.join("\0").into_bytes()
}

/// Takes apart what [`joined`] put together; parts that are not there are empty.
pub fn parts<const N: usize>(bytes: &[u8]) -> [String; N] {
    let mut parts = bytes.splitn(N, |byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}
