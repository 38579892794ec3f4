use std::path::Path;
fn main() {
    let gpu = vernis::gpu::Gpu::open(&vernis::gpu::DeviceChoice::Auto).unwrap();
    println!("{:?}", gpu.target());
    let f16 = std::env::var("F16").is_ok();
    for dir in std::env::args().skip(1) {
        let case = vernis::checkpoint::Case::open(Path::new(&dir)).unwrap();
        let t = std::time::Instant::now();
        match vernis::run::verify::verify(
            &gpu,
            &case,
            if f16 { vernis::base::DType::F16 } else { vernis::base::DType::F32 },
        ) {
            Ok(v) => {
                println!("{} {} {:.2}s tol {:.1e}", v.case, v.passed(), t.elapsed().as_secs_f32(), v.tolerance);
                for c in v.checked {
                    println!("   {} {:.2e}", c.name, c.rel_l2);
                }
            }
            Err(e) => println!("{dir}: {e}"),
        }
    }
}
