//! One guarded write from the look to the receipt, told once for every engine, through core's public interface.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests report by panicking")]

mod coarse;
mod office;
mod plot;

/// Tells every plot on an engine.
macro_rules! on_every_engine {
    ($($chapter:ident :: $plot:ident),+ $(,)?) => {
        on_every_engine!(@ postgres Postgres $($chapter $plot)+);
        on_every_engine!(@ mysql Mysql $($chapter $plot)+);
        on_every_engine!(@ sqlite Sqlite $($chapter $plot)+);
    };
    (@ $module:ident $engine:ident $($chapter:ident $plot:ident)+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $plot() {
                    crate::$chapter::$plot(synapsor_testkit::database::Engine::$engine).await;
                }
            )+
        }
    };
}

on_every_engine![
    plot::an_approved_change_is_written_once,
    plot::a_second_job_reports_the_first_ones_result,
    plot::a_receipt_of_another_change_proves_nothing,
    plot::appliers_that_race_write_once,
    plot::a_stale_version_is_a_conflict,
    plot::a_changed_column_is_a_conflict_though_the_version_stands,
    plot::a_null_is_a_guard_like_any_other,
    plot::a_deleted_row_is_a_conflict,
    plot::another_tenants_row_does_not_exist,
    plot::names_that_collate_alike_are_others,
    plot::a_dry_run_changes_nothing,
    plot::a_fence_ends_a_claim_for_good,
    plot::a_fence_finds_what_was_written,
    plot::only_the_claimed_receipt_table_is_written_to,
    plot::only_the_claimed_server_is_written_to_and_fenced,
    plot::a_lease_that_ends_before_the_commit_undoes_everything,
    plot::a_missing_or_unsafe_receipt_table_is_named,
    plot::a_value_that_does_not_fit_is_refused_twice,
    plot::a_version_that_cannot_move_is_refused_at_once,
    plot::whole_numbers_count_versions_up,
    plot::without_a_version_all_that_is_shown_is_guarded,
    plot::what_the_reviewer_saw_is_what_is_stored,
    plot::a_state_moves_only_as_reviewed,
    plot::a_changed_contract_is_not_applied,
    coarse::of_two_changes_within_one_second_the_stale_one_is_refused,
    coarse::a_visible_column_changed_within_one_step_of_the_version_is_a_conflict,
];
