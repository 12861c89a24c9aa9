//! A file of lines for each day (UTC), `receipts/2026-11-22.txt`: added to, never changed, removed when it is old enough.
//!
//! ```text
//! receipt STATEMENT SIGNATURE      in hexadecimal digits, as the collector signed it
//! unanswered DIGEST REPORTS        a batch was sent and its answer did not come
//! ```
//!
//! A line counts when its end is there: what a crash cut short is cut off before the next one is written. Any program
//! can read them, also while the relay is at work.

use std::{
    fmt, fs,
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ed25519_dalek::VerifyingKey;
use jiff::civil::Date;
use tacita_protocol::{
    id::PublisherId,
    receipt::{BatchDigest, Receipt, SignedReceipt},
    time::Clock,
};

use super::{Line, folder_in};
use crate::links::day_of;

/// The files' writer.
pub(super) struct Files {
    folder: PathBuf,
    kept_days: i64,
    clock: Arc<dyn Clock>,
    /// Today's, at its end.
    open: Option<(Date, File)>,
}

/// What a relay kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// What the collector answered, in order.
    pub receipts: Vec<Receipt>,
    /// What was sent and not answered, each time: the batch, and how many reports.
    pub unanswered: Vec<(BatchDigest, u64)>,
}

/// What a relay kept cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system does not let it.
    #[error("{}: {error}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// The cause.
        error: io::Error,
    },
    /// A line is not as it was written.
    #[error("{}:{line}: {problem}; was the file changed by hand, or is it another publisher's?", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

/// All that a relay with this data folder kept for `publisher`, each receipt verified once more. A relay at work may
/// use the folder.
///
/// # Errors
/// [`ReadError`] names the file and the line.
pub fn read(data: &Path, publisher: PublisherId, key: &VerifyingKey) -> Result<Kept, ReadError> {
    let folder = folder_in(data);
    let mut files = files(&folder).map_err(|error| ReadError::Io { path: folder, error })?;
    files.sort_unstable();
    let mut kept = Kept::default();
    for (_, path) in files {
        let text = fs::read_to_string(&path).map_err(|error| ReadError::Io { path: path.clone(), error })?;
        for (place, line) in whole(&text).lines().enumerate() {
            let wrong = |problem: String| ReadError::Line { path: path.clone(), line: place + 1, problem };
            match line.parse().map_err(wrong)? {
                Line::Receipt(signed) => {
                    let receipt = signed.verify(key).map_err(|error| wrong(error.to_string()))?;
                    if receipt.publisher != publisher {
                        return Err(wrong(format!("the receipt is publisher {}'s", receipt.publisher)));
                    }
                    kept.receipts.push(receipt);
                }
                Line::Unanswered(batch, reports) => kept.unanswered.push((batch, reports)),
            }
        }
    }
    Ok(kept)
}

/// The lines that have an end.
fn whole(text: &str) -> &str {
    &text[..text.rfind('\n').map_or(0, |end| end + 1)]
}

impl Files {
    pub(super) fn open(folder: PathBuf, kept_for: Duration, clock: Arc<dyn Clock>) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let kept_days = i64::try_from(kept_for.as_secs().div_ceil(86_400)).unwrap_or(i64::MAX);
        Ok(Self { folder, kept_days, clock, open: None })
    }

    /// Adds lines; durable on return. After an error none of them may be relied on.
    pub(super) fn append(&mut self, lines: &[Line]) -> io::Result<()> {
        let mut file = self.take_todays()?;
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        file.1.write_all(text.as_bytes())?;
        file.1.sync_data()?;
        self.open = Some(file);
        Ok(())
    }

    /// Today's file, to be put back when what was written is on the disk: otherwise its end is looked for anew.
    fn take_todays(&mut self) -> io::Result<(Date, File)> {
        let today = day_of(self.clock.now());
        if let Some(open) = self.open.take().filter(|(day, _)| *day == today) {
            return Ok(open);
        }
        self.forget_before(today)?;
        let path = self.folder.join(format!("{today}.txt"));
        let file = File::options().create(true).append(true).open(&path)?;
        file.set_len(whole(&fs::read_to_string(&path)?).len() as u64)?;
        File::open(&self.folder)?.sync_all()?;
        Ok((today, file))
    }

    fn forget_before(&self, today: Date) -> io::Result<()> {
        let age = |day: Date| today.since(day).map_or(0, |span| i64::from(span.get_days()));
        for (_, path) in files(&self.folder)?.into_iter().filter(|&(day, _)| age(day) > self.kept_days) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

/// The days' files in a folder, and their days.
fn files(folder: &Path) -> io::Result<Vec<(Date, PathBuf)>> {
    let of_day = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".txt")?;
        Some((name.parse().ok()?, path))
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?.collect::<io::Result<Vec<_>>>()?,
    };
    Ok(entries.into_iter().filter_map(|entry| of_day(entry.path())).collect())
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receipt(SignedReceipt { statement, signature }) => {
                write!(f, "receipt {} {}", hex::encode(statement), hex::encode(signature))
            }
            Self::Unanswered(batch, reports) => write!(f, "unanswered {} {reports}", hex::encode(batch.0)),
        }
    }
}

