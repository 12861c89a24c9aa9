//! Any bytes as the state of a device: refused, or a device opens on it, lives through a visit and a share, and writes it again.
#![no_main]

use std::sync::{Arc, LazyLock};

use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;
use tacita_client::{Device, DeviceConfig, DeviceState, MemoryStorage, Reply, Storage, Transport, TransportError};
use tacita_fuzz::plant;
use tacita_protocol::{
    arrival::{Evidence, Navigation},
    catalogue::CatalogueDigest,
    epoch::EpochId,
    id::PublisherId,
    manifest::SignedManifest,
    outcome::Outcome,
    time::{ManualClock, UnixTime},
};
use tacita_tokens::{BlindedBatch, Envelope, IssuedBatch};
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

/// A relay that is not there.
#[derive(Debug)]
struct Away;

fn away<'a, T: Send + 'a>() -> Reply<'a, T> {
    Box::pin(async { Err(TransportError::Unavailable("away".to_owned())) })
}

impl Transport for Away {
    fn manifest(&self, _: PublisherId) -> Reply<'_, SignedManifest> {
        away()
    }
    fn catalogue(&self, _: PublisherId, _: CatalogueDigest) -> Reply<'_, Vec<u8>> {
        away()
    }
    fn issue(&self, _: PublisherId, _: EpochId, _: BlindedBatch) -> Reply<'_, IssuedBatch> {
        away()
    }
    fn submit(&self, _: Vec<Envelope>) -> Reply<'_, Vec<Outcome>> {
        away()
    }
}

fn live(state: &DeviceState) {
    let storage = MemoryStorage::new();
    let put = storage.update(&mut |held| {
        *held = state.clone();
        Ok(())
    });
    put.expect("memory takes it");
    let config = DeviceConfig::new(PublisherId(7), SigningKey::from_bytes(&[42; 32]).verifying_key());
    let clock = Arc::new(ManualClock::new(UnixTime(1_795_348_800)));
    let Ok(device) = Device::open(config, storage, Away, clock) else { return };
    let evidence = Evidence {
        url: "https://news.example/",
        referrer: "",
        user_agent: "",
        navigation: Navigation::Navigate,
        landing_pages: &[],
    };
    drop(device.begin_session(&evidence));
    let _ = RUNTIME.block_on(device.flush());
}

fn seeds() -> Vec<Vec<u8>> {
    vec![postcard::to_stdvec(&DeviceState::default()).expect("an empty state")]
}

fuzz_target!(init: plant("client_state", seeds()), |bytes: &[u8]| {
    let Ok(state) = postcard::from_bytes::<DeviceState>(bytes) else { return };
    let written = postcard::to_stdvec(&state).expect("a state that was read");
    let again: DeviceState = postcard::from_bytes(&written).expect("what was written");
    live(&again);
});
