//! The manifest: what a device must know before it can report, signed by the collector.
//!
//! The signature is over the bytes as they travel; they are verified as they came and never re-encoded.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use prost::Message as _;
use tacita_proto::v1;

use crate::{
    catalogue::CatalogueRef,
    epoch::{DirectoryError, EpochEntry, EpochId, EpochState, chain_after, verify_chain},
    id::{BrandId, CampaignId, InvalidName, MeasureId, Name, PublisherId},
    measure::{InvalidMeasure, Measure},
    policy::CampaignPolicy,
    time::UnixTime,
};

/// The protocol version that this crate speaks.
pub const VERSION: u32 = 1;

/// The largest bound of a ledger that anybody takes for one: ε = 1,000. A manifest with another is refused.
pub const MAX_LEDGER_BOUND_MICRO: u32 = 1_000_000_000;

/// What precedes the manifest's bytes under the signature.
const SIGNATURE_DOMAIN: &[u8] = b"tacita/manifest/v1";

/// What a device must know before it can report.
#[derive(Clone, PartialEq, Debug)]
pub struct Manifest {
    /// Whose manifest it is.
    pub publisher: PublisherId,
    /// Grows with each change; a device never goes back to a smaller one.
    pub revision: u64,
    /// The published epochs, oldest first.
    pub epochs: Vec<EpochEntry>,
    /// The measures that this publisher takes part in.
    pub measures: Vec<Measure>,
    /// The campaigns of those measures.
    pub campaigns: Vec<ManifestCampaign>,
    /// What a device must keep to.
    pub policy: DevicePolicy,
}

/// What a manifest holds those after it to: which it was, and the keys that it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directory {
    /// The manifest's revision.
    pub revision: u64,
    /// The published epochs, oldest first.
    pub epochs: Vec<EpochEntry>,
}

impl Directory {
    /// The first of a later manifest's epochs by which its directory does not go on where this one stands: it is listed
    /// here with another key or chain value, it comes before all that is listed, or it does not link to the end. What
    /// comes after a gap, as after a long absence, cannot be checked.
    pub fn broken_by(&self, later: &[EpochEntry]) -> Option<EpochId> {
        later.iter().find(|entry| !self.is_continued_by(entry)).map(|entry| entry.epoch)
    }

    fn is_continued_by(&self, entry: &EpochEntry) -> bool {
        if let Some(known) = self.epochs.iter().find(|known| known.epoch == entry.epoch) {
            return known.public_key == entry.public_key && known.chain == entry.chain;
        }
        match self.epochs.last() {
            Some(end) if entry.epoch == end.epoch.next() => {
                entry.chain == chain_after(&end.chain, entry.epoch, &entry.public_key)
            }
            Some(end) => entry.epoch > end.epoch,
            None => true,
        }
    }
}

/// Where the directory stands in a manifest, and whose it is, whatever else a version of it says: these fields never
/// change.
#[derive(Clone, PartialEq, prost::Message)]
struct DirectoryFields {
    #[prost(uint32, tag = "2")]
    publisher: u32,
    #[prost(uint64, tag = "3")]
    revision: u64,
    #[prost(message, repeated, tag = "4")]
    epochs: Vec<v1::EpochEntry>,
}

/// A campaign, as far as a device needs to know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManifestCampaign {
    /// Its number, which link tags carry.
    pub id: CampaignId,
    /// The querier whose ledger pays.
    pub brand: BrandId,
    /// Its name within the brand.
    pub name: Name,
    /// How long a tagged arrival is remembered for a later conversion.
    pub attribution_seconds: u32,
    /// What it is held to.
    pub policy: CampaignPolicy,
}

/// What a device of a publisher must keep to: the same for all, since a difference would be a mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DevicePolicy {
    /// Tokens asked for at a time, 1 to 128.
    pub token_batch: u32,
    /// What a device may spend per brand and epoch, in millionths of ε.
    pub ledger_bound_micro: u32,
}

impl Default for DevicePolicy {
    /// 32 tokens at a time, ε = 8 per brand and epoch.
    fn default() -> Self {
        Self { token_batch: 32, ledger_bound_micro: 8_000_000 }
    }
}

