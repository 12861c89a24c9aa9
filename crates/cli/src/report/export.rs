//! An answer for other programs: JSON as protobuf defines it, and CSV.

use anyhow::{Context as _, Result};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use tacita_proto::v1;

/// Any message as JSON: protobuf's own mapping, with the field names of `proto/`, numbers as numbers and no field left out.
pub(crate) fn json(message: &impl prost::Message, name: &str) -> Result<serde_json::Value> {
    let pool = DescriptorPool::decode(tacita_proto::DESCRIPTORS)?;
    let described = pool.get_message_by_name(&format!("tacita.v1.{name}")).context("the message has a descriptor")?;
    let dynamic = DynamicMessage::decode(described, message.encode_to_vec().as_slice())?;
    let options =
        SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false).skip_default_fields(false);
    Ok(dynamic.serialize_with_options(serde_json::value::Serializer, &options)?)
}

/// Counts and ratios, one row each; a column for each dimension that any of them has.
pub(crate) fn csv(answer: &v1::QueryResponse) -> Result<String> {
    let query = answer.query.clone().unwrap_or_default();
    let mut dimensions: Vec<String> = Vec::new();
    let of_ratios = query.group_by.iter().filter(|name| *name != "*" && !answer.ratios.is_empty());
    let by_generation = answer.ratios.iter().any(|row| row.labels.len() > query.group_by.len());
    let generation = by_generation.then(|| "generation".to_owned());
    for name in answer.measures.iter().flat_map(|about| &about.group_by).chain(&generation).chain(of_ratios) {
        if !dimensions.contains(name) {
            dimensions.push(name.clone());
        }
    }
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(
        ["measure", "from", "to"].into_iter().chain(dimensions.iter().map(String::as_str)).chain(NUMBERS),
    )?;
    for row in &answer.rows {
        let about = answer.measures.iter().find(|about| super::ask::name_of(about) == row.measure);
        let own = about.map_or(&[][..], |about| &about.group_by);
        csv.write_record(head(&row.measure, row.period, &dimensions, own, &row.labels).chain(count(row, about)))?;
    }
    for row in &answer.ratios {
        let own: Vec<String> = match row.labels.len() > query.group_by.len() {
            true => generation.iter().chain(&query.group_by).cloned().collect(),
            false => query.group_by.clone(),
        };
        csv.write_record(head(&row.ratio, row.period, &dimensions, &own, &row.labels).chain(ratio(row)))?;
    }
    Ok(String::from_utf8(csv.into_inner().context("the table is whole")?)?)
}

const NUMBERS: [&str; 16] = [
    "value",
    "low",
    "high",
    "variance",
    "above_zero",
    "reports_needed",
    "reports",
    "share",
    "epsilon",
    "amplified_epsilon",
    "settled",
    "compared_value",
    "change",
    "change_low",
    "change_high",
    "p_value",
];

fn head<'a>(
    name: &str,
    period: Option<v1::TimeRange>,
    dimensions: &'a [String],
    own: &'a [String],
    labels: &'a [String],
) -> impl Iterator<Item = String> + use<'a> {
    let period = period.unwrap_or_default();
    let fixed = [name.to_owned(), crate::table::utc(period.from), crate::table::utc(period.to)];
    let label = |name: &String| {
        let place = own.iter().position(|known| known == name);
        place.and_then(|place| labels.get(place)).cloned().unwrap_or_default()
    };
    fixed.into_iter().chain(dimensions.iter().map(label))
}

fn count(row: &v1::Row, about: Option<&v1::MeasureAnswer>) -> [String; 16] {
    let estimate = row.estimate.unwrap_or_default();
    let epsilon = about.and_then(|about| about.privacy.as_ref()).map(|privacy| privacy.epsilon);
    let compared = row.compared.as_ref();
    let change = compared.and_then(|compared| compared.difference);
    let before = compared.and_then(|compared| compared.estimate);
    [
        estimate.value.to_string(),
        estimate.low.to_string(),
        estimate.high.to_string(),
        estimate.variance.to_string(),
        estimate.above_zero.to_string(),
        some(estimate.reports_needed),
        row.reports.to_string(),
        row.share.to_string(),
        some(epsilon),
        row.amplified_epsilon.to_string(),
        row.settled.to_string(),
        some(before.map(|before| before.value)),
        some(change.map(|change| change.value)),
        some(change.map(|change| change.low)),
        some(change.map(|change| change.high)),
        some(change.map(|change| change.p_value)),
    ]
}

fn ratio(row: &v1::RatioRow) -> [String; 16] {
    let ratio = row.estimate.unwrap_or_default();
    let compared = row.compared.as_ref();
    let change = compared.and_then(|compared| compared.difference);
    let before = compared.and_then(|compared| compared.estimate);
    let nothing = String::new;
    [
        some(ratio.value),
        some(ratio.low),
        some(ratio.high),
        nothing(),
        some(ratio.low.map(|low| low > 0.0)),
        some(ratio.reports_needed),
        nothing(),
        nothing(),
        nothing(),
        nothing(),
        row.settled.to_string(),
        some(before.and_then(|before| before.value)),
        some(change.map(|change| change.value)),
        some(change.map(|change| change.low)),
        some(change.map(|change| change.high)),
        some(change.map(|change| change.p_value)),
    ]
}

fn some(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
