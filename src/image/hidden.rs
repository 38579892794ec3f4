//! Colour under fully transparent pixels. Programs leave anything there, and a network that looks at neighbours would
//! carry it into what can be seen.

use super::picture::Picture;

/// The picture with the colour of its visible pixels continued under the transparent ones, ring by ring: each hidden
/// pixel gets the mean of its neighbours that have a colour already. `None` where there is nothing to do.
pub fn covered(picture: &Picture) -> Option<Picture> {
    let alpha = picture.alpha.as_ref()?;
    let mut known: Vec<bool> = alpha.iter().map(|a| *a > 0.0).collect();
    if known.iter().all(|k| *k) || !known.contains(&true) {
        return None;
    }
    let (w, h) = (picture.width as usize, picture.height as usize);
    let around = |i: usize| {
        let (x, y) = (i % w, i / w);
        let sides = [(x > 0, i.wrapping_sub(1)), (x + 1 < w, i + 1), (y > 0, i.wrapping_sub(w)), (y + 1 < h, i + w)];
        sides.into_iter().filter(|(inside, _)| *inside).map(|(_, at)| at)
    };
    let mut rgb = picture.rgb.clone();
    let mut ring: Vec<usize> = (0..w * h).filter(|i| !known[*i] && around(*i).any(|n| alpha[n] > 0.0)).collect();
    while !ring.is_empty() {
        let colours: Vec<[f32; 3]> = ring.iter().map(|i| mean(&rgb, around(*i).filter(|n| known[*n]))).collect();
        for (i, colour) in ring.iter().zip(colours) {
            rgb[3 * i..][..3].copy_from_slice(&colour);
            known[*i] = true;
        }
        let mut next: Vec<usize> = ring.iter().flat_map(|i| around(*i)).filter(|n| !known[*n]).collect();
        next.sort_unstable();
        next.dedup();
        ring = next;
    }
    Some(Picture { rgb, ..picture.clone() })
}

fn mean(rgb: &[f32], pixels: impl Iterator<Item = usize>) -> [f32; 3] {
    let (mut sum, mut count) = ([0.0; 3], 0.0);
    for i in pixels {
        (0..3).for_each(|c| sum[c] += rgb[3 * i + c]);
        count += 1.0;
    }
    sum.map(|s| s / f32::max(count, 1.0))
}

/// Gives transparent pixels of `restored` the colour that they had in `original`; sizes that differ keep what is there.
pub fn uncover(original: &Picture, restored: &mut Picture) {
    let Some(alpha) = original.alpha.as_ref().filter(|_| original.rgb.len() == restored.rgb.len()) else { return };
    for i in (0..alpha.len()).filter(|i| alpha[*i] <= 0.0) {
        restored.rgb[3 * i..][..3].copy_from_slice(&original.rgb[3 * i..][..3]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, values: &[f32], alpha: &[f32]) -> Picture {
        let rgb = values.iter().flat_map(|v| [*v, 1.0 - v, *v]).collect();
        let height = values.len() as u32 / width;
        Picture { alpha: Some(alpha.to_vec()), ..Picture::from_rgb(width, height, rgb) }
    }

    #[test]
    fn hidden_colour_is_replaced_by_what_is_near() {
        // A row: visible 0.2, three hidden with loud colours, visible 0.6.
        let row = picture(5, &[0.2, 1.0, 0.0, 1.0, 0.6], &[1.0, 0.0, 0.0, 0.0, 0.5]);
        let covered = covered(&row).expect("something is hidden");
        let reds: Vec<f32> = covered.rgb.iter().step_by(3).copied().collect();
        let expected = [0.2, 0.2, 0.4, 0.6, 0.6];
        assert!(reds.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{reds:?}");
        let mut back = covered;
        uncover(&row, &mut back);
        assert_eq!(back.rgb, row.rgb);
    }

    #[test]
    fn every_hidden_pixel_is_reached() {
        let mut alpha = vec![0.0; 35];
        alpha[17] = 1.0;
        let covered = covered(&picture(7, &[0.9; 35], &alpha)).expect("something is hidden");
        assert!(covered.rgb.chunks(3).all(|p| (p[0] - 0.9).abs() < 1e-6));
    }

    #[test]
    fn nothing_hidden_or_nothing_seen_needs_no_copy() {
        assert!(covered(&picture(2, &[0.1, 0.2], &[1.0, 0.1])).is_none());
        assert!(covered(&picture(2, &[0.1, 0.2], &[0.0, 0.0])).is_none());
        assert!(covered(&Picture::from_rgb(1, 1, vec![0.0; 3])).is_none());
    }
}