/// A manifest cannot be used.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum ManifestError {
    /// The bytes are no manifest.
    #[error("the manifest does not decode")]
    Malformed,
    /// The signature is not by the pinned key.
    #[error("the manifest's signature is not by the pinned key; check the key in the embed code")]
    Signature,
    /// Another protocol version.
    #[error("the manifest speaks protocol version {0}, this program {VERSION}; update it")]
    Version(u32),
    /// Another publisher's manifest.
    #[error("the manifest is publisher {0}'s")]
    Publisher(PublisherId),
    /// The policy is out of range.
    #[error("the manifest's policy is out of range")]
    Policy,
    /// A measure does not hold.
    #[error("measure {0}: {1}")]
    Measure(MeasureId, InvalidMeasure),
    /// A measure names a campaign that is not listed.
    #[error("measure {0} belongs to no listed campaign")]
    NoCampaign(MeasureId),
    /// A campaign's name does not hold.
    #[error("campaign {0}: {1}")]
    Campaign(CampaignId, InvalidName),
    /// A campaign says nothing of what it is held to.
    #[error("campaign {0} has no policy")]
    NoPolicy(CampaignId),
    /// The key directory does not hold.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// A manifest with its signature, as it travels.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedManifest {
    manifest: Vec<u8>,
    signature: Vec<u8>,
}

impl Manifest {
    /// Encodes and signs.
    pub fn sign(&self, key: &SigningKey) -> SignedManifest {
        let manifest = v1::Manifest::from(self).encode_to_vec();
        let signature = key.sign(&signed_bytes(&manifest)).to_bytes().to_vec();
        SignedManifest { manifest, signature }
    }

    /// What it holds those after it to.
    pub fn directory(&self) -> Directory {
        Directory { revision: self.revision, epochs: self.epochs.clone() }
    }

    /// The active epoch at `now`.
    pub fn active_epoch(&self, now: UnixTime) -> Option<&EpochEntry> {
        self.epochs.iter().find(|entry| entry.state(now) == EpochState::Active)
    }

    /// The entry of `epoch`.
    pub fn epoch(&self, epoch: EpochId) -> Option<&EpochEntry> {
        self.epochs.iter().find(|entry| entry.epoch == epoch)
    }

    /// The catalogues that its measures are over, each once.
    pub fn catalogues(&self) -> Vec<CatalogueRef> {
        each_once(self.measures.iter().filter_map(|measure| measure.domain.catalogue()).copied())
    }

    /// Whether a measure keeps to the policy of its campaign. An honest collector names no other; a device answers no other.
    pub fn is_lawful(&self, measure: &Measure) -> bool {
        self.campaign(measure.campaign).is_some_and(|one| one.policy.check_epsilon(measure.epsilon).is_ok())
    }

    /// The campaign with this number.
    pub fn campaign(&self, id: CampaignId) -> Option<&ManifestCampaign> {
        self.campaigns.iter().find(|campaign| campaign.id == id)
    }
}

impl SignedManifest {
    /// Checks the signature by the pinned `key` and then all that the manifest says.
    pub fn verify(&self, key: &VerifyingKey, publisher: PublisherId) -> Result<Manifest, ManifestError> {
        if !self.is_by(key) {
            return Err(ManifestError::Signature);
        }
        let wire = v1::Manifest::decode(self.manifest.as_slice()).map_err(|_| ManifestError::Malformed)?;
        let manifest = Manifest::try_from(&wire)?;
        if manifest.publisher != publisher {
            return Err(ManifestError::Publisher(manifest.publisher));
        }
        Ok(manifest)
    }

    /// The directory of a manifest that was taken before, also where [`verify`](Self::verify) refuses it by now:
    /// another version of this program may have taken it. `None` if it is not signed by the pinned `key`, or is another
    /// publisher's: it holds nobody to anything.
    ///
    /// # Errors
    /// [`ManifestError::Malformed`] and [`ManifestError::Directory`] for one that no version has ever taken.
    pub fn directory(&self, key: &VerifyingKey, publisher: PublisherId) -> Result<Option<Directory>, ManifestError> {
        if !self.is_by(key) {
            return Ok(None);
        }
        let fields = DirectoryFields::decode(self.manifest.as_slice()).map_err(|_| ManifestError::Malformed)?;
        if PublisherId(fields.publisher) != publisher {
            return Ok(None);
        }
        let epochs = fields.epochs.iter().map(EpochEntry::try_from).collect::<Result<_, _>>()?;
        Ok(Some(Directory { revision: fields.revision, epochs }))
    }

