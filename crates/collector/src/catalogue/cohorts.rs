//! Cohorts are squads, newsletters, referral programmes: never one person, and not so many that none can be told from noise.

use tacita_dp::{Confidence, planner};
use tacita_protocol::{
    domain::{Dimension, Values},
    excerpt,
    measure::Measure,
    policy::{Rule, Violation},
};

use super::Refused;

/// The dimension that tells cohorts apart.
const COHORT: &str = "cohort";
/// Labels that are no cohort.
const NO_COHORT: [&str; 2] = ["0", Dimension::OTHER];

/// What the creator of a measure says of its cohorts.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Cohorts {
    /// Label and number of people.
    pub(crate) sizes: Vec<(String, u64)>,
    /// Reports expected in one window.
    pub(crate) reports_per_window: u64,
}

impl Cohorts {
    /// Whether a measure may tell these cohorts apart.
    pub(super) fn check(&self, measure: &Measure, least: u32) -> Result<(), Refused> {
        let labels = labels(measure);
        let refuse = |problem: String| Err(Refused::Field { field: "cohorts", problem });
        if let Some((label, _)) = self.sizes.iter().find(|(label, _)| !labels.contains(&label.as_str())) {
            return refuse(format!("'{}' is no cohort of this measure", excerpt(label)));
        }
        for label in &labels {
            match self.sizes.iter().find(|(known, _)| known == label) {
                None => {
                    return refuse(format!("say how many people cohort '{label}' has: a cohort is never one person"));
                }
                Some((_, people)) if *people < u64::from(least) => {
                    let problem = format!(
                        "cohort '{label}' has {people} people: the policy's rule people-per-cohort asks for at least {least}, \
                         since a cohort is never one person; join it with others"
                    );
                    let broken = Violation { rule: Rule::PeoplePerCohort, asked: *people, limit: least.into() };
                    return Err(Refused::Rule { field: "cohorts", broken, problem });
                }
                Some(_) => {}
            }
        }
        if labels.is_empty() { Ok(()) } else { self.check_traffic(measure, labels.len()) }
    }

    /// If every cell had its even part, could one be told from zero? If not, the split is noise, however it falls out.
    fn check_traffic(&self, measure: &Measure, cohorts: usize) -> Result<(), Refused> {
        let (mechanism, cells) = (measure.mechanism(), measure.domain.cells() - 1);
        let even = 1.0 / cells as f64;
        let fault = |error: tacita_dp::Error| Refused::Field { field: "cohorts", problem: error.to_string() };
        let needed = planner::reports_to_detect(&mechanism, even, Confidence::P95).map_err(fault)?;
        if self.reports_per_window >= needed {
            return Ok(());
        }
        let problem = match self.reports_per_window {
            0 => "say how many reports a window is expected to have".to_owned(),
            expected => format!(
                "{expected} reports in a window are too few to tell {cohorts} cohorts apart ({cells} cells, ε {}): an even part \
                 of one would be lost in the noise. It takes about {needed} reports in a window; or fewer cohorts, fewer other \
                 dimensions, a longer window, or a larger ε (`tacita plan` tells)",
                measure.epsilon
            ),
        };
        Err(Refused::Field { field: "reports_per_window", problem })
    }
}

/// The cohorts that a measure tells apart.
fn labels(measure: &Measure) -> Vec<&str> {
    let dimension = measure.domain.dimensions().iter().find(|dimension| dimension.name.as_str() == COHORT);
    let labels = match dimension.map(|dimension| &dimension.values) {
        Some(Values::Labels(labels)) => labels.as_slice(),
        _ => &[],
    };
    labels.iter().map(String::as_str).filter(|label| !NO_COHORT.contains(label)).collect()
}

#[cfg(test)]
mod tests {
    use tacita_proto::v1;

    use super::*;

    fn measure(cohorts: usize) -> Measure {
        let labels = (0..=cohorts).map(|number| number.to_string()).collect();
        let wire = v1::Measure {
            name: "squads".into(),
            event: v1::Event::Arrival.into(),
            dimensions: vec![v1::Dimension { name: COHORT.into(), labels, catalogue: None }],
            epsilon_micro: 3_000_000,
            window_seconds: 86_400,
            ..Default::default()
        };
        Measure::try_from(&wire).unwrap()
    }

    fn check(cohorts: usize, people: u64, reports_per_window: u64) -> Result<(), String> {
        let sizes = (1..=cohorts).map(|number| (number.to_string(), people)).collect();
        let said = Cohorts { sizes, reports_per_window };
        said.check(&measure(cohorts), 50).map_err(|refused| refused.to_string())
    }

    #[test]
    fn a_handful_of_squads_is_taken() {
        assert_eq!(check(8, 400, 2_000), Ok(()));
    }

    #[test]
    fn a_split_into_1400_squads_is_refused_with_the_reason_and_the_traffic_it_would_take() {
        let told = check(1_400, 60, 20_000).unwrap_err();
        assert!(told.contains("1400 cohorts") && told.contains("20000 reports in a window are too few"), "{told}");
        let needed: u64 = told.split_once("about ").unwrap().1.split_once(' ').unwrap().0.parse().unwrap();
        assert!((1_000_000..3_000_000).contains(&needed), "{told}");
        assert_eq!(check(1_400, 60, needed), Ok(()));
        assert!(check(1_400, 60, needed - 1).is_err());
    }

    #[test]
    fn a_small_cohort_and_one_of_unknown_size_are_refused() {
        assert!(
            check(3, 12, 5_000)
                .unwrap_err()
                .contains("cohort '1' has 12 people: the policy's rule people-per-cohort asks for at least 50")
        );
        assert!(check(3, 100, 0).unwrap_err().starts_with("reports_per_window: say how many"));
        let refusal = |said: Cohorts| said.check(&measure(2), 50).unwrap_err().to_string();
        assert!(refusal(Cohorts::default()).contains("say how many people cohort '1' has"));
        let stranger = Cohorts { sizes: vec![("9".into(), 100)], reports_per_window: 9_999 };
        assert!(refusal(stranger).contains("'9' is no cohort"));
    }
}
