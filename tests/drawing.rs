//! Checkpoints that draw, through the library: equal to the reference of the case, noise by number, cancelling,
//! budgets.

#[path = "support/generalist.rs"]
mod generalist;

use generalist::{case, tasks, write, write_saying};
use serde_json::json;
use vernis::checkpoint::Case;
use vernis::image::resample::{bilinear, nearest};
use vernis::run::verify::rel_l2;
use vernis::{
    Answer, DrawOptions, Drawn, Engine, EngineOptions, Error, Instruction, Kind, Map, MapKind, Model, Picture,
    Precision, ProtocolChoice, RestoreOptions, TileChoice,
};

struct Ready {
    engine: Engine,
    model: Model,
    case: Case,
    _folder: tempfile::TempDir,
}

impl Ready {
    fn new(name: &str) -> Ready {
        let (case, folder) = (case(name), tempfile::tempdir().expect("a folder"));
        let file = folder.path().join("generalist.safetensors");
        write(&file, &case, &tasks());
        let engine = Engine::new(&EngineOptions::default()).expect("an adapter");
        let model = engine.load(&file.display().to_string()).expect("a checkpoint");
        Ready { engine, model, case, _folder: folder }
    }

    /// The picture of the case, which has the size that the network looks at.
    fn photo(&self) -> Picture {
        let [_, _, h, w] = self.case.io.shape("image").expect("an image")[..] else { panic!("four axes") };
        let planes = self.case.io.f32("image").expect("values");
        let rgb = (0..h * w).flat_map(|p| [0, 1, 2].map(|c| planes[c * h * w + p])).collect();
        Picture::from_rgb(w as u32, h as u32, rgb)
    }

    /// From the noise of the case.
    fn given(&self) -> DrawOptions {
        let noise = self.case.io.f32("noise").expect("noise");
        let each = self.case.io.shape("noise").expect("noise")[1..].iter().product();
        DrawOptions { noise: Some(noise[..each].to_vec()), ..DrawOptions::default() }
    }

    fn draw(&mut self, task: &str, photo: &Picture, options: &DrawOptions) -> Result<Drawn, Error> {
        self.engine.draw(&mut self.model, photo, &Instruction::Task(task.into()), options, &mut |_| true)
    }

    /// The drawing of prompt `i` of the case, interleaved 0..255, with its width and height.
    fn expected(&self, i: usize) -> (Vec<f32>, (usize, usize)) {
        let [n, c, h, w] = self.case.io.shape("rgb255").expect("a result")[..] else { panic!("four axes") };
        assert!(i < n && c == 3);
        let planes = &self.case.io.f32("rgb255").expect("values")[i * 3 * h * w..];
        ((0..h * w).flat_map(|p| [0, 1, 2].map(|c| planes[c * h * w + p])).collect(), (w, h))
    }
}

fn picture(drawn: Drawn) -> Picture {
    match drawn.answer {
        Answer::Picture(picture) => picture,
        other => panic!("{other:?}"),
    }
}

#[test]
fn restorations_equal_the_reference() {
    for (name, task) in [("diffusion-generalist-tiny", "denoise"), ("diffusion-generalist-tiny-v", "light")] {
        let mut ready = Ready::new(name);
        let (photo, options) = (ready.photo(), ready.given());
        let ours = picture(ready.draw(task, &photo, &options).expect("drawn"));
        let (rgb, size) = ready.expected(0);
        let expected = bilinear(&rgb, 3, size, (photo.width as usize, photo.height as usize));
        let ours: Vec<f32> = ours.rgb.iter().map(|v| v * 255.0).collect();
        let distance = rel_l2(&ours, &expected);
        assert!(distance <= ready.case.tolerance_f32, "{name}: {distance:e}");
    }
}

#[test]
fn depth_equals_the_reference() {
    let mut ready = Ready::new("diffusion-generalist-tiny-bscale");
    let (photo, options) = (ready.photo(), ready.given());
    let Answer::Map(Map::Depth(map)) = ready.draw("depth", &photo, &options).expect("drawn").answer else {
        panic!("no depth")
    };
    let (rgb, size) = ready.expected(0);
    let metres = |p: &[f32]| (p[0] + p[1] + p[2]) / 3.0 / 255.0 * 9.5 + 0.5;
    let depth: Vec<f32> = rgb.chunks(3).map(metres).collect();
    let distance = rel_l2(&map.depth, &bilinear(&depth, 1, size, (map.width as usize, map.height as usize)));
    assert!(distance <= ready.case.tolerance_f32, "{distance:e}");
}

