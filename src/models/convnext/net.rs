//! The network, under timm's names.

use super::Config;
use crate::base::Result;
use crate::kernel::TensorId;
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::Activation;

pub const STAGE_NAMES: [&str; 4] = ["stage1", "stage2", "stage3", "stage4"];

/// The wanted stages, counted from 0, with their outputs; later stages are not computed. `root` is put in front of every key: empty, or a prefix that ends in a dot.
pub fn stages(c: &Config, b: &mut Build<'_>, root: &str, x: TensorId) -> Result<Vec<(usize, TensorId)>> {
    let eps = c.layer_norm_eps as f32;
    // Strided convolutions have no padding: what does not fill a window at the right and bottom edge is dropped.
    let patch = |out: u32, size: u32| Conv { stride: size, pad: 0, ..Conv::same(out, size, true) };
    let t = b.conv(&format!("{root}stem.0"), x, patch(c.dims[0], 4))?;
    let mut t = b.layer_norm(&format!("{root}stem.1"), t, eps)?;
    b.tap(&format!("{root}stem"), t);
    let mut out = Vec::with_capacity(c.levels.len());
    let wanted = |stage: usize| c.levels.contains(&(stage as u32));
    let computed = c.levels.last().map_or(0, |last| *last as usize + 1);
    b.ignore(|key| {
        let stage = |prefix: &str| key.strip_prefix(root)?.strip_prefix(prefix)?.split('.').next()?.parse().ok();
        stage("stages.").is_some_and(|s: usize| s >= computed) || stage("norm").is_some_and(|s: usize| !wanted(s))
    });
    for stage in 0..computed {
        let path = format!("{root}stages.{stage}");
        if stage > 0 {
            t = b.layer_norm(&format!("{path}.downsample.0"), t, eps)?;
            t = b.conv(&format!("{path}.downsample.1"), t, patch(c.dims[stage], 2))?;
            b.tap(&format!("{path}.downsample"), t);
        }
        for block in 0..c.depths[stage] {
            t = convnext_block(b, &format!("{path}.blocks.{block}"), t, eps)?;
        }
        b.tap(&format!("{root}unnormed_stage{}", stage + 1), t);
        if !wanted(stage) {
            continue;
        }
        let map = if c.stage_output_norm {
            b.layer_norm(&format!("{root}norm{stage}"), t, c.output_norm_eps as f32)?
        } else {
            t
        };
        out.push((stage, map));
    }
    Ok(out)
}

/// `x + gamma * fc2(gelu(fc1(norm(conv_dw(x)))))`; gamma is folded into fc2.
fn convnext_block(b: &mut Build<'_>, path: &str, x: TensorId, eps: f32) -> Result<TensorId> {
    let c = b.shape(x).c;
    let t = b.depthwise(&format!("{path}.conv_dw"), x, 7, true)?;
    let t = b.layer_norm(&format!("{path}.norm"), t, eps)?;
    let t = b.conv(&format!("{path}.mlp.fc1"), t, Conv::same(4 * c.logical(), 1, true))?;
    let t = b.activate(&format!("{path}.mlp.act"), t, Activation::Gelu)?;
    let t = b.conv(&format!("{path}.mlp.fc2"), t, Conv::point(c, true).scaled_by(format!("{path}.gamma")))?;
    let y = b.sum(&format!("{path}.add"), x, t)?;
    b.tap(path, y);
    Ok(y)
}
