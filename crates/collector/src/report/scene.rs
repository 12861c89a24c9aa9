//! A campaign without servers, for tests: truth goes in, is randomized report by report, and questions are answered
//! from the tallies.

use std::{collections::HashMap, sync::atomic::AtomicBool};

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use tacita_proto::v1;
use tacita_protocol::{
    id::{MeasureId, PublisherId},
    time::{UnixTime, WindowId},
};
use tacita_store::SeriesTally;
use tonic::Status;

use super::{
    answer::{Answer, Evidence},
    funnel::Funnel,
    number::Amplification,
    question::Question,
    tallies::Series,
};
use crate::catalogue::{Catalogue, Cohorts, Declaration, NewCampaign, NewMeasure, Rules};

/// 2024-10-04, a Friday, at midnight: 20,000 days after 1970-01-01.
pub(super) const MIDNIGHT: u64 = 20_000 * 86_400;
pub(super) const DAY: u64 = 86_400;
const CAMPAIGN: &str = "acme/spring";

/// The defaults, but for the least reports of a window that is shown.
fn rules(least: u32) -> Rules {
    let mut rules = Rules::default();
    rules.campaign.reports_per_window = least;
    rules
}

pub(super) struct Scene {
    pub(super) catalogue: Catalogue,
    tallies: HashMap<MeasureId, Vec<SeriesTally>>,
    amplification: Amplification,
    pub(super) rng: ChaCha20Rng,
    pub(super) now: UnixTime,
    pub(super) deleted_before: UnixTime,
}

impl Scene {
    /// A campaign at these publishers, whose windows are shown however small they are.
    pub(super) fn at(publishers: &[&str], seed: u64) -> Self {
        Self::with_least(publishers, seed, 1)
    }

    /// A campaign at these publishers, whose windows are shown from so many reports on.
    pub(super) fn with_least(publishers: &[&str], seed: u64, least: u32) -> Self {
        let mut catalogue = Catalogue::default();
        let mut made = Vec::new();
        for name in publishers {
            let change = catalogue.propose_publisher(name).unwrap();
            catalogue.take_in(change).unwrap();
            made.push((*name).to_owned());
        }
        let change = catalogue.propose_brand("acme").unwrap();
        catalogue.take_in(change).unwrap();
        let wish = NewCampaign {
            brand: "acme",
            name: "spring",
            publishers: &made,
            attribution_seconds: 0,
            policy: <_>::default(),
        };
        let change = catalogue.propose_campaign(&wish, &rules(least)).unwrap();
        catalogue.take_in(change).unwrap();
        Self {
            catalogue,
            tallies: HashMap::new(),
            amplification: Amplification::default(),
            rng: ChaCha20Rng::seed_from_u64(seed),
            now: UnixTime(MIDNIGHT + 400 * DAY),
            deleted_before: UnixTime(0),
        }
    }

    /// Adds a measure: dimensions as `name=label,label`.
    pub(super) fn measure(&mut self, name: &str, event: v1::Event, dimensions: &[&str], epsilon: f64) -> MeasureId {
        let dimension = |text: &&str| {
            let (name, labels) = text.split_once('=').unwrap();
            v1::Dimension { name: name.into(), labels: labels.split(',').map(Into::into).collect(), catalogue: None }
        };
        let wire = v1::Measure {
            name: name.into(),
            event: event.into(),
            dimensions: dimensions.iter().map(dimension).collect(),
            epsilon_micro: (epsilon * 1e6) as u32,
            ..Default::default()
        };
        let cohorts = Cohorts::default();
        let wish = NewMeasure { campaign: CAMPAIGN, wire, contents: None, cohorts: &cohorts };
        let change = self.catalogue.propose_measure(wish, &rules(1)).unwrap();
        self.catalogue.take_in(change).unwrap();
        let campaign = self.catalogue.campaigns()[0].id;
        self.catalogue.measures_of(campaign).last().unwrap().measure.id
    }

    pub(super) fn declare(&mut self, declaration: v1::Declaration) {
        let said = Declaration::read(declaration, false).unwrap();
        let campaign = self.catalogue.campaigns()[0].id;
        let change = self.catalogue.propose_declaration(campaign, &said, UnixTime(0), 1_000).unwrap();
        self.catalogue.take_in(change).unwrap();
    }

