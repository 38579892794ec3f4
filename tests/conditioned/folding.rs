//! What is folded equals what the official code computes in full: attention with its queries, its keys and the softmax
//! over the one prompt token, written as plain loops in f64.

use vernis::base::{Channels, Shape};
use vernis::checkpoint::StateDict;
use vernis::models::datprl::fusion::{BlockFusion, PromptFusion, fuse_block, fuse_prompts};
use vernis::run::verify::rel_l2;

use crate::block::{Piece, run, values, weights};
use crate::distances::FOLDED;
use crate::gpu;

type Row = Vec<f64>;

fn get(dict: &StateDict, key: &str) -> Row {
    dict.f32(key).expect("a weight").into_iter().map(f64::from).collect()
}

/// Linear layer with the rows `from..` of its weight.
fn linear_rows(dict: &StateDict, (weight, bias): (&str, &str), from: usize, out: usize, x: &[f64]) -> Row {
    let (w, b) = (get(dict, weight), get(dict, bias));
    let row = |o: usize| w[o * x.len()..][..x.len()].iter().zip(x).map(|(w, v)| w * v).sum::<f64>() + b[o];
    (from..from + out).map(row).collect()
}

fn linear(dict: &StateDict, path: &str, x: &[f64]) -> Row {
    let out = get(dict, &format!("{path}.bias")).len();
    linear_rows(dict, (&format!("{path}.weight"), &format!("{path}.bias")), 0, out, x)
}

fn layer_norm(dict: &StateDict, path: &str, x: &[f64]) -> Row {
    let count = x.len() as f64;
    let mean = x.iter().sum::<f64>() / count;
    let deviation = (x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count + 1e-5).sqrt();
    let (w, b) = (get(dict, &format!("{path}.weight")), get(dict, &format!("{path}.bias")));
    x.iter().enumerate().map(|(i, v)| (v - mean) / deviation * w[i] + b[i]).collect()
}

/// Multi-head attention of one query over a list of keys, in full.
fn attend(query: &[f64], keys: &[Row], vals: &[Row], heads: usize) -> Row {
    let width = query.len() / heads;
    let mut out = vec![0.0; query.len()];
    for head in 0..heads {
        let part = |v: &[f64]| v[head * width..(head + 1) * width].to_vec();
        let q = part(query);
        let logits: Row = keys
            .iter()
            .map(|k| q.iter().zip(part(k)).map(|(a, b)| a * b).sum::<f64>() / (width as f64).sqrt())
            .collect();
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|l| (l - largest).exp()).sum();
        for (logit, v) in logits.iter().zip(vals) {
            let weight = (logit - largest).exp() / sum;
            part(v).iter().enumerate().for_each(|(i, v)| out[head * width + i] += weight * v);
        }
    }
    out
}

/// The share of features and of the prompt.
fn balance(dict: &StateDict) -> (f64, f64) {
    let (f, p) = (get(dict, "b.feature_weight")[0].exp(), get(dict, "b.prompt_weight")[0].exp());
    (f / (f + p), p / (f + p))
}

const P: u32 = 16;
const PIXELS: usize = 15;

/// Runs the engine's fusion on two images of 3 x 5 pixels and compares it with `unfolded(features of a pixel, prompt)`.
fn check(
    fusion: BlockFusion,
    segments: &[u32],
    own: &[(&str, Vec<u32>)],
    unfolded: impl Fn(&StateDict, &[f64], &[f64]) -> Row,
) {
    let c = segments.iter().sum::<u32>() as usize;
    let mut keys = vec![("b.feature_weight", vec![1]), ("b.prompt_weight", vec![1])];
    keys.extend_from_slice(own);
    let dict = weights(&keys);
    let (x, prompt) = (values(1, 2 * c * PIXELS), values(2, 2 * P as usize));
    let shape = Shape { n: 2, h: 3, w: 5, c: Channels::split(Vec::from(segments)) };
    let piece = Piece {
        inputs: vec![shape, Shape::new(2, 1, 1, P)],
        graph: Box::new(move |b, t| fuse_block(b, fusion, "b", t[0], t[1])),
    };
    let ours = run(&gpu(), &dict, piece, &[&x, &prompt]);
    let mut expected = vec![0.0; x.len()];
    for n in 0..2 {
        let prompt: Row = prompt[n * P as usize..][..P as usize].iter().map(|v| f64::from(*v)).collect();
        for pixel in 0..PIXELS {
            let at = |ch: usize| (n * c + ch) * PIXELS + pixel;
            let features: Row = (0..c).map(|ch| f64::from(x[at(ch)])).collect();
            let y = unfolded(&dict, &features, &prompt);
            y.iter().enumerate().for_each(|(ch, v)| expected[at(ch)] = *v as f32);
        }
    }
    let distance = rel_l2(&ours, &expected);
    assert!(distance < FOLDED, "{fusion:?} of {segments:?}: {distance:e}");
}

