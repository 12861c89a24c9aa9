//! The manifest and the token wallet: what a device fetches before, and independently of, anything that it measures.

use std::sync::Arc;

use tacita_protocol::{
    epoch::{EpochEntry, EpochState},
    time::UnixTime,
};
use tacita_tokens::{IssuedBatch, Pending, Token};

use crate::{
    ClientError, Device, TransportError,
    config::Offer,
    device::Inner,
    edition::Edition,
    seen::Seen,
    state::{DeviceState, StoredManifest, StoredToken},
};

/// A manifest is fetched again after an hour.
const MANIFEST_FRESH_SECONDS: u64 = 3_600;

impl Device {
    /// Fetches and verifies the manifest and the catalogues that it names, and fills the wallet up when it is below
    /// half a batch: always by exactly one batch of the policy's size, for the active epoch, whatever was or will be
    /// measured.
    ///
    /// # Errors
    /// [`ClientError::Manifest`], [`ClientError::Rollback`], [`ClientError::Equivocation`] and
    /// [`ClientError::BrokenDirectory`] for a manifest that is not to be trusted; the device keeps the one it has.
    /// [`ClientError::Catalogue`] likewise. [`ClientError::Tokens`] for a batch whose proof does not hold; the wallet
    /// is as it was. [`ClientError::Transport`], [`ClientError::Storage`].
    pub async fn refresh(&self) -> Result<(), ClientError> {
        let inner = &self.inner;
        let _turn = inner.turn.lock().await;
        if inner.is_opted_out() {
            return Ok(());
        }
        inner.fetch_manifest().await?;
        inner.fill_wallet().await
    }
}

impl Inner {
    /// Fetches what a flush needs, if it is not at hand.
    pub(crate) async fn refresh_if_stale(self: &Arc<Self>) -> Result<(), ClientError> {
        let fetched = if self.is_manifest_fresh() { Ok(()) } else { self.fetch_manifest().await };
        // With the manifest that the device has, tokens can be had all the same.
        fetched.and(self.fill_wallet().await)
    }

    fn is_manifest_fresh(&self) -> bool {
        let now = self.clock.now();
        let is_recent = self.fetched_at.lock().is_some_and(|at| at <= now && now < at.plus(MANIFEST_FRESH_SECONDS));
        is_recent && self.edition().is_some_and(|edition| edition.active_epoch(now).is_ok())
    }

    async fn fetch_manifest(self: &Arc<Self>) -> Result<(), ClientError> {
        let signed = self.transport.manifest(self.config.publisher).await?;
        let offered = match self.off_thread(move |inner| inner.config.verify(&signed)).await? {
            Offer::Ready(edition) => edition,
            Offer::Verified(verified) => {
                let catalogues = self.gather_catalogues(verified.manifest()).await?;
                self.off_thread(move |inner| Ok(inner.config.make_ready(verified, catalogues))).await?
            }
        };
        self.off_thread(move |inner| inner.adopt(offered)).await
    }

    /// Puts a manifest in force, if it may follow what the device has seen.
    fn adopt(&self, offered: Arc<Edition>) -> Result<(), ClientError> {
        let last = self.edition();
        if let Some(seen) = self.seen(last.as_deref())? {
            offered.check_follows(&seen)?;
        }
        if last.is_none_or(|last| last.signed() != offered.signed()) {
            // Before the manifest, so that one that is kept finds its catalogues.
            self.keep_catalogues(&offered)?;
            let stored = StoredManifest(offered.stored());
            let kept = self.update(|state| {
                state.manifest = (!state.opted_out).then_some(stored);
                Ok(!state.opted_out)
            })?;
            if !kept {
                return Ok(());
            }
            self.put_in_force(offered);
        }
        *self.fetched_at.lock() = Some(self.clock.now());
        self.close_leftovers()
    }

