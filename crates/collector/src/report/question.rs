//! What is asked, checked against the catalogue: names become things, and what cannot be answered is refused with the remedy.

use std::{mem, sync::Arc};

use tacita_proto::v1;
use tacita_protocol::{excerpt, id::PublisherId};
use tonic::Status;

use super::{
    axes::{LabelFilter, PUBLISHER, axes_of, dimension_names, has_axis, no_axis},
    once_each,
    period::{Granularity, Span},
    ratio::{Ratio, Side, resolve},
};
use crate::{
    catalogue::{Campaign, Catalogue, CountedMeasure},
    pool::Limit,
    refusal,
};

/// The most labels of one filter.
const MAX_VALUES: usize = 1_000;
/// The most filters, dimensions to group by, measures and ratios.
const MAX_PARTS: usize = 64;
/// 364 days: the same weekdays.
const YEAR: u64 = 364 * 86_400;

/// A query that can be answered.
pub(crate) struct Question {
    pub(crate) campaign: Arc<Campaign>,
    /// `brand/campaign`.
    pub(crate) name: String,
    /// The campaign's publishers that pass the filters, with their names.
    pub(crate) publishers: Vec<(PublisherId, String)>,
    /// Those whose totals are rows.
    pub(crate) measures: Vec<Arc<CountedMeasure>>,
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) span: Span,
    pub(crate) granularity: Granularity,
    pub(crate) grouping: Grouping,
    pub(crate) filters: Vec<LabelFilter>,
    /// How many seconds earlier the period compared with lies.
    pub(crate) shift: Option<u64>,
    pub(crate) top: Option<usize>,
    /// Measures that could not answer and were not asked for by name.
    pub(crate) left_out: Vec<String>,
}

/// What is told apart.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Grouping {
    /// Every dimension of each measure.
    Cells,
    /// These axes.
    Axes(Vec<String>),
}

impl Grouping {
    fn read(names: Vec<String>) -> Result<Self, Status> {
        check_number("group_by", names.len())?;
        if names == ["*"] {
            return Ok(Self::Cells);
        }
        if let Some(place) = (1..names.len()).find(|&place| names[..place].contains(&names[place])) {
            let problem = format!("'{}' stands twice: name each dimension once", excerpt(&names[place]));
            return Err(refusal::invalid("group_by", problem));
        }
        if names.iter().any(|name| name == "*") {
            return Err(refusal::invalid("group_by", "'*' stands for all dimensions: give it alone"));
        }
        Ok(Self::Axes(names))
    }

    /// The axes for one measure.
    pub(crate) fn of(&self, counted: &CountedMeasure) -> Vec<String> {
        match self {
            Self::Cells => dimension_names(counted),
            Self::Axes(names) => names.clone(),
        }
    }

    /// The axes that every measure must have.
    pub(crate) fn axes(&self) -> &[String] {
        match self {
            Self::Cells => &[],
            Self::Axes(names) => names,
        }
    }
}

impl Question {
    /// Reads a query of a campaign that the caller may see.
    pub(crate) fn read(catalogue: &Catalogue, campaign: &Arc<Campaign>, mut query: v1::Query) -> Result<Self, Status> {
        let (names, asked) = (mem::take(&mut query.measures), mem::take(&mut query.ratios));
        check_number("measures", names.len())?;
        check_number("ratios", asked.len())?;
        let frame = Self::frame(catalogue, campaign, query)?;
        let all: Vec<Arc<CountedMeasure>> = catalogue.measures_of(campaign.id).cloned().collect();
        let named = named_measures(&all, &names)?;
        let demand = frame.demand();
        let ratios = once_each(asked)
            .into_iter()
            .map(|asked| resolve(asked, &all, &named, &demand, campaign))
            .collect::<Result<Vec<_>, _>>()?
            .concat();
        // Measures that are named beside ratios tell which the ratios are of; alone, they are what is asked.
        let (measures, left_out) = match (named.is_empty(), ratios.is_empty()) {
            (false, true) => (named, Vec::new()),
            (_, false) => (Vec::new(), Vec::new()),
            (true, true) => demand.those_that_can(all.clone())?,
        };
        measures.iter().try_for_each(|counted| demand.check(counted))?;
        Ok(Self { measures, ratios, left_out, ..frame })
    }

    /// Reads all of a query but what it counts.
    pub(crate) fn frame(catalogue: &Catalogue, campaign: &Arc<Campaign>, query: v1::Query) -> Result<Self, Status> {
        let span = Span::read(query.range, "range")?;
        let granularity = Granularity::read(query.granularity)?;
        let grouping = Grouping::read(query.group_by)?;
        let filters = read_filters(query.filters)?;
        Ok(Self {
            publishers: publishers(catalogue, campaign, &filters)?,
            campaign: campaign.clone(),
            name: catalogue.full_name(campaign),
            measures: Vec::new(),
            ratios: Vec::new(),
            span,
            granularity,
            shift: read_comparison(query.compare, span)?,
            grouping,
            filters,
            top: usize::try_from(query.top).ok().filter(|&top| top > 0),
            left_out: Vec::new(),
        })
    }

