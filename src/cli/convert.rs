//! `vernis convert`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::{DeviceArgs, weights_file};
use super::progress::end_on_interrupt;
use crate::base::error::shown;
use crate::base::file::scratch_beside;
use crate::{ConvertOptions, DType, HALF_ENOUGH, Instruction, Limits, Picture, Result, convert, decode_file, writable};

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
    /// Restore this picture in f32 and f16, and state in the file that f16 is enough where they agree (50 dB for every
    /// task): `--precision auto` then uses it on GPUs
    #[arg(long, value_name = "PICTURE")]
    try_f16: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    overwrite: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DtypeArg {
    F32,
    F16,
}

pub fn run(args: &ConvertArgs) -> Result<u8> {
    end_on_interrupt();
    weights_file(&args.output)?;
    let mut options = ConvertOptions {
        architecture: args.architecture.clone(),
        config: args.config.clone(),
        license: args.license.clone(),
        dtype: args.dtype.map(|d| if matches!(d, DtypeArg::F16) { DType::F16 } else { DType::F32 }),
        verified: None,
        overwrite: args.overwrite,
    };
    if let Some(picture) = &args.try_f16 {
        writable(&args.output, args.overwrite)?;
        let picture = decode_file(picture, &Limits::default())?;
        options.verified = Some(try_f16(args, &options, &picture)?);
    }
    let done = convert(&args.input, &args.output, &options)?;
    if !args.quiet {
        println!(
            "recognised  {}, {:.2} M parameters in {} tensors",
            done.family,
            done.parameters as f64 * 1e-6,
            done.tensors
        );
        println!("config      {}", done.config);
        super::show::assumed(&done.assumed);
        println!("names       {}", if done.unwrapped { "taken out of their wrapper" } else { "as they were" });
        println!(
            "licence     {}",
            done.license.as_deref().map_or("not stated; --license TEXT states it".into(), shown)
        );
        println!("wrote       {}, {:.1} MiB", args.output.display(), done.bytes as f64 / f64::from(1 << 20));
    }
    Ok(0)
}

/// The smallest storage in which the weights restore the picture, whatever they are told: tried on a file that nobody
/// sees, so that nothing is written if the network cannot do it.
fn try_f16(args: &ConvertArgs, options: &ConvertOptions, picture: &Picture) -> Result<DType> {
    let folder = scratch_beside(&args.output)?;
    let trial = folder.path().join("trial.safetensors");
    convert(&args.input, &trial, options)?;
    let engine = args.device.engine(args.quiet)?;
    let mut model = engine.load(&trial.to_string_lossy())?;
    let tasks = model.tasks();
    let told: Vec<Instruction> = match tasks.is_empty() {
        true => vec![Instruction::Blind],
        false => tasks.into_iter().map(Instruction::Task).collect(),
    };
    let mut worst = f64::INFINITY;
    for instruction in &told {
        let agreement = engine.half_agreement(&mut model, picture, instruction)?;
        if !args.quiet {
            let what = if let Instruction::Task(task) = instruction { task } else { "restored" };
            println!("f16         {what} agrees with f32 by {agreement:.1} dB");
        }
        worst = worst.min(agreement);
    }
    Ok(if worst >= HALF_ENOUGH { DType::F16 } else { DType::F32 })
}
