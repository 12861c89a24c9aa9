//! Surges that were found: entries of the log, so that collectors that share it tell each once and a restart forgets none.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tacita_protocol::{
    id::{CampaignId, MeasureId},
    time::UnixTime,
};

use super::{Catalogue, Change, Refused, numbered};

/// The newest surges of a campaign that are listed; older ones are in the log alone.
const LISTED: usize = 1_000;
/// The most surges of a measure in a day, so that nothing that comes in can fill the log.
const A_DAY: usize = 100;
const DAY: u64 = 86_400;

/// What was found, as the log has it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Surge {
    pub(crate) measure: MeasureId,
    pub(crate) dimension: String,
    pub(crate) label: String,
    /// When the first of its reports came.
    pub(crate) from: UnixTime,
    /// When it was found: the last of its reports had come.
    pub(crate) found_at: UnixTime,
    pub(crate) reports: u64,
    pub(crate) observed: f64,
    /// Of `observed`.
    pub(crate) variance: f64,
    pub(crate) expected: f64,
    pub(crate) sigma: f64,
    pub(crate) score: f64,
    pub(crate) threshold: f64,
}

/// A surge in the catalogue.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The place of its entry in the log: grows.
    pub(crate) id: u64,
    /// Its number among the brand's surges, from 1: says nothing of how many others have.
    pub(crate) number: u64,
    pub(crate) campaign: CampaignId,
    pub(crate) surge: Surge,
    /// Whether webhooks are still to be told.
    pub(crate) is_to_tell: bool,
}

impl Catalogue {
    /// The newest surges of each campaign, oldest first.
    pub(crate) fn surges(&self) -> impl DoubleEndedIterator<Item = &Arc<Found>> {
        self.surges.iter()
    }

    /// A surge that was found just now. [`Refused::AlreadySo`] when the label surged less than `quiet` seconds before: another
    /// collector found it too, or this one before a restart.
    pub(crate) fn propose_surge(&self, surge: &Surge, quiet: u64) -> Result<Change, Refused> {
        let since = |seconds: u64| surge.found_at.0.saturating_sub(seconds);
        let of_measure = || self.surges.iter().map(|found| &found.surge).filter(|one| one.measure == surge.measure);
        let is_known = |one: &Surge| one.label == surge.label && one.found_at.0 > since(quiet);
        if of_measure().any(is_known) {
            return Err(Refused::AlreadySo);
        }
        if of_measure().filter(|one| one.found_at.0 > since(DAY)).count() >= A_DAY {
            return Err(Refused::Precondition(format!("a measure has at most {A_DAY} surges in a day")));
        }
        Ok(Change::SurgeFound { surge: Box::new(surge.clone()) })
    }

    /// That the webhooks of a surge were told, or given up.
    pub(crate) fn propose_surge_told(&self, id: u64) -> Result<Change, Refused> {
        let is_to_tell = self.surges.iter().any(|found| found.id == id && found.is_to_tell);
        if is_to_tell { Ok(Change::SurgeTold { surge: id }) } else { Err(Refused::AlreadySo) }
    }

    pub(super) fn take_in_surge(&mut self, surge: Surge) -> Result<(), &'static str> {
        let campaign = numbered(&self.measures, surge.measure.0).ok_or("the surge's measure")?.measure.campaign;
        let known = self.campaign(campaign).ok_or("the surge's campaign")?;
        let (brand, is_to_tell) = (known.brand, !known.declaration.webhooks.is_empty());
        let numbered = self.surges_of.entry(brand).or_default();
        *numbered += 1;
        let number = *numbered;
        let own = |found: &&Arc<Found>| found.campaign == campaign;
        if self.surges.iter().filter(own).count() >= LISTED
            && let Some(oldest) = self.surges.iter().position(|found| found.campaign == campaign)
        {
            self.surges.remove(oldest);
        }
        self.surges.push(Arc::new(Found { id: self.length, number, campaign, surge, is_to_tell }));
        Ok(())
    }

    /// One that is no longer listed needs no mark.
    pub(super) fn take_in_surge_told(&mut self, id: u64) {
        if let Ok(place) = self.surges.binary_search_by_key(&id, |found| found.id) {
            let told = Found { is_to_tell: false, ..Found::clone(&self.surges[place]) };
            self.surges[place] = Arc::new(told);
        }
    }
}

#[cfg(test)]
mod tests {
    use tacita_proto::v1;

    use super::*;
    use crate::catalogue::{By, Cohorts, Declaration, Entry, NewCampaign, NewMeasure, Rules};

