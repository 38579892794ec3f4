//! Normal noise from a seed, equal on every machine.
//!
//! Counter-based: the value at a place is a function of (seed, draw, picture, channel, pixel) and of nothing else, so it
//! does not depend on the order of computing, on tiles or on threads. Philox 4x32-10 (Salmon et al., SC 2011) mixes the
//! counter, Box-Muller shapes the result. The noise is made on the host, with a logarithm and a cosine in software that
//! give the same bits on every processor, and rounded to f32: noise saved in a file gives the same picture again.

/// Two different multipliers and two key increments (the golden ratio and the square root of three less one).
const MULTIPLY: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let [low, high] = [0, 1].map(|i| u64::from(MULTIPLY[i]) * u64::from(counter[2 * i]));
        counter = [
            (high >> 32) as u32 ^ counter[1] ^ key[0],
            high as u32,
            (low >> 32) as u32 ^ counter[3] ^ key[1],
            low as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// A stream of normal values of mean 0 and deviation 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gaussian {
    pub seed: u64,
    /// 0 for the start of a trajectory, step + 1 for the fresh noise of a step.
    pub draw: u32,
    /// Which picture of a batch; equal pictures get equal noise under equal numbers.
    pub picture: u32,
}

impl Gaussian {
    /// The value at flat pixel index `pixel` (y * width + x) of a channel.
    pub fn at(&self, channel: u32, pixel: u32) -> f32 {
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        let [a, b, c, d] = philox([pixel, channel, self.picture, self.draw], key);
        let bits = |high: u32, low: u32| (u64::from(high) << 32 | u64::from(low)) >> 11;
        // 53 bits each; the first never 0, because its logarithm is taken.
        let radius = (bits(a, b) + 1) as f64 / (1u64 << 53) as f64;
        let angle = bits(c, d) as f64 / (1u64 << 53) as f64;
        ((-2.0 * libm::log(radius)).sqrt() * libm::cos(std::f64::consts::TAU * angle)) as f32
    }
}

/// One picture of noise, channel after channel.
pub fn gaussian(seed: u64, draw: u32, picture: u32, channels: usize, pixels: usize) -> Vec<f64> {
    let stream = Gaussian { seed, draw, picture };
    let values = (0..channels as u32).flat_map(|c| (0..pixels as u32).map(move |p| f64::from(stream.at(c, p))));
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that the generator's authors publish with their library.
    #[test]
    fn philox_gives_the_published_vectors() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        let pi = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
        assert_eq!(philox(pi, [0xa4093822, 0x299f31d0]), [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]);
    }

    #[test]
    fn values_never_change() {
        let stream = Gaussian { seed: 42, draw: 0, picture: 0 };
        let bits: Vec<u32> = [(0, 0), (0, 1), (1, 0), (2, 16383)].map(|(c, p)| stream.at(c, p).to_bits()).to_vec();
        let fixed = [0x3f62_f180, 0xbe20_5e46, 0x3f21_6fdf, 0x3ecd_0bfd];
        assert_eq!(bits, fixed, "a new release must not change anybody's pictures");
    }

    #[test]
    fn the_first_four_moments_are_normal() {
        let values = gaussian(7, 0, 0, 4, 65536);
        let n = values.len() as f64;
        let moment = |k: i32| values.iter().map(|v| v.powi(k)).sum::<f64>() / n;
        // Three standard errors of each moment.
        let within = |value: f64, target: f64, variance: f64| (value - target).abs() < 3.0 * (variance / n).sqrt();
        assert!(within(moment(1), 0.0, 1.0) && within(moment(2), 1.0, 2.0));
        assert!(within(moment(3), 0.0, 15.0) && within(moment(4), 3.0, 96.0));
        let beyond = |limit: f64| values.iter().filter(|v| v.abs() > limit).count() as f64 / n;
        assert!((beyond(1.0) - 0.317_311).abs() < 0.003 && (beyond(3.0) - 0.002_700).abs() < 0.0004);
    }

    #[test]
    fn neighbours_channels_draws_and_seeds_are_unrelated() {
        let one = gaussian(7, 0, 0, 1, 65536);
        let correlation = |other: &[f64]| {
            let count = one.len().min(other.len());
            one.iter().zip(other).map(|(a, b)| a * b).sum::<f64>() / count as f64
        };
        let channels = gaussian(7, 0, 0, 2, 65536);
        for other in [
            &one[1..],
            &one[128..],
            &channels[65536..],
            &gaussian(7, 1, 0, 1, 65536),
            &gaussian(7, 0, 1, 1, 65536),
            &gaussian(8, 0, 0, 1, 65536),
            &gaussian(7 | 1 << 32, 0, 0, 1, 65536),
        ] {
            assert!(correlation(other).abs() < 0.016, "{}", correlation(other));
        }
        assert_eq!(channels[..65536], one, "a channel does not depend on how many there are");
    }
}
