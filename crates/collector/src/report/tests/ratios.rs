//! Rows of ratios, and those that there are not.

use tacita_dp::Confidence;
use tacita_proto::v1;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{
    super::scene::{Scene, days, query, ratio},
    campaign, cost, declared, only, scene,
};

#[test]
fn every_named_ratio_lies_where_the_truth_is() {
    let mut scene = campaign(3);
    scene.declare(declared());
    let near = |kind: v1::RatioKind, group_by: &[&str], labels: &[&str], truth: f64| {
        let answer = scene.ask(ratio(kind, group_by)).unwrap();
        let row = answer.ratios.iter().find(|row| row.labels == labels).unwrap_or_else(|| panic!("{answer:?}"));
        let found = row.estimate.unwrap();
        let (low, high) = (found.low.unwrap(), found.high.unwrap());
        let slack = high - low;
        assert!((low - slack..=high + slack).contains(&truth) && slack < truth.abs(), "{kind:?}: {found:?} {truth}");
    };
    near(v1::RatioKind::DarkShare, &[], &[], 4_500.0 / 5_000.0);
    near(v1::RatioKind::ConversionRate, &["channel"], &["whatsapp"], 800.0 / 7_800.0);
    near(v1::RatioKind::ArrivalsPerShare, &[], &[], 10_000.0 / 5_000.0);
    near(v1::RatioKind::ArrivalsPerShare, &["channel"], &["whatsapp"], 7_800.0 / 3_900.0);
    near(v1::RatioKind::ResharesPerArrival, &[], &["0"], 900.0 / 8_200.0);
    near(v1::RatioKind::GenerationGrowth, &[], &["0"], 1_800.0 / 8_200.0);
    near(v1::RatioKind::CostPerConversion, &[], &[], 8_000.0 / 1_000.0);
    near(v1::RatioKind::CostPerConversion, &["channel"], &["whatsapp"], 1_000.0 / 800.0);
    // 500 × 25 + 500 × 80 over 8,000; WhatsApp: 500 × 25 + 300 × 80 over 1,000.
    near(v1::RatioKind::Roi, &[], &[], (12_500.0 + 40_000.0 - 8_000.0) / 8_000.0);
    near(v1::RatioKind::Roi, &["channel"], &["whatsapp"], (12_500.0 + 24_000.0 - 1_000.0) / 1_000.0);
}

#[test]
fn what_was_never_declared_is_no_cost_of_zero() {
    let mut scene = campaign(3);
    scene.declare(v1::Declaration { costs: vec![cost(5_000.0, "")], ..declared() });
    let kinds = [v1::RatioKind::CostPerConversion, v1::RatioKind::Roi];
    for kind in kinds {
        let one = |channel: &str| v1::Query { filters: vec![only("channel", channel)], ..ratio(kind, &[]) };
        for (asked, told) in [
            (ratio(kind, &["channel"]), "for single channels, only for the whole campaign"),
            (ratio(kind, &["kind"]), "for single channels, only for the whole campaign"),
            (one("whatsapp"), "for this channel, only for the whole campaign"),
        ] {
            let status = scene.ask(asked).unwrap_err();
            assert_eq!(status.get_details_error_info().unwrap().reason, "COST_MISSING");
            assert!(status.message().contains(told), "{}", status.message());
        }
    }

    scene.declare(declared());
    let told = |answer: &v1::QueryResponse| {
        let notice = answer.notices.iter().find(|notice| notice.code == "COST_MISSING");
        notice.map(|notice| notice.message.split(',').next().unwrap().to_owned())
    };
    for kind in kinds {
        assert_eq!(told(&scene.ask(ratio(kind, &[])).unwrap()), None);
        let by_channel = scene.ask(ratio(kind, &["channel"])).unwrap();
        let labels: Vec<&str> = by_channel.ratios.iter().map(|row| row.labels[0].as_str()).collect();
        assert_eq!(labels, ["whatsapp", "facebook"]);
        assert_eq!(told(&by_channel).as_deref(), Some("no cost is declared for other"));

        let after = scene.ask(v1::Query { range: days(1, 2), ..ratio(kind, &[]) }).unwrap();
        assert_eq!((after.ratios.len(), told(&after).as_deref()), (0, Some("no cost is declared for this range")));
        let daily = v1::Query { range: days(0, 2), granularity: v1::Granularity::Day.into(), ..ratio(kind, &[]) };
        let daily = scene.ask(daily).unwrap();
        assert!(daily.ratios[0].estimate.unwrap().value.is_some());
        assert_eq!(daily.ratios[1].estimate, Some(v1::RatioEstimate::default()));
        assert_eq!(told(&daily).as_deref(), Some("no cost is declared for some of these periods"));
    }

    scene.declare(v1::Declaration { costs: vec![cost(0.0, "")], ..declared() });
    let free = scene.ask(ratio(v1::RatioKind::CostPerConversion, &[])).unwrap().ratios[0].estimate.unwrap();
    assert_eq!(free.value, Some(0.0), "what the brand said was for nothing");

    for (field, query) in [
        ("group_by", ratio(v1::RatioKind::Roi, &["publisher"])),
        ("filters", v1::Query { filters: vec![only("publisher", "daily")], ..ratio(v1::RatioKind::Roi, &[]) }),
    ] {
        let refused = scene.ask(query).unwrap_err();
        assert!(refused.message().starts_with(&format!("{field}: costs are declared by channel")), "{refused}");
    }
}

