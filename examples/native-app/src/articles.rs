//! What there is to read. The site has the same articles (`examples/publisher-site`).

/// The site that a shared link opens.
pub const SITE: &str = "https://lantern.example/";

/// An article of the site.
pub(crate) struct Article {
    /// Its path on the site, and its id where contents are counted.
    pub(crate) path: &'static str,
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}

impl Article {
    pub(crate) fn address(&self) -> String {
        format!("{}{}", SITE.trim_end_matches('/'), self.path)
    }
}

pub(crate) const ARTICLES: [Article; 3] = [
    Article {
        path: "/articles/night-ferry",
        title: "The night ferry runs again",
        text: "After eleven years the last boat of the day is back, and with it a town's habit of staying late.",
    },
    Article {
        path: "/articles/seed-library",
        title: "A library that lends seeds",
        text: "Borrow a packet in spring, bring back two in autumn: the branch keeps no record of who.",
    },
    Article {
        path: "/articles/quiet-hours",
        title: "What the quiet hours changed",
        text: "A street turned its music off for two hours a day. Nobody expected the numbers that followed.",
    },
];
