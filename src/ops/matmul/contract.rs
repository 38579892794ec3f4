//! One contraction core for matmul, linear layers, 1x1 and k x k convolution, with fused prologues and epilogues.

use crate::base::{Channels, DType, Shape};
use crate::kernel::generated::{
    matmul_contract_cooperative as cooperative, matmul_contract_narrow as narrow, matmul_contract_plain as plain,
    matmul_contract_resident as resident, matmul_contract_subgroup as subgroup, matmul_contract_tiled as tiled,
};
use crate::kernel::{Binding, Contraction, Dispatch, Key, Target};
use crate::ops::{Activation, Kernel, Lower, Storage, TensorInfo, expect};

mod slabs;
mod sliding;

use slabs::{Slabs, Work};
use sliding::Sliding;

/// The LayerNorm in front of a contraction; weight and bias of the norm are folded into the matrix when it is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum Prologue {
    #[default]
    None = 0,
    /// Divide by the deviation (BiasFree LayerNorm).
    Scale = 1,
    /// Subtract the mean, then divide.
    Standardise = 2,
}

/// `y = epilogue(prologue(x) * W + b)`.
///
/// Inputs, each only if its field says so: x, row statistics, channel scale `[n, 1, 1, k]`, residual (shape of the
/// output, or one value for each image and channel) or factors `[n, 1, 1, out]`, per-image weights, low-rank products.
/// Parameters: matrix or its parts (unless `dynamic`), bias (if `bias`).
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    /// Channels of the output; of one half when gated.
    pub out: Channels,
    pub kernel: (u32, u32),
    pub stride: u32,
    pub pad: u32,
    /// Segments of the input's channels that are K; all when `None`.
    pub segments: Option<(usize, usize)>,
    pub bias: bool,
    pub prologue: Prologue,
    pub scale: bool,
    pub activation: Activation,
    /// The matrix has two halves; the output is `activation(first) * second`.
    pub gate: Option<Activation>,
    pub residual: bool,
    /// Multiply the output by a factor for each image and channel; not together with `residual`.
    pub factors: bool,
    /// The matrix is an input, one for each image.
    pub dynamic: bool,
    /// K goes on over an input of its own with one row an output pixel; the matrix holds the weights of both segments.
    pub low_rank: bool,
    /// Store f32 whatever the precision.
    pub f32_out: bool,
    /// Panels of each part of the matrix when it is too large for one binding; see `graph::split`.
    pub part: Option<u32>,
}

impl Contract {
    /// A plain 1x1 convolution or linear layer.
    pub fn linear(out: Channels, bias: bool) -> Self {
        Contract::conv(out, 1, 1, 0, bias)
    }

    pub fn conv(out: Channels, kernel: u32, stride: u32, pad: u32, bias: bool) -> Self {
        Contract {
            out,
            kernel: (kernel, kernel),
            stride,
            pad,
            segments: None,
            bias,
            prologue: Prologue::None,
            scale: false,
            activation: Activation::None,
            gate: None,
            residual: false,
            factors: false,
            dynamic: false,
            low_rank: false,
            f32_out: false,
            part: None,
        }
    }

    fn window(&self) -> bool {
        self.kernel != (1, 1) || self.stride != 1 || self.pad != 0
    }

    /// Quads of K in the input: first and count.
    fn k_quads(&self, x: &Channels) -> (u32, u32) {
        let (a, b) = self.segments.unwrap_or((0, x.segments().len()));
        let range = x.quads_of(a..b);
        (range.start, range.end - range.start)
    }

    /// A 3x3 convolution to one quad of channels, such as the last of a network: panels would be nearly empty.
    fn is_narrow(&self, io: &subgroup::Params) -> bool {
        let same = self.kernel == (3, 3) && self.stride == 1 && self.pad == 1;
        same && io.n4 == 1 && self.gate.is_none() && !self.scale && !self.dynamic && !self.low_rank
    }

    /// Whether the last panel is half empty and worth a kernel that computes its first half alone. (The halves of a gated
    /// panel lie apart.)
    fn tail(&self, io: &subgroup::Params, target: &Target, precision: DType) -> bool {
        let quads = io.kernel_h * io.kernel_w * io.k4 + io.r4;
        let (half, enough) = match target.contraction.at(precision, quads) {
            Contraction::Wide { lanes } if !self.is_narrow(io) => (lanes, TAIL_ROWS),
            // The dispatches wait for each other, so each should keep the adapter busy.
            Contraction::Tiled { rows } => (TILED_HALF, target.parallelism * tiled_sums(rows) / TILED_HALF),
            _ => return false,
        };
        let left = (io.n4 - 1) % (2 * half) + 1;
        left <= half && self.gate.is_none() && (io.n4 <= half || io.batch * io.rows >= enough)
    }

