//! `ReportingService`: who may ask, and what is answered.

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use futures_util::Stream;
use tacita_proto::v1::{self, reporting_service_server::ReportingService};
use tacita_protocol::{id::CampaignId, time::UnixTime};
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{
    alerts::{AlertKeeper, Found, Webhooks},
    auth::{Rpc, admit},
    catalogue::{Campaign, Catalogue, Declaration, Principal, Refused},
    pool::{Limit, Overload},
    refusal,
    registry::{Registry, RegistryError},
    report::{
        Desk, Question,
        funnel::{self, Funnel},
        plan_measure, privacy,
        reconciliation::{self, Reconciliation},
    },
};

/// How long a follower waits between two answers when it does not say.
const FOLLOW_SECONDS: u32 = 5;
/// The most rows of the questions behind a view: one for each channel and grade.
const VIEW_ROWS: u32 = 10_000;

#[derive(Debug)]
pub(crate) struct Reporting {
    registry: Arc<Registry>,
    desk: Arc<Desk>,
    alerts: Arc<AlertKeeper>,
    webhooks: Arc<Webhooks>,
    queries: Arc<Semaphore>,
    limit: Limit,
    followers: Arc<Semaphore>,
    follower_limit: Limit,
    drain: CancellationToken,
}

impl Reporting {
    pub(crate) fn new(
        registry: Arc<Registry>,
        desk: Arc<Desk>,
        alerts: Arc<AlertKeeper>,
        webhooks: Arc<Webhooks>,
        [limit, follower_limit]: [Limit; 2],
        drain: CancellationToken,
    ) -> Self {
        let permits = |limit: Limit| Arc::new(Semaphore::new(limit.value.min(Semaphore::MAX_PERMITS)));
        Self {
            registry,
            desk,
            alerts,
            webhooks,
            queries: permits(limit),
            limit,
            followers: permits(follower_limit),
            follower_limit,
            drain,
        }
    }

    /// The campaign that a request names, if its caller may see it.
    fn campaign<T>(
        &self,
        request: &Request<T>,
        rpc: Rpc,
        name: impl Fn(&T) -> &str,
    ) -> Result<(Arc<Catalogue>, Arc<Campaign>), Status> {
        let catalogue = self.registry.snapshot();
        let principal = admit(&catalogue, request, rpc)?;
        let campaign = visible_campaign(&catalogue, principal, name(request.get_ref()))?.clone();
        Ok((catalogue, campaign))
    }

