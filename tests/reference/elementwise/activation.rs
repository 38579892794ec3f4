//! Activation functions.

/// The names of the engine's enum, by the function they stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    None,
    Relu,
    Gelu,
    Silu,
    Sigmoid,
    QuickGelu,
}

pub fn activate(x: f64, kind: Kind) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match kind {
        Kind::None => x,
        Kind::Relu => x.max(0.0),
        Kind::Gelu => 0.5 * x * (1.0 + erf(x / 2.0_f64.sqrt())),
        Kind::Silu => x * sigmoid(x),
        Kind::Sigmoid => sigmoid(x),
        Kind::QuickGelu => x * sigmoid(1.702 * x),
    }
}

/// The Taylor series where it converges well, the continued fraction of erfc elsewhere.
pub fn erf(x: f64) -> f64 {
    let a = x.abs();
    if a < 2.5 {
        let (mut term, mut sum) = (a, a);
        for k in 1..200 {
            term *= -a * a / f64::from(k);
            sum += term / f64::from(2 * k + 1);
        }
        return x.signum() * sum * 2.0 / std::f64::consts::PI.sqrt();
    }
    let mut fraction = a;
    for k in (1..120).rev() {
        fraction = a + f64::from(k) / 2.0 / fraction;
    }
    x.signum() * (1.0 - (-a * a).exp() / (fraction * std::f64::consts::PI.sqrt()))
}

#[test]
fn erf_meets_published_values() {
    // Abramowitz and Stegun, table 7.1.
    for (x, y) in
        [(0.0, 0.0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0), (3.0, 0.999_977_909_5)]
    {
        assert!((erf(x) - y).abs() < 1e-9 && (erf(-x) + y).abs() < 1e-9, "{x}: {}", erf(x));
    }
}
