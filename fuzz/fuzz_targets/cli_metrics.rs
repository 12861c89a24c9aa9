//! Any text as a server's page of metrics: `tacita status` reads of it what is a sample, and passes over the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_cli::fuzzing::metrics_page;
use tacita_fuzz::plant;

const PAGE: &str = "# HELP a b.\na_total{x=\"1\",y=\"q\\\"}\\\\\"} 5\nb 1.5 1700000000\nc{} NaN\nd_bucket{le=\"+Inf\"} 2\nbroken{x=\"1\n# EOF\n";

fuzz_target!(init: plant("cli_metrics", [PAGE]), |bytes: &[u8]| metrics_page(&String::from_utf8_lossy(bytes)));
