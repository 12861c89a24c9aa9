//! Keys that may be known to others: all that lay in the vault is given up, published or not.

use serde::{Deserialize, Serialize};
use tacita_protocol::{epoch::EpochState, time::UnixTime};
use tacita_store::vault::KeyId;

use super::{Catalogue, Change, Refused, Standing};
use crate::pool::Limit;

/// The longest reason, in characters.
const MAX_REASON: Limit = Limit { name: "reason_characters", value: 200 };

/// The name of a key in the vault, as the log writes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct VaultKey(#[serde(with = "hex::serde")] pub(crate) KeyId);

/// The wish to give up what lay in the vault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Compromise {
    /// What happened, in the operator's words.
    pub(crate) reason: String,
    /// How long reports under epochs that had begun are still taken.
    pub(crate) grace_seconds: u64,
}

impl Catalogue {
    /// Ends every open epoch at `now`, with the keys that are `held` in the vault and were never published: who copied
    /// the vault has them too.
    pub(crate) fn propose_compromise(
        &self,
        now: UnixTime,
        held: &[KeyId],
        wish: &Compromise,
    ) -> Result<Change, Refused> {
        check_reason(&wish.reason)?;
        let open = || self.epochs.iter().filter(|epoch| epoch.state(now) != EpochState::Closed);
        let planned = open().map(|epoch| epoch.entry.closes_at).max();
        let planned = planned.ok_or_else(|| Refused::Precondition("no epoch is open: no key is in use".into()))?;
        let is_published = |id: &&KeyId| self.epochs.iter().any(|epoch| epoch.entry.public_key.id().0 == **id);
        Ok(Change::KeysCompromised {
            at: now,
            closes_at: now.plus(wish.grace_seconds).min(planned),
            reason: wish.reason.clone(),
            unpublished: held.iter().filter(|id| !is_published(id)).copied().map(VaultKey).collect(),
        })
    }

    /// Whether a key was given up before it was published.
    pub(crate) fn is_given_up(&self, id: &KeyId) -> bool {
        self.given_up.contains(&VaultKey(*id))
    }

    /// Takes the change in. Epochs that had begun close at `closes_at`, or earlier if they would have; those that had
    /// not are closed.
    pub(super) fn take_in_compromise(&mut self, at: UnixTime, closes_at: UnixTime, unpublished: Vec<VaultKey>) {
        let open =
            self.epochs.iter_mut().filter(|epoch| epoch.standing < Standing::Withdrawn && epoch.entry.closes_at > at);
        for epoch in open {
            let closes_at = if epoch.entry.starts_at <= at { closes_at } else { at };
            epoch.entry.cut_short(at, closes_at);
            let is_over = epoch.entry.closes_at <= at;
            epoch.standing = if is_over { Standing::Withdrawn } else { Standing::Compromised };
        }
        self.given_up.extend(unpublished);
    }
}

fn check_reason(reason: &str) -> Result<(), Refused> {
    let length = reason.chars().count();
    let problem = format!("{length} characters: say in 1 to {}, on one line, what happened", MAX_REASON.value);
    match !reason.trim().is_empty() && !reason.chars().any(char::is_control) {
        true if length <= MAX_REASON.value => Ok(()),
        true => Err(Refused::Beyond { field: "compromise.reason", limit: MAX_REASON, problem }),
        false => Err(Refused::field("compromise.reason", problem)),
    }
}
