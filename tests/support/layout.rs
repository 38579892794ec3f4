//! The layout of activations, written a second time from its description: NHWC, each channel segment padded with zeros
//! to a multiple of four.

/// Where each logical channel lies, and the channels of a pixel in memory.
fn positions(segments: &[u32]) -> (Vec<usize>, usize) {
    let mut at = 0;
    let mut out = Vec::new();
    for s in segments {
        for i in 0..*s {
            out.push((at + i) as usize);
        }
        at += s.div_ceil(4) * 4;
    }
    (out, at as usize)
}

/// NCHW values to memory order.
pub fn to_memory(n: u32, segments: &[u32], h: u32, w: u32, nchw: &[f32]) -> Vec<f32> {
    let (places, stride) = positions(segments);
    let (pixels, c) = ((h * w) as usize, places.len());
    assert_eq!(nchw.len(), n as usize * c * pixels, "the values do not fill the shape");
    let mut out = vec![0.0; n as usize * pixels * stride];
    for image in 0..n as usize {
        for pixel in 0..pixels {
            for channel in 0..c {
                out[(image * pixels + pixel) * stride + places[channel]] = nchw[(image * c + channel) * pixels + pixel];
            }
        }
    }
    out
}

/// Memory order to NCHW values, and the first padding lane that is not zero.
pub fn from_memory(n: u32, segments: &[u32], h: u32, w: u32, memory: &[f32]) -> (Vec<f32>, Option<usize>) {
    let (places, stride) = positions(segments);
    let (pixels, c) = ((h * w) as usize, places.len());
    let mut out = vec![0.0; n as usize * c * pixels];
    for image in 0..n as usize {
        for pixel in 0..pixels {
            for channel in 0..c {
                out[(image * c + channel) * pixels + pixel] =
                    memory[(image * pixels + pixel) * stride + places[channel]];
            }
        }
    }
    let padding: Vec<usize> = (0..stride).filter(|lane| !places.contains(lane)).collect();
    let dirty = (0..n as usize * pixels)
        .flat_map(|row| padding.iter().map(move |lane| row * stride + lane))
        .find(|at| memory[*at] != 0.0);
    (out, dirty)
}

#[test]
fn the_engine_agrees() {
    use vernis::base::{Channels, Shape};
    for segments in [vec![1], vec![4], vec![7], vec![127, 127], vec![3, 5, 8, 1]] {
        let count = 2 * segments.iter().sum::<u32>() as usize * 6;
        let values: Vec<f32> = (1..=count).map(|i| i as f32).collect();
        let shape = Shape { n: 2, h: 2, w: 3, c: Channels::split(segments.clone()) };
        let memory = to_memory(2, &segments, 2, 3, &values);
        assert_eq!(shape.from_nchw(&values), memory);
        assert_eq!(shape.to_nchw(&memory), values);
        assert_eq!(from_memory(2, &segments, 2, 3, &memory), (values, None));
    }
}

#[test]
fn a_value_in_the_padding_is_found() {
    let mut memory = to_memory(1, &[3], 1, 2, &[1.0; 6]);
    memory[7] = 1.0;
    assert_eq!(from_memory(1, &[3], 1, 2, &memory).1, Some(7));
    memory[7] = f32::NAN;
    assert_eq!(from_memory(1, &[3], 1, 2, &memory).1, Some(7));
}
