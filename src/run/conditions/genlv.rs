//! Visual task prompts: K and V tokens from an example pair, from a stored prompt file, or from the model's own store.

use std::collections::BTreeMap;
use std::path::Path;

use super::Conditioning;
use crate::base::{DType, Error, Kind, Result, Shape};
use crate::checkpoint::{Data, StateDict, write_safetensors};
use crate::gpu::Gpu;
use crate::image::{Picture, pad};
use crate::models::genlv::prompt_part;
use crate::models::registry;
use crate::run::model::{Model, PROMPT_PREFIX};
use crate::run::plan::PlanKey;

/// The longest side of an example picture; larger ones are cut to their centre, which keeps the grain of the damage
/// (shrinking would remove noise, rain and blocks, the very thing the pair shows).
const LONGEST: u32 = 256;

/// Tokens of a task, `[tokens, width]` each, unpadded.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    pub k: Vec<f32>,
    pub v: Vec<f32>,
    pub tokens: u32,
    pub width: u32,
}

/// Those of a pair of 8192 x 8192 pixels; more is a damaged file.
const MOST_TOKENS: usize = 1 << 20;

/// Tasks whose tokens the checkpoint brings along.
pub fn stored_tasks(dict: &StateDict) -> Vec<String> {
    dict.keys().filter_map(|k| k.strip_prefix(PROMPT_PREFIX)?.strip_suffix(".k")).map(str::to_owned).collect()
}

fn read(dict: &StateDict, k: &str, v: &str) -> Result<Prompt> {
    let bad = |why: String| Error::new(Kind::Checkpoint, format!("{} holds no usable prompt", dict.name())).why(why);
    let shape = |key: &str| match dict.shape(key) {
        Some(&[1, tokens @ 1..=MOST_TOKENS, width @ 1..=MOST_TOKENS]) => Ok((tokens as u32, width as u32)),
        other => Err(bad(format!("{key} should have shape [1, tokens, width], none of them 0, got {other:?}"))),
    };
    let ((tokens, width), of_v) = (shape(k)?, shape(v)?);
    if of_v != (tokens, width) {
        return Err(bad(format!("K and V differ: {tokens} x {width} and {} x {}", of_v.0, of_v.1)));
    }
    Ok(Prompt { k: dict.f32(k)?, v: dict.f32(v)?, tokens, width })
}

/// The tokens the checkpoint stores for `task`.
pub fn stored(dict: &StateDict, task: &str) -> Result<Prompt> {
    let key = |which: &str| format!("{PROMPT_PREFIX}{task}.{which}");
    if !dict.contains(&key("k")) {
        let known = stored_tasks(dict);
        let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Error::new(Kind::Usage, format!("{} has no prompt for the task {task}", dict.name()))
            .why(format!("stored prompts: {list}"))
            .advice("show it the task with --prompt-pair BEFORE AFTER"));
    }
    read(dict, &key("k"), &key("v"))
}

/// Reads a file written by [`save`].
pub fn load(path: &Path) -> Result<Prompt> {
    read(&StateDict::open(path)?, "k", "v")
}

/// Stores tokens so that the pair is needed no more.
pub fn save(path: &Path, prompt: &Prompt, model: &str, overwrite: bool) -> Result<()> {
    let shape = vec![1, prompt.tokens as usize, prompt.width as usize];
    let metadata = BTreeMap::from([
        ("format".to_owned(), "pt".to_owned()),
        (registry::PROMPT.to_owned(), "genlv".to_owned()),
        ("vernis.prompt_model".to_owned(), model.to_owned()),
    ]);
    let tensors = vec![
        ("k".to_owned(), shape.clone(), Data::F32(prompt.k.clone())),
        ("v".to_owned(), shape, Data::F32(prompt.v.clone())),
    ];
    write_safetensors(path, tensors, &metadata, overwrite)
}

/// Width and height of the centre of an example picture, and of what the prompt encoder is given.
fn frame(before: &Picture, after: &Picture) -> Result<((u32, u32), (u32, u32))> {
    if (before.width, before.height) != (after.width, after.height) {
        return Err(Error::new(Kind::Usage, "the pictures of the example pair differ in size")
            .why(format!("before is {}x{}, after is {}x{}", before.width, before.height, after.width, after.height)));
    }
    let (w, h) = (before.width.min(LONGEST), before.height.min(LONGEST));
    Ok(((w, h), (w.next_multiple_of(8), h.next_multiple_of(8))))
}

/// Tokens as many and as wide as [`encode`] would give, all zero: what a plan needs to know. Nothing runs.
pub fn unspoken(model: &Model, gpu: &Gpu, precision: DType, before: &Picture, after: &Picture) -> Result<Prompt> {
    let (_, (pw, ph)) = frame(before, after)?;
    let graph = model.graph(gpu, &PlanKey { part: prompt_part(1, ph, pw), precision }, &[])?;
    let shape = graph.shape(graph.output_named("tokens")?);
    let (tokens, width) = (shape.pixels(), shape.c.logical());
    let zeros = vec![0.0; tokens as usize * width as usize];
    Ok(Prompt { k: zeros.clone(), v: zeros, tokens, width })
}

/// Runs the prompt encoder on both pictures of a pair.
pub fn encode(model: &mut Model, gpu: &Gpu, precision: DType, before: &Picture, after: &Picture) -> Result<Prompt> {
    let ((w, h), (pw, ph)) = frame(before, after)?;
    let (x, y) = ((before.width - w) / 2, (before.height - h) / 2);
    let key = PlanKey { part: prompt_part(1, ph, pw), precision };
    let mut tokens = Vec::new();
    let mut shape = Shape::new(1, 1, 1, 1);
    for picture in [before, after] {
        let centre = [x, y, w, h].map(|v| v as usize);
        let rgb = pad::cut(&picture.rgb, picture.width as usize, 3, centre);
        let rgb = pad::pad_reflect(&rgb, w as usize, h as usize, 3, pw as usize, ph as usize);
        let rgb = model.colour().order(&rgb);
        let plan = model.plan(gpu, &key)?;
        let input = plan.input_shape("input")?;
        plan.upload(gpu, "input", &input.pad_channels(&rgb))?;
        plan.run(gpu, &mut |_| true)?;
        shape = plan.output_shape("tokens")?;
        tokens.push(shape.strip_channels(&plan.read(gpu, "tokens")?));
    }
    let v = tokens.pop().unwrap_or_default();
    let k = tokens.pop().unwrap_or_default();
    Ok(Prompt { k, v, tokens: shape.pixels(), width: shape.c.logical() })
}

/// The conditioning of the main plan.
pub fn condition(model: &Model, prompt: &Prompt, explain: String) -> Result<Conditioning> {
    let expected = model.network().prompt_width();
    if prompt.width != expected {
        return Err(Error::new(Kind::Usage, "the prompt belongs to another model").why(format!(
            "its tokens are {} wide, {} needs {expected}",
            prompt.width,
            model.dict().name()
        )));
    }
    let shape = Shape::new(1, 1, prompt.tokens, prompt.width);
    Ok(Conditioning {
        extra: vec![1, prompt.tokens],
        inputs: vec![("k".to_owned(), shape.pad_channels(&prompt.k)), ("v".to_owned(), shape.pad_channels(&prompt.v))],
        explain: vec![explain],
        ..Conditioning::default()
    })
}