#[test]
fn no_number_of_reports_is_promised_to_make_up_for_a_cost() {
    let mut scene = campaign(3);
    let mut profit = |spent: f64| {
        scene.declare(v1::Declaration { costs: vec![cost(spent, "")], ..declared() });
        scene.ask(ratio(v1::RatioKind::Roi, &[])).unwrap().ratios[0].numerator.unwrap()
    };
    let worth = profit(0.0).value;
    let little = profit(worth - 100.0);
    assert!(!little.above_zero && little.value > 99.0 && little.reports_needed.is_none(), "{little:?}");
}

#[test]
fn a_part_of_a_whole_has_a_narrower_interval_than_a_ratio_of_strangers() {
    let scene = campaign(3);
    let answer = scene.ask(ratio(v1::RatioKind::DarkShare, &[])).unwrap();
    let row = &answer.ratios[0];
    let (above, below, found) = (row.numerator.unwrap(), row.denominator.unwrap(), row.estimate.unwrap());
    let estimate = |one: v1::Estimate| tacita_dp::Estimate { count: one.value, variance: one.variance };
    let tacita_dp::Ratio::Estimable { interval, .. } =
        tacita_dp::fieller(estimate(above), estimate(below), Confidence::P95)
    else {
        panic!("estimable")
    };
    assert!(found.high.unwrap() - found.low.unwrap() < 0.9 * (interval.high - interval.low));
}

#[test]
fn what_a_ratio_cannot_be_told_by_is_named_with_what_there_is() {
    let scene = campaign(3);
    let refused = |query: v1::Query| {
        let status = scene.ask(query).unwrap_err();
        (status.get_details_error_info().unwrap().reason, status.message().to_owned())
    };
    let unknown =
        "no measure of this campaign has a dimension 'nope': there are channel, generation, value, kind, publisher";
    let filtered = v1::Query { filters: vec![only("nope", "x")], ..ratio(v1::RatioKind::DarkShare, &[]) };
    for (field, query) in [("group_by", ratio(v1::RatioKind::DarkShare, &["nope"])), ("filters", filtered)] {
        assert_eq!(refused(query), ("NO_SUCH_DIMENSION".into(), format!("{field}: {unknown}")));
    }
    let (reason, said) = refused(ratio(v1::RatioKind::DarkShare, &["value"]));
    assert!(reason == "MEASURE_MISSING" && said.contains("event share that tells apart kind, value"), "{said}");

    for kind in [v1::RatioKind::GenerationGrowth, v1::RatioKind::ResharesPerArrival] {
        let filtered = v1::Query { filters: vec![only("generation", "1")], ..ratio(kind, &[]) };
        for query in [ratio(kind, &["generation"]), filtered] {
            let (reason, said) = refused(query);
            assert!(reason == "INVALID_FIELD" && said.contains("a row for each generation already"), "{said}");
        }
    }
    let mut scene = Scene::at(&["daily"], 1);
    scene.measure("arrivals", v1::Event::Arrival, &["generation=0,2"], 4.0);
    let status = scene.ask(ratio(v1::RatioKind::GenerationGrowth, &[])).unwrap_err();
    assert!(status.message().contains("there are no such two"), "{}", status.message());
}

