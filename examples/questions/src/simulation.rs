//! A spring campaign, invented and seeded: what people did is written down, and its randomized reports into a collector's store.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::SystemTime};

use anyhow::{Context as _, Result};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use tacita_collector::{Collector, CollectorConfig, RunningCollector};
use tacita_proto::v1::{
    self, admin_service_client::AdminServiceClient, reporting_service_client::ReportingServiceClient,
};
use tacita_protocol::{
    epoch::EpochId,
    id::PublisherId,
    measure::Measure,
    time::{SystemClock, WindowId},
};
use tacita_store::{
    Entry, Increments, Partition, Series, TallyStore as _,
    embedded::{EmbeddedOptions, EmbeddedStore},
};
use tacita_tokens::{Fingerprint, Nullifier};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::{Request, metadata::MetadataValue, transport::Channel};

/// The campaign's two markets: a campaign each, since the market is the campaign's label.
pub(crate) const FRANCE: &str = "acme/france";
pub(crate) const BRITAIN: &str = "acme/britain";
/// Days before today that the two days compared lie.
pub(crate) const DAY_BEFORE: u32 = 11;
pub(crate) const DAY: u32 = 10;
pub(crate) const SECONDS: u64 = 86_400;

/// Measure, labels → how many, by campaign and day.
type Truth = BTreeMap<(&'static str, &'static str, u32), Vec<(Vec<&'static str>, u64)>>;

/// A collector with the campaign's reports.
pub(crate) struct Stage {
    collector: RunningCollector,
    channel: Channel,
    key: String,
    truth: Truth,
    _data: TempDir,
}

const CHANNELS: &str = "whatsapp,messenger,email,facebook,search,inferred,direct,other";
const SHARED_TO: &str = "whatsapp,messenger,email,facebook,x";

/// Dimensions with their labels.
type Dimensions = &'static [(&'static str, &'static str)];

/// Local privacy of one report, in millionths of ε.
const EPSILON: u32 = 4_000_000;

/// Name, event, dimensions.
const MEASURES: [(&str, v1::Event, Dimensions); 6] = [
    ("shares", v1::Event::Share, &[("channel", SHARED_TO), ("generation", "0,1,2")]),
    ("arrivals", v1::Event::Arrival, &[("channel", CHANNELS), ("grade", "confirmed,app,referrer,inferred,direct")]),
    ("links", v1::Event::Arrival, &[("generation", "0,1,2"), ("cohort", "1,2,3,0")]),
    (
        "conversions",
        v1::Event::Conversion,
        &[("channel", "whatsapp,messenger,email,facebook,search,unattributed"), ("value", "0..50,50..200")],
    ),
    ("stories", v1::Event::ContentShare, &[("content", "/ferry,/seeds,/quiet-hours,/recipe,/match,/election,other")]),
    ("sharers", v1::Event::SharerProfile, &[("profile", "neither,private-only,public-only,both")]),
];

fn what_happened() -> Truth {
    let mut truth = Truth::new();
    let mut day = |campaign: &'static str, measure: &'static str, day: u32, rows: &[(&[&'static str], u64)]| {
        let rows = rows.iter().map(|(labels, count)| (labels.to_vec(), *count)).collect();
        truth.insert((campaign, measure, day), rows);
    };
    day(
        FRANCE,
        "shares",
        DAY,
        &[
            (&["whatsapp", "0"], 2_600),
            (&["whatsapp", "1"], 900),
            (&["whatsapp", "2"], 250),
            (&["messenger", "0"], 1_500),
            (&["email", "0"], 1_300),
            (&["facebook", "0"], 1_100),
            (&["x", "0"], 350),
        ],
    );
    day(
        BRITAIN,
        "shares",
        DAY,
        &[
            (&["whatsapp", "0"], 2_400),
            (&["messenger", "0"], 1_000),
            (&["email", "0"], 1_100),
            (&["facebook", "0"], 2_200),
            (&["x", "0"], 1_300),
        ],
    );
    day(
        FRANCE,
        "arrivals",
        DAY_BEFORE,
        &[
            (&["whatsapp", "confirmed"], 2_000),
            (&["facebook", "referrer"], 2_500),
            (&["search", "referrer"], 6_000),
            (&["inferred", "inferred"], 3_000),
            (&["direct", "direct"], 4_000),
        ],
    );
    day(
        FRANCE,
        "arrivals",
        DAY,
        &[
            (&["whatsapp", "confirmed"], 4_500),
            (&["whatsapp", "app"], 800),
            (&["messenger", "app"], 900),
            (&["facebook", "referrer"], 2_500),
            (&["search", "referrer"], 6_000),
            (&["inferred", "inferred"], 3_000),
            (&["direct", "direct"], 4_000),
        ],
    );
    day(
        FRANCE,
        "links",
        DAY,
        &[
            (&["0", "1"], 3_000),
            (&["0", "2"], 1_500),
            (&["0", "3"], 600),
            (&["1", "1"], 1_400),
            (&["1", "2"], 500),
            (&["1", "3"], 150),
            (&["2", "1"], 600),
            (&["2", "2"], 150),
            (&["2", "3"], 40),
        ],
    );
    day(
        FRANCE,
        "conversions",
        DAY,
        &[
            (&["whatsapp", "0..50"], 420),
            (&["whatsapp", "50..200"], 180),
            (&["messenger", "0..50"], 90),
            (&["facebook", "0..50"], 130),
            (&["search", "50..200"], 260),
            (&["unattributed", "0..50"], 700),
        ],
    );
    day(
        FRANCE,
        "stories",
        DAY,
        &[
            (&["/ferry"], 3_100),
            (&["/seeds"], 1_700),
            (&["/quiet-hours"], 900),
            (&["/recipe"], 1_500),
            (&["/match"], 500),
            (&["/election"], 300),
        ],
    );
    day(
        FRANCE,
        "sharers",
        DAY,
        &[(&["neither"], 9_000), (&["private-only"], 1_700), (&["public-only"], 500), (&["both"], 800)],
    );
    truth
}

pub(crate) fn with_key<T>(key: &str, message: T) -> Result<Request<T>> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", MetadataValue::try_from(format!("Bearer {key}"))?);
    Ok(request)
}

fn today() -> u32 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    (now / SECONDS) as u32
}

/// One day, so many days ago.
pub(crate) fn day(ago: u32) -> Option<v1::TimeRange> {
    let from = u64::from(today() - ago) * SECONDS;
    Some(v1::TimeRange { from, to: from + SECONDS })
}

async fn start(data: &Path) -> Result<(RunningCollector, Channel)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let collector = Collector::start(CollectorConfig::new(data), listener, Arc::new(SystemClock)).await?;
    let channel = Channel::from_shared(format!("http://{}", collector.address()))?.connect().await?;
    Ok((collector, channel))
}

