//! Class weights of PIP from the picture: the checkpoint's degradation sensor looks at windows of it. They keep the
//! picture's own scale, since shrinking would remove the noise, rain and blur it looks for.

use crate::base::{DType, Result};
use crate::gpu::Gpu;
use crate::image::{Picture, pad};
use crate::models::pip::sensor::{MULTIPLE, NAME, part};
use crate::run::Model;
use crate::run::plan::PlanKey;

/// Longest side of a window, in pixels; the sensor learns on windows of this size.
const SIDE: u32 = 128;

/// Most windows along an axis.
const ACROSS: u32 = 3;

/// Whether the checkpoint of `model` has a sensor.
pub fn present(model: &Model) -> bool {
    model.network().parts().iter().any(|p| p.name == NAME)
}

/// A weight for each class, summing to 1: the softmax of the scores' mean over the windows.
pub fn look(model: &mut Model, gpu: &Gpu, precision: DType, picture: &Picture) -> Result<Vec<f32>> {
    let [w, h] = [picture.width, picture.height].map(|side| side.min(SIDE));
    let [pw, ph] = [w, h].map(|side| side.next_multiple_of(MULTIPLE));
    let (columns, rows) = (starts(picture.width, w), starts(picture.height, h));
    let rgb = model.colour().order(&picture.rgb);
    let mut plan = model.make_plan(gpu, &PlanKey { part: part(ph, pw), precision }, &[])?;
    let (input, output) = (plan.input_shape("input")?, plan.output_shape("classes")?);
    let mut sums = vec![0.0; output.c.logical() as usize];
    for top in &rows {
        for left in &columns {
            let window = [*left, *top, w, h].map(|v| v as usize);
            let view = pad::cut(&rgb, picture.width as usize, 3, window);
            let view = pad::pad_reflect(&view, w as usize, h as usize, 3, pw as usize, ph as usize);
            plan.upload(gpu, "input", &input.pad_channels(&view))?;
            plan.run(gpu, &mut |_| true)?;
            let scores = output.strip_channels(&plan.read(gpu, "classes")?);
            sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score);
        }
    }
    let count = (rows.len() * columns.len()) as f32;
    Ok(softmax(&sums.iter().map(|s| s / count).collect::<Vec<_>>()))
}

/// Where windows of `window` pixels begin along `side`: spread evenly from edge to edge.
fn starts(side: u32, window: u32) -> Vec<u32> {
    let count = side.div_ceil(window).clamp(1, ACROSS);
    (0..count).map(|i| (side - window) * i / (count - 1).max(1)).collect()
}

fn softmax(scores: &[f32]) -> Vec<f32> {
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = scores.iter().map(|s| (s - best).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|p| p / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_reach_both_edges() {
        assert_eq!(starts(500, 128), [0, 186, 372]);
        assert_eq!(starts(300, 128), [0, 86, 172]);
        assert_eq!(starts(200, 128), [0, 72]);
        assert_eq!(starts(5, 5), [0]);
    }

    #[test]
    fn weights_sum_to_1_even_for_large_scores() {
        let weights = softmax(&[200.0, 198.0, -50.0]);
        assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6 && weights[0] > 0.85, "{weights:?}");
    }
}
