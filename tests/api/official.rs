//! `ProtocolChoice::Official` against outputs of the official code, and against the network run by hand on what the
//! published program would have handed to it.

use vernis::image::pad;
use vernis::image::resample::area;
use vernis::{Instruction, Kind, Picture, ProtocolChoice, RestoreOptions, TileChoice};

use crate::{case, engine, model, picture, restore};

fn official() -> RestoreOptions {
    RestoreOptions { protocol: ProtocolChoice::Official, ..RestoreOptions::default() }
}

fn whole() -> RestoreOptions {
    RestoreOptions { tile: TileChoice::Off, ..RestoreOptions::default() }
}

/// Levels of 255 by which the values differ: the largest difference, and the share of values that differ at all.
fn levels(a: &[f32], b: &[f32]) -> (f32, f32) {
    assert_eq!(a.len(), b.len());
    let each = || a.iter().zip(b).map(|(a, b)| ((a - b) * 255.0).abs().round());
    (each().fold(0.0, f32::max), each().filter(|d| *d > 0.0).count() as f32 / a.len() as f32)
}

/// NCHW values of one picture as interleaved shares of white.
fn interleaved(nchw: &[f32], white: f32) -> Vec<f32> {
    let plane = nchw.len() / 3;
    (0..plane).flat_map(|p| [0, 1, 2].map(|c| nchw[c * plane + p] / white)).collect()
}

#[test]
fn the_result_is_the_official_one() {
    let e = engine();
    for (name, white) in [
        ("nafnet-odd", 1.0),
        ("datprl-dual-concat-concat-pad", 1.0),
        ("xrestormer-sr2-window4", 1.0),
        ("ipt-chop-denoise", 255.0),
        ("ipt-chop-sr2", 255.0),
    ] {
        let case = case(name);
        let [_, _, h, w] = *case.io.shape("input").expect("an input") else { panic!("{name}: one picture") };
        let input = interleaved(&case.io.f32("input").expect("values"), white);
        let expected = interleaved(&case.io.f32("output").expect("values"), white);
        let bytes: Vec<f32> = expected.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() / 255.0).collect();
        let input = Picture::from_rgb(w as u32, h as u32, input);
        let done = restore(&e, &mut model(&case), &input, &Instruction::Blind, &official());
        let (largest, share) = levels(&done.picture.rgb, &bytes);
        // A value on the border between two levels may fall to either side.
        assert!(largest <= 1.0 && share < 0.01, "{name}: {largest} levels, {:.2} % differ", 100.0 * share);
    }
}

#[test]
fn pip_sees_the_centre_and_rounds() {
    let e = engine();
    let mut m = model(&case("pip-topm"));
    let told = Instruction::Task("derain=0.5,denoise=0.5".into());
    let input = picture(50, 35);
    let done = restore(&e, &mut m, &input, &told, &official());
    let centre = Picture::from_rgb(48, 32, pad::cut(&input.rgb, 50, 3, [1, 1, 48, 32]));
    let own = restore(&e, &mut m, &centre, &told, &whole());
    assert_eq!((done.picture.width, done.picture.height), (48, 32));
    assert!(done.report.notes.iter().any(|n| n.contains("48x32")), "{:?}", done.report.notes);
    let (largest, _) = levels(&done.picture.rgb, &own.picture.rgb);
    assert!(largest <= 1.0, "{largest} levels");
    assert!(done.picture.rgb.iter().all(|v| (v * 255.0 - (v * 255.0).round()).abs() < 1e-3), "bytes");
}

#[test]
fn datprl_pads_unless_it_denoises() {
    let e = engine();
    let mut m = model(&case("datprl-task-cross"));
    let input = picture(61, 37);
    let cut = pad::cut(&input.rgb, 61, 3, [6, 2, 48, 32]);
    let reflected = Picture::from_rgb(64, 32, pad::pad_reflect(&cut, 48, 32, 3, 64, 32));
    let own = restore(&e, &mut m, &reflected, &Instruction::Blind, &whole()).picture;
    let done = restore(&e, &mut m, &input, &Instruction::Blind, &official()).picture;
    assert!(levels(&done.rgb, &pad::crop(&own.rgb, 64, 3, 48, 32)).0 <= 1.0);
    let own = restore(&e, &mut m, &Picture::from_rgb(48, 32, cut), &Instruction::Blind, &whole()).picture;
    let done = restore(&e, &mut m, &input, &Instruction::Task("noise".into()), &official()).picture;
    assert!(levels(&done.rgb, &own.rgb).0 <= 1.0);
}

