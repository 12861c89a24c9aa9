//! Dimensions: the axes of a domain, labelled or over a catalogue.

use serde::{Deserialize, Serialize};
use tacita_proto::v1;

use super::InvalidDomain;
use crate::{
    catalogue::{CatalogueRef, ContentCatalogue},
    id::Name,
    profile::Profile,
};

/// An axis of a domain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dimension {
    /// For example `channel`, `grade`, `generation`, `value`, `cohort`, `content`, `profile`.
    pub name: Name,
    /// What it tells apart.
    #[serde(flatten)]
    pub values: Values,
}

/// What a dimension tells apart, in order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Values {
    /// Few enough to be listed in every manifest.
    Labels(Vec<String>),
    /// Contents, and what is not listed among them.
    Catalogue(CatalogueRef),
}

impl Dimension {
    /// The name of the dimension that holds channels.
    pub const CHANNEL: &str = "channel";
    /// The name of the dimension that holds evidence grades.
    pub const GRADE: &str = "grade";
    /// The name of the dimension that holds re-share generations.
    pub const GENERATION: &str = "generation";
    /// The name of the dimension that holds value buckets, labelled `LOW..HIGH` or `LOW..`.
    pub const VALUE: &str = "value";
    /// The name of the dimension that holds contents, the one that may be over a catalogue.
    pub const CONTENT: &str = "content";
    /// The name of the dimension that holds sharers' profiles.
    pub const PROFILE: &str = "profile";
    /// The label for values that are not listed.
    pub const OTHER: &str = "other";
    /// The most bytes a label may have.
    pub const MAX_LABEL: usize = 64;

    /// A dimension over these labels.
    pub fn labelled(name: Name, labels: Vec<String>) -> Self {
        Self { name, values: Values::Labels(labels) }
    }

    /// The dimension of sharers' profiles: always all four, in this order.
    pub fn profile() -> Self {
        Self::labelled(constant(Self::PROFILE), Profile::LABELS.map(str::to_owned).to_vec())
    }

    /// How many values it tells apart.
    pub fn size(&self) -> usize {
        match &self.values {
            Values::Labels(labels) => labels.len(),
            Values::Catalogue(named) => named.cells(),
        }
    }

    /// The catalogue that it is over.
    pub fn catalogue(&self) -> Option<&CatalogueRef> {
        match &self.values {
            Values::Labels(_) => None,
            Values::Catalogue(named) => Some(named),
        }
    }

    /// Its labels; none of one over a catalogue.
    pub(super) fn labels(&self) -> &[String] {
        match &self.values {
            Values::Labels(labels) => labels,
            Values::Catalogue(_) => &[],
        }
    }

    /// The position of `label`, or of what stands for values that are not listed.
    pub(super) fn position(&self, label: &str, catalogue: Option<&ContentCatalogue>) -> Option<usize> {
        match &self.values {
            Values::Labels(labels) => {
                let find = |wanted: &str| labels.iter().position(|label| label == wanted);
                find(label).or_else(|| find(Self::OTHER))
            }
            Values::Catalogue(named) => named.position(catalogue?, label),
        }
    }

    pub(super) fn check(&self) -> Result<(), InvalidDomain> {
        match &self.values {
            Values::Labels(labels) => self.check_labels(labels),
            Values::Catalogue(_) if self.name.as_str() != Self::CONTENT => {
                Err(InvalidDomain::CatalogueOf(self.name.to_string()))
            }
            Values::Catalogue(named) if named.contents == 0 => Err(InvalidDomain::NoLabels(self.name.to_string())),
            Values::Catalogue(_) => Ok(()),
        }
    }

