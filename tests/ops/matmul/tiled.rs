//! The contraction in workgroup memory: sizes around its tiles of 64 or 32 rows by 64 channels and twice the rows by 32, and
//! where a panel is halved. The tables of `contract`, `fused`, `low_rank` and `unet` run on it too.

use vernis::base::DType;
use vernis::graph::lower::lower;
use vernis::kernel::{Contraction, Target};

use super::contract::case;
use super::{low_rank, unet};
use crate::support::case::{Case, Input, check};
use crate::support::gpu::{Family, gpu};
use crate::table::attention::channel_project;

fn cases() -> Vec<Case> {
    vec![
        case("a tile, exactly", Input::new(1, 8, 8, &[64]), &[64], 1, 1, 0, true),
        case("one row, channel and quad of k more", Input::new(1, 5, 13, &[68]), &[65], 1, 1, 0, true),
        case("half a panel, exactly", Input::new(1, 8, 16, &[16]), &[32], 1, 1, 0, true),
        case("half a panel, one row and quad of k more", Input::new(1, 3, 43, &[20]), &[30], 1, 1, 0, true),
        case("three channels to three, taps of one quad", Input::new(2, 9, 15, &[3]), &[3], 3, 1, 1, true),
        case("taps that share a step of k", Input::new(2, 9, 8, &[7]), &[36], 3, 1, 1, true),
        case("a panel and a half, stride 2", Input::new(1, 23, 25, &[21]), &[96], 3, 2, 1, true),
        case("two panels and a ragged half, batch 2", Input::new(2, 7, 11, &[17]), &[71, 70], 1, 1, 0, false),
        unet::parts("a half panel of the last part", Input::new(1, 12, 12, &[10]), 280, 1, 3, false),
        unet::parts("a half panel that is a part", Input::new(1, 12, 12, &[6]), 150, 3, 1, false),
    ]
}

/// A target that halves panels however few the rows are, and whose dispatches hold one panel each.
fn eager(rows: u32, target: &Target) -> Target {
    Target { contraction: Contraction::Tiled { rows }, parallelism: 1, dispatch_flops: 1, ..target.clone() }
}

#[test]
fn computes_sizes_around_its_tiles_and_half_panels() {
    let families = [8, 4].map(|rows| Family {
        name: format!("tiled, {rows} rows, eager"),
        gpu: gpu(),
        target: eager(rows, gpu().target()),
    });
    let all = [cases(), low_rank::cases(), channel_project::cases()];
    check(all.into_iter().flatten().collect(), &families);
}

#[test]
fn a_half_panel_is_computed_where_it_pays() {
    let columns = |target: &Target, case: Case| -> Vec<String> {
        let steps = lower(&case.graph(target, DType::F32).expect("a graph")).expect("a command list").0.steps;
        steps.iter().map(|s| s.dispatch.key.defines["COLUMNS"].clone()).collect()
    };
    let core = Target::core();
    let wide = |rows, out| case("", Input::new(1, 1, rows, &[4]), &[out], 1, 1, 0, false);
    assert_eq!(columns(&core, wide(1, 3)), ["8"], "nothing else is computed");
    assert_eq!(columns(&core, wide(1, 36)), ["16"]);
    assert_eq!(columns(&core, wide(8192, 96)), ["16", "8"]);
    assert_eq!(columns(&core, wide(8191, 96)), ["16"], "the second dispatch would leave the adapter idle");
    assert_eq!(columns(&core, wide(8192, 100)), ["16"], "more than a half");
    let gated = unet::parts("", Input::new(1, 1, 8192, &[4]), 16, 1, 1, true);
    assert_eq!(columns(&core, gated), ["16"], "the halves of a gated panel lie apart");
}

#[test]
fn work_that_a_watchdog_might_end_comes_in_several_dispatches() {
    let groups = |dispatch_flops| -> Vec<(u32, u64)> {
        let target = Target { dispatch_flops, ..Target::core() };
        let graph =
            case("", Input::new(1, 8, 8, &[16]), &[320], 1, 1, 0, true).graph(&target, DType::F32).expect("a graph");
        let steps = lower(&graph).expect("a command list").0.steps;
        steps.iter().map(|s| (s.dispatch.groups, s.dispatch.flops)).collect()
    };
    // 64 rows, 16 k, five panels of 64 channels.
    let panel = 2 * 64 * 16 * 64;
    assert_eq!(groups(u64::MAX), [(5, 5 * panel)]);
    assert_eq!(groups(2 * panel), [(2, 2 * panel), (2, 2 * panel), (1, panel)]);
    assert_eq!(groups(1), [(1, panel); 5]);
}
