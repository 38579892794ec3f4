//! GDFN, the gated depthwise feed-forward network (Zamir et al. 2022, "Restormer", section 3.2).

use crate::base::{Channels, Result};
use crate::kernel::TensorId;
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::Activation;

/// Keys `project_in`, `dwconv`, `project_out`. The hidden width is read from the checkpoint; its two halves are
/// separate channel segments because the width is often odd.
pub fn gdfn(b: &mut Build<'_>, path: &str, x: TensorId, bias: bool) -> Result<TensorId> {
    let out = b.shape(x).c;
    let hidden = b.weight_outputs(&format!("{path}.project_in.weight"))? / 2;
    let t = b.conv(&format!("{path}.project_in"), x, Conv::point(Channels::repeat(hidden, 2), bias))?;
    let t = b.depthwise(&format!("{path}.dwconv"), t, 3, bias)?;
    let t = b.gate(&format!("{path}.gate"), t, Activation::Gelu)?;
    let y = b.conv(&format!("{path}.project_out"), t, Conv::point(out, bias))?;
    b.tap(path, y);
    Ok(y)
}
