//! Any bytes as a manifest: refused, or read back the same after it is written; any signature but the signer's is
//! refused; and directories compare. Any bytes that the signer signed as a manifest that was kept: its directory is
//! read where the manifest is, and may be where it is not.
#![no_main]

use std::sync::LazyLock;

use ed25519_dalek::{Signer as _, SigningKey};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use tacita_fuzz::plant;
use tacita_proto::v1;
use tacita_protocol::{
    directory,
    epoch::{EpochEntry, EpochSchedule},
    id::PublisherId,
    manifest::{Directory, Manifest, ManifestError, SignedManifest},
    time::UnixTime,
};
use tacita_tokens::EpochKey;

static SIGNER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[42; 32]));

static GENUINE: LazyLock<v1::Manifest> = LazyLock::new(|| {
    let key = |seed| EpochKey::generate(&mut ChaCha20Rng::seed_from_u64(seed)).expect("a key").public_key();
    let first = EpochEntry::following(None, key(1), UnixTime(1_728_000_000), &EpochSchedule::default());
    let second = EpochEntry::following(Some(&first), key(2), first.ends_at, &EpochSchedule::default());
    let labels = |name: &str, labels: &str| v1::Dimension {
        name: name.into(),
        labels: labels.split(',').map(Into::into).collect(),
        catalogue: None,
    };
    let measure = |id, name: &str, event: v1::Event, dimensions| v1::Measure {
        id,
        campaign: 1,
        name: name.into(),
        event: event.into(),
        participation: v1::Participation::Event.into(),
        dimensions,
        epsilon_micro: 2_000_000,
        window_seconds: 86_400,
    };
    let catalogue = v1::CatalogueRef { digest: vec![7; 32], contents: 3, tail: 2 };
    let content = v1::Dimension { name: "content".into(), labels: vec![], catalogue: Some(catalogue) };
    v1::Manifest {
        version: 1,
        publisher: 7,
        revision: 10,
        epochs: [&first, &second].map(Into::into).to_vec(),
        measures: vec![
            measure(1, "arrivals", v1::Event::Arrival, vec![labels("channel", "whatsapp,other")]),
            measure(2, "values", v1::Event::Conversion, vec![labels("value", "0..50,50..")]),
            measure(3, "stories", v1::Event::ContentShare, vec![content]),
            measure(
                4,
                "sharers",
                v1::Event::SharerProfile,
                vec![labels("profile", "neither,private-only,public-only,both")],
            ),
        ],
        campaigns: vec![v1::ManifestCampaign {
            id: 1,
            brand: 3,
            name: "spring".into(),
            attribution_seconds: 604_800,
            policy: Some((&tacita_protocol::policy::CampaignPolicy::default()).into()),
        }],
        policy: Some(v1::DevicePolicy { token_batch: 32, ledger_bound_micro: 8_000_000 }),
    }
});

static READ: LazyLock<Manifest> = LazyLock::new(|| Manifest::try_from(&*GENUINE).expect("a manifest"));

fn signed(manifest: &[u8], signature: &[u8]) -> Result<Manifest, ManifestError> {
    let wire = v1::SignedManifest { manifest: manifest.to_vec(), signature: signature.to_vec() };
    SignedManifest::from(wire).verify(&SIGNER.verifying_key(), PublisherId(7))
}

/// What relays and devices read from a manifest that they keep, of whatever version.
fn kept(manifest: &[u8]) -> Option<Directory> {
    let signature = SIGNER.sign(&[b"tacita/manifest/v1", manifest].concat()).to_bytes().to_vec();
    let wire = v1::SignedManifest { manifest: manifest.to_vec(), signature };
    SignedManifest::from(wire).directory(&SIGNER.verifying_key(), PublisherId(7)).ok()?
}

fuzz_target!(init: plant("protocol_manifest", [GENUINE.encode_to_vec()]), |bytes: &[u8]| {
    assert!(signed(bytes, bytes.get(..64).unwrap_or_default()).is_err(), "a signature that nobody made");
    let kept = kept(bytes);
    if let Some(kept) = &kept {
        kept.broken_by(&READ.epochs);
        READ.directory().broken_by(&kept.epochs);
    }
    let Ok(wire) = v1::Manifest::decode(bytes) else { return };
    let Ok(manifest) = Manifest::try_from(&wire) else { return };
    assert_eq!(Manifest::try_from(&v1::Manifest::from(&manifest)).as_ref(), Ok(&manifest));
    let own = v1::SignedManifest::from(manifest.sign(&SIGNER));
    assert_eq!(signed(&own.manifest, &own.signature).is_ok(), manifest.publisher == PublisherId(7));
    if manifest.publisher == PublisherId(7) {
        assert_eq!(kept, Some(manifest.directory()), "a manifest that is read holds the next one to its directory");
    }
    assert_eq!(manifest.directory().broken_by(&manifest.epochs), None, "a manifest may follow itself");
    let _ = manifest.active_epoch(UnixTime(1_728_000_000));
    directory::compare(&[("one".into(), READ.epochs.clone()), ("other".into(), manifest.epochs)]);
});
