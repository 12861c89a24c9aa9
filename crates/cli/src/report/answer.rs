//! What the service answered, whichever question it was, in each form that the command writes.

use anyhow::{Result, bail};
use serde_json::Value;
use tacita_proto::v1;

use super::{
    chart::{self, Panel},
    export::{self, Sheet},
    text,
};

/// An answer.
pub(crate) enum Answer {
    Campaigns(v1::ListCampaignsResponse),
    Query(v1::QueryResponse),
    Funnel {
        funnel: v1::GetFunnelResponse,
        /// What its groups are told apart by; empty: it is the total.
        by: String,
    },
    Reconciliation(v1::GetReconciliationResponse),
    Alerts(v1::ListAlertsResponse),
}

impl Answer {
    /// Tables to be read.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Campaigns(campaigns) => text::campaigns(campaigns),
            Self::Query(answer) => text::render(answer, &|_, _| None),
            Self::Funnel { funnel, by } => text::funnel(funnel, by),
            Self::Reconciliation(view) => text::reconciliation(view),
            Self::Alerts(found) => text::alerts(found),
        }
    }

    /// The message, field by field.
    pub(crate) fn json(&self) -> Result<Value> {
        match self {
            Self::Campaigns(campaigns) => export::json(campaigns, "ListCampaignsResponse"),
            Self::Query(answer) => export::json(answer, "QueryResponse"),
            Self::Funnel { funnel, .. } => export::json(funnel, "GetFunnelResponse"),
            Self::Reconciliation(view) => export::json(view, "GetReconciliationResponse"),
            Self::Alerts(found) => export::json(found, "ListAlertsResponse"),
        }
    }

    /// One table.
    pub(crate) fn sheet(&self) -> Sheet {
        match self {
            Self::Campaigns(campaigns) => export::campaigns(campaigns),
            Self::Query(answer) if asks_ratios(answer) => export::ratios(answer),
            Self::Query(answer) => export::counts(answer),
            Self::Funnel { funnel, by } => export::funnel(funnel, by),
            Self::Reconciliation(view) => export::reconciliation(view),
            Self::Alerts(found) => export::alerts(found),
        }
    }

    /// What a picture of it shows; an error where there is nothing to draw.
    pub(crate) fn panels(&self) -> Result<Vec<Panel>> {
        match self {
            Self::Campaigns(_) => {
                bail!("a list of campaigns has no picture: name the campaign that is to be drawn")
            }
            Self::Query(answer) => Ok(chart::query(answer)),
            Self::Funnel { funnel, by } => Ok(chart::funnel(funnel, by)),
            Self::Reconciliation(view) => Ok(chart::reconciliation(view)),
            Self::Alerts(_) => bail!(
                "surges are a list and have no picture: write them with --csv, or draw the counts that they stand out \
                 of with --granularity hour"
            ),
        }
    }
}

/// A query is of ratios or of counts, whether or not there are any.
fn asks_ratios(answer: &v1::QueryResponse) -> bool {
    answer.query.as_ref().is_some_and(|query| !query.ratios.is_empty())
}
