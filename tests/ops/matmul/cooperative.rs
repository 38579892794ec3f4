//! The contraction for cooperative matrices: sizes around its tiles of 64 rows, 64 channels and 16 or 32 k, subgroups
//! smaller than it was told, and where it is used. The tables of `contract`, `fused`, `low_rank` and `unet` run on it
//! too: it is one of the families of an adapter that offers the matrices.

use vernis::base::DType;
use vernis::graph::lower::lower;
use vernis::kernel::{Contraction, Target};

use super::contract::case;
use super::fused;
use crate::support::case::{Case, Input, check};
use crate::support::gpu::{Family, contractions, gpu};

/// The adapter's family of cooperative matrices; without one, says that nothing is tested.
fn family() -> Option<(Family, u32)> {
    let found = contractions().into_iter().find_map(|f| match f.target.contraction {
        Contraction::Cooperative { lanes, .. } => Some((f, lanes)),
        _ => None,
    });
    if found.is_none() {
        let s = gpu().summary();
        eprintln!("skipped: {} ({}) offers no cooperative matrices that the kernel can use", s.name, s.driver);
    }
    found
}

fn cases() -> Vec<Case> {
    vec![
        case("a tile, exactly", Input::new(1, 8, 8, &[64]), &[64], 1, 1, 0, true),
        case("one row, channel and quad of k more", Input::new(1, 5, 13, &[68]), &[65], 1, 1, 0, true),
        case("one row and channel less", Input::new(1, 7, 9, &[60]), &[63], 1, 1, 0, false),
        case("three tiles of rows and panels, batch 2", Input::new(2, 3, 43, &[17]), &[130], 1, 1, 0, true),
        case("k of half a step", Input::new(1, 3, 3, &[8]), &[4], 1, 1, 0, false),
        case("taps that share a step of k", Input::new(2, 9, 8, &[3]), &[10], 3, 1, 1, true),
        case("taps of odd width, stride 2", Input::new(1, 19, 15, &[21]), &[33], 3, 2, 1, true),
    ]
}

#[test]
fn computes_sizes_around_its_tiles() {
    if let Some((family, _)) = family() {
        check(cases(), &[family]);
    }
}

#[test]
fn surplus_subgroups_change_nothing() {
    let Some((mut family, told)) = family() else { return };
    if told > 32 {
        eprintln!("skipped: no workgroup has room for subgroups of {}", 2 * told);
        return;
    }
    if let Contraction::Cooperative { lanes, .. } = &mut family.target.contraction {
        *lanes = 2 * told;
    }
    check(cases(), &[family]);
}

#[test]
fn is_used_where_there_are_matrices_for_the_storage() {
    let shaders = |f32, f16, depth, precision| -> Vec<&str> {
        let contraction = Contraction::Cooperative { lanes: 32, f32, f16, depth };
        let target = Target { contraction, ..Target::core() };
        let table = cases().into_iter().chain(fused::cases());
        let graphs = table.map(|c| c.graph(&target, precision).expect("a graph"));
        let mut names: Vec<&str> =
            graphs.flat_map(|g| lower(&g).expect("a command list").0.steps).map(|s| s.dispatch.key.shader).collect();
        names.dedup();
        names
    };
    assert_eq!(shaders(0, 16, 0, DType::F16), ["matmul/contract_cooperative"]);
    assert_eq!(shaders(0, 16, 0, DType::F32), ["matmul/contract_tiled"], "f32 operands are never rounded to f16");
    assert_eq!(shaders(8, 0, 0, DType::F32), ["matmul/contract_cooperative"]);
    assert_eq!(shaders(8, 0, 0, DType::F16), ["matmul/contract_tiled"]);
    let some = shaders(0, 16, 17, DType::F16);
    assert!(some.contains(&"matmul/contract_tiled") && some.contains(&"matmul/contract_cooperative"), "by depth");
}

#[test]
fn the_measured_peak_comes_from_right_sums() {
    for operands in [DType::F32, DType::F16] {
        let peak = vernis::run::bench::cooperative::peak(gpu(), operands).expect("a measurement");
        let offered = gpu().contraction_candidates().iter().any(|c| c.side(operands) != 0);
        assert_eq!(peak.is_some(), offered);
        if let Some((gflops, error)) = peak {
            assert!(gflops > 0.0 && error == 0.0, "{gflops} GFLOP/s, sums off by {error}");
        }
    }
}
