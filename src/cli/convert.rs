//! `vernis convert`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{ConvertOptions, DType, Result, convert};

#[derive(Debug, Args)]
#[command(after_help = "Legacy .pth files (not zip) are refused: save them again with a current PyTorch.")]
pub struct ConvertArgs {
    /// An official checkpoint: .pth, .pt, .ckpt, .bin or .safetensors; nothing in it is executed
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The file to write
    #[arg(short, long, value_name = "OUT.safetensors")]
    output: PathBuf,
    /// Licence of the weights, for the metadata; else what the file says
    #[arg(long, value_name = "TEXT")]
    license: Option<String>,
    /// Family, where keys and shapes would say another
    #[arg(long, value_name = "NAME")]
    architecture: Option<String>,
    /// Settings that replace or complete what was recognised, such as '{"num_heads": 12, "pos_every": false}'
    #[arg(long, value_name = "JSON")]
    config: Option<String>,
    /// Storage of all floats; else each keeps its own
    #[arg(long, value_enum)]
    dtype: Option<DtypeArg>,
    /// Replace the file if it exists
    #[arg(long)]
    overwrite: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DtypeArg {
    F32,
    F16,
}

pub fn run(args: &ConvertArgs) -> Result<u8> {
    let options = ConvertOptions {
        architecture: args.architecture.clone(),
        config: args.config.clone(),
        license: args.license.clone(),
        dtype: args.dtype.map(|d| if matches!(d, DtypeArg::F16) { DType::F16 } else { DType::F32 }),
        overwrite: args.overwrite,
    };
    let done = convert(&args.input, &args.output, &options)?;
    if !args.quiet {
        println!(
            "recognised  {}, {:.2} M parameters in {} tensors",
            done.family,
            done.parameters as f64 * 1e-6,
            done.tensors
        );
        println!("config      {}", done.config);
        println!("names       {}", if done.unwrapped { "taken out of their wrapper" } else { "as they were" });
        println!("licence     {}", done.license.as_deref().unwrap_or("not stated; --license TEXT states it"));
        println!("wrote       {}, {:.1} MiB", args.output.display(), done.bytes as f64 / f64::from(1 << 20));
    }
    Ok(0)
}
