//! What `fuzz/` drives: the decoders of what comes from outside, each behind one function, on one fixed catalogue. No
//! interface: nothing here is promised to anybody.

use std::sync::LazyLock;

use prost::Message;
use tacita_proto::v1;
use tacita_protocol::{id::PublisherId, manifest::DevicePolicy, measure::Measure, time::UnixTime};

use crate::{
    auth,
    catalogue::{By, Catalogue, Change, Cohorts, Declaration, Entry, NewMeasure, Refused, Rules},
    report,
    services::wishes::{self, MeasureWish},
};

/// The one campaign of the catalogue.
pub const CAMPAIGN: &str = "acme/spring";

/// Name, event, and the dimensions with their labels.
type MeasureLine = (&'static str, v1::Event, &'static [(&'static str, &'static str)]);

/// Everything once: a publisher, a brand, a campaign, a measure of each event.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut catalogue = Catalogue::default();
    grow(&mut catalogue, |known| known.propose_publisher("daily"));
    grow(&mut catalogue, |known| known.propose_brand("acme"));
    grow(&mut catalogue, |known| known.propose_campaign(&wishes::campaign(&spring("acme")), &Rules::default()));
    let measures: [MeasureLine; 7] = [
        (
            "arrivals",
            v1::Event::Arrival,
            &[("channel", "whatsapp,facebook,inferred,direct"), ("grade", "confirmed,inferred,direct")],
        ),
        ("links", v1::Event::Arrival, &[("generation", "0,1,2")]),
        ("reach", v1::Event::Reach, &[("channel", "whatsapp,other")]),
        ("shares", v1::Event::Share, &[("channel", "whatsapp,facebook"), ("generation", "0,1,2")]),
        ("conversions", v1::Event::Conversion, &[("channel", "whatsapp,unattributed"), ("value", "0..50,50..")]),
        ("stories", v1::Event::ContentShare, &[("content", "/a,/b,other")]),
        ("sharers", v1::Event::SharerProfile, &[]),
    ];
    for (name, event, dimensions) in measures {
        let dimension = |(name, labels): &(&str, &str)| v1::Dimension {
            name: (*name).into(),
            labels: labels.split(',').map(Into::into).collect(),
            catalogue: None,
        };
        let wire = v1::Measure {
            name: name.into(),
            event: event.into(),
            dimensions: dimensions.iter().map(dimension).collect(),
            epsilon_micro: 2_000_000,
            ..Default::default()
        };
        let cohorts = Cohorts::default();
        let wish = || NewMeasure { campaign: CAMPAIGN, wire: wire.clone(), contents: None, cohorts: &cohorts };
        grow(&mut catalogue, |known| known.propose_measure(wish(), &Rules::default()));
    }
    catalogue
});

/// A brand's campaign at the one publisher.
fn spring(brand: &str) -> v1::CreateCampaignRequest {
    let publishers = vec!["daily".into()];
    v1::CreateCampaignRequest { brand: brand.into(), name: "spring".into(), publishers, ..Default::default() }
}

fn grow(catalogue: &mut Catalogue, propose: impl FnOnce(&Catalogue) -> Result<Change, Refused>) {
    let change = propose(catalogue).expect("the fixed catalogue is granted");
    catalogue.take_in(change).expect("what is granted follows");
}

/// A granted wish survives the change log, and the catalogue takes it in.
fn keep(mut catalogue: Catalogue, wish: Result<Change, Refused>) -> Catalogue {
    let Ok(change) = wish else { return catalogue };
    let logged = entry(&catalogue, change.clone());
    let (_, read) = Entry::decode(catalogue.length(), &logged).expect("an entry is read back");
    assert_eq!(read, change);
    catalogue.fold(&logged).expect("what is granted follows");
    catalogue
}

/// The next entry of the catalogue's log.
fn entry(catalogue: &Catalogue, change: Change) -> Vec<u8> {
    let (index, previous) = (catalogue.length(), catalogue.head());
    Entry { index, at: UnixTime(0), by: By::Collector, previous, change }.encode()
}

