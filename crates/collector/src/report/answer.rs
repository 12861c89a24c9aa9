//! From tallies to what a brand is told: pure functions, and the only way to a number.
//!
//! Holds what all rows are made from, and puts a page together. The rows are in `rows` and `fraction`, what is said
//! beside them in `notices`.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tacita_dp::Error;
use tacita_proto::v1;
use tacita_protocol::{
    id::{MeasureId, PublisherId},
    measure::Measure,
    time::{UnixTime, WindowId},
};
use tonic::Status;

use super::{
    axes::PUBLISHER, fit, fraction::Fractions, merge::Slices, number::Amplification, period::Period,
    question::Question, rows::Table, tallies::Series,
};
use crate::{catalogue::CountedMeasure, pool::Limit, refusal};

/// The most rows of all pages of an answer.
const MAX_ROWS: Limit = Limit { name: "rows", value: 1_000_000 };
/// The most rows behind a view, which has no pages.
const MAX_VIEW_ROWS: Limit = Limit { name: "view_rows", value: 10_000 };
/// The most periods of a range, whatever their rows.
const MAX_PERIODS: Limit = Limit { name: "periods", value: 100_000 };

/// What a question is answered from.
pub(crate) struct Evidence {
    /// The tallies of each measure that the question needs, in the range.
    pub(crate) series: HashMap<MeasureId, Series>,
    /// The same in the range compared with.
    pub(crate) compared: HashMap<MeasureId, Series>,
    /// The first window of each measure that may still change.
    pub(crate) first_open: HashMap<MeasureId, WindowId>,
    /// What was counted in windows that had ended by then is deleted.
    pub(crate) deleted_before: UnixTime,
    pub(crate) now: UnixTime,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The question cannot be.
    Refused(Status),
    /// The store is damaged: nothing may be published from it.
    Damaged(Error),
    /// Nobody waits for it any more.
    Abandoned,
}

impl From<Status> for Unanswered {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Self {
        Self::Damaged(error)
    }
}

impl From<Unanswered> for Status {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Refused(status) => status,
            Unanswered::Damaged(error) => refusal::internal(error),
            Unanswered::Abandoned => Status::cancelled("nobody waits for this answer any more"),
        }
    }
}

/// A question with all that its rows are made from.
pub(crate) struct Answer<'a> {
    pub(crate) question: &'a Question,
    pub(crate) amplification: &'a Amplification,
    abandoned: &'a AtomicBool,
    /// The periods of the answer, rising; of those compared with, each as much earlier.
    pub(crate) periods: Vec<Period>,
    pub(crate) slices: HashMap<MeasureId, Slices>,
    pub(crate) compared: HashMap<MeasureId, Slices>,
    pub(super) evidence: &'a Evidence,
    /// With both its ends.
    pub(super) range: Period,
    /// By measure, found when first asked for: which publishers' reports can be honest.
    fits: RefCell<HashMap<MeasureId, Vec<v1::PublisherFit>>>,
    state: String,
}

impl<'a> Answer<'a> {
    /// Adds up the tallies of each period.
    pub(crate) fn new(
        question: &'a Question,
        evidence: &'a Evidence,
        amplification: &'a Amplification,
        abandoned: &'a AtomicBool,
    ) -> Result<Self, Unanswered> {
        let range = range(question, evidence);
        let periods = question.granularity.cut(range, MAX_PERIODS.value).ok_or_else(too_many_periods)?;
        // Nothing can have been counted in a period that has not begun, but for clocks that differ.
        let begun = |period: &Period| periods.len() == 1 || period.from <= evidence.now;
        let periods: Vec<Period> = periods.iter().copied().filter(begun).collect();
        let shifted: Vec<Period> =
            question.shift.map_or_else(Vec::new, |shift| periods.iter().map(|p| p.earlier(shift)).collect());
        let (mut slices, mut compared) = (HashMap::new(), HashMap::new());
        for counted in question.needed() {
            let id = counted.measure.id;
            let merged = |series: &HashMap<MeasureId, Series>, periods: &[Period]| {
                let keep = |publisher| question.publishers.iter().any(|(id, _)| *id == publisher);
                let none = Series::default();
                let (least, series) = (question.campaign.policy.reports_per_window, series.get(&id).unwrap_or(&none));
                Slices::merge(&counted, series, periods, question.by_publisher(), least, keep)
            };
            slices.insert(id, merged(&evidence.series, &periods)?);
            if question.shift.is_some() {
                compared.insert(id, merged(&evidence.compared, &shifted)?);
            }
        }
        let state = state(question, evidence, &periods);
        let fits = RefCell::default();
        Ok(Self { question, amplification, abandoned, periods, slices, compared, evidence, range, fits, state })
    }

