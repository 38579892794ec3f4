//! A picture through a network: pad, cut into tiles, replay the plan, guard, blend, crop.

use super::conditions::Conditioning;
use super::guard;
use super::model::Model;
use super::plan::PlanKey;
use super::tiling::Layout;
use crate::base::{DType, Error, Kind, Result};
use crate::gpu::Gpu;
use crate::image::{Blender, Picture, Tile, pad};

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
    let scale = model.network().sizes().scale;
    let colour = model.colour();
    let (pw, ph) = layout.padded;
    let rgb = colour.order(&picture.rgb);
    let size = |v: u32| v as usize;
    let padded = pad::pad_reflect(&rgb, size(picture.width), size(picture.height), 3, size(pw), size(ph));
    drop(rgb);
    let grown = |t: &Tile| Tile { x: t.x * scale, y: t.y * scale, w: t.w * scale, h: t.h * scale };
    let scaled: Vec<Tile> = layout.tiles.iter().map(grown).collect();
    let mut blender = Blender::new(pw * scale, ph * scale, 3, &scaled);
    let count = layout.tiles.len() as f32;
    for (i, tile) in layout.tiles.iter().enumerate() {
        let window = [tile.x, tile.y, tile.w, tile.h].map(size);
        let cut = pad::cut(&padded, size(pw), 3, window);
        let mut step = |share: f32| progress((i as f32 + share) / count);
        let out = guarded(model, gpu, &cut, conditioning, &layout.key, i, notes, &mut step)?;
        blender.add(&scaled[i], &out);
    }
    let all = blender.finish();
    let (w, h) = (picture.width * scale, picture.height * scale);
    let mut rgb = colour.order(&pad::crop(&all, size(pw * scale), 3, size(w), size(h)));
    rgb.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
    if picture.gray {
        // Three nearly equal channels become one value again.
        rgb.chunks_exact_mut(3).for_each(|p| {
            let mean = (p[0] + p[1] + p[2]) / 3.0;
            p.fill(mean);
        });
    }
    let alpha = picture.alpha.as_ref().map(|a| enlarge(a, size(picture.width), size(picture.height), size(scale)));
    Ok(Picture { width: w, height: h, rgb, alpha, ..picture.clone() })
}

/// One tile; a result the guard refuses in f16 is computed again in f32.
#[allow(clippy::too_many_arguments)]
fn guarded(
    model: &mut Model,
    gpu: &Gpu,
    cut: &[f32],
    conditioning: &Conditioning,
    key: &PlanKey,
    index: usize,
    notes: &mut Vec<String>,
    step: &mut dyn FnMut(f32) -> bool,
) -> Result<Vec<f32>> {
    let out = one(model, gpu, cut, conditioning, key, step)?;
    let name = format!("tile {}", index + 1);
    match guard::check(cut, &out, &name) {
        Ok(()) => Ok(out),
        Err(e) if key.precision == DType::F16 => {
            notes.push(format!("{e}; computed again in f32"));
            let key = PlanKey { precision: DType::F32, ..key.clone() };
            let out = one(model, gpu, cut, conditioning, &key, step)?;
            guard::check(cut, &out, &name)?;
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
    let plan = model.plan(gpu, key)?;
    let shape = plan.input_shape("input")?;
    if shape.c.logical() != 3 {
        return Err(Error::new(Kind::Usage, "this checkpoint does not take colour pictures")
            .why(format!("its input has {} channels", shape.c.logical())));
    }
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
