//! How far a publisher's record was seen: its last head, kept beside the receipts. The next one must go on from it.

use std::{fs, io, path::Path};

use tacita_protocol::{
    id::PublisherId,
    record::{PeriodId, RecordChain, RecordEntry, RecordError, RecordHead},
};

use super::folder_in;
use crate::manifest::replace_file;

/// A record is not the one that was signed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Broken {
    /// An entry does not follow on the one before.
    #[error(transparent)]
    Order(#[from] RecordError),
    /// What was seen before is not in it any more.
    #[error(
        "the record was REWRITTEN: its periods before {periods} are not those that the collector had signed when it was verified last"
    )]
    Rewritten {
        /// How many periods were closed then.
        periods: PeriodId,
    },
    /// Periods that were closed are not.
    #[error("the record was CUT: {now} periods are closed, and {before} were when it was verified last")]
    Cut {
        /// How many are.
        now: PeriodId,
        /// How many were.
        before: PeriodId,
    },
    /// The entries do not lead to the head.
    #[error("the record's entries are not those that the collector has signed")]
    NotSigned,
}

/// Checks that the entries of a whole record lead to its head, by way of the head that was seen before.
///
/// # Errors
/// [`Broken`] says which of the two they do not.
pub fn verify(entries: &[RecordEntry], head: &RecordHead, seen: Option<&RecordHead>) -> Result<(), Broken> {
    if let Some(seen) = seen.filter(|seen| seen.periods > head.periods) {
        return Err(Broken::Cut { now: head.periods, before: seen.periods });
    }
    let mut chain = RecordChain::of(head.publisher);
    let mut entries = entries.iter().peekable();
    if let Some(seen) = seen {
        while let Some(entry) = entries.next_if(|entry| entry.period < seen.periods) {
            chain.extend(entry)?;
        }
        if chain.head(seen.periods) != *seen {
            return Err(Broken::Rewritten { periods: seen.periods });
        }
    }
    entries.try_for_each(|entry| chain.extend(entry))?;
    // An entry of a period that is not closed leads nowhere.
    let leads_there = chain.next() <= head.periods && chain.head(head.periods) == *head;
    if leads_there { Ok(()) } else { Err(Broken::NotSigned) }
}

/// The head that was seen last, if one was.
///
/// # Errors
/// The file cannot be read, or was changed by hand.
pub fn read(data: &Path, publisher: PublisherId) -> io::Result<Option<RecordHead>> {
    let path = folder_in(data).join("head");
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let read = || {
        let (periods, hash) = text.trim_end().split_once(' ')?;
        let hash = <[u8; 32]>::try_from(hex::decode(hash).ok()?).ok()?;
        Some(RecordHead { publisher, periods: PeriodId(periods.parse().ok()?), hash })
    };
    let unreadable = || io::Error::other(format!("{} does not read; was it changed by hand?", path.display()));
    read().ok_or_else(unreadable).map(Some)
}

/// Remembers a head.
///
/// # Errors
/// The file cannot be written.
pub fn write(data: &Path, head: &RecordHead) -> io::Result<()> {
    let folder = folder_in(data);
    fs::create_dir_all(&folder)?;
    let text = format!("{} {}\n", head.periods, hex::encode(head.hash));
    replace_file(&folder.join("head"), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use tacita_protocol::{outcome::Outcome, time::UnixTime};

    use super::*;

    fn entry(period: u32, counted: u64) -> RecordEntry {
        let (period, closed_at) = (PeriodId(period), UnixTime(u64::from(period)));
        RecordEntry { period, closed_at, outcomes: vec![(Outcome::Counted, counted)] }
    }

    fn head(entries: &[RecordEntry], periods: u32) -> RecordHead {
        let mut chain = RecordChain::of(PublisherId(1));
        entries.iter().for_each(|entry| chain.extend(entry).unwrap());
        chain.head(PeriodId(periods))
    }

    #[test]
    fn a_record_must_go_on_from_the_head_that_was_seen() {
        let all = [entry(0, 5), entry(2, 3), entry(3, 1)];
        let now = head(&all, 5);
        for seen in [head(&all[..2], 3), head(&[], 0), head(&all, 4), now] {
            assert_eq!(verify(&all, &now, Some(&seen)), Ok(()));
        }
        assert_eq!(verify(&all, &now, None), Ok(()));
        assert_eq!(verify(&[], &head(&[], 2), Some(&head(&[], 1))), Ok(()));

        let other = [entry(0, 4), entry(2, 3), entry(3, 1)];
        let rewritten = verify(&other, &head(&other, 5), Some(&head(&all[..2], 3)));
        assert_eq!(rewritten, Err(Broken::Rewritten { periods: PeriodId(3) }));
        // An entry that was not there, in a period that was closed.
        let more = [entry(0, 5), entry(1, 1)];
        let rewritten = verify(&more, &head(&more, 5), Some(&head(&all[..1], 2)));
        assert_eq!(rewritten, Err(Broken::Rewritten { periods: PeriodId(2) }));
        let cut = verify(&all[..2], &head(&all[..2], 3), Some(&now));
        assert_eq!(cut, Err(Broken::Cut { now: PeriodId(3), before: PeriodId(5) }));
        assert_eq!(verify(&all[..2], &now, None), Err(Broken::NotSigned));
        assert_eq!(verify(&all, &head(&all, 3), None), Err(Broken::NotSigned));
        assert!(matches!(verify(&[entry(2, 3), entry(0, 5)], &now, None), Err(Broken::Order(_))));
    }

    #[test]
    fn a_head_is_remembered() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(read(data.path(), PublisherId(1)).unwrap(), None);
        let seen = head(&[entry(0, 5)], 7);
        write(data.path(), &seen).unwrap();
        assert_eq!(read(data.path(), PublisherId(1)).unwrap(), Some(seen));
        fs::write(data.path().join("receipts/head"), "7 abc").unwrap();
        assert!(read(data.path(), PublisherId(1)).unwrap_err().to_string().contains("changed by hand"));
    }
}
