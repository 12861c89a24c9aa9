//! From tallies to what a brand is told: pure functions, and the only way to a number.
//!
//! The tallies of each period (and publisher, where publishers are told apart) are added up and estimated once; a row is the sum of a group of
//! cells of that one histogram, with its exact variance. No report at all is no noise at all: every total is then 0 from 0 to 0.

use std::{
    cell::RefCell,
    collections::HashMap,
    ops::Range,
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tacita_dp::{CellIndex, Error, Estimate, Histogram};
use tacita_proto::v1;
use tacita_protocol::{
    domain::Domain,
    id::{MeasureId, PublisherId},
    measure::{Event, Measure},
    time::{UnixTime, WindowId},
};
use tonic::Status;

use super::{
    axes::{Groups, PUBLISHER},
    fit,
    fraction::Fractions,
    merge::Slices,
    number::{self, Amplification},
    period::{Period, day_of},
    question::Question,
    tallies::Series,
};
use crate::{catalogue::CountedMeasure, pool::Limit, refusal};

/// The most rows of all pages of an answer.
const MAX_ROWS: u64 = 1_000_000;
/// The most periods.
const MAX_PERIODS: usize = 100_000;

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
    evidence: &'a Evidence,
    whole: Period,
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
        let whole = whole(question, evidence);
        let periods = question.granularity.cut(whole, MAX_PERIODS).ok_or_else(too_many_rows)?;
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
        let state = state(question, evidence);
        let fits = RefCell::default();
        Ok(Self { question, amplification, abandoned, periods, slices, compared, evidence, whole, fits, state })
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
        if total > MAX_ROWS {
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
        Ok(v1::QueryResponse {
            query: Some(question.to_wire()),
            measures: tables.iter().map(Table::about).collect::<Result<_, _>>()?,
            rows,
            ratios,
            next_page_token: if (page.end as u64) < total { self.token(page.end) } else { String::new() },
            total_rows: total,
            notices: self.notices()?,
            state: self.state.clone(),
        })
    }

    /// Changes with every count that the answer rests on.
    pub(crate) fn state(&self) -> &str {
        &self.state
    }

    /// Which publishers' reports of a measure can be honest.
    fn fits_of(&self, counted: &CountedMeasure) -> Result<Vec<v1::PublisherFit>, Unanswered> {
        let id = counted.measure.id;
        if let Some(known) = self.fits.borrow().get(&id) {
            return Ok(known.clone());
        }
        self.go_on()?;
        let found = match self.evidence.series.get(&id) {
            Some(series) => {
                let least = self.question.campaign.policy.reports_per_window;
                fit::of_publishers(counted, series, self.whole, &self.question.publishers, least)?
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
                let message = "reports were counted, or the query changed, since the first page: begin again with it";
                Err(refusal::aborted("PAGES_CHANGED", message))
            }
            None => Err(refusal::invalid("page_token", "give 'next_page_token' of the page before, or nothing")),
        }
    }

    fn notices(&self) -> Result<Vec<v1::Notice>, Unanswered> {
        let question = self.question;
        let mut notices = Vec::new();
        let mut say = |code: &str, message: String| notices.push(v1::Notice { code: code.to_owned(), message });
        let least = question.campaign.policy.reports_per_window;
        let needed = question.needed();
        let reports: u64 = self.slices.values().map(|slices| slices.whole().reports).sum();
        if self.whole.from > self.evidence.now {
            let day = day_of(self.whole.from);
            say("RANGE_AHEAD", format!("the range begins on {day}, which has not come: nothing can be counted yet"));
        } else if reports == 0 {
            say("NO_REPORTS", "nothing was counted in this range".to_owned());
        }
        let asked = question.span.whole();
        let earliest = question.shift.map_or(asked.from, |shift| asked.earlier(shift).from);
        if earliest < self.evidence.deleted_before {
            let day = day_of(self.evidence.deleted_before);
            let message =
                format!("what was counted before {day} is deleted, as it is past its time: it is in no number here");
            say("DELETED", message);
        }
        if needed.iter().any(|counted| !self.is_settled(counted, self.whole)) && reports > 0 {
            say("NOT_SETTLED", "the last windows still take reports: their numbers grow".to_owned());
        }
        if !question.left_out.is_empty() {
            let names = question.left_out.join(", ");
            say("MEASURES_LEFT_OUT", format!("{names} cannot be grouped, filtered or cut so: name them to learn why"));
        }
        if question.top.is_some() {
            let message = "the largest of many estimates are too large on average: read them in another range before \
                           relying on them";
            say("LARGEST_OF_MANY", message.to_owned());
        }
        if needed.iter().any(|counted| counted.measure.event.is_once_per_window()) {
            let message = "devices add up over windows and publishers: one counts once in each";
            say("GROSS_REACH", message.to_owned());
        }
        if needed.iter().any(|counted| counted.measure.event == Event::SharerProfile) {
            let message = "profiles are of devices that came back: each is told, in the window of the report, of the \
                           window before; the share sheet and copied links do not tell where they went and count as neither";
            say("RETURNING_DEVICES", message.to_owned());
        }
        let kinds = question.ratios.iter().filter_map(|ratio| v1::RatioKind::try_from(ratio.asked.kind).ok());
        if kinds.clone().any(|kind| kind == v1::RatioKind::Roi) {
            let message = "values are those declared for a bucket, or its middle: the interval holds the noise, not the \
                           width of the buckets";
            say("BUCKET_VALUES", message.to_owned());
        }
        if kinds.clone().any(|kind| kind == v1::RatioKind::DirectInferred) {
            let message =
                "inferred arrivals are an upper bound of dark social: bookmarks and links in documents are among them";
            say("INFERRED_IS_A_BOUND", message.to_owned());
        }
        for counted in &needed {
            let hidden = self.slices.get(&counted.measure.id).and_then(|one| one.whole().hidden(least));
            if let Some(v1::Hidden { windows, reports, reports_per_window, more_reports }) = hidden {
                let name = &counted.measure.name;
                let message = format!(
                    "{windows} windows of {name} are hidden, {reports} reports in all: each has fewer than {reports_per_window}; \
                     {more_reports} more reports show the next"
                );
                say("HIDDEN_WINDOWS", message);
            }
            for fit in self.fits_of(counted)?.iter().filter(|fit| fit.suspicious) {
                let (publisher, measure, finding) = (&fit.publisher, &counted.measure.name, &fit.finding);
                let message = format!("{publisher}'s reports of {measure} can hardly be honest: {finding}");
                say("SUSPICIOUS_REPORTS", message);
            }
        }
        Ok(notices)
    }
}