    /// Fails when nobody waits any more.
    pub(crate) fn go_on(&self) -> Result<(), Unanswered> {
        if self.abandoned.load(Relaxed) { Err(Unanswered::Abandoned) } else { Ok(()) }
    }

    /// The publishers of a table: one place for all, or one for each.
    pub(crate) fn publishers(&self) -> Vec<Option<PublisherId>> {
        match self.question.by_publisher() {
            true => self.question.publishers.iter().map(|&(id, _)| Some(id)).collect(),
            false => vec![None],
        }
    }

    /// A group's labels with the publisher's name where the question asks for it.
    pub(crate) fn with_publisher(&self, mut labels: Vec<String>, publisher: Option<PublisherId>) -> Vec<String> {
        let place = self.question.grouping.axes().iter().position(|axis| axis == PUBLISHER);
        let name = self.question.publishers.iter().find(|(id, _)| Some(*id) == publisher);
        if let (Some(place), Some((_, name))) = (place, name) {
            labels.insert(place, name.clone());
        }
        labels
    }

    /// Whether no window of a period takes reports any more.
    pub(crate) fn is_settled(&self, counted: &CountedMeasure, period: Period) -> bool {
        let first_open = self.evidence.first_open.get(&counted.measure.id).copied().unwrap_or(WindowId(0));
        period.windows(counted.measure.window).end <= first_open
    }

    /// The period that a period is compared with.
    pub(crate) fn compared_with(&self, period: usize) -> Option<Period> {
        self.question.shift.map(|shift| self.periods[period].earlier(shift))
    }

    /// One page: the rows `rows` of all.
    pub(crate) fn page(&self, size: usize, token: &str) -> Result<v1::QueryResponse, Unanswered> {
        let question = self.question;
        let tables =
            question.measures.iter().map(|counted| Table::new(self, counted)).collect::<Result<Vec<_>, _>>()?;
        let fractions =
            question.ratios.iter().map(|ratio| Fractions::new(self, ratio)).collect::<Result<Vec<_>, Unanswered>>()?;
        let lengths = tables.iter().map(Table::len).chain(fractions.iter().map(Fractions::len));
        let total: u64 = lengths.clone().map(|length| length as u64).sum();
        if total > MAX_ROWS.value as u64 {
            return Err(too_many_rows().into());
        }
        let begin = self.offset(token)?;
        let page = begin..begin.saturating_add(size).min(total as usize);
        let mut parts = Vec::new();
        let mut before = 0;
        for length in lengths {
            let within = |place: usize| place.saturating_sub(before).min(length);
            parts.push(within(page.start)..within(page.end));
            before += length;
        }
        let (mut rows, mut ratios) = (Vec::new(), Vec::new());
        for (table, part) in tables.iter().zip(&parts) {
            table.rows(part.clone(), &mut rows)?;
        }
        for (fraction, part) in fractions.iter().zip(&parts[tables.len()..]) {
            fraction.rows(part.clone(), &mut ratios)?;
        }
        let notices = self.notices(&fractions, &ratios)?;
        Ok(v1::QueryResponse {
            query: Some(question.to_wire()),
            measures: tables.iter().map(Table::about).collect::<Result<_, _>>()?,
            rows,
            ratios,
            next_page_token: if (page.end as u64) < total { self.token(page.end) } else { String::new() },
            total_rows: total,
            notices,
            state: self.state.clone(),
        })
    }

    /// All rows at once, for a view.
    ///
    /// # Errors
    /// `TOO_MANY_ROWS`: a view of some of them would look like one of all.
    pub(crate) fn whole(&self) -> Result<v1::QueryResponse, Unanswered> {
        let page = self.page(MAX_VIEW_ROWS.value, "")?;
        if page.next_page_token.is_empty() {
            return Ok(page);
        }
        let problem = format!(
            "the view has {} rows, of {} at most: keep fewer labels, or group by another dimension",
            page.total_rows, MAX_VIEW_ROWS.value
        );
        Err(refusal::beyond_because("TOO_MANY_ROWS", "filters", MAX_VIEW_ROWS, problem).into())
    }

