//! A collector and a relay on this machine's loopback, with a publisher, a brand and a campaign to measure.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use ed25519_dalek::VerifyingKey;
use tacita_collector::{Collector, CollectorConfig, RunningCollector};
use tacita_proto::v1;
use tacita_protocol::{
    id::{CampaignId, PublisherId},
    manifest::MAX_LEDGER_BOUND_MICRO,
    time::Clock,
};
use tacita_relay::{Relay, RelayConfig, RunningRelay};
use tacita_tls::ClientTls;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::connect::{self, AdminClient, ReportingClient, refused};

/// The campaign that a loopback measures.
pub(crate) const CAMPAIGN: &str = "acme/spring";
const BRAND: &str = "acme";
const PUBLISHER: &str = "daily-news";

/// What to set up.
pub(crate) struct Plan {
    /// Tokens that a device asks for at a time.
    pub(crate) token_batch: u32,
    /// What a device may spend per brand and epoch, in millionths of ε.
    pub(crate) ledger_bound_micro: u32,
    /// The campaign's measures; `campaign` is filled in.
    pub(crate) measures: Vec<v1::CreateMeasureRequest>,
    /// The time that all parties go by.
    pub(crate) clock: Arc<dyn Clock>,
}

/// Every party but the devices, running.
pub(crate) struct Loopback {
    /// The neutral party.
    pub(crate) collector: RunningCollector,
    /// The publisher's edge.
    pub(crate) relay: RunningRelay,
    /// As the operator.
    pub(crate) admin: AdminClient,
    /// As the brand.
    pub(crate) reporting: ReportingClient,
    /// The brand's API key.
    pub(crate) brand_key: String,
    /// The publisher.
    pub(crate) publisher: PublisherId,
    /// The campaign.
    pub(crate) campaign: CampaignId,
    /// What devices pin.
    pub(crate) signing_key: VerifyingKey,
    /// The state of both servers, removed with this value.
    _state: TempDir,
}

impl Loopback {
    /// Starts both servers on free ports and creates publisher, brand, campaign and measures over gRPC.
    pub(crate) async fn start(plan: Plan) -> Result<Self> {
        let state = tempfile::tempdir().context("cannot make a temporary folder for state")?;
        let mut config = CollectorConfig::new(state.path().join("collector"));
        config.device_policy.token_batch = plan.token_batch;
        config.device_policy.ledger_bound_micro = plan.ledger_bound_micro.min(MAX_LEDGER_BOUND_MICRO);
        // A simulation is compared with its truth, however little came.
        config.policy.reports_per_window = 1;
        let collector = Collector::start(config, loopback_listener().await?, plan.clock.clone()).await?;
        let collector_url = format!("http://{}", collector.address());
        let operator_key = collector.operator_key()?;

        let mut admin = connect::admin(&collector_url, operator_key.expose()).await?;
        let Party { publisher, campaign, brand_key, relay_key } = create_party(&mut admin, plan.measures).await?;
        let reporting = connect::reporting(&collector_url, ClientTls::default(), &brand_key).await?;

        let signing_key = collector.signing_key();
        let relay_state = state.path().join("relay");
        let mut config = RelayConfig::new(publisher, collector_url, relay_key, signing_key, relay_state);
        config.batch.age = Duration::from_secs(2);
        // Simulated devices all connect from this machine and say which address they stand for.
        config.trusted_proxies = vec![ipnet::IpNet::from(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST))];
        let relay = Relay::start(config, loopback_listener().await?, plan.clock).await?;
        Ok(Self { collector, relay, admin, reporting, brand_key, publisher, campaign, signing_key, _state: state })
    }

    /// The relay's address, as devices know it.
    pub(crate) fn relay_url(&self) -> String {
        format!("http://{}", self.relay.address())
    }

    /// Stops both servers in order, draining each.
    pub(crate) async fn stop(self) -> Result<()> {
        self.relay.shutdown().await;
        Ok(self.collector.shutdown().await?)
    }
}

async fn loopback_listener() -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen on loopback")
}

/// Who takes part in a campaign.
pub(crate) struct Party {
    /// The publisher.
    pub(crate) publisher: PublisherId,
    /// The campaign.
    pub(crate) campaign: CampaignId,
    /// The brand's API key.
    pub(crate) brand_key: String,
    /// The publisher's API key.
    pub(crate) relay_key: String,
}

/// Creates a publisher, a brand, their campaign with these measures, and their keys.
pub(crate) async fn create_party(admin: &mut AdminClient, measures: Vec<v1::CreateMeasureRequest>) -> Result<Party> {
    let request = v1::CreatePublisherRequest { name: PUBLISHER.to_owned() };
    let publisher = admin.create_publisher(request).await.map_err(refused)?.into_inner().publisher.unwrap_or_default();
    admin.create_brand(v1::CreateBrandRequest { name: BRAND.to_owned() }).await.map_err(refused)?;
    let (_, campaign) = CAMPAIGN.split_once('/').unwrap_or_default();
    let request = v1::CreateCampaignRequest {
        brand: BRAND.to_owned(),
        name: campaign.to_owned(),
        publishers: vec![PUBLISHER.to_owned()],
        attribution_seconds: 0,
        policy: None,
    };
    let campaign = admin.create_campaign(request).await.map_err(refused)?.into_inner().campaign.unwrap_or_default();
    for measure in measures {
        let request = v1::CreateMeasureRequest { campaign: CAMPAIGN.to_owned(), ..measure };
        admin.create_measure(request).await.map_err(refused)?;
    }
    Ok(Party {
        publisher: PublisherId(publisher.id),
        campaign: CampaignId(campaign.id),
        brand_key: create_key(admin, v1::Role::Brand, BRAND).await?,
        relay_key: create_key(admin, v1::Role::Publisher, PUBLISHER).await?,
    })
}

async fn create_key(admin: &mut AdminClient, role: v1::Role, subject: &str) -> Result<String> {
    let request = v1::CreateApiKeyRequest { role: role.into(), subject: subject.to_owned(), ..Default::default() };
    Ok(admin.create_api_key(request).await.map_err(refused)?.into_inner().secret)
}
