//! Pooling: close to the lower bound on networks of published size, and never two live tensors in one slot.

use serde_json::{Value, json};
use vernis::base::DType;
use vernis::graph::Graph;
use vernis::graph::lower::{lives, lower};
use vernis::kernel::Target;
use vernis::models::Part;

use crate::support::nets::Net;

fn levels(blocks: [u32; 4], extra: Value) -> Value {
    let mut config = json!({"inp_channels": 3, "out_channels": 3, "dim": 48, "num_blocks": blocks,
        "num_refinement_blocks": 4, "ffn_expansion_factor": 2.66, "bias": false, "LayerNorm_type": "WithBias"});
    for (k, v) in extra.as_object().unwrap() {
        config[k] = v.clone();
    }
    config
}

/// Published configurations at sizes from one tile to a whole picture.
fn published() -> Vec<Net> {
    let heads = json!([1, 2, 4, 8]);
    let restormer = levels([4, 6, 6, 8], json!({"heads": heads, "dual_pixel_task": false}));
    let xrestormer = levels(
        [2, 4, 4, 4],
        json!({"channel_heads": heads, "spatial_heads": heads, "overlap_ratio": [0.5, 0.5, 0.5, 0.5],
            "window_size": 8, "spatial_dim_head": 16, "dual_pixel_task": false, "scale": 1}),
    );
    let genlv = levels(
        [2, 4, 4, 4],
        json!({"heads": heads, "window_size": 8, "class": "XRestormer_Prompt_SpatCrossAttn",
            "prompt_encoder_nf": 32}),
    );
    let nafnet = json!({"img_channel": 3, "width": 32, "middle_blk_num": 1, "enc_blk_nums": [1, 1, 1, 28],
        "dec_blk_nums": [1, 1, 1, 1]});
    vec![
        Net::new("restormer", &restormer, Part::main(1, 256, 256, Vec::new())),
        Net::new("nafnet", &nafnet, Part::main(1, 512, 384, Vec::new())),
        Net::new("xrestormer", &xrestormer, Part::main(1, 256, 192, Vec::new())),
        Net::new("genlv", &genlv, Part::main(1, 256, 256, vec![1, 1024])),
    ]
}

fn each(check: impl Fn(&str, &Graph)) {
    for net in published() {
        for precision in [DType::F32, DType::F16] {
            let graph = net.fused(&Target::core(), precision, &net.part, &[]);
            check(&format!("{} {}", net.family, precision.name()), &graph);
        }
    }
}

#[test]
fn pooled_memory_is_near_the_lower_bound() {
    each(|name, graph| {
        let plan = lower(graph).unwrap().1;
        let ratio = plan.activations as f64 / plan.lower_bound as f64;
        eprintln!("{name}: {} MiB, {ratio:.3} of the lower bound", plan.activations >> 20);
        assert!((1.0..=1.25).contains(&ratio), "{name}: {ratio:.3} times the lower bound");
    });
}

#[test]
fn live_tensors_never_share_a_slot() {
    each(|name, graph| {
        let (commands, _) = lower(graph).unwrap();
        let lives = lives(graph);
        for (i, a) in lives.iter().enumerate() {
            let slot = commands.slot_of[a.tensor];
            assert!(commands.slots[slot.unwrap()].bytes >= a.bytes, "{name}: slot of tensor {}", a.tensor);
            for b in &lives[..i] {
                let overlap = a.alive.start() <= b.alive.end() && b.alive.start() <= a.alive.end();
                let shared = slot == commands.slot_of[b.tensor];
                assert!(!(overlap && shared), "{name}: tensors {} and {} share a slot", a.tensor, b.tensor);
            }
        }
        // Told apart from the lifetimes, from the steps alone: no dispatch reads the slot it writes.
        for node in &graph.nodes {
            let slot = |t: &vernis::kernel::TensorId| commands.slot_of[t.0 as usize];
            assert!(node.inputs.iter().all(|t| slot(t) != slot(&node.output)), "{name}: {}", node.path);
        }
    });
}

#[test]
fn a_tensor_larger_than_a_binding_is_refused_by_name() {
    let net = &published()[1];
    let graph = net.fused(&Target { max_binding_bytes: 1 << 20, ..Target::core() }, DType::F32, &net.part, &[]);
    let error = lower(&graph).unwrap_err();
    assert_eq!(error.kind(), vernis::base::Kind::Memory);
    assert!(error.to_string().contains("--tile"), "{error}");
}

#[test]
fn the_bytes_of_weights_are_known_before_they_are_packed() {
    use vernis::checkpoint::prepack::{Pack, Panels};
    for net in crate::support::nets::all() {
        for precision in [DType::F32, DType::F16] {
            for target in [Target::core(), Target { contraction: subgroup(), ..Target::core() }] {
                let panels = Panels { plain: target.panel_quads(false), gated: target.panel_quads(true) };
                let graph = net.fused(&target, precision, &net.part, &[]);
                for pack in graph.params.iter().filter(|p| !matches!(p, Pack::Table { .. } | Pack::Flat { .. })) {
                    let packed = pack.pack(&net.dict, panels, precision).unwrap().len() as u64;
                    assert_eq!(pack.bytes(panels, precision), packed, "{} {pack:?}", net.family);
                }
            }
        }
    }
}

fn subgroup() -> vernis::kernel::Contraction {
    vernis::kernel::Contraction::Subgroup { lanes: 8, cols: 2 }
}
