//! Any administrative request: refused with its field, or what it does survives the change log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_collector::fuzzing::{CAMPAIGN, administration};
use tacita_fuzz::{message, plant};
use tacita_proto::v1;

fn seeds() -> Vec<Vec<u8>> {
    let dimension = |name: &str, labels: &str| v1::Dimension {
        name: name.into(),
        labels: labels.split(',').map(Into::into).collect(),
        catalogue: None,
    };
    let measure = |name: &str, event: v1::Event, dimensions| v1::CreateMeasureRequest {
        campaign: CAMPAIGN.into(),
        name: name.into(),
        event: event.into(),
        dimensions,
        epsilon_micro: 2_000_000,
        ..Default::default()
    };
    let declaration = v1::Declaration {
        market: "France".into(),
        currency: "EUR".into(),
        costs: vec![v1::Cost { range: Some(v1::TimeRange { from: 1, to: 2 }), amount: 9.5, channel: "sms".into() }],
        bucket_values: vec![v1::BucketValue { bucket: "50..".into(), value: 80.1 }],
        categories: vec![v1::Category { name: "home".into(), contents: vec!["/a".into(), "/b".into()] }],
        webhooks: vec![v1::Webhook { url: "https://hooks.example/x".into(), secret: String::new() }],
    };
    let contents = v1::Contents { ids: ["/a", "/b", "/c"].map(Into::into).to_vec(), tail: 2 };
    vec![
        message(0, &v1::CreatePublisherRequest { name: "weekly".into() }),
        message(1, &v1::CreateBrandRequest { name: "zenith".into() }),
        message(
            2,
            &v1::CreateCampaignRequest {
                brand: "acme".into(),
                name: "autumn".into(),
                publishers: vec!["daily".into()],
                attribution_seconds: 60,
                ..Default::default()
            },
        ),
        message(3, &measure("profiles", v1::Event::SharerProfile, vec![])),
        message(3, &measure("money", v1::Event::Conversion, vec![dimension("value", "0..50,50..")])),
        message(
            3,
            &v1::CreateMeasureRequest {
                cohorts: vec![v1::CohortSize { label: "1".into(), people: 400 }],
                reports_per_window: 5_000,
                ..measure("squads", v1::Event::Arrival, vec![dimension("cohort", "0,1")])
            },
        ),
        message(
            3,
            &v1::CreateMeasureRequest {
                contents: Some(contents),
                ..measure("articles", v1::Event::ContentShare, vec![])
            },
        ),
        message(
            4,
            &v1::CreateApiKeyRequest { role: v1::Role::Brand.into(), subject: "acme".into(), ..Default::default() },
        ),
        message(5, &v1::RevokeApiKeyRequest { id: 1 }),
        message(6, &v1::DeclareCampaignRequest { campaign: CAMPAIGN.into(), declaration: Some(declaration) }),
        [&[7][..], b"tacita_12_0123456789abcdefghijklmnopqrstuvwxyz"].concat(),
    ]
}

fuzz_target!(init: plant("collector_administration", seeds()), |bytes: &[u8]| administration(bytes));
