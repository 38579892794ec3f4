//! `vernis info`

use clap::Args;

use super::args::DeviceArgs;
use crate::run::shipped;
use crate::{Model, Result};

#[derive(Debug, Args)]
pub struct InfoArgs {
    /// A checkpoint file, or the name of a shipped or installed model
    #[arg(value_name = "FILE|NAME")]
    model: String,
    #[command(flatten)]
    device: DeviceArgs,
}

pub fn run(args: &InfoArgs) -> Result<u8> {
    let dict = shipped::open(&args.model, args.device.models().as_deref())?;
    let model = Model::from_dict(dict, &args.model)?;
    let info = model.info();
    println!("name        {}", info.name);
    println!("family      {}", info.family);
    println!("config      {}", info.config);
    println!("parameters  {:.2} M, {:.1} MiB", info.parameters as f64 * 1e-6, info.bytes as f64 / f64::from(1 << 20));
    println!("tasks       {}", if info.tasks.is_empty() { "none named".into() } else { info.tasks.join(", ") });
    println!("pairs       {}", if info.takes_pairs { "takes example pairs" } else { "takes no example pairs" });
    if let Some(drawing) = model.drawing() {
        super::draw::print_info(&drawing);
    } else {
        println!("sizes       multiples of {}, output {}x", info.multiple, info.scale);
        let advice =
            info.tile_advice.map_or(String::new(), |(size, halo)| format!(", advised {size} with overlap {halo}"));
        println!("tiles       {}{advice}", info.tile_policy);
    }
    println!("licence     {}", info.license);
    Ok(0)
}
