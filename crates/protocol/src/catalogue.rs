//! Catalogues: the contents that a measure tells apart, when they are too many to list in a manifest (`spec/measures.md`).
//!
//! Who creates a measure lists [`Contents`] by their ids. What travels is its [`ContentCatalogue`], eight bytes for each, and a
//! manifest names that by a [`CatalogueRef`]: digest and sizes. Anyone who knows an id finds its place; the ids themselves
//! stay with the collector, which labels its reports with them.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tacita_proto::v1;

use crate::excerpt;

/// What precedes a content's id in its hash.
const CONTENT_DOMAIN: &[u8] = b"tacita/content/v1";

/// Bytes of a content in a catalogue.
const ENTRY_LEN: usize = 8;

/// What a content's id says of itself: its entry in a catalogue, and its place in the tail.
struct ContentHash([u8; 32]);

impl ContentHash {
    fn of(content: &str) -> Self {
        Self(Sha256::new().chain_update(CONTENT_DOMAIN).chain_update(content).finalize().into())
    }

    fn entry(&self) -> u64 {
        let [b0, b1, b2, b3, b4, b5, b6, b7, ..] = self.0;
        u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7])
    }

    /// Of the bytes after the entry, so that the two are independent. `cells` is at least 1.
    fn tail_cell(&self, cells: u32) -> u32 {
        let [_, _, _, _, _, _, _, _, b0, b1, b2, b3, ..] = self.0;
        u32::from_be_bytes([b0, b1, b2, b3]) % cells
    }
}

/// SHA-256 of a catalogue's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CatalogueDigest(#[serde(with = "hex::serde")] pub [u8; 32]);

impl CatalogueDigest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for CatalogueDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for CatalogueDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The bytes are no [`CatalogueDigest`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a catalogue's digest has 32 bytes, not {0}")]
pub struct InvalidDigest(usize);

impl TryFrom<&[u8]> for CatalogueDigest {
    type Error = InvalidDigest;

    fn try_from(bytes: &[u8]) -> Result<Self, InvalidDigest> {
        bytes.try_into().map(Self).map_err(|_| InvalidDigest(bytes.len()))
    }
}

/// How a manifest names a catalogue, and how many cells it makes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct CatalogueRef {
    /// Of the catalogue's bytes.
    pub digest: CatalogueDigest,
    /// How many contents it lists.
    pub contents: u32,
    /// Cells for contents that it does not list, by hash.
    pub tail: u32,
}

impl CatalogueRef {
    /// The number of cells: contents, then the tail.
    pub fn cells(&self) -> usize {
        self.contents as usize + self.tail as usize
    }

    /// The position of a content: its own, or in the tail, or that of `other`; none where there is neither.
    ///
    /// A content that nobody named, which is `other`, never falls in the tail: it would pass for one content there. No content
    /// has a position in a catalogue that is not the one named.
    pub fn position(&self, catalogue: &ContentCatalogue, content: &str) -> Option<usize> {
        if catalogue.digest != self.digest || catalogue.len() != self.contents as usize {
            return None;
        }
        let hash = ContentHash::of(content);
        let listed = catalogue.find(hash.entry());
        let unlisted = || match self.tail {
            tail if tail > 0 && content != OTHER => Some(self.contents as usize + hash.tail_cell(tail) as usize),
            _ => catalogue.find(ContentHash::of(OTHER).entry()),
        };
        listed.or_else(unlisted)
    }

    /// Reads a catalogue that somebody served under this reference.
    ///
    /// # Errors
    /// [`InvalidCatalogue`] for bytes that are not the ones named.
    pub fn read(&self, bytes: Vec<u8>) -> Result<ContentCatalogue, InvalidCatalogue> {
        if CatalogueDigest::of(&bytes) != self.digest {
            return Err(InvalidCatalogue::Digest);
        }
        let catalogue = ContentCatalogue::from_bytes(bytes)?;
        match catalogue.len() == self.contents as usize {
            true => Ok(catalogue),
            false => Err(InvalidCatalogue::Length),
        }
    }
}

/// The label for what is not listed.
const OTHER: &str = super::domain::Dimension::OTHER;

/// A catalogue as it travels, ready to find a content in.
#[derive(Clone, PartialEq, Eq)]
pub struct ContentCatalogue {
    bytes: Vec<u8>,
    digest: CatalogueDigest,
    /// By rising entry, each with its position.
    sorted: Vec<(u64, u32)>,
}

