//! `ReportingService`: the campaigns a caller may see, and their estimates.

use std::{num::NonZeroU32, ops::Range, sync::Arc};

use tacita_proto::v1::{self, reporting_service_server::ReportingService};
use tacita_protocol::time::{UnixTime, WindowId, WindowLength};
use tacita_store::TallyStore;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use crate::{
    auth::{Rpc, admit},
    catalogue::{Campaign, Catalogue, CountedMeasure, Principal},
    pool::{Limit, Overload},
    refusal,
    registry::Registry,
    report::measure_report,
};

#[derive(Debug)]
pub(crate) struct Reporting {
    registry: Arc<Registry>,
    store: Arc<dyn TallyStore>,
    queries: Semaphore,
    limit: Limit,
}

impl Reporting {
    pub(crate) fn new(registry: Arc<Registry>, store: Arc<dyn TallyStore>, limit: Limit) -> Self {
        Self { registry, store, queries: Semaphore::new(limit.value.min(Semaphore::MAX_PERMITS)), limit }
    }

    async fn report(
        &self,
        counted: Arc<CountedMeasure>,
        from: UnixTime,
        to: Option<UnixTime>,
        top: Option<NonZeroU32>,
    ) -> Result<v1::MeasureReport, Status> {
        let windows = windows_within(counted.measure.window, from, to);
        let series = self.store.tallies(counted.measure.id, windows).await.map_err(refusal::internal)?;
        let estimate = move || measure_report(&counted, &series, top);
        let report = tokio::task::spawn_blocking(estimate).await.map_err(refusal::internal)?;
        report.map_err(refusal::internal)
    }
}

fn may_see(principal: Principal, campaign: &Campaign) -> bool {
    match principal {
        Principal::Operator => true,
        Principal::Brand(brand) => brand == campaign.brand,
        Principal::Publisher(_) => false,
    }
}

/// The campaign of this name. Another brand's is answered exactly like one that does not exist.
fn visible_campaign<'a>(
    catalogue: &'a Catalogue,
    principal: Principal,
    name: &str,
) -> Result<&'a Arc<Campaign>, Status> {
    let parsed = name.parse().map_err(|error| refusal::invalid("campaign", format!("{error}")))?;
    catalogue.campaign_named(&parsed).filter(|campaign| may_see(principal, campaign)).ok_or_else(|| {
        let message = format!("there is no campaign '{parsed}' among yours: ListCampaigns names those there are");
        refusal::not_found("NO_SUCH_CAMPAIGN", message)
    })
}

/// The measures with these names, or all.
fn chosen_measures(
    catalogue: &Catalogue,
    campaign: &Campaign,
    names: &[String],
) -> Result<Vec<Arc<CountedMeasure>>, Status> {
    if names.is_empty() {
        return Ok(catalogue.measures_of(campaign.id).cloned().collect());
    }
    let find = |name: &String| {
        let found = catalogue.measures_of(campaign.id).find(|counted| counted.measure.name.as_str() == name);
        found.cloned().ok_or_else(|| {
            let name: String = name.chars().take(80).collect();
            let full = catalogue.full_name(campaign);
            refusal::not_found("NO_SUCH_MEASURE", format!("campaign '{full}' has no measure '{name}': leave it out"))
        })
    };
    names.iter().map(find).collect()
}

/// `from` and `to` of a request; no end when `to` is 0.
fn time_range(from: u64, to: u64) -> Result<(UnixTime, Option<UnixTime>), Status> {
    match to {
        0 => Ok((UnixTime(from), None)),
        to if from < to => Ok((UnixTime(from), Some(UnixTime(to)))),
        to => {
            Err(refusal::invalid("to", format!("{to} is not after 'from', {from}: give a later time, or 0 for no end")))
        }
    }
}

/// The windows that begin in `from..to`.
fn windows_within(length: WindowLength, from: UnixTime, to: Option<UnixTime>) -> Range<WindowId> {
    let first_from = |time: UnixTime| {
        let window = time.0.div_ceil(u64::from(length.seconds()));
        WindowId(u32::try_from(window).unwrap_or(u32::MAX))
    };
    first_from(from)..to.map_or(WindowId(u32::MAX), first_from)
}

