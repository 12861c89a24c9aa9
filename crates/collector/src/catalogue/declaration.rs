//! What a brand says of its campaign that no report tells: costs, values, market, categories of contents, webhooks.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tacita_proto::v1;
use tacita_protocol::time::UnixTime;

use super::Refused;

/// The most costs of a campaign.
const MAX_COSTS: usize = 1_000;
/// The most categories.
const MAX_CATEGORIES: usize = 256;
/// The most webhooks.
const MAX_WEBHOOKS: usize = 5;
/// The most bytes of a market, a category's name or a webhook's address.
const MAX_TEXT: usize = 256;

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
    pub(crate) fn read(wire: v1::Declaration) -> Result<Self, Refused> {
        check_text("market", &wire.market)?;
        let costs = costs(wire.costs)?;
        let is_currency = wire.currency.len() == 3 && wire.currency.bytes().all(|byte| byte.is_ascii_uppercase());
        if !(is_currency || wire.currency.is_empty() && costs.is_empty()) {
            return refuse("currency: write three capital letters of ISO 4217, for example EUR");
        }
        let bucket_values = wire.bucket_values.into_iter().map(|one| (one.bucket, one.value)).collect::<Vec<_>>();
        if let Some((bucket, _)) = bucket_values.iter().find(|(_, value)| !value.is_finite()) {
            return refuse(format!("bucket_values: '{}' must be a number", short(bucket)));
        }
        let webhooks = wire.webhooks.into_iter().map(|webhook| webhook.url).collect::<Vec<_>>();
        if webhooks.len() > MAX_WEBHOOKS {
            return refuse(format!("webhooks: at most {MAX_WEBHOOKS}"));
        }
        webhooks.iter().try_for_each(|url| check_webhook(url))?;
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
    if wire.len() > MAX_COSTS {
        return refuse(format!("costs: at most {MAX_COSTS}"));
    }
    let read = |cost: v1::Cost| {
        let v1::TimeRange { from, to } = cost.range.unwrap_or_default();
        if from >= to {
            return refuse("costs: each has a range whose 'to' is after its 'from'");
        }
        if !(cost.amount.is_finite() && cost.amount >= 0.0) {
            return refuse("costs: an amount is a number that is not negative");
        }
        check_text("costs: a channel", &cost.channel)?;
        let channel = (!cost.channel.is_empty()).then_some(cost.channel);
        Ok(Cost { from: UnixTime(from), to: UnixTime(to), amount: cost.amount, channel })
    };
    wire.into_iter().map(read).collect()
}

fn categories(wire: Vec<v1::Category>) -> Result<Vec<Category>, Refused> {
    if wire.len() > MAX_CATEGORIES {
        return refuse(format!("categories: at most {MAX_CATEGORIES}"));
    }
    let mut of_content: HashMap<&str, &str> = HashMap::new();
    for (place, category) in wire.iter().enumerate() {
        check_text("categories: a name", &category.name)?;
        if category.name.is_empty() || wire[..place].iter().any(|earlier| earlier.name == category.name) {
            return refuse("categories: give each its own name");
        }
        for content in &category.contents {
            if let Some(other) = of_content.insert(content, &category.name) {
                let content = short(content);
                return refuse(format!("categories: '{content}' is in '{other}' and '{}': choose one", category.name));
            }
        }
    }
    Ok(wire.into_iter().map(|one| Category { name: one.name, contents: one.contents }).collect())
}

/// https, or http to a loopback address: what is told is the brand's own, and does not travel in the clear.
fn check_webhook(url: &str) -> Result<(), Refused> {
    let parsed: Option<http::Uri> = url.parse().ok().filter(|_| url.len() <= MAX_TEXT);
    let holds = parsed.is_some_and(|uri| match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) => !host.is_empty(),
        (Some("http"), Some(host)) => matches!(host, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    });
    match holds {
        true => Ok(()),
        false => refuse(format!("webhooks: '{}' is no https address of at most {MAX_TEXT} bytes", short(url))),
    }
}

fn check_text(what: &str, text: &str) -> Result<(), Refused> {
    match text.len() > MAX_TEXT || text.contains(char::is_control) {
        true => refuse(format!("{what} has at most {MAX_TEXT} bytes and no control characters")),
        false => Ok(()),
    }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
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
        let declared = Declaration::read(full()).unwrap();
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
            Declaration::read(wire).unwrap_err().to_string()
        };
        assert!(refusal(|d| d.currency.clear()).contains("ISO 4217"));
        assert!(refusal(|d| d.costs[0].range = None).contains("costs"));
        assert!(refusal(|d| d.costs[0].amount = -1.0).contains("not negative"));
        assert!(refusal(|d| d.bucket_values[0].value = f64::NAN).contains("bucket_values"));
        assert!(refusal(|d| d.webhooks[0].url = "http://acme.example/".into()).contains("https"));
        assert!(refusal(|d| d.webhooks[0].url = "ftp://x".into()).contains("https"));
        assert!(
            refusal(|d| d.categories.push(v1::Category { name: "news".into(), contents: vec!["/a".into()] }))
                .contains("'/a' is in 'sport' and 'news'")
        );
        assert!(refusal(|d| d.market = "x".repeat(300)).contains("market"));
    }
}