impl Stage {
    /// Creates the campaigns, writes the reports, and starts the collector that answers.
    pub(crate) async fn build(seed: u64) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let (collector, channel) = start(data.path()).await?;
        let operator = collector.operator_key()?.expose().to_owned();
        let (measures, key) = create(channel, &operator).await?;
        collector.shutdown().await?;
        let truth = what_happened();
        write(data.path(), &measures, &truth, seed).await?;
        let (collector, channel) = start(data.path()).await?;
        Ok(Self { collector, channel, key, truth, _data: data })
    }

    pub(crate) async fn close(self) -> Result<()> {
        Ok(self.collector.shutdown().await?)
    }

    /// A client and the brand's key.
    pub(crate) fn brand(&self) -> (ReportingServiceClient<Channel>, &str) {
        (ReportingServiceClient::new(self.channel.clone()), &self.key)
    }

    /// How many of the rows that `keep` keeps.
    pub(crate) fn count(&self, campaign: &str, measure: &str, day: u32, keep: impl Fn(&[&str]) -> bool) -> f64 {
        let found = self.truth.iter().filter(|((c, m, d), _)| (*c, *m, *d) == (campaign, measure, day));
        let rows = found.flat_map(|(_, rows)| rows).filter(|(labels, _)| keep(labels));
        rows.map(|(_, count)| *count as f64).sum()
    }
}

