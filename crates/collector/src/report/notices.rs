//! What is said beside the rows: what they leave out, and how not to read them.

use std::sync::Arc;

use tacita_proto::v1;
use tacita_protocol::measure::Event;

use super::{
    answer::{Answer, Unanswered},
    costs::DECLARE,
    fraction::Fractions,
    merge::Slices,
    period::day_of,
};
use crate::catalogue::CountedMeasure;

/// A code for programs, and a message for people.
type Said = (&'static str, String);

impl Answer<'_> {
    /// For the page that has these rows of ratios.
    pub(super) fn notices(
        &self,
        fractions: &[Fractions<'_>],
        rows: &[v1::RatioRow],
    ) -> Result<Vec<v1::Notice>, Unanswered> {
        let needed = self.question.needed();
        let of_range = self.of_range(&needed).into_iter();
        let of_ratios = self.of_ratios(fractions, rows);
        let all = of_range.chain(self.of_question(&needed)).chain(of_ratios).chain(self.of_tallies(&needed)?);
        Ok(all.map(|(code, message)| v1::Notice { code: code.to_owned(), message }).collect())
    }

    /// What there is in the range, and what is there no more, or not yet.
    fn of_range(&self, needed: &[Arc<CountedMeasure>]) -> Vec<Said> {
        let (question, now, mut said) = (self.question, self.evidence.now, Vec::new());
        let least = question.campaign.policy.reports_per_window;
        let wholes = || self.slices.values().map(Slices::whole);
        let reports: u64 = wholes().map(|whole| whole.reports).sum();
        if needed.is_empty() {
            let message = "this campaign has no measure yet, so nothing is counted: its operator creates them";
            said.push(("NO_MEASURES", message.to_owned()));
        } else if self.range.from > now {
            let day = day_of(self.range.from);
            let message = format!("the range begins on {day}, which has not come: nothing can be counted yet");
            said.push(("RANGE_AHEAD", message));
        } else if reports == 0 && wholes().all(|whole| whole.hidden(least).is_none()) {
            said.push(("NO_REPORTS", "nothing was counted in this range".to_owned()));
        }
        let asked = question.span.whole();
        let earliest = question.shift.map_or(asked.from, |shift| asked.earlier(shift).from);
        if earliest < self.evidence.deleted_before {
            let day = day_of(self.evidence.deleted_before);
            let message =
                format!("what was counted before {day} is deleted, as it is past its time: it is in no number here");
            said.push(("DELETED", message));
        }
        if needed.iter().any(|counted| !self.is_settled(counted, self.range)) && reports > 0 {
            said.push(("NOT_SETTLED", "the last windows still take reports: their numbers grow".to_owned()));
        }
        said
    }

    /// How not to read what was asked for.
    fn of_question(&self, needed: &[Arc<CountedMeasure>]) -> Vec<Said> {
        let (question, mut said) = (self.question, Vec::new());
        if !question.left_out.is_empty() {
            let names = question.left_out.join(", ");
            let message = format!("{names} cannot be grouped, filtered or cut so: name them to learn why");
            said.push(("MEASURES_LEFT_OUT", message));
        }
        if question.top.is_some() {
            let message = "the largest of many estimates are too large on average: read them in another range before \
                           relying on them";
            said.push(("LARGEST_OF_MANY", message.to_owned()));
        }
        if needed.iter().any(|counted| counted.measure.event.is_once_per_window()) {
            let message = "devices add up over windows and publishers: one counts once in each";
            said.push(("GROSS_REACH", message.to_owned()));
        }
        if needed.iter().any(|counted| counted.measure.event == Event::SharerProfile) {
            let message = "profiles are of devices that came back: each is told, in the window of the report, of the \
                           window before; the share sheet and copied links do not tell where they went and count as neither";
            said.push(("RETURNING_DEVICES", message.to_owned()));
        }
        said
    }

    /// What ratios rest on, and which are not there.
    fn of_ratios(&self, fractions: &[Fractions<'_>], rows: &[v1::RatioRow]) -> Vec<Said> {
        let asks = |kind: v1::RatioKind| self.question.ratios.iter().any(|ratio| ratio.asked.kind == kind as i32);
        let mut said = Vec::new();
        if asks(v1::RatioKind::Roi) {
            let message = "values are those declared for a bucket, or its middle: the interval holds the noise, not the \
                           width of the buckets";
            said.push(("BUCKET_VALUES", message.to_owned()));
        }
        said.extend(without_cost(fractions, rows).map(|message| ("COST_MISSING", message)));
        let names = distinct(fractions.iter().map(Fractions::name));
        said.extend(names.into_iter().filter_map(|name| without_rows(name, fractions)));
        if asks(v1::RatioKind::DirectInferred) {
            let message =
                "inferred arrivals are an upper bound of dark social: bookmarks and links in documents are among them";
            said.push(("INFERRED_IS_A_BOUND", message.to_owned()));
        }
        said
    }

    /// What of each measure is hidden, and whose reports can hardly be honest.
    fn of_tallies(&self, needed: &[Arc<CountedMeasure>]) -> Result<Vec<Said>, Unanswered> {
        let (least, mut said) = (self.question.campaign.policy.reports_per_window, Vec::new());
        for counted in needed {
            let name = counted.measure.name.as_str();
            let whole = self.slices.get(&counted.measure.id).map(Slices::whole);
            if let Some((whole, hidden)) = whole.and_then(|whole| Some((whole, whole.hidden(least)?))) {
                said.push(("HIDDEN_WINDOWS", hidden_windows(name, whole.reports == 0, hidden)));
            }
            for fit in self.fits_of(counted)?.iter().filter(|fit| fit.suspicious) {
                let (publisher, finding) = (&fit.publisher, &fit.finding);
                let message = format!("{publisher}'s reports of {name} can hardly be honest: {finding}");
                said.push(("SUSPICIOUS_REPORTS", message));
            }
        }
        Ok(said)
    }
}

/// What no ratio is told of, as it takes a cost that was not declared: groups that have no row, and rows without numbers.
fn without_cost(fractions: &[Fractions<'_>], rows: &[v1::RatioRow]) -> Option<String> {
    let groups = distinct(fractions.iter().flat_map(|one| &one.untold().without_cost));
    let of_what = match groups[..] {
        [] if rows.iter().any(|row| row.numerator.is_none() || row.denominator.is_none()) => "some of these periods",
        [] => return None,
        [""] => "this range",
        _ => &format!("{} in this range", some_of(&groups)),
    };
    Some(format!("no cost is declared for {of_what}, so no ratio is told of it: {DECLARE}"))
}

/// Why a ratio has no row for some of what was asked for, or none at all.
fn without_rows(name: &str, fractions: &[Fractions<'_>]) -> Option<Said> {
    let of_name = || fractions.iter().filter(|one| one.name() == name);
    let fixed = distinct(of_name().flat_map(|one| &one.untold().fixed));
    let of_what = match fixed[..] {
        [] if of_name().all(|one| one.is_empty() && one.untold().without_cost.is_empty()) => {
            return Some((
                "NO_COMMON_GROUP",
                format!("{name} has no row: nothing that is asked for has both of its sides"),
            ));
        }
        [] => return None,
        [""] => String::new(),
        _ => format!(" for {}", some_of(&fixed)),
    };
    let message = format!(
        "{name} is not told{of_what}: what is asked for holds all that it divides by above the line, or nothing of it, so that it is \
         1 or 0 whatever was counted"
    );
    Some(("FIXED_RATIO", message))
}

/// What is left out of a measure, of which nothing else may be there.
fn hidden_windows(measure: &str, nothing_shown: bool, hidden: v1::Hidden) -> String {
    let v1::Hidden { windows, reports, reports_per_window: least, more_reports } = hidden;
    let counted = |number: u64, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    let (verb, next) = (if windows == 1 { "is" } else { "are" }, if nothing_shown { "first" } else { "next" });
    format!(
        "{} of {measure} {verb} hidden, {} in all: the campaign's policy shows a publisher's part of a window from {least} reports on \
         (reports-per-window); {} in one would show the {next}",
        counted(windows.into(), "window"),
        counted(reports, "report"),
        counted(more_reports, "more report"),
    )
}

/// Names, each once.
fn distinct<'n>(names: impl Iterator<Item = &'n (impl AsRef<str> + ?Sized + 'n)>) -> Vec<&'n str> {
    let mut names: Vec<&str> = names.map(AsRef::as_ref).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The first of many names, for a message.
pub(super) fn some_of(names: &[&str]) -> String {
    const SOME: usize = 10;
    let more = if names.len() > SOME { ", …" } else { "" };
    names[..names.len().min(SOME)].join(", ") + more
}
