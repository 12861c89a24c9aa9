//! Takes changes in. What was written was allowed when it was written: here it is only checked that each change follows
//! from those before it, so that a damaged log is found at the start and not in a report.

use std::sync::Arc;

use tacita_proto::v1;
use tacita_protocol::{
    audit::{Link, Place, walk},
    catalogue::{CatalogueDigest, Contents},
    epoch::{CHAIN_START, EpochEntry, EpochId, chain_after},
    id::CampaignId,
    manifest::DevicePolicy,
    measure::Measure,
    time::UnixTime,
};
use tacita_tokens::PublicKey;

use super::{
    ApiKey, Brand, Campaign, Catalogue, Change, CountedMeasure, Declaration, Declared, Entry, Epoch, LogFault,
    Principal, Publisher, Standing, entry::parts, manifest::FORM, next_number,
};

/// What of a change does not follow.
type Broken = &'static str;

impl Catalogue {
    /// The catalogue of a whole log, which is walked first: so the entry that was altered can be named, and not only
    /// the first that does not follow.
    pub(crate) fn of_log(entries: &[Vec<u8>]) -> Result<Self, LogFault> {
        let links: Vec<_> = entries.iter().map(|entry| Link::read(parts(entry).0)).collect();
        walk(&links)?;
        let mut catalogue = Self::default();
        entries.iter().try_for_each(|entry| catalogue.fold(entry))?;
        Ok(catalogue)
    }

    /// Takes in the entry that stands in the log at this catalogue's length.
    pub(crate) fn fold(&mut self, entry: &[u8]) -> Result<(), LogFault> {
        let index = self.length;
        let link = Link::read(parts(entry).0);
        let (at, change) = Entry::decode(index, entry)?;
        let follows = match link.place {
            Place::After { index: said, previous } => said == index && previous == self.head,
            Place::Unsaid => true,
            Place::Unknown { .. } | Place::Unreadable => false,
        };
        if !follows {
            return Err(LogFault::Sequence { index, what: "its place in the hash chain" });
        }
        if let Change::DevicePolicySet { form, .. } = change
            && form > FORM
        {
            return Err(LogFault::Form { index, form });
        }
        self.changed_at = Some(at);
        self.take_in(change).map_err(|what| LogFault::Sequence { index, what })?;
        self.head = self.head.after(&link.digest);
        Ok(())
    }

    /// Takes in one change, and grows by one entry.
    pub(crate) fn take_in(&mut self, change: Change) -> Result<(), Broken> {
        let revises = change.concerns_manifests();
        match change {
            Change::SigningKeyAdopted { public_key } => {
                expect(self.signing_key.is_none(), "the second signing key")?;
                self.signing_key = Some(public_key);
            }
            Change::PublisherCreated { id, name } => {
                expect(id.0 == next_number(&self.publishers), "the publisher's number")?;
                self.publishers.push(Publisher { id, name });
            }
            Change::BrandCreated { id, name } => {
                expect(id.0 == next_number(&self.brands), "the brand's number")?;
                self.brands.push(Brand { id, name });
            }
            Change::CampaignCreated { id, brand, name, publishers, attribution_seconds, policy } => {
                let declaration = Arc::default();
                self.take_in_campaign(Campaign {
                    id,
                    brand,
                    name,
                    publishers,
                    attribution_seconds,
                    policy,
                    declaration,
                    declared: Declared::default(),
                })?;
            }
            Change::CampaignDeclared { campaign, declaration } => self.declare(campaign, None, *declaration)?,
            Change::DeclarationMade { campaign, day, declaration } => {
                self.declare(campaign, Some(day), *declaration)?
            }
            Change::ContentsListed { digest, ids } => self.take_in_contents(digest, ids)?,
            Change::MeasureCreated(measure) => self.take_in_measure(*measure)?,
            Change::ApiKeyCreated { id, principal, hash, created_at, read_only, expires_at } => {
                let key = ApiKey { id, principal, hash, created_at, read_only, expires_at, revoked: false };
                self.take_in_api_key(key)?;
            }
            Change::ApiKeyRevoked { id } => self.api_key_mut(id).ok_or("the API key's number")?.revoked = true,
            Change::DevicePolicySet { token_batch, ledger_bound_micro, form } => {
                self.device_policy = Some(DevicePolicy { token_batch, ledger_bound_micro });
                self.form = form;
            }
            Change::EpochPublished { epoch, public_key, starts_at, ends_at, closes_at } => {
                self.publish(epoch, &public_key, [starts_at, ends_at, closes_at])?;
            }
            Change::EpochEnded { epoch, at, closes_at } => self.end_early(epoch, at, closes_at)?,
            Change::KeysCompromised { at, closes_at, unpublished, .. } => {
                expect(at <= closes_at, "the times of compromised epochs")?;
                self.take_in_compromise(at, closes_at, unpublished);
            }
            Change::EpochDestroyed { epoch } => {
                self.epoch_mut(epoch).ok_or("the epoch's number")?.standing = Standing::Destroyed;
                self.tokens_set_aside.retain(|(_, of), _| *of != epoch);
            }
            Change::Restored { next_epoch, next_revision } => self.restore(next_epoch, next_revision)?,
            Change::TalliesDeleted { before } => {
                expect(before > self.deleted_before(), "the time up to which tallies are deleted")?;
                self.deleted_before = Some(before);
            }
            Change::TokensSetAside { publisher, epoch, tokens } => {
                expect(self.publisher(publisher).is_some(), "the publisher that tokens are for")?;
                expect(self.epoch(epoch).is_some(), "the epoch that tokens are of")?;
                let sum = self.tokens_set_aside.entry((publisher, epoch)).or_default();
                *sum = sum.saturating_add(tokens);
            }
            Change::SurgeFound { surge } => self.take_in_surge(*surge)?,
            Change::SurgeTold { surge } => self.take_in_surge_told(surge),
            Change::LogFilterSet { .. } | Change::BackupTaken {} => {}
        }
        self.length += 1;
        self.revision += u64::from(revises);
        Ok(())
    }