    fn is_by(&self, key: &VerifyingKey) -> bool {
        let signature = Signature::from_slice(&self.signature);
        signature.is_ok_and(|signature| key.verify_strict(&signed_bytes(&self.manifest), &signature).is_ok())
    }

    /// The catalogues that its measures name, each once; those of measures that this version passes over among them. Unverified.
    pub fn catalogues(&self) -> Vec<CatalogueRef> {
        let wire = v1::Manifest::decode(self.manifest.as_slice()).unwrap_or_default();
        let dimensions = wire.measures.iter().flat_map(|measure| &measure.dimensions);
        let named = dimensions.filter_map(|dimension| CatalogueRef::try_from(dimension.catalogue.as_ref()?).ok());
        each_once(named)
    }

    /// The manifest's bytes, unverified.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest
    }
}

impl fmt::Debug for SignedManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedManifest({} bytes)", self.manifest.len())
    }
}

fn each_once(all: impl Iterator<Item = CatalogueRef>) -> Vec<CatalogueRef> {
    let mut named: Vec<CatalogueRef> = Vec::new();
    for one in all {
        if !named.iter().any(|known| known.digest == one.digest) {
            named.push(one);
        }
    }
    named
}

fn signed_bytes(manifest: &[u8]) -> Vec<u8> {
    [SIGNATURE_DOMAIN, manifest].concat()
}

impl From<SignedManifest> for v1::SignedManifest {
    fn from(signed: SignedManifest) -> Self {
        Self { manifest: signed.manifest, signature: signed.signature }
    }
}

impl From<v1::SignedManifest> for SignedManifest {
    fn from(wire: v1::SignedManifest) -> Self {
        Self { manifest: wire.manifest, signature: wire.signature }
    }
}

impl From<&Manifest> for v1::Manifest {
    fn from(manifest: &Manifest) -> Self {
        Self {
            version: VERSION,
            publisher: manifest.publisher.0,
            revision: manifest.revision,
            epochs: manifest.epochs.iter().map(Into::into).collect(),
            measures: manifest.measures.iter().map(Into::into).collect(),
            campaigns: manifest.campaigns.iter().map(Into::into).collect(),
            policy: Some(v1::DevicePolicy {
                token_batch: manifest.policy.token_batch,
                ledger_bound_micro: manifest.policy.ledger_bound_micro,
            }),
        }
    }
}

impl TryFrom<&v1::Manifest> for Manifest {
    type Error = ManifestError;

    fn try_from(wire: &v1::Manifest) -> Result<Self, ManifestError> {
        if wire.version != VERSION {
            return Err(ManifestError::Version(wire.version));
        }
        let epochs = wire.epochs.iter().map(EpochEntry::try_from).collect::<Result<Vec<_>, _>>()?;
        verify_chain(&epochs)?;
        let campaigns = wire.campaigns.iter().map(ManifestCampaign::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            publisher: PublisherId(wire.publisher),
            revision: wire.revision,
            epochs,
            measures: measures_of(wire, &campaigns)?,
            campaigns,
            policy: policy_of(wire)?,
        })
    }
}

/// The measures that this version can answer. Whatever a later one adds that an earlier one must not answer has an event or a
/// participation of its own, and is passed over whole (`spec/manifest.md`, versions).
fn measures_of(wire: &v1::Manifest, campaigns: &[ManifestCampaign]) -> Result<Vec<Measure>, ManifestError> {
    let is_known = |wire: &&v1::Measure| {
        v1::Event::try_from(wire.event).is_ok() && v1::Participation::try_from(wire.participation).is_ok()
    };
    let read = |wire: &v1::Measure| {
        let id = MeasureId(wire.id);
        let measure = Measure::try_from(wire).map_err(|error| ManifestError::Measure(id, error))?;
        match campaigns.iter().any(|campaign| campaign.id == measure.campaign) {
            true => Ok(measure),
            false => Err(ManifestError::NoCampaign(id)),
        }
    };
    wire.measures.iter().filter(is_known).map(read).collect()
}

fn policy_of(wire: &v1::Manifest) -> Result<DevicePolicy, ManifestError> {
    let policy = wire.policy.as_ref().ok_or(ManifestError::Policy)?;
    let sizes = 1..=tacita_tokens::MAX_BATCH as u32;
    if !sizes.contains(&policy.token_batch) || policy.ledger_bound_micro > MAX_LEDGER_BOUND_MICRO {
        return Err(ManifestError::Policy);
    }
    Ok(DevicePolicy { token_batch: policy.token_batch, ledger_bound_micro: policy.ledger_bound_micro })
}

