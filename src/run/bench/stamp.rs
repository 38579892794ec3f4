//! What a report was measured with and on. Whatever cannot be found out is left empty, never guessed.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::gate::family_name;
use crate::gpu::Gpu;
use crate::kernel::Contraction;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    pub engine: String,
    /// If the build was told (`VERNIS_COMMIT`, as tools/try.sh does).
    pub commit: Option<String>,
    /// What built it, such as `rustc 1.95.0 (...), wgpu 30.0.1`.
    pub built_with: String,
    /// Debug builds pack weights slowly; their kernels are the same.
    pub optimised: bool,
    pub adapter: String,
    pub driver: String,
    pub backend: String,
    pub kind: String,
    pub pci: String,
    pub software: bool,
    /// Features that the engine uses on this device.
    pub features: Vec<String>,
    pub subgroup: Option<u32>,
    pub max_binding_bytes: u64,
    /// The family of contraction kernels that tuning chose.
    pub contraction: String,
    pub os: String,
    pub cpu: String,
    pub cpus: usize,
    pub ram_bytes: Option<u64>,
    /// Runnable tasks before the measurement: more than a few mean that the machine was shared.
    pub load: Option<f64>,
    pub battery: Option<bool>,
    pub utc: String,
}

impl Stamp {
    pub fn new(gpu: &Gpu) -> Stamp {
        let s = gpu.summary();
        let target = gpu.target();
        let features = [
            (target.immediates, "immediates"),
            (target.subgroup.is_some(), "subgroup"),
            (s.timestamps, "timestamps"),
            (s.cooperative_matrix, "cooperative matrix"),
            (matches!(target.contraction, Contraction::Wide { .. }), "64-bit integers"),
        ];
        Stamp {
            engine: format!("vernis {}", env!("CARGO_PKG_VERSION")),
            commit: option_env!("VERNIS_COMMIT").map(str::to_owned),
            built_with: concat!(env!("VERNIS_RUSTC"), ", wgpu ", env!("VERNIS_WGPU")).to_owned(),
            optimised: !cfg!(debug_assertions),
            adapter: s.name.clone(),
            driver: s.driver.clone(),
            backend: s.backend.clone(),
            kind: s.kind.clone(),
            pci: s.pci.clone(),
            software: s.software,
            features: features.iter().filter(|(on, _)| *on).map(|(_, name)| (*name).to_owned()).collect(),
            subgroup: target.subgroup,
            max_binding_bytes: s.max_binding_bytes,
            contraction: family_name(target.contraction),
            os: os(),
            cpu: cpu(),
            cpus: std::thread::available_parallelism().map_or(0, usize::from),
            ram_bytes: ram(),
            load: read("/proc/loadavg").and_then(|t| t.split_whitespace().next()?.parse().ok()),
            battery: battery(),
            utc: utc(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())),
        }
    }

    /// Whether other programs were at work as well.
    pub fn busy(&self) -> bool {
        self.load.is_some_and(|l| l > 0.5 * self.cpus as f64)
    }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// The value behind `name:` in a file such as /proc/cpuinfo.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|l| l.split(':').next().is_some_and(|k| k.trim() == name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// One line of another program's answer.
fn ask(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
}

fn os() -> String {
    let release = match std::env::consts::OS {
        "linux" => read("/proc/sys/kernel/osrelease").map(|t| t.trim().to_owned()),
        "macos" => ask("sw_vers", &["-productVersion"]),
        _ => None,
    };
    format!("{} {} {}", std::env::consts::OS, std::env::consts::ARCH, release.unwrap_or_default()).trim().to_owned()
}

fn cpu() -> String {
    let found = match std::env::consts::OS {
        "linux" => read("/proc/cpuinfo").and_then(|t| field(&t, "model name")),
        "macos" => ask("sysctl", &["-n", "machdep.cpu.brand_string"]),
        _ => std::env::var("PROCESSOR_IDENTIFIER").ok(),
    };
    found.unwrap_or_default()
}

fn ram() -> Option<u64> {
    match std::env::consts::OS {
        "linux" => {
            let total = field(&read("/proc/meminfo")?, "MemTotal")?;
            Some(total.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
        }
        "macos" => ask("sysctl", &["-n", "hw.memsize"])?.parse().ok(),
        _ => None,
    }
}

/// Whether the machine runs on its battery; unknown where there is none.
fn battery() -> Option<bool> {
    let supplies = std::fs::read_dir("/sys/class/power_supply").ok()?;
    let text = |s: &std::fs::DirEntry, name: &str| std::fs::read_to_string(s.path().join(name)).ok();
    // A mouse has a battery too, and says that it is a device's.
    let of_the_machine = |s: &std::fs::DirEntry| text(s, "scope").is_none_or(|scope| scope.trim() != "Device");
    let status = supplies.flatten().filter(of_the_machine).find_map(|s| text(&s, "status"))?;
    Some(status.trim() == "Discharging")
}

/// Seconds since 1970 as `2026-01-31T12:00:00Z` (the calendar of days from era arithmetic: 146,097 days are 400 years).
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years of this calendar begin in March.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + year_of_era + 400 * era;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A stamp of no machine.
    pub fn stamp(adapter: &str) -> Stamp {
        Stamp {
            engine: "vernis 0.0.0".into(),
            commit: None,
            built_with: "rustc, wgpu".into(),
            optimised: true,
            adapter: adapter.into(),
            driver: "driver 1".into(),
            backend: "vulkan".into(),
            kind: "DiscreteGpu".into(),
            pci: String::new(),
            software: false,
            features: vec!["immediates".into()],
            subgroup: Some(32),
            max_binding_bytes: 128 << 20,
            contraction: "tiled".into(),
            os: "linux".into(),
            cpu: "cpu".into(),
            cpus: 2,
            ram_bytes: None,
            load: Some(0.1),
            battery: None,
            utc: "1970-01-01T00:00:00Z".into(),
        }
    }

    #[test]
    fn days_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(utc(1_767_225_599), "2025-12-31T23:59:59Z");
    }

    #[test]
    fn fields_of_proc() {
        let text = "processor\t: 0\nmodel name\t: A CPU @ 2 GHz\n";
        assert_eq!(field(text, "model name").as_deref(), Some("A CPU @ 2 GHz"));
        assert_eq!(field(text, "model"), None);
    }
}
