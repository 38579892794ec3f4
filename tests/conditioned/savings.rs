//! What folding the single-token attention saves in the published task-only setting, in operations and in time:
//! `cargo test --release --test conditioned -- --ignored --nocapture folding_saves`.

use std::time::Instant;

use vernis::base::{Channels, DType, Result, Shape};
use vernis::gpu::Gpu;
use vernis::kernel::TensorId;
use vernis::models::datprl::fusion::{BlockFusion, fuse_block};
use vernis::models::{Part, registry};
use vernis::nn::Build;
use vernis::nn::layers::Conv;
use vernis::ops::attention::global_attention::GlobalAttention;
use vernis::ops::elementwise::modulate::Modulate;
use vernis::run::{Model, PlanKey};

use crate::block::{Piece, key, weights};
use crate::{cases, gpu};

const SIDE: u32 = 128;
const P: u32 = 1024;
/// Channels, side and number of the prompted blocks of each level.
const LEVELS: [(u32, u32, u64); 4] = [(384, SIDE / 8, 8), (192, SIDE / 4, 4), (96, SIDE / 2, 6), (96, SIDE, 10)];

/// The fusion as the official code computes it: every pixel asks, there is one answer.
fn unfolded(b: &mut Build<'_>, x: TensorId, prompt: TensorId) -> Result<TensorId> {
    let width = b.shape(x).c.logical();
    let heads = width / 12;
    let split = || Conv::point(Channels::repeat(12, heads), true);
    let token = b.layer_norm("b.prompt_norm", prompt, 1e-5)?;
    let q = b.conv("b.cross_attn_q", x, split())?;
    let k = b.conv("b.cross_attn_k", token, split())?;
    let v = b.conv("b.cross_attn_v", token, split())?;
    let op = GlobalAttention { heads, channels: 12, segments: (0, 0, 0), causal: false };
    let t = b.graph.add("attention", op, &[q, k, v], &[])?;
    let share = Modulate { feature: 0.5, prompt: 0.0, scale: false, shift: false };
    let t = b.graph.add("weighted", share.clone(), &[t], &[])?;
    let t = b.conv("b.cross_attn_out", t, Conv::point(Channels::one(width), true))?;
    let x = b.graph.add("features", share, &[x], &[])?;
    b.sum("sum", x, t)
}

struct Price {
    flops: u64,
    dispatches: u64,
    seconds: f64,
}

fn price(gpu: &Gpu, c: u32, side: u32, fold: bool) -> Price {
    let mut keys = vec![("b.prompt_norm.weight", vec![P]), ("b.prompt_norm.bias", vec![P])];
    for (weight, bias, inputs) in [
        ("b.cross_attn_q.weight", "b.cross_attn_q.bias", c),
        ("b.cross_attn_k.weight", "b.cross_attn_k.bias", P),
        ("b.cross_attn_v.weight", "b.cross_attn_v.bias", P),
        ("b.cross_attn_out.weight", "b.cross_attn_out.bias", c),
    ] {
        keys.extend([(weight, vec![c, inputs]), (bias, vec![c])]);
    }
    if fold {
        keys.extend([("b.feature_weight", vec![1]), ("b.prompt_weight", vec![1])]);
    }
    let piece = Piece {
        inputs: vec![Shape::new(1, side, side, c), Shape::new(1, 1, 1, P)],
        graph: Box::new(move |b, t| match fold {
            true => fuse_block(b, BlockFusion::CrossAttention, "b", t[0], t[1]),
            false => unfolded(b, t[0], t[1]),
        }),
    };
    let mut model = Model::with_network(weights(&keys), Box::new(piece)).expect("a model");
    let mut plan = model.make_plan(gpu, &key(), &[]).expect("a plan");
    let cost = *plan.cost();
    let mut seconds = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        plan.run(gpu, &mut |_| true).expect("run");
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    Price { flops: cost.flops, dispatches: cost.dispatches as u64, seconds }
}

#[test]
#[ignore = "a measurement"]
fn folding_saves() {
    let gpu = gpu();
    let mut total = [(0.0, 0, 0.0); 2];
    for (c, side, count) in LEVELS {
        for (sum, fold) in total.iter_mut().zip([true, false]) {
            let p = price(&gpu, c, side, fold);
            sum.0 += (p.flops * count) as f64 * 1e-9;
            sum.1 += p.dispatches * count;
            sum.2 += p.seconds * count as f64 * 1e3;
        }
    }
    let case = cases().into_iter().find(|c| c.name == "datprl-task-full").expect("the case");
    let network = registry::by_name(&case.family, &case.config, &case.weights).expect("a network");
    let model = Model::with_network(case.weights.clone(), network).expect("a model");
    let whole = PlanKey { part: Part::main(1, SIDE, SIDE, Vec::new()), precision: DType::F32 };
    let (cost, _) = model.cost(&gpu, &whole).expect("a cost");
    println!("{SIDE}x{SIDE}, f32, {}", gpu.summary().name);
    for ((gflop, dispatches, ms), name) in total.iter().zip(["folded", "in full"]) {
        println!("prompt fusion of 28 blocks {name}: {gflop:.3} GFLOP, {dispatches} dispatches, {ms:.1} ms");
    }
    println!("the whole network, folded: {:.3} GFLOP, {} dispatches", cost.flops as f64 * 1e-9, cost.dispatches);
    assert!(total[0].0 < total[1].0 / 10.0, "folding saves most of it");
}
