//! The graphs of the family: the picture network in one go or with a given prompt, the queries, the selection.

use super::fusion::fuse_prompts;
use super::{Backbone, Config, naf, pool, restormer};
use crate::base::{Channels, Result, Shape};
use crate::kernel::TensorId;
use crate::models::{MAIN, Part, no_such_part};
use crate::nn::Build;

/// Input `input`; outputs `domain` and `degradation`, the queries of a picture.
pub const QUERY: &str = "query";
/// Inputs `domain` and `degradation`; outputs `prompt` (the input of that name of the picture network), and the weights of
/// the pools' prompts in it, `domain_weights` and `degradation_weights`.
pub const SELECT: &str = "select";

/// Names of the two pools; their weights are `<name>_weights`.
pub const DOMAIN: &str = "domain";
pub const DEGRADATION: &str = "degradation";

/// The picture network that is given the prompt.
pub fn main_with_prompt(n: u32, h: u32, w: u32) -> Part {
    Part::main(n, h, w, vec![1])
}

pub fn query_part(n: u32, h: u32, w: u32) -> Part {
    Part { name: QUERY, n, h, w, extra: Vec::new() }
}

pub fn select_part(n: u32) -> Part {
    Part { name: SELECT, n, h: 1, w: 1, extra: Vec::new() }
}

pub fn build(c: &Config, b: &mut Build<'_>, part: &Part) -> Result<()> {
    match (part.name, c.use_prompt) {
        (MAIN, _) => main(c, b, part),
        (QUERY, true) => queries(c, b, part),
        (SELECT, true) => selection(c, b, part.n),
        _ => Err(no_such_part(super::NAME, part)),
    }
}

/// The encoder's features that the queries are taken from.
pub(super) struct Asked {
    /// The result of the first convolution, before any block.
    pub stem: TensorId,
    /// The input of the deepest level.
    pub deep: TensorId,
}

/// Where the blocks get their prompt from.
#[derive(Clone, Copy)]
pub(super) enum Prompt {
    None,
    Given(TensorId),
    /// From the picture itself.
    Own,
}

impl Prompt {
    /// The prompt vector, made from the encoder's features where it is not given.
    pub fn vector(self, c: &Config, b: &mut Build<'_>, asked: &Asked) -> Result<Option<TensorId>> {
        match self {
            Prompt::None => Ok(None),
            Prompt::Given(t) => Ok(Some(t)),
            Prompt::Own => {
                let (domain, degradation) = ask(c, b, asked)?;
                select(c, b, domain, degradation).map(Some)
            }
        }
    }
}

fn main(c: &Config, b: &mut Build<'_>, part: &Part) -> Result<()> {
    let Part { n, h, w, .. } = *part;
    let input = b.graph.input("input", Shape::new(n, h, w, c.img_channel));
    let prompt = match (c.use_prompt, part.extra.is_empty()) {
        (false, _) => Prompt::None,
        (true, true) => Prompt::Own,
        (true, false) => Prompt::Given(b.graph.input("prompt", prompt_shape(c, n))),
    };
    let x = b.pad_to_multiple(input, c.multiple())?;
    let t = match &c.backbone {
        Backbone::Restormer { .. } => restormer::restore(c, b, x, prompt)?,
        Backbone::Nafnet { .. } => naf::restore(c, b, x, prompt)?,
    };
    let y = b.sum("residual", t, x)?;
    let y = b.crop(y, h, w)?;
    b.graph.output("output", y);
    Ok(())
}

fn queries(c: &Config, b: &mut Build<'_>, part: &Part) -> Result<()> {
    let Part { n, h, w, .. } = *part;
    let input = b.graph.input("input", Shape::new(n, h, w, c.img_channel));
    let x = b.pad_to_multiple(input, c.multiple())?;
    let asked = match &c.backbone {
        Backbone::Restormer { .. } => restormer::asked(c, b, x)?,
        Backbone::Nafnet { .. } => naf::asked(c, b, x)?,
    };
    let (domain, degradation) = ask(c, b, &asked)?;
    if let Some(domain) = domain {
        b.graph.output(DOMAIN, domain);
    }
    b.graph.output(DEGRADATION, degradation);
    Ok(())
}

fn selection(c: &Config, b: &mut Build<'_>, n: u32) -> Result<()> {
    let domain = c.domain.as_ref().map(|p| b.graph.input(DOMAIN, Shape::new(n, 1, 1, p.dim)));
    let degradation = b.graph.input(DEGRADATION, Shape::new(n, 1, 1, c.degradation.dim));
    let prompt = select(c, b, domain, degradation)?;
    b.graph.output("prompt", prompt);
    Ok(())
}

/// The prompt vector of all blocks.
fn prompt_shape(c: &Config, n: u32) -> Shape {
    let own = Channels::one(c.degradation.dim);
    let c = match (&c.domain, c.prompt_fusion) {
        (Some(domain), super::fusion::PromptFusion::Concat) => Channels::one(domain.dim).concat(&own),
        _ => own,
    };
    Shape { n, h: 1, w: 1, c }
}

fn ask(c: &Config, b: &mut Build<'_>, asked: &Asked) -> Result<(Option<TensorId>, TensorId)> {
    let domain = match &c.domain {
        Some(p) => Some(pool::query(b, "domain_mapper", asked.stem, [8, 4], p.dim)?),
        None => None,
    };
    Ok((domain, pool::query(b, "degradation_mapper", asked.deep, [4, 2], c.degradation.dim)?))
}

/// Declares the weights of the pools as outputs and yields the prompt vector.
fn select(c: &Config, b: &mut Build<'_>, domain: Option<TensorId>, degradation: TensorId) -> Result<TensorId> {
    let (task, weights) = pool::select(b, "degradation_prompt_pool", &c.degradation, degradation)?;
    b.graph.output("degradation_weights", weights);
    let (Some(p), Some(domain)) = (&c.domain, domain) else { return Ok(task) };
    let (domain, weights) = pool::select(b, "domain_prompt_pool", p, domain)?;
    b.graph.output("domain_weights", weights);
    let y = fuse_prompts(b, c.prompt_fusion, domain, task)?;
    b.tap("fn.fuse_prompts", y);
    Ok(y)
}
