//! Short links: `/s/CODE`, declared by the publisher, counted in totals and in nothing else.
//!
//! | module | holds |
//! |---|---|
//! | `declared` | the file of links as it is written, and all that is wrong with it |
//! | `table` | the links by their codes, and where each leads |
//! | `shelf` | the file of links, read again when it changes |
//! | `click` | what counts as a click, and on which platform |
//! | [`totals`] | clicks by day, code and platform, on disk |

mod click;
mod declared;
mod shelf;
mod table;
pub mod totals;

#[cfg(feature = "fuzzing")]
pub(crate) use self::table::LinkTable;
pub(crate) use self::{
    click::platform_of_click,
    shelf::LinkShelf,
    totals::{Totals, day_of},
};
pub use self::{declared::Problem, shelf::LinksError};

/// Whether a relay would take this file of links.
///
/// # Errors
/// [`LinksError`] names the file, and every problem by its line with the remedy.
pub fn check(path: &std::path::Path) -> Result<(), LinksError> {
    LinkShelf::open(path).map(drop)
}
