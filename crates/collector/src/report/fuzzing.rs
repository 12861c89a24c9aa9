//! A question out of any bytes, answered from a few tallies: what `fuzz/` drives.

use std::{
    collections::HashMap,
    sync::{LazyLock, atomic::AtomicBool},
};

use prost::Message as _;
use tacita_proto::v1;
use tacita_protocol::{
    id::PublisherId,
    policy::CampaignPolicy,
    time::{UnixTime, WindowId},
};
use tacita_store::SeriesTally;

use super::{
    answer::{Answer, Evidence},
    funnel::Funnel,
    number::Amplification,
    plan::plan_measure,
    question::Question,
    reconciliation::{self, Reconciliation},
    tallies::Series,
};
use crate::catalogue::{Catalogue, CountedMeasure};

/// Days since 1970 on which the tallies are.
const DAYS: [u32; 2] = [20_000, 20_007];
const NOW: UnixTime = UnixTime(20_008 * 86_400);
/// The most rows of a page.
const MAX_PAGE: usize = 10_000;

/// What was worked out for one question serves the next.
static AMPLIFICATION: LazyLock<Amplification> = LazyLock::new(Amplification::default);

/// The first byte says what is asked, the rest is the message.
pub(crate) fn ask(catalogue: &Catalogue, bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let campaign = &catalogue.campaigns()[0];
    match kind % 4 {
        0 => {
            let Ok(asked) = v1::QueryRequest::decode(bytes) else { return };
            let Ok(question) = Question::read(catalogue, campaign, asked.query.unwrap_or_default()) else { return };
            let _ = answer(&question, asked.page_size as usize, &asked.page_token);
        }
        1 => {
            let Ok(asked) = v1::GetFunnelRequest::decode(bytes) else { return };
            let Ok(funnel) = Funnel::read(catalogue, campaign, asked) else { return };
            let generations = funnel.generations.as_ref().and_then(|one| answer(one, MAX_PAGE, ""));
            let _ = answer(&funnel.steps, MAX_PAGE, "").map(|steps| funnel.view(steps, generations));
        }
        2 => {
            let Ok(asked) = v1::GetReconciliationRequest::decode(bytes) else { return };
            let Ok(view) = Reconciliation::read(catalogue, campaign, asked) else { return };
            let parts = [&view.groups, &view.parts, &view.ratios].map(|one| answer(one, MAX_PAGE, ""));
            if let [Some(groups), Some(parts), Some(ratios)] = parts {
                reconciliation::view(groups, parts, ratios);
            }
        }
        _ => {
            let Ok(asked) = v1::PlanMeasureRequest::decode(bytes) else { return };
            let _ = plan_measure(asked, &CampaignPolicy::default());
        }
    }
}

fn answer(question: &Question, size: usize, token: &str) -> Option<v1::QueryResponse> {
    let whole = question.span.whole();
    let tallies = |shift: u64| -> HashMap<_, Series> {
        let of_measure = |counted: &std::sync::Arc<CountedMeasure>| {
            let windows = whole.earlier(shift).windows(counted.measure.window);
            let days = DAYS.map(WindowId).into_iter().filter(|day| windows.contains(day));
            (counted.measure.id, days.map(|day| tally(counted, day)).collect())
        };
        question.needed().iter().map(of_measure).collect()
    };
    let first_open = question.needed().iter().map(|one| (one.measure.id, one.measure.window.window_at(NOW))).collect();
    let compared = question.shift.map(tallies).unwrap_or_default();
    let evidence = Evidence { series: tallies(0), compared, first_open, deleted_before: UnixTime(0), now: NOW };
    let abandoned = AtomicBool::new(false);
    let answer = Answer::new(question, &evidence, &AMPLIFICATION, &abandoned).ok()?;
    answer.page(size.min(MAX_PAGE), token).ok()
}

/// The first hundred reports that the measure's mechanism knows.
fn tally(counted: &CountedMeasure, window: WindowId) -> SeriesTally {
    let mut counters = vec![0; counted.mechanism.tally_len()];
    let reports = (0..4_096).filter_map(|raw| counted.mechanism.validate(raw).ok()).take(100);
    let counted_reports =
        reports.map(|report| counted.mechanism.counters(report).for_each(|at| counters[at as usize] += 1));
    let reports = counted_reports.count() as u64;
    let counters = (0..).zip(counters).filter(|(_, count)| *count > 0).collect();
    SeriesTally { publisher: PublisherId(1), window, reports, counters }
}
