//! `tacita keys`: rotation loses no token in flight's epoch, and `verify` names every difference between relays.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path};

use crate::support::{Deployment, path, tacita, tacita_ok};

const ARRIVALS: [&str; 5] = ["arrivals", "--event", "arrival", "--dimension", "channel=a,b,c"];

fn deployment(folder: &Path) -> Deployment {
    Deployment::start(folder, &[&ARRIVALS], None)
}

fn keys(deployment: &Deployment, word: &str) -> String {
    let (collector, key) = (deployment.collector.url(), path(&deployment.operator_key_file));
    tacita_ok(&["keys", word, "--collector", &collector, "--key-file", key])
}

#[test]
fn a_rotation_ends_the_active_epoch_and_starts_the_next_whose_key_was_public_before() {
    let folder = tempfile::tempdir().unwrap();
    let deployment = deployment(folder.path());
    let key_of = |listing: &str, epoch: &str| -> (String, String) {
        let row = listing.lines().find(|line| line.trim_start().starts_with(epoch)).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        (words[1].to_owned(), words.last().unwrap().to_string())
    };
    let before = keys(&deployment, "list");
    assert_eq!(key_of(&before, "1").0, "active");
    assert_eq!(key_of(&before, "2").0, "pending");

    assert!(keys(&deployment, "rotate").starts_with("epoch 2 is active"));

    let after = keys(&deployment, "list");
    assert_eq!(key_of(&after, "1").0, "grace");
    assert_eq!(key_of(&after, "2").0, "active");
    assert_eq!(key_of(&after, "2").1, key_of(&before, "2").1, "the key published ahead is the one in use");
}

#[test]
fn verify_finds_the_same_keys_at_honest_relays_and_names_what_a_split_view_differs_in() {
    let folder = tempfile::tempdir().unwrap();
    let honest = deployment(&fresh(folder.path(), "honest"));
    let source = |deployment: &Deployment| format!("1@{}", deployment.relay.url());
    let verify = |one: &str, other: &str| tacita(&["keys", "verify", one, other, "--signing-key", &honest.signing_key]);

    // The same relay twice stands for two relays of one honest collector: the same bytes for all.
    let agreed = verify(&source(&honest), &source(&honest));
    assert!(agreed.status.success(), "{}", String::from_utf8_lossy(&agreed.stderr));

    // A collector that shows another publisher another history of keys, signed with the same signing key.
    let split = fresh(folder.path(), "split");
    let vault = |folder: &Path| folder.join("collector/keys");
    fs::create_dir_all(vault(&split)).unwrap();
    fs::copy(vault(&folder.path().join("honest")).join("signing"), vault(&split).join("signing")).unwrap();
    let split = deployment(&split);
    assert_eq!(split.signing_key, honest.signing_key);

    let differing = verify(&source(&honest), &source(&split));
    let said = String::from_utf8(differing.stdout).unwrap();
    assert!(!differing.status.success());
    let expected = format!("epoch 1: {} says another public key than {}", source(&split), source(&honest));
    assert!(said.contains(&expected), "{said}");

    // A relay whose manifest is signed by a stranger is named, too.
    let stranger = deployment(&fresh(folder.path(), "stranger"));
    let refused = verify(&source(&honest), &source(&stranger));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains(&source(&stranger)) && said.contains("not by the pinned key"), "{said}");
}

fn fresh(folder: &Path, name: &str) -> std::path::PathBuf {
    let folder = folder.join(name);
    fs::create_dir(&folder).unwrap();
    folder
}
