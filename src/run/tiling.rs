//! How a picture is cut for a plan: the tile that fits the memory budget and suits the weights.

use super::chop::{Chop, batch_of};
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

/// Pixels of a whole picture on its way through a network: a sliver of a picture grows with the padding.
const MOST_PADDED: u64 = 1 << 30;

/// Edges tried by `auto`, from large to small.
const EDGES: [u32; 16] = [4096, 3072, 2048, 1536, 1280, 1024, 768, 640, 512, 384, 256, 192, 128, 64, 32, 16];

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// What a layout is made for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Width and height of the picture.
    pub size: (u32, u32),
    /// `Part.extra` of the main plan.
    pub extra: &'a [u32],
    pub precision: DType,
    pub choice: TileChoice,
    /// Bytes of device memory a plan may take.
    pub budget: u64,
    /// The multiple that the published program pads to, if the picture goes its way: in one piece.
    pub official: Option<u32>,
}

impl Request<'_> {
    fn over(&self, l: &Layout) -> bool {
        l.peak_bytes() > self.budget
    }

    fn refuse(&self, l: &Layout, advice: &str) -> Error {
        Error::new(Kind::Memory, format!("a tile of {}x{} does not fit the memory budget", l.tile().0, l.tile().1))
            .why(format!("it needs {:.1} MiB, the budget is {:.1} MiB", mib(l.peak_bytes()), mib(self.budget)))
            .advice(advice)
    }

    /// What to do where no tile can be smaller.
    fn more(&self) -> &'static str {
        if self.precision == DType::F16 {
            "raise --memory-budget"
        } else {
            "raise --memory-budget, or use --precision f16"
        }
    }

    /// The layout if it fits the budget.
    fn within(&self, l: Layout, advice: &str) -> Result<Layout> {
        if self.over(&l) { Err(self.refuse(&l, advice)) } else { Ok(l) }
    }
}

/// Chooses the tiles for a picture.
pub fn layout(model: &Model, gpu: &Gpu, request: &Request<'_>) -> Result<Layout> {
    let sizes = model.network().sizes();
    let (width, height) = request.size;
    // What follows rounds up in 32 bits.
    if width == 0 || height == 0 || width.max(height) > u32::MAX / 2 {
        return Err(Error::new(Kind::TooLarge, format!("a picture of {width}x{height}"))
            .why(format!("edges are 1 to {} pixels", u32::MAX / 2)));
    }
    if sizes.tiles == TilePolicy::Fixed {
        return fixed(model, gpu, request);
    }
    let multiple = request.official.unwrap_or(sizes.multiple).max(1);
    let up = |v: u32| v.max(sizes.least.min(multiple)).next_multiple_of(multiple);
    let padded = (up(width), up(height));
    let scale = u64::from(model.network().scale(request.extra));
    let (w, h) = (u64::from(padded.0) * scale, u64::from(padded.1) * scale);
    if w * h > MOST_PADDED {
        return Err(Error::new(Kind::TooLarge, format!("a picture of {width}x{height}"))
            .why(format!(
                "padded to multiples of {multiple} and enlarged {scale} times it would have {} megapixels",
                w * h / 1_000_000
            ))
            .advice("cut it first"));
    }
    let (advised, overlap) = model.tile_advice().unwrap_or((u32::MAX, 32));
    let chosen = matches!(request.choice, TileChoice::Edge(_));
    let attempt = |edge: u32| -> Result<Layout> {
        let edge = edge.min(padded.0.max(padded.1));
        // A chosen edge is a limit that the user may need, so it is rounded down where it can be.
        let edge = if chosen { up(1).max(edge / multiple * multiple) } else { up(edge) };
        let overlap = overlap.min(edge / 4);
        let plan = if chosen { tile::plan } else { tile::plan_even };
        let tiles = plan(padded.0, padded.1, edge, overlap, multiple);
        let (w, h) = tiles.first().map_or(padded, |t| (t.w, t.h));
        let key = PlanKey { part: Part::main(1, h, w, request.extra.to_vec()), precision: request.precision };
        let (cost, weights) = model.cost(gpu, &key)?;
        Ok(Layout { padded, tiles, overlap, key, cost, weights })
    };
    match request.choice {
        TileChoice::Edge(_) if request.official.is_some() => {
            Err(Error::new(Kind::Usage, "the published programs cut no tiles of a chosen size")
                .advice("leave --tile out, or leave --protocol out"))
        }
        _ if request.official.is_some() => {
            const ADVICE: &str = "leave --protocol out to work in tiles, or raise --memory-budget";
            let whole = attempt(u32::MAX).map_err(|e| if e.kind() == Kind::Memory { e.advice(ADVICE) } else { e })?;
            request.within(whole, ADVICE)
        }
        TileChoice::Off => request.within(attempt(u32::MAX)?, "use --tile auto, or raise --memory-budget"),
        TileChoice::Edge(edge) => {
            request.within(attempt(edge.max(1))?, "use a smaller --tile, or raise --memory-budget")
        }
        TileChoice::Auto => {
            let mut last = None;
            let whole = padded.0.max(padded.1);
            for edge in [advised.min(whole)].into_iter().chain(EDGES.into_iter().filter(|e| *e < advised.min(whole))) {
                match attempt(edge) {
                    Ok(l) if !request.over(&l) => return Ok(l),
                    Ok(l) => last = Some(request.refuse(&l, request.more())),
                    Err(e) if e.kind() == Kind::Memory => last = Some(e),
                    Err(e) => return Err(e),
                }
            }
            Err(last.unwrap_or_else(|| Error::new(Kind::Memory, "no tile size fits")))
        }
    }
}

/// The network's own tiling (`run::chop`). A picture smaller than a tile is padded to one, which the published program
/// would refuse.
fn fixed(model: &Model, gpu: &Gpu, request: &Request<'_>) -> Result<Layout> {
    let side = model.network().sizes().least;
    let (w, h) = request.size;
    let wrong = |what: &str| {
        let family = model.network().family();
        Err(Error::new(Kind::Usage, what)
            .why(format!("{family} takes tiles of {side}x{side} and nothing else, the picture is {w}x{h}"))
            .advice("leave --tile out"))
    };
    match request.choice {
        TileChoice::Edge(edge) if edge != side => return wrong(&format!("a tile of {edge} pixels cannot be")),
        TileChoice::Off if w > side || h > side => return wrong("the picture cannot be taken whole"),
        _ => {}
    }
    let padded = if request.official.is_some() { (w, h) } else { (w.max(side), h.max(side)) };
    let chop = Chop::new(padded.1 as usize, padded.0 as usize, side as usize)?;
    let tiles: Vec<Tile> =
        chop.tiles().iter().map(|(y, x)| Tile { x: *x as u32, y: *y as u32, w: side, h: side }).collect();
    let part = Part::main(batch_of(tiles.len()) as u32, side, side, request.extra.to_vec());
    let key = PlanKey { part, precision: request.precision };
    let (cost, weights) = model.cost(gpu, &key)?;
    let layout = Layout { padded, tiles, overlap: side - side / 4, key, cost, weights };
    request.within(layout, request.more())
}
