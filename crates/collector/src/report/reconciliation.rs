//! What Google Analytics 4 would have called each arrival, next to what it was: one query by its groups, one by their parts.

use std::sync::Arc;

use tacita_proto::v1;
use tacita_protocol::{domain::Dimension, measure::Event};
use tonic::Status;

use super::{
    axes::{ANALYTICS, has_axis, kind_of},
    question::Question,
};
use crate::{
    catalogue::{Campaign, Catalogue},
    refusal,
};

/// The questions behind the view.
pub(crate) struct Reconciliation {
    pub(crate) groups: Arc<Question>,
    pub(crate) parts: Arc<Question>,
    pub(crate) ratios: Arc<Question>,
}

impl Reconciliation {
    pub(crate) fn read(
        catalogue: &Catalogue,
        campaign: &Arc<Campaign>,
        asked: v1::GetReconciliationRequest,
    ) -> Result<Self, Status> {
        let fits = |one: &&Arc<crate::catalogue::CountedMeasure>| {
            one.measure.event == Event::Arrival && has_axis(one, ANALYTICS)
        };
        let graded = catalogue.measures_of(campaign.id).filter(fits).min_by_key(|one| one.measure.domain.cells());
        let measure = graded.ok_or_else(|| {
            let message = "this view needs a measure of event arrival that tells apart channel and grade: have the \
                           campaign's operator create one";
            refusal::failed_precondition("MEASURE_MISSING", message)
        })?;
        let query = |group_by: &[&str], ratios: &[v1::RatioKind]| {
            let request = |&kind: &v1::RatioKind| v1::RatioRequest { kind: kind.into(), custom: None };
            let query = v1::Query {
                measures: vec![measure.measure.name.to_string()],
                ratios: ratios.iter().map(request).collect(),
                range: asked.range,
                filters: asked.filters.clone(),
                group_by: group_by.iter().map(|&name| name.to_owned()).collect(),
                top: if ratios.is_empty() { u32::MAX } else { 0 },
                ..Default::default()
            };
            Question::read(catalogue, campaign, query).map(Arc::new)
        };
        Ok(Self {
            groups: query(&[ANALYTICS], &[])?,
            parts: query(&[ANALYTICS, Dimension::CHANNEL, Dimension::GRADE], &[])?,
            ratios: query(&[], &[v1::RatioKind::DirectConfirmed, v1::RatioKind::DirectInferred])?,
        })
    }
}

/// The view, from the answers to its questions.
pub(crate) fn view(
    groups: v1::QueryResponse,
    parts: v1::QueryResponse,
    ratios: v1::QueryResponse,
) -> v1::GetReconciliationResponse {
    let part = |row: &v1::Row| {
        let [_, channel, grade] = row.labels.as_slice() else { return None };
        let kind = kind_of(channel).to_owned();
        Some(v1::AnalyticsPart { channel: channel.clone(), grade: grade.clone(), arrivals: row.estimate, kind })
    };
    let group = |row: v1::Row| {
        let name = row.labels.into_iter().next().unwrap_or_default();
        let own = parts.rows.iter().filter(|part| part.labels.first() == Some(&name));
        v1::AnalyticsGroup { parts: own.filter_map(part).collect(), name, arrivals: row.estimate }
    };
    let ratio = |name: &str| ratios.ratios.iter().find(|row| row.ratio == name).and_then(|row| row.estimate);
    let about = groups.measures.into_iter().next().unwrap_or_default();
    v1::GetReconciliationResponse {
        groups: groups.rows.into_iter().map(group).collect(),
        measure: about.measure.map_or_else(String::new, |measure| measure.name),
        reports: about.reports,
        direct_confirmed: ratio("direct_confirmed"),
        direct_inferred: ratio("direct_inferred"),
        // Not those of the groups: the largest come first there because they are read first, not because they were picked.
        notices: ratios.notices,
    }
}