#[test]
fn panoptic_equals_the_reference_and_so_does_each_prompt_alone() {
    let mut ready = Ready::new("diffusion-generalist-tiny-panoptic");
    let (photo, options) = (ready.photo(), ready.given());
    let Answer::Map(Map::Segments(map)) = ready.draw("panoptic", &photo, &options).expect("drawn").answer else {
        panic!("no segments")
    };
    let to = (photo.width as usize, photo.height as usize);
    let (_, (w, h)) = ready.expected(0);
    let stored = |name: &str| nearest(&ready.case.io.i64(name).expect("a map"), (w, h), to);
    let (class, id) = (stored("panoptic_class"), stored("panoptic_id"));
    // Ids of things are the reference's; every class of stuff has one of its own.
    let of = |id: u32| map.segments.iter().find(|s| s.id == id).expect("a listed segment");
    for (p, ours) in map.ids.iter().enumerate() {
        match (class[p], id[p]) {
            (-1, _) => assert_eq!(*ours, 0, "pixel {p}"),
            (class, 0) => assert!(!of(*ours).thing && i64::from(of(*ours).class) == class, "pixel {p}"),
            (class, id) => assert!(i64::from(*ours) == id && i64::from(of(*ours).class) == class, "pixel {p}"),
        }
    }
    assert_eq!(map.segments.iter().map(|s| s.area).sum::<usize>(), map.ids.iter().filter(|id| **id > 0).count());

    let Answer::Map(Map::Labels(alone)) = ready.draw("semantic", &photo, &options).expect("drawn").answer else {
        panic!("no labels")
    };
    let gap = ready.case.io.f32("semantic_gap").expect("gaps");
    let clear = nearest(&gap, (w, h), to);
    let labels = nearest(&ready.case.io.i64("semantic").expect("a map"), (w, h), to);
    let wrong = |p: &usize| clear[*p] > 1.0 && i64::from(alone.labels[*p]) != labels[*p];
    assert_eq!((0..labels.len()).filter(wrong).count(), 0);
}

#[test]
fn the_seed_decides_and_prompts_share_their_noise() {
    let mut ready = Ready::new("diffusion-generalist-tiny");
    let photo = ready.photo();
    let mut run = |seed: u64| {
        let options = DrawOptions { seed, steps: Some(2), ..DrawOptions::default() };
        picture(ready.draw("denoise", &photo, &options).expect("drawn")).rgb
    };
    let (first, again, other) = (run(7), run(7), run(8));
    assert_eq!(first, again);
    assert!(rel_l2(&first, &other) > 0.01, "another seed draws another picture");
    let options = |eta| DrawOptions { seed: 7, steps: Some(2), eta: Some(eta), ..DrawOptions::default() };
    let noisy = picture(ready.draw("denoise", &photo, &options(1.0)).expect("drawn")).rgb;
    assert!(rel_l2(&first, &noisy) > 0.01, "fresh noise changes the picture");
    assert_eq!(first, picture(ready.draw("denoise", &photo, &options(0.0)).expect("drawn")).rgb);
    // Panoptic draws the semantic map that the semantic task draws.
    let options = DrawOptions { seed: 3, ..DrawOptions::default() };
    let mut map = |task| match ready.draw(task, &photo, &options).expect("drawn").answer {
        Answer::Map(map) => map,
        other => panic!("{other:?}"),
    };
    let (Map::Labels(labels), Map::Segments(segments)) = (map("semantic"), map("panoptic")) else { panic!("maps") };
    let stuff = segments.segments.iter().filter(|s| !s.thing);
    let mut seen = 0;
    for segment in stuff {
        seen += 1;
        let pixels = segments.ids.iter().zip(&labels.labels).filter(|(id, _)| **id == segment.id);
        assert!(pixels.into_iter().all(|(_, label)| *label == segment.class));
    }
    assert!(seen > 0, "{segments:?}");
}

#[test]
fn progress_counts_steps_and_cancels_anywhere() {
    let mut ready = Ready::new("diffusion-generalist-tiny");
    let (photo, task) = (ready.photo(), Instruction::Task("depth".into()));
    let options = DrawOptions { steps: Some(3), ..DrawOptions::default() };
    let mut seen = Vec::new();
    let mut watch = |p| {
        seen.push(p);
        true
    };
    ready.engine.draw(&mut ready.model, &photo, &task, &options, &mut watch).expect("drawn");
    assert!(seen.windows(2).all(|w| w[0].share <= w[1].share && w[0].step <= w[1].step), "{seen:?}");
    let last = seen.last().expect("something was seen");
    assert!((last.share - 1.0).abs() < 1e-6 && (last.step, last.steps) == (3, 3), "{last:?}");
    for step in 0..3 {
        let mut stop = |p: vernis::DrawProgress| p.step < step || p.share == 0.0;
        let error = ready.engine.draw(&mut ready.model, &photo, &task, &options, &mut stop).expect_err("cancelled");
        assert_eq!(error.kind(), Kind::Cancelled);
    }
    // The model still works.
    ready.draw("depth", &photo, &options).expect("drawn after a cancel");
}

