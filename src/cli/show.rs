//! What plans, profiles and checkpoints look like on the terminal.

use std::collections::BTreeMap;

use crate::base::error::shown;
use crate::{DrawReport, DrawTask, Drawing, LayerTime, Report};

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Settings of a checkpoint that nothing told.
pub fn assumed(settings: &[(String, String)]) {
    if settings.is_empty() {
        return;
    }
    let list = settings.iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ");
    println!("assumed     {list}: nothing in the file tells (vernis convert --config says otherwise)");
}

/// The plan of a restoration.
pub fn plan(r: &Report) {
    println!("  model       {} ({}), {}", r.model, r.family, r.precision);
    println!("  adapter     {}", r.adapter);
    println!("  tiles       {} of {}x{}, overlap {} ({})", r.tiles, r.tile.0, r.tile.1, r.overlap, r.tile_policy);
    println!(
        "  memory      {:.1} MiB planned on the device: activations {:.1}, weights {:.1}",
        mib(r.peak_bytes()),
        mib(r.activation_bytes),
        mib(r.weight_bytes)
    );
    println!("  work        {} dispatches, {:.2} GFLOP a tile", r.dispatches, r.flops as f64 * 1e-9);
    r.explain.iter().for_each(|line| println!("  understood  {line}"));
}

/// The plan of a drawing.
pub fn drawing_plan(r: &DrawReport) {
    println!("  model       {} ({}), {}", r.model, r.family, r.precision);
    println!("  adapter     {}", r.adapter);
    println!("  task        {}: {}", r.task.name, r.task.about);
    println!("  sizes       looks at {}x{}, draws {}x{}", r.condition.0, r.condition.1, r.target.0, r.target.1);
    if r.tiles > 1 {
        println!("  tiles       {} of {}x{}", r.tiles, r.tile.0, r.tile.1);
    }
    println!(
        "  memory      {:.1} MiB planned on the device: activations {:.1}, weights {:.1}",
        mib(r.peak_bytes()),
        mib(r.activation_bytes),
        mib(r.weight_bytes)
    );
    for part in &r.parts {
        println!(
            "  {:<11} {} x {} dispatches, {:.2} GFLOP; activations {:.1} MiB, weights {:.1} MiB",
            part.name,
            part.runs,
            part.dispatches,
            part.flops as f64 * 1e-9,
            mib(part.activation_bytes),
            mib(part.weight_bytes)
        );
    }
    r.explain.iter().for_each(|line| println!("  understood  {line}"));
    r.notes.iter().for_each(|line| println!("  note        {line}"));
}

/// Time by kind of kernel, then the slowest layers.
pub fn profile(steps: &[LayerTime]) {
    let total: f64 = steps.iter().map(|s| s.seconds).sum();
    let mut by_op: BTreeMap<&str, (f64, u64, u32)> = BTreeMap::new();
    for s in steps {
        let entry = by_op.entry(&s.op).or_default();
        entry.0 += s.seconds;
        entry.1 += s.flops;
        entry.2 += 1;
    }
    let mut rows: Vec<_> = by_op.into_iter().collect();
    rows.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    println!("{:<32} {:>9} {:>6} {:>9} {:>8}", "kernel", "ms", "%", "GFLOP/s", "calls");
    for (op, (seconds, flops, calls)) in rows {
        let share = 100.0 * seconds / total.max(1e-12);
        println!(
            "{op:<32} {:>9.2} {share:>6.1} {:>9.1} {calls:>8}",
            seconds * 1e3,
            flops as f64 * 1e-9 / seconds.max(1e-12)
        );
    }
    println!("{:<32} {:>9.2}", "total", total * 1e3);
    let mut slowest: Vec<_> = steps.iter().collect();
    slowest.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    println!("\n{:<56} {:>9} {:>9}", "slowest layers", "ms", "GFLOP/s");
    for s in slowest.iter().take(12) {
        println!("{:<56} {:>9.2} {:>9.1}", s.path, s.seconds * 1e3, s.flops as f64 * 1e-9 / s.seconds.max(1e-12));
    }
}

/// The tasks of a checkpoint that draws, for `vernis tasks`.
pub fn drawing_tasks(tasks: &[DrawTask]) {
    for task in tasks {
        println!("  --task {:<12} {}", shown(&task.name), shown(&task.about));
    }
    println!("  --say SENTENCE: one of these in plain words, or in the words it was trained with:");
    for task in tasks {
        println!("    {:<17} {}", shown(&task.name), shown(&task.prompts.join(" | ")));
    }
}

/// The lines of `vernis info` that only a checkpoint that draws has.
pub fn drawing_info(drawing: &Drawing, tiles: Option<(u32, u32)>) {
    let Drawing { target, condition, steps, eta, .. } = drawing;
    println!("draws       {}x{} in {steps} steps, eta {eta}", target.0, target.1);
    println!("sizes       any: looks at {}x{}, the answer is brought back", condition.0, condition.1);
    let own = tiles.map_or("where --tile asks for them".into(), |(edge, overlap)| {
        format!("of {edge} with overlap {overlap} unless --tile says otherwise")
    });
    println!("tiles       for restored pictures, {own}");
}
