//! All that a device keeps: one value, changed by one atomic update at a time.

pub(crate) mod earlier;

use std::{collections::VecDeque, fmt, sync::Arc};

use prost::Message as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tacita_proto::v1;
use tacita_protocol::{
    channel::Channel,
    epoch::EpochId,
    id::{BrandId, CampaignId, MeasureId, PublisherId},
    manifest::SignedManifest,
    report::Report,
    time::{UnixTime, WindowId},
};
use tacita_tokens::{PAYLOAD_LEN, TOKEN_LEN, Token};

use crate::{ClientError, secret::Secret, sharing::SharingMemory};

/// The most reports that a device keeps for sending: open slots, waiting reports and sealed ones together.
pub const MAX_PENDING: usize = 1_024;

/// Bytes of the device secret of an epoch.
pub(crate) const SECRET_LEN: usize = 32;

/// The number of the layout of a stored state. Another one for every change of it, of any field: layouts before it are read in
/// [`earlier`].
pub(crate) const FORMAT: u32 = 2;

/// All that a device keeps.
///
/// Opaque: a [`Storage`](crate::Storage) stores it through `serde` and looks at nothing. It holds secrets (tokens, the
/// device secret, true values of open slots): keep it out of backups and logs. It wipes its secrets when dropped.
/// Its layout is another from version to version; [`FileStorage`](crate::FileStorage) reads the earlier ones.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct DeviceState {
    pub(crate) publisher: Option<PublisherId>,
    pub(crate) opted_out: bool,
    /// No budget is left in this epoch and those before: what was spent there has been erased.
    pub(crate) spent_through: Option<EpochId>,
    pub(crate) manifest: Option<StoredManifest>,
    pub(crate) secret: Option<EpochSecret>,
    pub(crate) wallet: Vec<StoredToken>,
    pub(crate) ledger: Vec<Spent>,
    /// When the epoch began with which the budgets last began anew.
    pub(crate) budget_since: Option<UnixTime>,
    pub(crate) slots: Vec<SlotCount>,
    pub(crate) sessions: Vec<OpenSession>,
    pub(crate) next_session: u64,
    pub(crate) waiting: VecDeque<WaitingReport>,
    pub(crate) outbox: VecDeque<SealedReport>,
    pub(crate) touches: Vec<Touch>,
    /// Reports dropped unsent since the last flush, their time being over.
    pub(crate) expired: u64,
    pub(crate) sharing: SharingMemory,
}

/// A signed manifest's bytes. Shared, since thousands of simulated devices hold the same one.
#[derive(Clone)]
pub(crate) struct StoredManifest(pub(crate) Arc<[u8]>);

impl StoredManifest {
    /// As it travelled. Unverified.
    pub(crate) fn signed(&self) -> Option<SignedManifest> {
        v1::SignedManifest::decode(&*self.0).ok().map(SignedManifest::from)
    }
}

impl Serialize for StoredManifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0[..].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredManifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|bytes| Self(bytes.into()))
    }
}

/// The secret behind an epoch's memoized answers.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct EpochSecret {
    pub(crate) epoch: EpochId,
    pub(crate) bytes: Secret<SECRET_LEN>,
}

/// An unspent token.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredToken {
    pub(crate) epoch: EpochId,
    bytes: Secret<TOKEN_LEN>,
}

impl From<Token> for StoredToken {
    fn from(token: Token) -> Self {
        Self { epoch: EpochId(token.epoch()), bytes: Secret::new(token.to_bytes()) }
    }
}

impl StoredToken {
    /// The token, if these bytes are one of a format that this program knows.
    pub(crate) fn into_token(self) -> Option<Token> {
        Token::from_bytes(self.bytes.expose()).ok()
    }
}

/// Out of which budget a slot is paid: out of both that it belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Purse {
    /// Of all campaigns of a brand.
    Brand(BrandId),
    /// Of one campaign.
    Campaign(CampaignId),
}

