//! What became of a report: the closed set that relays are told and that the collector counts.

use tacita_proto::v1;

/// What became of one report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// Durable at the relay; it will be uploaded.
    Queued,
    /// Durably counted by this request.
    Counted,
    /// The same bytes were counted before: an acknowledgement was lost.
    AlreadyCounted,
    /// Not counted, and never will be.
    Refused(Refusal),
}

/// Why a report was refused. A refusal is final: the same bytes will be refused again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Refusal {
    /// Not the one length that envelopes have.
    WrongLength,
    /// A version or suite that the collector does not speak.
    UnknownVersion,
    /// Sealed for a publisher other than the one that sends it.
    WrongPublisher,
    /// No such epoch is published.
    UnknownEpoch,
    /// The epoch's grace period is over and its key destroyed.
    ClosedEpoch,
    /// It does not open: a forged token, a token of another key, or altered bytes.
    Unauthentic,
    /// The token was spent on other bytes.
    Spent,
    /// The publisher takes part in no such measure.
    UnknownMeasure,
    /// Its window is older than the collector still counts.
    WindowTooOld,
    /// Its window has not begun.
    WindowAhead,
    /// The value is none that the measure's mechanism can produce.
    InvalidValue,
}

/// One row per outcome: the value, its name on the wire, its name for people.
macro_rules! outcomes {
    ($(($($outcome:tt)+) $wire:ident $name:literal;)*) => {
        impl Outcome {
            /// Every outcome, in the order of the wire.
            pub const ALL: &[Self] = &[$($($outcome)+),*];

            /// The outcome as one word, for metrics, logs and screens.
            pub fn name(self) -> &'static str {
                match self { $($($outcome)+ => $name),* }
            }
        }

        impl From<Outcome> for v1::Outcome {
            fn from(outcome: Outcome) -> Self {
                match outcome { $($($outcome)+ => Self::$wire),* }
            }
        }

        impl TryFrom<v1::Outcome> for Outcome {
            type Error = UnknownOutcome;

            fn try_from(outcome: v1::Outcome) -> Result<Self, UnknownOutcome> {
                match outcome {
                    v1::Outcome::Unspecified => Err(UnknownOutcome(0)),
                    $(v1::Outcome::$wire => Ok($($outcome)+)),*
                }
            }
        }
    };
}

outcomes! {
    (Outcome::Queued) Queued "queued";
    (Outcome::Counted) Counted "counted";
    (Outcome::AlreadyCounted) AlreadyCounted "already-counted";
    (Outcome::Refused(Refusal::WrongLength)) WrongLength "wrong-length";
    (Outcome::Refused(Refusal::UnknownVersion)) UnknownVersion "unknown-version";
    (Outcome::Refused(Refusal::WrongPublisher)) WrongPublisher "wrong-publisher";
    (Outcome::Refused(Refusal::UnknownEpoch)) UnknownEpoch "unknown-epoch";
    (Outcome::Refused(Refusal::ClosedEpoch)) ClosedEpoch "closed-epoch";
    (Outcome::Refused(Refusal::Unauthentic)) Unauthentic "unauthentic";
    (Outcome::Refused(Refusal::Spent)) Spent "spent";
    (Outcome::Refused(Refusal::UnknownMeasure)) UnknownMeasure "unknown-measure";
    (Outcome::Refused(Refusal::WindowTooOld)) WindowTooOld "window-too-old";
    (Outcome::Refused(Refusal::WindowAhead)) WindowAhead "window-ahead";
    (Outcome::Refused(Refusal::InvalidValue)) InvalidValue "invalid-value";
}

/// A number that stands for no outcome: the other side speaks a newer protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("outcome {0} is unknown: the other side speaks a newer protocol")]
pub struct UnknownOutcome(i32);

impl Outcome {
    /// The number on the wire.
    pub fn to_wire(self) -> i32 {
        v1::Outcome::from(self).into()
    }

    /// The outcome behind a number on the wire.
    pub fn from_wire(number: i32) -> Result<Self, UnknownOutcome> {
        v1::Outcome::try_from(number).map_err(|_| UnknownOutcome(number))?.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_survives_the_wire_under_its_own_name() {
        for &outcome in Outcome::ALL {
            assert_eq!(Outcome::from_wire(outcome.to_wire()), Ok(outcome));
            let wire_name = v1::Outcome::from(outcome).as_str_name();
            assert_eq!(wire_name, format!("OUTCOME_{}", outcome.name().replace('-', "_").to_uppercase()));
        }
        assert_eq!(Outcome::ALL.len() + 1, (0..100).filter(|&n| v1::Outcome::try_from(n).is_ok()).count());
    }

    #[test]
    fn an_unknown_number_is_an_error() {
        assert!(Outcome::from_wire(0).is_err());
        assert!(Outcome::from_wire(9_999).is_err());
    }
}
