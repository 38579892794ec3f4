//! A tap shows a module's result and leaves the output as it is.

use vernis::base::DType;

use crate::support::compare::{Tolerance, compare};
use crate::support::gpu::native;
use crate::support::nets::{self, inputs, nchw};
use crate::support::run::guarded;

#[test]
fn taps_do_not_change_the_output() {
    let family = native();
    for net in nets::all() {
        let names = match net.family {
            "nafnet" => ["encoders.0.0", "middle_blks.0.sca", "ups.0.1"],
            "restormer" => ["encoder_level2.1.attn", "latent", "down1_2"],
            _ => ["encoder_level1.0.channel_ffn", "patch_embed", "up2_1"],
        };
        let taps = names.map(str::to_owned);
        let bare = net.fused(&family.target, DType::F32, &net.part, &[]);
        let tapped = net.fused(&family.target, DType::F32, &net.part, &taps);
        let found: Vec<&str> = tapped.outputs.iter().map(|(n, _)| n.as_str()).collect();
        assert!(names.iter().all(|n| found.contains(n)), "{}: {found:?}", net.family);
        let run =
            |g| guarded(family.gpu, g, &net.dict, &inputs(g, 3)).unwrap_or_else(|e| panic!("{}: {e}", net.family));
        let at = found.iter().position(|n| *n == "output").unwrap();
        let (expected, got) = (run(&bare), run(&tapped));
        let (shape, expected) = nchw(&bare, 0, &expected[0]);
        let (got_shape, values) = nchw(&tapped, at, &got[at]);
        compare(Tolerance::Model, (&got_shape, &values), (&shape, &expected))
            .unwrap_or_else(|e| panic!("{} with taps: {e}", net.family));
        for (i, name) in found.iter().enumerate() {
            let (_, values) = nchw(&tapped, i, &got[i]);
            assert!(values.iter().any(|v| *v != values[0]), "{} {name} is constant", net.family);
        }
    }
}
