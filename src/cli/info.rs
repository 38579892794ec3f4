//! `vernis info`

use clap::Args;
use serde_json::json;

use super::args::DeviceArgs;
use crate::base::error::shown;
use crate::run::shipped;
use crate::{DrawTask, Drawing, Model, ModelInfo, Result};

#[derive(Debug, Args)]
pub struct InfoArgs {
    /// A checkpoint file, or the name of a shipped or installed model
    #[arg(value_name = "FILE|NAME")]
    model: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

pub fn run(args: &InfoArgs) -> Result<u8> {
    let dict = shipped::open(&args.model, args.device.models()?.as_deref())?;
    let model = Model::from_dict(dict, &args.model)?;
    let info = model.info()?;
    if args.json {
        println!("{:#}", object(&info, model.drawing().as_ref()));
    } else {
        print(&info, model.drawing().as_ref());
    }
    Ok(0)
}

fn object(info: &ModelInfo, drawing: Option<&Drawing>) -> serde_json::Value {
    let draws = drawing.map(|d| {
        let task = |t: &DrawTask| json!({"name": t.name, "prompts": t.prompts, "about": t.about});
        json!({"target": d.target, "condition": d.condition, "steps": d.steps, "most_steps": d.most_steps, "eta": d.eta,
            "tasks": d.tasks.iter().map(task).collect::<Vec<_>>()})
    });
    let config: serde_json::Value = serde_json::from_str(&info.config).unwrap_or_default();
    json!({
        "name": info.name,
        "title": info.title,
        "family": info.family,
        "config": config,
        "assumed": info.assumed.iter().map(|(key, _)| key).collect::<Vec<_>>(),
        "parameters": info.parameters,
        "bytes": info.bytes,
        "flops_per_megapixel": info.flops_per_megapixel,
        "precision": info.precision,
        "tasks": info.tasks,
        "draws": draws,
        "takes_pairs": info.takes_pairs,
        "multiple": info.multiple,
        "scale": info.scale,
        "tile_policy": info.tile_policy,
        "tile_advice": info.tile_advice.map(|(size, overlap)| json!({"size": size, "overlap": overlap})),
        "license": info.license,
    })
}

fn print(info: &ModelInfo, drawing: Option<&Drawing>) {
    println!("name        {}", shown(&info.name));
    if let Some(title) = &info.title {
        println!("title       {}", shown(title));
    }
    println!("family      {}", info.family);
    println!("config      {}", info.config);
    super::show::assumed(&info.assumed);
    println!("parameters  {:.2} M, {:.1} MiB", info.parameters as f64 * 1e-6, info.bytes as f64 / f64::from(1 << 20));
    match info.flops_per_megapixel {
        Some(flops) => println!("work        {:.1} GFLOP per megapixel", flops * 1e-9),
        None => println!("work        not counted per megapixel: this is no network from picture to picture"),
    }
    match info.precision.as_str() {
        "f16" => println!("precision   f16: verified for these weights"),
        floor => {
            println!("precision   {floor}: f16 was not verified for these weights (--precision f16 uses it anyway)")
        }
    }
    println!("tasks       {}", if info.tasks.is_empty() { "none named".into() } else { shown(&info.tasks.join(", ")) });
    println!("pairs       {}", if info.takes_pairs { "takes example pairs" } else { "takes no example pairs" });
    if let Some(drawing) = drawing {
        super::show::drawing_info(drawing, info.tile_advice);
    } else {
        println!("sizes       multiples of {}, output {}x", info.multiple, info.scale);
        let advice =
            info.tile_advice.map_or(String::new(), |(size, halo)| format!(", advised {size} with overlap {halo}"));
        println!("tiles       {}{advice}", info.tile_policy);
    }
    println!("licence     {}", shown(info.license.as_deref().unwrap_or("not stated")));
}
