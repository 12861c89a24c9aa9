//! Ratios by name: which cells of which measures stand above and below the line (spec/reporting.md §5).

use std::{str::FromStr as _, sync::Arc};

use tacita_proto::v1;
use tacita_protocol::{
    domain::{Dimension, Values},
    measure::Event,
    profile::Profile,
};
use tonic::Status;

use super::{
    analytics::DIRECT,
    axes::{ANALYTICS, Groups, KIND, LabelFilter, PUBLISHER, has_axis, no_axis},
    costs,
    period::Granularity,
    question::{Demand, Grouping, measure_named, read_filters},
};
use crate::{
    catalogue::{Campaign, CountedMeasure},
    refusal,
};

/// One side of the line.
#[derive(Clone)]
pub(crate) enum Side {
    /// The reports of some cells.
    Count(Arc<CountedMeasure>, Vec<LabelFilter>),
    /// What the conversions of some cells are worth, less the declared cost.
    Profit(Arc<CountedMeasure>, Vec<LabelFilter>),
    /// The declared cost.
    Cost,
}

/// A ratio that can be answered.
#[derive(Clone)]
pub(crate) struct Ratio {
    pub(crate) asked: v1::RatioRequest,
    /// What rows call it.
    pub(crate) name: String,
    /// Labels that come before those of the groups.
    pub(crate) prefix: Vec<String>,
    pub(crate) numerator: Side,
    pub(crate) denominator: Side,
}

impl Side {
    /// Refused where the question names a label that the measure has not, though another may.
    fn with_known_labels(self, demand: &Demand<'_>, campaign: &Campaign) -> Result<Self, Status> {
        if let Self::Count(counted, own) | Self::Profit(counted, own) = &self {
            let filters: Vec<LabelFilter> = demand.filters.iter().chain(own).cloned().collect();
            Groups::new(counted, &campaign.declaration, demand.grouping.axes(), &filters)?;
        }
        Ok(self)
    }

    pub(crate) fn measure(&self) -> Option<&Arc<CountedMeasure>> {
        match self {
            Self::Count(counted, _) | Self::Profit(counted, _) => Some(counted),
            Self::Cost => None,
        }
    }
}

/// The steps of a funnel: shares, arrivals by shared links, conversions; or why one cannot be told as the question asks.
pub(crate) fn steps(
    all: &[Arc<CountedMeasure>],
    demand: &Demand<'_>,
    campaign: &Campaign,
) -> [(&'static str, Result<Side, Status>); 3] {
    let choice = Choice { name: "a funnel", all, named: &[], demand };
    [
        ("shares", choice.count(Event::Share, Vec::new())),
        ("arrivals", choice.shared_arrivals()),
        ("conversions", choice.count(Event::Conversion, Vec::new())),
    ]
    .map(|(name, side)| (name, side.and_then(|side| side.with_known_labels(demand, campaign))))
}

/// What becomes of links from generation to generation: growth, and where shares tell generations too, re-shares per
/// arrival and arrivals per share.
pub(crate) fn of_generations(
    all: &[Arc<CountedMeasure>],
    demand: &Demand<'_>,
    campaign: &Campaign,
) -> Result<Vec<Ratio>, Status> {
    let choice = Choice { name: "a funnel by generation", all, named: &[], demand };
    let find = |event| {
        let counted = choice.require(event, &[Dimension::GENERATION])?;
        Side::Count(counted.clone(), Vec::new()).with_known_labels(demand, campaign)?;
        Ok::<_, Status>(counted)
    };
    let asked = |kind: v1::RatioKind| v1::RatioRequest { kind: kind.into(), custom: None };
    let arrivals = find(Event::Arrival)?;
    let mut ratios = for_each_generation(&asked(v1::RatioKind::GenerationGrowth), (&arrivals, 1), &arrivals);
    if let Ok(shares) = find(Event::Share) {
        let reshares = asked(v1::RatioKind::ResharesPerArrival);
        ratios.extend(for_each_generation(&reshares, (&shares, 1), &arrivals));
        ratios.extend(for_each_generation(&asked(v1::RatioKind::ArrivalsPerShare), (&arrivals, 0), &shares));
    }
    Ok(ratios)
}

impl Ratio {
    /// Whether it rests on what the brand declared to have spent.
    pub(crate) fn is_of_cost(&self) -> bool {
        [&self.numerator, &self.denominator].into_iter().any(|side| matches!(side, Side::Cost))
    }

    /// The measures that it rests on.
    pub(crate) fn measures(&self) -> impl Iterator<Item = &Arc<CountedMeasure>> {
        [&self.numerator, &self.denominator].into_iter().filter_map(Side::measure)
    }
}

/// A kind's name in rows.
pub(crate) fn name_of(kind: v1::RatioKind) -> String {
    kind.as_str_name().trim_start_matches("RATIO_KIND_").to_lowercase()
}

/// The measures of a campaign that a ratio may be of.
struct Choice<'a> {
    /// What is to be told.
    name: &'a str,
    all: &'a [Arc<CountedMeasure>],
    named: &'a [Arc<CountedMeasure>],
    demand: &'a Demand<'a>,
}

