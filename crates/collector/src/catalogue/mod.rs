//! The catalogue: publishers, brands, campaigns, measures, API keys, epochs. Pure: no clock, no disk, no network.
//!
//! It is a fold over the change log. What may be done is decided in [`propose`], what was done is taken in by [`fold`];
//! keeping the log and sharing the result is the [`Registry`](crate::registry::Registry)'s affair.

mod change;
mod cohorts;
mod compromise;
mod declaration;
pub(crate) mod entry;
mod fold;
mod manifest;
mod propose;
mod refused;
mod surge;
mod wish;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use tacita_connections::Tenant;
use tacita_dp::Mechanism;
use tacita_protocol::{
    audit::Head,
    catalogue::{CatalogueDigest, Contents},
    epoch::{EpochEntry, EpochId, EpochState},
    id::{BrandId, CampaignId, CampaignName, MeasureId, Name, PublisherId},
    manifest::DevicePolicy,
    measure::Measure,
    policy::CampaignPolicy,
    time::UnixTime,
};

use crate::access::Role;

pub(crate) use change::Change;
pub use change::LogFault;
pub(crate) use cohorts::Cohorts;
pub(crate) use compromise::{Compromise, VaultKey};
pub(crate) use declaration::{Cost, Declaration};
pub(crate) use entry::{By, Entry};
pub(crate) use refused::Refused;
pub(crate) use surge::{Found, Surge};
pub(crate) use wish::{NewApiKey, NewCampaign, NewMeasure, Rules};

/// Whom an API key stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Principal {
    /// Administers everything.
    Operator,
    /// One publisher's relay.
    Publisher(PublisherId),
    /// One brand.
    Brand(BrandId),
    /// Reads what shows whether the operator is honest.
    Auditor,
}

impl Principal {
    pub(crate) const fn role(self) -> Role {
        match self {
            Self::Operator => Role::Operator,
            Self::Publisher(_) => Role::Publisher,
            Self::Brand(_) => Role::Brand,
            Self::Auditor => Role::Auditor,
        }
    }

