//! Cooperative matrices: what of an adapter's offer the contraction kernel can use.

use crate::base::DType;
use crate::kernel::Contraction;

/// What must be enabled on a device before `family` may run on it; nothing for the other families.
pub fn features(family: Contraction) -> wgpu::Features {
    let mut out = wgpu::Features::empty();
    if matches!(family, Contraction::Cooperative { .. }) {
        out |= wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX | wgpu::Features::SUBGROUP;
    }
    if family.side(DType::F16) != 0 {
        out |= wgpu::Features::SHADER_F16;
    }
    out
}

/// The family for the matrices that `adapter` offers; `None` if no kernel can use them.
pub fn offered(adapter: &wgpu::Adapter) -> Option<Contraction> {
    let features = adapter.features();
    if !features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX | wgpu::Features::SUBGROUP) {
        return None;
    }
    let info = adapter.get_info();
    // Metal does not say how wide its groups are; all GPUs that have matrices there have 32 lanes.
    let lanes = if info.backend == wgpu::Backend::Metal { 32 } else { info.subgroup_max_size };
    let shapes = adapter.cooperative_matrix_properties();
    family(lanes, &shapes, features.contains(wgpu::Features::SHADER_F16))
}

/// Workgroup memory of contract_cooperative.wgsl in its largest variant, rounded up.
const WORKGROUP_BYTES: u32 = 20 << 10;

/// Whether an open device has all that the kernels of `family` need.
pub fn runs_on(family: Contraction, device: &wgpu::Device) -> bool {
    let limits = device.limits();
    let Contraction::Cooperative { lanes, .. } = family else { return true };
    device.features().contains(features(family))
        && limits.max_compute_workgroup_storage_size >= WORKGROUP_BYTES
        && limits.max_compute_invocations_per_workgroup >= 4 * lanes
        && limits.max_compute_workgroup_size_x >= 4 * lanes
}

/// The kernel reads square matrices of 8 or 16 and sums in f32, so that f32 plans stay f32 and f16 is a storage type.
fn family(lanes: u32, shapes: &[wgpu::CooperativeMatrixProperties], half: bool) -> Option<Contraction> {
    use wgpu::CooperativeScalarType as Scalar;
    let side = |operands: Scalar| {
        let fits = |s: &&wgpu::CooperativeMatrixProperties| {
            let square = s.m_size == s.n_size && s.n_size == s.k_size && matches!(s.k_size, 8 | 16);
            square && s.ab_type == operands && s.cr_type == Scalar::F32 && !s.saturating_accumulation
        };
        shapes.iter().filter(fits).map(|s| s.k_size).max().unwrap_or(0)
    };
    // The kernel has no f32 variant of 16, whose tiles would fill twice the workgroup memory; nobody offers it.
    let single = if side(Scalar::F32) == 8 { 8 } else { 0 };
    let half = if half { side(Scalar::F16) } else { 0 };
    // The sizes that tests/shaders.rs validates.
    let usable = single + half > 0 && lanes.is_power_of_two() && (8..=64).contains(&lanes);
    usable.then_some(Contraction::Cooperative { lanes, f32: single, f16: half, depth: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wgpu::CooperativeScalarType::{self as Scalar, F16, F32, I32};

    fn shape(sides: [u32; 3], ab_type: Scalar, cr_type: Scalar) -> wgpu::CooperativeMatrixProperties {
        let [m_size, n_size, k_size] = sides;
        wgpu::CooperativeMatrixProperties { m_size, n_size, k_size, ab_type, cr_type, saturating_accumulation: false }
    }

    #[test]
    fn only_square_matrices_with_f32_sums_are_used() {
        let big = shape([16; 3], F16, F32);
        let small = shape([8; 3], F16, F32);
        let single = shape([8; 3], F32, F32);
        let some = |f32, f16| Some(Contraction::Cooperative { lanes: 32, f32, f16, depth: 0 });
        assert_eq!(family(32, &[small, big, single], true), some(8, 16), "the largest of each");
        assert_eq!(family(32, &[big], true), some(0, 16));
        assert_eq!(family(32, &[big, single], false), some(8, 0), "f16 numbers need a feature of their own");
        for useless in [
            shape([16; 3], F16, F16),
            shape([8, 16, 16], F16, F32),
            shape([16; 3], I32, I32),
            shape([16; 3], F32, F32),
            wgpu::CooperativeMatrixProperties { saturating_accumulation: true, ..big },
        ] {
            assert_eq!(family(32, &[useless], true), None, "{useless:?}");
        }
        for lanes in [8, 16, 32, 64] {
            assert_eq!(
                family(lanes, &[big], true),
                Some(Contraction::Cooperative { lanes, f32: 0, f16: 16, depth: 0 })
            );
        }
        assert_eq!(family(128, &[big], true), None, "a workgroup of four such subgroups is too large");
        assert_eq!(family(4, &[big], true), None, "no variant of the kernel is validated for it");
    }

    #[test]
    fn the_experimental_feature_is_asked_for_by_its_kernel_alone() {
        let experimental = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
        for other in [Contraction::TILED, Contraction::Wide { lanes: 8 }] {
            assert_eq!(features(other), wgpu::Features::empty());
        }
        let single = features(Contraction::Cooperative { lanes: 8, f32: 8, f16: 0, depth: 0 });
        assert!(single.contains(experimental) && !single.contains(wgpu::Features::SHADER_F16));
        let half = features(Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth: 0 });
        assert!(half.contains(experimental | wgpu::Features::SHADER_F16));
    }
}