#[test]
fn the_plan_is_what_runs_and_the_budget_rules() {
    let mut ready = Ready::new("diffusion-generalist-tiny");
    let (photo, options) = (ready.photo(), DrawOptions::default());
    let task = Instruction::Task("panoptic".into());
    let plan = ready.engine.plan_drawing(&ready.model, (photo.width, photo.height), &task, &options).expect("a plan");
    let done = ready.draw("panoptic", &photo, &options).expect("drawn").report;
    assert_eq!((plan.peak_bytes(), &plan.parts), (done.peak_bytes(), &done.parts));
    let names: Vec<(&str, u32)> = plan.parts.iter().map(|p| (p.name.as_str(), p.runs)).collect();
    assert_eq!(names, [("text", 1), ("features", 1), ("step", 4)]);
    assert_eq!((plan.target, plan.condition, plan.steps), ((16, 16), (64, 64), 4));
    let restore = RestoreOptions { memory_budget: plan.peak_bytes() - 1, ..RestoreOptions::default() };
    let tight = DrawOptions { restore, ..DrawOptions::default() };
    assert_eq!(ready.draw("panoptic", &photo, &tight).expect_err("too much").kind(), Kind::Memory);
}

#[test]
fn half_storage_draws_nearly_the_same() {
    let mut ready = Ready::new("diffusion-generalist-tiny");
    let photo = ready.photo();
    let options = DrawOptions {
        restore: RestoreOptions { precision: Precision::F16, ..RestoreOptions::default() },
        ..ready.given()
    };
    let half = ready.draw("denoise", &photo, &options).expect("drawn");
    assert_eq!(half.report.precision, "f16");
    let (rgb, size) = ready.expected(0);
    let expected = bilinear(&rgb, 3, size, (photo.width as usize, photo.height as usize));
    let ours: Vec<f32> = picture(half).rgb.iter().map(|v| v * 255.0).collect();
    let distance = rel_l2(&ours, &expected);
    assert!(distance > 0.0 && Some(distance) <= ready.case.tolerance_f16, "{distance:e}");
}

#[test]
fn restorations_may_be_drawn_in_tiles() {
    let mut ready = Ready::new("diffusion-generalist-tiny");
    let value = |i: u32| ((i as f32 * 0.37).sin() * 0.5 + 0.5) * 0.8;
    let photo = Picture::from_rgb(40, 24, (0..40 * 24 * 3).map(value).collect());
    let tiled = |edge| DrawOptions {
        restore: RestoreOptions { tile: TileChoice::Edge(edge), ..RestoreOptions::default() },
        steps: Some(1),
        ..DrawOptions::default()
    };
    let drawn = ready.draw("denoise", &photo, &tiled(16)).expect("drawn");
    assert_eq!((drawn.report.tile, drawn.report.tiles), ((16, 16), 6), "{:?}", drawn.report);
    assert!(drawn.report.notes.is_empty(), "{:?}", drawn.report.notes);
    let tiles = picture(drawn);
    assert_eq!((tiles.width, tiles.height), (40, 24));
    let whole = ready.draw("denoise", &photo, &DrawOptions { steps: Some(1), ..DrawOptions::default() });
    let whole = whole.expect("drawn");
    assert!(whole.report.notes.iter().any(|n| n.contains("--tile 16")), "{:?}", whole.report.notes);
    assert!(rel_l2(&tiles.rgb, &picture(whole).rgb) > 0.01);
    assert_eq!(ready.draw("depth", &photo, &tiled(16)).expect_err("a map").kind(), Kind::Usage);
}

