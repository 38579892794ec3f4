//! `vernis completions`

use std::io::Write as _;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{Error, Kind, Result};

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(args: &CompletionsArgs) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "vernis", &mut script);
    let written = std::io::stdout().lock().write_all(&script);
    written.map_err(|e| Error::new(Kind::Output, "cannot write to the standard output").why(e))?;
    Ok(0)
}
