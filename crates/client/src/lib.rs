//! Tacita's SDK for native applications and server-side event sources.
//!
//! A [`Device`] measures what its visitor does without telling anyone: it opens a slot for each thing that the first party
//! already knows to have happened, answers it at random, seals the answer under an anonymous token and hands it to the
//! publisher's relay. The true value never leaves this crate. `spec/device.md` is exact.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use tacita_client::{Device, DeviceConfig, FileStorage, GrpcTransport, Visit};
//! use tacita_protocol::{arrival::{Evidence, Navigation}, channel::Channel, id::PublisherId, time::SystemClock};
//!
//! # async fn run(pinned: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
//! let config = DeviceConfig::new(PublisherId(7), tacita_client::VerifyingKey::from_bytes(&pinned)?)
//!     .landing_pages(["/news"]);
//! let storage = FileStorage::open("tacita.redb")?;
//! let transport = GrpcTransport::connect("https://relay.example")?;
//! let device = Device::open(config, storage, transport, Arc::new(SystemClock))?;
//! device.refresh().await?;
//!
//! let evidence = Evidence {
//!     url: "https://example.com/a-story",
//!     referrer: "",
//!     user_agent: "",
//!     navigation: Navigation::Navigate,
//!     landing_pages: &[],
//! };
//! if let Visit::Person(session) = device.begin_session(&evidence)? {
//!     let shared = session.share(Channel::COPY)?;
//!     println!("copy one of {:?}", shared.links);
//!     session.convert(Some(19.90))?;
//!     session.close()?;
//! }
//! let summary = device.flush().await;
//! if let Some(trouble) = &summary.trouble {
//!     eprintln!("{} reports wait for the next flush: {trouble}", summary.left);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `device`, `config` | the entry point, consent |
//! | `session` | one visit: arrival, shares, conversions |
//! | `occurrence` | the lower level: one thing that happened, and what was answered |
//! | `slots` | opening and closing a slot: ordinal, ledger, randomizer |
//! | `sharing` | where the device has shared: two bits a window |
//! | `attribution` | which arrival a conversion is credited to |
//! | `edition` | a verified manifest, made ready for use |
//! | `seen` | which manifests were seen, and what may follow them |
//! | `catalogues` | the contents that a manifest names by digest |
//! | `refresh` | the manifest and the token wallet |
//! | `flush` | sealing, sending, forgetting |
//! | `state`, `storage` | all that a device keeps, and where |
//! | `secret` | secret bytes there: wiped when dropped, never printed |
//! | `transport` | how it reaches its relay |
//! | `error` | what can go wrong, and what the caller can do |

mod attribution;
mod catalogues;
mod config;
mod device;
mod edition;
mod error;
mod flush;
mod occurrence;
mod refresh;
mod secret;
mod seen;
mod session;
mod sharing;
mod slots;
mod state;
mod storage;
mod transport;

pub use config::DeviceConfig;
pub use device::{Device, LedgerLine};
pub use ed25519_dalek::VerifyingKey;
pub use error::ClientError;
pub use flush::FlushSummary;
pub use occurrence::{Answer, Occurrence, Recorded};
pub use session::{CampaignLink, Session, Shared, Visit};
pub use sharing::SharingLine;
pub use state::{DeviceState, MAX_PENDING};
pub use storage::{Change, FileStorage, Look, MemoryStorage, Storage, StorageError};
pub use transport::{GrpcTransport, Reply, Transport, TransportError};
