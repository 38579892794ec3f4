//! A tap shows what the module of that name gives in the official code.

use vernis::base::DType;
use vernis::checkpoint::StateDict;
use vernis::models::Part;
use vernis::run::model::Model;
use vernis::run::plan::PlanKey;

use crate::support::compare::rel_l2;
use crate::support::distances::TAPPED;
use crate::support::fake::checkpoint;
use crate::support::generator::uniform;
use crate::support::gpu::gpu;
use crate::support::nets;

fn tapped(dict: StateDict, tap: &str) -> Vec<f32> {
    let mut model = Model::new(dict).unwrap();
    let key = PlanKey { part: Part::main(1, 16, 24, Vec::new()), precision: DType::F32 };
    let mut plan = model.make_plan(gpu(), &key, &[tap.to_owned()]).unwrap();
    let shape = plan.input_shape("input").unwrap();
    plan.upload(gpu(), "input", &shape.from_nchw(&uniform("picture", 3, 0.0, 1.0, 3 * 16 * 24))).unwrap();
    plan.run(gpu(), &mut |_| true).unwrap();
    plan.read(gpu(), tap).unwrap()
}

/// NAFNet's beta and gamma multiply what these modules give; neither reaches back into the module's input.
#[test]
fn a_factor_folded_into_a_convolution_stays_out_of_its_tap() {
    let dict = checkpoint("nafnet", &nets::nafnet());
    for (module, factor) in [("conv3", "beta"), ("conv5", "gamma")] {
        let (tap, key) = (format!("encoders.0.0.{module}"), format!("encoders.0.0.{factor}"));
        let shape = dict.shape(&key).unwrap().to_vec();
        let count = shape.iter().product();
        let others = dict.keys().filter(|k| *k != key);
        let ones = dict.with_values(others, &key, shape, &vec![1.0; count]);
        let (given, plain) = (tapped(dict.clone(), &tap), tapped(ones, &tap));
        assert!(plain.iter().any(|v| v.abs() > 0.01), "{tap}");
        assert!(rel_l2(&given, &plain) < TAPPED, "{tap}: {}", rel_l2(&given, &plain));
    }
}
