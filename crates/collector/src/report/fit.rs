//! Which publishers' reports of a measure can come from honest devices at all, and which hardly (spec/statistics/poisoning.md).

use std::collections::BTreeMap;

use tacita_dp::{Error, Fit, Oddity, Tally};
use tacita_proto::v1;
use tacita_protocol::id::PublisherId;
use tacita_store::SeriesTally;

use super::{axes::name_of_cell, merge::add_counters, period::Period, tallies::Series};
use crate::catalogue::CountedMeasure;

/// Honest reports are flagged at most so often: once in 10,000 answers of one publisher and measure.
const LEVEL: f64 = 1e-4;

/// The fit of each publisher's reports in the windows that begin in `period`; publishers without reports, and
/// windows of fewer than `least` reports, are left out.
pub(crate) fn of_publishers(
    counted: &CountedMeasure,
    series: &Series,
    period: Period,
    publishers: &[(PublisherId, String)],
    least: u32,
) -> Result<Vec<v1::PublisherFit>, Error> {
    let windows = period.windows(counted.measure.window);
    let mut sums: BTreeMap<PublisherId, (u64, Vec<u64>)> = BTreeMap::new();
    let shown = |tally: &&SeriesTally| windows.contains(&tally.window) && tally.reports >= u64::from(least);
    for tally in series.iter().filter(shown) {
        let empty = || (0, vec![0; counted.mechanism.tally_len()]);
        let (reports, counters) = sums.entry(tally.publisher).or_insert_with(empty);
        *reports += tally.reports;
        add_counters(counters, &tally.counters)?;
    }
    let mut fits = Vec::new();
    for (id, name) in publishers {
        if let Some((reports, counters)) = sums.remove(id).filter(|(reports, _)| *reports > 0) {
            let fit = counted.mechanism.fit(&Tally::from_parts(reports, counters))?;
            let suspicious = fit.p_value <= LEVEL;
            let finding = if suspicious { told(counted, &fit) } else { String::new() };
            fits.push(v1::PublisherFit { publisher: name.clone(), reports, p_value: fit.p_value, suspicious, finding });
        }
    }
    Ok(fits)
}

fn told(counted: &CountedMeasure, fit: &Fit) -> String {
    let chance = format!("(honest reports look so odd less than once in {:.0e} times)", 1.0 / fit.p_value.max(1e-300));
    let what = match fit.oddity {
        Oddity::CellTooLow(cell) => {
            format!("they name '{}' less often than if nobody had it", name_of_cell(counted, cell))
        }
        Oddity::CellTooHigh(cell) => {
            format!("they name '{}' more often than if everybody had it", name_of_cell(counted, cell))
        }
        Oddity::ReportTooFrequent(report) => format!("the very same report, {report}, comes too often"),
        Oddity::ManyCellsTooLow => "they name many values less often than if nobody had these".to_owned(),
        _ => "they do not fit the mechanism".to_owned(),
    };
    format!("{what} {chance}")
}
