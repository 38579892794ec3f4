//! `vernis doctor`

use clap::Args;

use super::args::DeviceArgs;
use crate::run::bench::doctor::{Finding, examine};
use crate::run::bench::gate::Outcome;
use crate::{Kind, Result};

#[derive(Debug, Args)]
#[command(after_help = "Exit code 7 if something was computed wrongly.")]
pub struct DoctorArgs {
    /// Check single kernels only: seconds, where networks take a minute or two without a GPU
    #[arg(long)]
    kernels: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

pub fn run(args: &DoctorArgs) -> Result<u8> {
    // What tuning refuses is what the checks are for: they say which kernels are wrong.
    let (mut gpu, _) = args.device.gpu_as_it_is()?;
    let adapter = gpu.summary().clone();
    if !args.json {
        let software = if adapter.software { ", software" } else { "" };
        println!("{} [{}{software}], driver {}", adapter.name, adapter.backend, adapter.driver);
    }
    let mut family = String::new();
    let findings = examine(&mut gpu, args.kernels, &mut |finding| {
        if !args.json {
            if family != finding.family {
                println!("{}", finding.family);
                family.clone_from(&finding.family);
            }
            println!("  {:<26} {:<4} {}", finding.name, finding.precision, outcome(finding));
        }
    })?;
    let failed: Vec<&Finding> = findings.iter().filter(|f| f.failed()).collect();
    if args.json {
        let about = serde_json::json!({"adapter": adapter.name, "backend": adapter.backend, "driver": adapter.driver,
            "failed": failed.len(), "findings": findings});
        println!("{about:#}");
    } else if failed.is_empty() {
        println!("all {} checks passed: this device computes what it should", findings.len());
    } else {
        println!(
            "{} of {} checks failed: do not trust pictures from this device and driver",
            failed.len(),
            findings.len()
        );
        println!("  try: {}", advice(&failed));
    }
    Ok(if failed.is_empty() { 0 } else { Kind::Guard.exit_code() })
}

fn outcome(finding: &Finding) -> String {
    let name = match finding.verdict.outcome {
        Outcome::Pass => "ok",
        other => other.name(),
    };
    let error = finding.verdict.error.map_or("no number".into(), |e| format!("relative L2 {e:.1e}"));
    format!("{name:<9} {error} from {}", finding.verdict.reference)
}

fn advice(failed: &[&Finding]) -> &'static str {
    if failed.iter().all(|f| f.precision == "f16") {
        "--precision f32, which is right here; and another version of the driver"
    } else {
        "another version of the driver, or another --device (vernis devices lists them)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::bench::gate::Verdict;

    #[test]
    fn advice_fits_what_failed() {
        let finding = |precision| Finding {
            name: "k".into(),
            precision,
            family: "tiled".into(),
            verdict: Verdict { outcome: Outcome::Fail, error: None, reference: "plain loops".into() },
        };
        let (half, full) = (finding("f16"), finding("f32"));
        assert!(advice(&[&half]).contains("--precision f32"));
        assert!(!advice(&[&half, &full]).contains("--precision"));
        assert!(outcome(&full).starts_with("FAIL") && outcome(&full).contains("no number"));
    }
}