/// The bytes are no catalogue, or not the one that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidCatalogue {
    /// They are not those that the manifest names.
    #[error("the catalogue is not the one that the manifest names: its digest differs")]
    Digest,
    /// Not 8 bytes for each content.
    #[error("the catalogue does not hold 8 bytes for each of the contents that the manifest counts")]
    Length,
    /// An entry stands twice.
    #[error("the catalogue lists a content twice")]
    Duplicate,
}

impl ContentCatalogue {
    /// Reads a catalogue's bytes.
    ///
    /// # Errors
    /// [`InvalidCatalogue::Length`], [`InvalidCatalogue::Duplicate`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, InvalidCatalogue> {
        let (entries, rest) = bytes.as_chunks::<ENTRY_LEN>();
        if !rest.is_empty() || u32::try_from(entries.len()).is_err() {
            return Err(InvalidCatalogue::Length);
        }
        let mut sorted: Vec<(u64, u32)> = entries.iter().map(|&entry| u64::from_be_bytes(entry)).zip(0..).collect();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(InvalidCatalogue::Duplicate);
        }
        let digest = CatalogueDigest::of(&bytes);
        Ok(Self { bytes, digest, sorted })
    }

    /// The bytes as they travel.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What a manifest names it by.
    pub fn digest(&self) -> CatalogueDigest {
        self.digest
    }

    /// How many contents it lists.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether it lists none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    fn find(&self, entry: u64) -> Option<usize> {
        let found = self.sorted.binary_search_by_key(&entry, |&(entry, _)| entry).ok()?;
        Some(self.sorted[found].1 as usize)
    }
}

impl fmt::Debug for ContentCatalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentCatalogue({} contents, {})", self.len(), self.digest)
    }
}

/// Contents by their ids, in order: what a catalogue is made from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contents {
    ids: Vec<String>,
    catalogue: ContentCatalogue,
}

/// The ids make no catalogue. Places count from 0.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidContents {
    /// There is none.
    #[error("name at least one content")]
    Empty,
    /// An id is empty, too long, or holds a control character.
    #[error("'{id}' must have 1 to {max} bytes and no control characters", max = Contents::MAX_ID)]
    Id {
        /// Where it stands.
        place: usize,
        /// Its beginning.
        id: String,
    },
    /// An id stands twice.
    #[error("'{id}' stands twice: list each content once")]
    Duplicate {
        /// Where it stands the second time.
        place: usize,
        /// The id.
        id: String,
    },
}

impl InvalidContents {
    /// The place of the id that is at fault.
    pub fn place(&self) -> Option<usize> {
        match self {
            Self::Empty => None,
            Self::Id { place, .. } | Self::Duplicate { place, .. } => Some(*place),
        }
    }
}

impl Contents {
    /// The most bytes of an id. Only the collector keeps ids, so a web address may be one.
    pub const MAX_ID: usize = 256;

    /// The contents with these ids.
    ///
    /// # Errors
    /// [`InvalidContents`] names the first id that is at fault. Two ids of one entry count as one id: among 100,000 that is an
    /// accident of one in three billion.
    pub fn new(ids: Vec<String>) -> Result<Self, InvalidContents> {
        if ids.is_empty() {
            return Err(InvalidContents::Empty);
        }
        let unfit = |id: &String| id.is_empty() || id.len() > Self::MAX_ID || id.contains(char::is_control);
        if let Some(place) = ids.iter().position(unfit) {
            return Err(InvalidContents::Id { place, id: excerpt(&ids[place]) });
        }
        let bytes = ids.iter().flat_map(|id| ContentHash::of(id).entry().to_be_bytes()).collect();
        match ContentCatalogue::from_bytes(bytes) {
            Ok(catalogue) => Ok(Self { ids, catalogue }),
            Err(_) => Err(Self::duplicate(&ids)),
        }
    }

    fn duplicate(ids: &[String]) -> InvalidContents {
        let mut known = std::collections::HashSet::new();
        let place = ids.iter().position(|id| !known.insert(ContentHash::of(id).entry())).unwrap_or(0);
        InvalidContents::Duplicate { place, id: excerpt(&ids[place]) }
    }

    /// The ids in order.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// What travels of them.
    pub fn catalogue(&self) -> &ContentCatalogue {
        &self.catalogue
    }

