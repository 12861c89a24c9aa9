//! An entry of the log: a change, who made it and when, and its link to all entries before it (`spec/audit.md`).
//!
//! As bytes it is a public part, one JSON object, and for some kinds a private part after a line feed. Only the public
//! part is hashed and shown to auditors; it names the private one by its digest.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tacita_protocol::{audit::Head, time::UnixTime};

use super::{Change, LogFault, Principal};

/// The version of the entries that this program writes, and the newest it reads. Those of version 1 are not chained.
const VERSION: u32 = 2;

/// What only a brand and the operator know: by kind, the field that is kept in the private part. What a brand declares are its
/// numbers, and addresses that may hold secrets; a surge is an estimate of its campaign.
const PRIVATE: [(&str, &str); 4] = [
    ("campaign-declared", "declaration"),
    ("declaration-made", "declaration"),
    ("contents-listed", "ids"),
    ("surge-found", "surge"),
];

/// The public part's word for the digest of the private one.
const DIGEST: &str = "private";

/// Who made a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum By {
    /// A collector by itself: at its start, or because the clock said so.
    Collector,
    /// Who showed an API key.
    ApiKey { number: u32, principal: Principal },
}

/// One entry.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry {
    /// Its place in the log, from 0.
    pub(crate) index: u64,
    /// When it was done. For the audit; nothing is decided by it, but how far numbers go on after a store was restored.
    pub(crate) at: UnixTime,
    pub(crate) by: By,
    /// The head of all entries before it.
    pub(crate) previous: Head,
    pub(crate) change: Change,
}

#[derive(Serialize, Deserialize)]
struct Public {
    version: u32,
    index: u64,
    at: UnixTime,
    by: By,
    previous: Head,
    change: Value,
}

impl Entry {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let &Self { index, at, by, previous, .. } = self;
        let mut change = plain(serde_json::to_value(&self.change));
        let private = take_private(&mut change, rand::random());
        let mut bytes = plain(serde_json::to_vec(&Public { version: VERSION, index, at, by, previous, change }));
        if let Some(private) = private {
            bytes.push(b'\n');
            bytes.extend(private);
        }
        bytes
    }

    /// The change of the entry at `index` and when it was made, whatever version it has.
    pub(crate) fn decode(index: u64, bytes: &[u8]) -> Result<(UnixTime, Change), LogFault> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        #[derive(Deserialize)]
        struct Dated {
            at: UnixTime,
            change: Change,
        }
        let (public, private) = parts(bytes);
        let Version { version } = parse(index, public)?;
        match version {
            1 => parse(index, public).map(|Dated { at, change }| (at, change)),
            VERSION => {
                let Public { at, mut change, .. } = parse(index, public)?;
                put_private(&mut change, private).map_err(|cause| malformed(index, cause))?;
                let change = serde_json::from_value(change).map_err(|cause| malformed(index, cause))?;
                Ok((at, change))
            }
            version => Err(LogFault::Version { index, version }),
        }
    }
}

/// The public bytes of an entry, and the private ones.
pub(crate) fn parts(entry: &[u8]) -> (&[u8], Option<&[u8]>) {
    match entry.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&entry[..end], Some(&entry[end + 1..])),
        None => (entry, None),
    }
}

/// Whether an entry is of version 1 and holds what later ones keep in a private part.
pub(crate) fn is_withheld(public: &[u8]) -> bool {
    let Ok(entry) = serde_json::from_slice::<Value>(public) else { return false };
    entry["version"] == 1 && PRIVATE.iter().any(|(kind, _)| entry["change"].get(kind).is_some())
}

/// Whether the private part is the one that the public part names, or there is none and none is named.
pub(crate) fn is_whole(public: &[u8], private: Option<&[u8]>) -> bool {
    let Ok(mut entry) = serde_json::from_slice::<Value>(public) else { return true };
    entry.get_mut("change").is_none_or(|change| put_private(change, private).is_ok())
}

/// Moves what is private out of a change, and leaves its digest. The salt keeps short contents from being guessed by it.
fn take_private(change: &mut Value, salt: [u8; 16]) -> Option<Vec<u8>> {
    let (fields, field) = private_field(change)?;
    let content = fields.remove(field)?;
    let private = plain(serde_json::to_vec(&json!({ "salt": hex::encode(salt), field: content })));
    fields.insert(DIGEST.into(), hex::encode(Sha256::digest(&private)).into());
    Some(private)
}

