//! What is guaranteed to the visitors of a campaign, against whom, with the numbers of an answer; and what is not.

use tacita_dp::Mechanism;
use tacita_proto::v1;
use tacita_protocol::{
    measure::{Measure, Participation},
    policy::BUDGET_SECONDS,
};
use tonic::Status;

use super::{number::DELTA, question::Question};
use crate::catalogue::{Campaign, Catalogue};

/// The question whose answer holds the privacy of every measure: their totals.
pub(crate) fn question(
    catalogue: &Catalogue,
    campaign: &std::sync::Arc<Campaign>,
    range: Option<v1::TimeRange>,
) -> Result<Question, Status> {
    Question::read(catalogue, campaign, v1::Query { range, ..Default::default() })
}

/// The statement, with the numbers of that question's answer.
pub(crate) fn statement(
    catalogue: &Catalogue,
    campaign: &Campaign,
    answer: Option<v1::QueryResponse>,
) -> v1::GetPrivacyResponse {
    let bound = catalogue.device_policy().unwrap_or_default().ledger_bound_micro;
    let epoch = catalogue.epochs().last().map(|epoch| epoch.entry.ends_at.0.saturating_sub(epoch.entry.starts_at.0));
    let of_device = campaign.policy.device_epsilon_micro.min(bound);
    let told = answer.map(|answer| answer.measures).unwrap_or_default();
    let mut statement = v1::GetPrivacyResponse {
        campaign: catalogue.full_name(campaign),
        policy: Some((&campaign.policy).into()),
        ledger_bound_micro: bound,
        epoch_seconds: epoch.unwrap_or(0),
        budget_seconds: BUDGET_SECONDS,
        measures: Vec::new(),
        guarantees: Vec::new(),
        not_guaranteed: Vec::new(),
    };
    for counted in catalogue.measures_of(campaign.id) {
        let known =
            told.iter().find(|one| one.measure.as_ref().is_some_and(|wire| wire.name == counted.measure.name.as_str()));
        statement.measures.push(of_measure(&counted.measure, &counted.mechanism, known, of_device));
    }
    statement.guarantees = guarantees(&statement);
    statement.not_guaranteed = not_guaranteed(&statement);
    statement
}

fn of_measure(
    measure: &Measure,
    mechanism: &Mechanism,
    told: Option<&v1::MeasureAnswer>,
    of_device: u32,
) -> v1::MeasurePrivacy {
    v1::MeasurePrivacy {
        measure: measure.name.to_string(),
        event: v1::Event::from(measure.event).into(),
        participation: v1::Participation::from(measure.participation).into(),
        cells: mechanism.domain().get(),
        window_seconds: measure.window.seconds(),
        privacy: told.and_then(|told| told.privacy.clone()),
        // As many answers as the budget holds, and no part of one.
        device_epsilon: f64::from(of_device / measure.epsilon.micro() * measure.epsilon.micro()) / 1e6,
        reports: told.map_or(0, |told| told.reports),
    }
}

fn guarantees(statement: &v1::GetPrivacyResponse) -> Vec<v1::Guarantee> {
    let policy = statement.policy.unwrap_or_default();
    let epsilon = |micro: u32| f64::from(micro) / 1e6;
    let guarantee = |what: String, against: &str, rests_on: &str| v1::Guarantee {
        what,
        against: against.to_owned(),
        rests_on: rests_on.to_owned(),
    };
    let of = |one: &v1::MeasurePrivacy| one.privacy.as_ref().map_or(0.0, |privacy| privacy.epsilon);
    let largest = statement.measures.iter().map(of).fold(0.0, f64::max);
    let device = epsilon(policy.device_epsilon_micro.min(statement.ledger_bound_micro));
    let days = statement.epoch_seconds as f64 / 86_400.0;
    let mut told = vec![
        guarantee(
            format!(
                "a report says little of its value: no value makes it more than e^{largest:.3} = {:.1} times likelier than \
                 another (ε = {largest:.3}; the policy allows {})",
                // Upward: it is a bound.
                (largest.exp() * 10.0).ceil() / 10.0,
                epsilon(policy.report_epsilon_micro)
            ),
            "everyone, all parties together",
            "the device runs the SDK as published",
        ),
        guarantee(
            format!(
                "all reports of a device in an epoch ({days:.1} days) say at most ε = {device} on this campaign, and ε = {} on all \
                 of the brand's; a budget begins anew at most every {} days, however short epochs are",
                epsilon(statement.ledger_bound_micro),
                statement.budget_seconds / 86_400
            ),
            "everyone, all parties together",
            "the device's ledger: it keeps its state",
        ),
    ];
    for one in statement.measures.iter().filter(|one| one.reports > 0) {
        let Some(privacy) = &one.privacy else { continue };
        told.push(guarantee(
            format!(
                "{}: one report among the {} of its smallest shown window: ε = {:.3}, δ = {DELTA:.0e}",
                one.measure, privacy.amplified_over, privacy.amplified_epsilon
            ),
            "whoever sees only totals: the brand",
            "relay and collector do not tell more; the other reports are honest and by other devices",
        ));
    }
    told.push(guarantee(
        "no report can be tied to a visitor's address, nor to the purchase of its token".to_owned(),
        "the collector, and the brand",
        "the relay does not tell the collector; every device was given the same key",
    ));
    told.push(guarantee(
        "nobody but the collector can open a report, and nobody at all after its epoch has closed".to_owned(),
        "the publisher, the network, a later thief",
        "classical cryptography; the collector destroys its keys",
    ));
    told
}

fn not_guaranteed(statement: &v1::GetPrivacyResponse) -> Vec<String> {
    let policy = statement.policy.unwrap_or_default();
    let by_event: Vec<&str> = statement
        .measures
        .iter()
        .filter(|one| one.participation() == v1::Participation::from(Participation::Event))
        .map(|one| one.measure.as_str())
        .collect();
    let mut told = Vec::new();
    if !by_event.is_empty() {
        let names = by_event.join(", ");
        told.push(format!(
            "that something happened at all is not hidden from the publisher, whose page saw it: {names}"
        ));
    }
    told.push("budgets of different epochs add up: over k of them ε is k times as large".to_owned());
    told.push(
        "a device that answers a measure m times in a window has m times the amplified ε; what amplifies is void against who knows \
         or makes up the other reports, and against the collector"
            .to_owned(),
    );
    told.push(format!(
        "that parts of windows with fewer than {} reports are in no number, and that cohorts have {} people, is a courtesy of the \
         collector over the noise: it rests on the collector, and on what the brand declared",
        policy.reports_per_window, policy.people_per_cohort
    ));
    told.push("that reports are true: tokens bound how many lies there are, and formats what each can do".to_owned());
    told.push("what a recorded report tells who has a quantum computer one day, but for its noise".to_owned());
    told
}
