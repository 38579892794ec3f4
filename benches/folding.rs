//! What folding saves in DATPRL-IR: `cargo bench --bench folding`. One block's fusion with the prompt, at the sizes of the
//! published Restormer edition's levels for a picture of 128x128: folded as the engine runs it, and in full as the official code does, with queries of every
//! pixel, the key and the value of the one prompt token, the softmax over it, and the projection. Both results are compared
//! before either is timed.

#[path = "../tests/conditioned/block.rs"]
mod block;

use criterion::{Criterion, criterion_group, criterion_main};
use vernis::base::{Result, Shape};
use vernis::checkpoint::StateDict;
use vernis::gpu::{DeviceChoice, Gpu};
use vernis::kernel::TensorId;
use vernis::models::datprl::fusion::{BlockFusion, fuse_block};
use vernis::nn::Build;
use vernis::nn::layers::Conv;
use vernis::nn::token_attention::{attend_heads, project_heads};
use vernis::ops::elementwise::modulate::Modulate;
use vernis::run::tune::tune;
use vernis::run::verify::rel_l2;

use block::{Piece, plan, run, values, weights};

/// Numbers of a prompt, and channels of a head.
const PROMPT: u32 = 1024;
const HEAD: u32 = 12;
/// Edge and channels of the levels whose blocks hear the prompt, and how many such blocks there are.
const LEVELS: [(u32, u32, u32); 4] = [(128, 96, 10), (64, 96, 6), (32, 192, 4), (16, 384, 8)];

/// The fusion as the official code computes it.
fn in_full(b: &mut Build<'_>, x: TensorId, prompt: TensorId) -> Result<TensorId> {
    let channels = b.shape(x).c;
    let (feature, told) = (b.scalar("b.feature_weight")?, b.scalar("b.prompt_weight")?);
    let share = 1.0 / (1.0 + (feature - told).exp());
    let heads = channels.logical() / HEAD;
    let token = b.layer_norm("b.prompt_norm", prompt, 1e-5)?;
    let q = project_heads(b, "b.cross_attn_q", x, heads, true)?;
    let k = project_heads(b, "b.cross_attn_k", token, heads, true)?;
    let v = project_heads(b, "b.cross_attn_v", token, heads, true)?;
    let t = attend_heads(b, "b", (q, k, v), heads, false)?;
    let times = |factor: f32| Modulate { feature: factor, prompt: 0.0, scale: false, shift: false };
    let t = b.graph.add("b.weighted", times(share), &[t], &[])?;
    let t = b.conv("b.cross_attn_out", t, Conv::point(channels, true))?;
    let x = b.graph.add("b.features", times(1.0 - share), &[x], &[])?;
    b.sum("b.fuse", x, t)
}

fn dict(c: u32) -> StateDict {
    let mut keys: Vec<(String, Vec<u32>)> = vec![
        ("b.feature_weight".into(), vec![1]),
        ("b.prompt_weight".into(), vec![1]),
        ("b.prompt_norm.weight".into(), vec![PROMPT]),
        ("b.prompt_norm.bias".into(), vec![PROMPT]),
    ];
    for (name, from) in [("q", c), ("k", PROMPT), ("v", PROMPT), ("out", c)] {
        keys.push((format!("b.cross_attn_{name}.weight"), vec![c, from]));
        keys.push((format!("b.cross_attn_{name}.bias"), vec![c]));
    }
    let keys: Vec<(&str, Vec<u32>)> = keys.iter().map(|(k, s)| (k.as_str(), s.clone())).collect();
    weights(&keys)
}

fn folding(c: &mut Criterion) {
    let mut gpu = Gpu::open(&DeviceChoice::Auto).expect("an adapter");
    tune(&mut gpu, None).expect("a tuned device");
    let mut group = c.benchmark_group(format!("folding on {}", gpu.summary().name));
    group.sample_size(10);
    for (edge, channels, blocks) in LEVELS {
        let dict = dict(channels);
        let given = [values(1, (edge * edge * channels) as usize), values(2, PROMPT as usize)];
        let given = [given[0].as_slice(), &given[1]];
        let [one, other] = [true, false].map(|fold| run(&gpu, &dict, piece(edge, channels, fold), &given));
        let distance = rel_l2(&one, &other);
        assert!(distance < 1e-5, "folded and in full differ by {distance:.1e}");
        for (name, fold) in [("folded", true), ("in full", false)] {
            let mut plan = plan(&gpu, &dict, piece(edge, channels, fold), &given);
            let cost = plan.cost();
            let (mflop, dispatches) = (cost.flops as f64 * 1e-6, cost.dispatches);
            println!("{edge}x{edge} of {channels}, {name}: {mflop:.2} MFLOP, {dispatches} dispatches; {blocks} blocks");
            group.bench_function(format!("{edge}x{edge} of {channels}, {name}"), |b| {
                b.iter(|| plan.run(&gpu, &mut |_| true).expect("a run"));
            });
        }
    }
    group.finish();
}

fn piece(edge: u32, channels: u32, fold: bool) -> Piece {
    Piece {
        inputs: vec![Shape::new(1, edge, edge, channels), Shape::new(1, 1, 1, PROMPT)],
        graph: Box::new(move |b, t| match fold {
            true => fuse_block(b, BlockFusion::CrossAttention, "b", t[0], t[1]),
            false => in_full(b, t[0], t[1]),
        }),
    }
}

criterion_group!(benches, folding);
criterion_main!(benches);