impl Choice<'_> {
    /// The measure of `event` that has these axes and all that the question asks for, and the fewest cells: the least
    /// noise. Measures that the question names go before others.
    fn find(&self, event: Event, axes: &[&str]) -> Option<Arc<CountedMeasure>> {
        let fits = |counted: &&Arc<CountedMeasure>| {
            counted.measure.event == event
                && axes.iter().all(|axis| has_axis(counted, axis))
                && self.demand.is_met_by(counted)
        };
        let smallest = |measures: &[Arc<CountedMeasure>]| {
            measures.iter().filter(fits).min_by_key(|counted| counted.measure.domain.cells()).cloned()
        };
        smallest(self.named).or_else(|| smallest(self.all))
    }

    fn require(&self, event: Event, axes: &[&str]) -> Result<Arc<CountedMeasure>, Status> {
        self.find(event, axes).ok_or_else(|| self.missing(event, axes))
    }

    fn missing(&self, event: Event, axes: &[&str]) -> Status {
        if let Some(unknown) = self.demand.unknown_axis(self.all) {
            return unknown;
        }
        let filtered = self.demand.filters.iter().map(|filter| filter.dimension.as_str());
        let grouped = self.demand.grouping.axes().iter().map(String::as_str);
        let mut wanted: Vec<&str> = axes.iter().copied().chain(grouped).chain(filtered).collect();
        wanted.retain(|name| *name != PUBLISHER);
        wanted.sort_unstable();
        wanted.dedup();
        let wanted = match wanted.is_empty() {
            true => String::new(),
            false => format!(" that tells apart {}", wanted.join(", ")),
        };
        let fine_enough = match self.demand.granularity {
            Granularity::Total => "",
            _ => ", with windows no longer than the granularity",
        };
        let message = format!(
            "{} needs a measure of event {}{wanted}{fine_enough}; this campaign has none: ask for less, or have its operator create one",
            self.name,
            event.name()
        );
        refusal::failed_precondition("MEASURE_MISSING", message)
    }

    fn count(&self, event: Event, filters: Vec<LabelFilter>) -> Result<Side, Status> {
        let axes: Vec<&str> = filters.iter().map(|filter| filter.dimension.as_str()).collect();
        Ok(Side::Count(self.require(event, &axes)?, filters))
    }

    /// Arrivals by shared links: those with a tag, where grades or generations are told apart; else those by a channel
    /// that one shares to.
    fn shared_arrivals(&self) -> Result<Side, Status> {
        if let Some(graded) = self.find(Event::Arrival, &[Dimension::GRADE]) {
            return Ok(Side::Count(graded, vec![LabelFilter::keep(Dimension::GRADE, &["confirmed"])]));
        }
        if let Some(by_generation) = self.find(Event::Arrival, &[Dimension::GENERATION]) {
            let listed = generations(&by_generation);
            let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
            return Ok(Side::Count(by_generation, vec![LabelFilter::keep(Dimension::GENERATION, &listed)]));
        }
        self.count(Event::Arrival, vec![LabelFilter::keep(KIND, &["private", "public"])])
    }
}