    /// `acme/spring` with one measure.
    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue::default();
        let mut take = |change: &dyn Fn(&Catalogue) -> Change| {
            let change = change(&catalogue);
            catalogue.take_in(change).unwrap();
        };
        take(&|catalogue| catalogue.propose_publisher("daily").unwrap());
        take(&|catalogue| catalogue.propose_brand("acme").unwrap());
        let publishers = ["daily".to_owned()];
        let policy = v1::CampaignPolicy::default();
        let wish =
            NewCampaign { brand: "acme", name: "spring", publishers: &publishers, attribution_seconds: 0, policy };
        take(&|catalogue| catalogue.propose_campaign(&wish, &Rules::default()).unwrap());
        let wire = || v1::Measure {
            name: "arrivals".into(),
            event: v1::Event::Arrival.into(),
            epsilon_micro: 2_000_000,
            ..Default::default()
        };
        take(&|catalogue| {
            let wish =
                NewMeasure { campaign: "acme/spring", wire: wire(), contents: None, cohorts: &Cohorts::default() };
            catalogue.propose_measure(wish, &Rules::default()).unwrap()
        });
        catalogue
    }

    fn surge(label: &str, at: u64) -> Surge {
        Surge {
            measure: MeasureId(1),
            dimension: "channel".into(),
            label: label.into(),
            from: UnixTime(at - 300),
            found_at: UnixTime(at),
            reports: 500,
            observed: 210.5,
            variance: 90.0,
            expected: 40.0,
            sigma: 12.0,
            score: 14.2,
            threshold: 5.7,
        }
    }

    fn find(catalogue: &mut Catalogue, surge: &Surge) -> Result<(), Refused> {
        let change = catalogue.propose_surge(surge, 3_600)?;
        let (index, previous) = (catalogue.length(), catalogue.head());
        let entry = Entry { index, at: surge.found_at, by: By::Collector, previous, change };
        catalogue.fold(&entry.encode()).unwrap();
        Ok(())
    }

    #[test]
    fn a_label_surges_once_in_its_quiet_time_whoever_finds_it() {
        let mut catalogue = catalogue();
        assert_eq!(find(&mut catalogue, &surge("whatsapp", 100_000)), Ok(()));
        assert_eq!(find(&mut catalogue, &surge("whatsapp", 100_150)), Err(Refused::AlreadySo));
        assert_eq!(find(&mut catalogue, &surge("telegram", 100_150)), Ok(()));
        assert_eq!(find(&mut catalogue, &surge("whatsapp", 103_600)), Ok(()));
        let found: Vec<_> = catalogue.surges().map(|found| (found.id, found.surge.label.as_str())).collect();
        assert_eq!(found, [(4, "whatsapp"), (5, "telegram"), (6, "whatsapp")]);
    }

    #[test]
    fn nothing_that_comes_in_fills_the_log() {
        let mut catalogue = catalogue();
        let flood = |catalogue: &mut Catalogue, at: u64| {
            (0..1_000).filter(|label| find(catalogue, &surge(&label.to_string(), at)).is_ok()).count()
        };
        assert_eq!(flood(&mut catalogue, 100_000), 100);
        assert_eq!(flood(&mut catalogue, 186_399), 0, "a day has not passed");
        for day in 1..=15 {
            assert_eq!(flood(&mut catalogue, 100_000 + day * 86_400), 100);
        }
        assert_eq!(catalogue.surges().count(), 1_000, "the newest are listed");
    }

    #[test]
    fn a_manifest_knows_nothing_of_surges() {
        let mut catalogue = catalogue();
        let before = catalogue.manifest(tacita_protocol::id::PublisherId(1)).unwrap();
        find(&mut catalogue, &surge("whatsapp", 100_000)).unwrap();
        assert_eq!(catalogue.manifest(tacita_protocol::id::PublisherId(1)).unwrap(), before);
        assert_eq!((catalogue.length(), catalogue.revision()), (5, 4));
    }

    #[test]
    fn webhooks_are_to_be_told_until_they_were() {
        let mut catalogue = catalogue();
        find(&mut catalogue, &surge("whatsapp", 100_000)).unwrap();
        assert_eq!(catalogue.propose_surge_told(4), Err(Refused::AlreadySo), "none was declared");
        let webhooks = vec![v1::Webhook { url: "https://acme.example/".into(), secret: String::new() }];
        let said = Declaration::read(v1::Declaration { webhooks, ..Default::default() }, false).unwrap();
        let change = catalogue.propose_declaration(CampaignId(1), &said, UnixTime(0), 1).unwrap();
        catalogue.take_in(change).unwrap();
        find(&mut catalogue, &surge("telegram", 100_000)).unwrap();
        let change = catalogue.propose_surge_told(6).unwrap();
        catalogue.take_in(change).unwrap();
        assert_eq!(catalogue.propose_surge_told(6), Err(Refused::AlreadySo));
    }
}
