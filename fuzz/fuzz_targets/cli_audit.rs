//! Any bytes as an exported audit log: a chain with a head for each entry, or the place where it is none.
#![no_main]

use std::{path::PathBuf, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tacita_cli::fuzzing::audit_export;
use tacita_fuzz::{plant, scratch};
use tacita_protocol::audit::Head;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| scratch("audit"));

fn seeds() -> Vec<String> {
    let entry = |index: usize, previous: Head| {
        format!(
            r#"{{"version":2,"at":1795348800,"by":{{"api-key":{{"number":4,"principal":{{"brand":2}}}}}},"index":{index},"previous":"{previous}","change":{{"brand-created":{{"name":"acme"}}}}}}"#
        )
    };
    let first = entry(0, Head::START);
    let second = entry(1, Head::START.after(&Head::of_entry(first.as_bytes())));
    let withheld = Head([7; 32]);
    vec![
        format!("{{\"index\":0,\"entry\":{first}}}\n{{\"index\":1,\"entry\":{second}}}\n"),
        format!("{{\"index\":0,\"withheld\":\"{withheld}\"}}\n{{\"index\":1,\"entry\":{second}}}\n"),
        format!("{first}\n{second}\n"),
    ]
}

fuzz_target!(init: plant("cli_audit", seeds()), |bytes: &[u8]| audit_export(&FOLDER, bytes));
