//! Padding to the multiple a network asks for, and cutting the padding off again.

/// The mirror image of `position` in an axis of `size` samples. The edge itself is not repeated; the reflection swings
/// back and forth where the pad exceeds the size, and an axis of one sample repeats it.
fn reflect(position: usize, size: usize) -> usize {
    if size <= 1 {
        return 0;
    }
    let period = 2 * (size - 1);
    let p = position % period;
    if p < size { p } else { period - p }
}

/// Extends interleaved `data` of `width` x `height` pixels to the right and down by reflection.
/// A target smaller than the picture cuts it.
pub fn pad_reflect(
    data: &[f32],
    width: usize,
    height: usize,
    channels: usize,
    to_width: usize,
    to_height: usize,
) -> Vec<f32> {
    assert_eq!(data.len(), width * height * channels, "pad_reflect: the data does not match {width}x{height}");
    let mut out = Vec::with_capacity(to_width * to_height * channels);
    if data.is_empty() {
        out.resize(to_width * to_height * channels, 0.0);
        return out;
    }
    let whole = width.min(to_width) * channels;
    for y in 0..to_height {
        let row = &data[reflect(y, height) * width * channels..][..width * channels];
        out.extend_from_slice(&row[..whole]);
        for x in width..to_width {
            out.extend_from_slice(&row[reflect(x, width) * channels..][..channels]);
        }
    }
    out
}

/// The top left `to_width` x `to_height` pixels of rows of `width` pixels.
pub fn crop(data: &[f32], width: usize, channels: usize, to_width: usize, to_height: usize) -> Vec<f32> {
    cut(data, width, channels, [0, 0, to_width, to_height])
}

/// The window `[x, y, w, h]` of rows of `width` pixels.
pub fn cut(data: &[f32], width: usize, channels: usize, [x, y, w, h]: [usize; 4]) -> Vec<f32> {
    assert!(x + w <= width, "cut: the window ends at column {} of {width}", x + w);
    let mut out = Vec::with_capacity(w * h * channels);
    for row in y..y + h {
        out.extend_from_slice(&data[(row * width + x) * channels..][..w * channels]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reflects_without_repeating_the_edge() {
        assert_eq!(pad_reflect(&[1., 2., 3.], 3, 1, 1, 5, 1), [1., 2., 3., 2., 1.]);
        assert_eq!(pad_reflect(&[1., 2., 3.], 1, 3, 1, 1, 4), [1., 2., 3., 2.]);
    }

    #[test]
    fn reflection_repeats_when_the_pad_exceeds_the_size() {
        assert_eq!(pad_reflect(&[1., 2.], 2, 1, 1, 7, 1), [1., 2., 1., 2., 1., 2., 1.]);
        assert_eq!(pad_reflect(&[1., 2., 3.], 3, 1, 1, 8, 1), [1., 2., 3., 2., 1., 2., 3., 2.]);
    }

    #[test]
    fn one_pixel_replicates() {
        assert_eq!(pad_reflect(&[4., 5.], 1, 1, 2, 3, 2), [4., 5., 4., 5., 4., 5., 4., 5., 4., 5., 4., 5.]);
    }

    #[test]
    fn every_small_size_round_trips_and_stays_in_range() {
        for (w, h, c) in (1..6).flat_map(|w| (1..6).flat_map(move |h| (1..4).map(move |c| (w, h, c)))) {
            let data: Vec<f32> = (0..w * h * c).map(|v| v as f32).collect();
            let padded = pad_reflect(&data, w, h, c, 16, 8);
            assert_eq!(padded.len(), 16 * 8 * c);
            assert_eq!(crop(&padded, 16, c, w, h), data);
            // Channels never mix: every value keeps its channel.
            assert!(padded.iter().enumerate().all(|(i, v)| *v as usize % c == i % c));
        }
    }

    #[test]
    fn cut_takes_the_window() {
        let data: Vec<f32> = (0..12).map(|v| v as f32).collect();
        assert_eq!(cut(&data, 4, 1, [1, 1, 2, 2]), [5., 6., 9., 10.]);
    }
}
