//! The questions, one function each.

use anyhow::{Context as _, Result};
use tacita_proto::v1::{self, RatioKind};

use crate::{
    Answer,
    simulation::{BRITAIN, DAY, DAY_BEFORE, FRANCE, Stage, day, with_key},
};

/// What the brand paid in France on that day.
const COST: f64 = 9_000.0;
const PRIVATE: [&str; 3] = ["whatsapp", "messenger", "email"];

/// Asks all of them.
pub(crate) async fn ask(stage: &Stage) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    answers.extend(dark_share_of_sharing(stage).await?);
    answers.extend(private_against_facebook_by_market(stage).await?);
    answers.extend(dark_part_of_direct(stage).await?);
    answers.extend(channel_split(stage).await?);
    answers.extend(generation_depth(stage).await?);
    answers.extend(content_for_dark_social(stage).await?);
    answers.extend(squads(stage).await?);
    answers.extend(return_on_investment(stage).await?);
    answers.extend(surge(stage).await?);
    answers.extend(sharers(stage).await?);
    Ok(answers)
}

/// On the day of the campaign.
fn query(campaign: &str) -> v1::Query {
    v1::Query { campaign: campaign.into(), range: day(DAY), ..Default::default() }
}

fn ratio(campaign: &str, kind: RatioKind) -> v1::Query {
    v1::Query { ratios: vec![v1::RatioRequest { kind: kind.into(), custom: None }], ..query(campaign) }
}

fn only(dimension: &str, value: &str) -> v1::Filter {
    v1::Filter { dimension: dimension.into(), values: vec![value.into()], exclude: false }
}

async fn answer(stage: &Stage, query: v1::Query) -> Result<v1::QueryResponse> {
    let (mut reporting, key) = stage.brand();
    let request = v1::QueryRequest { query: Some(query), ..Default::default() };
    Ok(reporting.query(with_key(key, request)?).await?.into_inner())
}

fn of_ratio(ratio: Option<v1::RatioEstimate>) -> Option<[f64; 3]> {
    let ratio = ratio?;
    Some([ratio.value?, ratio.low?, ratio.high?])
}

fn of_count(estimate: Option<v1::Estimate>) -> Option<[f64; 3]> {
    estimate.map(|one| [one.value, one.low, one.high])
}

/// "84 % of sharing happens in private."
async fn dark_share_of_sharing(stage: &Stage) -> Result<Vec<Answer>> {
    let question = "How much of the sharing was private?";
    let found = answer(stage, ratio(FRANCE, RatioKind::DarkShare)).await?;
    let private = stage.count(FRANCE, "shares", DAY, |labels| PRIVATE.contains(&labels[0]));
    let truth = private / stage.count(FRANCE, "shares", DAY, |_| true);
    let found = of_ratio(found.ratios.first().and_then(|row| row.estimate));
    Ok(vec![Answer { question, about: "private ÷ all shares".into(), found, truth }])
}

/// "81 % in France against 11 % for Facebook."
async fn private_against_facebook_by_market(stage: &Stage) -> Result<Vec<Answer>> {
    let question = "Private sharing against Facebook, by market?";
    let mut answers = Vec::new();
    for (market, campaign) in [("France", FRANCE), ("Britain", BRITAIN)] {
        let facebook = v1::CustomRatio {
            name: "facebook".into(),
            numerator: Some(v1::Selection { measure: "shares".into(), filters: vec![only("channel", "facebook")] }),
            denominator: Some(v1::Selection { measure: "shares".into(), filters: vec![] }),
        };
        let facebook = v1::RatioRequest { kind: RatioKind::Custom.into(), custom: Some(facebook) };
        let mut both = ratio(campaign, RatioKind::DarkShare);
        both.ratios.push(facebook);
        let found = answer(stage, both).await?;
        let all = stage.count(campaign, "shares", DAY, |_| true);
        for (row, is_meant) in found.ratios.iter().zip([true, false]) {
            let meant = |labels: &[&str]| if is_meant { PRIVATE.contains(&labels[0]) } else { labels[0] == "facebook" };
            answers.push(Answer {
                question,
                about: format!("{market}, {}", if is_meant { "private" } else { "Facebook" }),
                found: of_ratio(row.estimate),
                truth: stage.count(campaign, "shares", DAY, meant) / all,
            });
        }
    }
    Ok(answers)
}