    /// Asks for the total of some cells of a measure.
    pub(crate) fn ask_count(&mut self, side: &Side) {
        if let Side::Count(counted, own) = side {
            self.measures = vec![counted.clone()];
            self.filters.extend(own.iter().cloned());
        }
    }

    /// What it asks of a measure.
    pub(crate) fn demand(&self) -> Demand<'_> {
        Demand { grouping: &self.grouping, filters: &self.filters, granularity: self.granularity }
    }

    /// Every measure that the answer rests on, once.
    pub(crate) fn needed(&self) -> Vec<Arc<CountedMeasure>> {
        let of_ratios = self.ratios.iter().flat_map(Ratio::measures);
        let mut needed: Vec<Arc<CountedMeasure>> = Vec::new();
        for counted in self.measures.iter().chain(of_ratios) {
            if !needed.iter().any(|known| known.measure.id == counted.measure.id) {
                needed.push(counted.clone());
            }
        }
        needed
    }

    /// Whether publishers are told apart.
    pub(crate) fn by_publisher(&self) -> bool {
        self.grouping.axes().iter().any(|name| name == PUBLISHER)
    }

    /// As understood.
    pub(crate) fn to_wire(&self) -> v1::Query {
        let filter = |filter: &LabelFilter| v1::Filter {
            dimension: filter.dimension.clone(),
            values: filter.values.clone(),
            exclude: filter.exclude,
        };
        let compared = |shift| {
            let period = self.span.closed().map(|period| period.earlier(shift));
            v1::Comparison { period: period.map(|period| v1::comparison::Period::Range(period.into())) }
        };
        v1::Query {
            campaign: self.name.clone(),
            measures: self.measures.iter().map(|counted| counted.measure.name.to_string()).collect(),
            ratios: once_each(self.ratios.iter().map(|ratio| ratio.asked.clone())),
            range: Some(v1::TimeRange { from: self.span.from.0, to: self.span.to.map_or(0, |to| to.0) }),
            granularity: self.granularity.to_wire(),
            group_by: match &self.grouping {
                Grouping::Cells => vec!["*".to_owned()],
                Grouping::Axes(names) => names.clone(),
            },
            filters: self.filters.iter().map(filter).collect(),
            compare: self.shift.map(compared),
            top: self.top.map_or(0, |top| u32::try_from(top).unwrap_or(u32::MAX)),
        }
    }
}

/// What a measure must be able to do for a question.
pub(crate) struct Demand<'a> {
    pub(crate) grouping: &'a Grouping,
    pub(crate) filters: &'a [LabelFilter],
    pub(crate) granularity: Granularity,
}

impl Demand<'_> {
    /// Whether a measure can answer.
    pub(crate) fn is_met_by(&self, counted: &CountedMeasure) -> bool {
        self.missing_axis(counted).is_none() && self.is_fine_enough(counted)
    }

    /// The axes that a measure must have: those to group by, then those to filter.
    fn wanted(&self) -> impl Iterator<Item = &str> {
        let filtered = self.filters.iter().map(|filter| &filter.dimension);
        self.grouping.axes().iter().chain(filtered).map(String::as_str)
    }

    fn missing_axis(&self, counted: &CountedMeasure) -> Option<&str> {
        self.wanted().find(|name| !has_axis(counted, name))
    }

    /// The field of the request that names an axis.
    pub(super) fn field_of(&self, axis: &str) -> &'static str {
        if self.grouping.axes().iter().any(|name| name == axis) { "group_by" } else { "filters" }
    }

    /// The refusal of an axis that none of the campaign's measures has.
    pub(crate) fn unknown_axis(&self, all: &[Arc<CountedMeasure>]) -> Option<Status> {
        let is_unknown = |name: &&str| !all.is_empty() && !all.iter().any(|counted| has_axis(counted, name));
        let unknown = self.wanted().find(is_unknown)?;
        let (name, known) = (excerpt(unknown), axes_of(all).join(", "));
        let message = format!("no measure of this campaign has a dimension '{name}': there are {known}");
        Some(refusal::invalid_because("NO_SUCH_DIMENSION", self.field_of(unknown), message))
    }

    fn is_fine_enough(&self, counted: &CountedMeasure) -> bool {
        counted.measure.window.seconds() <= self.granularity.longest_window()
    }

    /// The measures that can answer, and the names of the others.
    fn those_that_can(&self, all: Vec<Arc<CountedMeasure>>) -> Result<(Vec<Arc<CountedMeasure>>, Vec<String>), Status> {
        let (able, unable): (Vec<_>, Vec<_>) = all.into_iter().partition(|counted| self.is_met_by(counted));
        match (able.is_empty(), unable.first()) {
            (true, Some(first)) => Err(self.check(first).err().unwrap_or_else(|| refusal::internal("a measure met"))),
            _ => Ok((able, unable.iter().map(|counted| counted.measure.name.to_string()).collect())),
        }
    }

    pub(crate) fn check(&self, counted: &CountedMeasure) -> Result<(), Status> {
        if let Some(missing) = self.missing_axis(counted) {
            return Err(no_axis(counted, self.field_of(missing), missing));
        }
        if !self.is_fine_enough(counted) {
            let hours = f64::from(counted.measure.window.seconds()) / 3_600.0;
            let name = &counted.measure.name;
            let message = format!("measure '{name}' counts in windows of {hours} h: choose a coarser granularity");
            return Err(refusal::invalid_because("WINDOWS_TOO_LONG", "granularity", message));
        }
        Ok(())
    }
}

