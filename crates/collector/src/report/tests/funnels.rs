//! Funnels and generations, whole and in part.

use tacita_proto::v1;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{super::scene::Scene, campaign, holds, only};

fn funnel(group_by: &str, filters: Vec<v1::Filter>) -> v1::GetFunnelRequest {
    v1::GetFunnelRequest { group_by: group_by.into(), filters, ..Default::default() }
}

/// What a funnel says of the steps that it lacks.
fn missing(told: &v1::GetFunnelResponse) -> Vec<&str> {
    told.notices.iter().filter(|one| one.code == "STEP_MISSING").map(|one| one.message.as_str()).collect()
}

#[test]
fn a_funnel_tells_its_steps_and_generations() {
    let told = campaign(3).funnel(funnel("", vec![])).unwrap();
    let [whole] = &told.groups[..] else { panic!("{:?}", told.groups) };
    for (step, truth) in [(whole.shares, 5_000.0), (whole.arrivals, 10_000.0), (whole.conversions, 1_000.0)] {
        assert!(holds(&step.unwrap(), truth), "{step:?}");
    }
    for (ratio, truth) in
        [(whole.arrivals_per_share, 2.0), (whole.conversions_per_arrival, 0.1), (whole.conversions_per_share, 0.2)]
    {
        let (low, high) = (ratio.unwrap().low.unwrap(), ratio.unwrap().high.unwrap());
        assert!(low - (high - low) < truth && truth < high + (high - low), "{ratio:?}: {truth}");
    }
    assert_eq!(missing(&told), [""; 0]);
    let generations: Vec<_> = told.generations.iter().map(|one| one.generation).collect();
    assert_eq!(generations, [0, 1, 2]);
    for (one, arrivals, shares) in [(0, 8_200.0, 4_100.0), (1, 1_800.0, 900.0), (2, 0.0, 0.0)] {
        let one = &told.generations[one];
        assert!(holds(&one.arrivals.unwrap(), arrivals) && holds(&one.shares.unwrap(), shares), "{one:?}");
    }
    let per_share = told.generations[0].arrivals_per_share.unwrap();
    assert!((per_share.value.unwrap() - 2.0).abs() < 0.3, "{per_share:?}");
    assert!(told.generations[1].growth.is_some() && told.generations[1].reshares_per_arrival.is_some());
}

#[test]
fn a_funnel_of_more_groups_than_it_has_room_for_is_refused_and_not_cut() {
    let mut scene = Scene::at(&["daily"], 3);
    let labels: Vec<String> = (0..10_001).map(|number| format!("c{number}")).collect();
    scene.measure("shares", v1::Event::Share, &[&format!("channel={}", labels.join(","))], 4.0);
    let refused = scene.funnel(funnel("channel", vec![])).unwrap_err();
    let details = refused.get_details_error_info().unwrap();
    assert_eq!((details.reason.as_str(), details.metadata["limit"].as_str()), ("TOO_MANY_ROWS", "view_rows"));
    assert!(refused.message().contains("10001 rows, of 10000 at most"), "{}", refused.message());
    assert_eq!(scene.funnel(funnel("kind", vec![])).unwrap().groups.len(), 1);
}

#[test]
fn a_funnel_tells_the_steps_that_it_can_and_names_the_others() {
    let mut scene = Scene::at(&["daily"], 3);
    let channels = "channel=whatsapp,facebook";
    let shares = scene.measure("shares", v1::Event::Share, &[channels, "generation=0,1"], 4.0);
    scene.count(shares, 1, 0, &[(&["whatsapp", "0"], 3_000), (&["facebook", "0"], 1_000)]);
    let refused = Scene::at(&["daily"], 1).funnel(funnel("", vec![])).unwrap_err();
    assert!(refused.message().starts_with("a funnel needs a measure of event share;"), "{}", refused.message());

    let alone = scene.funnel(funnel("channel", vec![])).unwrap();
    assert_eq!((alone.share_measure.as_str(), alone.arrival_measure.as_str()), ("shares", ""));
    let labels: Vec<&str> = alone.groups.iter().map(|group| group.label.as_str()).collect();
    assert_eq!(labels, ["whatsapp", "facebook"]);
    assert!(holds(&alone.groups[0].shares.unwrap(), 3_000.0) && alone.groups[0].arrivals.is_none());
    assert!(alone.generations.is_empty(), "these are of arrivals");
    let said = missing(&alone);
    assert!(
        said[0].starts_with("arrivals are left out: ") && said[1].starts_with("conversions are left out: "),
        "{said:?}"
    );

    let with_search = "channel=whatsapp,facebook,search";
    let arrivals = scene.measure("arrivals", v1::Event::Arrival, &[with_search, "generation=0,1,other"], 4.0);
    scene.count(arrivals, 1, 0, &[(&["whatsapp", "0"], 6_000), (&["whatsapp", "1"], 600), (&["search", "other"], 900)]);
    let two = scene.funnel(funnel("", vec![])).unwrap();
    assert!(holds(&two.groups[0].arrivals.unwrap(), 6_600.0), "{:?}", two.groups);
    assert!(two.groups[0].arrivals_per_share.unwrap().value.is_some() && two.groups[0].conversions.is_none());
    assert_eq!((missing(&two).len(), two.generations.len()), (1, 2));
    assert!(missing(&two)[0].contains("needs a measure of event conversion"), "{:?}", two.notices);

    // What only some of the measures know takes only the others away.
    let conversions = scene.measure("conversions", v1::Event::Conversion, &[with_search], 4.0);
    scene.count(conversions, 1, 0, &[(&["whatsapp"], 500), (&["search"], 300)]);
    let first = scene.funnel(funnel("", vec![only("generation", "0")])).unwrap();
    assert!(holds(&first.groups[0].arrivals.unwrap(), 6_000.0) && first.groups[0].conversions.is_none());
    assert!(missing(&first)[0].starts_with("conversions are left out: a funnel needs"), "{:?}", first.notices);
    assert_eq!(first.generations.len(), 1, "{:?}", first.generations);
    let search = scene.funnel(funnel("", vec![only("channel", "search")])).unwrap();
    assert!(search.groups[0].shares.is_none() && holds(&search.groups[0].conversions.unwrap(), 300.0));
    assert!(missing(&search)[0].starts_with("shares are left out: 'search' is no channel"), "{:?}", search.notices);
    let said = |told: &v1::GetFunnelResponse, code: &str| told.notices.iter().filter(|one| one.code == code).count();
    assert_eq!((said(&first, "FIXED_RATIO"), said(&two, "FIXED_RATIO")), (1, 0), "{:?}", first.notices);
    let nowhere = scene.funnel(funnel("", vec![only("channel", "pigeon")])).unwrap_err();
    assert_eq!(nowhere.get_details_error_info().unwrap().reason, "NO_SUCH_LABEL");
    assert_eq!(scene.funnel(funnel("cohort", vec![])).unwrap_err().code(), Code::InvalidArgument);
}