    /// Counts reports of a publisher (from 1) in the window of a day (from 0): how many of which labels; none for `none`.
    pub(super) fn count(&mut self, measure: MeasureId, publisher: u32, day: u32, truth: &[(&[&str], u64)]) {
        let campaign = self.catalogue.campaigns()[0].id;
        let counted = self.catalogue.measures_of(campaign).find(|one| one.measure.id == measure).unwrap();
        let mechanism = &counted.mechanism;
        let mut counters = vec![0_u64; mechanism.tally_len()];
        for (labels, count) in truth {
            let dimensions = counted.measure.domain.dimensions();
            let label_of = |name: &str| {
                let place = dimensions.iter().position(|one| one.name.as_str() == name)?;
                labels.get(place).copied()
            };
            let cell = counted.measure.cell(None, label_of);
            for _ in 0..*count {
                let report = mechanism.randomize(cell, &mut self.rng);
                mechanism.counters(report).for_each(|index| counters[index as usize] += 1);
            }
        }
        let counters = counters.into_iter().enumerate().filter(|(_, count)| *count > 0);
        let tally = SeriesTally {
            publisher: PublisherId(publisher),
            window: WindowId(20_000 + day),
            reports: truth.iter().map(|(_, count)| count).sum(),
            counters: counters.map(|(index, count)| (index as u32, count)).collect(),
        };
        self.add(measure, tally);
    }

    /// Adds a tally as a store would have it.
    pub(super) fn add(&mut self, measure: MeasureId, tally: SeriesTally) {
        let tallies = self.tallies.entry(measure).or_default();
        tallies.push(tally);
        tallies.sort_by_key(|tally| (tally.window, tally.publisher));
    }

    pub(super) fn ask(&self, query: v1::Query) -> Result<v1::QueryResponse, Status> {
        self.page(query, 10_000, "")
    }

    pub(super) fn page(&self, query: v1::Query, size: usize, token: &str) -> Result<v1::QueryResponse, Status> {
        let question = self.question(query)?;
        self.answer(&question, |answer| answer.page(size, token).map_err(Status::from))
    }

    pub(super) fn funnel(&self, asked: v1::GetFunnelRequest) -> Result<v1::GetFunnelResponse, Status> {
        let funnel = Funnel::read(&self.catalogue, &self.catalogue.campaigns()[0], asked)?;
        let whole = |question: &Question| self.answer(question, |answer| Ok(answer.whole()?));
        let generations = funnel.generations.as_deref().map(whole).transpose()?;
        Ok(funnel.view(whole(&funnel.steps)?, generations))
    }

    pub(super) fn question(&self, query: v1::Query) -> Result<Question, Status> {
        Question::read(&self.catalogue, &self.catalogue.campaigns()[0], query)
    }

    pub(super) fn answer<T>(
        &self,
        question: &Question,
        read: impl FnOnce(&Answer<'_>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let whole = question.span.whole();
        let within = |shift: u64| {
            let of_measure = |counted: &std::sync::Arc<crate::catalogue::CountedMeasure>| {
                let windows = whole.earlier(shift).windows(counted.measure.window);
                let tallies = self.tallies.get(&counted.measure.id).into_iter().flatten();
                let series: Series = tallies.filter(|tally| windows.contains(&tally.window)).cloned().collect();
                (counted.measure.id, series)
            };
            question.needed().iter().map(of_measure).collect::<HashMap<_, _>>()
        };
        let evidence = Evidence {
            series: within(0),
            compared: question.shift.map(within).unwrap_or_default(),
            first_open: question
                .needed()
                .iter()
                .map(|one| (one.measure.id, one.measure.window.window_at(self.now)))
                .collect(),
            deleted_before: self.deleted_before,
            now: self.now,
        };
        let abandoned = AtomicBool::new(false);
        let answer = Answer::new(question, &evidence, &self.amplification, &abandoned)?;
        read(&answer)
    }
}

/// A query of the campaign, grouped by these.
pub(super) fn query(measures: &[&str], group_by: &[&str]) -> v1::Query {
    v1::Query {
        campaign: CAMPAIGN.into(),
        measures: measures.iter().map(|&name| name.into()).collect(),
        group_by: group_by.iter().map(|&name| name.into()).collect(),
        ..Default::default()
    }
}

/// A query for a ratio.
pub(super) fn ratio(kind: v1::RatioKind, group_by: &[&str]) -> v1::Query {
    v1::Query { ratios: vec![v1::RatioRequest { kind: kind.into(), custom: None }], ..query(&[], group_by) }
}

/// Days of the scene, from 0.
pub(super) fn days(from: u64, to: u64) -> Option<v1::TimeRange> {
    Some(v1::TimeRange { from: MIDNIGHT + from * DAY, to: MIDNIGHT + to * DAY })
}
