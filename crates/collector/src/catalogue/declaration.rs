//! What a brand says of its campaign that no report tells: costs, values, market, categories of contents, webhooks.

use std::collections::HashMap;

use prost::Message as _;
use serde::{Deserialize, Serialize};
use tacita_proto::v1;
use tacita_protocol::{excerpt, time::UnixTime};

use super::Refused;
use crate::{outside::check_host, pool::Limit};

/// The most costs of a campaign.
const MAX_COSTS: Limit = Limit { name: "declared_costs", value: 1_000 };
/// The most categories.
const MAX_CATEGORIES: Limit = Limit { name: "declared_categories", value: 256 };
/// The most webhooks.
const MAX_WEBHOOKS: Limit = Limit { name: "declared_webhooks", value: 5 };
/// The most values of buckets.
const MAX_BUCKETS: Limit = Limit { name: "declared_bucket_values", value: 256 };
/// The most bytes of all of it, as it comes over the wire: it stays in the log for good. That is a cost a day for a
/// year, a value for each bucket, and some hundreds of contents in categories.
const MAX_BYTES: Limit = Limit { name: "declaration_bytes", value: 64 << 10 };
/// The most bytes of a market, a bucket, a content, a category's name or a webhook's address.
const MAX_TEXT: Limit = Limit { name: "declared_text_bytes", value: 256 };

/// The most of an amount, or of a value either way: what is made of a thousand of them, and of any count, is still a number.
const MAX_MONEY: f64 = 1e15;

/// The declared part of a campaign. Nothing of it goes to devices.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Declaration {
    pub(crate) market: String,
    /// ISO 4217; empty without costs.
    pub(crate) currency: String,
    pub(crate) costs: Vec<Cost>,
    /// What a conversion in a bucket is worth, by the bucket's label.
    pub(crate) bucket_values: Vec<(String, f64)>,
    pub(crate) categories: Vec<Category>,
    /// Addresses that surges are told to.
    pub(crate) webhooks: Vec<String>,
}

/// Money spent evenly over a range.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) from: UnixTime,
    pub(crate) to: UnixTime,
    pub(crate) amount: f64,
    /// None: for the campaign as a whole.
    pub(crate) channel: Option<String>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Category {
    pub(crate) name: String,
    pub(crate) contents: Vec<String>,
}

fn refuse<T>(problem: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::Field { field: "declaration", problem: problem.into() })
}

impl Declaration {
    /// Reads what a brand declares, and names what cannot be.
    /// `loopback`: whether webhooks may be on the collector's own machine.
    pub(crate) fn read(wire: v1::Declaration, loopback: bool) -> Result<Self, Refused> {
        check_size(&wire)?;
        check_text("market", &wire.market)?;
        let costs = costs(wire.costs)?;
        let is_currency = wire.currency.len() == 3 && wire.currency.bytes().all(|byte| byte.is_ascii_uppercase());
        if !(is_currency || wire.currency.is_empty() && costs.is_empty()) {
            return refuse("currency: write three capital letters of ISO 4217, for example EUR");
        }
        let bucket_values = wire.bucket_values.into_iter().map(|one| (one.bucket, one.value)).collect::<Vec<_>>();
        check_number("bucket_values", bucket_values.len(), MAX_BUCKETS)?;
        bucket_values.iter().try_for_each(|(bucket, _)| check_text("bucket_values: a bucket", bucket))?;
        if let Some((bucket, _)) = bucket_values.iter().find(|(_, value)| !(-MAX_MONEY..=MAX_MONEY).contains(value)) {
            return refuse(format!("bucket_values: '{}' must be a number, of 10^15 at most", excerpt(bucket)));
        }
        let webhooks = wire.webhooks.into_iter().map(|webhook| webhook.url).collect::<Vec<_>>();
        check_number("webhooks", webhooks.len(), MAX_WEBHOOKS)?;
        webhooks.iter().try_for_each(|url| check_webhook(url, loopback))?;
        Ok(Self {
            market: wire.market,
            currency: wire.currency,
            costs,
            bucket_values,
            categories: categories(wire.categories)?,
            webhooks,
        })
    }