#[test]
fn genlv_works_on_squares_of_256_and_truncates() {
    let e = engine();
    let mut m = model(&case("genlv-small"));
    let square = |p: &Picture| {
        let size = (p.width as usize, p.height as usize);
        Picture::from_rgb(256, 256, area(&p.rgb, 3, size, (256, 256)))
    };
    let (before, after, input) = (picture(300, 260), picture(300, 260), picture(320, 256));
    let pair = |b: &Picture, a: &Picture| Instruction::Pair { before: Box::new(b.clone()), after: Box::new(a.clone()) };
    let done = restore(&e, &mut m, &input, &pair(&before, &after), &official()).picture;
    let own = restore(&e, &mut m, &square(&input), &pair(&square(&before), &square(&after)), &whole()).picture;
    assert_eq!((done.width, done.height), (256, 256));
    let truncated: Vec<f32> = own.rgb.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).floor() / 255.0).collect();
    let (largest, share) = levels(&done.rgb, &truncated);
    assert!(largest <= 1.0 && share < 0.01, "{largest} levels, {share}");
}

#[test]
fn what_the_published_program_cannot_do_is_said() {
    let e = engine();
    let refuse = |name: &str, size: (u32, u32), told: &str, options: &RestoreOptions| {
        let told = if told.is_empty() { Instruction::Blind } else { Instruction::Task(told.into()) };
        e.plan(&mut model(&case(name)), size, &told, options).expect_err(name)
    };
    let tiles = RestoreOptions { tile: TileChoice::Edge(64), ..official() };
    assert_eq!(refuse("nafnet-odd", (80, 80), "", &tiles).kind(), Kind::Usage);
    assert_eq!(refuse("pip-topm", (15, 80), "derain", &official()).kind(), Kind::Usage);
    assert_eq!(refuse("ipt-chop-denoise", (23, 80), "", &official()).kind(), Kind::Image);
    let tight = RestoreOptions { memory_budget: 1 << 20, ..official() };
    assert_eq!(refuse("nafnet-odd", (640, 640), "", &tight).kind(), Kind::Memory);
}

#[test]
fn ipt_pads_small_pictures_and_takes_no_other_tile() {
    let e = engine();
    let mut m = model(&case("ipt-chop-denoise"));
    let done = restore(&e, &mut m, &picture(9, 31), &Instruction::Blind, &RestoreOptions::default());
    assert_eq!((done.picture.width, done.picture.height), (9, 31));
    assert_eq!((done.report.tile, done.report.tile_policy.as_str()), ((24, 24), "fixed"));
    let odd = RestoreOptions { tile: TileChoice::Edge(64), ..RestoreOptions::default() };
    let e64 = e.plan(&mut m, (80, 80), &Instruction::Blind, &odd).expect_err("no such tile");
    assert_eq!(e64.kind(), Kind::Usage);
}

#[test]
fn a_head_of_ipt_gives_its_own_size() {
    let e = engine();
    let mut m = model(&case("ipt-sr3"));
    assert_eq!(m.tasks(), ["x2", "x3"]);
    let input = picture(30, 19);
    let run = |m: &mut vernis::Model, head: &str| {
        restore(&e, m, &input, &Instruction::Task(head.into()), &RestoreOptions::default()).picture
    };
    let sizes = ["x2", "x3"].map(|head| run(&mut m, head)).map(|p| (p.width, p.height, p.rgb.len()));
    assert_eq!(sizes, [(60, 38, 60 * 38 * 3), (90, 57, 90 * 57 * 3)]);
    let untold = e.plan(&mut m, (30, 19), &Instruction::Blind, &RestoreOptions::default()).expect_err("which head?");
    assert!(untold.to_string().contains("x2, x3"), "{untold}");
    let both = Instruction::Task("x2,x3".into());
    assert_eq!(e.plan(&mut m, (30, 19), &both, &RestoreOptions::default()).expect_err("one head").kind(), Kind::Usage);
}