/// A publisher, the brand, its two campaigns with their measures, and the brand's key.
async fn create(channel: Channel, operator: &str) -> Result<(BTreeMap<(&'static str, &'static str), Measure>, String)> {
    let mut admin = AdminServiceClient::new(channel);
    let publisher = v1::CreatePublisherRequest { name: "daily-news".into() };
    admin.create_publisher(with_key(operator, publisher)?).await?;
    admin.create_brand(with_key(operator, v1::CreateBrandRequest { name: "acme".into() })?).await?;
    let mut measures = BTreeMap::new();
    for campaign in [FRANCE, BRITAIN] {
        let (_, name) = campaign.split_once('/').context("a campaign has a brand")?;
        let request = v1::CreateCampaignRequest {
            brand: "acme".into(),
            name: name.into(),
            publishers: vec!["daily-news".into()],
            attribution_seconds: 0,
            policy: None,
        };
        admin.create_campaign(with_key(operator, request)?).await?;
        for (name, event, dimensions) in MEASURES {
            let dimension = |(name, labels): &(&str, &str)| v1::Dimension {
                name: (*name).into(),
                labels: labels.split(',').map(Into::into).collect(),
                catalogue: None,
            };
            let request = v1::CreateMeasureRequest {
                campaign: campaign.into(),
                name: name.into(),
                event: event.into(),
                dimensions: dimensions.iter().map(dimension).collect(),
                epsilon_micro: EPSILON,
                cohorts: cohorts(dimensions),
                reports_per_window: 8_000,
                ..Default::default()
            };
            let made = admin.create_measure(with_key(operator, request)?).await?.into_inner().measure;
            measures.insert((campaign, name), Measure::try_from(&made.context("a measure was made")?)?);
        }
    }
    let request =
        v1::CreateApiKeyRequest { role: v1::Role::Brand.into(), subject: "acme".into(), ..Default::default() };
    let key = admin.create_api_key(with_key(operator, request)?).await?.into_inner().secret;
    Ok((measures, key))
}

/// The squads, each of so many people.
fn cohorts(dimensions: Dimensions) -> Vec<v1::CohortSize> {
    let listed = dimensions.iter().filter(|(name, _)| *name == "cohort").flat_map(|(_, labels)| labels.split(','));
    listed.filter(|label| *label != "0").map(|label| v1::CohortSize { label: label.into(), people: 300 }).collect()
}

/// Randomizes every report and counts it, as devices and the collector would have done.
async fn write(
    data: &Path,
    measures: &BTreeMap<(&'static str, &'static str), Measure>,
    truth: &Truth,
    seed: u64,
) -> Result<()> {
    let store = EmbeddedStore::open(data.join("store"), EmbeddedOptions::default())?;
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut number = 0_u64;
    for ((campaign, name, ago), rows) in truth {
        let measure = &measures[&(*campaign, *name)];
        let mechanism = measure.mechanism();
        let mut entries = Vec::new();
        for (labels, count) in rows {
            let dimensions = measure.domain.dimensions();
            let label_of = |name: &str| {
                let place = dimensions.iter().position(|dimension| dimension.name.as_str() == name)?;
                labels.get(place).copied()
            };
            let cell = measure.cell(None, label_of);
            for _ in 0..*count {
                number += 1;
                let mut nullifier = [0; 16];
                // All in lane 0.
                nullifier[8..].copy_from_slice(&number.to_be_bytes());
                entries.push(Entry {
                    nullifier: Nullifier::from_bytes(nullifier),
                    fingerprint: Fingerprint::from_bytes(number.to_be_bytes()),
                    series: Series { measure: measure.id, window: WindowId(today() - ago) },
                    increments: mechanism.counters(mechanism.randomize(cell, &mut rng)).collect::<Increments>(),
                });
            }
        }
        let partition = Partition { publisher: PublisherId(1), lane: 0 };
        for part in entries.chunks(4_096) {
            store.commit(partition, EpochId(1), part.to_vec()).await?;
        }
    }
    Ok(())
}
