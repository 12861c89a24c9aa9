//! States as earlier programs wrote them, read into today's. Their layouts never change again.

use std::collections::VecDeque;

use serde::{Deserialize, de::DeserializeOwned};
use tacita_protocol::{
    epoch::EpochId,
    id::{BrandId, PublisherId},
};

use super::{
    DeviceState, EpochSecret, FORMAT, OpenSession, Purse, SealedReport, SlotCount, Spent, StoredManifest, StoredToken,
    Touch, WaitingReport,
};
use crate::sharing::SharingMemory;

/// Reads a state of `format`, this program's or an earlier one; `None` if the bytes are none.
pub(crate) fn read(format: u32, bytes: &[u8]) -> Option<DeviceState> {
    match format {
        1 => read_1(bytes),
        FORMAT => whole(bytes),
        _ => None,
    }
}

/// Format 1: before campaigns had budgets and budgets a beginning.
#[derive(Deserialize)]
struct State1 {
    publisher: Option<PublisherId>,
    opted_out: bool,
    spent_through: Option<EpochId>,
    manifest: Option<StoredManifest>,
    secret: Option<EpochSecret>,
    wallet: Vec<StoredToken>,
    ledger: Vec<Spent1>,
    slots: Vec<SlotCount>,
    sessions: Vec<OpenSession>,
    next_session: u64,
    waiting: VecDeque<WaitingReport>,
    outbox: VecDeque<SealedReport>,
    touches: Vec<Touch>,
    expired: u64,
}

/// What the slots of an epoch had cost at one brand.
#[derive(Deserialize)]
struct Spent1 {
    brand: BrandId,
    epoch: EpochId,
    micro: u64,
}

/// The first files of this format end before what is remembered of sharing.
fn read_1(bytes: &[u8]) -> Option<DeviceState> {
    let (state, rest) = postcard::take_from_bytes::<State1>(bytes).ok()?;
    let sharing = if rest.is_empty() { SharingMemory::default() } else { whole(rest)? };
    let spent = |Spent1 { brand, epoch, micro }| Spent { purse: Purse::Brand(brand), epoch, micro };
    Some(DeviceState {
        publisher: state.publisher,
        opted_out: state.opted_out,
        spent_through: state.spent_through,
        manifest: state.manifest,
        secret: state.secret,
        wallet: state.wallet,
        ledger: state.ledger.into_iter().map(spent).collect(),
        budget_since: None,
        slots: state.slots,
        sessions: state.sessions,
        next_session: state.next_session,
        waiting: state.waiting,
        outbox: state.outbox,
        touches: state.touches,
        expired: state.expired,
        sharing,
    })
}

/// A value that takes up all of `bytes`: one of another layout hardly ever does.
fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::take_from_bytes(bytes).ok().filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use tacita_protocol::{id::CampaignId, time::UnixTime};

    use super::*;

    /// Written by the program of format 1: budgets of two brands, tokens, an open session, reports in every stage, a
    /// tagged arrival, a share.
    const FORMAT_1: &[u8] = include_bytes!("../../tests/format-1.bin");
    /// The same in format 2, with a campaign's expense and the beginning of the budgets.
    const FORMAT_2: &[u8] = include_bytes!("../../tests/format-2.bin");
    /// What `FORMAT_1` remembers of sharing, at its end.
    const SHARING_LEN: usize = 9;

    fn of_format_2() -> DeviceState {
        let mut state = read(1, FORMAT_1).unwrap();
        state.budget_since = Some(UnixTime(20_007 * 86_400));
        state.ledger.push(Spent { purse: Purse::Campaign(CampaignId(1)), epoch: EpochId(2), micro: 6_000_000 });
        state
    }

    #[test]
    fn a_state_of_format_1_is_read_whole() {
        let state = read(1, FORMAT_1).unwrap();
        let spent: Vec<_> = state.ledger.iter().map(|spent| (spent.purse, spent.epoch.0, spent.micro)).collect();
        assert_eq!(spent, [(Purse::Brand(BrandId(3)), 2, 6_000_000), (Purse::Brand(BrandId(1)), 2, 1_000_000)]);
        assert_eq!((state.publisher, state.spent_through), (Some(PublisherId(7)), Some(EpochId(1))));
        assert_eq!((state.wallet.len(), state.waiting.len(), state.outbox.len()), (4, 1, 4));
        assert_eq!((state.sessions.len(), state.sessions[0].slots.len(), state.next_session), (1, 2, 1));
        assert_eq!((state.touches.len(), state.touches[0].campaign, state.expired), (1, CampaignId(1), 0));
        assert_eq!(state.sharing.lines(UnixTime(20_007 * 86_400)).len(), 1);
        assert!(state.budget_since.is_none() && state.wallet.into_iter().all(|token| token.into_token().is_some()));
    }

    #[test]
    fn a_state_from_before_sharing_was_remembered_is_read() {
        let state = read(1, &FORMAT_1[..FORMAT_1.len() - SHARING_LEN]).unwrap();
        assert!((state.touches.len(), state.sharing.lines(UnixTime(20_007 * 86_400)).len()) == (1, 0));
    }

    /// If it fails, the layout is another: raise `FORMAT`, read the one before here, and add a file of the new one beside those.
    #[test]
    fn the_layout_of_the_format_is_as_it_was() {
        assert_eq!(postcard::to_allocvec(&of_format_2()).unwrap(), FORMAT_2);
        assert_eq!(postcard::to_allocvec(&read(2, FORMAT_2).unwrap()).unwrap(), FORMAT_2);
    }

    #[test]
    fn bytes_of_another_length_or_format_are_no_state() {
        for (format, bytes) in [(1, FORMAT_1), (2, FORMAT_2)] {
            assert!(read(format, &bytes[..bytes.len() - 1]).is_none(), "cut short, {format}");
            assert!(read(format, &[bytes, &[0]].concat()).is_none(), "and more, {format}");
            assert!(read(3 - format, bytes).is_none(), "not as the other, {format}");
            assert!(read(3, bytes).is_none());
        }
    }
}
