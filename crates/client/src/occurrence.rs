//! The lower level: one thing that happened, and what was answered.

use std::{borrow::Cow, collections::BTreeMap};

use tacita_dp::CellIndex;
use tacita_protocol::{
    catalogue::ContentCatalogue,
    channel::Channel,
    domain::Dimension,
    id::MeasureId,
    measure::{Event, Measure, Participation},
    profile::Profile,
    time::WindowId,
};

/// One thing that happened, or was seen not to happen, with its true value. Stays on the device.
///
/// ```
/// use tacita_client::Occurrence;
/// use tacita_protocol::measure::Event;
///
/// let bought = Occurrence::new(Event::Conversion).label("channel", "whatsapp").value(19.90);
/// let shared_a_story = Occurrence::new(Event::ContentShare).label("content", "/2026/a-story");
/// let did_not_share = Occurrence::absent(Event::Share);
/// # assert!(bought.happened && !did_not_share.happened);
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Occurrence {
    /// What it is.
    pub event: Event,
    /// Whether it happened. One that did not opens slots of [`Participation::Session`] alone, with the cell `none`.
    pub happened: bool,
    /// Its label on each dimension, by the dimension's name. One that is missing counts as `other`.
    pub labels: BTreeMap<String, String>,
    /// Its value, for measures with value buckets.
    pub value: Option<f64>,
}

impl Occurrence {
    /// Something happened.
    pub fn new(event: Event) -> Self {
        Self { event, happened: true, labels: BTreeMap::new(), value: None }
    }

    /// A session ended without it. Where a session's presence is private, "it did not happen" is an answer too.
    pub fn absent(event: Event) -> Self {
        Self { happened: false, ..Self::new(event) }
    }

    /// Its label on one dimension.
    #[must_use]
    pub fn label(mut self, dimension: impl Into<String>, label: impl Into<String>) -> Self {
        self.labels.insert(dimension.into(), label.into());
        self
    }

    /// Its value.
    #[must_use]
    pub fn value(mut self, value: f64) -> Self {
        self.value = Some(value);
        self
    }

    /// Whether it opens a slot of `measure`.
    pub(crate) fn opens(&self, measure: &Measure) -> bool {
        measure.event == self.event && (self.happened || measure.participation == Participation::Session)
    }

    /// The channel that it says something was shared to.
    pub(crate) fn shared_to(&self) -> Option<Channel> {
        let is_share = self.happened && matches!(self.event, Event::Share | Event::ContentShare);
        self.labels.get(Dimension::CHANNEL).filter(|_| is_share)?.parse().ok()
    }

    /// The same, with the profile that the device knows where it is to be told and is not said.
    pub(crate) fn with_profile(&self, measure: &Measure, profile: impl Fn(&Measure) -> Profile) -> Cow<'_, Self> {
        let is_said = self.labels.contains_key(Dimension::PROFILE);
        match self.event {
            Event::SharerProfile if !is_said => {
                Cow::Owned(self.clone().label(Dimension::PROFILE, profile(measure).label()))
            }
            _ => Cow::Borrowed(self),
        }
    }

    /// Its cell in `measure`; `None` for the cell `none`.
    pub(crate) fn cell(&self, measure: &Measure, catalogue: Option<&ContentCatalogue>) -> Option<CellIndex> {
        let label = |dimension: &str| Some(self.label_of(measure, dimension));
        self.happened.then(|| measure.cell(catalogue, label))
    }

    fn label_of<'a>(&'a self, measure: &'a Measure, dimension: &str) -> &'a str {
        let told = self.labels.get(dimension).map(String::as_str);
        let bucket = || {
            let value = self.value.filter(|_| dimension == Dimension::VALUE)?;
            measure.domain.value_label(value)
        };
        told.or_else(bucket).unwrap_or(Dimension::OTHER)
    }
}

/// What was answered for one slot, **before noise**. Never leaves the device: for the application's own tests, and for
/// simulations that keep the truth.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Answer {
    /// The measure.
    pub measure: MeasureId,
    /// The slot's window.
    pub window: WindowId,
    /// The slot's ordinal in that window on this device.
    pub slot: u32,
    /// The cell that was put through the randomizer; 0 is `none`.
    pub cell: u32,
    /// Whether the ledger was exhausted, and the cell therefore `none`.
    pub exhausted: bool,
}

/// The slots that one call has answered, **before noise**; see [`Answer`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recorded {
    /// One for each slot answered, in the order of the manifest.
    pub answers: Vec<Answer>,
}

impl Recorded {
    /// The answer to one measure, if a slot of it was answered.
    pub fn answer(&self, measure: MeasureId) -> Option<&Answer> {
        self.answers.iter().find(|answer| answer.measure == measure)
    }
}