    /// As it is told, without the webhooks' secrets.
    pub(crate) fn to_wire(&self) -> v1::Declaration {
        let cost = |cost: &Cost| v1::Cost {
            range: Some(v1::TimeRange { from: cost.from.0, to: cost.to.0 }),
            amount: cost.amount,
            channel: cost.channel.clone().unwrap_or_default(),
        };
        let category =
            |category: &Category| v1::Category { name: category.name.clone(), contents: category.contents.clone() };
        let bucket = |(bucket, value): &(String, f64)| v1::BucketValue { bucket: bucket.clone(), value: *value };
        let webhook = |url: &String| v1::Webhook { url: url.clone(), secret: String::new() };
        v1::Declaration {
            market: self.market.clone(),
            currency: self.currency.clone(),
            costs: self.costs.iter().map(cost).collect(),
            bucket_values: self.bucket_values.iter().map(bucket).collect(),
            categories: self.categories.iter().map(category).collect(),
            webhooks: self.webhooks.iter().map(webhook).collect(),
        }
    }
}

fn costs(wire: Vec<v1::Cost>) -> Result<Vec<Cost>, Refused> {
    check_number("costs", wire.len(), MAX_COSTS)?;
    let read = |cost: v1::Cost| {
        let v1::TimeRange { from, to } = cost.range.unwrap_or_default();
        if from >= to {
            return refuse("costs: each has a range whose 'to' is after its 'from'");
        }
        if !(0.0..=MAX_MONEY).contains(&cost.amount) {
            return refuse("costs: an amount is a number that is not negative, of 10^15 at most");
        }
        check_text("costs: a channel", &cost.channel)?;
        let channel = (!cost.channel.is_empty()).then_some(cost.channel);
        Ok(Cost { from: UnixTime(from), to: UnixTime(to), amount: cost.amount, channel })
    };
    wire.into_iter().map(read).collect()
}

fn categories(wire: Vec<v1::Category>) -> Result<Vec<Category>, Refused> {
    check_number("categories", wire.len(), MAX_CATEGORIES)?;
    let mut of_content: HashMap<&str, &str> = HashMap::new();
    for (place, category) in wire.iter().enumerate() {
        check_text("categories: a name", &category.name)?;
        if category.name.is_empty() || wire[..place].iter().any(|earlier| earlier.name == category.name) {
            return refuse("categories: give each its own name");
        }
        for content in &category.contents {
            check_text("categories: a content", content)?;
            if let Some(other) = of_content.insert(content, &category.name) {
                let content = excerpt(content);
                return refuse(format!("categories: '{content}' is in '{other}' and '{}': choose one", category.name));
            }
        }
    }
    Ok(wire.into_iter().map(|one| Category { name: one.name, contents: one.contents }).collect())
}

/// The declared part of all that it may hold. Webhooks' secrets are the collector's to say.
fn check_size(wire: &v1::Declaration) -> Result<(), Refused> {
    at_most("it", wire.encoded_len(), "bytes", MAX_BYTES)
}

fn check_number(what: &str, number: usize, limit: Limit) -> Result<(), Refused> {
    at_most(what, number, "entries", limit)
}

fn at_most(what: &str, number: usize, of: &str, limit: Limit) -> Result<(), Refused> {
    if number <= limit.value {
        return Ok(());
    }
    let problem = format!("{what} has {number} {of}: at most {}", limit.value);
    Err(Refused::Beyond { field: "declaration", limit, problem })
}

/// https, or http to a loopback address: what is told is the brand's own, and does not travel in the clear. Never to a
/// network of the collector's own.
fn check_webhook(url: &str, loopback: bool) -> Result<(), Refused> {
    at_most("webhooks: an address", url.len(), "bytes", MAX_TEXT)?;
    let parsed: Option<http::Uri> = url.parse().ok();
    let holds = parsed.as_ref().is_some_and(|uri| match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) => !host.is_empty(),
        (Some("http"), Some(host)) => matches!(host, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    });
    let is_inside = parsed.as_ref().and_then(http::Uri::host).is_some_and(|host| check_host(host, loopback).is_err());
    match holds {
        true if is_inside => refuse(format!(
            "webhooks: '{}' is an address of the collector's own network: name one that the Internet knows",
            excerpt(url)
        )),
        true => Ok(()),
        false => refuse(format!("webhooks: '{}' is no https address", excerpt(url))),
    }
}

