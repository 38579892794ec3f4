//! A photograph through the diffusion generalist: told what, drawn from noise, read as a picture or a map.

pub mod plan;
mod read;
pub mod told;

pub use read::{Answer, kind};

use super::diffusion::{Generalist, Prompt, Start, config_of};
use super::model::Model;
use crate::base::{DType, Error, Kind, Result};
use crate::diffusion::Sampler;
use crate::diffusion::codecs::rgb;
use crate::diffusion::codecs::task::{Codec, Task};
use crate::gpu::Gpu;
use crate::image::resample::{antialiased, bilinear};
use crate::image::{Blender, Picture, Tile, pad};
use crate::models::clip_text;
use crate::text::{Pad, Tokenizer};

/// What is to be drawn, and how.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    pub task: &'a Task,
    pub sampler: &'a Sampler,
    pub start: Start<'a>,
    pub precision: DType,
    /// Windows of the photograph; one window, the whole of it, for everything that is no restoration.
    pub tiles: &'a [Tile],
}

/// How far a drawing is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrawProgress {
    /// Of all work, 0..=1, by the operations it takes.
    pub share: f32,
    /// Steps done, over all tiles, and how many there are.
    pub step: u32,
    pub steps: u32,
}

/// Prompts as the network hears them, kept for the next picture.
pub struct Spoken {
    prompts: Vec<String>,
    precision: DType,
    prompt: Prompt,
}

/// The windows of a photograph of `size`: the whole of it, or, for a restoration, tiles of an edge and an overlap.
pub fn tiles(task: &Task, size: (u32, u32), edge: Option<(u32, u32)>) -> Result<Vec<Tile>> {
    match edge {
        None => Ok(vec![Tile { x: 0, y: 0, w: size.0, h: size.1 }]),
        Some((edge, overlap)) if task.codec == Codec::Rgb => {
            Ok(crate::image::tile::plan(size.0, size.1, edge, overlap, 1))
        }
        Some(_) => Err(Error::new(Kind::Usage, format!("the task {} cannot be drawn in tiles", task.name))
            .why("its answer describes the whole photograph: numbers and depths of two tiles do not meet")
            .advice("leave --tile out")),
    }
}

/// Draws. A result that the guard refuses in f16 is drawn again in f32; `notes` says so.
pub fn draw(
    model: &mut Model,
    gpu: &Gpu,
    photo: &Picture,
    order: &Order<'_>,
    spoken: &mut Option<Spoken>,
    notes: &mut Vec<String>,
    progress: &mut dyn FnMut(DrawProgress) -> bool,
) -> Result<Answer> {
    match once(model, gpu, photo, order, spoken, progress) {
        Err(e) if e.kind() == Kind::Guard && order.precision == DType::F16 => {
            notes.push(format!("{e}; drawn again in f32"));
            once(model, gpu, photo, &Order { precision: DType::F32, ..*order }, spoken, progress)
        }
        other => other,
    }
}

fn once(
    model: &mut Model,
    gpu: &Gpu,
    photo: &Picture,
    order: &Order<'_>,
    spoken: &mut Option<Spoken>,
    progress: &mut dyn FnMut(DrawProgress) -> bool,
) -> Result<Answer> {
    let per_tile = order.sampler.steps().len() as u32;
    let parts = plan::parts(model, gpu, order, per_tile)?;
    let [text, features, step] = [0, 1, 2].map(|i: usize| parts[i].cost.flops as f64);
    let count = order.tiles.len() as f64;
    let total = text + count * (features + f64::from(per_tile) * step);
    let steps = per_tile * order.tiles.len() as u32;
    let mut at = |flops: f64, step: u32| progress(DrawProgress { share: (flops / total) as f32, step, steps });

    let (target, cond) = sizes(model)?;
    let mut generalist = Generalist::new(model, order.precision)?.sampled(order.sampler.clone());
    let prompt = speak(&mut generalist, gpu, order, spoken, &mut |share| at(f64::from(share) * text, 0))?;
    let width = photo.width as usize;
    let mut blender = None;
    for (i, tile) in order.tiles.iter().enumerate() {
        let (done, before) = (text + i as f64 * (features + f64::from(per_tile) * step), i as u32 * per_tile);
        let window = [tile.x, tile.y, tile.w, tile.h].map(|v| v as usize);
        let cut = pad::cut(&photo.rgb, width, 3, window);
        let seen = antialiased(&cut, 3, (window[2], window[3]), (cond[1] as usize, cond[0] as usize));
        let mut look = |share: f32| at(done + f64::from(share) * features, before);
        let photograph = generalist.photograph(gpu, &planes(&seen), 1, cond, target, false, &mut look)?;
        let mut steps = generalist.steps(gpu, prompt, &photograph)?;
        let mut draw = |index: u32, share: f32| {
            let steps = f64::from(index) + f64::from(share);
            at(done + features + steps * step, before + steps as u32)
        };
        let x0 = steps.draw(order.start, &mut draw)?.x0;
        if order.tiles.len() == 1 {
            return read::answer(order.task, &x0, target, photo);
        }
        let blender = blender.get_or_insert_with(|| Blender::new(photo.width, photo.height, 3, order.tiles));
        let from = (target[1] as usize, target[0] as usize);
        blender.add(tile, &bilinear(&rgb::from_planes(&x0), 3, from, (window[2], window[3])));
    }
    let drawn = blender.map_or_else(Vec::new, Blender::finish);
    read::picture(drawn, photo).map(Answer::Picture)
}

