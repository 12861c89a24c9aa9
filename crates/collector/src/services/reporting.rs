//! `ReportingService`: who may ask, and what is answered.

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use futures_util::Stream;
use tacita_connections::Tenant;
use tacita_proto::v1::{self, reporting_service_server::ReportingService};
use tacita_protocol::{id::CampaignId, policy::CampaignPolicy, time::UnixTime};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{
    alerts::{Webhooks, alert},
    catalogue::{Campaign, Catalogue, Declaration, Found, Principal, Refused},
    guard::Caller,
    metrics::{Metrics, Wait},
    places::{Place, Places},
    refusal,
    registry::{Registry, RegistryError},
    report::{
        Desk, Question,
        funnel::Funnel,
        plan_measure, privacy,
        reconciliation::{self, Reconciliation},
        told_measure,
    },
};

/// How long a follower waits between two answers when it does not say.
const FOLLOW_SECONDS: u32 = 5;

#[derive(Debug)]
pub(crate) struct Reporting {
    pub(crate) registry: Arc<Registry>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) queries: Arc<Places>,
    pub(crate) followers: Places,
    pub(crate) declarations_per_day: usize,
    /// What a measure that is planned would have to keep to.
    pub(crate) policy: CampaignPolicy,
    pub(crate) drain: CancellationToken,
    pub(crate) metrics: Arc<Metrics>,
}

impl Reporting {
    /// The campaign that a request names, if its caller may see it.
    fn campaign<T>(
        &self,
        request: &Request<T>,
        name: impl Fn(&T) -> &str,
    ) -> Result<(Caller, Arc<Catalogue>, Arc<Campaign>), Status> {
        let catalogue = self.registry.snapshot();
        let caller = Caller::of(request)?;
        let campaign = visible_campaign(&catalogue, caller.principal, name(request.get_ref()))?.clone();
        Ok((caller, catalogue, campaign))
    }

    async fn answer(
        &self,
        caller: &Caller,
        question: Arc<Question>,
        size: u32,
        token: String,
    ) -> Result<v1::QueryResponse, Status> {
        let place = self.queries.enter(caller.principal.tenant())?;
        self.desk.page(place, question, size, token).await
    }

    /// What a view is made of.
    async fn whole(&self, caller: &Caller, question: Arc<Question>) -> Result<v1::QueryResponse, Status> {
        let place = self.queries.enter(caller.principal.tenant())?;
        self.desk.whole(place, question).await
    }
}

