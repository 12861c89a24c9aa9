//! `spec/limits.md`, which the tests of both servers go through.

use std::collections::BTreeMap;

/// What the page says of a server.
pub(crate) fn section(server: &str) -> &'static str {
    let page = include_str!("../../spec/limits.md");
    page.split("\n## ").find(|part| part.starts_with(server)).unwrap()
}

/// The server's limits, each with the code that it is refused by.
pub(crate) fn written(server: &str) -> BTreeMap<String, String> {
    let row = |row: &str| {
        let cells: Vec<&str> = row.strip_prefix("| `")?.split(" | ").collect();
        let code = cells.last()?.split('`').nth(1)?;
        Some((cells.first()?.split_once('`')?.0.to_owned(), code.to_owned()))
    };
    section(server).lines().filter_map(row).collect()
}
