//! Domains: which cells a measure has, and which cell a value falls in.
//!
//! Cell 0 is `none`: nothing to report: no share happened, or the device's ledger is exhausted. It stands apart from every
//! real value (`direct` too), so that a spent ledger never passes for one. The other cells are the product of the dimensions, the
//! last one varying fastest.

use serde::{Deserialize, Serialize};
use tacita_dp::{CellIndex, DomainSize, Epsilon, Mechanism};
use tacita_proto::v1;

use crate::{channel::Channel, id::Name, measure::Event};

/// A labelled axis of a domain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dimension {
    /// For example `channel`, `grade`, `generation`, `value`, `cohort`.
    pub name: Name,
    /// Its values in order.
    pub labels: Vec<String>,
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
    /// The label for values that are not listed.
    pub const OTHER: &str = "other";
    /// The most bytes a label may have.
    pub const MAX_LABEL: usize = 64;

    /// The position of `label`, or of `other`.
    fn position(&self, label: &str) -> Option<usize> {
        let find = |wanted: &str| self.labels.iter().position(|label| label == wanted);
        find(label).or_else(|| find(Self::OTHER))
    }

    fn check(&self) -> Result<(), InvalidDomain> {
        let name = || self.name.to_string();
        if self.labels.is_empty() {
            return Err(InvalidDomain::NoLabels(name()));
        }
        let unfit =
            |label: &&String| label.is_empty() || label.len() > Self::MAX_LABEL || label.contains(char::is_control);
        if let Some(label) = self.labels.iter().find(unfit) {
            return Err(InvalidDomain::Label(name(), label.chars().take(Self::MAX_LABEL).collect()));
        }
        let mut sorted: Vec<&String> = self.labels.iter().collect();
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

/// The labels of a `value` dimension, read as buckets: `0..50`, `50..100`, `100..`.
struct ValueBuckets(Vec<(f64, f64)>);

impl ValueBuckets {
    fn of(dimension: &Dimension) -> Result<Self, InvalidDomain> {
        let bucket = |label: &String| {
            let parse = || {
                let (low, high) = label.split_once("..")?;
                let high = if high.is_empty() { f64::INFINITY } else { high.parse().ok()? };
                let low: f64 = low.parse().ok()?;
                (low.is_finite() && low < high).then_some((low, high))
            };
            parse().ok_or_else(|| InvalidDomain::Bucket(label.clone()))
        };
        let buckets: Vec<_> =
            dimension.labels.iter().filter(|label| *label != Dimension::OTHER).map(bucket).collect::<Result<_, _>>()?;
        match buckets.windows(2).find(|pair| pair[0].1 > pair[1].0) {
            Some(pair) => Err(InvalidDomain::Overlap(pair[1].0)),
            None => Ok(Self(buckets)),
        }
    }

    fn position(&self, value: f64) -> Option<usize> {
        self.0.iter().position(|&(low, high)| low <= value && value < high)
    }
}

/// The cells of a measure.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Domain {
    dimensions: Vec<Dimension>,
}

/// The dimensions do not make a domain.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum InvalidDomain {
    /// There is no dimension.
    #[error("give at least one")]
    Empty,
    /// Two dimensions have one name.
    #[error("'{0}' stands twice")]
    SameName(String),
    /// A dimension's name is no [`Name`].
    #[error("{0}")]
    Name(#[from] crate::id::InvalidName),
    /// A dimension has no label.
    #[error("'{0}' has no labels")]
    NoLabels(String),
    /// A label is empty, too long, or holds a control character.
    #[error("'{0}': the label '{1}' must have 1 to {max} bytes and no control characters", max = Dimension::MAX_LABEL)]
    Label(String, String),
    /// A label stands twice.
    #[error("'{0}': the label '{1}' stands twice")]
    Duplicate(String, String),
    /// A label of `value` is no bucket.
    #[error(
        "'value': '{0}' is no bucket: write LOW..HIGH (HIGH exclusive) or LOW.., for example 0..50, 50..100, 100.."
    )]
    Bucket(String),
    /// Buckets of `value` overlap or are out of order.
    #[error("'value': the bucket from {0} begins before the one before it ends")]
    Overlap(f64),
    /// Too many cells.
    #[error("{0} cells: at most {max}; drop a dimension or labels", max = Domain::MAX_CELLS)]
    TooManyCells(u64),
    /// No mechanism serves this size at this ε.
    #[error("{0}")]
    Mechanism(String),
}