/// The range with both ends: where it is open, from the first to the last window that holds reports.
fn whole(question: &Question, evidence: &Evidence) -> Period {
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

/// A digest of the question and of the counts that it rests on.
fn state(question: &Question, evidence: &Evidence) -> String {
    let mut digest = Sha256::new();
    digest.update(question.to_wire().encode_to_vec());
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
    let problem =
        format!("the answer has more than {MAX_ROWS} rows: take a coarser granularity, a shorter range, or 'top'");
    let limit = Limit { name: "rows", value: MAX_ROWS as usize };
    refusal::beyond_because("TOO_MANY_ROWS", "granularity", limit, problem)
}

/// The rows of one measure: by period, then by publisher, then by group.
struct Table<'a> {
    answer: &'a Answer<'a>,
    counted: &'a CountedMeasure,
    groups: Groups<'a>,
    publishers: Vec<Option<PublisherId>>,
    per_period: usize,
}

/// The histograms of one period, each made when it is first asked for.
pub(crate) struct Histograms<'a> {
    slices: &'a Slices,
    counted: &'a CountedMeasure,
    period: usize,
    made: HashMap<Option<PublisherId>, Rc<Histogram>>,
}

impl<'a> Histograms<'a> {
    pub(crate) fn new(slices: &'a Slices, counted: &'a CountedMeasure, period: usize) -> Self {
        Self { slices, counted, period, made: HashMap::new() }
    }

    pub(crate) fn get(&mut self, publisher: Option<PublisherId>) -> Result<Rc<Histogram>, Error> {
        if let Some(made) = self.made.get(&publisher) {
            return Ok(made.clone());
        }
        let made = self.slices.histogram(self.counted, self.period, publisher)?;
        self.made.insert(publisher, made.clone());
        Ok(made)
    }

    /// The reports that a histogram is made of.
    pub(crate) fn reports(&self, publisher: Option<PublisherId>) -> u64 {
        self.slices.get(self.period, publisher).reports
    }
}

impl<'a> Table<'a> {
    fn new(answer: &'a Answer<'a>, counted: &'a CountedMeasure) -> Result<Self, Unanswered> {
        let question = answer.question;
        let axes = question.grouping.of(counted);
        let groups = Groups::new(counted, &question.campaign.declaration, &axes, &question.filters)?;
        let publishers = answer.publishers();
        let per_period = groups.len().saturating_mul(publishers.len()).min(question.top.unwrap_or(usize::MAX));
        Ok(Self { answer, counted, groups, publishers, per_period })
    }

    fn len(&self) -> usize {
        self.per_period.saturating_mul(self.answer.periods.len())
    }

    /// Adds the rows `part` of this table.
    fn rows(&self, part: Range<usize>, rows: &mut Vec<v1::Row>) -> Result<(), Unanswered> {
        let mut next = part.start;
        while next < part.end {
            self.answer.go_on()?;
            let period = next / self.per_period;
            let end = part.end.min((period + 1) * self.per_period);
            let first = period * self.per_period;
            self.rows_of_period(period, next - first..end - first, rows)?;
            next = end;
        }
        Ok(())
    }

