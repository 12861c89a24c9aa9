//! Domains: which cells a measure has, and which cell a value falls in.
//!
//! Cell 0 is `none`: nothing to report: no share happened, or the device's ledger is exhausted. It stands apart from every
//! real value (`direct` too), so that a spent ledger never passes for one. The other cells are the product of the dimensions, the
//! last one varying fastest.

mod dimension;

use serde::{Deserialize, Serialize};
use tacita_dp::{CellIndex, DomainSize, Epsilon, Mechanism};
use tacita_proto::v1;

use self::dimension::ValueBuckets;
pub use self::dimension::{Dimension, Values};
use crate::{
    catalogue::{CatalogueRef, ContentCatalogue, Contents},
    channel::Channel,
    measure::Event,
};

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
    /// A dimension's name is no [`Name`](crate::id::Name).
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
    /// A catalogue's digest is none.
    #[error("{0}")]
    Digest(#[from] crate::catalogue::InvalidDigest),
    /// A dimension has both labels and a catalogue.
    #[error("'{0}' has labels and a catalogue: give one of them")]
    LabelsAndCatalogue(String),
    /// A dimension other than `content` is over a catalogue.
    #[error("'{0}' cannot be over a catalogue: only 'content' can")]
    CatalogueOf(String),
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
    pub const MAX_CELLS: u64 = DomainSize::MAX.get() as u64 - 1;

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
        let cells = dimensions.iter().fold(1_u64, |cells, d| cells.saturating_mul(d.size() as u64));
        if cells > Self::MAX_CELLS {
            return Err(InvalidDomain::TooManyCells(cells));
        }
        let domain = Self { dimensions };
        domain.try_mechanism(epsilon).map_err(|error| InvalidDomain::Mechanism(error.to_string()))?;
        Ok(domain)
    }

    /// What `event` is measured over when its creator names no dimensions: `channel`, over the channel table; `profile` for
    /// [`Event::SharerProfile`]. None for [`Event::ContentShare`], since nobody but its creator knows the contents.
    pub fn default_dimensions(event: Event) -> Vec<Dimension> {
        match event {
            Event::ContentShare => return Vec::new(),
            Event::SharerProfile => return vec![Dimension::profile()],
            _ => {}
        }
        let concerns = |channel: &Channel| event != Event::Share || channel.is_share_target();
        let channels = Channel::all().filter(concerns).map(|channel| channel.name().to_owned());
        let unattributed = (event == Event::Conversion).then(|| "unattributed".to_owned());
        let labels = channels.chain(unattributed).chain([Dimension::OTHER.to_owned()]).collect();
        vec![Dimension::labelled(dimension::constant(Dimension::CHANNEL), labels)]
    }

    /// The dimensions of a wish, with what it leaves open: [`default_dimensions`](Self::default_dimensions) where it names none,
    /// and `profile` before any other of [`Event::SharerProfile`], which can have no other labels.
    pub fn with_default_dimensions(event: Event, wished: Vec<v1::Dimension>) -> Vec<v1::Dimension> {
        let leaves_profile = event == Event::SharerProfile && wished.iter().all(|one| one.name != Dimension::PROFILE);
        if !wished.is_empty() && !leaves_profile {
            return wished;
        }
        Self::default_dimensions(event).iter().map(Into::into).chain(wished).collect()
    }

    /// The dimensions in order.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The number of cells, `none` included.
    pub fn cells(&self) -> usize {
        1 + self.dimensions.iter().map(Dimension::size).product::<usize>()
    }

    /// The catalogue that its values cannot be told apart without, if it is over one.
    pub fn catalogue(&self) -> Option<&CatalogueRef> {
        self.dimensions.iter().find_map(Dimension::catalogue)
    }

    /// The cell of a value: `label_of` gives its label on each dimension, by the dimension's name, and `catalogue` is the one
    /// that [`catalogue`](Self::catalogue) names.
    ///
    /// A label that is not listed counts as `other` where that stands, or falls in a catalogue's tail, else the value is `none`;
    /// so it is when the catalogue is not at hand.
    pub fn cell<'a>(
        &self,
        catalogue: Option<&ContentCatalogue>,
        label_of: impl Fn(&str) -> Option<&'a str>,
    ) -> CellIndex {
        let position = |dimension: &Dimension| dimension.position(label_of(dimension.name.as_str())?, catalogue);
        let fold = |cell: Option<usize>, dimension: &Dimension| Some(cell? * dimension.size() + position(dimension)?);
        let cell = self.dimensions.iter().fold(Some(0), fold);
        let index = cell.map_or(Self::NONE, |cell| cell + 1) as u32;
        // Unwrap safety: each position is below its dimension's size, so the index is below the number of cells.
        self.size().and_then(|size| size.cell(index)).expect("a position lies within its dimension")
    }

    /// The label of `value` on the `value` dimension, where there is one that holds it.
    pub fn value_label(&self, value: f64) -> Option<&str> {
        let dimension = self.dimensions.iter().find(|dimension| dimension.name.as_str() == Dimension::VALUE)?;
        let position = ValueBuckets::of(dimension).ok()?.position(value)?;
        dimension.labels().iter().filter(|label| *label != Dimension::OTHER).nth(position).map(String::as_str)
    }

    /// The labels of a cell, one for each dimension; empty for `none` and for a cell that is not in the domain.
    ///
    /// `contents` are those of its catalogue; without them a content is called by its position.
    pub fn labels(&self, cell: usize, contents: Option<&Contents>) -> Vec<String> {
        if cell == Self::NONE || cell >= self.cells() {
            return Vec::new();
        }
        let mut rest = cell - 1;
        let mut label = |dimension: &Dimension| {
            let position = rest % dimension.size();
            rest /= dimension.size();
            match &dimension.values {
                Values::Labels(labels) => labels[position].clone(),
                Values::Catalogue(_) => {
                    contents.map_or_else(|| position.to_string(), |all| all.label(position).into_owned())
                }
            }
        };
        let mut labels: Vec<String> = self.dimensions.iter().rev().map(&mut label).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn dimension(name: &str, labels: &[&str]) -> Dimension {
        Dimension::labelled(name.parse().unwrap(), labels.iter().map(|&label| label.to_owned()).collect())
    }

    fn domain(dimensions: Vec<Dimension>) -> Result<Domain, InvalidDomain> {
        Domain::new(dimensions, Epsilon::from_micro(2_000_000).unwrap())
    }

    #[test]
    fn cell_zero_is_none_and_the_rest_is_the_product_of_the_dimensions() {
        let domain =
            domain(vec![dimension("channel", &["whatsapp", "other"]), dimension("value", &["0..50", "50.."])]).unwrap();
        assert_eq!(domain.cells(), 5);
        assert_eq!(domain.labels(0, None), Vec::<String>::new());
        assert_eq!(domain.labels(1, None), ["whatsapp", "0..50"]);
        assert_eq!(domain.labels(2, None), ["whatsapp", "50.."]);
        assert_eq!(domain.labels(4, None), ["other", "50.."]);
        for cell in 1..domain.cells() {
            let labels = domain.labels(cell, None);
            let label_of = |name: &str| Some(labels[usize::from(name != "channel")].as_str());
            assert_eq!(domain.cell(None, label_of).get(), cell as u32);
        }
    }

    #[test]
    fn an_unlisted_label_is_other_or_else_none() {
        let with_other = domain(vec![dimension("channel", &["whatsapp", "other"])]).unwrap();
        assert_eq!(with_other.cell(None, |_| Some("carrier-pigeon")).get(), 2);
        let without = domain(vec![dimension("channel", &["whatsapp", "direct"])]).unwrap();
        assert_eq!(without.cell(None, |_| Some("carrier-pigeon")).get(), 0);
        assert_eq!(without.cell(None, |_| None).get(), 0);
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
    fn every_event_whose_values_are_known_has_a_default_domain() {
        for event in Event::ALL.into_iter().filter(|&event| event != Event::ContentShare) {
            assert!(domain(Domain::default_dimensions(event)).is_ok(), "{}", event.name());
        }
    }

    #[test]
    fn a_wish_is_completed_where_it_leaves_dimensions_open() {
        let names = |event, wished: &[&str]| -> Vec<String> {
            let wished = wished.iter().map(|name| (&dimension(name, &["1"])).into()).collect();
            Domain::with_default_dimensions(event, wished).into_iter().map(|one| one.name).collect()
        };
        assert_eq!(names(Event::Share, &[]), ["channel"]);
        assert_eq!(names(Event::Share, &["cohort"]), ["cohort"]);
        assert_eq!(names(Event::SharerProfile, &[]), ["profile"]);
        assert_eq!(names(Event::SharerProfile, &["cohort"]), ["profile", "cohort"]);
        assert_eq!(names(Event::SharerProfile, &["profile"]), ["profile"]);
    }

    #[test]
    fn a_catalogue_is_one_dimension_among_others() {
        let contents = Contents::new(["/a", "/b", "/c"].map(str::to_owned).to_vec()).unwrap();
        let over = |name: &str, tail| {
            let values = Values::Catalogue(contents.reference(tail));
            Dimension { name: name.parse().unwrap(), values }
        };
        let both = domain(vec![dimension("channel", &["sms", "other"]), over("content", 2)]).unwrap();
        assert_eq!((both.cells(), both.catalogue().unwrap().contents), (11, 3));
        let label_of = |name: &str| Some(if name == "channel" { "pigeon" } else { "/b" });
        let cell = both.cell(Some(contents.catalogue()), label_of).get();
        assert_eq!((cell, both.labels(7, Some(&contents))), (7, vec!["other".to_owned(), "/b".to_owned()]));
        assert_eq!(both.labels(10, Some(&contents)), ["other", "tail-1"]);
        assert_eq!(both.cell(None, label_of).get(), 0, "nothing can be told without the catalogue");
        assert_eq!(domain(vec![over("page", 0)]), Err(InvalidDomain::CatalogueOf("page".into())));
        assert!(domain(vec![over("content", 131_068)]).is_ok());
        assert_eq!(domain(vec![over("content", 131_069)]), Err(InvalidDomain::TooManyCells(131_072)));
    }
}
