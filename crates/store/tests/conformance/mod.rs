//! What every engine must pass, whatever it keeps its data in.
//!
//! An engine's test says where its data lives ([`Home`]) and calls [`suite!`]; each case of [`spending`], [`tallying`],
//! [`recording`], [`dropping`], [`retaining`] and
//! [`logging`] becomes one test. [`crash`] is for a test of its own, as it needs a process to kill.
//! The oracle throughout: each report raises a counter that no other one raises, so that a counter of 2 is a double count and a
//! missing one a loss.

// Each test crate that includes this uses a part of it.
#![allow(dead_code, unused_imports, unused_macros, unreachable_pub)]

pub mod crash;
pub mod dropping;
pub mod logging;
pub mod recording;
pub mod reports;
pub mod retaining;
pub mod spending;
pub mod tallying;

use tacita_store::{ChangeLog, PeriodRecord, TallyStore, retention::Retention};

/// Where one test's data lives. Opening it again, after the store was dropped, finds what was there.
pub trait Home: Send + Sync {
    /// The engine.
    type Store: TallyStore + PeriodRecord + ChangeLog + Retention + 'static;

    /// An empty one, or none where the engine cannot be had; then it has said that the test is skipped.
    fn new() -> impl Future<Output = Option<Self>> + Send
    where
        Self: Sized;

    /// Opens it.
    fn open(&self) -> impl Future<Output = Self::Store> + Send;
}

/// One test for each case, on one engine.
macro_rules! suite {
    ($home:ty) => {
        $crate::conformance::cases! { $home, spending:
            a_first_spend_counts_and_the_same_bytes_again_are_known
            a_token_spent_on_other_bytes_is_a_double_spend
            duplicates_inside_one_batch_are_judged_in_order
            a_nullifier_counts_once_whatever_the_publisher_of_the_commit
            epochs_do_not_know_each_others_nullifiers
            the_hint_tells_what_is_spent_and_nothing_else
            an_empty_batch_changes_nothing
            commits_racing_on_the_same_nullifiers_count_each_once
            what_was_spent_is_spent_after_reopening
        }
        $crate::conformance::cases! { $home, tallying:
            each_series_holds_exactly_its_own_reports
            tallies_come_by_rising_window_and_publisher_within_the_range
            a_report_may_raise_many_counters_far_apart
            a_reader_never_sees_half_a_commit
            outcome_counts_grow_by_the_verdicts_and_by_what_is_added
            tallies_and_outcomes_go_on_after_reopening
        }
        $crate::conformance::cases! { $home, recording:
            what_was_counted_stands_in_the_period_that_was_open
            only_the_open_period_is_closed_and_only_once
            the_record_goes_on_after_reopening
            periods_closed_under_load_hold_what_was_answered_for_them
        }
        $crate::conformance::cases! { $home, dropping:
            nothing_counts_in_a_dropped_epoch_even_after_reopening
            dropping_again_or_what_never_was_changes_nothing
            tallies_outlive_their_epoch
            an_epoch_dropped_under_load_loses_nothing_that_was_answered
        }
        $crate::conformance::cases! { $home, retaining:
            windows_before_a_window_are_gone_and_the_others_are_not
            deleting_changes_nothing_that_is_spent_and_counting_goes_on
            windows_deleted_under_load_lose_nothing_of_the_others
        }
        $crate::conformance::cases! { $home, logging:
            entries_are_read_in_order_from_any_index
            an_entry_goes_only_where_the_log_ends
            of_many_appends_to_one_index_one_wins
            the_log_goes_on_after_reopening
        }
    };
}

macro_rules! cases {
    ($home:ty, $module:ident: $($case:ident)*) => {
        mod $module {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $case() {
                    let Some(home) = <$home as $crate::conformance::Home>::new().await else { return };
                    $crate::conformance::$module::$case(&home).await;
                }
            )*
        }
    };
}

pub(crate) use {cases, suite};
