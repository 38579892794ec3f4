//! How a picture is cut for a plan: the tile that fits the memory budget and suits the weights.

use super::model::Model;
use super::plan::PlanKey;
use crate::base::{DType, Error, Kind, Result};
use crate::gpu::Gpu;
use crate::graph::lower::Plan as Cost;
use crate::image::{Tile, tile};
use crate::models::{Part, TilePolicy};

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TileChoice {
    /// Whole if it fits the budget and suits the weights, else the largest tile that does.
    #[default]
    Auto,
    /// The whole picture at once, or an error.
    Off,
    /// Tiles of this edge; never changed silently.
    Edge(u32),
}

/// How a picture will be processed.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Size of the picture padded to the network's multiple.
    pub padded: (u32, u32),
    pub tiles: Vec<Tile>,
    pub overlap: u32,
    pub key: PlanKey,
    pub cost: Cost,
    /// Bytes of the weights the plan reads.
    pub weights: u64,
}

impl Layout {
    /// Bytes the device will hold: pooled activations and weights.
    pub fn peak_bytes(&self) -> u64 {
        self.cost.activations + self.weights
    }

    /// Width and height of one tile.
    pub fn tile(&self) -> (u32, u32) {
        self.tiles.first().map_or(self.padded, |t| (t.w, t.h))
    }
}

/// Edges tried by `auto`, from large to small.
const EDGES: [u32; 14] = [4096, 3072, 2048, 1536, 1280, 1024, 768, 640, 512, 384, 256, 192, 128, 64];

/// Chooses the tiles for a picture of `width` x `height`.
pub fn layout(
    model: &Model,
    gpu: &Gpu,
    (width, height): (u32, u32),
    extra: &[u32],
    precision: DType,
    choice: TileChoice,
    budget: u64,
) -> Result<Layout> {
    let sizes = model.network().sizes();
    // A network of one fixed size gets tiles of that size anywhere; the others whole multiples.
    let fixed = sizes.tiles == TilePolicy::Fixed;
    let up = |v: u32| if fixed { v.max(sizes.least) } else { v.max(sizes.least).next_multiple_of(sizes.multiple) };
    let padded = (up(width), up(height));
    let (advised, overlap) = model.tile_advice().unwrap_or((u32::MAX, 32));
    let attempt = |edge: u32| -> Result<Layout> {
        let edge = if fixed { sizes.least } else { up(edge.min(padded.0.max(padded.1))) };
        let overlap = if fixed { edge / 2 } else { overlap.min(edge / 4) };
        let tiles = tile::plan(padded.0, padded.1, edge, overlap, if fixed { 1 } else { sizes.multiple });
        let (w, h) = tiles.first().map_or(padded, |t| (t.w, t.h));
        let key = PlanKey { part: Part::main(1, h, w, extra.to_vec()), precision };
        let (cost, weights) = model.cost(gpu, &key)?;
        Ok(Layout { padded, tiles, overlap, key, cost, weights })
    };
    let over = |l: &Layout| l.peak_bytes() > budget;
    let refuse = |l: &Layout, advice: &str| {
        Error::new(Kind::Memory, format!("a tile of {}x{} does not fit the memory budget", l.tile().0, l.tile().1))
            .why(format!("it needs {} MiB, the budget is {} MiB", l.peak_bytes() >> 20, budget >> 20))
            .advice(advice)
    };
    match choice {
        TileChoice::Off => {
            let l = attempt(u32::MAX)?;
            if over(&l) { Err(refuse(&l, "use --tile auto, or raise --memory-budget")) } else { Ok(l) }
        }
        TileChoice::Edge(edge) => {
            let l = attempt(edge.max(1))?;
            if over(&l) { Err(refuse(&l, "use a smaller --tile, or raise --memory-budget")) } else { Ok(l) }
        }
        TileChoice::Auto => {
            let mut last = None;
            let whole = padded.0.max(padded.1);
            for edge in [advised.min(whole)].into_iter().chain(EDGES.into_iter().filter(|e| *e < advised.min(whole))) {
                match attempt(edge) {
                    Ok(l) if !over(&l) => return Ok(l),
                    Ok(l) => last = Some(refuse(&l, "raise --memory-budget, or use --precision f16")),
                    Err(e) if e.kind() == Kind::Memory => last = Some(e),
                    Err(e) => return Err(e),
                }
            }
            Err(last.unwrap_or_else(|| Error::new(Kind::Memory, "no tile size fits")))
        }
    }
}