#[test]
fn a_ratio_that_the_question_itself_fixes_is_not_told_as_if_it_were_found() {
    let (scene, _) = scene();
    let notice = |answer: &v1::QueryResponse, code: &str| {
        let said = answer.notices.iter().find(|notice| notice.code == code);
        said.unwrap_or_else(|| panic!("no {code}: {:?}", answer.notices)).message.clone()
    };
    let under = |kind, dimension: &str, value: &str| {
        scene.ask(v1::Query { filters: vec![only(dimension, value)], ..ratio(kind, &[]) }).unwrap()
    };
    for (kind, channel) in [
        (v1::RatioKind::DirectConfirmed, "whatsapp"),
        (v1::RatioKind::DirectConfirmed, "direct"),
        (v1::RatioKind::DirectInferred, "inferred"),
        (v1::RatioKind::DirectInferred, "whatsapp"),
    ] {
        let answer = under(kind, "channel", channel);
        assert!(answer.ratios.is_empty(), "{channel}: {:?}", answer.ratios);
        assert!(notice(&answer, "FIXED_RATIO").contains("is not told: "), "{:?}", answer.notices);
    }
    assert!(scene.ask(ratio(v1::RatioKind::DirectConfirmed, &["publisher"])).unwrap().ratios.len() == 2);

    let scene = campaign(3);
    let by_kind = scene.ask(ratio(v1::RatioKind::DarkShare, &["kind"])).unwrap();
    assert!(by_kind.ratios.is_empty(), "{:?}", by_kind.ratios);
    assert!(notice(&by_kind, "FIXED_RATIO").starts_with("dark_share is not told for other, private, public: "));
    let two = v1::Filter { values: vec!["whatsapp".into(), "facebook".into()], ..only("channel", "") };
    let two = scene.ask(v1::Query { filters: vec![two], ..ratio(v1::RatioKind::DarkShare, &[]) }).unwrap();
    assert!(two.ratios[0].estimate.unwrap().value.unwrap() < 1.0 && two.notices.is_empty(), "{two:?}");

    let mut scene = Scene::at(&["daily"], 1);
    scene.measure("shares", v1::Event::Share, &["channel=whatsapp,sms"], 4.0);
    scene.measure("arrivals", v1::Event::Arrival, &["channel=search,direct"], 4.0);
    let asked = v1::Query { range: days(0, 1), ..ratio(v1::RatioKind::ConversionRate, &["channel"]) };
    assert!(scene.ask(asked.clone()).unwrap_err().message().contains("event conversion"));
    scene.measure("conversions", v1::Event::Conversion, &["channel=whatsapp,sms"], 4.0);
    let strangers = scene.ask(asked).unwrap();
    assert!(notice(&strangers, "NO_COMMON_GROUP").starts_with("conversion_rate has no row"));
}

#[test]
fn a_ratio_over_next_to_nothing_is_not_estimable_and_says_what_it_takes() {
    let scene = campaign(3);
    let answer = scene.ask(ratio(v1::RatioKind::ConversionRate, &["channel"])).unwrap();
    let sms = |name: &str| answer.ratios.iter().find(|row| row.labels == [name]).unwrap();
    assert!(sms("whatsapp").estimate.unwrap().value.is_some());
    let mut scene = Scene::at(&["daily"], 1);
    let arrivals = scene.measure("arrivals", v1::Event::Arrival, &["channel=whatsapp,sms,other"], 1.0);
    let conversions = scene.measure("conversions", v1::Event::Conversion, &["channel=whatsapp,sms,other"], 1.0);
    scene.count(arrivals, 1, 0, &[(&["whatsapp"], 20), (&["sms"], 15)]);
    scene.count(conversions, 1, 0, &[(&["whatsapp"], 5)]);
    let answer = scene.ask(ratio(v1::RatioKind::ConversionRate, &["channel"])).unwrap();
    assert!(answer.ratios.iter().any(|row| row.estimate.unwrap().value.is_none()), "{:?}", answer.ratios);
}

