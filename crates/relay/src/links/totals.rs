//! Clicks on short links by day (UTC), code and platform: numbers and nothing else, in one small file for each day.
//!
//! A day's file, `links/2026-11-22.csv`, holds totals and not events, so writing it again is harmless: it is replaced whole, at
//! most once a second. A crash loses the clicks of the last second. Any program can read it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use tacita_protocol::time::{Clock, UnixTime};
use tokio_util::sync::CancellationToken;

pub use super::click::Platform;
use crate::manifest::replace_file;

/// How often what changed is written.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// Files of days longer ago are removed: 13 months allow a comparison with the year before.
const KEEP_DAYS: i64 = 400;

const HEAD: &str = "code,platform,clicks";

/// The clicks of one day on one code from one platform.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Total {
    /// The day, in UTC.
    pub day: Date,
    /// The link.
    pub code: String,
    /// The kind of device.
    pub platform: Platform,
    /// How often.
    pub clicks: u64,
}

/// All totals that a relay with this data folder wrote, in order. A relay at work may use the folder.
///
/// # Errors
/// A file cannot be read, or was changed by hand.
pub fn read(data: &Path) -> io::Result<Vec<Total>> {
    let mut totals = Vec::new();
    for (day, path) in files(&folder_in(data))? {
        let clicks = read_day(&path)?.clicks;
        totals.extend(clicks.into_iter().map(|((code, platform), clicks)| Total { day, code, platform, clicks }));
    }
    totals.sort();
    Ok(totals)
}

fn folder_in(data: &Path) -> PathBuf {
    data.join("links")
}

/// The totals being counted.
pub(crate) struct Totals {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    days: Mutex<BTreeMap<Date, Day>>,
    /// Held while files are written, so that an older total never replaces a newer one.
    writing: Mutex<()>,
}

#[derive(Default)]
struct Day {
    clicks: BTreeMap<(String, Platform), u64>,
    is_written: bool,
}

impl Totals {
    pub(crate) fn open(data: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let folder = folder_in(data);
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, clock, days: Mutex::default(), writing: Mutex::default() })
    }

    /// Counts one click, in memory.
    pub(crate) fn count(&self, code: &str, platform: Platform) {
        let today = day_of(self.clock.now());
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        let day = days.entry(today).or_insert_with(|| self.take_up(today));
        *day.clicks.entry((code.to_owned(), platform)).or_default() += 1;
        day.is_written = false;
    }

    /// What was counted of a day before a restart. A file that does not read is put aside: it may hold what a person can mend.
    fn take_up(&self, day: Date) -> Day {
        let path = self.path_of(day);
        match read_day(&path) {
            Ok(day) => day,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Day::default(),
            Err(error) => {
                tracing::error!(%error, "clicks are counted from 0 again, and the file is kept beside as .unreadable");
                fs::rename(&path, path.with_extension("unreadable")).ok();
                Day::default()
            }
        }
    }

    fn path_of(&self, day: Date) -> PathBuf {
        self.folder.join(format!("{day}.csv"))
    }

    /// Writes what changed, each second until told to stop.
    pub(crate) async fn keep_written(self: Arc<Self>, stop: CancellationToken) {
        let mut tidied = None;
        while stop.run_until_cancelled(tokio::time::sleep(WRITE_EVERY)).await.is_some() {
            self.write().await;
            let today = day_of(self.clock.now());
            if tidied != Some(today) {
                let totals = self.clone();
                tokio::task::spawn_blocking(move || totals.forget_before(today)).await.ok();
                tidied = Some(today);
            }
        }
    }

    /// Writes what changed. What cannot be written stays in memory for the next time.
    pub(crate) async fn write(self: &Arc<Self>) {
        let totals = self.clone();
        tokio::task::spawn_blocking(move || totals.write_now()).await.ok();
    }

    fn write_now(&self) {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        for (day, text) in self.take_changed() {
            if let Err(error) = replace_file(&self.path_of(day), text.as_bytes()) {
                tracing::error!(%error, "clicks on short links cannot be written; they are kept in memory");
                let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(day) = days.get_mut(&day) {
                    day.is_written = false;
                }
            }
        }
    }

    /// The files that are behind, as they should be; days that are over and written leave the memory.
    fn take_changed(&self) -> Vec<(Date, String)> {
        let today = day_of(self.clock.now());
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        days.retain(|&day, totals| day == today || !totals.is_written);
        let changed = days.iter_mut().filter(|(_, totals)| !totals.is_written);
        changed
            .map(|(&day, totals)| {
                totals.is_written = true;
                (day, totals.to_csv())
            })
            .collect()
    }

    fn forget_before(&self, today: Date) {
        let Ok(files) = files(&self.folder) else { return };
        let age = |day: Date| today.since(day).map_or(0, |span| i64::from(span.get_days()));
        for (_, path) in files.into_iter().filter(|&(day, _)| age(day) > KEEP_DAYS) {
            fs::remove_file(path).ok();
        }
    }
}

