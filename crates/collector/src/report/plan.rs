//! What a measure will be able to tell, before there is one (spec/reporting.md §8): arithmetic on its mechanism, no data.

use tacita_dp::{Epsilon, Error, Estimate, Mechanism, planner};
use tacita_proto::v1;
use tacita_protocol::{
    domain::{Domain, InvalidDomain, Values},
    excerpt,
    id::MeasureId,
    measure::{Event, InvalidMeasure, Measure},
    policy::CampaignPolicy,
    time::WindowLength,
};
use tonic::Status;

use super::number::{self, Amplification, LEVEL};
use crate::{catalogue::Refused, pool::Limit, refusal};

/// The steps in which ε is looked for, in millionths.
const STEP: u32 = 10_000;
/// The most cells that a plan may name.
const MAX_NAMED: Limit = Limit { name: "planned_shares", value: 1_000 };

/// The plan for a measure that might be made under a policy: what `PlanMeasure` answers, for those who have no collector at hand.
///
/// # Errors
/// The statuses of `PlanMeasure`: the field that cannot be, and why.
pub fn plan_measure(asked: v1::PlanMeasureRequest, policy: &CampaignPolicy) -> Result<v1::PlanMeasureResponse, Status> {
    let measure = measure(asked.measure.unwrap_or_default())?;
    policy.check_epsilon(measure.epsilon).map_err(|broken| Refused::broken("measure.epsilon_micro", broken))?;
    if asked.reports_per_window == 0 {
        let problem = "give the reports that are expected in one window, all publishers together: 1 or more";
        return Err(refusal::invalid("reports_per_window", problem));
    }
    let ceiling = policy.report_epsilon_micro.min(policy.device_epsilon_micro);
    let mechanism = measure.mechanism();
    let windows = u64::from(asked.windows.max(1));
    let traffic = Traffic { per_window: asked.reports_per_window, windows };
    let reports = traffic.reports();
    let named = shares(&measure, &asked.shares)?;
    let cells =
        named.into_iter().map(|(labels, share)| planned(&measure, &mechanism, ceiling, &traffic, labels, share));
    let privacy = Amplification::default().privacy(MeasureId(0), &mechanism, traffic.per_window);
    Ok(v1::PlanMeasureResponse {
        // A domain has at most 2¹⁷ cells.
        cells: measure.domain.cells() as u32,
        reports,
        privacy: Some(privacy.map_err(refusal::internal)?),
        planned: cells.collect::<Result<_, _>>().map_err(refusal::internal)?,
        smallest_share: planner::smallest_detectable_share(&mechanism, reports, LEVEL).ok().flatten(),
    })
}

struct Traffic {
    per_window: u64,
    windows: u64,
}

impl Traffic {
    fn reports(&self) -> u64 {
        self.per_window.saturating_mul(self.windows)
    }
}

/// Reads the measure to be; what a plan does not depend on may be left out.
fn measure(mut wire: v1::Measure) -> Result<Measure, Status> {
    if wire.name.is_empty() {
        wire.name = "planned".to_owned();
    }
    if wire.window_seconds == 0 {
        wire.window_seconds = WindowLength::DAY.seconds();
    }
    for dimension in &mut wire.dimensions {
        if let Some(catalogue) = dimension.catalogue.as_mut().filter(|catalogue| catalogue.digest.is_empty()) {
            catalogue.digest = vec![0; 32];
        }
    }
    let event = v1::Event::try_from(wire.event).ok().and_then(|event| Event::try_from(event).ok());
    if let Some(event) = event {
        wire.dimensions = Domain::with_default_dimensions(event, wire.dimensions);
    }
    Measure::try_from(&wire).map_err(|error| match error {
        InvalidMeasure::Epsilon(_) => refusal::invalid("measure.epsilon_micro", error.to_string()),
        error @ InvalidMeasure::Domain(InvalidDomain::TooManyCells(_)) => {
            Refused::too_many_cells("measure", error).into()
        }
        error => refusal::invalid("measure", error.to_string()),
    })
}