    fn declare(&mut self, campaign: CampaignId, day: Option<u64>, declaration: Declaration) -> Result<(), Broken> {
        let place = campaign.0.checked_sub(1).and_then(|place| self.campaigns.get_mut(place as usize));
        let campaign = place.ok_or("the campaign's number")?;
        let declared = day.map_or(campaign.declared, |day| campaign.declared.and_on(day));
        *campaign = Arc::new(Campaign { declaration: Arc::new(declaration), declared, ..Campaign::clone(campaign) });
        Ok(())
    }

    fn take_in_campaign(&mut self, campaign: Campaign) -> Result<(), Broken> {
        expect(campaign.id.0 == next_number(&self.campaigns), "the campaign's number")?;
        expect(self.brand(campaign.brand).is_some(), "the campaign's brand")?;
        expect(campaign.publishers.iter().all(|&id| self.publisher(id).is_some()), "the campaign's publishers")?;
        expect(campaign.publishers.is_sorted_by(|a, b| a < b), "the order of the campaign's publishers")?;
        self.campaigns.push(Arc::new(campaign));
        Ok(())
    }

    fn take_in_measure(&mut self, measure: Measure) -> Result<(), Broken> {
        expect(measure.id.0 == next_number(&self.measures), "the measure's number")?;
        expect(self.campaign(measure.campaign).is_some(), "the measure's campaign")?;
        // As an entry it is plain data; only what is read from the wire is checked.
        expect(Measure::try_from(&v1::Measure::from(&measure)).as_ref() == Ok(&measure), "the measure")?;
        let mechanism = measure.mechanism();
        let contents = match measure.domain.catalogue() {
            None => None,
            Some(named) => {
                let contents = self.contents(named.digest).ok_or("the measure's contents")?;
                expect(contents.reference(named.tail) == *named, "the number of the measure's contents")?;
                Some(contents.clone())
            }
        };
        self.measures.push(Arc::new(CountedMeasure { measure, mechanism, contents }));
        Ok(())
    }

    fn take_in_contents(&mut self, digest: CatalogueDigest, ids: Vec<String>) -> Result<(), Broken> {
        let contents = Contents::new(ids).map_err(|_| "the contents")?;
        expect(contents.catalogue().digest() == digest, "the contents' digest")?;
        self.contents.push(Arc::new(contents));
        Ok(())
    }

    fn take_in_api_key(&mut self, key: ApiKey) -> Result<(), Broken> {
        expect(key.id == next_number(&self.api_keys), "the API key's number")?;
        let subject_exists = match key.principal {
            Principal::Operator | Principal::Auditor => true,
            Principal::Publisher(id) => self.publisher(id).is_some(),
            Principal::Brand(id) => self.brand(id).is_some(),
        };
        expect(subject_exists, "the API key's subject")?;
        self.api_keys.push(key);
        Ok(())
    }

