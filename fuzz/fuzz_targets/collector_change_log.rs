//! Any lines as a change log: taken in up to the first that does not follow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_collector::fuzzing::{change_log, log_of_everything};
use tacita_fuzz::plant;

fuzz_target!(init: plant("collector_change_log", [log_of_everything()]), |bytes: &[u8]| change_log(bytes));
