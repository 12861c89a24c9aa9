//! That no test is forgotten where the files of a folder are the modules of one program.

use std::fs;

/// Fails where a file of `folder` is neither a module of the program with this `source` nor, by the crate's `manifest`,
/// a program itself.
pub(crate) fn assert_all_run(folder: &str, source: &str, manifest: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(test) = name.strip_suffix(".rs") else { continue };
        let is_run = source.contains(&format!("\nmod {test};\n"))
            || manifest.contains(&format!("\n[[test]]\nname = \"{test}\"\n"));
        assert!(
            is_run,
            "{folder}/{name} is neither a module of the program there nor a [[test]] of the crate's manifest"
        );
    }
}
