//! A picture through a network: pad, cut into tiles, replay the plan, guard, blend, crop.

use super::chop::{Plane, forward_chop};
use super::conditions::Conditioning;
use super::guard;
use super::model::Model;
use super::plan::PlanKey;
use super::tiling::Layout;
use crate::base::{DType, Error, Kind, Result, Shape};
use crate::gpu::Gpu;
use crate::image::{Blender, Picture, Tile, pad, settle};
use crate::models::TilePolicy;

/// Restores `picture`; `progress` gets the share done and cancels by returning `false`. `notes` receives what the user
/// should know, such as a tile that was redone in f32.
pub fn restore(
    model: &mut Model,
    gpu: &Gpu,
    picture: &Picture,
    conditioning: &Conditioning,
    layout: &Layout,
    notes: &mut Vec<String>,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<Picture> {
    let scale = model.network().scale(&layout.key.part.extra);
    let colour = model.colour();
    let (pw, ph) = layout.padded;
    let rgb = colour.order(&picture.rgb);
    let size = |v: u32| v as usize;
    let padded = pad::pad_reflect(&rgb, size(picture.width), size(picture.height), 3, size(pw), size(ph));
    drop(rgb);
    let all = if model.network().sizes().tiles == TilePolicy::Fixed {
        let padded = Plane { h: size(ph), w: size(pw), c: 3, values: padded };
        chopped(model, gpu, &padded, conditioning, &layout.key, notes, progress)?
    } else {
        blended(model, gpu, &padded, conditioning, layout, scale, notes, progress)?
    };
    let (w, h) = (picture.width * scale, picture.height * scale);
    let mut rgb = colour.order(&pad::crop(&all, size(pw * scale), 3, size(w), size(h)));
    rgb.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
    guard::check_whole(&picture.rgb, &rgb)?;
    if picture.gray {
        // Three nearly equal channels become one value again.
        rgb.chunks_exact_mut(3).for_each(|p| {
            let mean = (p[0] + p[1] + p[2]) / 3.0;
            p.fill(mean);
        });
    }
    let alpha = picture.alpha.as_ref().map(|a| enlarge(a, size(picture.width), size(picture.height), size(scale)));
    Ok(settle(Picture { width: w, height: h, rgb, alpha, ..picture.clone() }))
}

/// Tiles with feathered seams.
#[allow(clippy::too_many_arguments)]
fn blended(
    model: &mut Model,
    gpu: &Gpu,
    padded: &[f32],
    conditioning: &Conditioning,
    layout: &Layout,
    scale: u32,
    notes: &mut Vec<String>,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<Vec<f32>> {
    let (pw, ph) = layout.padded;
    let grown = |t: &Tile| Tile { x: t.x * scale, y: t.y * scale, w: t.w * scale, h: t.h * scale };
    let scaled: Vec<Tile> = layout.tiles.iter().map(grown).collect();
    let mut blender = Blender::new(pw * scale, ph * scale, 3, &scaled);
    let count = layout.tiles.len() as f32;
    for (i, tile) in layout.tiles.iter().enumerate() {
        let window = [tile.x, tile.y, tile.w, tile.h].map(|v| v as usize);
        let cut = pad::cut(padded, pw as usize, 3, window);
        let mut step = |share: f32| progress((i as f32 + share) / count);
        let out = retried(&layout.key, &cut, &format!("tile {}", i + 1), notes, &mut |key| {
            one(model, gpu, &cut, conditioning, key, &mut step)
        })?;
        blender.add(&scaled[i], &out);
    }
    Ok(blender.finish())
}

/// The network's own tiling; the guard looks at the whole.
fn chopped(
    model: &mut Model,
    gpu: &Gpu,
    padded: &Plane,
    conditioning: &Conditioning,
    key: &PlanKey,
    notes: &mut Vec<String>,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<Vec<f32>> {
    let range = model.network().range();
    colour_only(&model.plan(gpu, key)?.input_shape("input")?)?;
    let scaled = Plane { values: padded.values.iter().map(|v| v * range).collect(), ..padded.clone() };
    retried(key, &padded.values, "the picture", notes, &mut |key| {
        if !conditioning.factors.is_empty() {
            model.merge(gpu, key, &conditioning.factors)?;
        }
        let (out, _) = forward_chop(gpu, model, key, &scaled, &conditioning.inputs, progress)?;
        Ok(out.picture.values.iter().map(|v| v / range).collect())
    })
}

/// A result the guard refuses in f16 is computed again in f32.
fn retried(
    key: &PlanKey,
    input: &[f32],
    name: &str,
    notes: &mut Vec<String>,
    run: &mut dyn FnMut(&PlanKey) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    let out = run(key)?;
    match guard::check(input, &out, name) {
        Ok(()) => Ok(out),
        Err(e) if key.precision == DType::F16 => {
            notes.push(format!("{e}; computed again in f32"));
            let out = run(&PlanKey { precision: DType::F32, ..key.clone() })?;
            guard::check(input, &out, name)?;
            Ok(out)
        }
        Err(e) => Err(e),
    }
}

fn one(
    model: &mut Model,
    gpu: &Gpu,
    cut: &[f32],
    conditioning: &Conditioning,
    key: &PlanKey,
    step: &mut dyn FnMut(f32) -> bool,
) -> Result<Vec<f32>> {
    let range = model.network().range();
    if !conditioning.factors.is_empty() {
        model.merge(gpu, key, &conditioning.factors)?;
    }
    let plan = model.plan(gpu, key)?;
    let shape = plan.input_shape("input")?;
    colour_only(&shape)?;
    let cut: Vec<f32> = cut.iter().map(|v| v * range).collect();
    plan.upload(gpu, "input", &shape.pad_channels(&cut))?;
    for (name, values) in &conditioning.inputs {
        plan.upload(gpu, name, values)?;
    }
    plan.run(gpu, step)?;
    let out = plan.output_shape("output")?;
    let mut values = out.strip_channels(&plan.read(gpu, "output")?);
    values.iter_mut().for_each(|v| *v /= range);
    Ok(values)
}

fn colour_only(input: &Shape) -> Result<()> {
    match input.c.logical() {
        3 => Ok(()),
        n => Err(Error::new(Kind::Usage, "this checkpoint does not take colour pictures")
            .why(format!("its input has {n} channels"))),
    }
}

/// Repeats alpha for super-resolution: a hard matte stays hard.
fn enlarge(alpha: &[f32], w: usize, h: usize, scale: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(alpha.len() * scale * scale);
    for y in 0..h * scale {
        out.extend((0..w * scale).map(|x| alpha[y / scale * w + x / scale]));
    }
    out
}

/// `strength` 1 is the restored picture, 0 the input. Only pictures of the same size can be mixed.
pub fn mix(input: &Picture, restored: &mut Picture, strength: f32) {
    if input.rgb.len() == restored.rgb.len() && strength < 1.0 {
        for (r, i) in restored.rgb.iter_mut().zip(&input.rgb) {
            *r = i + (*r - i) * strength;
        }
    }
}
