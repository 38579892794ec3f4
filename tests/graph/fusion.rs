//! What fuses, in exact numbers of nodes. A block is counted once; a network is its blocks and what is between them.

use std::collections::{BTreeMap, BTreeSet};

use vernis::base::DType;
use vernis::graph::Graph;
use vernis::graph::lower::lower;
use vernis::kernel::{Contraction, Key, Target};
use vernis::models::{Part, genlv};
use vernis::ops::Op;

use crate::support::nets::{self, Net};

/// Nodes by stem.
fn counts(graph: &Graph) -> BTreeMap<&'static str, usize> {
    let mut out = BTreeMap::new();
    for node in &graph.nodes {
        *out.entry(node.op.stem()).or_insert(0) += 1;
    }
    out
}

fn table(rows: &[(&'static str, usize)]) -> BTreeMap<&'static str, usize> {
    rows.iter().filter(|(_, n)| *n > 0).copied().collect()
}

/// Every node of a fused network is one dispatch.
fn assert_counts(graph: &Graph, expected: &[(&'static str, usize)]) {
    assert_eq!(counts(graph), table(expected));
    let dispatches = lower(graph).unwrap().1.dispatches;
    assert_eq!(dispatches, expected.iter().map(|(_, n)| n).sum::<usize>());
}

fn fused(net: &Net, part: &Part) -> Graph {
    net.fused(&Target::core(), DType::F32, part, &[])
}

fn net(family: &str) -> Net {
    nets::all().into_iter().find(|n| n.family == family).unwrap()
}

/// The convolutions between the blocks of the three networks with Restormer's topology: patch_embed, three downs,
/// three ups, two reductions, output.
const BETWEEN: usize = 1 + 3 + 3 + 2 + 1;

#[test]
fn restormer_block_is_eleven_dispatches() {
    let net = net("restormer");
    // Blocks: encoder 1 + 2 + 1 + 1, decoder 1 + 2 + 1, refinement 1.
    let blocks = 10;
    let graph = fused(&net, &net.part);
    assert_counts(
        &graph,
        &[
            // qkv, project_out, project_in, second project_out; sums, norms and gates are inside them.
            ("matmul/contract", 4 * blocks + BETWEEN),
            ("norm/row_stats", 2 * blocks),
            ("conv/depthwise", 2 * blocks),
            ("attention/channel_gram", blocks),
            ("attention/channel_softmax", blocks),
            ("attention/channel_project", blocks),
            ("resample/pixel_unshuffle", 3),
            ("resample/pixel_shuffle", 3),
            ("resample/concat", 3),
        ],
    );
    let odd = fused(&net, &Part::main(1, 17, 30, Vec::new()));
    assert_eq!(odd.count("resample/window"), 2, "pad and crop");
    assert_eq!(odd.nodes.len(), graph.nodes.len() + 2);
}

#[test]
fn nafnet_block_is_nine_dispatches() {
    let net = net("nafnet");
    // Encoder 1 + 2, middle 1, decoder 1 + 1; two levels.
    let (blocks, levels) = (6, 2);
    assert_counts(
        &fused(&net, &net.part),
        &[
            // conv1, sca, conv3, conv4, conv5; intro, ending; downs and ups.
            ("matmul/contract", 5 * blocks + 2 + 2 * levels),
            ("norm/row_stats", 2 * blocks),
            ("conv/depthwise", blocks),
            ("reduce/mean", blocks),
            // The skips are added where the levels are enlarged.
            ("resample/pixel_shuffle", levels),
        ],
    );
}

#[test]
fn xrestormer_block_is_nineteen_dispatches() {
    let net = net("xrestormer");
    // Encoder 1 + 1 + 1 + 2, decoder 1 + 1 + 1, refinement 1.
    let blocks = 9;
    assert_counts(
        &fused(&net, &net.part),
        &[
            ("matmul/contract", 8 * blocks + BETWEEN),
            ("norm/row_stats", 4 * blocks),
            ("conv/depthwise", 3 * blocks),
            ("attention/channel_gram", blocks),
            ("attention/channel_softmax", blocks),
            ("attention/channel_project", blocks),
            ("attention/window_attention", blocks),
            ("resample/pixel_unshuffle", 3),
            ("resample/pixel_shuffle", 3),
            ("resample/concat", 3),
        ],
    );
}

#[test]
fn genlv_has_xrestormer_blocks_around_a_latent_of_tokens() {
    let net = net("genlv");
    // Levels 1 to 3 and refinement; the latent level.
    let (blocks, latent) = (7, 2);
    assert_counts(
        &fused(&net, &net.part),
        &[
            // A latent block: 2 of MDTA, 2 of each feed-forward, q, k, v and out of two attentions.
            ("matmul/contract", 8 * blocks + (2 + 2 + 4 + 4 + 2) * latent + BETWEEN),
            // norm1 to norm4; norm5 is the residual of what follows, so it stays.
            ("norm/row_stats", 4 * blocks + 4 * latent),
            ("norm/layer_norm", latent),
            ("conv/depthwise", 3 * blocks + 3 * latent),
            ("attention/channel_gram", blocks + latent),
            ("attention/channel_softmax", blocks + latent),
            ("attention/channel_project", blocks + latent),
            ("attention/window_attention", blocks),
            ("attention/global_attention", 2 * latent),
            ("resample/pixel_unshuffle", 3),
            ("resample/pixel_shuffle", 3),
            ("resample/concat", 3),
        ],
    );
}

#[test]
fn prompt_encoder_keeps_the_norms_in_front_of_3x3_convolutions() {
    let net = net("genlv");
    assert_counts(
        &fused(&net, &genlv::prompt_part(1, 16, 24)),
        &[
            // conv_first, conv_hr, 12 residual blocks of 2, 3 reductions, conv_lr, conv_last.
            ("matmul/contract", 2 + 24 + 3 + 2),
            ("norm/layer_norm", 5),
            // The GELU behind the last residual sum of a level.
            ("elementwise/activation", 3),
            ("resample/pixel_unshuffle", 3),
        ],
    );
}

#[test]
fn what_fuses_is_gone_and_its_weights_with_it() {
    for net in nets::all() {
        let plain = net.plain(&Target::core(), DType::F32, &net.part, &[]);
        let graph = fused(&net, &net.part);
        for stem in ["elementwise/gate", "elementwise/activation"] {
            assert_eq!(graph.count(stem), 0, "{} keeps {stem}", net.family);
        }
        assert!(plain.count("elementwise/gate") > 0, "{}", net.family);
        assert!(graph.nodes.len() < plain.nodes.len());
        let used: BTreeSet<u32> = graph.nodes.iter().flat_map(|n| &n.params).map(|p| p.0).collect();
        assert_eq!(used.len(), graph.params.len(), "{} keeps weights that nobody reads", net.family);
        let last = graph.outputs[0].1;
        let makes = graph.nodes.iter().find(|n| n.output == last).unwrap();
        assert!(
            matches!(&makes.op, Op::Contract(c) if c.f32_out),
            "{}: the picture is rounded to the precision of the plan by {:?}",
            net.family,
            makes.op
        );
    }
}

/// A software adapter takes most of a second to compile one of these, and a first start waits for all of them.
#[test]
fn wide_contractions_share_pipelines() {
    let target =
        Target { subgroup: Some(8), immediates: true, contraction: Contraction::Wide { lanes: 8 }, ..Target::core() };
    // Whole and half panels of 1x1 and of windows, and gates; whole panels of 1x1 twice: with residuals and scales, and
    // without.
    for family in ["restormer", "nafnet"] {
        let net = net(family);
        let commands = lower(&net.fused(&target, DType::F32, &net.part, &[])).unwrap().0;
        let keys: BTreeSet<_> = commands.steps.iter().map(|s| &s.dispatch.key).collect();
        let wide = |key: &&&Key| key.shader == "matmul/contract_subgroup";
        assert_eq!(keys.iter().filter(wide).count(), 2 + 2 + 1 + 1, "{family}: {keys:#?}");
    }
}
