//! Share → return visit → conversion, and what becomes of links from generation to generation: ratios of a query, put
//! side by side.
//!
//! A campaign need not measure all of it, and a filter may be one that only some measures know: what can be told is,
//! the rest is named.

use std::{collections::BTreeMap, sync::Arc};

use tacita_proto::v1;
use tacita_protocol::{domain::Dimension, measure::Event};
use tonic::Status;

use super::{
    axes::has_axis,
    once_each,
    question::Question,
    ratio::{Ratio, Side, name_of, of_generations, steps},
};
use crate::{
    catalogue::{Campaign, Catalogue, CountedMeasure},
    refusal,
};

const ARRIVALS_PER_SHARE: &str = "arrivals_per_share";
const CONVERSIONS_PER_ARRIVAL: &str = "conversions_per_arrival";
const CONVERSIONS_PER_SHARE: &str = "conversions_per_share";

/// The questions behind a funnel, and what it cannot tell.
pub(crate) struct Funnel {
    pub(crate) steps: Arc<Question>,
    /// Where arrivals are told apart by generation.
    pub(crate) generations: Option<Arc<Question>>,
    /// The measures of shares, arrivals and conversions; no name for a step that is missing.
    measures: [String; 3],
    missing: Vec<v1::Notice>,
}

impl Funnel {
    /// Reads what can be told of the steps and generations.
    ///
    /// # Errors
    /// As a query; and where no step can be told, why the first cannot.
    pub(crate) fn read(
        catalogue: &Catalogue,
        campaign: &Arc<Campaign>,
        asked: v1::GetFunnelRequest,
    ) -> Result<Self, Status> {
        if asked.group_by == Dimension::GENERATION || asked.group_by == "*" {
            return Err(refusal::invalid(
                "group_by",
                "choose channel, kind, cohort or publisher; generations are told besides",
            ));
        }
        let group_by: Vec<String> = Some(asked.group_by).into_iter().filter(|name| !name.is_empty()).collect();
        let query =
            |group_by| v1::Query { range: asked.range, filters: asked.filters.clone(), group_by, ..<_>::default() };
        let all: Vec<Arc<CountedMeasure>> = catalogue.measures_of(campaign.id).cloned().collect();

        let mut question = Question::frame(catalogue, campaign, query(group_by))?;
        let mut missing: Vec<(&str, Status)> = Vec::new();
        let sides = steps(&all, &question.demand(), campaign)
            .map(|(name, side)| side.map_err(|status| missing.push((name, status))).ok());
        match sides.iter().flatten().collect::<Vec<_>>()[..] {
            [] => return Err(missing.swap_remove(0).1),
            [only] => question.ask_count(only),
            _ => question.ratios = ratios_of(&sides),
        }

        let mut generations = Question::frame(catalogue, campaign, query(Vec::new()))?;
        match of_generations(&all, &generations.demand(), campaign) {
            Ok(ratios) => generations.ratios = ratios,
            // A campaign that does not tell generations apart lacks nothing.
            Err(status) if all.iter().any(|one| tells_generations(one)) => missing.push(("generations", status)),
            Err(_) => {}
        }
        let name = |side: &Option<Side>| side.as_ref()?.measure().map(|counted| counted.measure.name.to_string());
        Ok(Self {
            measures: sides.each_ref().map(|side| name(side).unwrap_or_default()),
            steps: Arc::new(question),
            generations: Some(generations).filter(|question| !question.ratios.is_empty()).map(Arc::new),
            missing: missing.into_iter().map(|(name, status)| step_missing(name, &status)).collect(),
        })
    }

    /// The view, from the answers to its questions.
    pub(crate) fn view(
        &self,
        steps: v1::QueryResponse,
        generations: Option<v1::QueryResponse>,
    ) -> v1::GetFunnelResponse {
        let said = [Some(&steps), generations.as_ref()].into_iter().flatten().flat_map(|answer| &answer.notices);
        let notices = once_each(self.missing.iter().chain(said).cloned());
        let [share_measure, arrival_measure, conversion_measure] = self.measures.clone();
        v1::GetFunnelResponse {
            groups: self.told_groups(steps),
            generations: generations.map_or_else(Vec::new, |answer| told_generations(answer.ratios)),
            share_measure,
            arrival_measure,
            conversion_measure,
            notices,
        }
    }

