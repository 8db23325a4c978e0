//! One guarded write from the look to the receipt, told once for every engine, through core's public interface.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests report by panicking")]

mod office;
mod plot;

/// Tells every plot on an engine.
macro_rules! on_every_engine {
    ($($plot:ident),+ $(,)?) => {
        on_every_engine!(@ postgres Postgres $($plot)+);
        on_every_engine!(@ mysql Mysql $($plot)+);
        on_every_engine!(@ sqlite Sqlite $($plot)+);
    };
    (@ $module:ident $engine:ident $($plot:ident)+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $plot() {
                    crate::plot::$plot(synapsor_testkit::database::Engine::$engine).await;
                }
            )+
        }
    };
}

on_every_engine![
    an_approved_change_is_written_once,
    a_second_job_reports_the_first_ones_result,
    appliers_that_race_write_once,
    a_stale_version_is_a_conflict,
    a_changed_column_is_a_conflict_though_the_version_stands,
    a_null_is_a_guard_like_any_other,
    a_deleted_row_is_a_conflict,
    another_tenants_row_does_not_exist,
    names_that_collate_alike_are_others,
    a_dry_run_changes_nothing,
    a_fence_ends_a_claim_for_good,
    a_fence_finds_what_was_written,
    only_the_claimed_receipt_table_is_written_to,
    a_missing_or_unsafe_receipt_table_is_named,
    a_value_that_does_not_fit_is_refused_twice,
    a_version_that_cannot_move_is_refused_at_once,
    whole_numbers_count_versions_up,
    without_a_version_all_that_is_shown_is_guarded,
    what_the_reviewer_saw_is_what_is_stored,
    a_state_moves_only_as_reviewed,
    a_changed_contract_is_not_applied,
];
