//! Measures: one histogram each, over a finite, labelled domain, fixed at creation.

use serde::{Deserialize, Serialize};
use tacita_dp::{CellIndex, Epsilon, Mechanism};
use tacita_proto::v1;

use crate::{
    catalogue::ContentCatalogue,
    domain::{Dimension, Domain, InvalidDomain},
    id::{CampaignId, InvalidName, MeasureId, Name},
    profile::Profile,
    time::{InvalidWindowLength, WindowLength},
};

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A page session began; value: arrival channel.
    Arrival,
    /// First session of a device in a window; value: arrival channel. Counts devices.
    Reach,
    /// Something was shared; value: the channel shared to.
    Share,
    /// A conversion; value: the channel it is attributed to, and its value bucket.
    Conversion,
    /// Something was shared; value: which content.
    ContentShare,
    /// First session of a device in a window; value: its [`Profile`] over the window before.
    SharerProfile,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 6] =
        [Self::Arrival, Self::Reach, Self::Share, Self::Conversion, Self::ContentShare, Self::SharerProfile];

    /// The event as one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arrival => "arrival",
            Self::Reach => "reach",
            Self::Share => "share",
            Self::Conversion => "conversion",
            Self::ContentShare => "content-share",
            Self::SharerProfile => "sharer-profile",
        }
    }

    /// Whether a device opens one slot in a window, with its first session, and no more.
    pub fn is_once_per_window(self) -> bool {
        matches!(self, Self::Reach | Self::SharerProfile)
    }
}

/// Who opens a slot, and so what is private.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Participation {
    /// The event itself: that it happened is known to the first party, its value is private.
    Event,
    /// Every page session, whether the event happened or not: both are private, at about ten times the noise.
    Session,
}

impl Participation {
    /// The participation as one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Session => "session",
        }
    }
}

/// One histogram.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Measure {
    /// What a report carries.
    pub id: MeasureId,
    /// Whose measure it is.
    pub campaign: CampaignId,
    /// Unique within the campaign.
    pub name: Name,
    /// What it counts.
    pub event: Event,
    /// Who opens a slot.
    pub participation: Participation,
    /// The cells.
    pub domain: Domain,
    /// Local privacy of one report, in millionths of ε.
    #[serde(with = "micro_epsilon")]
    pub epsilon: Epsilon,
    /// How long it counts before it begins anew.
    pub window: WindowLength,
}

impl Measure {
    /// The mechanism that answers this measure: the same rule on the device and at the collector.
    pub fn mechanism(&self) -> Mechanism {
        self.domain.mechanism(self.epsilon)
    }

    /// The cell for a true value: `label_of` gives the value's label on each dimension, by the dimension's name. `catalogue`
    /// is the one that the domain names, if it names one.
    pub fn cell<'a>(
        &self,
        catalogue: Option<&ContentCatalogue>,
        label_of: impl Fn(&str) -> Option<&'a str>,
    ) -> CellIndex {
        self.domain.cell(catalogue, label_of)
    }
}

mod micro_epsilon {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use tacita_dp::Epsilon;

