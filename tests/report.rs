//! `tacita report`, `watch` and `plan`: the same numbers as a table, JSON, CSV and a picture.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::HashMap, fs, thread, time::Duration};

use serde_json::Value;

use crate::support::{Deployment, path, tacita, tacita_ok};

/// A deployment with the reports of 300 sessions, all counted.
struct Stage {
    deployment: Deployment,
    folder: tempfile::TempDir,
}

impl Stage {
    fn build(measures: &[&[&str]]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let policy = "token-batch = 8\nledger-bound = 1000.0";
        let deployment = Deployment::start_with(folder.path(), measures, None, policy);
        let relay = deployment.relay.url();
        let said = tacita_ok(&[
            "simulate",
            "--relay",
            &relay,
            "--publisher",
            "1",
            "--signing-key",
            &deployment.signing_key,
            "--sessions",
            "300",
        ]);
        let sent: u64 =
            said.split_once("handed over ").unwrap().1.split_once(' ').unwrap().0.replace(',', "").parse().unwrap();
        let stage = Self { deployment, folder };
        for _ in 0..300 {
            let counted: u64 = stage.json(&[])["measures"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["reports"].as_u64().unwrap())
                .sum();
            if counted == sent {
                return stage;
            }
            thread::sleep(Duration::from_millis(200));
        }
        panic!("not every report was counted");
    }

