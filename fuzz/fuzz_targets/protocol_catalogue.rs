//! Any bytes as a catalogue and any lines as a list of contents: refused, or every content stands where it was put, and
//! none elsewhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_fuzz::plant;
use tacita_protocol::catalogue::{CatalogueRef, ContentCatalogue, Contents};

fuzz_target!(init: plant("protocol_catalogue", ["\x03/a\n/b\n/c with a space\nother"]), |bytes: &[u8]| {
    let Some((tail, rest)) = bytes.split_first() else { return };
    let tail = u32::from(*tail);
    if let Ok(catalogue) = ContentCatalogue::from_bytes(rest.to_vec()) {
        assert_eq!(catalogue.as_bytes(), rest);
        let named = CatalogueRef { digest: catalogue.digest(), contents: catalogue.len() as u32, tail };
        assert_eq!(named.read(rest.to_vec()).as_ref(), Ok(&catalogue));
        assert!(named.position(&catalogue, "/a").is_none_or(|position| position < named.cells()));
    }
    let ids: Vec<String> = String::from_utf8_lossy(rest).lines().map(str::to_owned).collect();
    let Ok(contents) = Contents::new(ids.clone()) else { return };
    let named = contents.reference(tail);
    let read = named.read(contents.catalogue().as_bytes().to_vec()).expect("its own bytes");
    for (place, id) in ids.iter().enumerate() {
        assert_eq!(named.position(&read, id), Some(place));
        assert_eq!(contents.label(place), *id);
    }
});