#[test]
fn a_custom_ratio_takes_any_cells_over_any_others() {
    let scene = campaign(3);
    let select = |measure: &str, channel: &str| v1::Selection {
        measure: measure.into(),
        filters: vec![v1::Filter { dimension: "channel".into(), values: vec![channel.into()], exclude: false }],
    };
    let custom = |name: &str, denominator: &str| v1::Query {
        ratios: vec![v1::RatioRequest {
            kind: v1::RatioKind::Custom.into(),
            custom: Some(v1::CustomRatio {
                name: name.into(),
                numerator: Some(select("arrivals", "whatsapp")),
                denominator: Some(select(denominator, "facebook")),
            }),
        }],
        ..query(&[], &[])
    };
    let answer = scene.ask(custom("app-to-feed", "arrivals")).unwrap();
    let found = answer.ratios[0].estimate.unwrap();
    assert_eq!(answer.ratios[0].ratio, "app-to-feed");
    assert!(found.low.unwrap() < 6.0 && 6.0 < found.high.unwrap(), "{found:?}");
    let twice = v1::Query {
        ratios: [custom("x", "arrivals").ratios, custom("x", "arrivals").ratios].concat(),
        ..query(&[], &[])
    };
    assert_eq!(scene.ask(twice).unwrap().ratios.len(), 1, "what is asked twice is told once");
    assert_eq!(scene.ask(custom("", "arrivals")).unwrap_err().code(), Code::InvalidArgument);
    let nothing = scene.ask(custom("x", "nothing")).unwrap_err();
    assert_eq!(nothing.code(), Code::NotFound);
    assert!(nothing.message().starts_with("this campaign has no measure 'nothing': it has shares, "), "{nothing}");
    for (dimension, reason, told) in [
        ("publisher", "INVALID_FIELD", "ratios: both sides of a ratio are of the same publishers"),
        ("grade", "NO_SUCH_DIMENSION", "ratios: measure 'arrivals' has no dimension 'grade'"),
    ] {
        let mut query = custom("x", "arrivals");
        let own = &mut query.ratios[0].custom.as_mut().unwrap().numerator.as_mut().unwrap().filters;
        own.push(only(dimension, "daily"));
        let refused = scene.ask(query).unwrap_err();
        assert_eq!(refused.get_details_error_info().unwrap().reason, reason);
        assert!(refused.message().starts_with(told), "{}", refused.message());
    }
}

#[test]
fn who_shares_only_in_private_is_a_ratio_of_devices_and_says_of_which() {
    let mut scene = Scene::at(&["daily"], 4);
    // With no dimension named, the four profiles.
    let sharers = scene.measure("sharers", v1::Event::SharerProfile, &[], 3.0);
    let truth: [(&[&str], u64); 5] =
        [(&["neither"], 8_000), (&["private-only"], 1_800), (&["public-only"], 600), (&["both"], 1_600), (&[], 300)];
    scene.count(sharers, 1, 0, &truth);
    let answer = scene.ask(ratio(v1::RatioKind::PrivateOnlyShare, &[])).unwrap();
    let row = &answer.ratios[0];
    let found = row.estimate.unwrap();
    let (low, high) = (found.low.unwrap(), found.high.unwrap());
    assert!(low < 0.45 && 0.45 < high && high - low < 0.2, "{found:?}");
    assert_eq!((row.ratio.as_str(), row.numerator_measure.as_str()), ("private_only_share", "sharers"));
    let codes: Vec<&str> = answer.notices.iter().map(|notice| notice.code.as_str()).collect();
    assert!(codes.contains(&"GROSS_REACH") && codes.contains(&"RETURNING_DEVICES"), "{codes:?}");
    let counts = scene.ask(query(&["sharers"], &["profile"])).unwrap();
    let labels: Vec<_> = counts.rows.iter().map(|row| row.labels.concat()).collect();
    assert_eq!(labels, ["neither", "private-only", "public-only", "both"]);
    assert!(counts.measures[0].none.unwrap().above_zero, "spent ledgers stand apart from every profile");
    let other = campaign(3).ask(ratio(v1::RatioKind::PrivateOnlyShare, &[])).unwrap_err();
    assert!(other.message().contains("needs a measure of event sharer-profile"), "{}", other.message());
}
