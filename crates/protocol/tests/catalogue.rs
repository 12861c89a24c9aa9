//! Catalogues held against the vectors that all implementations share.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use serde::Deserialize;
use tacita_protocol::catalogue::{CatalogueRef, ContentCatalogue, Contents};

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    contents: Vec<String>,
    tail: u32,
    catalogue: String,
    digest: String,
    cells: usize,
    positions: Vec<Probe>,
}

#[derive(Deserialize)]
struct Probe {
    content: String,
    position: Option<usize>,
}

#[test]
fn bytes_digest_and_positions_are_those_of_the_vectors() {
    let vectors: Vectors = serde_json::from_str(include_str!("../../../spec/vectors/catalogue.json")).unwrap();
    for vector in vectors.vectors {
        let contents = Contents::new(vector.contents).unwrap();
        let named: CatalogueRef = contents.reference(vector.tail);
        assert_eq!(hex::encode(contents.catalogue().as_bytes()), vector.catalogue, "{}", vector.name);
        assert_eq!((named.digest.to_string(), named.cells()), (vector.digest, vector.cells), "{}", vector.name);
        for probe in vector.positions {
            let position = named.position(contents.catalogue(), &probe.content);
            assert_eq!(position, probe.position, "{}: {}", vector.name, probe.content);
        }
    }
}

proptest! {
    #[test]
    fn a_catalogue_survives_its_bytes(ids in proptest::collection::btree_set("[a-z/]{1,12}", 1..50), tail in 0_u32..9) {
        let ids: Vec<String> = ids.into_iter().collect();
        let contents = Contents::new(ids.clone()).unwrap();
        let named = contents.reference(tail);
        let read = named.read(contents.catalogue().as_bytes().to_vec()).unwrap();
        for (place, id) in ids.iter().enumerate() {
            prop_assert_eq!(named.position(&read, id), Some(place));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, content: String) {
        if let Ok(catalogue) = ContentCatalogue::from_bytes(bytes) {
            let named = CatalogueRef { digest: catalogue.digest(), contents: catalogue.len() as u32, tail: 3 };
            prop_assert!(named.position(&catalogue, &content).is_none_or(|position| position < named.cells()));
        }
    }
}