/// The cells that are named with their shares, and one that stands for all others.
fn shares(measure: &Measure, named: &[v1::ExpectedShare]) -> Result<Vec<(Vec<String>, f64)>, Status> {
    let dimensions = measure.domain.dimensions();
    if named.len() > MAX_NAMED.value {
        let problem = format!("{} of them: at most {}", named.len(), MAX_NAMED.value);
        return Err(refusal::beyond("shares", MAX_NAMED, problem));
    }
    let mut shares = Vec::new();
    let mut rest = 1.0;
    for one in named {
        if one.labels.len() != dimensions.len() {
            let problem = format!("give one label for each of the {} dimensions", dimensions.len());
            return Err(refusal::invalid("shares", problem));
        }
        for (dimension, label) in dimensions.iter().zip(&one.labels) {
            if let Values::Labels(known) = &dimension.values
                && !known.contains(label)
            {
                let (label, name) = (excerpt(label), &dimension.name);
                let message = format!("'{label}' is no {name}: there are {}", known.join(", "));
                return Err(refusal::not_found("NO_SUCH_LABEL", message));
            }
        }
        if !(0.0..=1.0).contains(&one.share) || one.share > rest + 1e-9 {
            return Err(refusal::invalid("shares", "each is from 0 to 1, and together they are at most 1"));
        }
        if shares.iter().any(|(labels, _)| *labels == one.labels) {
            let name = excerpt(&one.labels.join(" × "));
            return Err(refusal::invalid("shares", format!("'{name}' stands twice: give each cell one share")));
        }
        rest = f64::max(rest - one.share, 0.0);
        shares.push((one.labels.clone(), one.share));
    }
    let others = (measure.domain.cells() - 1).saturating_sub(named.len());
    if others > 0 {
        shares.push((Vec::new(), rest / others as f64));
    }
    Ok(shares)
}

fn planned(
    measure: &Measure,
    mechanism: &Mechanism,
    ceiling: u32,
    traffic: &Traffic,
    labels: Vec<String>,
    share: f64,
) -> Result<v1::PlannedCell, Error> {
    let reports = traffic.reports();
    let expected = expected(mechanism, reports, share);
    let told = number::estimate(expected, reports);
    let sought = share > 0.0 && !told.above_zero;
    Ok(v1::PlannedCell {
        labels,
        share,
        relative_half_width: if expected.count > 0.0 { (told.high - told.low) / 2.0 / expected.count } else { 0.0 },
        epsilon_needed: if sought { epsilon_needed(measure, ceiling, reports, share)? } else { None },
        windows_needed: if sought { windows_needed(mechanism, traffic, share)? } else { None },
        expected: Some(told),
    })
}

fn expected(mechanism: &Mechanism, reports: u64, share: f64) -> Estimate {
    let reports = reports as f64;
    Estimate { count: share * reports, variance: reports * mechanism.variance(share) }
}

/// The least ε, up to the policy's ceiling, at which the cell can be told from zero: the noise falls with ε, so it is
/// found by halving.
fn epsilon_needed(measure: &Measure, ceiling: u32, reports: u64, share: f64) -> Result<Option<f64>, Error> {
    let size = measure.mechanism().domain();
    let is_told = |micro: u32| -> Result<bool, Error> {
        let mechanism = Mechanism::choose(size, Epsilon::from_micro(micro)?)?;
        Ok(expected(&mechanism, reports, share).is_distinguishable_from_zero(LEVEL))
    };
    if measure.epsilon.micro() >= ceiling || !is_told(ceiling)? {
        return Ok(None);
    }
    let (mut too_small, mut enough) = (measure.epsilon.micro() / STEP, ceiling.div_ceil(STEP));
    while enough - too_small > 1 {
        let middle = too_small + (enough - too_small) / 2;
        match is_told(middle * STEP)? {
            true => enough = middle,
            false => too_small = middle,
        }
    }
    Ok(Some(f64::from((enough * STEP).min(ceiling)) / 1e6))
}

