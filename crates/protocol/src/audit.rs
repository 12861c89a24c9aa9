//! The audit log's hash chain: the head after each entry, and the walk that finds where a log was altered (`spec/audit.md`).

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Separates these hashes from all others.
const DOMAIN: &[u8] = b"tacita/audit/v1";

/// A SHA-256 digest, hexadecimal in text: of an entry, or the head of the chain, which stands for a log up to its length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Head(#[serde(with = "hex::serde")] pub [u8; 32]);

impl Head {
    /// The head of an empty log.
    pub const START: Self = Self([0; 32]);

    /// The digest of an entry's public bytes.
    pub fn of_entry(public: &[u8]) -> Self {
        Self(Sha256::digest(public).into())
    }

    /// The head once the entry with this digest is appended.
    #[must_use]
    pub fn after(&self, entry: &Self) -> Self {
        Self(Sha256::new().chain_update(DOMAIN).chain_update(self.0).chain_update(entry.0).finalize().into())
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({self})")
    }
}

impl std::str::FromStr for Head {
    type Err = InvalidHead;

    fn from_str(text: &str) -> Result<Self, InvalidHead> {
        let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(InvalidHead)
    }
}

/// No head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a head has 64 hexadecimal digits: `tacita audit verify` prints it")]
pub struct InvalidHead;

/// Where an entry says that it stands, and after what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Entries of version 1 do not say.
    Unsaid,
    /// Entries from version 2 on.
    After {
        /// Its number, from 0.
        index: u64,
        /// The head of all entries before it.
        previous: Head,
    },
    /// A version that this program does not know wrote it.
    Unknown {
        /// That version.
        version: u32,
    },
    /// It does not read as an entry.
    Unreadable,
}

/// What the chain needs of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Of its public bytes.
    pub digest: Head,
    /// What it says.
    pub place: Place,
}

impl Link {
    /// Reads an entry's public bytes: one JSON object.
    pub fn read(public: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Said {
            version: u32,
            index: Option<u64>,
            previous: Option<Head>,
        }
        let place = match serde_json::from_slice(public) {
            Ok(Said { version: 1, .. }) => Place::Unsaid,
            Ok(Said { version: 2, index: Some(index), previous: Some(previous) }) => Place::After { index, previous },
            Ok(Said { version, .. }) if version != 2 => Place::Unknown { version },
            _ => Place::Unreadable,
        };
        Self { digest: Head::of_entry(public), place }
    }
}

/// The first entry that is not as it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Broken {
    /// It does not read.
    #[error("entry {0} is altered: it does not read as an entry")]
    Unreadable(u64),
    /// A newer program wrote it, or somebody altered it.
    #[error("entry {index} has version {version}: a newer Tacita wrote it, which verifies it, or it is altered")]
    Unknown {
        /// Its number.
        index: u64,
        /// Its version.
        version: u32,
    },
    /// Another entry stands in its place.
    #[error("entry {index} is missing or moved: entry {found} stands in its place")]
    Displaced {
        /// Its number.
        index: u64,
        /// The number of the one that stands there.
        found: u64,
    },
    /// It has no place, and one before it has.
    #[error("entry {0} is altered: it does not say where it stands, and those before it do")]
    Unplaced(u64),
    /// The entry after it was written after another one.
    #[error("entry {0} is altered: the one after it was written after another")]
    Altered(u64),
    /// One of the entries of version 1, which only the first after them holds.
    #[error("one of the first {0} entries is altered, those of version 1: the one after them was written after others")]
    AlteredEarly(u64),
}

/// Walks a log from its first entry: the head after each one, or the first that is broken.
///
/// An altered last entry shows only against a head that was noted before, since nothing was written after it.
pub fn walk(links: &[Link]) -> Result<Vec<Head>, Broken> {
    let mut heads = Vec::with_capacity(links.len());
    let mut head = Head::START;
    // How many at the beginning do not say where they stand.
    let mut early = 0;
    for (index, link) in (0..).zip(links) {
        match link.place {
            Place::Unreadable => return Err(Broken::Unreadable(index)),
            Place::Unknown { version } => return Err(Broken::Unknown { index, version }),
            Place::Unsaid if early < index => return Err(Broken::Unplaced(index)),
            Place::Unsaid => early += 1,
            Place::After { index: found, .. } if found != index => return Err(Broken::Displaced { index, found }),
            Place::After { previous, .. } if previous != head => return Err(altered(links, index, early, previous)),
            Place::After { .. } => {}
        }
        head = head.after(&link.digest);
        heads.push(head);
    }
    Ok(heads)
}

