//! The privacy policy of a campaign: rules that the collector holds it to when it makes it, and every device after that.

use std::fmt;

use serde::{Deserialize, Serialize};
use tacita_dp::Epsilon;
use tacita_proto::v1;

/// At most so often a device's budget begins anew, however short the epochs are: six days, a little less than an epoch of a week.
pub const BUDGET_SECONDS: u64 = 6 * 86_400;

/// What a campaign may ask of a device, and what a brand is shown of it. It stands in the manifest, so it is the same for all and
/// under the signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CampaignPolicy {
    /// The largest ε of one report, in millionths.
    pub report_epsilon_micro: u32,
    /// What a device may spend on the campaign in an epoch, in millionths of ε: a part of what it may spend on the brand.
    pub device_epsilon_micro: u32,
    /// The least people of a cohort.
    pub people_per_cohort: u32,
    /// A publisher's part of a window enters no number before it has so many reports.
    pub reports_per_window: u32,
}

impl Default for CampaignPolicy {
    /// ε 6 for a report and 8 for a device and epoch, cohorts of 50 people, windows of 50 reports.
    fn default() -> Self {
        Self {
            report_epsilon_micro: 6_000_000,
            device_epsilon_micro: 8_000_000,
            people_per_cohort: 50,
            reports_per_window: 50,
        }
    }
}

/// A rule of the policy, by the name that refusals and settings have for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// `report-epsilon`.
    ReportEpsilon,
    /// `device-epsilon`.
    DeviceEpsilon,
    /// `people-per-cohort`.
    PeoplePerCohort,
    /// `reports-per-window`.
    ReportsPerWindow,
}

impl Rule {
    /// The rule's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReportEpsilon => "report-epsilon",
            Self::DeviceEpsilon => "device-epsilon",
            Self::PeoplePerCohort => "people-per-cohort",
            Self::ReportsPerWindow => "reports-per-window",
        }
    }

    const fn is_of_epsilon(self) -> bool {
        matches!(self, Self::ReportEpsilon | Self::DeviceEpsilon)
    }

    /// A value of this rule, as people write it.
    pub fn written(self, value: u64) -> String {
        if self.is_of_epsilon() { format!("{}", value as f64 / 1e6) } else { value.to_string() }
    }
}

/// A wish that breaks a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// What was wished for; ε in millionths.
    pub asked: u64,
    /// What the rule allows; ε in millionths.
    pub limit: u64,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, asked, limit) = (self.rule.name(), self.rule.written(self.asked), self.rule.written(self.limit));
        match self.rule.is_of_epsilon() {
            true => write!(f, "ε = {asked} breaks the policy's rule {name}: choose {limit} or less"),
            false => write!(f, "{asked} breaks the policy's rule {name}: choose {limit} or more"),
        }
    }
}

impl CampaignPolicy {
    /// This policy with the values that `asked` names (0 names none), each at least as strict.
    ///
    /// # Errors
    /// [`Violation`] names the first that is looser.
    pub fn tightened(self, asked: &v1::CampaignPolicy) -> Result<Self, Violation> {
        let at_most = |rule, asked: u32, limit: u32| match asked {
            0 => Ok(limit),
            asked if asked <= limit => Ok(asked),
            asked => Err(Violation { rule, asked: asked.into(), limit: limit.into() }),
        };
        let at_least = |rule, asked: u32, limit: u32| match asked {
            0 => Ok(limit),
            asked if asked >= limit => Ok(asked),
            asked => Err(Violation { rule, asked: asked.into(), limit: limit.into() }),
        };
        Ok(Self {
            report_epsilon_micro: at_most(Rule::ReportEpsilon, asked.report_epsilon_micro, self.report_epsilon_micro)?,
            device_epsilon_micro: at_most(Rule::DeviceEpsilon, asked.device_epsilon_micro, self.device_epsilon_micro)?,
            people_per_cohort: at_least(Rule::PeoplePerCohort, asked.people_per_cohort, self.people_per_cohort)?,
            reports_per_window: at_least(Rule::ReportsPerWindow, asked.reports_per_window, self.reports_per_window)?,
        })
    }