    fn args<'a>(&'a self, url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["report", "--collector", url, "--key", &self.deployment.brand_key, "acme/spring"], more].concat()
    }

    fn report(&self, more: &[&str]) -> String {
        tacita_ok(&self.args(&self.deployment.collector.url(), more))
    }

    fn json(&self, more: &[&str]) -> Value {
        serde_json::from_str(&self.report(&[more, &["--json"]].concat())).unwrap()
    }

    /// The rows of a CSV file, each cell under its column's name, of which there are no two alike.
    fn csv(&self, more: &[&str]) -> Vec<HashMap<String, String>> {
        let text = self.report(&[more, &["--csv"]].concat());
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        let heads: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
        let row = |row: csv::StringRecord| -> HashMap<String, String> {
            heads.iter().cloned().zip(row.iter().map(str::to_owned)).collect()
        };
        let rows: Vec<_> = csv.records().map(|record| row(record.unwrap())).collect();
        assert!(rows.iter().all(|row| row.len() == heads.len()), "{heads:?}");
        rows
    }

    fn complaint(&self, more: &[&str]) -> String {
        let output = tacita(&self.args(&self.deployment.collector.url(), more));
        assert!(!output.status.success(), "{more:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn table_json_csv_and_picture_are_one_answer() {
    let stage = Stage::build(&[
        &["arrivals", "--event", "arrival", "--epsilon", "6"],
        &["shares", "--event", "share", "--epsilon", "6"],
    ]);
    let by_kind = ["--measure", "arrivals", "--by", "kind", "--granularity", "day"];
    let json = stage.json(&by_kind);
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(
        rows.iter().map(|row| row["labels"][0].as_str().unwrap()).collect::<Vec<_>>(),
        ["private", "public", "inferred", "other"]
    );

    let csv = stage.csv(&by_kind);
    assert_eq!(csv.len(), rows.len());
    for (cells, row) in csv.iter().zip(rows) {
        assert_eq!(cells["kind"], row["labels"][0].as_str().unwrap());
        assert!(cells["from"].ends_with("T00:00:00Z"), "{cells:?}");
        for (column, field) in [("estimate", "value"), ("low", "low"), ("high", "high"), ("variance", "variance")] {
            assert_same(&cells[column], &row["estimate"][field]);
        }
        assert_eq!(cells["reports"].parse::<u64>().unwrap(), row["reports"].as_u64().unwrap());
    }

    let table = stage.report(&by_kind);
    assert!(table.contains("private") && table.contains('●') && table.contains("95 % interval"), "{table}");
    let picture = stage.folder.path().join("report.svg");
    stage.report(&["--svg", path(&picture)]);
    assert!(fs::read_to_string(&picture).unwrap().starts_with("<svg"));

    let share = stage.json(&["--ratio", "dark-share"]);
    let ratio = &share["ratios"][0];
    assert_eq!((ratio["ratio"].as_str(), ratio["numerator_measure"].as_str()), (Some("dark_share"), Some("shares")));
    assert!(ratio["estimate"]["low"].as_f64() < ratio["estimate"]["value"].as_f64());
    let cells = &stage.csv(&["--ratio", "dark-share"])[0];
    assert_same(&cells["estimate"], &ratio["estimate"]["value"]);
    assert_same(&cells["numerator"], &ratio["numerator"]["value"]);
    assert_same(&cells["denominator_high"], &ratio["denominator"]["high"]);
    let two = ["--measure", "arrivals", "--filter", "channel=search", "--over", "channel=whatsapp"];
    let text = stage.report(&two);
    assert!(text.contains("search ÷ whatsapp · arrivals ÷ arrivals") && text.contains("noise"), "{text}");
    let estimate = &stage.json(&two)["ratios"][0]["estimate"];
    let differs = estimate["low"].as_f64() > Some(1.0) || estimate["high"].as_f64() < Some(1.0);
    assert_eq!(text.contains("the difference is more than noise"), differs, "{text}");
    assert!(stage.complaint(&["--over", "channel=sms"]).contains("--measure"));
    let of_publisher = stage.json(&[&two[..], &["--filter", "publisher=daily-news"]].concat());
    assert_eq!(of_publisher["ratios"], stage.json(&two)["ratios"], "it is the only publisher");
    assert_eq!(stage.report(&["--alerts"]), "nothing surged\n");
    assert!(stage.report(&["--alerts", "--csv"]).starts_with("id,found_at,campaign,"));
    let undrawn = stage.complaint(&["--alerts", "--svg", path(&picture)]);
    assert!(undrawn.contains("surges are a list and have no picture"), "{undrawn}");
    let funnel = stage.report(&["--funnel"]);
    assert!(funnel.contains("conversions are left out: a funnel needs a measure of event conversion"), "{funnel}");
    assert!(!funnel.contains("does not tell the"), "{funnel}");
    assert!(stage.complaint(&["--by", "weather"]).contains("no dimension 'weather'"));
    assert!(stage.complaint(&["--measure", "nothing"]).contains("it has arrivals, shares"));
    assert!(stage.complaint(&["--compare", "previous"]).contains("--from and --to"));

    assert!(table.contains("if 1 report in 100 were a lie"), "{table}");
    assert!(rows[0]["estimate"]["lies"]["up"].as_f64().unwrap() > 0.0);
    assert_eq!(json["measures"][0]["fits"][0]["suspicious"], Value::Bool(false));

    let url = stage.deployment.collector.url();
    let privacy = ["privacy", "--collector", &url, "--key", &stage.deployment.brand_key, "acme/spring"];
    let told = tacita_ok(&privacy);
    for part in ["Guaranteed", "Not guaranteed", "report-epsilon", "arrivals", "against everyone, all parties together"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told: Value = serde_json::from_str(&tacita_ok(&[&privacy[..], &["--json"]].concat())).unwrap();
    let of = |measures: &Value| measures[0]["privacy"]["amplified_epsilon"].as_f64().unwrap();
    assert_eq!(of(&told["measures"]), of(&stage.json(&[])["measures"]), "the same number as the report has");

    let watch = |more: &[&str]| {
        let given = ["watch", "--collector", &url, "--key", &stage.deployment.brand_key, "acme/spring", "--times", "1"];
        tacita(&[&given[..], more].concat())
    };
    let followed = |more: &[&str]| String::from_utf8(watch(more).stdout).unwrap();
    let watched = followed(&[]);
    assert!(watched.contains("arrivals · arrival"), "{watched}");
    let lines = followed(&["--json"]);
    let line: Value = serde_json::from_str(lines.strip_suffix('\n').unwrap()).unwrap();
    assert!(!lines.trim_end().contains('\n') && line["at"].as_u64() > Some(0), "{lines}");
    assert_eq!(line["answer"]["measures"], stage.json(&[])["measures"]);
    let rows = followed(&[&by_kind[..], &["--csv"]].concat());
    assert!(rows.starts_with("at,measure,from,to,kind,"), "{rows}");
    let without_at: String = rows.lines().map(|line| format!("{}\n", line.split_once(',').unwrap().1)).collect();
    assert_eq!(without_at, stage.report(&[&by_kind[..], &["--csv"]].concat()));
    let refused = String::from_utf8(watch(&["--alerts", "--by", "channel"]).stderr).unwrap();
    assert!(refused.contains("--by: what follows surges takes no such argument"), "{refused}");
}

#[test]
fn every_view_is_a_table_and_what_can_be_drawn_a_picture() {
    let channels = "channel=whatsapp,messenger,telegram,facebook,search,inferred,direct,other";
    let grades = "grade=confirmed,declared,app,referrer,inferred,direct";
    let stage = Stage::build(&[
        &["arrivals", "--event", "arrival", "--epsilon", "6", "--dimension", channels, "--dimension", grades],
        &["shares", "--event", "share", "--epsilon", "6"],
        &["orders", "--event", "conversion", "--epsilon", "6", "--dimension", "channel=whatsapp,unattributed,other"],
    ]);
    let funnel = stage.json(&["--funnel", "--by", "channel"]);
    let groups = funnel["groups"].as_array().unwrap();
    let csv = stage.csv(&["--funnel", "--by", "channel"]);
    for group in groups {
        let label = group["label"].as_str().unwrap();
        let row = |step: &str| csv.iter().find(|cells| cells["channel"] == label && cells["step"] == step).unwrap();
        assert_same(&row("shares")["estimate"], &group["shares"]["value"]);
        match &group["conversions"] {
            Value::Null => assert_eq!(row("conversions")["estimate"], ""),
            told => assert_same(&row("conversions")["estimate"], &told["value"]),
        }
    }
    assert!(groups.iter().any(|group| group["conversions"].is_null()), "the orders are of fewer channels: {funnel}");
    let text = stage.report(&["--funnel", "--by", "channel"]);
    assert!(text.contains("the measure orders does not tell the channel ") && text.contains("not told"), "{text}");

    let view = stage.json(&["--reconciliation"]);
    let csv = stage.csv(&["--reconciliation"]);
    let parts = |group: &Value| group["parts"].as_array().unwrap().len();
    assert_eq!(csv.len(), view["groups"].as_array().unwrap().iter().map(|group| 1 + parts(group)).sum::<usize>());
    assert_eq!(csv[0]["ga4_group"], view["groups"][0]["name"].as_str().unwrap());
    assert_same(&csv[0]["estimate"], &view["groups"][0]["arrivals"]["value"]);

    for view in ["--funnel", "--reconciliation"] {
        let [svg, png] = ["svg", "png"].map(|kind| stage.folder.path().join(format!("view.{kind}")));
        stage.report(&[view, "--svg", path(&svg), "--png", path(&png)]);
        assert!(fs::read_to_string(&svg).unwrap().contains("<circle"), "{view}");
        assert!(fs::read(&png).unwrap().starts_with(b"\x89PNG"), "{view}");
    }
    let refused = stage.complaint(&["--funnel", "--granularity", "day"]);
    assert!(refused.contains("--granularity: a funnel goes by --from, --to, --by, --filter alone"), "{refused}");
    let free = stage.complaint(&["--ratio", "roi"]);
    assert!(free.contains("declare it in the form Campaign"), "{free}");
    let campaigns = tacita_ok(
        &[
            &["report", "--collector", &stage.deployment.collector.url()][..],
            &["--key", &stage.deployment.brand_key, "--csv"],
        ]
        .concat(),
    );
    assert_eq!(campaigns, "name,publishers,measures\nacme/spring,daily-news,arrivals shares orders\n");

    the_example_client_tells_what_the_command_tells(&stage);
}

/// `examples/brand-report` against the same collector: every total that can be told from zero, and the reports of every measure.
fn the_example_client_tells_what_the_command_tells(stage: &Stage) {
    let mut out = Vec::new();
    let (url, key) = (stage.deployment.collector.url(), &stage.deployment.brand_key);
    let asked = example_brand_report::report(url, key, "acme/spring".to_owned(), &mut out);
    tokio::runtime::Runtime::new().unwrap().block_on(asked).unwrap();
    let told = String::from_utf8(out).unwrap();
    let told: Vec<String> = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();

    let json = stage.json(&["--by", "channel"]);
    let mut expected = Vec::new();
    for about in json["measures"].as_array().unwrap() {
        let name = about["measure"]["name"].as_str().unwrap();
        expected.push(format!("{name}: {} reports", about["reports"]));
        for row in json["rows"].as_array().unwrap().iter().filter(|row| row["measure"] == name) {
            let estimate = &row["estimate"];
            let [value, low, high] = ["value", "low", "high"].map(|field| estimate[field].as_f64().unwrap());
            if estimate["above_zero"] == true {
                let label = row["labels"][0].as_str().unwrap();
                expected.push(format!("{label} {value:.0} ({low:.0} to {high:.0})"));
            }
        }
    }
    assert_eq!(told, expected);
    assert!(expected.len() > 4, "some totals can be told from zero: {expected:?}");
}

/// A cell holds the number of the gRPC answer.
fn assert_same(cell: &str, told: &Value) {
    let (cell, told): (f64, f64) = (cell.parse().unwrap(), told.as_f64().unwrap());
    // A reader of JSON may be off by the last bit.
    assert!((cell - told).abs() <= 1e-12 * told.abs(), "{cell}: {told}");
}

#[test]
fn a_campaign_is_held_to_the_policy_that_it_was_created_with() {
    let folder = tempfile::tempdir().unwrap();
    let deployment = Deployment::start(folder.path(), &[], None);
    let url = deployment.collector.url();
    let admin = |words: &[&str]| {
        let reach = ["admin", "--collector", &url, "--key-file", path(&deployment.operator_key_file)];
        tacita(&[&reach, words].concat())
    };
    let create = ["campaign", "create", "acme/strict", "--publisher", "daily-news", "--report-epsilon"];
    let refused = String::from_utf8(admin(&[&create[..], &["7"]].concat()).stderr).unwrap();
    assert!(refused.contains("rule report-epsilon: choose 6 or less"), "{refused}");
    assert!(admin(&[&create[..], &["1", "--reports-per-window", "500"]].concat()).status.success());
    let measure = ["measure", "create", "acme/strict", "arrivals", "--event", "arrival", "--epsilon"];
    let refused = String::from_utf8(admin(&[&measure[..], &["2"]].concat()).stderr).unwrap();
    assert!(refused.contains("rule report-epsilon: choose 1 or less"), "{refused}");
    assert!(admin(&[&measure[..], &["1"]].concat()).status.success());
    let told = tacita_ok(&["privacy", "--collector", &url, "--key", &deployment.brand_key, "acme/strict"]);
    assert!(told.contains("500"), "{told}");
}

#[test]
fn what_cannot_be_answered_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let measures: [&[&str]; 1] = [&["arrivals", "--event", "arrival", "--epsilon", "6"]];
    let deployment = Deployment::start(folder.path(), &measures, None);
    let url = deployment.collector.url();
    let operator = path(&deployment.operator_key_file);
    for words in
        [&["brand", "create", "rival"][..], &["campaign", "create", "rival/summer", "--publisher", "daily-news"]]
    {
        tacita_ok(&[&["admin", "--collector", &url, "--key-file", operator], words].concat());
    }
    let report = |key: &str, campaign: &str, more: &[&str]| {
        let output = tacita(&[&["report", "--collector", &url, "--key", key, campaign], more].concat());
        (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let brand = deployment.brand_key.as_str();
    let wrong = format!("{}x", &brand[..brand.len() - 1]);
    for (key, campaign, more, answered, told) in [
        (wrong.as_str(), "acme/spring", &[][..], false, "the API key is unknown or revoked"),
        (brand, "rival/summer", &[], false, "there is no campaign 'rival/summer' among yours"),
        (brand, "acme/spring", &["--measure", "departures"], false, "it has arrivals"),
        (
            brand,
            "acme/spring",
            &["--from", "2026-02-01", "--to", "2026-01-01"],
            false,
            "--to 2026-01-01 is not after --from 2026-02-01",
        ),
        (
            brand,
            "acme/spring",
            &["--from", "2020-01-01", "--to", "2020-02-01"],
            true,
            "note: nothing was counted in this range",
        ),
        (
            brand,
            "acme/spring",
            &["--from", "2090-01-01", "--to", "2090-02-01"],
            true,
            "note: the range begins on 2090-01-01",
        ),
    ] {
        let (went_well, said) = report(key, campaign, more);
        assert_eq!(went_well, answered, "{campaign} {more:?}: {said}");
        assert!(said.contains(told), "{campaign} {more:?}: expected '{told}' in: {said}");
    }
}

#[test]
fn a_plan_needs_no_server_and_says_what_would_show_a_cell() {
    let dimension = ["--dimension", "channel=whatsapp,signal,direct,other"];
    let plan = |more: &[&str]| {
        tacita_ok(
            &[&["plan", "--event", "arrival", "--epsilon", "1", "--reports", "2000"], &dimension[..], more].concat(),
        )
    };
    let said = plan(&["--share", "whatsapp=20%", "--share", "signal=0.5%"]);
    assert!(said.contains("not told from zero; ε = ") && said.contains("windows together would"), "{said}");
    assert!(said.contains("the smallest share that can be told from zero"), "{said}");
    let json: Value = serde_json::from_str(&plan(&["--json"])).unwrap();
    assert_eq!(json["cells"], 5);
    let output = tacita(&["plan", "--event", "arrival", "--epsilon", "1", "--reports", "10", "--share", "pigeon=1%"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("'pigeon' is no channel"));
    for (epsilon, reports, told) in [("9", "10", "rule report-epsilon: choose 6 or less"), ("1", "0", "1 or more")] {
        let output = tacita(&["plan", "--event", "arrival", "--epsilon", epsilon, "--reports", reports]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(told), "{said}");
    }
}