/// An administrative request: the first byte says which, the rest is its message.
pub fn administration(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let catalogue = CATALOGUE.clone();
    match kind % 8 {
        0 => read(bytes, |asked: v1::CreatePublisherRequest| {
            keep(catalogue.clone(), catalogue.propose_publisher(&asked.name));
        }),
        1 => read(bytes, |asked: v1::CreateBrandRequest| {
            keep(catalogue.clone(), catalogue.propose_brand(&asked.name));
        }),
        2 => read(bytes, |asked: v1::CreateCampaignRequest| {
            keep(catalogue.clone(), catalogue.propose_campaign(&wishes::campaign(&asked), &Rules::default()));
        }),
        3 => read(bytes, |asked| create_measure(&catalogue, asked)),
        4 => read(bytes, |asked: v1::CreateApiKeyRequest| {
            let _ = catalogue.resolve_principal(asked.role(), &asked.subject);
        }),
        5 => read(bytes, |asked: v1::RevokeApiKeyRequest| {
            let _ = catalogue.propose_revocation(asked.id);
        }),
        6 => read(bytes, |asked: v1::DeclareCampaignRequest| declare(&catalogue, asked)),
        _ => {
            let text = String::from_utf8_lossy(bytes);
            if let Some((id, secret)) = auth::split(&text) {
                assert!(text.ends_with(secret) && text.contains(&id.to_string()));
            }
        }
    }
}

fn read<M: Message + Default>(bytes: &[u8], then: impl FnOnce(M)) {
    if let Ok(message) = M::decode(bytes) {
        then(message);
    }
}

fn create_measure(catalogue: &Catalogue, asked: v1::CreateMeasureRequest) {
    let Ok(wish) = MeasureWish::read(asked) else { return };
    let Ok(change) = catalogue.propose_measure(wish.measure(), &Rules::default()) else { return };
    let Change::MeasureCreated(measure) = &change else { panic!("a wish for a measure became another change") };
    assert_eq!(Measure::try_from(&v1::Measure::from(&**measure)).as_ref(), Ok(&**measure));
    let listed = match wish.contents() {
        Some(contents) => keep(catalogue.clone(), catalogue.propose_contents(contents)),
        None => catalogue.clone(),
    };
    keep(listed, Ok(change));
}

fn declare(catalogue: &Catalogue, asked: v1::DeclareCampaignRequest) {
    let Ok(said) = Declaration::read(asked.declaration.unwrap_or_default(), false) else { return };
    assert_eq!(Declaration::read(said.to_wire(), false).as_ref(), Ok(&said));
    keep(catalogue.clone(), catalogue.propose_declaration(catalogue.campaigns()[0].id, &said, UnixTime(0), 1));
}

/// A change log, an entry on each line: it is taken in up to the first that does not follow, and a manifest can be made of it.
pub fn change_log(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let mut catalogue = if kind % 2 == 0 { Catalogue::default() } else { CATALOGUE.clone() };
    for entry in bytes.split(|byte| *byte == b'\n') {
        if catalogue.fold(entry).is_err() {
            break;
        }
    }
    let _ = catalogue.manifest(PublisherId(1)).map(|manifest| v1::Manifest::from(&manifest).encode_to_vec());
}

/// The fixed catalogue as a change log, for seeds.
pub fn log_of_everything() -> Vec<u8> {
    let mut catalogue = Catalogue::default();
    let mut log = vec![0];
    let mut write = |catalogue: &mut Catalogue, change: Change| {
        let entry = entry(catalogue, change);
        catalogue.fold(&entry).expect("what is granted follows");
        log.extend(entry);
        log.push(b'\n');
    };
    for wish in [Catalogue::propose_publisher, Catalogue::propose_brand] {
        let change = wish(&catalogue, "daily").expect("granted");
        write(&mut catalogue, change);
    }
    let asked = v1::CreateCampaignRequest { attribution_seconds: 60, ..spring("daily") };
    let change = catalogue.propose_campaign(&wishes::campaign(&asked), &Rules::default()).expect("granted");
    write(&mut catalogue, change);
    for counted in CATALOGUE.measures_of(CATALOGUE.campaigns()[0].id) {
        write(&mut catalogue, Change::MeasureCreated(Box::new(counted.measure.clone())));
    }
    let change = catalogue.propose_device_policy(DevicePolicy::default()).expect("granted");
    write(&mut catalogue, change);
    log
}

/// A brand's question: the first byte says which, the rest is its message. It is refused, or answered from a few tallies.
pub fn questions(bytes: &[u8]) {
    report::fuzzing::ask(&CATALOGUE, bytes);
}
