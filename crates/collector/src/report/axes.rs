//! By what a question tells the cells of a measure apart, and which of them it keeps.
//!
//! An axis gives each cell one label: a dimension of the measure, or what follows from one (`kind` from `channel`,
//! `category` from `content`). Cells with the same labels on all axes asked for are one group, which becomes one row.
//! The cell `none` has no labels and is in no group. The publisher is no axis of cells: every publisher has tallies of
//! its own.

use std::{borrow::Cow, cell::OnceCell, collections::HashMap, ops::Range, str::FromStr as _, sync::Arc};

use tacita_dp::{CellIndex, Error, Leverage, Mechanism};
use tacita_protocol::{
    channel::{Channel, Grade},
    domain::{Dimension, Domain, Values},
    excerpt,
};
use tonic::Status;

use super::{analytics, once_each};
use crate::{
    catalogue::{CountedMeasure, Declaration},
    refusal,
};

/// The axis of publishers.
pub(crate) const PUBLISHER: &str = "publisher";
/// What a channel is: `private`, `public`, `inferred` or `other`.
pub(crate) const KIND: &str = "kind";
/// What a content is about, as the brand declared it.
pub(crate) const CATEGORY: &str = "category";
/// The category of contents that have none.
pub(crate) const UNCATEGORISED: &str = "uncategorised";
/// What Google Analytics 4 would call the arrival: of channel and grade.
pub(crate) const ANALYTICS: &str = "analytics";
/// The kinds of channels, in the order of their rows.
const KINDS: [&str; 4] = ["private", "public", "inferred", "other"];

/// What a channel's label says about it. Inferred arrivals, an upper bound, are a kind of their own: a number of
/// private channels has evidence for all that it counts.
pub(crate) fn kind_of(channel: &str) -> &'static str {
    let [private, public, inferred, other] = KINDS;
    match Channel::from_str(channel) {
        Ok(Channel::INFERRED) => inferred,
        Ok(channel) if channel.is_private() => private,
        Ok(channel) if channel.is_public() => public,
        _ => other,
    }
}

/// The dimensions of a measure that an axis is made of.
fn sources(axis: &str) -> Vec<&str> {
    match axis {
        KIND => vec![Dimension::CHANNEL],
        CATEGORY => vec![Dimension::CONTENT],
        ANALYTICS => vec![Dimension::CHANNEL, Dimension::GRADE],
        own => vec![own],
    }
}

/// One dimension within the cells.
struct Source<'a> {
    dimension: &'a Dimension,
    /// Cells from one position to the next.
    stride: usize,
}

impl Source<'_> {
    fn position(&self, cell: u32) -> usize {
        (cell as usize - 1) / self.stride % self.dimension.size()
    }
}

/// One label for each cell.
struct Axis<'a> {
    counted: &'a CountedMeasure,
    /// One, or two that it is made of.
    sources: Vec<Source<'a>>,
    /// What its positions amount to, where they are not the dimension's own.
    coarser: Option<Coarser<'a>>,
}

/// Fewer labels than positions: the place of each position among them.
struct Coarser<'a> {
    places: Vec<u32>,
    names: Vec<Cow<'a, str>>,
}

