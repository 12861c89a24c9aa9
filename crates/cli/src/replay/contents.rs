//! A list of contents, each with the number of its shares: devices share what is drawn from it.

use std::{net::IpAddr, path::Path, sync::Arc};

use anyhow::{Context as _, Result, anyhow, ensure};
use rand::{Rng as _, SeedableRng as _, seq::index};
use rand_chacha::ChaCha20Rng;
use tacita_client::{ClientError, Device, Occurrence, Recorded};
use tacita_dp::Epsilon;
use tacita_proto::v1;
use tacita_protocol::{domain::Dimension, measure::Event};

use super::{Log, Visitors, log::malformed, map::ContentMap, measure};
use crate::{
    contents::check,
    simulation::{audience, clock::DeviceClock, drive::Visitor},
    table::count,
};

/// Shares of one device: one batch of tokens serves them all. Shares are independent of each other, so that nothing but the
/// time of a run depends on it.
const SHARES_PER_DEVICE: usize = 32;

/// The contents of a list.
pub(super) struct ContentLog {
    map: ContentMap,
    ids: Arc<[String]>,
    /// The number of shares of the contents up to and with each.
    cumulative: Vec<u64>,
    /// The shares that are drawn.
    drawn: u64,
}

impl ContentLog {
    /// Reads a whole list, of whose shares `sample` are drawn, or all.
    pub(super) fn read(path: &Path, map: ContentMap, sample: Option<u64>) -> Result<Self> {
        let (ids, cumulative) = read_rows(path, &map)?;
        let all = cumulative.last().copied().unwrap_or(0);
        let drawn = sample.unwrap_or(all);
        ensure!(drawn <= all, "--sample {drawn}: {} holds {all} shares; draw fewer", path.display());
        ensure!(drawn > 0, "{}: nothing was shared; give a list with shares", path.display());
        Ok(Self { map, ids: ids.into(), cumulative, drawn })
    }

    /// The contents of the shares that are drawn, in the order of the draw.
    fn draw(&self, rng: &mut ChaCha20Rng) -> Vec<u32> {
        let all = self.cumulative.last().copied().unwrap_or(0);
        let content = |share: usize| self.cumulative.partition_point(|&end| end <= share as u64) as u32;
        index::sample(rng, all as usize, self.drawn as usize).into_iter().map(content).collect()
    }
}

fn read_rows(path: &Path, map: &ContentMap) -> Result<(Vec<String>, Vec<u64>)> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let heads = reader.headers().map_err(|error| malformed(path, error))?.clone();
    let find = |name: &str| {
        let missing = || anyhow!("{}:1: no column '{name}': name one of the file's in the map", path.display());
        heads.iter().position(|head| head == name).ok_or_else(missing)
    };
    let content = find(&map.content.column)?;
    let weight = map.weight.as_ref().map(|weight| find(&weight.column)).transpose()?;
    let (mut ids, mut cumulative, mut lines, mut all) = (Vec::new(), Vec::new(), Vec::new(), 0_u64);
    for record in reader.records() {
        let record = record.map_err(|error| malformed(path, error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let text = weight.map_or("1", |index| record.get(index).unwrap_or_default());
        let shares: u64 = text
            .parse()
            .map_err(|_| anyhow!("{}:{line}: '{text}' is no number of shares: write a whole number", path.display()))?;
        all = all.saturating_add(shares);
        ids.push(record.get(content).unwrap_or_default().to_owned());
        cumulative.push(all);
        lines.push(line);
    }
    ensure!(!ids.is_empty(), "{}: it has a head and no rows; give a list of contents", path.display());
    Ok((check(path, ids, |place| lines[place])?, cumulative))
}

impl Log for ContentLog {
    fn headline(&self) -> String {
        let all = self.cumulative.last().copied().unwrap_or(0);
        let [contents, all, drawn] = [self.ids.len() as u64, all, self.drawn].map(|number| count(number as f64));
        format!("{contents} contents, shared {all} times; {drawn} shares drawn")
    }

    fn missing(&self) -> Vec<&'static str> {
        self.map.missing()
    }

    fn events(&self) -> u64 {
        self.drawn
    }

    fn events_per_device(&self, measures: usize) -> u32 {
        // A batch of tokens is at most 128.
        SHARES_PER_DEVICE.min(128 / measures.max(1)).max(1) as u32
    }

    fn measures(&self, epsilons: &[Epsilon]) -> Vec<v1::CreateMeasureRequest> {
        let contents = v1::Contents { ids: self.ids.to_vec(), tail: 0 };
        let request = |epsilon: &Epsilon| v1::CreateMeasureRequest {
            contents: Some(contents.clone()),
            ..measure("contents", v1::Event::ContentShare, *epsilon)
        };
        epsilons.iter().map(request).collect()
    }

    fn visitors(&self, seed: u64, per_device: u32) -> Visitors {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (drawn, ids) = (self.draw(&mut rng), self.ids.clone());
        let devices = drawn.chunks(per_device as usize).map(<[u32]>::to_vec).collect::<Vec<_>>();
        Box::new(devices.into_iter().zip(0..).map(move |(shares, number)| {
            let mut secret = [0; 32];
            rng.fill_bytes(&mut secret);
            Box::new(Sharer { secret, number, shares, ids: ids.clone() }) as Box<dyn Visitor>
        }))
    }
}