    fn rows_of_period(&self, period: usize, part: Range<usize>, rows: &mut Vec<v1::Row>) -> Result<(), Unanswered> {
        let id = self.counted.measure.id;
        let mut histograms = Histograms::new(&self.answer.slices[&id], self.counted, period);
        let mut compared = self.answer.compared.get(&id).map(|slices| Histograms::new(slices, self.counted, period));
        let order = match self.answer.question.top {
            Some(_) => Some(self.largest(&mut histograms)?),
            None => None,
        };
        for place in part {
            let (publisher, group) = match &order {
                Some(order) => order[place],
                None => (place / self.groups.len(), place % self.groups.len()),
            };
            rows.push(self.row(period, self.publishers[publisher], group, &mut histograms, compared.as_mut())?);
        }
        Ok(())
    }

    /// Publishers and groups with the largest estimates, largest first.
    fn largest(&self, histograms: &mut Histograms<'_>) -> Result<Vec<(usize, usize)>, Unanswered> {
        let mut all: Vec<(f64, usize, usize)> = Vec::with_capacity(self.groups.len() * self.publishers.len());
        for (place, &publisher) in self.publishers.iter().enumerate() {
            self.answer.go_on()?;
            let histogram = histograms.get(publisher)?;
            let count = |&cell: &CellIndex| histogram.cells()[cell.get() as usize].count;
            let count = |group: usize| -> f64 { self.groups.cells(group).iter().map(count).sum() };
            all.extend((0..self.groups.len()).map(|group| (count(group), place, group)));
        }
        let descending =
            |a: &(f64, usize, usize), b: &(f64, usize, usize)| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2)));
        if self.per_period < all.len() && self.per_period > 0 {
            all.select_nth_unstable_by(self.per_period - 1, descending);
            all.truncate(self.per_period);
        }
        all.sort_unstable_by(descending);
        Ok(all.into_iter().map(|(_, publisher, group)| (publisher, group)).collect())
    }

    fn row(
        &self,
        period: usize,
        publisher: Option<PublisherId>,
        group: usize,
        histograms: &mut Histograms<'_>,
        compared: Option<&mut Histograms<'_>>,
    ) -> Result<v1::Row, Unanswered> {
        let id = self.counted.measure.id;
        let cells = self.groups.cells(group);
        let slice = self.answer.slices[&id].get(period, publisher);
        let found = histograms.get(publisher)?.subset_sum(cells)?;
        let leverage = self.groups.leverage(&self.counted.mechanism, group)?;
        let compared = match (compared, self.answer.compared_with(period)) {
            (Some(histograms), Some(earlier)) => {
                let that = histograms.get(publisher)?.subset_sum(cells)?;
                let told = number::total(that, histograms.reports(publisher), leverage);
                Some(compared_row(found, that, earlier, told, histograms.reports(publisher)))
            }
            _ => None,
        };
        let amplified = self.answer.amplification.of(id, &self.counted.mechanism, slice.smallest)?;
        Ok(v1::Row {
            measure: self.counted.measure.name.to_string(),
            period: Some(self.answer.periods[period].into()),
            labels: self.answer.with_publisher(self.groups.labels(group), publisher),
            estimate: Some(number::total(found, slice.reports, leverage)),
            reports: slice.reports,
            share: if slice.reports == 0 { 0.0 } else { found.count / slice.reports as f64 },
            amplified_epsilon: amplified,
            settled: self.answer.is_settled(self.counted, self.answer.periods[period]),
            compared,
            cell: if let [only] = cells { Some(only.get()) } else { None },
            hidden: slice.hidden(self.answer.question.campaign.policy.reports_per_window),
        })
    }

    /// What holds for all rows.
    fn about(&self) -> Result<v1::MeasureAnswer, Unanswered> {
        let (id, mechanism) = (self.counted.measure.id, &self.counted.mechanism);
        let slices = &self.answer.slices[&id];
        let whole = slices.whole();
        let none = match whole.reports {
            0 => Estimate::default(),
            _ => slices.whole_histogram(self.counted)?.cells()[Domain::NONE],
        };
        Ok(v1::MeasureAnswer {
            measure: Some(told_measure(&self.counted.measure)),
            group_by: self.answer.question.grouping.of(self.counted),
            reports: whole.reports,
            windows: whole.windows,
            none: Some(number::estimate(none, whole.reports)),
            privacy: Some(self.answer.amplification.privacy(id, mechanism, whole.smallest)?),
            fits: self.answer.fits_of(self.counted)?,
            hidden: whole.hidden(self.answer.question.campaign.policy.reports_per_window),
        })
    }
}

/// A measure as brands are told of it: by its name. Its number counts the measures of all brands, which is nobody's affair.
pub(crate) fn told_measure(measure: &Measure) -> v1::Measure {
    v1::Measure { id: 0, ..measure.into() }
}

fn compared_row(this: Estimate, that: Estimate, period: Period, told: v1::Estimate, reports: u64) -> v1::ComparedRow {
    v1::ComparedRow {
        period: Some(period.into()),
        estimate: Some(told),
        reports,
        difference: Some(number::change(this, that)),
        ratio: Some(number::ratio(tacita_dp::fieller(this, that, number::LEVEL), reports)),
    }
}