#[test]
fn attention_over_one_prompt_token_is_a_constant_per_channel() {
    for segments in [&[12][..], &[6, 6]] {
        let square = vec![12, 12];
        let from_prompt = vec![12, P];
        let own = [
            ("b.cross_attn_q.weight", square.clone()),
            ("b.cross_attn_q.bias", vec![12]),
            ("b.cross_attn_k.weight", from_prompt.clone()),
            ("b.cross_attn_k.bias", vec![12]),
            ("b.cross_attn_v.weight", from_prompt),
            ("b.cross_attn_v.bias", vec![12]),
            ("b.cross_attn_out.weight", square),
            ("b.cross_attn_out.bias", vec![12]),
            ("b.prompt_norm.weight", vec![P]),
            ("b.prompt_norm.bias", vec![P]),
        ];
        check(BlockFusion::CrossAttention, segments, &own, |dict, x, prompt| {
            let (feature, share) = balance(dict);
            let token = layer_norm(dict, "b.prompt_norm", prompt);
            let q = linear(dict, "b.cross_attn_q", x);
            let k = linear(dict, "b.cross_attn_k", &token);
            let v = linear(dict, "b.cross_attn_v", &token);
            let attended: Row = attend(&q, &[k], &[v], 1).iter().map(|v| v * share).collect();
            let out = linear(dict, "b.cross_attn_out", &attended);
            x.iter().zip(out).map(|(x, o)| x * feature + o).collect()
        });
    }
}

#[test]
fn the_prompt_half_of_a_concatenation_is_one_vector_an_image() {
    for segments in [&[10][..], &[3, 7]] {
        let own = [
            ("b.prompt_projection.weight", vec![10, P]),
            ("b.prompt_projection.bias", vec![10]),
            ("b.prompt_fusion.weight", vec![10, 20, 1, 1]),
            ("b.prompt_fusion.bias", vec![10]),
        ];
        check(BlockFusion::Concat, segments, &own, |dict, x, prompt| {
            let (feature, share) = balance(dict);
            let projected = linear(dict, "b.prompt_projection", prompt);
            let both: Row = x.iter().map(|v| v * feature).chain(projected.iter().map(|v| v * share)).collect();
            linear(dict, "b.prompt_fusion", &both)
        });
    }
}

#[test]
fn modulation_is_what_it_is_defined_to_be() {
    for segments in [&[10][..], &[3, 7]] {
        let own = [
            ("b.prompt_mlp.0.weight", vec![20, P]),
            ("b.prompt_mlp.0.bias", vec![20]),
            ("b.prompt_mlp.2.weight", vec![20, 20]),
            ("b.prompt_mlp.2.bias", vec![20]),
        ];
        check(BlockFusion::AdaptiveModulation, segments, &own, |dict, x, prompt| {
            let (feature, share) = balance(dict);
            let hidden: Row = linear(dict, "b.prompt_mlp.0", prompt).iter().map(|v| v.max(0.0)).collect();
            let t = linear(dict, "b.prompt_mlp.2", &hidden);
            x.iter().enumerate().map(|(i, v)| v * feature * (1.0 + t[i] * share) + t[10 + i] * share).collect()
        });
    }
}

#[test]
fn attention_of_the_domain_over_one_task_prompt_needs_its_values_alone() {
    let dict = weights(&[
        ("prompt_cross_attention.in_proj_weight", vec![3 * P, P]),
        ("prompt_cross_attention.in_proj_bias", vec![3 * P]),
        ("prompt_cross_attention.out_proj.weight", vec![P, P]),
        ("prompt_cross_attention.out_proj.bias", vec![P]),
        ("prompt_fusion_norm.weight", vec![P]),
        ("prompt_fusion_norm.bias", vec![P]),
        ("prompt_fusion_ffn.0.weight", vec![2 * P, P]),
        ("prompt_fusion_ffn.0.bias", vec![2 * P]),
        ("prompt_fusion_ffn.3.weight", vec![P, 2 * P]),
        ("prompt_fusion_ffn.3.bias", vec![P]),
    ]);
    let (domain, task) = (values(3, P as usize), values(4, P as usize));
    let piece = Piece {
        inputs: vec![Shape::new(1, 1, 1, P), Shape::new(1, 1, 1, P)],
        graph: Box::new(|b, t| fuse_prompts(b, PromptFusion::CrossAttention, t[0], t[1])),
    };
    let ours = run(&gpu(), &dict, piece, &[&domain, &task]);

    let wide = |v: &[f32]| -> Row { v.iter().map(|x| f64::from(*x)).collect() };
    let (domain, task) = (wide(&domain), wide(&task));
    let p = P as usize;
    let keys = ("prompt_cross_attention.in_proj_weight", "prompt_cross_attention.in_proj_bias");
    let q = linear_rows(&dict, keys, 0, p, &domain);
    let k = linear_rows(&dict, keys, p, p, &task);
    let v = linear_rows(&dict, keys, 2 * p, p, &task);
    let t = linear(&dict, "prompt_cross_attention.out_proj", &attend(&q, &[k], &[v], 8));
    let x = layer_norm(&dict, "prompt_fusion_norm", &t.iter().zip(&domain).map(|(a, b)| a + b).collect::<Row>());
    let hidden: Row = linear(&dict, "prompt_fusion_ffn.0", &x).into_iter().map(gelu).collect();
    let expected: Vec<f32> =
        linear(&dict, "prompt_fusion_ffn.3", &hidden).iter().zip(&x).map(|(a, b)| (a + b) as f32).collect();
    let distance = rel_l2(&ours, &expected);
    assert!(distance < FOLDED, "{distance:e}");
}

/// The exact form, its erf by Simpson's rule.
fn gelu(x: f64) -> f64 {
    let (steps, end) = (2000, x / std::f64::consts::SQRT_2);
    let h = end / f64::from(steps);
    let f = |i: i32| (-(h * f64::from(i)).powi(2)).exp();
    let inner: f64 = (1..steps).map(|i| f(i) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
    let erf = (f(0) + inner + f(steps)) * h / 3.0 * 2.0 / std::f64::consts::PI.sqrt();
    0.5 * x * (1.0 + erf)
}
