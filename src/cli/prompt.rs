//! `vernis prompt`

use std::path::PathBuf;

use clap::Args;

use super::args::{DeviceArgs, weights_file};
use super::progress::end_on_interrupt;
use crate::{Limits, Result, decode_file, writable};

#[derive(Debug, Args)]
pub struct PromptArgs {
    /// The picture before
    before: PathBuf,
    /// The same picture after
    after: PathBuf,
    /// Where to store the example
    #[arg(short, long, value_name = "FILE.safetensors")]
    output: PathBuf,
    /// The model that will read it
    #[arg(long, value_name = "FILE|NAME", default_value = "genlv")]
    model: String,
    /// Replace the file if it exists
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

pub fn run(args: &PromptArgs) -> Result<u8> {
    end_on_interrupt();
    weights_file(&args.output)?;
    writable(&args.output, args.overwrite)?;
    let before = decode_file(&args.before, &Limits::default())?;
    let after = decode_file(&args.after, &Limits::default())?;
    let engine = args.device.engine(false)?;
    let mut model = engine.load(&args.model)?;
    engine.save_prompt(&mut model, &before, &after, &args.output, args.overwrite)?;
    eprintln!("stored {}; use it with: vernis restore INPUT -o OUT --prompt {0}", args.output.display());
    Ok(0)
}
