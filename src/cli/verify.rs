//! `vernis verify`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::args::DeviceArgs;
use crate::checkpoint::{Case, write_safetensors};
use crate::run::verify::{Verdict, verify, verify_host};
use crate::{DType, Engine, Error, Kind, Result};

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Folders of conformance cases
    #[arg(required = true, value_name = "CASE_DIR")]
    cases: Vec<PathBuf>,
    #[arg(long, value_enum, default_value = "f32")]
    precision: VerifyPrecision,
    /// Store the outputs as DIR/<case>.safetensors under the case's own names; what an earlier run stored is replaced
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum VerifyPrecision {
    F32,
    F16,
}

pub fn run(args: &VerifyArgs) -> Result<u8> {
    // Opened for the first case that needs a device.
    let mut engine = None;
    let precision = match args.precision {
        VerifyPrecision::F32 => DType::F32,
        VerifyPrecision::F16 => DType::F16,
    };
    if let Some(dir) = &args.write {
        std::fs::create_dir_all(dir)
            .map_err(|e| Error::new(Kind::Output, format!("cannot create the directory {}", dir.display())).why(e))?;
    }
    let mut rows = Vec::new();
    let mut failed = 0;
    for dir in &args.cases {
        let row = match one(args, &mut engine, dir, precision) {
            Ok(verdict) => {
                failed += u32::from(!verdict.passed());
                if !args.json {
                    print(&verdict);
                }
                describe(&verdict)
            }
            Err(e) if e.kind() == Kind::NoDevice => return Err(e),
            Err(e) => {
                failed += 1;
                if !args.json {
                    println!("FAIL {}: {e}", dir.display());
                }
                json!({"case": dir.display().to_string(), "passed": false, "error": e.to_string()})
            }
        };
        rows.push(row);
    }
    if args.json {
        println!("{:#}", serde_json::Value::from(rows));
    } else {
        println!("{} passed, {failed} failed", args.cases.len() as u32 - failed);
    }
    Ok(u8::from(failed > 0))
}

fn one(args: &VerifyArgs, engine: &mut Option<Engine>, dir: &Path, precision: DType) -> Result<Verdict> {
    let case = Case::open(dir)?;
    let verdict = match verify_host(&case) {
        Some(verdict) => verdict?,
        None => {
            let engine = match engine {
                Some(open) => open,
                None => engine.insert(args.device.engine(false)?),
            };
            verify(engine.gpu(), &case, precision)?
        }
    };
    if let Some(to) = &args.write {
        let metadata = BTreeMap::from([("precision".to_owned(), verdict.precision.name().to_owned())]);
        write_safetensors(&to.join(format!("{}.safetensors", case.name)), verdict.tensors.clone(), &metadata, true)?;
    }
    Ok(verdict)
}

fn print(v: &Verdict) {
    println!(
        "{} {} {} (tolerance {:.1e})",
        if v.passed() { "ok  " } else { "FAIL" },
        v.case,
        v.precision.name(),
        v.tolerance
    );
    for c in &v.checked {
        println!("       {:<48} rel L2 {:.2e}", c.name, c.rel_l2);
    }
}

fn describe(v: &Verdict) -> serde_json::Value {
    let checked: Vec<serde_json::Value> =
        v.checked.iter().map(|c| json!({"name": c.name, "rel_l2": c.rel_l2, "output": c.decides})).collect();
    json!({
        "case": v.case, "passed": v.passed(), "precision": v.precision.name(), "tolerance": v.tolerance,
        "checked": checked,
    })
}