    /// What the next manifest is held to: by the one in force, or else by the one that is kept, which need not be fit
    /// to be in force.
    fn seen(&self, in_force: Option<&Edition>) -> Result<Option<Seen>, ClientError> {
        if let Some(edition) = in_force {
            return Ok(Some(edition.seen()));
        }
        let kept = self.read(|state| state.manifest.as_ref().and_then(StoredManifest::signed));
        kept.map_or(Ok(None), |kept| self.config.seen(&kept))
    }

    /// Gets a batch of tokens if the active epoch's are fewer than half of one.
    async fn fill_wallet(self: &Arc<Self>) -> Result<(), ClientError> {
        let edition = self.require_edition()?;
        let batch = edition.manifest().policy.token_batch as usize;
        let epoch = edition.active_epoch(self.clock.now())?.epoch;
        let held = self.read(|state| state.wallet.iter().filter(|token| token.epoch == epoch).count());
        if held * 2 < batch { self.get_batch().await } else { Ok(()) }
    }

    /// Gets one batch of tokens; if the epoch has just ended, by a newer manifest.
    pub(crate) async fn get_batch(self: &Arc<Self>) -> Result<(), ClientError> {
        match self.try_get_batch().await {
            Err(ClientError::Transport(TransportError::StaleEpoch(_))) => {
                self.fetch_manifest().await?;
                self.try_get_batch().await
            }
            result => result,
        }
    }

    async fn try_get_batch(self: &Arc<Self>) -> Result<(), ClientError> {
        let edition = self.require_edition()?;
        let entry = edition.active_epoch(self.clock.now())?.clone();
        let epoch = entry.epoch;
        let (pending, blinded) = self.off_thread(move |inner| inner.blind(&edition, &entry)).await?;
        let issued = self.transport.issue(self.config.publisher, epoch, blinded).await?;
        self.off_thread(move |inner| inner.put_in_wallet(pending, &issued)).await
    }

    fn blind(
        &self,
        edition: &Edition,
        entry: &EpochEntry,
    ) -> Result<(Pending, tacita_tokens::BlindedBatch), ClientError> {
        let count = edition.manifest().policy.token_batch as usize;
        let context = entry.context(self.config.publisher);
        Ok(self.config.blind(&entry.public_key, &context, count)?)
    }

    /// Checks the proof and keeps the tokens: all, or none.
    fn put_in_wallet(&self, pending: Pending, issued: &IssuedBatch) -> Result<(), ClientError> {
        let tokens = pending.finish(issued)?;
        let edition = self.edition();
        let now = self.clock.now();
        self.update(|state| {
            if let Some(edition) = edition.filter(|_| !state.opted_out) {
                state.discard_dead_tokens(&edition, now);
                state.wallet.extend(tokens.into_iter().map(StoredToken::from));
            }
            Ok(())
        })
    }
}

impl DeviceState {
    /// Drops the tokens of epochs whose reports nobody takes any more.
    pub(crate) fn discard_dead_tokens(&mut self, edition: &Edition, now: UnixTime) {
        self.wallet.retain(|token| spendable_until(token, edition, now).is_some());
    }

    /// Takes a token out for good, one of the newest epoch first: the more spend it, the less it says. Gives also the
    /// time at which it dies.
    pub(crate) fn take_token(&mut self, edition: &Edition, now: UnixTime) -> Option<(Token, UnixTime)> {
        loop {
            let newest = (0..self.wallet.len()).max_by_key(|&index| self.wallet[index].epoch)?;
            let stored = self.wallet.swap_remove(newest);
            let until = spendable_until(&stored, edition, now);
            if let (Some(until), Some(token)) = (until, stored.into_token()) {
                return Some((token, until));
            }
        }
    }
}

/// When the token's epoch closes, if it has begun and has not closed yet.
fn spendable_until(token: &StoredToken, edition: &Edition, now: UnixTime) -> Option<UnixTime> {
    let entry = edition.manifest().epoch(token.epoch)?;
    matches!(entry.state(now), EpochState::Active | EpochState::Grace).then_some(entry.closes_at)
}