    fn publish(&mut self, epoch: EpochId, public_key: &[u8; 32], times: [UnixTime; 3]) -> Result<(), Broken> {
        expect(epoch == self.next_epoch(), "the epoch's number")?;
        let [starts_at, ends_at, closes_at] = times;
        expect(starts_at <= ends_at && ends_at <= closes_at, "the epoch's times")?;
        let public_key = PublicKey::from_bytes(public_key).map_err(|_| "the epoch's public key")?;
        expect(!self.is_given_up(&public_key.id().0), "the epoch's key, which was given up")?;
        let previous = self.epochs.last().map_or(CHAIN_START, |last| last.entry.chain);
        let chain = chain_after(&previous, epoch, &public_key);
        let entry = EpochEntry { epoch, public_key, chain, starts_at, ends_at, closes_at };
        self.epochs.push(Epoch { entry, standing: Standing::ByTheClock });
        self.next_epoch = Some(epoch.next());
        self.fresh_from_restoring = false;
        Ok(())
    }

    fn restore(&mut self, next_epoch: EpochId, next_revision: u64) -> Result<(), Broken> {
        expect(next_epoch >= self.next_epoch(), "the number of the first epoch after the store was restored")?;
        expect(next_revision > self.revision(), "the revision after the store was restored")?;
        // It is this entry that has it.
        self.revision = next_revision - 1;
        self.next_epoch = Some(next_epoch);
        self.fresh_from_restoring = true;
        // No time of theirs is later than the restoring, so that whoever reads the times sees them closed.
        let at = self.changed_at();
        for epoch in &mut self.epochs {
            epoch.entry.cut_short(at, at);
            epoch.standing = Standing::Destroyed;
        }
        self.tokens_set_aside.clear();
        Ok(())
    }

    fn end_early(&mut self, epoch: EpochId, at: UnixTime, closes_at: UnixTime) -> Result<(), Broken> {
        let ended = self.epoch_mut(epoch).ok_or("the epoch's number")?;
        expect(ended.entry.starts_at <= at && at <= ended.entry.ends_at, "the time of the rotation")?;
        (ended.entry.ends_at, ended.entry.closes_at) = (at, closes_at);
        let next = self.epoch_mut(epoch.next()).ok_or("the epoch after the one that ended early")?;
        next.entry.starts_at = at;
        Ok(())
    }

    fn api_key_mut(&mut self, id: u32) -> Option<&mut ApiKey> {
        self.api_keys.get_mut(usize::try_from(id.checked_sub(1)?).ok()?)
    }

    fn epoch_mut(&mut self, id: EpochId) -> Option<&mut Epoch> {
        let place = self.place_of_epoch(id)?;
        self.epochs.get_mut(place)
    }
}

fn expect(holds: bool, what: Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(what) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of one publisher, brand, campaign and measure, with these dimensions.
    fn fold(dimensions: &str) -> Result<Catalogue, LogFault> {
        // An entry is one line.
        let fields = r#""id": 1, "campaign": 1, "name": "shares", "event": "share", "participation": "event""#;
        let measure = format!(
            r#"{{"measure-created": {{{fields}, "domain": {dimensions}, "epsilon": 2000000, "window": 86400}}}}"#
        );
        // An entry's line feed is where its private part begins.
        let measure = measure.replace('\n', "");
        let changes = [
            r#"{"publisher-created": {"id": 1, "name": "daily"}}"#,
            r#"{"brand-created": {"id": 1, "name": "acme"}}"#,
            r#"{"campaign-created": {"id": 1, "brand": 1, "name": "spring", "publishers": [1], "attribution_seconds": 60}}"#,
            &measure,
        ];
        let mut catalogue = Catalogue::default();
        for change in changes {
            catalogue.fold(format!(r#"{{"version": 1, "at": 0, "change": {change}}}"#).as_bytes())?;
        }
        Ok(catalogue)
    }

    #[test]
    fn a_measure_that_cannot_be_is_a_damaged_log_and_no_panic() {
        assert_eq!(fold(r#"[{"name": "channel", "labels": ["sms", "other"]}]"#).unwrap().measures.len(), 1);
        for dimensions in [
            "[]",
            r#"[{"name": "channel", "labels": []}]"#,
            r#"[{"name": "channel", "labels": ["a", "a"]}]"#,
            r#"[{"name": "value", "labels": ["cheap"]}]"#,
        ] {
            let fault = fold(dimensions).unwrap_err();
            assert!(matches!(fault, LogFault::Sequence { index: 3, what: "the measure" }), "{dimensions}: {fault}");
        }
    }
}
