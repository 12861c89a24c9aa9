//! A brand learns nothing of another, not even that it exists: the same questions to two collectors, of which one also serves a
//! rival, are answered with the same bytes.
#![allow(clippy::unwrap_used)]

use prost::Message;
use tacita_proto::v1::{self, reporting_service_client::ReportingServiceClient};
use tacita_protocol::measure::Measure;
use tonic::{Response, Status, Streaming};

use crate::support::{self, Device, House, cells};

/// A collector for acme, and for a rival beside it if `rivalled`.
async fn world(rivalled: bool) -> (House, String) {
    let house = House::open(|_| ()).await;
    let (daily, weekly) = (house.create_publisher("daily").await, house.create_publisher("weekly").await);
    house.create_brand("acme").await;
    house.create_campaign("acme", "spring", &["daily", "weekly"]).await;
    let rival = if rivalled { Some(rival(&house, weekly).await) } else { None };
    let arrivals = house.create_measure("acme/spring", "arrivals", 2_000_000).await;
    let again = house.create_measure("acme/spring", "again", 3_000_000).await;
    let key = house.create_key(v1::Role::Brand, "acme").await;
    let mut device = Device::of(&house, daily, "daily").await;
    count(&mut device, &[&arrivals, &again]).await;
    if let Some((mut device, measure)) = rival {
        count(&mut device, &[&measure, &measure]).await;
    }
    (house, key)
}

async fn rival(house: &House, publisher: u32) -> (Device, Measure) {
    house.create_brand("rival").await;
    for name in ["summer", "autumn"] {
        house.create_campaign("rival", name, &["daily", "weekly"]).await;
    }
    let measure = house.create_measure("rival/summer", "arrivals", 2_000_000).await;
    let key = house.create_key(v1::Role::Brand, "rival").await;
    let said = v1::Declaration { market: "France".into(), ..Default::default() };
    let request = v1::DeclareCampaignRequest { campaign: "rival/summer".into(), declaration: Some(said) };
    house.reporting(&key).declare_campaign(request).await.unwrap();
    (Device::of(house, publisher, "weekly").await, measure)
}

async fn count(device: &mut Device, measures: &[&Measure]) {
    let tokens = device.tokens().await;
    let reports = tokens.into_iter().enumerate().map(|(number, token)| {
        let report = device.report(measures[number % measures.len()], 1 + (number % 5) as u32);
        support::seal(token, report)
    });
    let envelopes = reports.collect();
    device.submit(envelopes).await.unwrap();
}

/// All that a caller sees of an answer.
type Seen = Result<Vec<u8>, String>;

fn refused(status: &Status) -> Seen {
    Err(format!("{:?} {} {:?}", status.code(), status.message(), status.details()))
}

fn seen<T: Message>(answer: Result<Response<T>, Status>) -> Seen {
    answer.map(|answer| answer.into_inner().encode_to_vec()).or_else(|status| refused(&status))
}

/// The first item of a stream.
async fn first<T: Message>(answer: Result<Response<Streaming<T>>, Status>) -> Seen {
    match answer {
        Ok(stream) => match stream.into_inner().message().await {
            Ok(item) => Ok(item.unwrap().encode_to_vec()),
            Err(status) => refused(&status),
        },
        Err(status) => refused(&status),
    }
}

/// What a brand sees of everything that it can ask.
async fn view(house: &House, key: &str) -> Vec<(String, Seen)> {
    let reporting = || -> ReportingServiceClient<_> { house.reporting(key) };
    let mut view = Vec::new();
    let mut see = |what: &str, seen: Seen| view.push((what.to_owned(), seen));
    see("campaigns", seen(reporting().list_campaigns(v1::ListCampaignsRequest {}).await));
    let plan = v1::PlanMeasureRequest { reports_per_window: 1_000, ..Default::default() };
    see("plan", seen(reporting().plan_measure(plan).await));
    for campaign in
        ["", "acme/spring", "acme/winter", "rival/summer", "rival/autumn", "rival/winter", "none/none", "Rival"]
    {
        let mut token = String::new();
        loop {
            let request = v1::QueryRequest { query: Some(cells(campaign)), page_size: 3, page_token: token };
            let answer = reporting().query(request).await;
            token = answer.as_ref().map_or_else(|_| String::new(), |page| page.get_ref().next_page_token.clone());
            see(&format!("query {campaign}"), seen(answer));
            if token.is_empty() {
                break;
            }
        }
        let request = v1::WatchQueryRequest { query: Some(cells(campaign)), ..Default::default() };
        see(&format!("watch {campaign}"), first(reporting().watch_query(request).await).await);
        let request = v1::GetFunnelRequest { campaign: campaign.into(), ..Default::default() };
        see(&format!("funnel {campaign}"), seen(reporting().get_funnel(request).await));
        let request = v1::GetReconciliationRequest { campaign: campaign.into(), ..Default::default() };
        see(&format!("reconciliation {campaign}"), seen(reporting().get_reconciliation(request).await));
        let request = v1::GetPrivacyRequest { campaign: campaign.into(), range: None };
        see(&format!("privacy {campaign}"), seen(reporting().get_privacy(request).await));
        let said = v1::Declaration { market: "Belgium".into(), ..Default::default() };
        let request = v1::DeclareCampaignRequest { campaign: campaign.into(), declaration: Some(said) };
        see(&format!("declare {campaign}"), seen(reporting().declare_campaign(request).await));
        let request = v1::ListAlertsRequest { campaign: campaign.into(), since: 0 };
        see(&format!("alerts {campaign}"), seen(reporting().list_alerts(request).await));
        if !["", "acme/spring"].contains(&campaign) {
            let request = v1::WatchAlertsRequest { campaign: campaign.into(), since: 1 };
            see(&format!("watch alerts {campaign}"), first(reporting().watch_alerts(request).await).await);
        }
    }
    view
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_brand_sees_the_same_bytes_with_and_without_another_one() {
    let (alone, key) = world(false).await;
    let without = view(&alone, &key).await;
    let (rivalled, key) = world(true).await;
    let with = view(&rivalled, &key).await;
    assert_eq!(without.len(), with.len());
    for (one, other) in without.iter().zip(&with) {
        assert_eq!(one, other);
    }
    let answered = |what: &str| without.iter().filter(|(asked, seen)| asked.starts_with(what) && seen.is_ok()).count();
    assert!(answered("query acme/spring") > 2, "a real question with pages was among them");
    assert_eq!((answered("campaigns"), answered("watch acme/spring"), answered("declare acme/spring")), (1, 1, 1));
    assert_eq!((answered("query rival"), answered("privacy acme/spring"), answered("privacy rival")), (0, 1, 0));

    // The rival does see its own, so there was something to hide.
    let listed = rivalled.admin().list_brands(v1::ListBrandsRequest {}).await.unwrap().into_inner().brands;
    assert_eq!(listed.len(), 2);
    assert!(rivalled.report("rival/summer").await.measures[0].reports > 0);
}