/// Entry `index` names another past than the log has. Either that past is altered or the entry is: the entry after it knows.
fn altered(links: &[Link], index: u64, early: u64, claimed: Head) -> Broken {
    let next = usize::try_from(index).ok().and_then(|index| links.get(index..)?.get(..2));
    let is_itself_altered = matches!(
        next, Some([this, Link { place: Place::After { previous, .. }, .. }]) if *previous != claimed.after(&this.digest)
    );
    match index.checked_sub(1) {
        _ if is_itself_altered => Broken::Altered(index),
        None => Broken::Altered(index),
        Some(_) if early == index => Broken::AlteredEarly(early),
        Some(before) => Broken::Altered(before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(index: u64, previous: Head, text: &str) -> Link {
        let digest = Head::of_entry(format!("{index}{previous}{text}").as_bytes());
        Link { digest, place: Place::After { index, previous } }
    }

    /// Two entries of version 1, then five that say where they stand.
    fn log() -> Vec<Link> {
        let early = |text: &str| Link { digest: Head::of_entry(text.as_bytes()), place: Place::Unsaid };
        let mut links = vec![early("one"), early("two")];
        for index in 2..7 {
            let previous = *walk(&links).unwrap().last().unwrap();
            links.push(link(index, previous, "text"));
        }
        links
    }

    #[test]
    fn an_untouched_log_has_a_head_for_each_length() {
        let heads = walk(&log()).unwrap();
        assert_eq!(heads.len(), 7);
        assert_eq!(walk(&log()[..4]).unwrap(), heads[..4], "an earlier head stays good");
        assert_eq!(walk(&[]), Ok(vec![]));
        let shown = heads[0].to_string();
        assert_eq!(shown.parse(), Ok(heads[0]));
        assert_eq!("ab".parse::<Head>(), Err(InvalidHead));
    }

    #[test]
    fn whatever_is_done_to_an_entry_it_is_named() {
        let broken = |change: &dyn Fn(&mut Vec<Link>)| {
            let mut links = log();
            change(&mut links);
            walk(&links).unwrap_err()
        };
        for index in 2..6 {
            let place = index as usize;
            assert_eq!(broken(&|links| links[place].digest.0[0] ^= 1), Broken::Altered(index));
            assert_eq!(broken(&|links| links[place].place = Place::Unreadable), Broken::Unreadable(index));
            assert_eq!(broken(&|links| _ = links.remove(place)), Broken::Displaced { index, found: index + 1 });
            assert_eq!(broken(&|links| links.swap(place, 6)), Broken::Displaced { index, found: 6 });
            assert_eq!(
                broken(&|links| links.insert(place, links[6])),
                Broken::Displaced { index, found: 6 },
                "a copy of a later one"
            );
        }
        assert_eq!(broken(&|links| links[4].place = Place::Unsaid), Broken::Unplaced(4));
        assert_eq!(broken(&|links| links[0].digest.0[0] ^= 1), Broken::AlteredEarly(2));
        assert_eq!(broken(&|links| _ = links.remove(0)), Broken::Displaced { index: 1, found: 2 });
    }

    #[test]
    fn an_entry_that_names_another_past_is_told_from_an_altered_past() {
        let mut links = log();
        let Place::After { previous, .. } = &mut links[4].place else { panic!() };
        previous.0[0] ^= 1;
        links[4].digest.0[0] ^= 1;
        assert_eq!(walk(&links), Err(Broken::Altered(4)));
    }

    #[test]
    fn an_entry_says_where_it_stands_from_version_2_on() {
        let place = |text: &str| Link::read(text.as_bytes()).place;
        let previous = Head([0xab; 32]);
        let said = format!(r#"{{"version":2,"index":7,"previous":"{previous}","change":"anything"}}"#);
        assert_eq!(place(&said), Place::After { index: 7, previous });
        assert_eq!(place(r#"{"version":1,"at":0,"change":{}}"#), Place::Unsaid);
        let newer = said.replace("\"version\":2", "\"version\":3");
        assert_eq!(place(&newer), Place::Unknown { version: 3 });
        assert_eq!(walk(&[Link::read(newer.as_bytes())]), Err(Broken::Unknown { index: 0, version: 3 }));
        for bad in ["", "{", "[]", r#"{"version":2,"index":7}"#, r#"{"version":2,"index":7,"previous":"ab"}"#] {
            assert_eq!(place(bad), Place::Unreadable, "{bad}");
        }
    }

    #[test]
    fn an_altered_last_entry_shows_in_the_head_alone() {
        let mut links = log();
        let noted = *walk(&links).unwrap().last().unwrap();
        links[6].digest.0[0] ^= 1;
        assert!(!walk(&links).unwrap().contains(&noted));
    }
}
