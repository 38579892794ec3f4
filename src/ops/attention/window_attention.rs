//! Overlapping window attention with relative position terms (X-Restormer's OCA).

use crate::base::Channels;
use crate::kernel::generated::attention_window_attention::{NAME, Params};
use crate::kernel::generated::attention_window_attention_subgroup as subgroup;
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, Lower, TensorInfo, arity, expect};

/// Input: q, k, v of all heads, one channel segment each. Parameters: rel_height, rel_width, f32, `[2 ows - 1, dh]`.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowAttention {
    pub heads: u32,
    /// Channels of one head.
    pub channels: u32,
    /// Query window and key window in pixels.
    pub window: u32,
    pub overlap: u32,
}

impl WindowAttention {
    /// Lanes of the kernel for subgroups, where it serves.
    fn lanes(&self, target: &Target) -> Option<u32> {
        target.lanes().filter(|l| self.window.is_multiple_of(*l) && self.window.is_multiple_of(TALL))
    }
}

impl Kernel for WindowAttention {
    fn infer(&self, inputs: &[&TensorInfo], target: &Target) -> Result<TensorInfo, String> {
        let [qkv] = arity(inputs)?;
        let s = &qkv.shape;
        expect(s.c == Channels::repeat(self.channels, 3 * self.heads), || format!("{s} is no q, k, v"))?;
        expect(s.h % self.window == 0 && s.w % self.window == 0, || {
            format!("{}x{} pixels are no multiple of the {} pixel window", s.h, s.w, self.window)
        })?;
        expect(self.window * self.window <= target.max_workgroup_invocations, || {
            format!("a window of {0}x{0} needs more than {1} invocations", self.window, target.max_workgroup_invocations)
        })?;
        expect(self.overlap >= self.window && (self.overlap - self.window).is_multiple_of(2), || {
            format!("a key window of {} does not surround {}", self.overlap, self.window)
        })?;
        let row = self.overlap * self.channels.div_ceil(4);
        expect(self.lanes(target).is_some() || row <= ROW, || {
            format!("{} keys of {} channels are too many for a row in workgroup memory", self.overlap, self.channels)
        })?;
        Ok(TensorInfo::activation(s.with_channels(Channels::repeat(self.channels, self.heads))))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let s = cx.shape(0);
        let key = |shader| {
            Key::new(shader)
                .define("DTYPE", cx.precision.name())
                .define("WIDE", cx.target.wide())
                .define("WS", self.window)
                .define("OWS", self.overlap)
                .define("DQ", self.channels.div_ceil(4))
        };
        let params = Params {
            batch: s.n,
            h: s.h,
            w: s.w,
            heads: self.heads,
            pad: (self.overlap - self.window) / 2,
            scale: (self.channels as f32).powf(-0.5),
        };
        let bindings = vec![cx.input(0).into(), cx.params[0].into(), cx.params[1].into(), cx.out().into()];
        let windows = s.n * (s.h / self.window) * (s.w / self.window);
        let keys = u64::from(self.overlap * self.overlap);
        let flops = 4 * u64::from(s.rows()) * keys * u64::from(self.channels * self.heads);
        let dispatch = match self.lanes(cx.target) {
            Some(lanes) => {
                let key = key(subgroup::NAME).define("SIDE", lanes).define("TALL", TALL);
                let groups = windows * self.heads * (self.window / lanes) * (self.window / TALL);
                Dispatch::new(key, &bytemuck::cast::<_, subgroup::Params>(params), bindings, groups)
            }
            None => Dispatch::new(key(NAME), &params, bindings, windows * self.heads),
        };
        vec![dispatch.flops(flops)]
    }
}

/// Queries of a lane of window_attention_subgroup.wgsl.
const TALL: u32 = 4;
/// Quads of a row of keys, and of values, for which 16 KiB of workgroup memory suffice.
const ROW: u32 = 512;
