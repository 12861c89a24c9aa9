//! Any map and any CSV for `tacita replay`, and any list of contents: read, or refused with the file's name.
#![no_main]

use std::{path::PathBuf, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tacita_cli::fuzzing::{contents, replay};
use tacita_fuzz::{joined, parts, plant, scratch};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| scratch("replay"));

const SESSIONS: &str = "[channel]\ncolumn = \"a\"\nlabels = { \"1\" = \"search\" }\n[conversion]\ncolumn = \"b\"\nyes = [\"1\"]\nno = [\"0\"]\n\
                        [value]\ncolumn = \"c\"\nbuckets = [\"0..10\", \"10..\"]";
const CONTENTS: &str = "[content]\ncolumn = \"url\"\n[weight]\ncolumn = \"shares\"";

fn seeds() -> Vec<Vec<u8>> {
    vec![
        joined(&[SESSIONS, "a,b,c\n1,1,12.5\n2,0,\n"]),
        joined(&[CONTENTS, "url, shares\n/a, 3\n/b, 7\n"]),
        joined(&[include_str!("../../examples/online-shoppers.toml"), "Month,TrafficType,VisitorType,Revenue\n"]),
        joined(&["", "/a\n/b with a space\n/c"]),
    ]
}

fuzz_target!(init: plant("cli_replay", seeds()), |bytes: &[u8]| {
    let [map, csv] = parts(bytes);
    replay(&FOLDER, &map, &csv);
    contents(&FOLDER, &csv);
});
