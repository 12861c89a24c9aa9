//! Share → return visit → conversion, and what becomes of links from generation to generation: ratios of a query, put side by side.

use std::{collections::BTreeMap, sync::Arc};

use tacita_proto::v1;
use tonic::Status;

use super::question::Question;
use crate::{
    catalogue::{Campaign, Catalogue},
    refusal,
};

/// The questions behind a funnel: its steps, and its generations where the measures tell them apart.
pub(crate) struct Funnel {
    pub(crate) steps: Arc<Question>,
    pub(crate) generations: Vec<Arc<Question>>,
}

impl Funnel {
    pub(crate) fn read(
        catalogue: &Catalogue,
        campaign: &Arc<Campaign>,
        asked: v1::GetFunnelRequest,
    ) -> Result<Self, Status> {
        if asked.group_by == "generation" || asked.group_by == "*" {
            return Err(refusal::invalid(
                "group_by",
                "choose channel, kind, cohort or publisher; generations are told besides",
            ));
        }
        let query = |kinds: &[v1::RatioKind], group_by: Vec<String>| {
            let request = |&kind: &v1::RatioKind| v1::RatioRequest { kind: kind.into(), custom: None };
            v1::Query {
                ratios: kinds.iter().map(request).collect(),
                range: asked.range,
                filters: asked.filters.clone(),
                group_by,
                ..Default::default()
            }
        };
        let group_by: Vec<String> = Some(asked.group_by.clone()).into_iter().filter(|name| !name.is_empty()).collect();
        let steps = query(&[v1::RatioKind::ArrivalsPerShare, v1::RatioKind::ConversionRate], group_by);
        let mut steps = Question::read(catalogue, campaign, steps)?;
        steps.make_funnel();
        let by_generation = [v1::RatioKind::GenerationGrowth, v1::RatioKind::ResharesPerArrival];
        let able = |kind: &v1::RatioKind| {
            Question::read(catalogue, campaign, query(std::slice::from_ref(kind), Vec::new())).ok()
        };
        let generations = by_generation.iter().filter_map(able).map(Arc::new).collect();
        Ok(Self { steps: Arc::new(steps), generations })
    }
}

/// The steps, from the rows of [`Funnel::steps`].
pub(crate) fn steps(answer: v1::QueryResponse) -> v1::GetFunnelResponse {
    let mut groups: BTreeMap<Vec<String>, v1::FunnelGroup> = BTreeMap::new();
    let mut order: Vec<Vec<String>> = Vec::new();
    let mut response = v1::GetFunnelResponse { notices: answer.notices, ..Default::default() };
    for row in answer.ratios {
        if !groups.contains_key(&row.labels) {
            order.push(row.labels.clone());
        }
        let group = groups.entry(row.labels.clone()).or_default();
        group.label = row.labels.join(", ");
        match row.ratio.as_str() {
            ARRIVALS_PER_SHARE => {
                response.share_measure = row.denominator_measure;
                response.arrival_measure = row.numerator_measure;
                (group.arrivals, group.shares, group.arrivals_per_share) =
                    (row.numerator, row.denominator, row.estimate);
            }
            CONVERSIONS_PER_ARRIVAL => {
                response.conversion_measure = row.numerator_measure;
                (group.conversions, group.conversions_per_arrival) = (row.numerator, row.estimate);
            }
            _ => group.conversions_per_share = row.estimate,
        }
    }
    response.groups = order.into_iter().filter_map(|labels| groups.remove(&labels)).collect();
    response
}

pub(crate) const ARRIVALS_PER_SHARE: &str = "arrivals_per_share";
pub(crate) const CONVERSIONS_PER_ARRIVAL: &str = "conversions_per_arrival";
pub(crate) const CONVERSIONS_PER_SHARE: &str = "conversions_per_share";

/// The generations, from the rows of [`Funnel::generations`].
pub(crate) fn generations(answers: Vec<v1::QueryResponse>) -> Vec<v1::Generation> {
    let mut generations: BTreeMap<u32, v1::Generation> = BTreeMap::new();
    let rows = answers.into_iter().flat_map(|answer| answer.ratios);
    for row in rows {
        let Some(number) = row.labels.first().and_then(|label| label.parse().ok()) else { continue };
        let generation = generations.entry(number).or_default();
        generation.arrivals = row.denominator;
        if row.ratio == "generation_growth" {
            generation.growth = row.estimate;
            generations.entry(number + 1).or_default().arrivals = row.numerator;
        } else {
            generation.reshares_per_arrival = row.estimate;
            generations.entry(number + 1).or_default().shares = row.numerator;
        }
    }
    generations.into_iter().map(|(number, one)| v1::Generation { generation: number, ..one }).collect()
}
