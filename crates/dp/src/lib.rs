//! Locally private histograms.
//!
//! A device holds one value out of a finite domain and sends one randomized [`Report`]; nobody but the device learns the
//! value, and yet the counts of many devices can be estimated without bias. This crate holds the arithmetic and nothing
//! else: no network, no storage, no clock.
//!
//! * **Randomizers** ([`Mechanism`]): subset selection and projective-geometry response, chosen by rule.
//! * **Estimation** ([`Tally`], [`Histogram`], [`Estimate`], [`Ratio`]): integer tallies that merge, unbiased counts, exact
//!   variances, intervals.
//! * **Amplification** ([`amplification`]): the central (ε, δ) of a shuffled batch, as proven upper bounds.
//! * **Device state** ([`ledger`], [`memo`]): the privacy budget, and answers that repeat without being stored.
//! * **Planning** ([`planner`]): what to expect before a campaign.
//! * **Poisoning** ([`Leverage`], [`Fit`]): how far lies can move a total, and which tallies no honest reports can make.
//!
//! The specification is in spec/statistics; tests are named after its statements.
//!
//! ```
//! use rand_chacha::ChaCha20Rng;
//! use rand_core::SeedableRng;
//! use tacita_dp::{Confidence, DomainSize, Mechanism, Tally};
//!
//! let domain = DomainSize::new(16)?;
//! let mechanism = Mechanism::choose(domain, "3".parse()?)?;
//! let mut generator = ChaCha20Rng::from_seed([7; 32]); // a device seeds from the operating system
//!
//! let reports: Vec<_> = (0..10_000).map(|i| mechanism.randomize(domain.cell(i % 4).unwrap(), &mut generator)).collect();
//! let mut tally = Tally::new(&mechanism);
//! tally.absorb(&mechanism, &reports)?;
//!
//! let histogram = mechanism.estimate(&tally)?;
//! let first = histogram.cells()[0].interval(Confidence::P95);
//! assert!(first.low > 2_200.0 && first.high < 2_800.0);
//! # Ok::<(), tacita_dp::Error>(())
//! ```

pub mod amplification;
mod confidence;
mod difference;
mod domain;
mod epsilon;
mod error;
mod estimate;
mod field;
mod fit;
mod geometry;
mod histogram;
mod law;
pub mod ledger;
mod masks;
mod mechanism;
pub mod memo;
mod norm_sub;
#[cfg(test)]
mod output_law;
pub mod planner;
mod projective;
mod radon;
mod ratio;
mod report;
mod robustness;
mod rule;
mod sampling;
mod subset;
mod tally;

pub use amplification::{Amplified, Blanket};
pub use confidence::Confidence;
pub use difference::Difference;
pub use domain::{CellIndex, DomainSize};
pub use epsilon::Epsilon;
pub use error::{Error, InvalidReport};
pub use estimate::{Estimate, Interval};
pub use fit::{Fit, Oddity};
pub use histogram::Histogram;
pub use ledger::Ledger;
pub use mechanism::Mechanism;
pub use projective::Projective;
pub use ratio::{Ratio, fieller, fieller_correlated};
pub use report::Report;
pub use robustness::Leverage;
pub use subset::{SubsetList, SubsetSelection};
pub use tally::Tally;