impl Domain {
    /// The cell for nothing to report.
    pub const NONE: usize = 0;
    /// The most cells, without `none`.
    pub const MAX_CELLS: u64 = 100_000;

    /// A domain over these dimensions, checked to be answerable at `epsilon`.
    pub fn new(dimensions: Vec<Dimension>, epsilon: Epsilon) -> Result<Self, InvalidDomain> {
        if dimensions.is_empty() {
            return Err(InvalidDomain::Empty);
        }
        for (index, dimension) in dimensions.iter().enumerate() {
            dimension.check()?;
            if dimensions[..index].iter().any(|earlier| earlier.name == dimension.name) {
                return Err(InvalidDomain::SameName(dimension.name.to_string()));
            }
        }
        let cells = dimensions.iter().fold(1_u64, |cells, d| cells.saturating_mul(d.labels.len() as u64));
        if cells > Self::MAX_CELLS {
            return Err(InvalidDomain::TooManyCells(cells));
        }
        let domain = Self { dimensions };
        domain.try_mechanism(epsilon).map_err(|error| InvalidDomain::Mechanism(error.to_string()))?;
        Ok(domain)
    }

    /// What `event` is measured over when its creator names no dimensions: `channel`, over the channel table.
    pub fn default_dimensions(event: Event) -> Vec<Dimension> {
        let concerns = |channel: &Channel| event != Event::Share || channel.is_share_target();
        let channels = Channel::all().filter(concerns).map(|channel| channel.name().to_owned());
        let unattributed = (event == Event::Conversion).then(|| "unattributed".to_owned());
        let labels = channels.chain(unattributed).chain([Dimension::OTHER.to_owned()]).collect();
        // A constant that is a name: `channel`.
        Dimension::CHANNEL.parse().map(|name| vec![Dimension { name, labels }]).unwrap_or_default()
    }

    /// The dimensions in order.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The number of cells, `none` included.
    pub fn cells(&self) -> usize {
        1 + self.dimensions.iter().map(|dimension| dimension.labels.len()).product::<usize>()
    }

    /// The cell of a value: `label_of` gives its label on each dimension, by the dimension's name.
    /// A label that is not listed counts as `other` where that stands, else the value is `none`.
    pub fn cell<'a>(&self, label_of: impl Fn(&str) -> Option<&'a str>) -> CellIndex {
        let position = |dimension: &Dimension| {
            let label = label_of(dimension.name.as_str())?;
            dimension.position(label)
        };
        let fold =
            |cell: Option<usize>, dimension: &Dimension| Some(cell? * dimension.labels.len() + position(dimension)?);
        let cell = self.dimensions.iter().fold(Some(0), fold);
        let index = cell.map_or(Self::NONE, |cell| cell + 1) as u32;
        // Unwrap safety: each position is below its dimension's size, so the index is below the number of cells.
        self.size().and_then(|size| size.cell(index)).expect("a position lies within its dimension")
    }

    /// The label of `value` on the `value` dimension, where there is one that holds it.
    pub fn value_label(&self, value: f64) -> Option<&str> {
        let dimension = self.dimensions.iter().find(|dimension| dimension.name.as_str() == Dimension::VALUE)?;
        let position = ValueBuckets::of(dimension).ok()?.position(value)?;
        dimension.labels.iter().filter(|label| *label != Dimension::OTHER).nth(position).map(String::as_str)
    }

    /// The labels of a cell, one for each dimension; empty for `none` and for a cell that is not in the domain.
    pub fn labels(&self, cell: usize) -> Vec<&str> {
        if cell == Self::NONE || cell >= self.cells() {
            return Vec::new();
        }
        let mut rest = cell - 1;
        let mut labels: Vec<&str> = self
            .dimensions
            .iter()
            .rev()
            .map(|dimension| {
                let label = &dimension.labels[rest % dimension.labels.len()];
                rest /= dimension.labels.len();
                label.as_str()
            })
            .collect();
        labels.reverse();
        labels
    }

    fn size(&self) -> Result<DomainSize, tacita_dp::Error> {
        DomainSize::new(self.cells() as u32)
    }

    fn try_mechanism(&self, epsilon: Epsilon) -> Result<Mechanism, tacita_dp::Error> {
        Mechanism::choose(self.size()?, epsilon)
    }

    /// The mechanism for this domain at `epsilon`.
    pub(crate) fn mechanism(&self, epsilon: Epsilon) -> Mechanism {
        // Unwrap safety: `new` has chosen this mechanism before, and every domain comes from `new` or its own serialization.
        self.try_mechanism(epsilon).expect("a domain was checked when it was made")
    }
}

