//! How much a page of an answer may have: rows of a report, entries of the audit log.

use tonic::Status;

use crate::{pool::Limit, refusal};

/// When nobody says.
const USUAL: usize = 1_000;

/// At most.
const MOST: Limit = Limit { name: "page_size", value: 10_000 };

/// The size that is asked for; 0 leaves it to the collector.
///
/// # Errors
/// `INVALID_ARGUMENT` for more than a page may have.
pub(crate) fn of(asked: u32) -> Result<usize, Status> {
    match asked as usize {
        0 => Ok(USUAL),
        size if size <= MOST.value => Ok(size),
        size => Err(refusal::beyond("page_size", MOST, format!("{size}: at most {}", MOST.value))),
    }
}