/// Height and width that the network draws at and looks at.
pub fn sizes(model: &Model) -> Result<([u32; 2], [u32; 2])> {
    let config = config_of(model)
        .ok_or_else(|| Error::new(Kind::Usage, "this checkpoint does not draw").why("it is no diffusion generalist"))?;
    Ok((config.target_size, config.cond_size))
}

/// The prompts of the task through the tokenizer and the text tower, unless that was done for the last picture.
fn speak<'a>(
    generalist: &mut Generalist<'_>,
    gpu: &Gpu,
    order: &Order<'_>,
    spoken: &'a mut Option<Spoken>,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<&'a Prompt> {
    let same = |s: &Spoken| s.prompts == order.task.prompts && s.precision == order.precision;
    if !spoken.as_ref().is_some_and(same) {
        let ids = tokens(generalist.text(), &order.task.prompts)?;
        let prompt = generalist.prompt(gpu, &ids, crate::text::tokenizer::LENGTH, progress)?;
        *spoken = Some(Spoken { prompts: order.task.prompts.clone(), precision: order.precision, prompt });
    }
    spoken.as_ref().map(|s| &s.prompt).ok_or_else(|| Error::new(Kind::Other, "no prompt was spoken"))
}

/// The ids of the prompts, one row each.
fn tokens(text: &clip_text::Config, prompts: &[String]) -> Result<Vec<i64>> {
    let pad = if text.pad == 0 { Pad::Zero } else { Pad::End };
    let mut out = Vec::new();
    for prompt in prompts {
        out.extend(Tokenizer::clip()?.encode(prompt, pad)?.into_iter().map(i64::from));
    }
    Ok(out)
}

/// Interleaved pixels as channel planes.
fn planes(rgb: &[f32]) -> Vec<f32> {
    (0..3).flat_map(|c| rgb.iter().skip(c).step_by(3).copied()).collect()
}

/// Time of every kernel of one pass of the text tower, one of the image encoder and one step. The values are whatever
/// the buffers hold: no kernel's time depends on them.
pub fn profile(model: &mut Model, gpu: &Gpu, order: &Order<'_>) -> Result<Vec<crate::gpu::StepTime>> {
    let mut out = Vec::new();
    for key in plan::keys(model, order)? {
        let mut plan = model.make_plan(gpu, &key, &[])?;
        // Compilation happens at the first dispatch on some drivers.
        plan.run(gpu, &mut |_| true)?;
        out.extend(plan.profile(gpu)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn planes_are_taken_apart() {
        assert_eq!(planes(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn maps_are_whole_and_restorations_may_be_cut() {
        let rgb = Task::from_json("derain", &json!({"prompt": "p", "codec": "rgb"})).unwrap();
        let depth = json!({"prompt": "p", "codec": "depth", "min": 0, "max": 1});
        let depth = Task::from_json("depth", &depth).unwrap();
        assert_eq!(tiles(&depth, (300, 200), None).unwrap(), [Tile { x: 0, y: 0, w: 300, h: 200 }]);
        assert_eq!(tiles(&depth, (300, 200), Some((128, 32))).unwrap_err().kind(), Kind::Usage);
        let cut = tiles(&rgb, (300, 200), Some((128, 32))).unwrap();
        assert!(cut.len() > 4 && cut.iter().all(|t| t.w == 128 && t.h == 128), "{cut:?}");
    }
}