fn windows_needed(mechanism: &Mechanism, traffic: &Traffic, share: f64) -> Result<Option<u64>, Error> {
    let reports = planner::reports_to_detect(mechanism, share, LEVEL)?;
    // A count that saturated is never reached.
    Ok((reports < u64::MAX).then(|| reports.div_ceil(traffic.per_window) + 1).map(|windows| {
        let told = |windows: u64| {
            let reports = windows.saturating_mul(traffic.per_window);
            expected(mechanism, reports, share).is_distinguishable_from_zero(LEVEL)
        };
        if told(windows - 1) { windows - 1 } else { windows }
    }))
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
    use tacita_dp::Tally;
    use tonic_types::StatusExt as _;

    use super::*;

    fn plan_measure(asked: v1::PlanMeasureRequest) -> Result<v1::PlanMeasureResponse, Status> {
        super::plan_measure(asked, &CampaignPolicy::default())
    }

    fn request(epsilon_micro: u32, reports: u64, shares: &[(&str, f64)]) -> v1::PlanMeasureRequest {
        let labels = ["whatsapp", "telegram", "signal", "facebook", "direct", "other"];
        v1::PlanMeasureRequest {
            measure: Some(v1::Measure {
                event: v1::Event::Arrival.into(),
                dimensions: vec![v1::Dimension {
                    name: "channel".into(),
                    labels: labels.map(Into::into).to_vec(),
                    catalogue: None,
                }],
                epsilon_micro,
                ..Default::default()
            }),
            reports_per_window: reports,
            windows: 0,
            shares: shares
                .iter()
                .map(|&(label, share)| v1::ExpectedShare { labels: vec![label.into()], share })
                .collect(),
        }
    }

    #[test]
    fn the_plan_is_what_a_simulation_of_it_finds() {
        let shares = [("whatsapp", 0.12), ("telegram", 0.03), ("direct", 0.5)];
        let asked = request(1_500_000, 6_000, &shares);
        let measure = measure(asked.measure.clone().unwrap()).unwrap();
        let plan = plan_measure(asked).unwrap();
        let mechanism = measure.mechanism();
        let truth: Vec<usize> = vec![0, 720, 180, 0, 0, 3_000, 0];
        let rest = (6_000 - truth.iter().sum::<usize>()) / 3;
        let truth: Vec<usize> =
            truth.iter().enumerate().map(|(cell, &n)| if [3, 4, 6].contains(&cell) { rest } else { n }).collect();
        let mut generator = ChaCha20Rng::seed_from_u64(11);
        let runs = 200;
        let mut squares = vec![0.0; truth.len()];
        for _ in 0..runs {
            let mut tally = Tally::new(&mechanism);
            for (cell, &count) in truth.iter().enumerate() {
                let cell = mechanism.domain().cell(cell as u32).unwrap();
                let reports: Vec<_> = (0..count).map(|_| mechanism.randomize(cell, &mut generator)).collect();
                tally.absorb(&mechanism, &reports).unwrap();
            }
            let found = mechanism.estimate(&tally).unwrap();
            for ((square, cell), &truth) in squares.iter_mut().zip(found.cells()).zip(&truth) {
                *square += (cell.count - truth as f64).powi(2) / f64::from(runs);
            }
        }
        for (cell, planned) in [(1, 0), (2, 1), (5, 2), (3, 3)] {
            let expected = plan.planned[planned].expected.unwrap();
            assert!((expected.value - truth[cell] as f64).abs() < 1.0);
            // Of 200 runs the variance is known to 10 %; three times that.
            assert!((squares[cell] / expected.variance - 1.0).abs() < 0.3, "{cell}: {} {expected:?}", squares[cell]);
        }
    }

    #[test]
    fn what_cannot_be_told_says_which_epsilon_or_how_many_windows_would() {
        let asked = request(1_000_000, 2_000, &[("signal", 0.01)]);
        let found = plan_measure(asked.clone()).unwrap();
        let cell = &found.planned[0];
        assert!(!cell.expected.unwrap().above_zero && found.smallest_share.unwrap() > 0.01);
        let told = |epsilon_micro: u32, windows: u32| {
            let measure = v1::Measure { epsilon_micro, ..asked.measure.clone().unwrap() };
            let asked = v1::PlanMeasureRequest { measure: Some(measure), windows, ..asked.clone() };
            plan_measure(asked).unwrap().planned[0].expected.unwrap().above_zero
        };
        let epsilon = (cell.epsilon_needed.unwrap() * 1e6).round() as u32;
        assert!(told(epsilon, 1) && !told(epsilon - 10_000, 1), "{epsilon}");
        let windows = u32::try_from(cell.windows_needed.unwrap()).unwrap();
        assert!(told(1_000_000, windows) && !told(1_000_000, windows - 1), "{windows}");
    }

    #[test]
    fn a_plan_with_next_to_no_traffic_or_too_much_is_no_fault() {
        for reports in [1, u64::MAX] {
            let found = plan_measure(request(1_000_000, reports, &[("signal", 0.5)])).unwrap();
            assert_eq!(found.planned.len(), 2);
            assert_eq!(found.reports, reports);
        }
        let catalogue = v1::CatalogueRef { digest: vec![], contents: 100_000, tail: 0 };
        let content = v1::Dimension { name: "content".into(), labels: vec![], catalogue: Some(catalogue) };
        let mut asked = request(4_000_000, 100_000, &[]);
        let measure = asked.measure.as_mut().unwrap();
        (measure.event, measure.dimensions) = (v1::Event::ContentShare.into(), vec![content]);
        let found = plan_measure(asked).unwrap();
        assert_eq!(found.cells, 100_001);
        assert!(found.planned[0].windows_needed.is_some());
    }

    #[test]
    fn what_the_policy_forbids_is_neither_planned_nor_proposed() {
        let broken = plan_measure(request(9_000_000, 10, &[])).unwrap_err();
        let details = broken.get_details_error_info().unwrap();
        assert_eq!((details.reason.as_str(), details.metadata["limit"].as_str()), ("POLICY_BROKEN", "6"));
        assert!(broken.message().contains("rule report-epsilon: choose 6 or less"), "{}", broken.message());
        let within = |report_epsilon_micro| {
            let policy = CampaignPolicy { report_epsilon_micro, ..CampaignPolicy::default() };
            super::plan_measure(request(1_000_000, 2_000, &[("signal", 0.01)]), &policy)
        };
        let needed = |ceiling| within(ceiling).unwrap().planned[0].epsilon_needed;
        let least = needed(6_000_000).unwrap();
        let ceiling = (least * 1e6) as u32;
        assert_eq!((needed(ceiling + 5_000), needed(ceiling - 15_000)), (Some(least), None));
        assert!(within(999_999).is_err());
    }

    #[test]
    fn what_cannot_be_planned_is_named() {
        let refused = |asked| plan_measure(asked).unwrap_err().message().to_owned();
        assert!(refused(v1::PlanMeasureRequest::default()).contains("event"));
        assert!(refused(request(0, 10, &[])).starts_with("measure.epsilon_micro"));
        assert!(refused(request(1_000_000, 0, &[])).starts_with("reports_per_window: give the reports"));
        assert!(refused(request(1_000_000, 10, &[("pigeon", 0.1)])).contains("'pigeon' is no channel"));
        assert!(refused(request(1_000_000, 10, &[("signal", 0.7), ("direct", 0.7)])).contains("at most 1"));
        assert!(refused(request(1_000_000, 10, &[("signal", f64::NAN)])).starts_with("shares"));
        let twice = refused(request(1_000_000, 10, &[("signal", 0.1), ("signal", 0.2)]));
        assert_eq!(twice, "shares: 'signal' stands twice: give each cell one share");
    }
}
