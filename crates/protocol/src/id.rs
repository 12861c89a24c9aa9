//! Numbers and names of the things that the catalogue holds.
//!
//! A number travels on the wire and is never reused; a name is what people type.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::excerpt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A publisher: bound into every token and envelope.
    PublisherId
);
number!(
    /// A brand: the querier whose ledger on each device pays for its campaigns.
    BrandId
);
number!(
    /// A campaign of a brand.
    CampaignId
);
number!(
    /// A measure of a campaign.
    MeasureId
);

/// A name: 1 to 63 of `a`–`z`, `0`–`9` and `-`, beginning with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The most characters a name may have.
    pub const MAX: usize = 63;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a [`Name`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("'{0}' is not a name: use 1 to 63 of a-z, 0-9 and '-', beginning with a letter")]
pub struct InvalidName(String);

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let starts_with_letter = text.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        if starts_with_letter && text.len() <= Self::MAX && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName(excerpt(text)))
        }
    }
}

impl TryFrom<String> for Name {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A campaign as people write it: `brand/campaign`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CampaignName {
    /// The brand's name.
    pub brand: Name,
    /// The campaign's name within the brand.
    pub campaign: Name,
}

/// The text is not a [`CampaignName`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("'{text}' is not a campaign: write it as BRAND/CAMPAIGN, for example acme/spring")]
pub struct InvalidCampaignName {
    text: String,
}

impl FromStr for CampaignName {
    type Err = InvalidCampaignName;

    fn from_str(text: &str) -> Result<Self, InvalidCampaignName> {
        let parse = |text: &str| {
            let (brand, campaign) = text.split_once('/')?;
            Some(Self { brand: brand.parse().ok()?, campaign: campaign.parse().ok()? })
        };
        parse(text).ok_or_else(|| InvalidCampaignName { text: excerpt(text) })
    }
}

impl fmt::Display for CampaignName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.brand, self.campaign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_letter_then_letters_digits_and_dashes() {
        for good in ["a", "acme", "daily-news", "x9", &"a".repeat(63)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "9a", "-a", "Acme", "a b", "a/b", "é", &"a".repeat(64)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_campaign_name_is_a_brand_and_a_campaign() {
        let name: CampaignName = "acme/spring".parse().unwrap();
        assert_eq!(name.to_string(), "acme/spring");
        for bad in ["acme", "acme/", "/spring", "a/b/c", "Acme/spring"] {
            assert!(bad.parse::<CampaignName>().is_err(), "{bad}");
        }
    }
}
