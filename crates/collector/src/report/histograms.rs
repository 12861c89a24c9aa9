//! The tallies of each period, and of each publisher where publishers are told apart, are estimated once.

use std::{collections::HashMap, rc::Rc};

use tacita_dp::{Error, Histogram};
use tacita_protocol::id::PublisherId;

use super::merge::Slices;
use crate::catalogue::CountedMeasure;

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