/// The generations that a measure tells apart, in order.
pub(crate) fn generations(counted: &CountedMeasure) -> Vec<String> {
    let dimensions = counted.measure.domain.dimensions().iter();
    let labels =
        dimensions.filter(|one| one.name.as_str() == Dimension::GENERATION).flat_map(|one| match &one.values {
            Values::Labels(labels) => labels.as_slice(),
            Values::Catalogue(_) => &[],
        });
    let mut numbers: Vec<u32> = labels.filter_map(|label| u32::from_str(label).ok()).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| number.to_string()).collect()
}

fn generation(number: &str) -> Vec<LabelFilter> {
    vec![LabelFilter::keep(Dimension::GENERATION, &[number])]
}

/// What a request for a ratio comes to: one ratio, or one for each generation.
pub(crate) fn resolve(
    asked: v1::RatioRequest,
    all: &[Arc<CountedMeasure>],
    named: &[Arc<CountedMeasure>],
    demand: &Demand<'_>,
    campaign: &Campaign,
) -> Result<Vec<Ratio>, Status> {
    use v1::RatioKind as Kind;
    let kind = Kind::try_from(asked.kind).unwrap_or(Kind::Unspecified);
    if *demand.grouping == Grouping::Cells {
        let problem = "'*' is for measures alone: name the dimensions that both sides of a ratio have";
        return Err(refusal::invalid("group_by", problem));
    }
    let name = name_of(kind);
    let choice = Choice { name: &name, all, named, demand };
    let one = |numerator: Side, denominator: Side| {
        vec![Ratio { asked: asked.clone(), name: name.clone(), prefix: Vec::new(), numerator, denominator }]
    };
    let direct = || vec![LabelFilter::keep(ANALYTICS, &[DIRECT])];
    let evidenced = |mut filters: Vec<LabelFilter>| {
        filters.push(LabelFilter::keep(KIND, &["private"]));
        filters.push(LabelFilter { exclude: true, ..LabelFilter::keep(Dimension::GRADE, &["inferred"]) });
        filters
    };
    let inferred = |mut filters: Vec<LabelFilter>| {
        filters.push(LabelFilter::keep(Dimension::GRADE, &["inferred"]));
        filters
    };
    Ok(match kind {
        Kind::Unspecified => return Err(refusal::invalid("ratios", "name the kind of each")),
        Kind::Custom => vec![custom(&asked, all, demand)?],
        Kind::DarkShare => one(
            choice.count(Event::Share, vec![LabelFilter::keep(KIND, &["private"])])?,
            Side::Count(choice.require(Event::Share, &[KIND])?, Vec::new()),
        ),
        Kind::DirectConfirmed => {
            one(choice.count(Event::Arrival, evidenced(direct()))?, choice.count(Event::Arrival, direct())?)
        }
        Kind::DirectInferred => {
            one(choice.count(Event::Arrival, inferred(direct()))?, choice.count(Event::Arrival, direct())?)
        }
        Kind::ConversionRate => {
            one(choice.count(Event::Conversion, Vec::new())?, choice.count(Event::Arrival, Vec::new())?)
        }
        Kind::CostPerConversion => {
            costs::check(campaign, demand)?;
            one(Side::Cost, choice.count(Event::Conversion, Vec::new())?)
        }
        Kind::Roi => {
            costs::check(campaign, demand)?;
            one(Side::Profit(choice.require(Event::Conversion, &[Dimension::VALUE])?, Vec::new()), Side::Cost)
        }
        Kind::ArrivalsPerShare => one(choice.shared_arrivals()?, choice.count(Event::Share, Vec::new())?),
        Kind::PrivateOnlyShare => {
            let of = |profiles: &[&str]| {
                choice.count(Event::SharerProfile, vec![LabelFilter::keep(Dimension::PROFILE, profiles)])
            };
            let [_, private_only, public_only, both] = Profile::LABELS;
            one(of(&[private_only])?, of(&[private_only, public_only, both])?)
        }
        Kind::ResharesPerArrival => by_generation(&choice, &asked, Event::Share)?,
        Kind::GenerationGrowth => by_generation(&choice, &asked, Event::Arrival)?,
    })
}

