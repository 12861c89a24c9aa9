//! The 16 bytes that a sealed report carries (`spec/reports.md`).
//!
//! ```text
//! 0        4        8                16
//! │ measure│ window │ value          │   all big-endian
//! ```
//!
//! Every report has this one length, so an envelope's size says nothing of what it holds.

pub use tacita_tokens::ENVELOPE_LEN;
use tacita_tokens::PAYLOAD_LEN;

use crate::{id::MeasureId, time::WindowId};

/// One randomized answer. `value` is what the measure's mechanism produced, never the true value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Report {
    /// Which measure it answers.
    pub measure: MeasureId,
    /// Which window of that measure it belongs to.
    pub window: WindowId,
    /// The mechanism's output, not yet checked against its range.
    pub value: u64,
}

impl Report {
    /// The payload to be sealed.
    pub fn to_bytes(self) -> [u8; PAYLOAD_LEN] {
        let mut bytes = [0; PAYLOAD_LEN];
        bytes[..4].copy_from_slice(&self.measure.0.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.window.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.value.to_be_bytes());
        bytes
    }

    /// Reads an opened payload. Every 16 bytes are some report; whether it may count is for the collector to say.
    pub fn from_bytes(bytes: &[u8; PAYLOAD_LEN]) -> Self {
        let [m0, m1, m2, m3, w0, w1, w2, w3, value @ ..] = *bytes;
        Self {
            measure: MeasureId(u32::from_be_bytes([m0, m1, m2, m3])),
            window: WindowId(u32::from_be_bytes([w0, w1, w2, w3])),
            value: u64::from_be_bytes(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_report_survives_its_bytes(measure: u32, window: u32, value: u64) {
            let report = Report { measure: MeasureId(measure), window: WindowId(window), value };
            prop_assert_eq!(Report::from_bytes(&report.to_bytes()), report);
        }
    }

    #[test]
    fn the_layout_is_big_endian_measure_window_value() {
        let report = Report { measure: MeasureId(1), window: WindowId(0x0203), value: 0x0405 };
        assert_eq!(report.to_bytes(), [0, 0, 0, 1, 0, 0, 2, 3, 0, 0, 0, 0, 0, 0, 4, 5]);
    }
}