    /// The stricter value of each rule.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            report_epsilon_micro: self.report_epsilon_micro.min(other.report_epsilon_micro),
            device_epsilon_micro: self.device_epsilon_micro.min(other.device_epsilon_micro),
            people_per_cohort: self.people_per_cohort.max(other.people_per_cohort),
            reports_per_window: self.reports_per_window.max(other.reports_per_window),
        }
    }

    /// Whether a measure may have this ε: that of one report, and so that a device could ever answer it.
    ///
    /// # Errors
    /// [`Violation`] names the rule.
    pub fn check_epsilon(&self, epsilon: Epsilon) -> Result<(), Violation> {
        for (rule, limit) in
            [(Rule::ReportEpsilon, self.report_epsilon_micro), (Rule::DeviceEpsilon, self.device_epsilon_micro)]
        {
            if epsilon.micro() > limit {
                return Err(Violation { rule, asked: epsilon.micro().into(), limit: limit.into() });
            }
        }
        Ok(())
    }
}

impl From<&CampaignPolicy> for v1::CampaignPolicy {
    fn from(policy: &CampaignPolicy) -> Self {
        let CampaignPolicy { report_epsilon_micro, device_epsilon_micro, people_per_cohort, reports_per_window } =
            *policy;
        Self { report_epsilon_micro, device_epsilon_micro, people_per_cohort, reports_per_window }
    }
}

impl From<&v1::CampaignPolicy> for CampaignPolicy {
    fn from(wire: &v1::CampaignPolicy) -> Self {
        let v1::CampaignPolicy { report_epsilon_micro, device_epsilon_micro, people_per_cohort, reports_per_window } =
            *wire;
        Self { report_epsilon_micro, device_epsilon_micro, people_per_cohort, reports_per_window }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_may_be_stricter_and_a_looser_wish_is_refused_by_the_rules_name() {
        let policy = CampaignPolicy::default();
        assert_eq!(policy.tightened(&v1::CampaignPolicy::default()), Ok(policy));
        let strict = v1::CampaignPolicy {
            report_epsilon_micro: 1_000_000,
            device_epsilon_micro: 2_000_000,
            people_per_cohort: 100,
            reports_per_window: 1_000,
        };
        assert_eq!(policy.tightened(&strict), Ok((&strict).into()));
        for (loose, said) in [
            (
                v1::CampaignPolicy { report_epsilon_micro: 6_500_000, ..Default::default() },
                "ε = 6.5 breaks the policy's rule report-epsilon: choose 6 or less",
            ),
            (
                v1::CampaignPolicy { device_epsilon_micro: 9_000_000, ..Default::default() },
                "ε = 9 breaks the policy's rule device-epsilon: choose 8 or less",
            ),
            (
                v1::CampaignPolicy { people_per_cohort: 49, ..Default::default() },
                "49 breaks the policy's rule people-per-cohort: choose 50 or more",
            ),
            (
                v1::CampaignPolicy { reports_per_window: 1, ..Default::default() },
                "1 breaks the policy's rule reports-per-window: choose 50 or more",
            ),
        ] {
            assert_eq!(policy.tightened(&loose).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn a_measure_keeps_to_the_rule_of_one_report_and_to_that_of_a_device() {
        let policy = CampaignPolicy { device_epsilon_micro: 3_000_000, ..CampaignPolicy::default() };
        let rule = |micro| policy.check_epsilon(Epsilon::from_micro(micro).unwrap()).map_err(|broken| broken.rule);
        assert_eq!(rule(3_000_000), Ok(()));
        assert_eq!(rule(3_000_001), Err(Rule::DeviceEpsilon));
        assert_eq!(rule(6_000_001), Err(Rule::ReportEpsilon));
    }
}