fn summary(catalogue: &Catalogue, campaign: &Campaign) -> v1::CampaignSummary {
    let publisher = |&id| catalogue.publisher(id).map_or(String::new(), |publisher| publisher.name.to_string());
    v1::CampaignSummary {
        name: catalogue.full_name(campaign),
        publishers: campaign.publishers.iter().map(publisher).collect(),
        measures: catalogue.measures_of(campaign.id).map(|counted| (&counted.measure).into()).collect(),
        declaration: None,
    }
}

#[tonic::async_trait]
impl ReportingService for Reporting {
    async fn list_campaigns(
        &self,
        request: Request<v1::ListCampaignsRequest>,
    ) -> Result<Response<v1::ListCampaignsResponse>, Status> {
        let catalogue = self.registry.snapshot();
        let principal = admit(&catalogue, &request, Rpc::ListCampaigns)?;
        let visible = catalogue.campaigns().iter().filter(|campaign| may_see(principal, campaign));
        let campaigns = visible.map(|campaign| summary(&catalogue, campaign)).collect();
        Ok(Response::new(v1::ListCampaignsResponse { campaigns }))
    }

    async fn get_report(
        &self,
        request: Request<v1::GetReportRequest>,
    ) -> Result<Response<v1::GetReportResponse>, Status> {
        let catalogue = self.registry.snapshot();
        let principal = admit(&catalogue, &request, Rpc::GetReport)?;
        let v1::GetReportRequest { campaign, measures, from, to, top } = request.into_inner();
        let campaign = visible_campaign(&catalogue, principal, &campaign)?;
        let (from, to) = time_range(from, to)?;
        let chosen = chosen_measures(&catalogue, campaign, &measures)?;
        let _leave = self.queries.try_acquire().map_err(|_| Overload(self.limit))?;
        let mut reports = Vec::with_capacity(chosen.len());
        for counted in chosen {
            reports.push(self.report(counted, from, to, NonZeroU32::new(top)).await?);
        }
        Ok(Response::new(v1::GetReportResponse { campaign: catalogue.full_name(campaign), measures: reports }))
    }

    async fn query(&self, _: Request<v1::QueryRequest>) -> Result<Response<v1::QueryResponse>, Status> {
        Err(Status::unimplemented("not answered yet"))
    }

    type WatchQueryStream = tokio_stream::Empty<Result<v1::WatchQueryResponse, Status>>;

    async fn watch_query(&self, _: Request<v1::WatchQueryRequest>) -> Result<Response<Self::WatchQueryStream>, Status> {
        Err(Status::unimplemented("not answered yet"))
    }

    async fn get_funnel(&self, _: Request<v1::GetFunnelRequest>) -> Result<Response<v1::GetFunnelResponse>, Status> {
        Err(Status::unimplemented("not answered yet"))
    }

    async fn get_reconciliation(
        &self,
        _: Request<v1::GetReconciliationRequest>,
    ) -> Result<Response<v1::GetReconciliationResponse>, Status> {
        Err(Status::unimplemented("not answered yet"))
    }

    async fn plan_measure(
        &self,
        _: Request<v1::PlanMeasureRequest>,
    ) -> Result<Response<v1::PlanMeasureResponse>, Status> {
        Err(Status::unimplemented("not answered yet"))
    }

    async fn declare_campaign(
        &self,
        _: Request<v1::DeclareCampaignRequest>,
    ) -> Result<Response<v1::DeclareCampaignResponse>, Status> {
        Err(Status::unimplemented("not answered yet"))
    }

    async fn list_alerts(&self, _: Request<v1::ListAlertsRequest>) -> Result<Response<v1::ListAlertsResponse>, Status> {
        Err(Status::unimplemented("not answered yet"))
    }

    type WatchAlertsStream = tokio_stream::Empty<Result<v1::WatchAlertsResponse, Status>>;

    async fn watch_alerts(
        &self,
        _: Request<v1::WatchAlertsRequest>,
    ) -> Result<Response<Self::WatchAlertsStream>, Status> {
        Err(Status::unimplemented("not answered yet"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_in_the_range_when_it_begins_there() {
        let windows = |from, to| windows_within(WindowLength::DAY, UnixTime(from), to);
        let day = u64::from(WindowLength::DAY.seconds());
        assert_eq!(windows(0, None), WindowId(0)..WindowId(u32::MAX));
        assert_eq!(windows(day, Some(UnixTime(3 * day))), WindowId(1)..WindowId(3));
        assert_eq!(windows(day + 1, Some(UnixTime(3 * day + 1))), WindowId(2)..WindowId(4));
    }
}