    /// How a measure with `tail` tail cells names them.
    pub fn reference(&self, tail: u32) -> CatalogueRef {
        // As many as fit in a u32: `ContentCatalogue::from_bytes` takes no more.
        CatalogueRef { digest: self.catalogue.digest, contents: self.ids.len() as u32, tail }
    }

    /// What a report calls a position: the content's id, or `tail-N`, from 0.
    pub fn label(&self, position: usize) -> Cow<'_, str> {
        match self.ids.get(position) {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(format!("tail-{}", position - self.ids.len())),
        }
    }
}

impl From<&CatalogueRef> for v1::CatalogueRef {
    fn from(named: &CatalogueRef) -> Self {
        Self { digest: named.digest.0.to_vec(), contents: named.contents, tail: named.tail }
    }
}

impl TryFrom<&v1::CatalogueRef> for CatalogueRef {
    type Error = InvalidDigest;

    fn try_from(wire: &v1::CatalogueRef) -> Result<Self, InvalidDigest> {
        Ok(Self { digest: wire.digest.as_slice().try_into()?, contents: wire.contents, tail: wire.tail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(ids: &[&str]) -> Result<Contents, InvalidContents> {
        Contents::new(ids.iter().map(|&id| id.to_owned()).collect())
    }

    #[test]
    fn a_listed_content_has_its_place_and_another_a_tail_cell() {
        let three = contents(&["/a", "/b", "/c"]).unwrap();
        let named = three.reference(5);
        let position = |content: &str| named.position(three.catalogue(), content);
        assert_eq!(["/a", "/b", "/c"].map(position), [Some(0), Some(1), Some(2)]);
        for content in (0..100).map(|number| format!("/unlisted/{number}")) {
            assert!((3..8).contains(&position(&content).unwrap()), "{content}");
        }
        assert_eq!(position("other"), None);
        assert_eq!((three.label(1), three.label(4)), ("/b".into(), "tail-1".into()));
    }

    #[test]
    fn the_tail_is_spread_evenly() {
        let one = contents(&["/a"]).unwrap();
        let named = one.reference(10);
        let mut counts = [0_u32; 11];
        (0..10_000).for_each(|n| counts[named.position(one.catalogue(), &format!("/{n}")).unwrap()] += 1);
        // 1,000 ± 30 each.
        assert!(counts[0] == 0 && counts[1..].iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    #[test]
    fn without_a_tail_what_is_not_listed_is_other_or_else_nothing() {
        let without = contents(&["/a"]).unwrap();
        assert_eq!(without.reference(0).position(without.catalogue(), "/z"), None);
        let with = contents(&["/a", "other"]).unwrap();
        assert_eq!(with.reference(0).position(with.catalogue(), "/z"), Some(1));
        assert_eq!(with.reference(4).position(with.catalogue(), "other"), Some(1));
    }

    #[test]
    fn what_makes_no_catalogue_is_refused_with_its_place() {
        assert_eq!(contents(&[]), Err(InvalidContents::Empty));
        assert_eq!(contents(&["/a", ""]).unwrap_err().place(), Some(1));
        assert_eq!(contents(&["/a", "b\n"]).unwrap_err().place(), Some(1));
        assert_eq!(contents(&[&"x".repeat(257)]).unwrap_err().place(), Some(0));
        assert_eq!(contents(&["/a", "/b", "/a"]), Err(InvalidContents::Duplicate { place: 2, id: "/a".into() }));
    }

    #[test]
    fn only_the_bytes_that_a_manifest_names_are_read() {
        let two = contents(&["/a", "/b"]).unwrap();
        let (named, bytes) = (two.reference(0), two.catalogue().as_bytes().to_vec());
        assert_eq!(named.read(bytes.clone()).as_ref(), Ok(two.catalogue()));
        let mut changed = bytes.clone();
        changed[3] ^= 1;
        assert_eq!(named.read(changed), Err(InvalidCatalogue::Digest));
        let more = CatalogueRef { contents: 1, ..named };
        assert_eq!(more.position(two.catalogue(), "/b"), None);
        assert_eq!(more.read(bytes.clone()), Err(InvalidCatalogue::Length));
        assert_eq!(ContentCatalogue::from_bytes(bytes[..9].to_vec()), Err(InvalidCatalogue::Length));
        let twice = [&bytes[..8], &bytes[..8]].concat();
        assert_eq!(ContentCatalogue::from_bytes(twice), Err(InvalidCatalogue::Duplicate));
    }
}