/// "x % (± y) of what your analytics calls direct was shared in private."
async fn dark_part_of_direct(stage: &Stage) -> Result<Vec<Answer>> {
    let question = "How much of what analytics calls direct was shared in private?";
    let direct = |labels: &[&str]| labels[1] != "referrer";
    let all = stage.count(FRANCE, "arrivals", DAY, direct);
    let mut answers = Vec::new();
    for (kind, about, grades) in [
        (RatioKind::DirectConfirmed, "by evidence", &["confirmed", "app"][..]),
        (RatioKind::DirectInferred, "at most, without evidence", &["inferred"]),
    ] {
        let found = answer(stage, ratio(FRANCE, kind)).await?;
        answers.push(Answer {
            question,
            about: about.into(),
            found: of_ratio(found.ratios.first().and_then(|row| row.estimate)),
            truth: stage.count(FRANCE, "arrivals", DAY, |labels| grades.contains(&labels[1])) / all,
        });
    }
    Ok(answers)
}

async fn channel_split(stage: &Stage) -> Result<Vec<Answer>> {
    let question = "Through which app did they come?";
    let asked = v1::Query { measures: vec!["arrivals".into()], group_by: vec!["channel".into()], ..query(FRANCE) };
    let found = answer(stage, asked).await?;
    let row = |row: v1::Row| Answer {
        question,
        truth: stage.count(FRANCE, "arrivals", DAY, |labels| labels[0] == row.labels[0]),
        about: row.labels.concat(),
        found: of_count(row.estimate),
    };
    Ok(found.rows.into_iter().map(row).collect())
}

async fn generation_depth(stage: &Stage) -> Result<Vec<Answer>> {
    let question = "How far does a shared link travel?";
    let found = answer(stage, ratio(FRANCE, RatioKind::GenerationGrowth)).await?;
    let of = |generation: usize| stage.count(FRANCE, "links", DAY, |labels| labels[0].parse() == Ok(generation));
    let row = |(generation, row): (usize, v1::RatioRow)| Answer {
        question,
        about: format!("arrivals of generation {} ÷ {generation}", generation + 1),
        found: of_ratio(row.estimate),
        truth: of(generation + 1) / of(generation),
    };
    Ok(found.ratios.into_iter().enumerate().map(row).collect())
}

/// The most shared contents, and what categories come to.
async fn content_for_dark_social(stage: &Stage) -> Result<Vec<Answer>> {
    let question = "Which content is made for dark social?";
    let (mut reporting, key) = stage.brand();
    let category = |name: &str, contents: &[&str]| v1::Category {
        name: name.into(),
        contents: contents.iter().map(|&content| content.into()).collect(),
    };
    let declaration = v1::Declaration {
        market: "France".into(),
        currency: "EUR".into(),
        costs: vec![v1::Cost { range: day(DAY), amount: COST, channel: String::new() }],
        categories: vec![category("home", &["/seeds", "/recipe"]), category("news", &["/match", "/election"])],
        ..Default::default()
    };
    let request = v1::DeclareCampaignRequest { campaign: FRANCE.into(), declaration: Some(declaration) };
    reporting.declare_campaign(with_key(key, request)?).await?;
    let by = |axis: &str, top| v1::Query {
        measures: vec!["stories".into()],
        group_by: vec![axis.into()],
        top,
        ..query(FRANCE)
    };
    let mut answers = Vec::new();
    for row in answer(stage, by("content", 3)).await?.rows {
        let truth = stage.count(FRANCE, "stories", DAY, |labels| labels[0] == row.labels[0]);
        answers.push(Answer { question, about: row.labels.concat(), found: of_count(row.estimate), truth });
    }
    for row in answer(stage, by("category", 0)).await?.rows.into_iter().take(2) {
        let home = row.labels[0] == "home";
        let is_of =
            |labels: &[&str]| if home { ["/seeds", "/recipe"] } else { ["/match", "/election"] }.contains(&labels[0]);
        let about = format!("category {}", row.labels.concat());
        answers.push(Answer {
            question,
            about,
            found: of_count(row.estimate),
            truth: stage.count(FRANCE, "stories", DAY, is_of),
        });
    }
    Ok(answers)
}

