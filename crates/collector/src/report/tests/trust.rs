//! What is told of tallies that are small, damaged or dishonest.

use tacita_proto::v1;
use tacita_protocol::{id::PublisherId, time::WindowId};
use tacita_store::SeriesTally;
use tonic::Code;

use super::{
    super::scene::{Scene, days, query},
    scene, value,
};

#[test]
fn a_damaged_tally_is_no_answer() {
    let (mut scene, arrivals) = scene();
    let tally =
        SeriesTally { publisher: PublisherId(1), window: WindowId(20_009), reports: 3, counters: vec![(99, 3)] };
    scene.add(arrivals, tally.clone());
    assert_eq!(scene.ask(query(&["arrivals"], &[])).unwrap_err().code(), Code::Internal);
    let (mut scene, arrivals) = super::scene();
    scene.add(arrivals, SeriesTally { counters: vec![(0, 100)], ..tally });
    assert_eq!(scene.ask(query(&["arrivals"], &[])).unwrap_err().code(), Code::Internal);
}

#[test]
fn what_lies_could_have_done_is_told_beside_each_total() {
    let mut scene = Scene::at(&["daily"], 3);
    let arrivals = scene.measure("arrivals", v1::Event::Arrival, &["channel=whatsapp,sms,facebook"], 2.0);
    scene.count(arrivals, 1, 0, &[(&["whatsapp"], 350)]);
    let campaign = scene.catalogue.campaigns()[0].id;
    let mechanism = &scene.catalogue.measures_of(campaign).next().unwrap().mechanism;
    let lift = (1.0 - mechanism.q()) / (mechanism.p() - mechanism.q());

    let answer = scene.ask(query(&["arrivals"], &["channel"])).unwrap();
    let lies = value(&answer, &["whatsapp"]).lies.unwrap();
    assert_eq!(lies.reports, 4, "one in a hundred, rounded up");
    assert!((lies.up - 4.0 * lift).abs() < 1e-9 && lies.down > 4.0, "{lies:?}");
    let total = scene.ask(query(&["arrivals"], &[])).unwrap();
    assert!(value(&total, &[]).lies.unwrap().up < 3.0 * lies.up, "three cells of one report");
    assert!(answer.measures[0].none.unwrap().lies.is_none());
}

#[test]
fn a_publisher_whose_reports_cannot_be_honest_is_named() {
    let mut scene = Scene::at(&["daily", "weekly"], 4);
    let labels = (0..15).map(|one| format!("c{one}")).collect::<Vec<_>>().join(",");
    let arrivals = scene.measure("arrivals", v1::Event::Arrival, &[&format!("channel={labels}")], 2.0);
    scene.count(arrivals, 1, 0, &[(&["c3"], 5_000)]);
    scene.count(arrivals, 2, 0, &[(&["c3"], 5_000)]);
    // One report, a thousand times over: two cells of 16, whatever they mean.
    let forged = SeriesTally {
        publisher: PublisherId(2),
        window: WindowId(20_001),
        reports: 1_000,
        counters: vec![(1, 1_000), (2, 1_000)],
    };
    scene.add(arrivals, forged);
    let answer = scene.ask(query(&["arrivals"], &["channel"])).unwrap();
    let fits: Vec<_> = answer.measures[0].fits.iter().map(|fit| (fit.publisher.as_str(), fit.suspicious)).collect();
    assert_eq!(fits, [("daily", false), ("weekly", true)]);
    let finding = &answer.measures[0].fits[1].finding;
    assert!(finding.contains("than if nobody had") && answer.measures[0].fits[1].p_value < 1e-4, "{finding}");
    let notice = answer.notices.iter().find(|notice| notice.code == "SUSPICIOUS_REPORTS").unwrap();
    assert!(notice.message.starts_with("weekly's reports of arrivals can hardly be honest"), "{}", notice.message);
    let day_before = scene.ask(v1::Query { range: days(0, 1), ..query(&["arrivals"], &["channel"]) }).unwrap();
    assert!(day_before.measures[0].fits.iter().all(|fit| !fit.suspicious), "the range decides");
}

#[test]
fn a_small_part_of_a_window_is_in_no_number_and_no_difference_of_two_tells_it() {
    let mut scene = Scene::with_least(&["daily", "weekly"], 5, 100);
    let arrivals = scene.measure("arrivals", v1::Event::Arrival, &["channel=whatsapp,sms"], 2.0);
    scene.count(arrivals, 1, 0, &[(&["whatsapp"], 400)]);
    scene.count(arrivals, 2, 0, &[(&["sms"], 70)]);
    scene.count(arrivals, 1, 1, &[(&["sms"], 99)]);
    let ask = |group_by: &[&str], granularity: v1::Granularity| {
        let asked = v1::Query { granularity: granularity.into(), range: days(0, 2), ..query(&["arrivals"], group_by) };
        scene.ask(asked).unwrap()
    };
    let hidden =
        |windows, reports, more_reports| v1::Hidden { windows, reports, reports_per_window: 100, more_reports };

    let total = ask(&["channel"], v1::Granularity::Total);
    assert_eq!((total.measures[0].reports, total.measures[0].windows), (400, 1));
    assert_eq!(total.measures[0].hidden, Some(hidden(2, 169, 1)));
    let told = |answer: &v1::QueryResponse| {
        let counts = |one: &&v1::Notice| ["NO_REPORTS", "HIDDEN_WINDOWS"].contains(&one.code.as_str());
        answer.notices.iter().filter(counts).map(|one| one.message.clone()).collect::<Vec<_>>()
    };
    let [notice] = &told(&total)[..] else { panic!("{:?}", total.notices) };
    assert!(notice.starts_with("2 windows of arrivals are hidden, 169 reports in all"), "{notice}");
    assert!(notice.ends_with("; 1 more report in one would show the next"), "{notice}");
    let all_hidden = scene.ask(v1::Query { range: days(1, 2), ..query(&["arrivals"], &[]) }).unwrap();
    let [notice] = &told(&all_hidden)[..] else { panic!("something was counted: {:?}", all_hidden.notices) };
    assert!(notice.starts_with("1 window of arrivals is hidden, 99 reports in all"), "{notice}");
    assert!(notice.ends_with("; 1 more report in one would show the first"), "{notice}");
    let nothing = scene.ask(v1::Query { range: days(5, 6), ..query(&["arrivals"], &[]) }).unwrap();
    assert_eq!(told(&nothing), ["nothing was counted in this range"]);

    let by_day = ask(&[], v1::Granularity::Day);
    let of_day = |day: usize| (by_day.rows[day].reports, by_day.rows[day].hidden);
    assert_eq!(of_day(0), (400, Some(hidden(1, 70, 30))), "the other publisher's part is not in the day either");
    assert_eq!(of_day(1), (0, Some(hidden(1, 99, 1))));
    assert_eq!(by_day.rows[1].estimate.unwrap().value, 0.0);

    let by_publisher = ask(&["publisher"], v1::Granularity::Total);
    let of: Vec<_> = by_publisher.rows.iter().map(|row| (row.labels[0].as_str(), row.reports, row.hidden)).collect();
    assert_eq!(of, [("daily", 400, Some(hidden(1, 99, 1))), ("weekly", 0, Some(hidden(1, 70, 30)))]);
    assert_eq!(total.measures[0].fits.len(), 1, "what is hidden is not looked at");
}