/// Puts it back.
fn put_private(change: &mut Value, private: Option<&[u8]>) -> Result<(), &'static str> {
    let Some((fields, field)) = private_field(change) else {
        return if private.is_none() { Ok(()) } else { Err("it has a private part and names none") };
    };
    let (Some(digest), Some(private)) = (fields.remove(DIGEST), private) else {
        return if private.is_none() && fields.contains_key(field) {
            Ok(())
        } else {
            Err("its private part is missing")
        };
    };
    if digest != hex::encode(Sha256::digest(private)) {
        return Err("its private part is not the one that it names");
    }
    let content =
        serde_json::from_slice::<Value>(private).ok().and_then(|mut private| Some(private.get_mut(field)?.take()));
    fields.insert(field.into(), content.ok_or("its private part does not read")?);
    Ok(())
}

type Fields = serde_json::Map<String, Value>;

fn private_field(change: &mut Value) -> Option<(&mut Fields, &'static str)> {
    let (kind, field) = PRIVATE.into_iter().find(|(kind, _)| change.get(kind).is_some())?;
    Some((change.get_mut(kind)?.as_object_mut()?, field))
}

fn parse<T: DeserializeOwned>(index: u64, bytes: &[u8]) -> Result<T, LogFault> {
    serde_json::from_slice(bytes).map_err(|cause| malformed(index, cause))
}

fn malformed(index: u64, cause: impl ToString) -> LogFault {
    LogFault::Malformed { index, cause: cause.to_string() }
}

fn plain<T>(encoded: serde_json::Result<T>) -> T {
    // Unwrap safety: a change holds no map with keys other than text and no number that JSON lacks.
    encoded.expect("a change is plain data")
}

#[cfg(test)]
mod tests {
    use tacita_protocol::{audit::Link, epoch::EpochId, id::CampaignId};

    use super::*;
    use crate::catalogue::Declaration;

    fn entry(change: Change) -> Entry {
        let principal = Principal::Operator;
        Entry { index: 3, at: UnixTime(9), by: By::ApiKey { number: 1, principal }, previous: Head([7; 32]), change }
    }

    fn declared() -> Change {
        let declaration = Declaration { market: "a market of ours".into(), ..Declaration::default() };
        Change::DeclarationMade { campaign: CampaignId(1), day: 20_000, declaration: Box::new(declaration) }
    }

    #[test]
    fn an_entry_survives_the_log_and_says_where_it_stands() {
        for change in [Change::EpochDestroyed { epoch: EpochId(3) }, declared()] {
            let bytes = entry(change.clone()).encode();
            assert_eq!(Entry::decode(3, &bytes).unwrap(), (UnixTime(9), change));
            let (public, private) = parts(&bytes);
            assert!(is_whole(public, private) && !is_withheld(public));
            let said = tacita_protocol::audit::Place::After { index: 3, previous: Head([7; 32]) };
            assert_eq!(Link::read(public).place, said);
        }
    }

    #[test]
    fn what_a_brand_declares_is_in_the_private_part_alone() {
        let bytes = entry(declared()).encode();
        let (public, private) = parts(&bytes);
        assert!(!String::from_utf8_lossy(public).contains("market"));
        assert!(String::from_utf8_lossy(private.unwrap()).contains("a market of ours"));
        assert_ne!(entry(declared()).encode(), bytes, "the salt is fresh");
        assert!(!is_whole(public, None));
        assert!(!is_whole(public, Some(b"{}")));
        assert!(matches!(Entry::decode(3, public), Err(LogFault::Malformed { index: 3, .. })));
    }

    #[test]
    fn entries_of_version_1_are_read_on() {
        let bytes = br#"{"version":1,"at":5,"change":{"epoch-destroyed":{"epoch":3}}}"#;
        let destroyed = Change::EpochDestroyed { epoch: EpochId(3) };
        assert_eq!(Entry::decode(0, bytes).unwrap(), (UnixTime(5), destroyed));
        assert!(!is_withheld(bytes));
        let declared = br#"{"version":1,"at":5,"change":{"campaign-declared":{"campaign":1,"declaration":{}}}}"#;
        assert!(is_withheld(declared));
        assert!(is_whole(declared, None));
    }

    #[test]
    fn nonsense_and_a_newer_version_are_told_apart() {
        assert!(matches!(Entry::decode(4, b"{"), Err(LogFault::Malformed { index: 4, .. })));
        let newer = br#"{"version": 3, "at": 0, "change": "something-new"}"#;
        assert!(matches!(Entry::decode(4, newer), Err(LogFault::Version { index: 4, version: 3 })));
    }
}