    fn check_labels(&self, labels: &[String]) -> Result<(), InvalidDomain> {
        let name = || self.name.to_string();
        if labels.is_empty() {
            return Err(InvalidDomain::NoLabels(name()));
        }
        let unfit =
            |label: &&String| label.is_empty() || label.len() > Self::MAX_LABEL || label.contains(char::is_control);
        if let Some(label) = labels.iter().find(unfit) {
            return Err(InvalidDomain::Label(name(), label.chars().take(Self::MAX_LABEL).collect()));
        }
        let mut sorted: Vec<&String> = labels.iter().collect();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(InvalidDomain::Duplicate(name(), pair[0].clone()));
        }
        if self.name.as_str() == Self::VALUE {
            ValueBuckets::of(self)?;
        }
        Ok(())
    }
}

/// A name that stands in this crate.
pub(super) fn constant(name: &'static str) -> Name {
    // Unwrap safety: the constants above keep to the rule for names, and tests use each.
    name.parse().expect("a constant is a name")
}

/// The labels of a `value` dimension, read as buckets: `0..50`, `50..100`, `100..`.
pub(super) struct ValueBuckets(Vec<(f64, f64)>);

impl ValueBuckets {
    pub(super) fn of(dimension: &Dimension) -> Result<Self, InvalidDomain> {
        let bucket = |label: &String| {
            let parse = || {
                let (low, high) = label.split_once("..")?;
                let high = if high.is_empty() { f64::INFINITY } else { high.parse().ok()? };
                let low: f64 = low.parse().ok()?;
                (low.is_finite() && low < high).then_some((low, high))
            };
            parse().ok_or_else(|| InvalidDomain::Bucket(label.clone()))
        };
        let buckets: Vec<_> = dimension
            .labels()
            .iter()
            .filter(|label| *label != Dimension::OTHER)
            .map(bucket)
            .collect::<Result<_, _>>()?;
        match buckets.windows(2).find(|pair| pair[0].1 > pair[1].0) {
            Some(pair) => Err(InvalidDomain::Overlap(pair[1].0)),
            None => Ok(Self(buckets)),
        }
    }

    pub(super) fn position(&self, value: f64) -> Option<usize> {
        self.0.iter().position(|&(low, high)| low <= value && value < high)
    }
}

impl From<&Dimension> for v1::Dimension {
    fn from(dimension: &Dimension) -> Self {
        let name = dimension.name.to_string();
        match &dimension.values {
            Values::Labels(labels) => Self { name, labels: labels.clone(), catalogue: None },
            Values::Catalogue(named) => Self { name, labels: Vec::new(), catalogue: Some(named.into()) },
        }
    }
}

impl TryFrom<&v1::Dimension> for Dimension {
    type Error = InvalidDomain;

    fn try_from(wire: &v1::Dimension) -> Result<Self, InvalidDomain> {
        let values = match &wire.catalogue {
            None => Values::Labels(wire.labels.clone()),
            Some(_) if !wire.labels.is_empty() => return Err(InvalidDomain::LabelsAndCatalogue(wire.name.clone())),
            Some(named) => Values::Catalogue(named.try_into()?),
        };
        Ok(Self { name: wire.name.parse()?, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::CatalogueDigest;

    #[test]
    fn a_dimension_survives_the_wire_and_the_log() {
        let named = CatalogueRef { digest: CatalogueDigest([7; 32]), contents: 3, tail: 2 };
        for values in [Values::Labels(vec!["a".into()]), Values::Catalogue(named)] {
            let dimension = Dimension { name: Dimension::CONTENT.parse().unwrap(), values };
            assert_eq!(Dimension::try_from(&v1::Dimension::from(&dimension)).as_ref(), Ok(&dimension));
            let logged = serde_json::to_string(&dimension).unwrap();
            assert_eq!(serde_json::from_str::<Dimension>(&logged).unwrap(), dimension);
        }
    }

    /// The form that change logs hold from before there were catalogues.
    #[test]
    fn labels_stand_in_the_log_beside_the_name() {
        let dimension = Dimension::labelled("channel".parse().unwrap(), vec!["a".into()]);
        assert_eq!(serde_json::to_string(&dimension).unwrap(), r#"{"name":"channel","labels":["a"]}"#);
    }
}