impl<'a> Axis<'a> {
    fn new(counted: &'a CountedMeasure, declaration: &'a Declaration, name: &str) -> Option<Self> {
        let mut axis = Self::own(counted, &sources(name))?;
        axis.coarser = match name {
            KIND => Some(axis.coarser(|label| kind_of(&label[0]).into(), KINDS.map(Cow::Borrowed).to_vec())),
            CATEGORY => Some(axis.by_category(declaration)),
            ANALYTICS => {
                let name_of = |label: &[Cow<'_, str>]| analytics::group_of(&label[0], &label[1]).into();
                Some(axis.coarser(name_of, analytics::GROUPS.map(Cow::Borrowed).to_vec()))
            }
            _ => None,
        };
        Some(axis)
    }

    /// The positions of these dimensions, as they are.
    fn own(counted: &'a CountedMeasure, names: &[&str]) -> Option<Self> {
        let dimensions = counted.measure.domain.dimensions();
        let source = |name: &&str| {
            let place = dimensions.iter().position(|dimension| dimension.name.as_str() == *name)?;
            let stride = dimensions[place + 1..].iter().map(Dimension::size).product();
            Some(Source { dimension: &dimensions[place], stride })
        };
        let sources = names.iter().map(source).collect::<Option<Vec<_>>>()?;
        Some(Self { counted, sources, coarser: None })
    }

    fn coarser(&self, name_of: impl Fn(&[Cow<'a, str>]) -> Cow<'a, str>, names: Vec<Cow<'a, str>>) -> Coarser<'a> {
        let place_of: HashMap<&str, u32> = names.iter().zip(0..).map(|(name, place)| (name.as_ref(), place)).collect();
        let positions = self.sources.iter().map(|source| source.dimension.size()).product();
        let place = |position: usize| {
            let labels: Vec<_> = match &self.sources[..] {
                [one] => vec![label_at(self.counted, one.dimension, position)],
                [first, second, ..] => {
                    let size = second.dimension.size();
                    let label = |source: &Source<'a>, at| label_at(self.counted, source.dimension, at);
                    vec![label(first, position / size), label(second, position % size)]
                }
                [] => Vec::new(),
            };
            // A name that is none of them cannot be: `name_of` gives those alone.
            place_of.get(name_of(&labels).as_ref()).copied().unwrap_or(0)
        };
        let places = (0..positions).map(place).collect();
        Coarser { places, names }
    }

    fn by_category(&self, declaration: &'a Declaration) -> Coarser<'a> {
        let mut of_content: HashMap<&str, &'a str> = HashMap::new();
        for category in &declaration.categories {
            of_content.extend(category.contents.iter().map(|content| (content.as_str(), category.name.as_str())));
        }
        let names = declaration.categories.iter().map(|category| Cow::Borrowed(category.name.as_str()));
        let names = names.chain([Cow::Borrowed(UNCATEGORISED)]).collect();
        self.coarser(|label| of_content.get(&*label[0]).copied().unwrap_or(UNCATEGORISED).into(), names)
    }

    /// How many labels there are.
    fn len(&self) -> usize {
        match &self.coarser {
            None => self.sources.iter().map(|source| source.dimension.size()).product(),
            Some(coarser) => coarser.names.len(),
        }
    }

    /// Which label a cell has; `cell` is not `none`.
    fn of(&self, cell: u32) -> u32 {
        let combine = |sum: usize, source: &Source<'_>| sum * source.dimension.size() + source.position(cell);
        let position = self.sources.iter().fold(0, combine);
        self.coarser.as_ref().map_or(position as u32, |coarser| coarser.places[position])
    }

    fn label(&self, place: u32) -> Cow<'a, str> {
        match (&self.coarser, &self.sources[..]) {
            (Some(coarser), _) => coarser.names[place as usize].clone(),
            (None, [one, ..]) => label_at(self.counted, one.dimension, place as usize),
            (None, []) => Cow::Borrowed(""),
        }
    }

    /// The places of labels, each found or not.
    fn find<'l>(&self, labels: impl Iterator<Item = &'l String>) -> Vec<Option<u32>> {
        let places: HashMap<Cow<'a, str>, u32> =
            (0..self.len() as u32).map(|place| (self.label(place), place)).collect();
        labels.map(|label| places.get(label.as_str()).copied()).collect()
    }
}

fn label_at<'a>(counted: &'a CountedMeasure, dimension: &'a Dimension, position: usize) -> Cow<'a, str> {
    match (&dimension.values, &counted.contents) {
        (Values::Labels(labels), _) => Cow::Borrowed(labels[position].as_str()),
        (Values::Catalogue(_), Some(contents)) => contents.label(position),
        (Values::Catalogue(_), None) => Cow::Owned(position.to_string()),
    }
}

/// Keeps, or leaves out, the cells with some labels.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct LabelFilter {
    pub(crate) dimension: String,
    pub(crate) values: Vec<String>,
    pub(crate) exclude: bool,
}

impl LabelFilter {
    pub(crate) fn keep(dimension: &str, values: &[&str]) -> Self {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        Self { dimension: dimension.to_owned(), values, exclude: false }
    }

    /// Whether a label passes.
    pub(crate) fn passes(&self, label: &str) -> bool {
        self.values.iter().any(|value| value == label) != self.exclude
    }
}

/// The groups of cells that a question makes of a measure.
pub(crate) struct Groups<'a> {
    axes: Vec<Axis<'a>>,
    /// Of each group, its labels as one number and its part of `cells`.
    groups: Vec<(u64, Range<usize>)>,
    cells: Vec<CellIndex>,
    /// Of each group, what one lie can do to it; found when it is first asked for.
    leverages: Vec<OnceCell<Leverage>>,
}

/// Whether a measure has an axis of this name.
pub(crate) fn has_axis(counted: &CountedMeasure, name: &str) -> bool {
    let dimensions = counted.measure.domain.dimensions();
    let has = |source: &&str| dimensions.iter().any(|dimension| dimension.name.as_str() == *source);
    name == PUBLISHER || sources(name).iter().all(has)
}

/// Every axis that some of the measures have.
pub(crate) fn axes_of(all: &[Arc<CountedMeasure>]) -> Vec<String> {
    let own = all.iter().flat_map(|counted| dimension_names(counted));
    let derived = [KIND, CATEGORY, ANALYTICS].map(str::to_owned);
    let derived = derived.into_iter().filter(|name| all.iter().any(|counted| has_axis(counted, name)));
    once_each(own.chain(derived).chain([PUBLISHER.to_owned()]))
}

/// The labels of a cell, as one.
pub(crate) fn name_of_cell(counted: &CountedMeasure, cell: CellIndex) -> String {
    if cell.get() == Domain::NONE as u32 {
        return "none".to_owned();
    }
    let label = |dimension: &Dimension| {
        let axis = Axis::own(counted, &[dimension.name.as_str()])?;
        Some(axis.label(axis.of(cell.get())).into_owned())
    };
    counted.measure.domain.dimensions().iter().filter_map(label).collect::<Vec<_>>().join(" × ")
}

/// The names of a measure's own dimensions.
pub(crate) fn dimension_names(counted: &CountedMeasure) -> Vec<String> {
    counted.measure.domain.dimensions().iter().map(|dimension| dimension.name.to_string()).collect()
}

impl<'a> Groups<'a> {
    /// The cells that pass all filters, grouped by the axes named; [`PUBLISHER`] is not read here.
    pub(crate) fn new(
        counted: &'a CountedMeasure,
        declaration: &'a Declaration,
        group_by: &[String],
        filters: &[LabelFilter],
    ) -> Result<Self, Status> {
        let axis = |field: &str, name: &str| {
            Axis::new(counted, declaration, name).ok_or_else(|| no_axis(counted, field, name))
        };
        let of_cells = group_by.iter().filter(|name| *name != PUBLISHER);
        let axes = of_cells.map(|name| axis("group_by", name)).collect::<Result<Vec<_>, _>>()?;
        let mut kept: Vec<(Axis<'_>, Vec<bool>)> = Vec::new();
        for filter in filters.iter().filter(|filter| filter.dimension != PUBLISHER) {
            let axis = axis("filters", &filter.dimension)?;
            let passing = passing(counted, &axis, filter)?;
            kept.push((axis, passing));
        }
        Ok(Self::of(counted, axes, &kept))
    }

    /// The cells by one of the measure's own dimensions; none where it has no such.
    pub(crate) fn of_dimension(counted: &'a CountedMeasure, name: &str) -> Self {
        Self::of(counted, Axis::own(counted, &[name]).into_iter().collect(), &[])
    }

    fn of(counted: &CountedMeasure, axes: Vec<Axis<'a>>, kept: &[(Axis<'_>, Vec<bool>)]) -> Self {
        let passes = |cell: u32| kept.iter().all(|(axis, passing)| passing[axis.of(cell) as usize]);
        let key = |cell: u32| axes.iter().fold(0, |key, axis| key * axis.len() as u64 + u64::from(axis.of(cell)));
        let size = counted.mechanism.domain();
        let mut keyed: Vec<(u64, CellIndex)> =
            size.cells().skip(1).filter(|cell| passes(cell.get())).map(|cell| (key(cell.get()), cell)).collect();
        keyed.sort_unstable();
        let mut groups: Vec<(u64, Range<usize>)> = Vec::new();
        for (place, &(key, _)) in keyed.iter().enumerate() {
            match groups.last_mut() {
                Some((known, cells)) if *known == key => cells.end = place + 1,
                _ => groups.push((key, place..place + 1)),
            }
        }
        let leverages = vec![OnceCell::new(); groups.len()];
        Self { axes, groups, cells: keyed.into_iter().map(|(_, cell)| cell).collect(), leverages }
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// The cells of one group.
    pub(crate) fn cells(&self, group: usize) -> &[CellIndex] {
        &self.cells[self.groups[group].1.clone()]
    }

    /// What one lie can do to the total of a group.
    pub(crate) fn leverage(&self, mechanism: &Mechanism, group: usize) -> Result<Leverage, Error> {
        if let Some(known) = self.leverages[group].get() {
            return Ok(*known);
        }
        let found = mechanism.leverage(self.cells(group))?;
        Ok(*self.leverages[group].get_or_init(|| found))
    }

    /// What each cell of one group is worth by its label on another axis; cells without a worth are left out.
    pub(crate) fn weighted(&self, group: usize, worth_of: &[f64]) -> Vec<(CellIndex, f64)> {
        let worth = |&cell: &CellIndex| (cell, worth_of[cell.get() as usize]);
        self.cells(group).iter().map(worth).filter(|(_, worth)| *worth != 0.0).collect()
    }

    /// The labels of one group, in the order of the axes.
    pub(crate) fn labels(&self, group: usize) -> Vec<String> {
        let mut rest = self.groups[group].0;
        let mut label = |axis: &Axis<'_>| {
            let place = rest % axis.len() as u64;
            rest /= axis.len() as u64;
            axis.label(place as u32).into_owned()
        };
        let mut labels: Vec<String> = self.axes.iter().rev().map(&mut label).collect();
        labels.reverse();
        labels
    }
}