fn named_measures(all: &[Arc<CountedMeasure>], names: &[String]) -> Result<Vec<Arc<CountedMeasure>>, Status> {
    let mut named: Vec<Arc<CountedMeasure>> = Vec::new();
    for name in names {
        let counted = measure_named(all, name)?;
        if !named.iter().any(|known| known.measure.id == counted.measure.id) {
            named.push(counted.clone());
        }
    }
    Ok(named)
}

/// The measure of this name.
pub(crate) fn measure_named<'a>(all: &'a [Arc<CountedMeasure>], name: &str) -> Result<&'a Arc<CountedMeasure>, Status> {
    all.iter().find(|counted| counted.measure.name.as_str() == name).ok_or_else(|| {
        let name = excerpt(name);
        let known: Vec<_> = all.iter().map(|counted| counted.measure.name.as_str()).collect();
        let message = match known.is_empty() {
            true => format!("this campaign has no measure '{name}', nor any other: its operator creates them"),
            false => format!("this campaign has no measure '{name}': it has {}", known.join(", ")),
        };
        refusal::not_found("NO_SUCH_MEASURE", message)
    })
}

/// Reads the filters of a request.
pub(crate) fn read_filters(filters: Vec<v1::Filter>) -> Result<Vec<LabelFilter>, Status> {
    check_number("filters", filters.len())?;
    let read = |filter: v1::Filter| {
        if filter.values.is_empty() || filter.values.len() > MAX_VALUES {
            let problem = format!("'{}': give 1 to {MAX_VALUES} values", filter.dimension);
            let limit = Limit { name: "filter_values", value: MAX_VALUES };
            return Err(refusal::beyond("filters", limit, problem));
        }
        Ok(LabelFilter { dimension: filter.dimension, values: filter.values, exclude: filter.exclude })
    };
    filters.into_iter().map(read).collect()
}

fn check_number(field: &str, number: usize) -> Result<(), Status> {
    match number > MAX_PARTS {
        true => {
            let limit = Limit { name: "query_parts", value: MAX_PARTS };
            Err(refusal::beyond(field, limit, format!("{number} of them: at most {MAX_PARTS}")))
        }
        false => Ok(()),
    }
}

/// The publishers that pass.
fn publishers(
    catalogue: &Catalogue,
    campaign: &Campaign,
    filters: &[LabelFilter],
) -> Result<Vec<(PublisherId, String)>, Status> {
    let name = |&id: &PublisherId| Some((id, catalogue.publisher(id)?.name.to_string()));
    let all: Vec<_> = campaign.publishers.iter().filter_map(name).collect();
    let of_publishers = filters.iter().filter(|filter| filter.dimension == PUBLISHER);
    for value in of_publishers.clone().flat_map(|filter| &filter.values) {
        if !all.iter().any(|(_, name)| name == value) {
            let known: Vec<_> = all.iter().map(|(_, name)| name.as_str()).collect();
            let value = excerpt(value);
            let message = format!("'{value}' is no publisher of this campaign: it has {}", known.join(", "));
            return Err(refusal::not_found("NO_SUCH_LABEL", message));
        }
    }
    let passes = |(_, name): &(PublisherId, String)| of_publishers.clone().all(|filter| filter.passes(name));
    Ok(all.into_iter().filter(passes).collect())
}

fn read_comparison(asked: Option<v1::Comparison>, span: Span) -> Result<Option<u64>, Status> {
    use v1::comparison::Period as Asked;
    let Some(asked) = asked.and_then(|comparison| comparison.period) else { return Ok(None) };
    let whole = span.closed().ok_or_else(|| {
        refusal::invalid("range", "a comparison needs both ends: give 'from' and 'to', neither of them 0")
    })?;
    let shift = match asked {
        Asked::PreviousPeriod(false) | Asked::PreviousYear(false) => return Ok(None),
        Asked::PreviousPeriod(true) => whole.seconds(),
        Asked::PreviousYear(true) => YEAR,
        Asked::Range(range) => {
            let other = Span::read(Some(range), "compare")?.closed();
            let fits = other.filter(|other| other.seconds() == whole.seconds() && other.from < whole.from);
            let problem = "give an earlier range that is as long as 'range'";
            whole.from.0 - fits.ok_or_else(|| refusal::invalid("compare", problem))?.from.0
        }
    };
    match whole.overlaps(whole.earlier(shift)) {
        true => Err(refusal::invalid("compare", "the ranges overlap: choose one that ends before the other begins")),
        false if shift > whole.from.0 => Err(refusal::invalid("compare", "it would begin before 1970")),
        false => Ok(Some(shift)),
    }
}
