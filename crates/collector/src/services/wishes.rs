//! An operator's wishes: as the wire brings them, as the catalogue reads them.

use tacita_proto::v1;
use tacita_protocol::{catalogue::Contents, domain::Dimension};
use tonic::Status;

use crate::{
    catalogue::{Cohorts, NewCampaign, NewMeasure},
    refusal,
};

/// The wish for a campaign.
pub(crate) fn campaign(asked: &v1::CreateCampaignRequest) -> NewCampaign<'_> {
    let v1::CreateCampaignRequest { brand, name, publishers, attribution_seconds, policy } = asked;
    let (attribution_seconds, policy) = (*attribution_seconds, policy.unwrap_or_default());
    NewCampaign { brand, name, publishers, attribution_seconds, policy }
}

/// The wish for a measure, and the contents that it is over.
#[derive(Debug)]
pub(crate) struct MeasureWish {
    campaign: String,
    wire: v1::Measure,
    contents: Option<Contents>,
    cohorts: Cohorts,
}

impl MeasureWish {
    /// # Errors
    /// `INVALID_ARGUMENT` for contents that cannot be.
    pub(crate) fn read(asked: v1::CreateMeasureRequest) -> Result<Self, Status> {
        let (dimensions, contents) = with_contents(asked.dimensions, asked.contents)?;
        let wire = v1::Measure {
            id: 0,
            campaign: 0,
            name: asked.name,
            event: asked.event,
            participation: asked.participation,
            dimensions,
            epsilon_micro: asked.epsilon_micro,
            window_seconds: asked.window_seconds,
        };
        let sizes = asked.cohorts.into_iter().map(|cohort| (cohort.label, cohort.people)).collect();
        let cohorts = Cohorts { sizes, reports_per_window: asked.reports_per_window };
        Ok(Self { campaign: asked.campaign, wire, contents, cohorts })
    }

    /// As the catalogue takes it.
    pub(crate) fn measure(&self) -> NewMeasure<'_> {
        let (campaign, wire) = (self.campaign.as_str(), self.wire.clone());
        NewMeasure { campaign, wire, contents: self.contents(), cohorts: &self.cohorts }
    }

    /// What is to be listed before the measure is made.
    pub(crate) fn contents(&self) -> Option<&Contents> {
        self.contents.as_ref()
    }
}

/// The dimensions of a wish, and the contents of the last one where it is over a catalogue.
fn with_contents(
    mut dimensions: Vec<v1::Dimension>,
    asked: Option<v1::Contents>,
) -> Result<(Vec<v1::Dimension>, Option<Contents>), Status> {
    let Some(v1::Contents { ids, tail }) = asked else { return Ok((dimensions, None)) };
    let contents = Contents::new(ids).map_err(|error| {
        let place = error.place().map_or(String::new(), |place| format!("id {}: ", place + 1));
        refusal::invalid("contents", format!("{place}{error}"))
    })?;
    let catalogue = Some((&contents.reference(tail)).into());
    dimensions.push(v1::Dimension { name: Dimension::CONTENT.to_owned(), labels: Vec::new(), catalogue });
    Ok((dimensions, Some(contents)))
}