    /// Changes with all that the answer's rows follow from.
    pub(crate) fn state(&self) -> &str {
        &self.state
    }

    /// Which publishers' reports of a measure can be honest.
    pub(super) fn fits_of(&self, counted: &CountedMeasure) -> Result<Vec<v1::PublisherFit>, Unanswered> {
        let id = counted.measure.id;
        if let Some(known) = self.fits.borrow().get(&id) {
            return Ok(known.clone());
        }
        self.go_on()?;
        let found = match self.evidence.series.get(&id) {
            Some(series) => {
                let least = self.question.campaign.policy.reports_per_window;
                fit::of_publishers(counted, series, self.range, &self.question.publishers, least)?
            }
            None => Vec::new(),
        };
        self.fits.borrow_mut().insert(id, found.clone());
        Ok(found)
    }

    fn token(&self, offset: usize) -> String {
        format!("{offset}.{}", self.state)
    }

    fn offset(&self, token: &str) -> Result<usize, Status> {
        if token.is_empty() {
            return Ok(0);
        }
        let parsed = token.split_once('.').and_then(|(offset, state)| Some((offset.parse().ok()?, state)));
        match parsed {
            Some((offset, state)) if state == self.state => Ok(offset),
            Some(_) => {
                let message = "reports were counted, something was declared, a period has begun or the query changed since the \
                               first page: begin again with it";
                Err(refusal::aborted("PAGES_CHANGED", message))
            }
            None => Err(refusal::invalid("page_token", "give 'next_page_token' of the page before, or nothing")),
        }
    }
}

/// The range with both ends: where it is open, from the first to the last window that holds reports.
fn range(question: &Question, evidence: &Evidence) -> Period {
    let mut hull: Option<Period> = None;
    for counted in question.needed() {
        let length = counted.measure.window;
        let Some(series) = evidence.series.get(&counted.measure.id) else { continue };
        if let Some((first, last)) = series.ends() {
            let of_measure = Period { from: length.start_of(first), to: length.end_of(last) };
            hull = Some(hull.map_or(of_measure, |hull| Period {
                from: hull.from.min(of_measure.from),
                to: hull.to.max(of_measure.to),
            }));
        }
    }
    let span = question.span;
    let from = match span.from.0 {
        0 => hull.map_or(span.from, |hull| hull.from),
        _ => span.from,
    };
    let open_end = hull.map_or(span.from.max(evidence.now), |hull| hull.to);
    Period { from, to: span.to.unwrap_or(open_end).max(from) }
}

/// A digest of the question, of what the brand has declared, of the periods that have begun, and of the counts that the
/// answer rests on: what its rows follow from.
fn state(question: &Question, evidence: &Evidence, periods: &[Period]) -> String {
    let mut digest = Sha256::new();
    digest.update(question.to_wire().encode_to_vec());
    digest.update(question.campaign.declaration.to_wire().encode_to_vec());
    digest.update((periods.len() as u64).to_be_bytes());
    for counted in question.needed() {
        digest.update(counted.measure.name.as_str());
        digest.update([0]);
        for tallies in [&evidence.series, &evidence.compared] {
            let series = tallies.get(&counted.measure.id).into_iter().flat_map(Series::iter);
            for tally in series {
                digest.update(tally.publisher.0.to_be_bytes());
                digest.update(tally.window.0.to_be_bytes());
                digest.update(tally.reports.to_be_bytes());
            }
            digest.update([0]);
        }
    }
    hex::encode(&digest.finalize()[..12])
}

fn too_many_rows() -> Status {
    let most = MAX_ROWS.value;
    let problem =
        format!("the answer has more than {most} rows: take a coarser granularity, a shorter range, or 'top'");
    refusal::beyond_because("TOO_MANY_ROWS", "granularity", MAX_ROWS, problem)
}

fn too_many_periods() -> Status {
    let most = MAX_PERIODS.value;
    let problem = format!("the range has more than {most} periods: take a coarser granularity, or a shorter range");
    refusal::beyond_because("TOO_MANY_ROWS", "granularity", MAX_PERIODS, problem)
}

/// A measure as brands are told of it: by its name. Its number counts the measures of all brands, which is nobody's affair.
pub(crate) fn told_measure(measure: &Measure) -> v1::Measure {
    v1::Measure { id: 0, ..measure.into() }
}