    /// First panel and number of panels of each part of the matrix.
    pub fn parts(&self, panels: u32) -> Vec<(u32, u32)> {
        let step = self.part.unwrap_or(panels).max(1);
        (0..panels).step_by(step as usize).map(|first| (first, step.min(panels - first))).collect()
    }

    fn inputs(&self) -> usize {
        1 + usize::from(self.prologue != Prologue::None)
            + usize::from(self.scale)
            + usize::from(self.residual)
            + usize::from(self.factors)
            + usize::from(self.dynamic)
            + usize::from(self.low_rank)
    }
}

impl Kernel for Contract {
    fn infer(&self, inputs: &[&TensorInfo], target: &Target) -> Result<TensorInfo, String> {
        expect(inputs.len() == self.inputs(), || format!("expected {} inputs, got {}", self.inputs(), inputs.len()))?;
        let x = &inputs[0].shape;
        let (kh, kw) = self.kernel;
        expect(x.h + 2 * self.pad >= kh && x.w + 2 * self.pad >= kw, || format!("a {kh}x{kw} window needs more pixels"))?;
        let shape = Shape {
            n: x.n,
            h: (x.h + 2 * self.pad - kh) / self.stride + 1,
            w: (x.w + 2 * self.pad - kw) / self.stride + 1,
            c: self.out.clone(),
        };
        let (_, k4) = self.k_quads(&x.c);
        let mut next = 1;
        let mut take = || {
            next += 1;
            &inputs[next - 1].shape
        };
        if self.prologue != Prologue::None {
            expect(!self.window(), || "a norm in front of a window would also act on its zero padding".into())?;
            let s = take();
            expect(s.rows() == shape.rows() && s.c.padded() == 4, || format!("row statistics have shape {s}"))?;
        }
        if self.scale {
            let s = take();
            expect(s.n == x.n && s.pixels() == 1 && s.c.quads() == k4, || format!("channel scale has shape {s}"))?;
        }
        if self.residual {
            let s = take();
            let each_image = s.pixels() == 1 && s.n == shape.n && s.c == shape.c;
            expect(*s == shape || each_image, || format!("residual has shape {s}, expected {shape}"))?;
        }
        if self.factors {
            let s = take();
            let fits = s.n == x.n && s.pixels() == 1 && s.c.quads() == shape.c.quads();
            expect(fits && !self.residual, || format!("factors of shape {s} for an output {shape}"))?;
        }
        if self.dynamic {
            let s = take();
            let want = target.panel_quads(false) * self.out.quads().div_ceil(target.panel_quads(false)) * 4 * k4;
            expect(s.n == x.n && s.vec4s() == u64::from(want * x.n), || format!("per-image weights have shape {s}"))?;
        }
        if self.low_rank {
            let s = take();
            let fits = (s.n, s.h, s.w) == (shape.n, shape.h, shape.w) && !self.dynamic;
            expect(fits, || format!("low-rank products have shape {s}, expected {shape}"))?;
        }
        Ok(TensorInfo { shape, storage: if self.f32_out { Storage::F32 } else { Storage::Activation } })
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let (x, y) = (cx.shape(0), cx.out_shape());
        let gated = self.gate.is_some();
        let panel = cx.target.panel_quads(gated);
        // A gated panel holds both halves of its columns.
        let columns = if gated { panel / 2 } else { panel };
        let (offset, k4) = self.k_quads(&x.c);
        let n4 = y.c.quads();
        let panels = n4.div_ceil(columns);
        let taps = self.kernel.0 * self.kernel.1;
        let mut next = 1;
        let mut take = |present: bool| {
            present.then(|| {
                next += 1;
                cx.input(next - 1)
            })
        };
        let stats = take(self.prologue != Prologue::None);
        let scale = take(self.scale);
        let residual = take(self.residual || self.factors);
        let dynamic = take(self.dynamic);
        let parts = self.parts(panels);
        let (matrices, rest) = cx.params.split_at(if self.dynamic { 0 } else { parts.len().min(cx.params.len()) });
        let bias: Binding = rest.first().copied().into();
        let broadcast = self.residual && cx.inputs.iter().any(|(t, info)| Some(*t) == residual && info.shape != *y);
        let low = take(self.low_rank);
        let r4 = low.map_or(0, |_| cx.shape(self.inputs() - 1).c.quads());
        let residual_kind = if broadcast { 3 } else if self.factors { 2 } else { u32::from(self.residual) };
        // The kernels share one parameter struct (shaders/matmul/contract_io.wgsl).
        let io = subgroup::Params {
            batch: y.n,
            rows: y.pixels(),
            out_w: y.w,
            in_h: x.h,
            in_w: x.w,
            x_stride: x.c.quads(),
            x_offset: offset,
            k4,
            n4,
            panels: 0,
            kernel_h: self.kernel.0,
            kernel_w: self.kernel.1,
            stride: self.stride,
            pad: self.pad,
            w_batch: if self.dynamic { panels * taps * 4 * k4 * panel } else { 0 },
            first_panel: 0,
            r4,
            skipped: 0,
            block: 0,
            first_k4: 0,
            stages: self.prologue as u32
                + 4 * u32::from(self.scale)
                + 8 * u32::from(self.bias)
                + 16 * residual_kind,
        };
        let key = |shader| {
            Key::new(shader)
                .define("DTYPE", cx.precision.name())
                .define("OUT", if self.f32_out { "f32" } else { "same" })
                .constant("ACTIVATION", self.activation as u32)
                .constant("GATE", self.gate.unwrap_or_default() as u32)
        };
        let special = |key: Key| {
            key.constant("NORM", self.prologue as u32)
                .constant("SCALE", self.scale.into())
                .constant("BIAS", self.bias.into())
                .constant("RESIDUAL", residual_kind)
        };
        // Software adapters compile slowly, so their pipelines read the stages from the parameters (contract_io.wgsl): all
        // have the norm, and one with any of scale and residual, which cost it some percent, has both.
        let general = |key: Key, norm: bool, all: bool| {
            let any = u32::from(all);
            key.constant("NORM", norm.into()).constant("SCALE", any).constant("RESIDUAL", any)
        };
        let extended = self.scale || residual_kind != 0;
        let bindings_of = |part: usize| -> Vec<Binding> {
            let matrix = match dynamic {
                Some(t) => Binding::Tensor(t),
                None => matrices.get(part).copied().into(),
            };
            let inputs = [cx.input(0).into(), matrix, bias, stats.into(), scale.into(), residual.into(), low.into()];
            inputs.into_iter().chain([cx.out().into()]).collect()
        };
        if let Some(sliding) = Sliding::of(self, &bytemuck::cast(io), parts.len(), cx) {
            return sliding.lower(self, bytemuck::cast(io), &bindings_of(0), cx);
        }
        let shaped = |key: Key| {
            key.define("WINDOW", u8::from(self.window()))
                .define("GATED", u8::from(gated))
                .define("LOWRANK", u8::from(self.low_rank))
        };
        let kept = |panels: u32| {
            let (rows, images, k4) = (y.pixels(), y.n, taps * k4);
            let work = Work { rows, images, k4, n4, panels, window: self.window(), gated };
            Slabs::of(&work, cx.precision, cx.target).filter(|_| !self.low_rank && !self.is_narrow(&io))
        };
        // `slabs` are those of contract_resident.wgsl. `skipped` panels of part `i`, whose first panel is `start_of_part`, lie in front of the `count` that are computed.
        let dispatch = |(i, start_of_part): (usize, u32), (skipped, count): (u32, u32), tail: bool, slabs: Option<Slabs>| {
            let first = start_of_part + skipped;
            let bindings = bindings_of(i);
            let io = subgroup::Params { panels: count, first_panel: first, skipped, ..io };
            let quads = (n4 - first * columns).min(count * columns);
            let width = quads * if gated { 2 } else { 1 };
            let flops = 2 * u64::from(y.rows()) * u64::from(4 * (taps * k4 + r4)) * u64::from(4 * width);
            if let Some(Slabs { k4: slab_k4, count: slabs, block }) = slabs {
                let io = resident::Params { block, ..bytemuck::cast(io) };
                let key = Key::new(resident::NAME)
                    .define("DTYPE", cx.precision.name())
                    .define("OUT", "same")
                    .define("WINDOW", u8::from(self.window()))
                    .define("GATED", u8::from(gated))
                    .define("LANES", 8)
                    .define("COLS", if tail { 1 } else { 2 })
                    .define("WIDE", 1)
                    .define("PAIRED", u8::from(!tail && !gated))
                    .define("K4", slab_k4)
                    .define("COARSE", u8::from(cx.target.coarse_pieces))
                    .define("DOUBLE", u8::from([x.c.quads(), offset, k4].iter().all(|quads| quads.is_multiple_of(2))))
                    .define("SLABS", u8::from(slabs > 1))
                    .constant("ACTIVATION", self.activation as u32)
                    .constant("GATE", self.gate.unwrap_or_default() as u32);
                // What is not there costs these more than a pipeline, since they run long.
                let norm = self.prologue != Prologue::None;
                let key = general(key, norm, extended);
                let groups = y.n * y.pixels().div_ceil(block) * count;
                return Dispatch::new(key, &io, bindings, groups).flops(flops);
            }
            match cx.target.contraction.at(cx.precision, taps * k4 + r4) {
                Contraction::Subgroup { lanes, cols } => {
                    let key = special(shaped(key(subgroup::NAME)))
                        .define("LANES", lanes)
                        .define("ROWS", SUBGROUP_ROWS)
                        .define("COLS", if gated { 2 } else { cols })
                        .define("WIDE", 0)
                        .define("PAIRED", 0);
                    Dispatch::new(key, &io, bindings, y.n * y.pixels().div_ceil(SUBGROUP_ROWS) * count)
                }
                Contraction::Wide { lanes } if self.is_narrow(&io) => {
                    let key = general(key(narrow::NAME), true, extended)
                        .define("WINDOW", 1)
                        .define("WIDE", 1)
                        .define("LANES", lanes)
                        .define("STRIP", NARROW_STRIP);
                    let io: narrow::Params = bytemuck::cast(io);
                    let strips = y.n * y.h * y.w.div_ceil(NARROW_STRIP);
                    Dispatch::new(key, &io, bindings, strips.div_ceil(lanes))
                }
                Contraction::Wide { lanes } => {
                    let (cols, rows) = if tail { (1, HALF_ROWS) } else { (2, WIDE_ROWS) };
                    let key = general(shaped(key(subgroup::NAME)), true, tail || extended)
                        .define("LANES", lanes)
                        .define("ROWS", rows)
                        .define("COLS", cols)
                        .define("WIDE", 1)
                        .define("PAIRED", u8::from(!tail && !gated && n4.is_multiple_of(2)));
                    Dispatch::new(key, &io, bindings, y.n * y.pixels().div_ceil(rows) * count)
                }
                Contraction::Tiled { rows } => {
                    let columns = if tail { TILED_HALF } else { 2 * TILED_HALF };
                    let key = special(shaped(key(tiled::NAME))).define("COLUMNS", columns).define("HEIGHT", rows);
                    let io: tiled::Params = bytemuck::cast(io);
                    let groups = y.n * y.pixels().div_ceil(tiled_sums(rows) / columns) * count;
                    Dispatch::new(key, &io, bindings, groups)
                }
                family @ Contraction::Cooperative { lanes, .. } => {
                    let key = special(shaped(key(cooperative::NAME)))
                        .define("SIDE", family.side(cx.precision))
                        .define("LANES", lanes);
                    let io: cooperative::Params = bytemuck::cast(io);
                    Dispatch::new(key, &io, bindings, y.n * y.pixels().div_ceil(COOPERATIVE_ROWS) * count)
                }
                Contraction::Plain => {
                    let io: plain::Params = bytemuck::cast(io);
                    let sums = y.n * y.pixels() * quads;
                    Dispatch::new(special(shaped(key(plain::NAME))), &io, bindings, sums.div_ceil(PLAIN_SUMS))
                }
            }
            .flops(flops)
        };
        let (last, tail) = (parts.len() - 1, self.tail(&io, cx.target, cx.precision));
        let panel_flops = 32 * u64::from(y.rows()) * u64::from(taps * k4 + r4) * u64::from(panel);
        let most = (cx.target.dispatch_flops / panel_flops.max(1)).clamp(1, u64::from(panels)) as u32;
        let pieces = |(i, (first, count)): (usize, (u32, u32))| {
            let tail = tail && i == last;
            let front = count - u32::from(tail);
            let cuts = (0..front).step_by(most as usize).map(|at| (at, most.min(front - at), false));
            let lower = |(skipped, panels, tail)| dispatch((i, first), (skipped, panels), tail, kept(panels));
            cuts.chain(tail.then_some((front, 1, true))).map(lower).collect::<Vec<_>>()
        };
        parts.into_iter().enumerate().flat_map(pieces).collect()
    }
}

/// Rows of a workgroup of contract_subgroup.wgsl.
const SUBGROUP_ROWS: u32 = 16;
/// The same with wide loads, and of half a panel (the head of contract_subgroup.wgsl says why so many).
const WIDE_ROWS: u32 = 24;
const HALF_ROWS: u32 = 32;
/// Rows from which a last panel is worth a dispatch, and a pipeline, of its own.
const TAIL_ROWS: u32 = 1024;
/// Pixels of a row that a lane of contract_narrow.wgsl computes.
const NARROW_STRIP: u32 = 8;
/// Rows times quads of a workgroup of contract_tiled.wgsl: of 64 invocations with two quads each.
const fn tiled_sums(rows: u32) -> u32 {
    128 * rows
}
/// Quads of half a panel of contract_tiled.wgsl.
const TILED_HALF: u32 = 8;
/// Rows of a workgroup of contract_cooperative.wgsl.
const COOPERATIVE_ROWS: u32 = 64;
/// Quads of sums of a workgroup of contract_plain.wgsl.
const PLAIN_SUMS: u32 = 64;