impl Day {
    fn to_csv(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for ((code, platform), clicks) in &self.clicks {
            text.push_str(&format!("{code},{platform},{clicks}\n"));
        }
        text
    }

    fn from_csv(text: &str) -> Option<Self> {
        let rows = text.strip_prefix(HEAD)?.strip_prefix('\n')?;
        let row = |line: &str| {
            let [code, platform, clicks] = line.split(',').collect::<Vec<_>>().try_into().ok()?;
            Some(((code.to_owned(), platform.parse().ok()?), clicks.parse().ok()?))
        };
        Some(Self { clicks: rows.lines().map(row).collect::<Option<_>>()?, is_written: true })
    }
}

fn read_day(path: &Path) -> io::Result<Day> {
    let text = fs::read_to_string(path)?;
    let unreadable = || io::Error::other(format!("{} does not read; was it changed by hand?", path.display()));
    Day::from_csv(&text).ok_or_else(unreadable)
}

/// The days' files in a folder, and their days.
fn files(folder: &Path) -> io::Result<Vec<(Date, PathBuf)>> {
    let of_day = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".csv")?;
        Some((name.parse().ok()?, path))
    };
    let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    Ok(entries.into_iter().filter_map(|entry| of_day(entry.path())).collect())
}

/// The day of a moment, in UTC.
pub(crate) fn day_of(time: UnixTime) -> Date {
    let seconds = i64::try_from(time.0).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    TimeZone::UTC.to_datetime(seconds.unwrap_or(Timestamp::MAX)).date()
}

#[cfg(test)]
mod tests {
    use tacita_protocol::time::ManualClock;

    use super::*;

    const MORNING: UnixTime = UnixTime(1_795_305_600);

    fn clicks(data: &Path) -> Vec<(String, String, Platform, u64)> {
        let totals = read(data).unwrap().into_iter();
        totals.map(|total| (total.day.to_string(), total.code, total.platform, total.clicks)).collect()
    }

    #[test]
    fn totals_go_on_after_a_restart_and_each_day_has_its_own() {
        let (data, clock) = (tempfile::tempdir().unwrap(), ManualClock::new(MORNING));
        let open = || Totals::open(data.path(), Arc::new(clock.clone())).unwrap();
        let totals = open();
        totals.count("spring", Platform::Ios);
        totals.count("spring", Platform::Ios);
        totals.count("spring", Platform::Android);
        totals.write_now();
        drop(totals);

        let totals = open();
        totals.count("spring", Platform::Ios);
        clock.set(MORNING.plus(86_400));
        totals.count("spring", Platform::Ios);
        totals.write_now();
        // The clock was put right: what is on disk of that day is not written over.
        clock.set(MORNING);
        totals.count("spring", Platform::Ios);
        totals.write_now();
        totals.write_now();
        let [first, second] = ["2026-11-22", "2026-11-23"];
        let expected = [
            (first.to_owned(), "spring".to_owned(), Platform::Android, 1),
            (first.to_owned(), "spring".to_owned(), Platform::Ios, 4),
            (second.to_owned(), "spring".to_owned(), Platform::Ios, 1),
        ];
        assert_eq!(clicks(data.path()), expected);
    }

    #[test]
    fn a_file_changed_by_hand_is_put_aside_and_old_days_are_removed() {
        let data = tempfile::tempdir().unwrap();
        let totals = Totals::open(data.path(), Arc::new(ManualClock::new(MORNING))).unwrap();
        let file = |name: &str| data.path().join("links").join(name);
        fs::write(file("2026-11-22.csv"), "code,platform,clicks\nspring,ios,many\n").unwrap();
        assert!(read(data.path()).unwrap_err().to_string().contains("changed by hand"));
        totals.count("spring", Platform::Ios);
        totals.write_now();
        assert!(file("2026-11-22.unreadable").exists());
        assert_eq!(clicks(data.path()).len(), 1);

        fs::write(file("2025-10-17.csv"), "code,platform,clicks\nspring,ios,3\n").unwrap();
        fs::write(file("2025-10-19.csv"), "code,platform,clicks\nspring,ios,3\n").unwrap();
        totals.forget_before("2026-11-22".parse().unwrap());
        assert_eq!(clicks(data.path()).len(), 2, "400 days are kept");
        assert!(!file("2025-10-17.csv").exists());
    }

    #[test]
    fn what_cannot_be_written_is_written_later() {
        let data = tempfile::tempdir().unwrap();
        let totals = Totals::open(data.path(), Arc::new(ManualClock::new(MORNING))).unwrap();
        totals.count("spring", Platform::Ios);
        fs::remove_dir(data.path().join("links")).unwrap();
        totals.write_now();
        fs::create_dir(data.path().join("links")).unwrap();
        totals.write_now();
        assert_eq!(clicks(data.path()).len(), 1);
    }
}
