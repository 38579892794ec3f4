//! The way from a picture or a task to the inputs of a plan.

use vernis::base::{DType, Kind, Shape};
use vernis::checkpoint::Case;
use vernis::models::{Part, registry};
use vernis::run::conditions::{datprl, pip};
use vernis::run::{Model, PlanKey};

use crate::{cases, gpu};

fn case(name: &str) -> (Case, Model) {
    let case = cases().into_iter().find(|c| c.name == name).expect("the case");
    let network = registry::by_name(&case.family, &case.config, &case.weights).expect("a network");
    let model = Model::with_network(case.weights.clone(), network).expect("a model");
    (case, model)
}

fn picture(case: &Case) -> (Shape, Vec<f32>) {
    let Some(&[n, c, h, w]) = case.io.shape("input") else { panic!("no picture") };
    let shape = Shape::new(n as u32, h as u32, w as u32, c as u32);
    let values = shape.from_nchw(&case.io.f32("input").expect("values"));
    (shape, values)
}

#[test]
fn chosen_prompts_are_reported_with_weights_that_sum_to_1() {
    let gpu = gpu();
    let (case, mut model) = case("datprl-dual-cross-cross");
    let (shape, values) = picture(&case);
    let conditions =
        datprl::condition(&mut model, &gpu, DType::F32, (&shape, &values), 3, u64::MAX).expect("conditions");
    assert_eq!(conditions.extra, [1]);
    let (name, prompt) = &conditions.inputs[0];
    assert_eq!((name.as_str(), prompt.len()), ("prompt", 3 * 32), "once for each of three tiles");
    assert_eq!(prompt[..32], prompt[64..]);
    assert_eq!(conditions.explain.len(), 2);
    for (line, (title, tap)) in conditions
        .explain
        .iter()
        .zip([("task prompts: ", "tap.degradation_prompt_pool.1"), ("domain prompts: ", "tap.domain_prompt_pool.1")])
    {
        let rest = line.strip_prefix(title).expect("the title");
        let mut sum = 0.0;
        for (part, expected) in rest.split(", ").zip(case.io.f32(tap).expect("the indices")) {
            let (index, weight) = part.split_once(' ').expect("index and weight");
            assert_eq!(index, format!("#{expected}"), "{line}");
            sum += weight.parse::<f64>().expect("a weight");
        }
        assert!((sum - 1.0).abs() < 2e-3, "{line}");
    }
}

#[test]
fn a_picture_that_does_not_fit_is_asked_in_parts() {
    let gpu = gpu();
    let (case, mut model) = case("datprl-task-cross");
    let (shape, values) = picture(&case);
    let mut ask = |limit| datprl::condition(&mut model, &gpu, DType::F32, (&shape, &values), 1, limit);
    let whole = ask(u64::MAX).expect("the whole");
    let parts = ask(1_200_000).expect("parts");
    assert_eq!(whole.explain.len() + 1, parts.explain.len(), "{:?}", parts.explain);
    assert_eq!(whole.inputs[0].1.len(), parts.inputs[0].1.len());
    assert_eq!(ask(1000).expect_err("nothing fits").kind(), Kind::Memory);
}

#[test]
fn a_network_without_prompts_needs_nothing() {
    let gpu = gpu();
    let (case, mut model) = case("datprl-noprompt");
    let (shape, values) = picture(&case);
    let conditions = datprl::condition(&mut model, &gpu, DType::F32, (&shape, &values), 1, 0).expect("conditions");
    assert_eq!(conditions, Default::default());
}

/// A blend lies between its classes; the classes alone are the official calls, which the cases cover.
#[test]
fn free_weights_lie_between_the_classes() {
    let gpu = gpu();
    let (case, mut model) = case("pip-convgate");
    let (shape, values) = picture(&case);
    let classes = pip::classes(&model);
    let mut restore = |shares: &[(usize, f32)]| {
        let weights = pip::blend(classes, shares).expect("weights");
        let conditions = pip::condition(&model, &weights, shape.n).expect("conditions");
        let part = Part::main(shape.n, shape.h, shape.w, conditions.extra);
        let plan = model.plan(&gpu, &PlanKey { part, precision: DType::F32 }).expect("a plan");
        plan.upload(&gpu, "input", &values).expect("uploaded");
        for (name, values) in &conditions.inputs {
            plan.upload(&gpu, name, values).expect("uploaded");
        }
        plan.run(&gpu, &mut |_| true).expect("run");
        plan.read(&gpu, "output").expect("read")
    };
    let (a, near_a, b) = (restore(&[(0, 1.0)]), restore(&[(0, 0.999), (3, 0.001)]), restore(&[(3, 1.0)]));
    let distance = |x: &[f32], y: &[f32]| vernis::run::verify::rel_l2(x, y);
    assert!(distance(&b, &a) > 1e-3, "the class has an effect");
    assert!(distance(&near_a, &a) < 0.1 * distance(&b, &a), "a small share has a small effect");
}

#[test]
fn weights_that_do_not_sum_to_1_are_refused() {
    let (_, model) = case("pip-convgate");
    for bad in [&[][..], &[1.0], &[0.5; 5], &[f32::NAN, 0.0, 0.0, 0.0, 1.0]] {
        assert_eq!(pip::condition(&model, bad, 1).expect_err("refused").kind(), Kind::Usage, "{bad:?}");
    }
    let explained = pip::condition(&model, &[0.25, 0.0, 0.75, 0.0, 0.0], 1).expect("conditions").explain;
    assert_eq!(explained, ["degradation: dehaze 0.750, denoise 0.250"]);
}