    pub(super) fn serialize<S: Serializer>(epsilon: &Epsilon, serializer: S) -> Result<S::Ok, S::Error> {
        epsilon.micro().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Epsilon, D::Error> {
        Epsilon::from_micro(u32::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The fields do not make a measure.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum InvalidMeasure {
    /// Its name.
    #[error("name: {0}")]
    Name(#[from] InvalidName),
    /// Its event.
    #[error("event: choose arrival, reach, share, conversion, content-share or sharer-profile")]
    Event,
    /// It is once per device and window, so not with every session.
    #[error("participation: {name} opens its slot with the first session of a window; leave it at event", name = .0.name())]
    OncePerWindow(Event),
    /// Its domain.
    #[error("dimensions: {0}")]
    Domain(#[from] InvalidDomain),
    /// It counts shared contents and does not tell them apart.
    #[error(
        "contents: name the contents that this measure tells apart: a catalogue, or labels of the dimension 'content'"
    )]
    NoContents,
    /// It is of sharers' profiles and has not their dimension, or one of a visit or a share.
    #[error(
        "dimensions: sharer-profile has the dimension 'profile' with the labels {labels}; it may add 'cohort', and none \
         of channel, grade, generation, value, content",
        labels = Profile::LABELS.join(", ")
    )]
    Profile,
    /// Who opens its slots.
    #[error("participation: choose event or session; another is of a later version")]
    Participation,
    /// Its ε.
    #[error("epsilon: {0}")]
    Epsilon(String),
    /// Its windows.
    #[error("window: {0}")]
    Window(#[from] InvalidWindowLength),
}

impl From<Event> for v1::Event {
    fn from(event: Event) -> Self {
        match event {
            Event::Arrival => Self::Arrival,
            Event::Reach => Self::Reach,
            Event::Share => Self::Share,
            Event::Conversion => Self::Conversion,
            Event::ContentShare => Self::ContentShare,
            Event::SharerProfile => Self::SharerProfile,
        }
    }
}

impl TryFrom<v1::Event> for Event {
    type Error = InvalidMeasure;

    fn try_from(event: v1::Event) -> Result<Self, InvalidMeasure> {
        match event {
            v1::Event::Unspecified => Err(InvalidMeasure::Event),
            v1::Event::Arrival => Ok(Self::Arrival),
            v1::Event::Reach => Ok(Self::Reach),
            v1::Event::Share => Ok(Self::Share),
            v1::Event::Conversion => Ok(Self::Conversion),
            v1::Event::ContentShare => Ok(Self::ContentShare),
            v1::Event::SharerProfile => Ok(Self::SharerProfile),
        }
    }
}

impl From<Participation> for v1::Participation {
    fn from(participation: Participation) -> Self {
        match participation {
            Participation::Event => Self::Event,
            Participation::Session => Self::Session,
        }
    }
}

impl From<v1::Participation> for Participation {
    /// Unspecified means [`Participation::Event`].
    fn from(participation: v1::Participation) -> Self {
        match participation {
            v1::Participation::Unspecified | v1::Participation::Event => Self::Event,
            v1::Participation::Session => Self::Session,
        }
    }
}

impl From<&Measure> for v1::Measure {
    fn from(measure: &Measure) -> Self {
        Self {
            id: measure.id.0,
            campaign: measure.campaign.0,
            name: measure.name.to_string(),
            event: v1::Event::from(measure.event).into(),
            participation: v1::Participation::from(measure.participation).into(),
            dimensions: measure.domain.dimensions().iter().map(Into::into).collect(),
            epsilon_micro: measure.epsilon.micro(),
            window_seconds: measure.window.seconds(),
        }
    }
}

impl TryFrom<&v1::Measure> for Measure {
    type Error = InvalidMeasure;

    fn try_from(wire: &v1::Measure) -> Result<Self, InvalidMeasure> {
        let event: Event = v1::Event::try_from(wire.event).map_err(|_| InvalidMeasure::Event)?.try_into()?;
        let participation =
            v1::Participation::try_from(wire.participation).map_err(|_| InvalidMeasure::Participation)?.into();
        if event.is_once_per_window() && participation == Participation::Session {
            return Err(InvalidMeasure::OncePerWindow(event));
        }
        let epsilon =
            Epsilon::from_micro(wire.epsilon_micro).map_err(|error| InvalidMeasure::Epsilon(error.to_string()))?;
        let dimensions = wire.dimensions.iter().map(Dimension::try_from).collect::<Result<Vec<_>, _>>()?;
        if event == Event::ContentShare && !dimensions.iter().any(|one| one.name.as_str() == Dimension::CONTENT) {
            return Err(InvalidMeasure::NoContents);
        }
        if event == Event::SharerProfile && !tells_profiles(&dimensions) {
            return Err(InvalidMeasure::Profile);
        }
        let domain = Domain::new(dimensions, epsilon)?;
        Ok(Self {
            id: MeasureId(wire.id),
            campaign: CampaignId(wire.campaign),
            name: wire.name.parse()?,
            event,
            participation,
            domain,
            epsilon,
            window: wire.window_seconds.try_into()?,
        })
    }
}

/// Whether these dimensions tell profiles of devices apart, all of them, and nothing of one visit or one share.
fn tells_profiles(dimensions: &[Dimension]) -> bool {
    let of_an_occurrence =
        [Dimension::CHANNEL, Dimension::GRADE, Dimension::GENERATION, Dimension::VALUE, Dimension::CONTENT];
    dimensions.contains(&Dimension::profile())
        && !dimensions.iter().any(|one| of_an_occurrence.contains(&one.name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> v1::Measure {
        v1::Measure {
            id: 7,
            campaign: 3,
            name: "arrivals".into(),
            event: v1::Event::Arrival.into(),
            participation: v1::Participation::Unspecified.into(),
            dimensions: vec![v1::Dimension {
                name: "channel".into(),
                labels: ["whatsapp", "direct", "other"].map(Into::into).to_vec(),
                catalogue: None,
            }],
            epsilon_micro: 2_000_000,
            window_seconds: 86_400,
        }
    }

    #[test]
    fn a_measure_survives_the_wire() {
        let measure = Measure::try_from(&wire()).unwrap();
        assert_eq!(Measure::try_from(&v1::Measure::from(&measure)), Ok(measure));
    }

    #[test]
    fn each_bad_field_is_named() {
        let broken = |change: fn(&mut v1::Measure)| {
            let mut wire = wire();
            change(&mut wire);
            Measure::try_from(&wire).unwrap_err().to_string()
        };
        assert!(broken(|m| m.name = "Two Words".into()).starts_with("name: "));
        assert!(broken(|m| m.event = 0).starts_with("event: "));
        assert!(broken(|m| m.event = 99).starts_with("event: "));
        assert!(broken(|m| m.participation = 9).starts_with("participation: "));
        assert!(broken(|m| m.epsilon_micro = 0).starts_with("epsilon: "));
        assert!(broken(|m| m.window_seconds = 1).starts_with("window: "));
        assert!(broken(|m| m.dimensions.clear()).starts_with("dimensions: "));
        let reach_by_session = |m: &mut v1::Measure| {
            m.event = v1::Event::Reach.into();
            m.participation = v1::Participation::Session.into();
        };
        assert!(broken(reach_by_session).starts_with("participation: reach "));
        assert!(broken(|m| m.event = v1::Event::ContentShare.into()).starts_with("contents: "));
    }

    #[test]
    fn profiles_are_told_apart_all_four_and_by_nothing_of_a_visit_or_a_share() {
        let with = |dimensions: &[(&str, &[&str])]| {
            let dimension = |(name, labels): &(&str, &[&str])| v1::Dimension {
                name: (*name).into(),
                labels: labels.iter().map(|&label| label.into()).collect(),
                catalogue: None,
            };
            let dimensions = dimensions.iter().map(dimension).collect();
            Measure::try_from(&v1::Measure { event: v1::Event::SharerProfile.into(), dimensions, ..wire() })
        };
        let profile = ("profile", &Profile::LABELS[..]);
        assert_eq!(with(&[profile]).unwrap().domain.cells(), 5);
        assert_eq!(with(&[profile, ("cohort", &["0", "1"])]).unwrap().domain.cells(), 9);
        let reordered = ["both", "neither", "private-only", "public-only"];
        for refused in [
            &[("profile", &Profile::LABELS[..3])][..],
            &[("profile", &reordered)],
            &[("channel", &["whatsapp"])],
            &[profile, ("channel", &["whatsapp"])],
            &[profile, ("content", &["/a"])],
        ] {
            assert_eq!(with(refused), Err(InvalidMeasure::Profile));
        }
        let by_session = v1::Measure {
            event: v1::Event::SharerProfile.into(),
            participation: v1::Participation::Session.into(),
            ..wire()
        };
        assert_eq!(Measure::try_from(&by_session), Err(InvalidMeasure::OncePerWindow(Event::SharerProfile)));
    }
}