    /// The publisher or brand, of which there are many beside each other: none of them may take what all others need.
    pub(crate) const fn tenant(self) -> Option<Tenant> {
        match self {
            Self::Publisher(PublisherId(number)) => Some(Tenant("publisher", number)),
            Self::Brand(BrandId(number)) => Some(Tenant("brand", number)),
            Self::Operator | Self::Auditor => None,
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Publisher {
    pub(crate) id: PublisherId,
    pub(crate) name: Name,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Brand {
    pub(crate) id: BrandId,
    pub(crate) name: Name,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Campaign {
    pub(crate) id: CampaignId,
    pub(crate) brand: BrandId,
    pub(crate) name: Name,
    /// Rising, none twice.
    pub(crate) publishers: Vec<PublisherId>,
    pub(crate) attribution_seconds: u32,
    /// What it is held to.
    pub(crate) policy: CampaignPolicy,
    /// The newest; shared, since answers are made from it.
    pub(crate) declaration: Arc<Declaration>,
    /// How often it was declared.
    pub(crate) declared: Declared,
}

/// How often a campaign was declared on the newest day on which it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Declared {
    day: u64,
    times: usize,
}

impl Declared {
    /// How often on `day`. Clocks differ: a day that is over for one collector is for all.
    pub(crate) fn times_on(self, day: u64) -> usize {
        if day > self.day { 0 } else { self.times }
    }

    /// Once more, on `day`.
    fn and_on(self, day: u64) -> Self {
        Self { day: day.max(self.day), times: self.times_on(day) + 1 }
    }
}

/// A measure, the mechanism that answers it, made once, and the contents that it tells apart.
#[derive(Debug)]
pub(crate) struct CountedMeasure {
    pub(crate) measure: Measure,
    pub(crate) mechanism: Mechanism,
    pub(crate) contents: Option<Arc<Contents>>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ApiKey {
    pub(crate) id: u32,
    pub(crate) principal: Principal,
    pub(crate) hash: [u8; 32],
    pub(crate) created_at: UnixTime,
    /// It may call only what changes nothing.
    pub(crate) read_only: bool,
    /// From then on it is refused.
    pub(crate) expires_at: Option<UnixTime>,
    pub(crate) revoked: bool,
}

impl ApiKey {
    /// Whether its holder can administer for good. There is always one that can.
    pub(crate) fn administers(&self) -> bool {
        let limited = self.revoked || self.read_only || self.expires_at.is_some();
        self.principal == Principal::Operator && !limited
    }
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Epoch {
    pub(crate) entry: EpochEntry,
    pub(crate) standing: Standing,
}

/// What the log says of an epoch beside its times, from the best to the worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Standing {
    /// Nothing: its times say all.
    ByTheClock,
    /// Its key may be known to others: no token of it is issued, and it closes by the clock.
    Compromised,
    /// The same, and it is closed already, whatever a collector's clock says.
    Withdrawn,
    /// Its key is gone for good.
    Destroyed,
}

impl Epoch {
    /// Where it stands at `now`.
    pub(crate) fn state(&self, now: UnixTime) -> EpochState {
        match self.standing {
            Standing::ByTheClock => self.entry.state(now),
            Standing::Compromised if now < self.entry.closes_at => EpochState::Grace,
            Standing::Compromised | Standing::Withdrawn | Standing::Destroyed => EpochState::Closed,
        }
    }

    /// Whether its key is gone for good.
    pub(crate) fn is_destroyed(&self) -> bool {
        self.standing == Standing::Destroyed
    }
}

/// Everything that was administered, and the surges that were found, at one length of the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    length: u64,
    /// Grows with each entry that manifests may depend on: all but those of surges, log filters, backups,
    /// `declaration-made` and tokens set aside. An entry that the store was restored says what it is.
    revision: u64,
    head: Head,
    signing_key: Option<[u8; 32]>,
    publishers: Vec<Publisher>,
    brands: Vec<Brand>,
    campaigns: Vec<Arc<Campaign>>,
    /// What measures name by its digest: each once, however many measures are over it.
    contents: Vec<Arc<Contents>>,
    measures: Vec<Arc<CountedMeasure>>,
    api_keys: Vec<ApiKey>,
    epochs: Vec<Epoch>,
    /// Keys that lay in the vault unpublished when it was compromised: never to be published.
    given_up: HashSet<VaultKey>,
    device_policy: Option<DevicePolicy>,
    /// The form of manifests, with the policy.
    form: u32,
    /// The number after the last epoch's, unless that is told by the epochs.
    next_epoch: Option<EpochId>,
    /// Whether nothing was published since.
    fresh_from_restoring: bool,
    changed_at: Option<UnixTime>,
    deleted_before: Option<UnixTime>,
    /// How many tokens collectors may have issued to each publisher, of epochs that are not closed.
    tokens_set_aside: HashMap<(PublisherId, EpochId), u64>,
    /// By rising id.
    surges: Vec<Arc<Found>>,
    /// How many surges each brand had.
    surges_of: BTreeMap<BrandId, u64>,
}

/// Numbers begin at 1 and are given in order, so a number is a place.
fn numbered<T>(list: &[T], number: u32) -> Option<&T> {
    list.get(usize::try_from(number.checked_sub(1)?).ok()?)
}

/// The number after the last of `list`.
fn next_number<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX).saturating_add(1)
}

impl Catalogue {
    /// How many entries of the log it holds.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The revision of the manifests made from it.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The head of the log's hash chain.
    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// When the last entry was written.
    pub(crate) fn changed_at(&self) -> UnixTime {
        self.changed_at.unwrap_or(UnixTime(0))
    }

    /// The number that the next epoch will have.
    pub(crate) fn next_epoch(&self) -> EpochId {
        self.next_epoch.unwrap_or(EpochId(1))
    }

    /// Whether the store was restored and no epoch published since.
    pub(crate) fn is_fresh_from_restoring(&self) -> bool {
        self.fresh_from_restoring
    }

    /// The tallies of windows that had ended by then are gone.
    pub(crate) fn deleted_before(&self) -> UnixTime {
        self.deleted_before.unwrap_or(UnixTime(0))
    }

    /// The public half of the key that signs manifests, once a collector has started on this log.
    pub(crate) fn signing_key(&self) -> Option<[u8; 32]> {
        self.signing_key
    }

    pub(crate) fn publishers(&self) -> &[Publisher] {
        &self.publishers
    }

    pub(crate) fn brands(&self) -> &[Brand] {
        &self.brands
    }

    pub(crate) fn campaigns(&self) -> &[Arc<Campaign>] {
        &self.campaigns
    }

    pub(crate) fn api_keys(&self) -> &[ApiKey] {
        &self.api_keys
    }

    /// Every epoch ever published, oldest first.
    pub(crate) fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    pub(crate) fn device_policy(&self) -> Option<DevicePolicy> {
        self.device_policy
    }

    pub(crate) fn publisher(&self, id: PublisherId) -> Option<&Publisher> {
        numbered(&self.publishers, id.0)
    }

    pub(crate) fn brand(&self, id: BrandId) -> Option<&Brand> {
        numbered(&self.brands, id.0)
    }

    pub(crate) fn campaign(&self, id: CampaignId) -> Option<&Arc<Campaign>> {
        numbered(&self.campaigns, id.0)
    }

    pub(crate) fn api_key(&self, id: u32) -> Option<&ApiKey> {
        numbered(&self.api_keys, id)
    }

    pub(crate) fn epoch(&self, id: EpochId) -> Option<&Epoch> {
        self.epochs.get(self.place_of_epoch(id)?)
    }

    /// Numbers of epochs rise, with a gap where a store was restored.
    fn place_of_epoch(&self, id: EpochId) -> Option<usize> {
        self.epochs.binary_search_by_key(&id, |epoch| epoch.entry.epoch).ok()
    }

    pub(crate) fn publisher_named(&self, name: &str) -> Option<&Publisher> {
        self.publishers.iter().find(|publisher| publisher.name.as_str() == name)
    }

    pub(crate) fn brand_named(&self, name: &str) -> Option<&Brand> {
        self.brands.iter().find(|brand| brand.name.as_str() == name)
    }

    pub(crate) fn campaign_named(&self, name: &CampaignName) -> Option<&Arc<Campaign>> {
        let brand = self.brand_named(name.brand.as_str())?.id;
        self.campaigns.iter().find(|campaign| campaign.brand == brand && campaign.name == name.campaign)
    }

    /// `brand/campaign`.
    pub(crate) fn full_name(&self, campaign: &Campaign) -> String {
        let brand = self.brand(campaign.brand).map_or("", |brand| brand.name.as_str());
        format!("{brand}/{}", campaign.name)
    }

    pub(crate) fn measures(&self) -> &[Arc<CountedMeasure>] {
        &self.measures
    }

    /// The measures of a campaign, in order of creation.
    pub(crate) fn measures_of(&self, campaign: CampaignId) -> impl Iterator<Item = &Arc<CountedMeasure>> {
        self.measures.iter().filter(move |counted| counted.measure.campaign == campaign)
    }

    /// The measure with this number, if `publisher` takes part in it.
    pub(crate) fn measure_for(&self, publisher: PublisherId, id: MeasureId) -> Option<&Arc<CountedMeasure>> {
        let counted = numbered(&self.measures, id.0)?;
        self.takes_part(publisher, counted.measure.campaign).then_some(counted)
    }

    /// The contents whose catalogue has this digest.
    pub(crate) fn contents(&self, digest: CatalogueDigest) -> Option<&Arc<Contents>> {
        self.contents.iter().find(|contents| contents.catalogue().digest() == digest)
    }

    /// The same, if a measure in which `publisher` takes part is over them.
    pub(crate) fn contents_for(&self, publisher: PublisherId, digest: CatalogueDigest) -> Option<&Arc<Contents>> {
        let is_over = |counted: &&Arc<CountedMeasure>| {
            let named = counted.measure.domain.catalogue();
            named.is_some_and(|named| named.digest == digest) && self.takes_part(publisher, counted.measure.campaign)
        };
        self.measures.iter().find(is_over)?.contents.as_ref()
    }

    fn takes_part(&self, publisher: PublisherId, campaign: CampaignId) -> bool {
        self.campaign(campaign).is_some_and(|campaign| campaign.publishers.binary_search(&publisher).is_ok())
    }
}
