//! What an operator may wish for, and what the collector asks of it.

use tacita_proto::v1;
use tacita_protocol::{catalogue::Contents, policy::CampaignPolicy, time::UnixTime};

use super::{Cohorts, Principal};

/// The wish for a campaign.
#[derive(Debug)]
pub(crate) struct NewCampaign<'a> {
    pub(crate) brand: &'a str,
    pub(crate) name: &'a str,
    pub(crate) publishers: &'a [String],
    pub(crate) attribution_seconds: u32,
    /// Values stricter than the collector's; 0 names none.
    pub(crate) policy: v1::CampaignPolicy,
}

/// What the collector asks of a wish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rules {
    /// The loosest policy of a campaign.
    pub(crate) campaign: CampaignPolicy,
    /// The most measures of one campaign.
    pub(crate) measures_per_campaign: usize,
}

/// The wish for an API key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewApiKey {
    pub(crate) principal: Principal,
    pub(crate) hash: [u8; 32],
    pub(crate) created_at: UnixTime,
    pub(crate) read_only: bool,
    /// 0: it does not expire.
    pub(crate) valid_seconds: u64,
}

/// The wish for a measure; `wire.campaign` and `wire.id` are not read.
#[derive(Debug)]
pub(crate) struct NewMeasure<'a> {
    pub(crate) campaign: &'a str,
    pub(crate) wire: v1::Measure,
    /// Contents that it is over and that may not be listed yet.
    pub(crate) contents: Option<&'a Contents>,
    /// What is said of its cohorts, if it tells any apart.
    pub(crate) cohorts: &'a Cohorts,
}

#[cfg(any(test, feature = "fuzzing"))]
impl Default for Rules {
    fn default() -> Self {
        crate::CollectorConfig::new("data").rules()
    }
}