fn check_text(what: &str, text: &str) -> Result<(), Refused> {
    at_most(what, text.len(), "bytes", MAX_TEXT)?;
    match text.contains(char::is_control) {
        true => refuse(format!("{what} has no control characters")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> v1::Declaration {
        v1::Declaration {
            market: "France".into(),
            currency: "EUR".into(),
            costs: vec![v1::Cost {
                range: Some(v1::TimeRange { from: 1, to: 2 }),
                amount: 9.5,
                channel: "whatsapp".into(),
            }],
            bucket_values: vec![v1::BucketValue { bucket: "50..".into(), value: 80.0 }],
            categories: vec![v1::Category { name: "sport".into(), contents: vec!["/a".into()] }],
            webhooks: vec![v1::Webhook { url: "https://acme.example/hook".into(), secret: String::new() }],
        }
    }

    #[test]
    fn a_declaration_survives_the_wire_and_the_log() {
        let declared = Declaration::read(full(), false).unwrap();
        assert_eq!(declared.to_wire(), full());
        let logged = serde_json::to_string(&declared).unwrap();
        assert_eq!(serde_json::from_str::<Declaration>(&logged).unwrap(), declared);
        // Found by fuzzing: to the last bit.
        let mut odd = declared;
        odd.costs[0].amount = 9.500000000015008;
        let logged = serde_json::to_string(&odd).unwrap();
        assert_eq!(serde_json::from_str::<Declaration>(&logged).unwrap(), odd);
    }

    #[test]
    fn what_cannot_be_declared_is_named() {
        let refusal = |change: fn(&mut v1::Declaration)| {
            let mut wire = full();
            change(&mut wire);
            Declaration::read(wire, false).unwrap_err().to_string()
        };
        assert!(refusal(|d| d.currency.clear()).contains("ISO 4217"));
        assert!(refusal(|d| d.costs[0].range = None).contains("costs"));
        assert!(refusal(|d| d.costs[0].amount = -1.0).contains("not negative"));
        for no_value in [f64::NAN, f64::NEG_INFINITY, -1e16] {
            let mut wire = full();
            wire.bucket_values[0].value = no_value;
            assert!(Declaration::read(wire, false).unwrap_err().to_string().contains("bucket_values"), "{no_value}");
        }
        // A thousand of them would be no number any more, and no ratio of them either.
        assert!(refusal(|d| d.costs[0].amount = 1e308).contains("10^15 at most"));
        assert!(refusal(|d| d.webhooks[0].url = "http://acme.example/".into()).contains("https"));
        assert!(refusal(|d| d.webhooks[0].url = "ftp://x".into()).contains("https"));
        assert!(
            refusal(|d| d.categories.push(v1::Category { name: "news".into(), contents: vec!["/a".into()] }))
                .contains("'/a' is in 'sport' and 'news'")
        );
        assert!(refusal(|d| d.market = "x".repeat(300)).contains("market"));
        assert!(refusal(|d| d.bucket_values[0].bucket = "x".repeat(300)).contains("bucket_values"));
        assert!(refusal(|d| d.categories[0].contents[0] = "x".repeat(300)).contains("content"));
        for inside in
            ["https://169.254.169.254/latest", "https://10.0.0.1:8443/", "https://[::1]/", "http://localhost/"]
        {
            let mut wire = full();
            wire.webhooks[0].url = inside.into();
            let told = Declaration::read(wire, false).unwrap_err().to_string();
            assert!(told.contains("own network") && told.contains(inside), "{told}");
        }
        let mut wire = full();
        wire.webhooks[0].url = "http://127.0.0.1:8080/".into();
        assert!(Declaration::read(wire, true).is_ok());
    }
}
