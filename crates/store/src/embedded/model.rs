//! The writer and its callers under a model checker (shuttle): thousands of orders in which they go on, on a real disk.
//!
//! The writer, its queue and the callers' side are those of production. What is the model's is who goes on, at each
//! point where one of them waits, before a group is written, and between its end and the answers.
//!
//! Held: when a call is answered, its batch can be read from the disk (that what can be read was synced is the affair
//! of `kill` and `torn`); every call is answered; of all entries with one nullifier one counts, and its counter is 1;
//! log entries stand in a row; nothing counts in an epoch after its drop was answered.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use shuttle::{
    Config, Runner,
    future::block_on,
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
    thread::{spawn, yield_now},
};
use tacita_protocol::time::WindowId;
use tempfile::TempDir;

use super::{writer::Pace, *};
use crate::{Increments, Series, Verdict};

const PUBLISHER: PublisherId = PublisherId(1);
const PARTITION: Partition = Partition { publisher: PUBLISHER, lane: 0 };
/// Where all schedules commit, each its own nullifiers.
const EPOCH: EpochId = EpochId(1);

/// Goes on when the model lets it.
struct Model;

impl Pace for Model {
    fn next(&self, queue: &mut mpsc::Receiver<Job>) -> Option<Job> {
        block_on(queue.recv())
    }

    fn give_way(&self) {
        yield_now();
    }
}

/// What all schedules share, since opening a disk takes longer than a schedule.
struct Place {
    disk: Arc<OpenDisk>,
    schedules: AtomicU32,
    _dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        let options = EmbeddedOptions { reserved_bytes: 0, ..EmbeddedOptions::default() };
        let disk = Arc::new(OpenDisk::open(dir.path(), options).unwrap());
        Self { disk, schedules: AtomicU32::new(1), _dir: dir }
    }
}

/// One schedule's cast.
#[derive(Clone)]
struct Cast {
    store: Arc<EmbeddedStore>,
    schedule: u32,
}

impl Cast {
    fn entry(&self, number: u8, fingerprint: u8) -> Entry {
        let mut nullifier = [0; 16];
        nullifier[8..12].copy_from_slice(&self.schedule.to_be_bytes());
        nullifier[15] = number;
        Entry {
            nullifier: Nullifier::from_bytes(nullifier),
            fingerprint: Fingerprint::from_bytes([fingerprint; 8]),
            series: Series { measure: MeasureId(self.schedule), window: WindowId(1) },
            increments: Increments::One(u32::from(number)),
        }
    }

    /// Commits these numbers, and looks at the disk when that is answered; says how many counted.
    fn commit(&self, numbers: &[u8]) -> usize {
        let entries: Vec<Entry> = numbers.iter().map(|&number| self.entry(number, 1)).collect();
        let nullifiers: Vec<Nullifier> = entries.iter().map(|entry| entry.nullifier).collect();
        let Committed { verdicts, .. } = block_on(self.store.commit(PARTITION, EPOCH, entries)).unwrap();
        let on_disk = read::spent(&self.store.disk.disk().unwrap(), EPOCH, &nullifiers).unwrap();
        assert!(on_disk.iter().all(Option::is_some), "answered before it stood on the disk");
        verdicts.into_iter().filter(|&verdict| verdict == Verdict::Counted).count()
    }

    /// Appends an entry wherever the log ends.
    fn append(&self, text: &[u8]) -> u64 {
        let mut expected = 0;
        loop {
            match block_on(self.store.append(expected, text)) {
                Ok(()) => return expected,
                Err(LogError::Conflict { .. }) => {
                    expected = read::log(&self.store.disk.disk().unwrap(), 0).unwrap().len() as u64
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Drops an epoch that somebody else commits to.
    fn drop_epoch(&self, epoch: EpochId) {
        block_on(self.store.drop_epoch(epoch)).unwrap();
        let late = block_on(self.store.commit(PARTITION, epoch, vec![self.entry(99, 1)]));
        assert!(matches!(late, Err(StoreError::EpochDropped(_))), "it counts after the drop: {late:?}");
    }
}

fn schedule(place: &Place) {
    // A queue so short that callers wait for a place in it, and groups so small that they do not hold everything.
    let (queue, jobs) = mpsc::channel(2);
    let writer = Writer::new(place.disk.clone(), 4, 4).unwrap();
    let writing = spawn(move || writer.run(jobs, &Model));
    let store = Arc::new(EmbeddedStore { queue: Some(queue), disk: place.disk.clone(), writer: None });
    let cast = Cast { store, schedule: place.schedules.fetch_add(1, Relaxed) };
    let dropped = EpochId(1 + cast.schedule);

    let committing: Vec<_> = [[1, 2].as_slice(), &[2, 3], &[3, 1, 4]]
        .into_iter()
        .map(|numbers| {
            let cast = cast.clone();
            spawn(move || cast.commit(numbers) + cast.commit(&numbers[..1]))
        })
        .collect();
    let appending: Vec<_> = [b"one", b"two"]
        .into_iter()
        .map(|text| {
            spawn({
                let cast = cast.clone();
                move || cast.append(text)
            })
        })
        .collect();
    let dropping = spawn({
        let cast = cast.clone();
        move || cast.drop_epoch(dropped)
    });
    // Counts before the drop, or is told of it.
    match block_on(cast.store.commit(PARTITION, dropped, vec![cast.entry(98, 1)])) {
        Ok(committed) => assert_eq!(committed.verdicts, [Verdict::Counted]),
        Err(error) => assert!(matches!(error, StoreError::EpochDropped(_)), "{error}"),
    }

    let counted: usize = committing.into_iter().map(|caller| caller.join().unwrap()).sum();
    assert_eq!(counted, 4, "each of four nullifiers counts once");
    let mut places: Vec<u64> = appending.into_iter().map(|caller| caller.join().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places[0] + 1, places[1], "log entries stand in a row");
    dropping.join().unwrap();
    let tallies =
        read::tallies(&place.disk.disk().unwrap(), MeasureId(cast.schedule), WindowId(0)..WindowId(9)).unwrap();
    let counters: Vec<(u32, u64)> =
        tallies.into_iter().flat_map(|tally| tally.counters).filter(|&(n, _)| n < 98).collect();
    assert_eq!(counters, [(1, 1), (2, 1), (3, 1), (4, 1)]);
    drop(cast);
    writing.join().unwrap();
}

/// How many schedules are tried: a few among all tests, or as many as `TACITA_MODEL_SCHEDULES` says.
fn schedules() -> usize {
    std::env::var("TACITA_MODEL_SCHEDULES").ok().and_then(|number| number.parse().ok()).unwrap_or(60)
}

fn check(scheduler: impl Scheduler + 'static) {
    let place = Place::new();
    let mut config = Config::default();
    // The engine's calls are deep.
    config.stack_size = 1 << 20;
    Runner::new(scheduler, config).run(move || schedule(&place));
}

#[test]
fn group_commit_holds_under_random_schedules() {
    check(RandomScheduler::new(schedules()));
}

#[test]
fn group_commit_holds_under_schedules_of_few_preemptions() {
    check(PctScheduler::new(3, schedules()));
}