/// What the slots of an epoch have cost one budget.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Spent {
    pub(crate) purse: Purse,
    pub(crate) epoch: EpochId,
    pub(crate) micro: u64,
}

/// How many slots of a measure were opened in a window.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SlotCount {
    pub(crate) measure: MeasureId,
    pub(crate) window: WindowId,
    pub(crate) opened: u32,
    pub(crate) forget_at: UnixTime,
}

/// A visit whose session slots are open.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OpenSession {
    pub(crate) id: u64,
    pub(crate) slots: Vec<OpenSlot>,
}

/// A slot that is paid for and has its ordinal, with the true value so far.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OpenSlot {
    pub(crate) measure: MeasureId,
    pub(crate) window: WindowId,
    pub(crate) ordinal: u32,
    pub(crate) exhausted: bool,
    pub(crate) cell: u32,
    pub(crate) expires_at: UnixTime,
}

/// A randomized report that waits for a token.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct WaitingReport {
    payload: [u8; PAYLOAD_LEN],
    pub(crate) expires_at: UnixTime,
}

impl WaitingReport {
    pub(crate) fn new(report: Report, expires_at: UnixTime) -> Self {
        Self { payload: report.to_bytes(), expires_at }
    }

    pub(crate) fn payload(&self) -> &[u8; PAYLOAD_LEN] {
        &self.payload
    }
}

/// A sealed report: the only bytes that will ever leave for its token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SealedReport {
    pub(crate) envelope: Vec<u8>,
    pub(crate) expires_at: UnixTime,
}

/// The arrival that a conversion would be credited to: the campaign and the channel, nothing else.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Touch {
    pub(crate) campaign: CampaignId,
    /// The channel's code, which outlives a change of the channel table.
    channel: u8,
    pub(crate) until: UnixTime,
}

impl Touch {
    pub(crate) fn new(campaign: CampaignId, channel: Channel, until: UnixTime) -> Self {
        Self { campaign, channel: channel.code(), until }
    }

    pub(crate) fn channel(&self) -> Option<Channel> {
        Channel::from_code(self.channel)
    }
}

impl DeviceState {
    /// Reports that a device is committed to and has not yet been told the fate of.
    pub(crate) fn pending(&self) -> usize {
        let open: usize = self.sessions.iter().map(|session| session.slots.len()).sum();
        open + self.waiting.len() + self.outbox.len()
    }

    /// Makes room for `more` reports: the expired go first; nothing that can still be sent is dropped.
    pub(crate) fn make_room(&mut self, more: usize, now: UnixTime) -> Result<(), ClientError> {
        if self.pending() + more > MAX_PENDING {
            self.drop_expired(now);
        }
        if self.pending() + more <= MAX_PENDING { Ok(()) } else { Err(ClientError::Full) }
    }

    /// Whether something waits whose time is over.
    pub(crate) fn has_expired(&self, now: UnixTime) -> bool {
        self.expired > 0
            || self.waiting.iter().any(|report| report.expires_at <= now)
            || self.outbox.iter().any(|report| report.expires_at <= now)
    }

    /// Drops the reports that no collector would take any more, and counts them.
    pub(crate) fn drop_expired(&mut self, now: UnixTime) {
        let before = self.waiting.len() + self.outbox.len();
        self.waiting.retain(|report| report.expires_at > now);
        self.outbox.retain(|report| report.expires_at > now);
        self.expired += (before - self.waiting.len() - self.outbox.len()) as u64;
    }
}

impl fmt::Debug for DeviceState {
    /// How much it holds, never what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceState")
            .field("publisher", &self.publisher)
            .field("opted_out", &self.opted_out)
            .field("tokens", &self.wallet.len())
            .field("open_sessions", &self.sessions.len())
            .field("waiting", &self.waiting.len())
            .field("outbox", &self.outbox.len())
            .finish_non_exhaustive()
    }
}
