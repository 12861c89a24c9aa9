//! What the brand declared to have spent: for the campaign as a whole, or for a channel (spec/reporting.md §5).
//!
//! What is not declared is not known, and never nothing: zero is a cost only where the brand said so.

use tacita_protocol::{domain::Dimension, excerpt};
use tonic::Status;

use super::{
    axes::{KIND, LabelFilter, kind_of},
    notices::some_of,
    period::Period,
    question::{Demand, Question},
};
use crate::{
    catalogue::{Campaign, Cost},
    refusal,
};

/// Where costs are declared.
pub(super) const DECLARE: &str =
    "declare it in the form Campaign of the page that the collector serves, or with ReportingService.DeclareCampaign";

/// Refuses what no declared cost can answer. Costs are declared by channel at the finest: nothing else may tell them apart.
pub(super) fn check(campaign: &Campaign, demand: &Demand<'_>) -> Result<(), Status> {
    let costs = &campaign.declaration.costs;
    if costs.is_empty() {
        return Err(missing(format!("no cost is declared for this campaign: {DECLARE}")));
    }
    let (axes, filters) = (demand.grouping.axes(), demand.filters);
    let mut told_apart = axes.iter().chain(filters.iter().map(|filter| &filter.dimension));
    if let Some(name) = told_apart.find(|name| ![Dimension::CHANNEL, KIND].contains(&name.as_str())) {
        let problem =
            format!("costs are declared by channel, not by '{}': group and filter by channel or kind", excerpt(name));
        return Err(refusal::invalid(demand.field_of(name), problem));
    }
    if costs.iter().any(|cost| counts(cost, axes, filters)) {
        return Ok(());
    }
    let mut known: Vec<&str> =
        costs.iter().map(|cost| cost.channel.as_deref().unwrap_or("the whole campaign")).collect();
    known.sort_unstable();
    known.dedup();
    let channels = if filters.is_empty() { "single channels" } else { "this channel" };
    let known = some_of(&known);
    Err(missing(format!("no cost is declared for {channels}, only for {known}: ask for that, or {DECLARE}")))
}

fn missing(message: String) -> Status {
    refusal::failed_precondition("COST_MISSING", message)
}

/// What was spent on a group in a period, evenly over the range of each cost. `None` where no cost was declared.
pub(super) fn spent(question: &Question, labels: &[String], period: Period) -> Option<f64> {
    let (axes, filters) = (question.grouping.axes(), &question.filters);
    let is_of_group = |channel: &str| axes.iter().zip(labels).all(|(axis, label)| label_of(channel, axis) == label);
    let costs = &question.campaign.declaration.costs;
    let of_group =
        costs.iter().filter(|cost| counts(cost, axes, filters) && cost.channel.as_deref().is_none_or(is_of_group));
    let part = |cost: &Cost| Period { from: cost.from, to: cost.to }.part_within(period);
    let parts = of_group.map(|cost| (cost.amount, part(cost))).filter(|(_, part)| *part > 0.0);
    parts.map(|(amount, part)| amount * part).reduce(|sum, amount| sum + amount)
}

/// Whether a cost counts at all: one for the campaign as a whole where channels are not told apart, one for a channel
/// where the filters keep it.
fn counts(cost: &Cost, axes: &[String], filters: &[LabelFilter]) -> bool {
    match &cost.channel {
        None => axes.is_empty() && filters.is_empty(),
        Some(channel) => filters.iter().all(|filter| filter.passes(label_of(channel, &filter.dimension))),
    }
}

/// The label of a channel on the axis `channel` or `kind`.
fn label_of<'c>(channel: &'c str, axis: &str) -> &'c str {
    if axis == KIND { kind_of(channel) } else { channel }
}