    async fn answer(&self, question: Arc<Question>, size: u32, token: String) -> Result<v1::QueryResponse, Status> {
        let _leave = self.queries.try_acquire().map_err(|_| Overload(self.limit))?;
        self.desk.page(question, size, token).await
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

impl Reporting {
    /// A campaign's declaration with the secrets of its webhooks.
    fn declared(&self, campaign: &Campaign, said: &Declaration) -> v1::Declaration {
        let mut told = said.to_wire();
        for webhook in &mut told.webhooks {
            webhook.secret = hex::encode(self.webhooks.secret(campaign.brand, &webhook.url));
        }
        told
    }

    /// The campaigns that a request for alerts is about: the one that it names, or all that its caller may see.
    fn campaigns<T>(&self, request: &Request<T>, name: &str) -> Result<Vec<CampaignId>, Status> {
        let catalogue = self.registry.snapshot();
        let principal = admit(&catalogue, request, Rpc::ReadReports)?;
        if name.is_empty() {
            let visible = catalogue.campaigns().iter().filter(|campaign| may_see(principal, campaign));
            return Ok(visible.map(|campaign| campaign.id).collect());
        }
        Ok(vec![visible_campaign(&catalogue, principal, name)?.id])
    }
}

fn summary(catalogue: &Catalogue, campaign: &Campaign, declaration: v1::Declaration) -> v1::CampaignSummary {
    let publisher = |&id| catalogue.publisher(id).map_or(String::new(), |publisher| publisher.name.to_string());
    v1::CampaignSummary {
        name: catalogue.full_name(campaign),
        publishers: campaign.publishers.iter().map(publisher).collect(),
        measures: catalogue.measures_of(campaign.id).map(|counted| (&counted.measure).into()).collect(),
        declaration: Some(declaration),
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl ReportingService for Reporting {
    async fn list_campaigns(
        &self,
        request: Request<v1::ListCampaignsRequest>,
    ) -> Result<Response<v1::ListCampaignsResponse>, Status> {
        let catalogue = self.registry.snapshot();
        let principal = admit(&catalogue, &request, Rpc::ReadReports)?;
        let visible = catalogue.campaigns().iter().filter(|campaign| may_see(principal, campaign));
        let campaigns = visible
            .map(|campaign| summary(&catalogue, campaign, self.declared(campaign, &campaign.declaration)))
            .collect();
        Ok(Response::new(v1::ListCampaignsResponse { campaigns }))
    }

    async fn query(&self, request: Request<v1::QueryRequest>) -> Result<Response<v1::QueryResponse>, Status> {
        let (catalogue, campaign) = self.campaign(&request, Rpc::ReadReports, |asked| campaign_of(&asked.query))?;
        let v1::QueryRequest { query, page_size, page_token } = request.into_inner();
        let question = Question::read(&catalogue, &campaign, query.unwrap_or_default())?;
        Ok(Response::new(self.answer(Arc::new(question), page_size, page_token).await?))
    }

    type WatchQueryStream = Answers<v1::WatchQueryResponse>;

    async fn watch_query(
        &self,
        request: Request<v1::WatchQueryRequest>,
    ) -> Result<Response<Self::WatchQueryStream>, Status> {
        let (catalogue, campaign) = self.campaign(&request, Rpc::ReadReports, |asked| campaign_of(&asked.query))?;
        let v1::WatchQueryRequest { query, page_size, min_seconds } = request.into_inner();
        let question = Arc::new(Question::read(&catalogue, &campaign, query.unwrap_or_default())?);
        let place = self.followers.clone().try_acquire_owned().map_err(|_| Overload(self.follower_limit))?;
        let pause = Duration::from_secs(u64::from(if min_seconds == 0 { FOLLOW_SECONDS } else { min_seconds }));
        let following = Following {
            desk: self.desk.clone(),
            queries: self.queries.clone(),
            question,
            page_size,
            pause,
            drain: self.drain.clone(),
            known: None,
            _place: place,
        };
        let answers = futures_util::stream::try_unfold(following, |mut following| async move {
            let answer = following.next().await?;
            Ok(Some((answer, following)))
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_funnel(
        &self,
        request: Request<v1::GetFunnelRequest>,
    ) -> Result<Response<v1::GetFunnelResponse>, Status> {
        let (catalogue, campaign) = self.campaign(&request, Rpc::ReadReports, |asked| &asked.campaign)?;
        let Funnel { steps, generations } = Funnel::read(&catalogue, &campaign, request.into_inner())?;
        let mut response = funnel::steps(self.answer(steps, VIEW_ROWS, String::new()).await?);
        let mut answers = Vec::new();
        for question in generations {
            answers.push(self.answer(question, VIEW_ROWS, String::new()).await?);
        }
        response.generations = funnel::generations(answers);
        Ok(Response::new(response))
    }

    async fn get_reconciliation(
        &self,
        request: Request<v1::GetReconciliationRequest>,
    ) -> Result<Response<v1::GetReconciliationResponse>, Status> {
        let (catalogue, campaign) = self.campaign(&request, Rpc::ReadReports, |asked| &asked.campaign)?;
        let view = Reconciliation::read(&catalogue, &campaign, request.into_inner())?;
        let groups = self.answer(view.groups, VIEW_ROWS, String::new()).await?;
        let parts = self.answer(view.parts, VIEW_ROWS, String::new()).await?;
        let ratios = self.answer(view.ratios, VIEW_ROWS, String::new()).await?;
        Ok(Response::new(reconciliation::view(groups, parts, ratios)))
    }

    async fn get_privacy(
        &self,
        request: Request<v1::GetPrivacyRequest>,
    ) -> Result<Response<v1::GetPrivacyResponse>, Status> {
        let (catalogue, campaign) = self.campaign(&request, Rpc::ReadReports, |asked| &asked.campaign)?;
        let has_measures = catalogue.measures_of(campaign.id).next().is_some();
        let answer = match has_measures {
            true => {
                let question = privacy::question(&catalogue, &campaign, request.into_inner().range)?;
                Some(self.answer(Arc::new(question), VIEW_ROWS, String::new()).await?)
            }
            false => None,
        };
        Ok(Response::new(privacy::statement(&catalogue, &campaign, answer)))
    }

    async fn plan_measure(
        &self,
        request: Request<v1::PlanMeasureRequest>,
    ) -> Result<Response<v1::PlanMeasureResponse>, Status> {
        admit(&self.registry.snapshot(), &request, Rpc::ReadReports)?;
        let _leave = self.queries.try_acquire().map_err(|_| Overload(self.limit))?;
        let asked = request.into_inner();
        let planned = tokio::task::spawn_blocking(move || plan_measure(asked)).await.map_err(refusal::internal)?;
        Ok(Response::new(planned?))
    }

    async fn declare_campaign(
        &self,
        request: Request<v1::DeclareCampaignRequest>,
    ) -> Result<Response<v1::DeclareCampaignResponse>, Status> {
        let (_, campaign) = self.campaign(&request, Rpc::Declare, |asked| &asked.campaign)?;
        let said =
            Declaration::read(request.into_inner().declaration.unwrap_or_default()).map_err(RegistryError::from)?;
        match self.registry.apply(|catalogue| catalogue.propose_declaration(campaign.id, &said)).await {
            Ok(_) | Err(RegistryError::Refused(Refused::AlreadySo)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Response::new(v1::DeclareCampaignResponse { declaration: Some(self.declared(&campaign, &said)) }))
    }

    async fn list_alerts(
        &self,
        request: Request<v1::ListAlertsRequest>,
    ) -> Result<Response<v1::ListAlertsResponse>, Status> {
        let campaigns = self.campaigns(&request, &request.get_ref().campaign)?;
        let since = UnixTime(request.get_ref().since);
        let mut found = self.alerts.since(since);
        found.retain(|found| campaigns.contains(&found.campaign));
        let alerts = found.iter().rev().map(|found| found.alert.clone()).collect();
        Ok(Response::new(v1::ListAlertsResponse { alerts }))
    }

    type WatchAlertsStream = Answers<v1::WatchAlertsResponse>;

    async fn watch_alerts(
        &self,
        request: Request<v1::WatchAlertsRequest>,
    ) -> Result<Response<Self::WatchAlertsStream>, Status> {
        let campaigns = self.campaigns(&request, &request.get_ref().campaign)?;
        let since = request.get_ref().since;
        let place = self.followers.clone().try_acquire_owned().map_err(|_| Overload(self.follower_limit))?;
        let (past, listening) = self.alerts.follow((since > 0).then_some(UnixTime(since)));
        let listening = Listening { campaigns, past: past.into(), listening, drain: self.drain.clone(), _place: place };
        let alerts = futures_util::stream::try_unfold(listening, |mut listening| async move {
            let alert = listening.next().await?;
            Ok(Some((v1::WatchAlertsResponse { alert: Some(alert) }, listening)))
        });
        Ok(Response::new(Box::pin(alerts)))
    }
}

fn campaign_of(query: &Option<v1::Query>) -> &str {
    query.as_ref().map_or("", |query| &query.campaign)
}

/// One caller who follows a query. Dropped when the caller leaves, and with it the work that is under way for it.
struct Following {
    desk: Arc<Desk>,
    queries: Arc<Semaphore>,
    question: Arc<Question>,
    page_size: u32,
    pause: Duration,
    drain: CancellationToken,
    /// The state of the last answer.
    known: Option<String>,
    _place: tokio::sync::OwnedSemaphorePermit,
}

impl Following {
    /// The first answer at once, any later one as soon as it differs.
    async fn next(&mut self) -> Result<v1::WatchQueryResponse, Status> {
        loop {
            if self.known.is_some() {
                self.wait().await?;
            }
            // A follower waits for its turn among the questions, of which only so many are worked on at once.
            let _turn = self.queries.acquire().await.map_err(|_| ended())?;
            let known = self.known.clone().unwrap_or_default();
            if let Some(answer) = self.desk.page_unless(self.question.clone(), self.page_size, known).await? {
                self.known = Some(answer.state.clone());
                return Ok(v1::WatchQueryResponse { at: self.desk.now(), answer: Some(answer) });
            }
        }
    }

    async fn wait(&self) -> Result<(), Status> {
        tokio::select! {
            () = tokio::time::sleep(self.pause) => Ok(()),
            () = self.drain.cancelled() => Err(ended()),
        }
    }
}

/// One caller who listens for surges.
struct Listening {
    campaigns: Vec<CampaignId>,
    past: VecDeque<Arc<Found>>,
    listening: broadcast::Receiver<Arc<Found>>,
    drain: CancellationToken,
    _place: tokio::sync::OwnedSemaphorePermit,
}

impl Listening {
    async fn next(&mut self) -> Result<v1::Alert, Status> {
        loop {
            let found = match self.past.pop_front() {
                Some(found) => found,
                None => tokio::select! {
                    told = self.listening.recv() => match told {
                        Ok(found) => found,
                        // It listened too slowly: what it missed is in ListAlerts.
                        Err(broadcast::error::RecvError::Lagged(_)) => continue,
                        Err(broadcast::error::RecvError::Closed) => return Err(ended()),
                    },
                    () = self.drain.cancelled() => return Err(ended()),
                },
            };
            if self.campaigns.contains(&found.campaign) {
                return Ok(found.alert.clone());
            }
        }
    }
}

fn ended() -> Status {
    refusal::unavailable("SHUTTING_DOWN", "the collector shuts down: ask again in a moment")
}