#[test]
fn a_checkpoint_may_ask_for_tiles_of_its_own() {
    let (case, folder) = (case("diffusion-generalist-tiny"), tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("tiled.safetensors");
    write_saying(&file, &case, &tasks(), &[("vernis.tile", r#"{"size": 16, "halo": 8}"#)]);
    let engine = Engine::new(&EngineOptions::default()).expect("an adapter");
    let model = engine.load(&file.display().to_string()).expect("a checkpoint");
    let tiles = |task: &str, tile, protocol| {
        let restore = RestoreOptions { tile, protocol, ..RestoreOptions::default() };
        let options = DrawOptions { restore, ..DrawOptions::default() };
        engine.plan_drawing(&model, (40, 24), &Instruction::Task(task.into()), &options).expect("a plan").tiles
    };
    let own = ProtocolChoice::Own;
    assert_eq!(tiles("denoise", TileChoice::Auto, own), 8, "4 x 2 windows of 16 that share 8");
    assert_eq!(tiles("denoise", TileChoice::Edge(16), own), 6, "windows that share a quarter");
    assert_eq!(tiles("denoise", TileChoice::Off, own), 1);
    assert_eq!(tiles("denoise", TileChoice::Auto, ProtocolChoice::Official), 1);
    assert_eq!(tiles("depth", TileChoice::Auto, own), 1, "maps are whole");
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let mut ready = Ready::new("diffusion-generalist-tiny");
    let photo = ready.photo();
    let bad = |options: DrawOptions| (Instruction::Task("depth".into()), options);
    let strength = RestoreOptions { strength: 0.5, ..RestoreOptions::default() };
    let requests = [
        (Instruction::Task("edges".into()), DrawOptions::default(), "its tasks are depth"),
        (Instruction::Task("depth=0.5,denoise=0.5".into()), DrawOptions::default(), "not blended"),
        (Instruction::Words("make it nicer".into()), DrawOptions::default(), "--task"),
        (Instruction::Blind, DrawOptions::default(), "must be told"),
        (
            Instruction::Pair { before: Box::new(photo.clone()), after: Box::new(photo.clone()) },
            DrawOptions::default(),
            "no example pair",
        ),
    ]
    .map(|(i, o, w)| ((i, o), w))
    .into_iter()
    .chain([
        (bad(DrawOptions { steps: Some(0), ..DrawOptions::default() }), "0 steps"),
        (bad(DrawOptions { steps: Some(1001), ..DrawOptions::default() }), "1001 steps"),
        (bad(DrawOptions { eta: Some(1.5), ..DrawOptions::default() }), "eta 1.5"),
        (bad(DrawOptions { noise: Some(vec![0.0; 5]), ..DrawOptions::default() }), "768 values"),
        (bad(DrawOptions { restore: strength, ..DrawOptions::default() }), "strength"),
    ]);
    for ((instruction, options), words) in requests {
        let error = ready.engine.draw(&mut ready.model, &photo, &instruction, &options, &mut |_| true);
        let error = error.expect_err(words);
        assert!(error.kind() == Kind::Usage && error.to_string().contains(words), "{words}: {error}");
    }
    let task = Instruction::Task("denoise".into());
    let restored =
        ready.engine.restore(&mut ready.model, &photo, &task, &RestoreOptions::default(), &mut |_| true).err();
    assert!(restored.is_some_and(|e| e.kind() == Kind::Usage && e.to_string().contains("Engine::draw")));
    let mut plain = ready.engine.load("nafnet-denoise").expect("shipped");
    let drawn = ready.engine.draw(&mut plain, &photo, &task, &DrawOptions::default(), &mut |_| true).err();
    assert!(drawn.is_some_and(|e| e.kind() == Kind::Usage && e.to_string().contains("Engine::restore")));
}

#[test]
fn a_checkpoint_says_what_it_draws() {
    let ready = Ready::new("diffusion-generalist-tiny");
    let drawing = ready.model.drawing().expect("it draws");
    assert_eq!((drawing.target, drawing.condition, drawing.steps), ((16, 16), (64, 64), 4));
    let list: Vec<(&str, Option<MapKind>)> = drawing.tasks.iter().map(|t| (t.name.as_str(), t.map)).collect();
    assert_eq!(
        list,
        [
            ("depth", Some(MapKind::Depth)),
            ("semantic", Some(MapKind::Labels)),
            ("instance", Some(MapKind::Segments)),
            ("panoptic", Some(MapKind::Segments)),
            ("denoise", None),
            ("light", None)
        ]
    );
    assert_eq!(ready.model.tasks(), ["depth", "semantic", "instance", "panoptic", "denoise", "light"]);
    let said = ready.model.draw_task(&Instruction::Words("please remove the noise".into())).expect("understood");
    assert_eq!(said.name, "denoise");
}

#[test]
fn a_file_with_bad_tasks_or_settings_is_refused_when_it_is_loaded() {
    let (case, folder) = (case("diffusion-generalist-tiny"), tempfile::tempdir().expect("a folder"));
    let engine = Engine::new(&EngineOptions::default()).expect("an adapter");
    let load = |case: &Case, tasks| {
        let file = folder.path().join("bad.safetensors");
        write(&file, case, &tasks);
        engine.load(&file.display().to_string()).err().expect("refused")
    };
    let error = load(&case, json!({"pose": {"prompt": "p", "codec": "pose"}}));
    assert!(error.kind() == Kind::Checkpoint && error.to_string().contains("'pose' is not known"), "{error}");
    let mut settings = case;
    settings.config["diffusion"]["steps"] = json!(0);
    let error = load(&settings, json!({}));
    assert!(error.kind() == Kind::Checkpoint && error.to_string().contains("steps is 0"), "{error}");
}