impl std::str::FromStr for Line {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let read = || match *line.split(' ').collect::<Vec<_>>() {
            ["receipt", statement, signature] => {
                let (statement, signature) = (hex::decode(statement).ok()?, hex::decode(signature).ok()?);
                Some(Self::Receipt(SignedReceipt { statement, signature }))
            }
            ["unanswered", batch, reports] => {
                let batch = <[u8; 32]>::try_from(hex::decode(batch).ok()?).ok()?;
                Some(Self::Unanswered(BatchDigest(batch), reports.parse().ok()?))
            }
            _ => None,
        };
        read().ok_or_else(|| "neither a receipt nor an unanswered batch".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use tacita_protocol::{
        outcome::Outcome,
        record::PeriodId,
        time::{ManualClock, UnixTime},
    };

    use super::*;

    const MORNING: UnixTime = UnixTime(1_795_305_600);
    const PUBLISHER: PublisherId = PublisherId(7);

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[9; 32])
    }

    fn receipt(number: u32) -> Receipt {
        let batch = BatchDigest([number as u8; 32]);
        let counts = [((PeriodId(number), Outcome::Counted), 1)].into();
        Receipt { publisher: PUBLISHER, batch, answered_at: MORNING, counts }
    }

    fn line(number: u32) -> Line {
        Line::Receipt(receipt(number).sign(&key()))
    }

    fn read_all(data: &Path) -> Kept {
        read(data, PUBLISHER, &key().verifying_key()).unwrap()
    }

    fn open(data: &Path, clock: &ManualClock) -> Files {
        Files::open(folder_in(data), Duration::from_secs(10 * 86_400), Arc::new(clock.clone())).unwrap()
    }

    #[test]
    fn what_is_kept_is_read_over_restarts_and_days_until_it_is_old() {
        let (data, clock) = (tempfile::tempdir().unwrap(), ManualClock::new(MORNING));
        assert_eq!(read_all(data.path()), Kept::default());
        open(data.path(), &clock).append(&[line(0), Line::Unanswered(BatchDigest([3; 32]), 40)]).unwrap();
        let mut files = open(data.path(), &clock);
        files.append(&[line(1)]).unwrap();
        clock.set(MORNING.plus(10 * 86_400));
        files.append(&[line(2)]).unwrap();
        let kept = read_all(data.path());
        assert_eq!(kept.receipts, [0, 1, 2].map(receipt));
        assert_eq!(kept.unanswered, [(BatchDigest([3; 32]), 40)]);
        clock.set(MORNING.plus(11 * 86_400));
        files.append(&[line(3)]).unwrap();
        assert_eq!(read_all(data.path()).receipts, [2, 3].map(receipt));
    }

    #[test]
    fn a_line_that_a_crash_cut_short_is_not_read_and_spoils_no_other() {
        let (data, clock) = (tempfile::tempdir().unwrap(), ManualClock::new(MORNING));
        open(data.path(), &clock).append(&[line(0), line(1)]).unwrap();
        let path = folder_in(data.path()).join("2026-11-22.txt");
        let text = fs::read_to_string(&path).unwrap();
        for left in text.len() / 2..text.len() {
            fs::write(&path, &text[..left]).unwrap();
            assert_eq!(read_all(data.path()).receipts, [receipt(0)], "{left} bytes");
            open(data.path(), &clock).append(&[line(2)]).unwrap();
            assert_eq!(read_all(data.path()).receipts, [receipt(0), receipt(2)], "{left} bytes");
        }
    }

    #[test]
    fn a_line_that_was_changed_is_named() {
        let (data, clock) = (tempfile::tempdir().unwrap(), ManualClock::new(MORNING));
        open(data.path(), &clock).append(&[line(0), line(1)]).unwrap();
        let path = folder_in(data.path()).join("2026-11-22.txt");
        let text = fs::read_to_string(&path).unwrap();
        // A digit of the second statement.
        let place = text.len() / 2 + 12;
        let other = if text.as_bytes()[place] == b'0' { '1' } else { '0' };
        let changed = [
            (format!("{}{other}{}", &text[..place], &text[place + 1..]), "2: "),
            (format!("{text}something else\n"), "3: neither a receipt"),
        ];
        for (changed, named) in changed {
            fs::write(&path, changed).unwrap();
            let refused = read(data.path(), PUBLISHER, &key().verifying_key()).unwrap_err().to_string();
            assert!(refused.contains(&format!("2026-11-22.txt:{named}")), "{refused}");
        }
        fs::write(&path, text).unwrap();
        let refused = read(data.path(), PublisherId(8), &key().verifying_key()).unwrap_err().to_string();
        assert!(refused.contains("the receipt is publisher 7's"), "{refused}");
    }
}