    /// The groups in the order of their first rows, from the rows of [`steps`](Self::steps).
    fn told_groups(&self, steps: v1::QueryResponse) -> Vec<v1::FunnelGroup> {
        let mut groups: BTreeMap<Vec<String>, v1::FunnelGroup> = BTreeMap::new();
        let mut order: Vec<Vec<String>> = Vec::new();
        let mut group_of = |labels: Vec<String>, tell: &dyn Fn(&mut v1::FunnelGroup)| {
            if !groups.contains_key(&labels) {
                order.push(labels.clone());
            }
            let label = labels.join(", ");
            let group = groups.entry(labels).or_default();
            group.label = label;
            tell(group);
        };
        for row in steps.rows {
            group_of(row.labels, &|group| match &self.measures {
                [shares, ..] if *shares == row.measure => group.shares = row.estimate,
                [_, arrivals, _] if *arrivals == row.measure => group.arrivals = row.estimate,
                _ => group.conversions = row.estimate,
            });
        }
        for row in steps.ratios {
            let (above, below, ratio) = (row.numerator, row.denominator, row.estimate);
            group_of(row.labels, &|group| match row.ratio.as_str() {
                ARRIVALS_PER_SHARE => (group.arrivals, group.shares, group.arrivals_per_share) = (above, below, ratio),
                CONVERSIONS_PER_ARRIVAL => {
                    (group.conversions, group.arrivals, group.conversions_per_arrival) = (above, below, ratio);
                }
                _ => (group.conversions, group.shares, group.conversions_per_share) = (above, below, ratio),
            });
        }
        order.into_iter().filter_map(|labels| groups.remove(&labels)).collect()
    }
}

fn tells_generations(counted: &CountedMeasure) -> bool {
    counted.measure.event == Event::Arrival && has_axis(counted, Dimension::GENERATION)
}

fn step_missing(name: &str, status: &Status) -> v1::Notice {
    v1::Notice { code: "STEP_MISSING".to_owned(), message: format!("{name} are left out: {}", status.message()) }
}

/// The ratios of the steps that are there, whose arrivals are those by shared links in all.
fn ratios_of([shares, arrivals, conversions]: &[Option<Side>; 3]) -> Vec<Ratio> {
    let ratio = |(name, numerator, denominator): (&str, &Option<Side>, &Option<Side>)| {
        Some(Ratio {
            asked: v1::RatioRequest { kind: v1::RatioKind::ArrivalsPerShare.into(), custom: None },
            name: name.to_owned(),
            prefix: Vec::new(),
            numerator: numerator.clone()?,
            denominator: denominator.clone()?,
        })
    };
    let pairs = [
        (ARRIVALS_PER_SHARE, arrivals, shares),
        (CONVERSIONS_PER_ARRIVAL, conversions, arrivals),
        (CONVERSIONS_PER_SHARE, conversions, shares),
    ];
    pairs.into_iter().filter_map(ratio).collect()
}

/// The generations, from the rows of [`Funnel::generations`].
fn told_generations(rows: Vec<v1::RatioRow>) -> Vec<v1::Generation> {
    let mut told: BTreeMap<u32, v1::Generation> = BTreeMap::new();
    let growth = name_of(v1::RatioKind::GenerationGrowth);
    for row in rows {
        let Some(number) = row.labels.first().and_then(|label| label.parse::<u32>().ok()) else { continue };
        let (above, below, ratio) = (row.numerator, row.denominator, row.estimate);
        let one = told.entry(number).or_default();
        if row.ratio == ARRIVALS_PER_SHARE {
            (one.arrivals, one.shares, one.arrivals_per_share) = (above, below, ratio);
            continue;
        }
        one.arrivals = below;
        let is_growth = row.ratio == growth;
        *(if is_growth { &mut one.growth } else { &mut one.reshares_per_arrival }) = ratio;
        let next = told.entry(number.saturating_add(1)).or_default();
        *(if is_growth { &mut next.arrivals } else { &mut next.shares }) = above;
    }
    told.into_iter().map(|(number, one)| v1::Generation { generation: number, ..one }).collect()
}
