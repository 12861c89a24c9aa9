//! Lists of contents: a file with one id on each line.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, anyhow};
use tacita_protocol::catalogue::Contents;

/// Reads a list; an error names the file, the line and the remedy.
pub(crate) fn read(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let ids: Vec<String> = text.lines().map(str::to_owned).collect();
    check(path, ids, |place| place as u64 + 1)
}

/// Checks ids that stand in a file; `line_of` gives the line of each by its place.
pub(crate) fn check(path: &Path, ids: Vec<String>, line_of: impl Fn(usize) -> u64) -> Result<Vec<String>> {
    match Contents::new(ids.clone()) {
        Ok(_) => Ok(ids),
        Err(error) => Err(anyhow!("{}:{}: {error}", path.display(), error.place().map_or(1, line_of))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contents.txt");
        fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn each_line_is_a_content() {
        assert_eq!(read_text("/a\r\n/b with a space\n/c").unwrap(), ["/a", "/b with a space", "/c"]);
    }

    #[test]
    fn a_fault_names_its_line() {
        let long = format!("/a\n{}\n", "x".repeat(257));
        for (text, told) in [
            ("", "contents.txt:1: name at least one"),
            ("/a\n\n/b\n", "contents.txt:2: '' must have 1 to 256 bytes"),
            ("/a\n/b\n/a\n", "contents.txt:3: '/a' stands twice"),
            (&long, "contents.txt:2: "),
        ] {
            let error = read_text(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text:?}: {error}");
        }
    }
}
