//! A log of sessions: each row is a session of a device of its own.

use std::{collections::BTreeSet, net::IpAddr, path::Path, sync::Arc};

use anyhow::Result;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use tacita_client::{ClientError, Device, Occurrence, Recorded};
use tacita_dp::Epsilon;
use tacita_proto::v1;
use tacita_protocol::measure::Event;

use super::{
    Log, Visitors,
    log::{self, LoggedSession},
    map::SessionMap,
    measure,
};
use crate::{
    simulation::{audience, clock::DeviceClock, drive::Visitor},
    table::count,
};

/// The rows of a log.
pub(super) struct SessionLog {
    map: SessionMap,
    sessions: Arc<[LoggedSession]>,
}

impl SessionLog {
    /// Reads a whole log.
    pub(super) fn read(path: &Path, map: SessionMap) -> Result<Self> {
        let sessions = log::read(path, &map)?.into();
        Ok(Self { map, sessions })
    }
}

impl Log for SessionLog {
    fn headline(&self) -> String {
        let converted = self.sessions.iter().filter(|session| session.converted).count();
        let (sessions, converted) = (count(self.sessions.len() as f64), count(converted as f64));
        format!("{sessions} sessions, {converted} conversions, {} channels", channels(&self.sessions).len())
    }

    fn missing(&self) -> Vec<&'static str> {
        self.map.missing()
    }

    fn events(&self) -> u64 {
        self.sessions.len() as u64
    }

    fn events_per_device(&self, _measures: usize) -> u32 {
        1
    }

    fn measures(&self, epsilons: &[Epsilon]) -> Vec<v1::CreateMeasureRequest> {
        measures(&self.map, &self.sessions, epsilons)
    }

    fn visitors(&self, seed: u64, _per_device: u32) -> Visitors {
        Box::new(visitors(&self.sessions, seed).map(|row| Box::new(row) as Box<dyn Visitor>))
    }
}

/// The channels of a log, each once.
fn channels(sessions: &[LoggedSession]) -> BTreeSet<&str> {
    sessions.iter().map(|session| session.channel.as_str()).collect()
}

/// The measures that a map asks for, once for each ε.
fn measures(map: &SessionMap, sessions: &[LoggedSession], epsilons: &[Epsilon]) -> Vec<v1::CreateMeasureRequest> {
    let dimension = |name: &str, labels: Vec<String>| v1::Dimension { name: name.to_owned(), labels, catalogue: None };
    let channel = dimension("channel", channels(sessions).into_iter().map(str::to_owned).collect());
    let mut kinds = vec![("arrivals", v1::Event::Arrival, vec![channel.clone()])];
    if map.visitor.is_some() {
        let labels = ["new", "returning", "other"].map(str::to_owned).to_vec();
        kinds.push(("visitors", v1::Event::Arrival, vec![dimension("visitor", labels)]));
    }
    if map.conversion.is_some() {
        let value = map.value.as_ref().map(|value| {
            let other = std::iter::once("other".to_owned());
            dimension("value", value.buckets.iter().cloned().chain(other).collect())
        });
        kinds.push(("conversions", v1::Event::Conversion, std::iter::once(channel).chain(value).collect()));
    }
    let request = |epsilon: &Epsilon, (name, event, dimensions): &(&str, v1::Event, Vec<v1::Dimension>)| {
        v1::CreateMeasureRequest { dimensions: dimensions.clone(), ..measure(name, *event, *epsilon) }
    };
    epsilons.iter().flat_map(|epsilon| kinds.iter().map(move |kind| request(epsilon, kind))).collect()
}

/// One row as a device.
struct Row {
    secret: [u8; 32],
    number: u32,
    sessions: Arc<[LoggedSession]>,
}

fn visitors(sessions: &Arc<[LoggedSession]>, seed: u64) -> impl Iterator<Item = Row> + Send + 'static {
    let sessions = sessions.clone();
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    (0..sessions.len() as u32).map(move |number| {
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        Row { secret, number, sessions: sessions.clone() }
    })
}

impl Visitor for Row {
    fn secret(&self) -> [u8; 32] {
        self.secret
    }

    fn address(&self) -> IpAddr {
        audience::address(self.number)
    }

    fn sessions(&self) -> u64 {
        1
    }

    fn visit(&self, device: &Device, _: &DeviceClock) -> Result<Vec<Recorded>, ClientError> {
        let session = &self.sessions[self.number as usize];
        let mut arrival = Occurrence::new(Event::Arrival).label("channel", &session.channel);
        if let Some(visitor) = session.visitor {
            arrival = arrival.label("visitor", visitor);
        }
        let mut recorded = vec![device.record(&arrival)?];
        if session.converted {
            let mut conversion = Occurrence::new(Event::Conversion).label("channel", &session.channel);
            if let Some(value) = session.value {
                conversion = conversion.value(value);
            }
            recorded.push(device.record(&conversion)?);
        }
        Ok(recorded)
    }
}
