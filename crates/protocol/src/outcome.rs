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
    /// A reason that came with a later version of the collector, by its number on the wire. Every outcome but the first
    /// three is a refusal, so whoever does not know the reason knows that the report is done with.
    Newer(u32),
}

/// One row per outcome: the value, its name on the wire, its name for people.
macro_rules! outcomes {
    ($(($($outcome:tt)+) $wire:ident $name:literal;)*) => {
        impl Outcome {
            /// Every outcome that this version knows, in the order of the wire.
            pub const ALL: &[Self] = &[$($($outcome)+),*];

            /// The outcome as one word, for metrics, logs and screens.
            pub fn name(self) -> &'static str {
                match self { $($($outcome)+ => $name,)* Self::Refused(Refusal::Newer(_)) => "newer" }
            }

            /// The number on the wire.
            pub fn to_wire(self) -> i32 {
                match self {
                    $($($outcome)+ => v1::Outcome::$wire.into(),)*
                    // No number that `from_wire` gives is larger.
                    Self::Refused(Refusal::Newer(number)) => i32::try_from(number).unwrap_or(i32::MAX),
                }
            }

            /// The outcome behind a number on the wire.
            ///
            /// # Errors
            /// [`NoOutcome`] for 0, which nobody sends, and for what is below it.
            pub fn from_wire(number: i32) -> Result<Self, NoOutcome> {
                match (v1::Outcome::try_from(number), u32::try_from(number)) {
                    $((Ok(v1::Outcome::$wire), _) => Ok($($outcome)+),)*
                    (Err(_), Ok(number)) => Ok(Self::Refused(Refusal::Newer(number))),
                    _ => Err(NoOutcome(number)),
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

/// A number that is no outcome's, in this version or in any other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} is no outcome")]
pub struct NoOutcome(i32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_survives_the_wire_under_its_own_name() {
        for &outcome in Outcome::ALL {
            assert_eq!(Outcome::from_wire(outcome.to_wire()), Ok(outcome));
            let wire_name = v1::Outcome::try_from(outcome.to_wire()).unwrap().as_str_name();
            assert_eq!(wire_name, format!("OUTCOME_{}", outcome.name().replace('-', "_").to_uppercase()));
        }
        assert_eq!(Outcome::ALL.len() + 1, (0..100).filter(|&n| v1::Outcome::try_from(n).is_ok()).count());
    }

    #[test]
    fn a_reason_of_a_later_version_is_a_refusal_that_keeps_its_number() {
        for number in [99, 9_999, i32::MAX] {
            let outcome = Outcome::from_wire(number).unwrap();
            assert!(matches!(outcome, Outcome::Refused(Refusal::Newer(_))));
            assert_eq!((outcome.to_wire(), outcome.name()), (number, "newer"));
            assert!(outcome > *Outcome::ALL.last().unwrap(), "in the order of the wire");
        }
        for number in [0, -1, i32::MIN] {
            assert_eq!(Outcome::from_wire(number), Err(NoOutcome(number)));
        }
    }
}