/// The next generation's shares, or arrivals, over this one's arrivals.
fn by_generation(choice: &Choice<'_>, asked: &v1::RatioRequest, above: Event) -> Result<Vec<Ratio>, Status> {
    let name = choice.name;
    let filtered = choice.demand.filters.iter().any(|filter| filter.dimension == Dimension::GENERATION);
    if filtered || choice.demand.grouping.axes().iter().any(|axis| axis == Dimension::GENERATION) {
        let field = if filtered { "filters" } else { "group_by" };
        let problem = format!("{name} has a row for each generation already: leave 'generation' out");
        return Err(refusal::invalid(field, problem));
    }
    let arrivals = choice.require(Event::Arrival, &[Dimension::GENERATION])?;
    let above = choice.require(above, &[Dimension::GENERATION])?;
    let ratios = for_each_generation(asked, (&above, 1), &arrivals);
    if ratios.is_empty() {
        let (one, other) = (&arrivals.measure.name, &above.measure.name);
        let message = format!(
            "{name} needs a generation of measure '{one}' and the next one of measure '{other}', and there are no such two: have the \
             campaign's operator create measures that tell apart generation=0,1,2,3,4,5,6,7"
        );
        return Err(refusal::failed_precondition("MEASURE_MISSING", message));
    }
    Ok(ratios)
}

/// For each generation of `below`, the cells of `above` so many generations further, where it lists that one, over
/// those of `below`.
fn for_each_generation(
    asked: &v1::RatioRequest,
    (above, further): (&Arc<CountedMeasure>, u32),
    below: &Arc<CountedMeasure>,
) -> Vec<Ratio> {
    let listed = generations(above);
    let ratio = |number: String| {
        let other = u32::from_str(&number).ok()?.checked_add(further)?.to_string();
        Some(Ratio {
            asked: asked.clone(),
            name: name_of(asked.kind()),
            numerator: Side::Count(above.clone(), listed.contains(&other).then(|| generation(&other))?),
            denominator: Side::Count(below.clone(), generation(&number)),
            prefix: vec![number],
        })
    };
    generations(below).into_iter().filter_map(ratio).collect()
}

/// What one side of a custom ratio keeps for itself: cells of its measure. Publishers are no cells: both sides are of the same.
fn check_own(counted: &CountedMeasure, filter: &LabelFilter) -> Result<(), Status> {
    if filter.dimension == PUBLISHER {
        let problem = "both sides of a ratio are of the same publishers: filter or group the query by publisher";
        return Err(refusal::invalid("ratios", problem));
    }
    match has_axis(counted, &filter.dimension) {
        true => Ok(()),
        false => Err(no_axis(counted, "ratios", &filter.dimension)),
    }
}

fn custom(asked: &v1::RatioRequest, all: &[Arc<CountedMeasure>], demand: &Demand<'_>) -> Result<Ratio, Status> {
    let wish = asked.custom.clone().ok_or_else(|| refusal::invalid("ratios", "a custom ratio says what it is of"))?;
    let side = |selection: Option<v1::Selection>| {
        let v1::Selection { measure, filters } = selection.unwrap_or_default();
        let counted = measure_named(all, &measure)?.clone();
        let own = read_filters(filters)?;
        own.iter().try_for_each(|filter| check_own(&counted, filter))?;
        Ok::<_, Status>(Side::Count(counted, own))
    };
    let ratio = Ratio {
        name: wish.name.clone(),
        prefix: Vec::new(),
        numerator: side(wish.numerator)?,
        denominator: side(wish.denominator)?,
        asked: asked.clone(),
    };
    if wish.name.is_empty() || wish.name.len() > Dimension::MAX_LABEL {
        return Err(refusal::invalid(
            "ratios",
            format!("give a custom ratio a name of 1 to {} bytes", Dimension::MAX_LABEL),
        ));
    }
    ratio.measures().try_for_each(|counted| demand.check(counted))?;
    Ok(ratio)
}
