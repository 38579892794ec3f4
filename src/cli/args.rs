//! Arguments that several subcommands share.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::gpu::Gpu;
use crate::image::EXTENSIONS;
use crate::kernel::Contraction;
use crate::run::tune::tune;
use crate::{DeviceChoice, Engine, EngineOptions, Error, Kind, Precision, ProtocolChoice, Result, TileChoice};

/// Names the directory of further models where the flag does not.
const MODELS: &str = "VERNIS_MODELS";

#[derive(Debug, Args)]
#[command(next_help_heading = "Device")]
pub struct DeviceArgs {
    /// Adapter: index, part of its name, PCI id, `cpu`, or `auto`
    #[arg(long, value_name = "DEVICE", default_value = "auto", env = "VERNIS_DEVICE")]
    pub device: String,
    /// Keep no measurements on disk
    #[arg(long)]
    pub no_cache: bool,
    /// Directory of further models, found by name
    #[arg(long, value_name = "DIR", env = MODELS)]
    pub models: Option<PathBuf>,
}

/// Endings of other files than the safetensors that a subcommand writes.
const NO_WEIGHTS: [&str; 4] = ["pth", "pt", "ckpt", "bin"];

/// Refuses an output that is named like something else than weights.
pub fn weights_file(path: &Path) -> Result<()> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if path.as_os_str() != "-" && !NO_WEIGHTS.iter().chain(&EXTENSIONS).any(|e| *e == ending) {
        return Ok(());
    }
    Err(usage(format!("{} is no name for a .safetensors file", path.display()))
        .advice("name the output like weights.safetensors; it is no stream"))
}

impl DeviceArgs {
    /// Opens the engine and says on stderr, unless `quiet`, if it is a software adapter that nobody asked for.
    pub fn engine(&self, quiet: bool) -> Result<Engine> {
        let device: DeviceChoice = self.device.parse().unwrap_or_default();
        let asked = device != DeviceChoice::Auto;
        let engine = Engine::new(&EngineOptions { device, models: self.models()?, cache: self.cache() })?;
        if engine.adapter().software && !asked && !quiet {
            eprintln!("note: no GPU was found; running on the software adapter {} (slow)", engine.adapter().name);
        }
        if engine.gpu().target().contraction == Contraction::Plain && !quiet {
            eprintln!(
                "note: this device computes rightly with the plainest kernel only, so it is slow; update its driver"
            );
        }
        Ok(engine)
    }

    /// Opens the device alone, tuned as the engine would have it.
    pub fn gpu(&self) -> Result<Gpu> {
        let (gpu, tuned) = self.gpu_as_it_is()?;
        tuned.map(|()| gpu)
    }

    /// Opens the device even if it computes wrongly; then the second says so.
    pub fn gpu_as_it_is(&self) -> Result<(Gpu, Result<()>)> {
        let mut gpu = Gpu::open(&self.device.parse().unwrap_or_default())?;
        let tuned = tune(&mut gpu, self.cache().as_deref());
        Ok((gpu, tuned))
    }

    /// The directory of further models. One that was typed must be there; one that the environment names may come later.
    pub fn models(&self) -> Result<Option<PathBuf>> {
        use etcetera::BaseStrategy as _;
        let Some(given) = &self.models else {
            return Ok(etcetera::choose_base_strategy().ok().map(|base| base.data_dir().join("vernis/models")));
        };
        let typed = std::env::var_os(MODELS).is_none_or(|set| set != given.as_os_str());
        if typed && !given.is_dir() {
            return Err(usage(format!("--models {}: there is no such directory", given.display())));
        }
        Ok(Some(given.clone()))
    }

    fn cache(&self) -> Option<PathBuf> {
        use etcetera::BaseStrategy as _;
        if self.no_cache {
            return None;
        }
        Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("vernis"))
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PrecisionArg {
    Auto,
    F32,
    F16,
}

impl From<PrecisionArg> for Precision {
    fn from(p: PrecisionArg) -> Self {
        match p {
            PrecisionArg::Auto => Precision::Auto,
            PrecisionArg::F32 => Precision::F32,
            PrecisionArg::F16 => Precision::F16,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ProtocolArg {
    Own,
    Official,
}

impl From<ProtocolArg> for ProtocolChoice {
    fn from(p: ProtocolArg) -> Self {
        match p {
            ProtocolArg::Own => ProtocolChoice::Own,
            ProtocolArg::Official => ProtocolChoice::Official,
        }
    }
}

/// Reads NAME=FILE.
pub fn adapter(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.trim().is_empty() && !file.is_empty() => Ok((name.trim().into(), file.into())),
        _ => Err("expected NAME=FILE".into()),
    }
}

/// Reads `auto`, `off` or an edge in pixels.
pub fn tile(text: &str) -> Result<TileChoice, String> {
    match text {
        "auto" => Ok(TileChoice::Auto),
        "off" => Ok(TileChoice::Off),
        _ => match text.parse() {
            Ok(edge) if edge >= 16 => Ok(TileChoice::Edge(edge)),
            _ => Err("expected auto, off, or an edge of at least 16 pixels".into()),
        },
    }
}

/// Reads a share between 0 and 1.
pub fn share(text: &str) -> Result<f32, String> {
    text.parse().ok().filter(|v| (0.0..=1.0).contains(v)).ok_or_else(|| "expected a number from 0 to 1".into())
}

/// Reads bytes with an optional suffix K, M or G.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((i, 'k' | 'K')) => (&text[..i], 10),
        Some((i, 'm' | 'M')) => (&text[..i], 20),
        Some((i, 'g' | 'G')) => (&text[..i], 30),
        _ => (text, 0),
    };
    let number: f64 = digits.trim().parse().map_err(|_| "expected bytes, such as 512M or 2G".to_owned())?;
    if number > 0.0 && number.is_finite() {
        Ok((number * f64::from(1u32 << shift)) as u64)
    } else {
        Err("must be positive".into())
    }
}

/// An error of the arguments themselves.
pub fn usage(what: impl Into<String>) -> Error {
    Error::new(Kind::Usage, what)
}
