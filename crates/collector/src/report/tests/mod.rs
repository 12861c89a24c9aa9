//! The engine as a brand meets it: questions about a campaign whose truth is known.

mod counts;
mod funnels;
mod ratios;
mod trust;

use tacita_proto::v1;
use tacita_protocol::id::MeasureId;

use super::scene::{Scene, days};

const ARRIVALS: [&str; 2] =
    ["channel=whatsapp,facebook,direct,inferred,other", "grade=confirmed,referrer,inferred,direct"];

/// Two publishers, three days; day 2 has twice the WhatsApp of day 1.
fn scene() -> (Scene, MeasureId) {
    let mut scene = Scene::at(&["daily", "weekly"], 7);
    let arrivals = scene.measure("arrivals", v1::Event::Arrival, &ARRIVALS, 6.0);
    for (day, times) in [(0, 1), (1, 1), (2, 2)] {
        for publisher in [1, 2] {
            scene.count(
                arrivals,
                publisher,
                day,
                &[
                    (&["whatsapp", "confirmed"], 1_000 * times),
                    (&["facebook", "referrer"], 600),
                    (&["direct", "direct"], 900),
                    (&["inferred", "inferred"], 500),
                    (&[], 40),
                ],
            );
        }
    }
    (scene, arrivals)
}

fn holds(estimate: &v1::Estimate, truth: f64) -> bool {
    // Four standard errors: a fixed seed either holds or does not, and this one is not picked.
    (estimate.value - truth).abs() <= 4.0 * estimate.variance.sqrt() + 1e-9
}

fn find<'a>(answer: &'a v1::QueryResponse, labels: &[&str]) -> &'a v1::Row {
    answer.rows.iter().find(|row| row.labels == labels).unwrap_or_else(|| panic!("no row {labels:?}: {answer:?}"))
}

fn only(dimension: &str, value: &str) -> v1::Filter {
    v1::Filter { dimension: dimension.into(), values: vec![value.into()], exclude: false }
}

fn value(answer: &v1::QueryResponse, labels: &[&str]) -> v1::Estimate {
    find(answer, labels).estimate.unwrap()
}

/// Shares, arrivals and conversions with a known truth.
fn campaign(seed: u64) -> Scene {
    let mut scene = Scene::at(&["daily"], seed);
    let channels = "channel=whatsapp,sms,facebook,other";
    let shares = scene.measure("shares", v1::Event::Share, &[channels, "generation=0,1,2"], 4.0);
    let arrivals = scene.measure("arrivals", v1::Event::Arrival, &[channels, "generation=0,1,2,other"], 4.0);
    let conversions = scene.measure("conversions", v1::Event::Conversion, &[channels, "value=0..50,50.."], 4.0);
    scene.count(
        shares,
        1,
        0,
        &[(&["whatsapp", "0"], 3_000), (&["whatsapp", "1"], 900), (&["sms", "0"], 600), (&["facebook", "0"], 500)],
    );
    scene.count(
        arrivals,
        1,
        0,
        &[
            (&["whatsapp", "0"], 6_000),
            (&["whatsapp", "1"], 1_800),
            (&["sms", "0"], 900),
            (&["facebook", "0"], 1_300),
            (&["other", "other"], 5_000),
        ],
    );
    scene.count(
        conversions,
        1,
        0,
        &[(&["whatsapp", "0..50"], 500), (&["whatsapp", "50.."], 300), (&["facebook", "50.."], 200)],
    );
    scene
}

fn cost(amount: f64, channel: &str) -> v1::Cost {
    v1::Cost { range: days(0, 1), amount, channel: channel.into() }
}

fn declared() -> v1::Declaration {
    v1::Declaration {
        currency: "EUR".into(),
        costs: vec![cost(5_000.0, ""), cost(1_000.0, "whatsapp"), cost(2_000.0, "facebook")],
        bucket_values: vec![v1::BucketValue { bucket: "50..".into(), value: 80.0 }],
        ..Default::default()
    }
}