/// A device that shares contents.
struct Sharer {
    secret: [u8; 32],
    number: u32,
    shares: Vec<u32>,
    ids: Arc<[String]>,
}

impl Visitor for Sharer {
    fn secret(&self) -> [u8; 32] {
        self.secret
    }

    fn address(&self) -> IpAddr {
        audience::address(self.number)
    }

    fn sessions(&self) -> u64 {
        self.shares.len() as u64
    }

    fn visit(&self, device: &Device, _: &DeviceClock) -> Result<Vec<Recorded>, ClientError> {
        let share = |&content: &u32| {
            let id = self.ids[content as usize].as_str();
            device.record(&Occurrence::new(Event::ContentShare).label(Dimension::CONTENT, id))
        };
        self.shares.iter().map(share).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::map::Map, *};

    fn read_text(csv: &str, sample: Option<u64>) -> Result<ContentLog> {
        let folder = tempfile::tempdir().unwrap();
        let (list, map) = (folder.path().join("list.csv"), folder.path().join("map.toml"));
        std::fs::write(&list, csv).unwrap();
        std::fs::write(&map, "[content]\ncolumn = \"url\"\n[weight]\ncolumn = \"shares\"\n").unwrap();
        let Map::Contents(map) = Map::read(&map).unwrap() else { panic!("a map of contents") };
        ContentLog::read(&list, map, sample)
    }

    #[test]
    fn every_share_is_drawn_once() {
        let log = read_text("url,shares\n/a,3\n/b,0\n/c, 2\n", None).unwrap();
        let mut drawn = log.draw(&mut ChaCha20Rng::seed_from_u64(1));
        drawn.sort_unstable();
        assert_eq!(drawn, [0, 0, 0, 2, 2]);
        assert_eq!(
            read_text("url,shares\n/a,300\n", Some(7)).unwrap().draw(&mut ChaCha20Rng::seed_from_u64(1)),
            [0; 7]
        );
    }

    #[test]
    fn each_fault_names_the_line_and_the_remedy() {
        for (csv, sample, told) in [
            ("url,count\n/a,1\n", None, "list.csv:1: no column 'shares'"),
            ("url,shares\n/a,1\n/b,many\n", None, "list.csv:3: 'many' is no number of shares"),
            ("url,shares\n/a,1\n/a,1\n", None, "list.csv:3: '/a' stands twice"),
            ("url,shares\n/a,1\n,1\n", None, "list.csv:3: '' must have"),
            ("url,shares\n", None, "no rows"),
            ("url,shares\n/a,0\n", None, "nothing was shared"),
            ("url,shares\n/a,2\n", Some(3), "draw fewer"),
        ] {
            let error = read_text(csv, sample).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(told), "{csv:?}: {error}");
        }
    }
}