fn may_see(principal: Principal, campaign: &Campaign) -> bool {
    match principal {
        Principal::Operator => true,
        Principal::Brand(brand) => brand == campaign.brand,
        Principal::Publisher(_) | Principal::Auditor => false,
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
    /// A campaign's declaration; with the secrets of its webhooks for whoever may declare them.
    fn declared(&self, caller: &Caller, campaign: &Campaign, said: &Declaration) -> v1::Declaration {
        let mut told = said.to_wire();
        for webhook in told.webhooks.iter_mut().filter(|_| caller.may_change) {
            webhook.secret = hex::encode(self.webhooks.secret(campaign.brand, &webhook.url));
        }
        told
    }

    /// Whose alerts a request is about: of the campaign that it names, or of all that its caller may see.
    fn subject<T>(&self, catalogue: &Catalogue, request: &Request<T>, name: &str) -> Result<Subject, Status> {
        let principal = Caller::of(request)?.principal;
        match name {
            "" => Ok(Subject::All(principal)),
            name => Ok(Subject::One(visible_campaign(catalogue, principal, name)?.id)),
        }
    }
}

/// The campaigns that alerts are asked of.
#[derive(Clone, Copy, Debug)]
enum Subject {
    One(CampaignId),
    All(Principal),
}

impl Subject {
    fn holds(self, catalogue: &Catalogue, found: &Found) -> bool {
        match self {
            Self::One(campaign) => found.campaign == campaign,
            Self::All(principal) => catalogue.campaign(found.campaign).is_some_and(|one| may_see(principal, one)),
        }
    }
}

fn summary(catalogue: &Catalogue, campaign: &Campaign, declaration: v1::Declaration) -> v1::CampaignSummary {
    let publisher = |&id| catalogue.publisher(id).map_or(String::new(), |publisher| publisher.name.to_string());
    v1::CampaignSummary {
        name: catalogue.full_name(campaign),
        publishers: campaign.publishers.iter().map(publisher).collect(),
        measures: catalogue.measures_of(campaign.id).map(|counted| told_measure(&counted.measure)).collect(),
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
        let caller = Caller::of(&request)?;
        let visible = catalogue.campaigns().iter().filter(|campaign| may_see(caller.principal, campaign));
        let campaigns = visible
            .map(|campaign| summary(&catalogue, campaign, self.declared(&caller, campaign, &campaign.declaration)))
            .collect();
        Ok(Response::new(v1::ListCampaignsResponse { campaigns }))
    }

    async fn query(&self, request: Request<v1::QueryRequest>) -> Result<Response<v1::QueryResponse>, Status> {
        let (caller, catalogue, campaign) = self.campaign(&request, |asked| campaign_of(&asked.query))?;
        let v1::QueryRequest { query, page_size, page_token } = request.into_inner();
        let question = Question::read(&catalogue, &campaign, query.unwrap_or_default())?;
        Ok(Response::new(self.answer(&caller, Arc::new(question), page_size, page_token).await?))
    }

    type WatchQueryStream = Answers<v1::WatchQueryResponse>;

    async fn watch_query(
        &self,
        request: Request<v1::WatchQueryRequest>,
    ) -> Result<Response<Self::WatchQueryStream>, Status> {
        let (caller, catalogue, campaign) = self.campaign(&request, |asked| campaign_of(&asked.query))?;
        let v1::WatchQueryRequest { query, page_size, min_seconds } = request.into_inner();
        let question = Arc::new(Question::read(&catalogue, &campaign, query.unwrap_or_default())?);
        let place = self.followers.enter(caller.principal.tenant())?;
        let pause = Duration::from_secs(u64::from(if min_seconds == 0 { FOLLOW_SECONDS } else { min_seconds }));
        let following = Following {
            desk: self.desk.clone(),
            queries: self.queries.clone(),
            tenant: caller.principal.tenant(),
            metrics: self.metrics.clone(),
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
        Ok(Response::new(Box::pin(caller.while_admitted(answers))))
    }

    async fn get_funnel(
        &self,
        request: Request<v1::GetFunnelRequest>,
    ) -> Result<Response<v1::GetFunnelResponse>, Status> {
        let (caller, catalogue, campaign) = self.campaign(&request, |asked| &asked.campaign)?;
        let funnel = Funnel::read(&catalogue, &campaign, request.into_inner())?;
        let steps = self.whole(&caller, funnel.steps.clone()).await?;
        let generations = match &funnel.generations {
            Some(question) => Some(self.whole(&caller, question.clone()).await?),
            None => None,
        };
        Ok(Response::new(funnel.view(steps, generations)))
    }

    async fn get_reconciliation(
        &self,
        request: Request<v1::GetReconciliationRequest>,
    ) -> Result<Response<v1::GetReconciliationResponse>, Status> {
        let (caller, catalogue, campaign) = self.campaign(&request, |asked| &asked.campaign)?;
        let view = Reconciliation::read(&catalogue, &campaign, request.into_inner())?;
        let groups = self.whole(&caller, view.groups).await?;
        let parts = self.whole(&caller, view.parts).await?;
        let ratios = self.whole(&caller, view.ratios).await?;
        Ok(Response::new(reconciliation::view(groups, parts, ratios)))
    }

    async fn get_privacy(
        &self,
        request: Request<v1::GetPrivacyRequest>,
    ) -> Result<Response<v1::GetPrivacyResponse>, Status> {
        let (caller, catalogue, campaign) = self.campaign(&request, |asked| &asked.campaign)?;
        let has_measures = catalogue.measures_of(campaign.id).next().is_some();
        let answer = match has_measures {
            true => {
                let question = privacy::question(&catalogue, &campaign, request.into_inner().range)?;
                Some(self.whole(&caller, Arc::new(question)).await?)
            }
            false => None,
        };
        Ok(Response::new(privacy::statement(&catalogue, &campaign, answer)))
    }

    async fn plan_measure(
        &self,
        request: Request<v1::PlanMeasureRequest>,
    ) -> Result<Response<v1::PlanMeasureResponse>, Status> {
        let place = self.queries.enter(Caller::of(&request)?.principal.tenant())?;
        let (asked, policy) = (request.into_inner(), self.policy);
        let planning = tokio::task::spawn_blocking(move || {
            let _place = place;
            plan_measure(asked, &policy)
        });
        Ok(Response::new(planning.await.map_err(refusal::internal)??))
    }

    async fn declare_campaign(
        &self,
        request: Request<v1::DeclareCampaignRequest>,
    ) -> Result<Response<v1::DeclareCampaignResponse>, Status> {
        let (caller, _, campaign) = self.campaign(&request, |asked| &asked.campaign)?;
        let said = Declaration::read(request.into_inner().declaration.unwrap_or_default(), self.webhooks.loopback())
            .map_err(RegistryError::from)?;
        let (now, a_day) = (UnixTime(self.desk.now()), self.declarations_per_day);
        let propose = |catalogue: &Catalogue| catalogue.propose_declaration(campaign.id, &said, now, a_day);
        match self.registry.apply(caller.by(), propose).await {
            Ok(_) | Err(RegistryError::Refused(Refused::AlreadySo)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Response::new(v1::DeclareCampaignResponse { declaration: Some(self.declared(&caller, &campaign, &said)) }))
    }

    async fn list_alerts(
        &self,
        request: Request<v1::ListAlertsRequest>,
    ) -> Result<Response<v1::ListAlertsResponse>, Status> {
        let catalogue = self.registry.snapshot();
        let subject = self.subject(&catalogue, &request, &request.get_ref().campaign)?;
        let since = UnixTime(request.get_ref().since);
        let asked = |found: &&Arc<Found>| found.surge.found_at >= since && subject.holds(&catalogue, found);
        let alerts = catalogue.surges().rev().filter(asked).map(|found| alert(&catalogue, found)).collect();
        Ok(Response::new(v1::ListAlertsResponse { alerts }))
    }

    type WatchAlertsStream = Answers<v1::WatchAlertsResponse>;

    async fn watch_alerts(
        &self,
        request: Request<v1::WatchAlertsRequest>,
    ) -> Result<Response<Self::WatchAlertsStream>, Status> {
        let caller = Caller::of(&request)?;
        let catalogue = self.registry.follow();
        let now = catalogue.borrow().clone();
        let subject = self.subject(&now, &request, &request.get_ref().campaign)?;
        let since = request.get_ref().since;
        let place = self.followers.enter(caller.principal.tenant())?;
        let listening = Listening {
            subject,
            since: UnixTime(since),
            next: if since > 0 { 0 } else { now.length() },
            found: VecDeque::new(),
            catalogue,
            drain: self.drain.clone(),
            _place: place,
        };
        let alerts = futures_util::stream::try_unfold(listening, |mut listening| async move {
            let alert = listening.next().await?;
            Ok(Some((v1::WatchAlertsResponse { alert: Some(alert) }, listening)))
        });
        Ok(Response::new(Box::pin(caller.while_admitted(alerts))))
    }
}

fn campaign_of(query: &Option<v1::Query>) -> &str {
    query.as_ref().map_or("", |query| &query.campaign)
}

/// One caller who follows a query. Dropped when the caller leaves, and with it the work that is under way for it.
struct Following {
    desk: Arc<Desk>,
    queries: Arc<Places>,
    tenant: Option<Tenant>,
    metrics: Arc<Metrics>,
    question: Arc<Question>,
    page_size: u32,
    pause: Duration,
    drain: CancellationToken,
    /// The state of the last answer.
    known: Option<String>,
    _place: Place,
}

impl Following {
    /// The first answer at once, any later one as soon as it differs.
    async fn next(&mut self) -> Result<v1::WatchQueryResponse, Status> {
        loop {
            if self.known.is_some() {
                self.wait().await?;
            }
            // A follower waits for its turn among the questions, of which only so many are worked on at once.
            let turn = self.metrics.waited(Wait::QueryTurn, self.queries.enter_in_turn(self.tenant));
            let place = turn.await?;
            let known = self.known.clone().unwrap_or_default();
            if let Some(answer) = self.desk.page_unless(place, self.question.clone(), self.page_size, known).await? {
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
    subject: Subject,
    since: UnixTime,
    /// Everything in the log before this place was told, or is not asked for.
    next: u64,
    found: VecDeque<v1::Alert>,
    catalogue: watch::Receiver<Arc<Catalogue>>,
    drain: CancellationToken,
    _place: Place,
}

impl Listening {
    /// None is missed, and none told twice, whichever collector found it.
    async fn next(&mut self) -> Result<v1::Alert, Status> {
        loop {
            if let Some(alert) = self.found.pop_front() {
                return Ok(alert);
            }
            let catalogue = self.catalogue.borrow_and_update().clone();
            let news = catalogue.surges().filter(|found| {
                found.id >= self.next && found.surge.found_at >= self.since && self.subject.holds(&catalogue, found)
            });
            self.found = news.map(|found| alert(&catalogue, found)).collect();
            self.next = catalogue.length();
            if self.found.is_empty() {
                tokio::select! {
                    grown = self.catalogue.changed() => grown.map_err(|_| ended())?,
                    () = self.drain.cancelled() => return Err(ended()),
                }
            }
        }
    }
}

fn ended() -> Status {
    refusal::unavailable("SHUTTING_DOWN", "the collector shuts down: ask again in a moment")
}