impl From<&Dimension> for v1::Dimension {
    fn from(dimension: &Dimension) -> Self {
        Self { name: dimension.name.to_string(), labels: dimension.labels.clone() }
    }
}

impl TryFrom<&v1::Dimension> for Dimension {
    type Error = InvalidDomain;

    fn try_from(wire: &v1::Dimension) -> Result<Self, InvalidDomain> {
        Ok(Self { name: wire.name.parse()?, labels: wire.labels.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dimension(name: &str, labels: &[&str]) -> Dimension {
        Dimension { name: name.parse().unwrap(), labels: labels.iter().map(|&label| label.to_owned()).collect() }
    }

    fn domain(dimensions: Vec<Dimension>) -> Result<Domain, InvalidDomain> {
        Domain::new(dimensions, Epsilon::from_micro(2_000_000).unwrap())
    }

    #[test]
    fn cell_zero_is_none_and_the_rest_is_the_product_of_the_dimensions() {
        let domain =
            domain(vec![dimension("channel", &["whatsapp", "other"]), dimension("value", &["0..50", "50.."])]).unwrap();
        assert_eq!(domain.cells(), 5);
        assert_eq!(domain.labels(0), Vec::<&str>::new());
        assert_eq!(domain.labels(1), ["whatsapp", "0..50"]);
        assert_eq!(domain.labels(2), ["whatsapp", "50.."]);
        assert_eq!(domain.labels(4), ["other", "50.."]);
        for cell in 1..domain.cells() {
            let labels = domain.labels(cell);
            let label_of = |name: &str| Some(if name == "channel" { labels[0] } else { labels[1] });
            assert_eq!(domain.cell(label_of).get(), cell as u32);
        }
    }

    #[test]
    fn an_unlisted_label_is_other_or_else_none() {
        let with_other = domain(vec![dimension("channel", &["whatsapp", "other"])]).unwrap();
        assert_eq!(with_other.cell(|_| Some("carrier-pigeon")).get(), 2);
        let without = domain(vec![dimension("channel", &["whatsapp", "direct"])]).unwrap();
        assert_eq!(without.cell(|_| Some("carrier-pigeon")).get(), 0);
        assert_eq!(without.cell(|_| None).get(), 0);
    }

    #[test]
    fn a_value_falls_in_its_bucket() {
        let domain = domain(vec![dimension("value", &["0..50", "50..100.5", "100.5..", "other"])]).unwrap();
        assert_eq!(domain.value_label(0.0), Some("0..50"));
        assert_eq!(domain.value_label(50.0), Some("50..100.5"));
        assert_eq!(domain.value_label(1e12), Some("100.5.."));
        assert_eq!(domain.value_label(-1.0), None);
        assert_eq!(domain.value_label(f64::NAN), None);
    }

    #[test]
    fn what_makes_no_domain_is_refused() {
        assert_eq!(domain(vec![]), Err(InvalidDomain::Empty));
        let refused = |dimensions: Vec<Dimension>| domain(dimensions).unwrap_err();
        assert!(matches!(refused(vec![dimension("channel", &[])]), InvalidDomain::NoLabels(_)));
        assert!(matches!(refused(vec![dimension("channel", &["a", "a"])]), InvalidDomain::Duplicate(..)));
        assert!(matches!(refused(vec![dimension("channel", &["a\n"])]), InvalidDomain::Label(..)));
        assert!(matches!(
            refused(vec![dimension("channel", &["a"]), dimension("channel", &["b"])]),
            InvalidDomain::SameName(_)
        ));
        assert!(matches!(refused(vec![dimension("value", &["cheap"])]), InvalidDomain::Bucket(_)));
        assert!(matches!(refused(vec![dimension("value", &["0..9", "5..12"])]), InvalidDomain::Overlap(_)));
        let wide: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
        let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
        let cube = vec![dimension("a", &wide), dimension("b", &wide)];
        assert!(matches!(refused(cube), InvalidDomain::TooManyCells(1_000_000)));
    }

    #[test]
    fn every_event_has_a_default_domain() {
        for event in Event::ALL {
            assert!(domain(Domain::default_dimensions(event)).is_ok(), "{}", event.name());
        }
    }
}