async fn squads(stage: &Stage) -> Result<Vec<Answer>> {
    let question = "What did each squad bring?";
    let asked = v1::Query { measures: vec!["links".into()], group_by: vec!["cohort".into()], ..query(FRANCE) };
    let rows = answer(stage, asked).await?.rows.into_iter().filter(|row| row.labels[0] != "0");
    let row = |row: v1::Row| Answer {
        question,
        truth: stage.count(FRANCE, "links", DAY, |labels| labels[1] == row.labels[0]),
        about: format!("squad {}", row.labels.concat()),
        found: of_count(row.estimate),
    };
    Ok(rows.map(row).collect())
}

async fn return_on_investment(stage: &Stage) -> Result<Vec<Answer>> {
    let question = "What did it bring for what it cost?";
    let cheap = stage.count(FRANCE, "conversions", DAY, |labels| labels[1] == "0..50");
    let dear = stage.count(FRANCE, "conversions", DAY, |labels| labels[1] == "50..200");
    let value = 25.0 * cheap + 125.0 * dear;
    let arrivals = stage.count(FRANCE, "arrivals", DAY, |_| true);
    let mut answers = Vec::new();
    for (kind, about, truth) in [
        (RatioKind::ConversionRate, "conversion rate", (cheap + dear) / arrivals),
        (RatioKind::CostPerConversion, "cost per conversion, €", COST / (cheap + dear)),
        (RatioKind::Roi, "return on investment", (value - COST) / COST),
    ] {
        // Of the two measures of arrivals, the one that tells apps apart.
        let asked = v1::Query { measures: vec!["arrivals".into(), "conversions".into()], ..ratio(FRANCE, kind) };
        let found = answer(stage, asked).await?;
        answers.push(Answer {
            question,
            about: about.into(),
            found: of_ratio(found.ratios.first().and_then(|row| row.estimate)),
            truth,
        });
    }
    Ok(answers)
}

/// The peak that analytics cannot explain: today against yesterday. `WatchAlerts` tells of one within minutes.
async fn surge(stage: &Stage) -> Result<Vec<Answer>> {
    let question = "Where did the peak come from?";
    let compare = v1::Comparison { period: Some(v1::comparison::Period::PreviousPeriod(true)) };
    let asked = v1::Query {
        measures: vec!["arrivals".into()],
        group_by: vec!["channel".into()],
        compare: Some(compare),
        ..query(FRANCE)
    };
    let rows = answer(stage, asked).await?.rows;
    let row = rows.iter().find(|row| row.labels[0] == "whatsapp").context("WhatsApp has a row")?;
    let change = row.compared.and_then(|compared| compared.difference).context("it is compared")?;
    anyhow::ensure!(change.significant, "so large a change is no noise");
    let of = |day: u32| stage.count(FRANCE, "arrivals", day, |labels| labels[0] == "whatsapp");
    Ok(vec![Answer {
        question,
        about: "WhatsApp, more than the day before".into(),
        found: Some([change.value, change.low, change.high]),
        truth: of(DAY) - of(DAY_BEFORE),
    }])
}

/// "39 % share only in private, 96 % use both": of devices, and over one window. The surveys' figures are about persons.
async fn sharers(stage: &Stage) -> Result<Vec<Answer>> {
    let question = "Who shares only in private, and who both ways?";
    let profiles = |labels: &[&str]| {
        let values = labels.iter().map(|&label| label.into()).collect();
        let filters = vec![v1::Filter { dimension: "profile".into(), values, exclude: false }];
        Some(v1::Selection { measure: "sharers".into(), filters })
    };
    let both = v1::CustomRatio {
        name: "both".into(),
        numerator: profiles(&["both"]),
        denominator: profiles(&["private-only", "public-only", "both"]),
    };
    let mut asked = ratio(FRANCE, RatioKind::PrivateOnlyShare);
    asked.ratios.push(v1::RatioRequest { kind: RatioKind::Custom.into(), custom: Some(both) });
    let found = answer(stage, asked).await?.ratios;
    let of = |keep: fn(&str) -> bool| stage.count(FRANCE, "sharers", DAY, |labels| keep(labels[0]));
    let sharers = of(|profile| profile != "neither");
    let truths = [
        ("only in private ÷ devices that shared", of(|profile| profile == "private-only") / sharers),
        ("both ways ÷ devices that shared", of(|profile| profile == "both") / sharers),
    ];
    let row = |(row, (about, truth)): (v1::RatioRow, (&str, f64))| Answer {
        question,
        about: about.into(),
        found: of_ratio(row.estimate),
        truth,
    };
    Ok(found.into_iter().zip(truths).map(row).collect())
}
