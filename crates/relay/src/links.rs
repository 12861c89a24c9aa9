//! Short links: `/s/CODE`, declared by the publisher, counted in totals and in nothing else.
//!
//! | module | holds |
//! |---|---|
//! | `table` | the declared links, and where each leads |
//! | `shelf` | the file of links, read again when it changes |
//! | `click` | what counts as a click, and on which platform |
//! | [`totals`] | clicks by day, code and platform, on disk |

mod click;
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
pub use self::{shelf::LinksError, table::InvalidLinks};

/// Whether a relay would take this file of links.
///
/// # Errors
/// [`LinksError`] names the file, the place and the remedy.
pub fn check(path: &std::path::Path) -> Result<(), LinksError> {
    LinkShelf::open(path).map(drop)
}
