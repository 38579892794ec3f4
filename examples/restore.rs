//! Restores one picture through the library: `cargo run --example restore -- examples/noisy.png restored.png denoise`.

use std::path::Path;

use vernis::{
    EncodeOptions, Engine, EngineOptions, Format, Instruction, Limits, RestoreOptions, decode_file, encode,
    write_atomic,
};

fn main() -> vernis::Result<()> {
    let mut args = std::env::args().skip(1);
    let input = args.next().unwrap_or_else(|| "examples/noisy.png".into());
    let output = args.next().unwrap_or_else(|| "restored.png".into());
    let task = args.next().unwrap_or_else(|| "denoise".into());

    let engine = Engine::new(&EngineOptions::default())?;
    let mut model = engine.load_for_task(&task)?;
    let picture = decode_file(&input, &Limits::default())?;

    // Before anything is allocated: what will it take?
    let size = (picture.width, picture.height);
    let instruction = Instruction::Task(task);
    let options = RestoreOptions::default();
    let plan = engine.plan(&mut model, size, &instruction, &options)?;
    println!("{} on {}: {} MiB planned", model.name(), plan.adapter, plan.peak_bytes() >> 20);

    // Returning false from the callback would cancel.
    let mut progress = |share: f32| {
        print!("\r{:3.0} %", 100.0 * share);
        true
    };
    let restored = engine.restore(&mut model, &picture, &instruction, &options, &mut progress)?;
    println!("\ndone in {:.2} s", restored.report.seconds);

    let path = Path::new(&output);
    let encoded = encode(&restored.picture, Format::from_path(path)?, &EncodeOptions::default())?;
    write_atomic(path, &encoded.bytes, true)
}