impl From<&ManifestCampaign> for v1::ManifestCampaign {
    fn from(campaign: &ManifestCampaign) -> Self {
        Self {
            id: campaign.id.0,
            brand: campaign.brand.0,
            name: campaign.name.to_string(),
            attribution_seconds: campaign.attribution_seconds,
            policy: Some((&campaign.policy).into()),
        }
    }
}

impl TryFrom<&v1::ManifestCampaign> for ManifestCampaign {
    type Error = ManifestError;

    fn try_from(wire: &v1::ManifestCampaign) -> Result<Self, ManifestError> {
        let id = CampaignId(wire.id);
        Ok(Self {
            id,
            brand: BrandId(wire.brand),
            name: wire.name.parse().map_err(|error| ManifestError::Campaign(id, error))?,
            attribution_seconds: wire.attribution_seconds,
            policy: wire.policy.as_ref().ok_or(ManifestError::NoPolicy(id))?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use tacita_dp::Epsilon;
    use tacita_tokens::EpochKey;

    use super::*;
    use crate::{
        domain::Domain,
        epoch::EpochSchedule,
        measure::{Event, Participation},
        time::WindowLength,
    };

    fn signing_key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn manifest() -> Manifest {
        let epsilon = Epsilon::from_micro(3_000_000).unwrap();
        let campaign = CampaignId(3);
        let key = EpochKey::generate(&mut rand::rng()).unwrap().public_key();
        Manifest {
            publisher: PublisherId(5),
            revision: 9,
            epochs: vec![EpochEntry::following(None, key, UnixTime(1_000), &EpochSchedule::default())],
            measures: vec![Measure {
                id: MeasureId(1),
                campaign,
                name: "arrivals".parse().unwrap(),
                event: Event::Arrival,
                participation: Participation::Event,
                domain: Domain::new(Domain::default_dimensions(Event::Arrival), epsilon).unwrap(),
                epsilon,
                window: WindowLength::DAY,
            }],
            campaigns: vec![ManifestCampaign {
                id: campaign,
                brand: BrandId(1),
                name: "spring".parse().unwrap(),
                attribution_seconds: 604_800,
                policy: CampaignPolicy::default(),
            }],
            policy: DevicePolicy::default(),
        }
    }

    #[test]
    fn a_signed_manifest_is_read_by_who_pins_the_key() {
        let signed = manifest().sign(&signing_key());
        assert_eq!(signed.verify(&signing_key().verifying_key(), PublisherId(5)), Ok(manifest_of(&signed)));
    }

    fn manifest_of(signed: &SignedManifest) -> Manifest {
        Manifest::try_from(&v1::Manifest::decode(signed.manifest_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn another_key_a_changed_byte_or_another_publisher_is_refused() {
        let signed = manifest().sign(&signing_key());
        let key = signing_key().verifying_key();
        let stranger = SigningKey::from_bytes(&[8; 32]).verifying_key();
        assert_eq!(signed.verify(&stranger, PublisherId(5)), Err(ManifestError::Signature));
        assert_eq!(signed.verify(&key, PublisherId(6)), Err(ManifestError::Publisher(PublisherId(5))));
        for index in 0..signed.manifest.len() {
            let mut changed = signed.clone();
            changed.manifest[index] ^= 1;
            assert_eq!(changed.verify(&key, PublisherId(5)), Err(ManifestError::Signature), "byte {index}");
        }
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over_and_the_rest_holds() {
        let known = manifest();
        let mut wire = v1::Manifest::from(&known);
        let catalogue = v1::CatalogueRef { digest: vec![7; 32], contents: 3, tail: 2 };
        let content = v1::Dimension { name: "content".into(), labels: vec![], catalogue: Some(catalogue) };
        let shapeless = v1::Dimension { name: "place".into(), labels: vec![], catalogue: None };
        let new_event =
            v1::Measure { id: 2, event: 77, dimensions: vec![content, shapeless], ..wire.measures[0].clone() };
        let new_participation = v1::Measure { id: 3, participation: 9, ..wire.measures[0].clone() };
        wire.measures.extend([new_event, new_participation]);
        // A field that is not known (number 99, some bytes), in the manifest and in a signed message around it.
        let unknown = [&[0x9a, 0x06, 3][..], b"new"].concat();
        let bytes = [wire.encode_to_vec(), unknown].concat();
        let signature = signing_key().sign(&signed_bytes(&bytes)).to_bytes().to_vec();
        let signed = SignedManifest { manifest: bytes, signature };
        assert_eq!(signed.verify(&signing_key().verifying_key(), PublisherId(5)), Ok(known.clone()));
        assert_eq!(known.catalogues(), []);
        assert_eq!(signed.catalogues().iter().map(|named| (named.contents, named.tail)).collect::<Vec<_>>(), [(3, 2)]);
    }

    #[test]
    fn the_directory_is_read_from_the_publishers_manifest_of_any_version_by_who_pins_the_key() {
        let known = manifest();
        let key = signing_key().verifying_key();
        let stranger = SigningKey::from_bytes(&[8; 32]).verifying_key();
        let mut wire = v1::Manifest::from(&known);
        wire.version = 2;
        wire.campaigns[0].policy = None;
        wire.policy = None;
        // Measures of another type altogether: field 5 as a number.
        wire.measures.clear();
        let bytes = [wire.encode_to_vec(), vec![5 << 3, 1]].concat();
        let signature = signing_key().sign(&signed_bytes(&bytes)).to_bytes().to_vec();
        let other = SignedManifest { manifest: bytes, signature };
        assert_eq!(other.verify(&key, PublisherId(5)), Err(ManifestError::Malformed));
        for signed in [known.sign(&signing_key()), other] {
            assert_eq!(signed.directory(&key, PublisherId(5)), Ok(Some(known.directory())));
            assert_eq!(signed.directory(&stranger, PublisherId(5)), Ok(None));
            assert_eq!(signed.directory(&key, PublisherId(6)), Ok(None));
        }
    }

    #[test]
    fn a_directory_goes_on_with_the_keys_that_it_lists_and_from_its_end_or_after_a_gap() {
        let epochs = |count: usize| {
            let mut epochs: Vec<EpochEntry> = Vec::new();
            for _ in 0..count {
                let key = EpochKey::generate(&mut rand::rng()).unwrap().public_key();
                let next = EpochEntry::following(epochs.last(), key, UnixTime(1_000), &EpochSchedule::default());
                epochs.push(next);
            }
            epochs
        };
        let (known, forged) = (epochs(5), epochs(5));
        let directory = Directory { revision: 9, epochs: known[1..3].to_vec() };
        for later in [&known[1..3], &known[2..4], &known[3..], &known[4..], &forged[4..], &[]] {
            assert_eq!(directory.broken_by(later), None);
        }
        let broken = [&known[..3], &forged[1..3], &forged[2..4], &forged[3..]].map(|later| directory.broken_by(later));
        assert_eq!(broken, [1, 2, 3, 4].map(|epoch| Some(EpochId(epoch))));
        assert_eq!(Directory { revision: 9, epochs: vec![] }.broken_by(&forged), None);
    }

    #[test]
    fn a_signed_manifest_that_says_nonsense_is_refused() {
        let refused = |change: fn(&mut v1::Manifest)| {
            let mut wire = v1::Manifest::from(&manifest());
            change(&mut wire);
            Manifest::try_from(&wire).unwrap_err()
        };
        assert_eq!(refused(|m| m.version = 2), ManifestError::Version(2));
        assert_eq!(refused(|m| m.policy = None), ManifestError::Policy);
        assert_eq!(refused(|m| m.policy.as_mut().unwrap().token_batch = 0), ManifestError::Policy);
        assert_eq!(refused(|m| m.policy.as_mut().unwrap().token_batch = 129), ManifestError::Policy);
        assert_eq!(refused(|m| m.policy.as_mut().unwrap().ledger_bound_micro = 1_000_000_001), ManifestError::Policy);
        assert_eq!(refused(|m| m.campaigns[0].policy = None), ManifestError::NoPolicy(CampaignId(3)));
        assert_eq!(refused(|m| m.campaigns.clear()), ManifestError::NoCampaign(MeasureId(1)));
        assert!(matches!(refused(|m| m.measures[0].epsilon_micro = 0), ManifestError::Measure(..)));
        assert!(matches!(refused(|m| m.measures[0].event = 0), ManifestError::Measure(..)));
        assert!(matches!(refused(|m| m.epochs[0].public_key[0] ^= 1), ManifestError::Directory(_)));
        assert!(matches!(refused(|m| m.epochs[0].closes_at = 0), ManifestError::Directory(_)));
    }
}