/// The refusal of an axis that a field of the request names and a measure has not.
pub(crate) fn no_axis(counted: &CountedMeasure, field: &str, name: &str) -> Status {
    let derived = match name {
        KIND => " ('kind' needs 'channel')",
        CATEGORY => " ('category' needs 'content')",
        ANALYTICS => " ('analytics' needs 'channel' and 'grade')",
        _ => "",
    };
    let (measure, known, name) = (&counted.measure.name, dimension_names(counted).join(", "), excerpt(name));
    let message = format!("measure '{measure}' has no dimension '{name}'{derived}: it has {known}, and publisher");
    refusal::invalid_because("NO_SUCH_DIMENSION", field, message)
}

fn passing(counted: &CountedMeasure, axis: &Axis<'_>, filter: &LabelFilter) -> Result<Vec<bool>, Status> {
    let mut passing = vec![filter.exclude; axis.len()];
    for (value, place) in filter.values.iter().zip(axis.find(filter.values.iter())) {
        let place = place.ok_or_else(|| no_label(counted, axis, filter, value))?;
        passing[place as usize] = !filter.exclude;
    }
    Ok(passing)
}

fn no_label(counted: &CountedMeasure, axis: &Axis<'_>, filter: &LabelFilter, value: &str) -> Status {
    const SHOWN: u32 = 40;
    let shown: Vec<_> = (0..axis.len() as u32).take(SHOWN as usize).map(|place| axis.label(place)).collect();
    let more = if axis.len() as u32 > SHOWN { ", …" } else { "" };
    let message = format!(
        "'{}' is no {} of measure '{}': it has {}{more}",
        excerpt(value),
        filter.dimension,
        counted.measure.name,
        shown.join(", ")
    );
    refusal::not_found("NO_SUCH_LABEL", message)
}

