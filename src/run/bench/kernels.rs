//! Suite v1, single kernels: each is a network of one node, so that it runs through the code that networks run
//! through, and its result is compared with a plain loop.

use serde_json::{Value, json};

use super::synthetic;
use crate::base::{Channels, DType, Result, Shape};
use crate::checkpoint::prepack::Pack;
use crate::kernel::TensorId;
use crate::models::{Network, Part, Sizes, TilePolicy};
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::attention::window_attention::WindowAttention;
use crate::run::model::Model;
use crate::run::plan::PlanKey;

/// What a kernel computes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Work {
    /// Dense convolution, stride 1, no bias; 1x1 is a matrix product over pixels.
    Conv { kernel: u32, from: u32, to: u32 },
    /// 3x3, one filter a channel.
    Depthwise { channels: u32 },
    /// Over the channels of a pixel, with weight and bias.
    LayerNorm { channels: u32 },
    /// 8x8 queries on 12x12 keys of 16 channels with relative terms.
    Windows { heads: u32 },
}

/// A kernel at a size.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub name: &'static str,
    pub width: u32,
    pub height: u32,
    pub work: Work,
}

const fn case(name: &'static str, width: u32, height: u32, work: Work) -> Case {
    Case { name, width, height, work }
}

/// All kernels of suite v1.
pub const KERNELS: &[Case] = &[
    case("conv3x3-48", 256, 256, Work::Conv { kernel: 3, from: 48, to: 48 }),
    case("conv3x3-96", 256, 256, Work::Conv { kernel: 3, from: 96, to: 96 }),
    case("conv1x1-48-254", 256, 256, Work::Conv { kernel: 1, from: 48, to: 254 }),
    case("depthwise3x3-254", 256, 256, Work::Depthwise { channels: 254 }),
    case("layer-norm-48", 256, 256, Work::LayerNorm { channels: 48 }),
    case("windows-64x144x16", 256, 256, Work::Windows { heads: 2 }),
    case("matmul-1024", 1024, 1, Work::Conv { kernel: 1, from: 1024, to: 1024 }),
];

/// Query and key window, and channels of a head.
pub const WINDOW: u32 = 8;
pub const OVERLAP: u32 = 12;
pub const HEAD: u32 = 16;
/// The module whose keys the weights have.
pub const PATH: &str = "kernel";

impl Case {
    /// Channels of the input, in segments.
    pub fn channels(&self) -> Channels {
        match self.work {
            Work::Conv { from, .. } => Channels::one(from),
            Work::Depthwise { channels } | Work::LayerNorm { channels } => Channels::one(channels),
            Work::Windows { heads } => Channels::repeat(HEAD, 3 * heads),
        }
    }

    pub fn model(&self) -> Result<Model> {
        let free = |_: &str, _: u32| Some(vec![2 * OVERLAP - 1, HEAD]);
        let dict = synthetic::dict(synthetic::tensors(self, &free)?, self.name);
        Model::with_network(dict, Box::new(self.clone()))
    }

    pub fn key(&self, precision: DType) -> PlanKey {
        PlanKey { part: Part::main(1, self.height, self.width, Vec::new()), precision }
    }

    pub fn shape(&self) -> Shape {
        Shape { n: 1, h: self.height, w: self.width, c: self.channels() }
    }

    /// Input values, pixel by pixel without padding, around 0.
    pub fn input(&self) -> Vec<f32> {
        let count = self.width * self.height * self.channels().logical();
        synthetic::values(self.name, count as usize).into_iter().map(|v| 2.0 * v - 1.0).collect()
    }

    fn add(&self, b: &mut Build<'_>, x: TensorId) -> Result<TensorId> {
        match self.work {
            Work::Conv { kernel: 1, to, .. } => b.conv(PATH, x, Conv::point(Channels::one(to), false)),
            Work::Conv { kernel, to, .. } => b.conv(PATH, x, Conv::same(to, kernel, false)),
            Work::Depthwise { .. } => b.depthwise(PATH, x, 3, false),
            Work::LayerNorm { .. } => b.layer_norm(PATH, x, 1e-5),
            Work::Windows { heads } => {
                let keys = [format!("{PATH}.rel_height"), format!("{PATH}.rel_width")];
                let mut params = Vec::new();
                for key in keys {
                    b.expect_weight(&key, &[2 * OVERLAP - 1, HEAD])?;
                    params.push(b.graph.param(Pack::Table { key, channels: Channels::one(HEAD) }));
                }
                let op = WindowAttention { heads, channels: HEAD, window: WINDOW, overlap: OVERLAP };
                b.graph.add(PATH, op, &[x], &params)
            }
        }
    }
}

impl Network for Case {
    fn family(&self) -> &'static str {
        "kernel"
    }

    fn config(&self) -> Value {
        json!({"kernel": self.name})
    }

    fn sizes(&self) -> Sizes {
        Sizes { multiple: WINDOW, least: WINDOW, scale: 1, tiles: TilePolicy::Local }
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        let x = b.graph.input("input", Shape { n: part.n, h: part.h, w: part.w, c: self.channels() });
        let y = self.add(b, x)?;
        b.graph.output("output", y);
        Ok(())
    }
}
