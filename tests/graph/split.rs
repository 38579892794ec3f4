//! Matrices larger than a binding become parts, and the network computes the same.

use vernis::base::{Channels, DType, Kind, Shape};
use vernis::checkpoint::prepack::{Matrix, Pack};
use vernis::graph::Graph;
use vernis::checkpoint::adapters::Adapters;
use vernis::graph::adapt;
use vernis::graph::split::split;
use vernis::kernel::Target;
use vernis::ops::matmul::contract::Contract;

use crate::support::compare::{Tolerance, compare};
use crate::support::generator::uniform;
use crate::support::gpu::{Family, native};
use crate::support::run::guarded;
use crate::support::stored::{Tensor, dict};

fn graph(target: &Target) -> Graph {
    let mut g = Graph::new(target.clone(), DType::F32);
    let matrix = Matrix {
        weight: "conv.weight".into(),
        bias: Some("conv.bias".into()),
        rows: None,
        columns: None,
        kernel: (3, 3),
        inputs: Channels::one(20),
        outputs: Channels::one(200),
        gamma: None,
        beta: None,
        out_scale: None,
        gated: false,
        swapped: false,
    };
    let x = g.input("input", Shape::new(1, 6, 5, 20));
    let params = [g.param(Pack::Matrix(matrix.clone())), g.param(Pack::Bias(matrix))];
    let y = g.add("conv", Contract::conv(Channels::one(200), 3, 1, 1, true), &[x], &params).unwrap();
    g.output("output", y);
    g
}

fn limited(family: &Family, bytes: u64) -> Target {
    Target { max_binding_bytes: bytes, ..family.target.clone() }
}

#[test]
fn a_matrix_in_parts_computes_the_same() {
    let family = native();
    let tensor = |key: &str, shape: &[usize]| Tensor {
        key: key.into(),
        shape: shape.to_vec(),
        values: uniform(key, 2, -0.1, 0.1, shape.iter().product()),
    };
    let dict = dict(&[tensor("conv.weight", &[200, 20, 3, 3]), tensor("conv.bias", &[200])]);
    let input = vec![uniform("input", 1, -1.0, 1.0, 600)];
    let whole = graph(&family.target);
    let expected = guarded(family.gpu, &whole, &dict, &input).unwrap();
    let mut cut = graph(&limited(&family, 64 << 10));
    split(&mut cut).unwrap();
    assert!(cut.params.iter().filter(|p| matches!(p, Pack::Part { .. })).count() > 1, "{:?}", cut.params);
    assert!(!cut.params.iter().any(|p| matches!(p, Pack::Matrix(_))), "the whole matrix is gone");
    let got = guarded(family.gpu, &cut, &dict, &input).unwrap();
    let shape = [1, 6, 5, 200];
    compare(Tolerance::Exact, (&shape, &got[0]), (&shape, &expected[0])).unwrap();
}

#[test]
fn what_fits_stays_whole_and_what_never_fits_is_refused() {
    let family = native();
    let mut fits = graph(&family.target);
    split(&mut fits).unwrap();
    assert!(fits.params.iter().any(|p| matches!(p, Pack::Matrix(_))));
    let error = split(&mut graph(&limited(&family, 1 << 10))).unwrap_err();
    assert!(error.to_string().contains("conv.weight"), "{error}");
}

#[test]
fn an_adapted_matrix_stays_whole_or_is_refused_with_the_reason() {
    let family = native();
    let tensor = |key: &str, shape: &[usize]| Tensor {
        key: key.into(),
        shape: shape.to_vec(),
        values: vec![0.5; shape.iter().product()],
    };
    let dict = dict(&[tensor("conv.lora_A.rain.weight", &[4, 20, 3, 3]), tensor("conv.lora_B.rain.weight", &[200, 4])]);
    let adapters = Adapters::read(&dict, vec!["rain".into()], None).unwrap();
    let adapted = |bytes: u64, fused: bool| {
        let mut g = graph(&limited(&family, bytes));
        if fused {
            adapt::fuse(&mut g, &adapters, &[0], 1).unwrap();
        } else {
            adapt::merge(&mut g, &adapters, &[0]);
        }
        split(&mut g)
    };
    for fused in [false, true] {
        adapted(16 << 20, fused).unwrap();
        let error = adapted(64 << 10, fused).unwrap_err();
        assert_eq!(error.kind(), Kind::Memory);
        assert!(error.reason().contains("task adapters") && error.what().contains("conv.weight"), "{error}");
    }
}