/// Of each cell, by its number, whether a device can report it. Arrivals without evidence have a channel of their own
/// for each of the two grades (spec/channels.md §2), so that with both dimensions most of their cells are none that can
/// be.
pub(crate) fn possible_cells(counted: &CountedMeasure) -> Vec<bool> {
    let size = counted.mechanism.domain();
    let axis = |name| Axis::own(counted, &[name]);
    let (Some(channels), Some(grades)) = (axis(Dimension::CHANNEL), axis(Dimension::GRADE)) else {
        return vec![true; size.cells().len()];
    };
    let can_be = |cell: CellIndex| {
        let [channel, grade] = [&channels, &grades].map(|axis| axis.label(axis.of(cell.get())));
        [(Channel::INFERRED, Grade::Inferred), (Channel::DIRECT, Grade::Direct)]
            .into_iter()
            .all(|(alone, with)| (channel == alone.name()) == (grade == with.name()))
    };
    std::iter::once(true).chain(size.cells().skip(1).map(can_be)).collect()
}

/// What `worth` says of each cell's label on the dimension `name`, by the cell's number; 0 for `none`.
pub(crate) fn worth_of_cells(counted: &CountedMeasure, name: &str, worth: impl Fn(&str) -> f64) -> Option<Vec<f64>> {
    let axis = Axis::own(counted, &[name])?;
    let worths: Vec<f64> = (0..axis.len() as u32).map(|place| worth(&axis.label(place))).collect();
    let cells = counted.mechanism.domain().cells().skip(1);
    Some(std::iter::once(0.0).chain(cells.map(|cell| worths[axis.of(cell.get()) as usize])).collect())
}
