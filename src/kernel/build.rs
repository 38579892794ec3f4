//! Build script: checks every variant of every kernel with naga and writes the Rust side of its interface.
//!
//! For each shader of shaders/ that has an entry point, all combinations of its `axis` values are assembled, parsed and
//! validated. What the host needs to agree on with the shader is not written twice: the `Params` struct, the bindings
//! and the overrides are read from the validated module and become Rust items in `$OUT_DIR/kernels.rs`.

#[path = "source.rs"]
mod source;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use naga::valid::{Capabilities, ValidationFlags, Validator};

/// What kernels may use: subgroups, immediates and 64-bit integers where a variant asks for them, packed f16, which is
/// core WebGPU, and f16 numbers and cooperative matrices, which a kernel has to enable by name.
const CAPABILITIES: Capabilities = Capabilities::IMMEDIATES
    .union(Capabilities::SUBGROUP)
    .union(Capabilities::SHADER_INT64)
    .union(Capabilities::SHADER_FLOAT16_IN_FLOAT32)
    .union(Capabilities::SHADER_FLOAT16)
    .union(Capabilities::COOPERATIVE_MATRIX);

/// The part of immediates every device that has them offers.
const MAX_PARAMS: u32 = 128;

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("shaders");
    println!("cargo::rerun-if-changed={}", root.display());
    println!("cargo::rerun-if-changed=src/kernel");
    let mut files = BTreeMap::new();
    collect(&root, &root, &mut files);

    let mut out = String::from("// Written by the build script from shaders/.\n");
    out.push_str("pub const FILES: &[(&str, &str)] = &[\n");
    for name in files.keys() {
        let path = root.join(format!("{name}.wgsl"));
        writeln!(out, "    ({name:?}, include_str!({:?})),", path.display().to_string()).expect("string");
    }
    out.push_str("];\n");

    let kernels: Vec<&str> =
        files.iter().filter(|(_, text)| text.contains("@compute")).map(|(n, _)| n.as_str()).collect();
    writeln!(out, "pub const KERNELS: &[&str] = &{kernels:?};").expect("string");
    for name in &kernels {
        if let Err(e) = kernel(name, &files, &mut out) {
            panic!("shaders/{name}.wgsl: {e}");
        }
    }
    out.push_str("pub fn bindings_of(kernel: &str) -> &'static [(&'static str, bool)] {\n    match kernel {\n");
    for name in &kernels {
        writeln!(out, "        {name:?} => {}::BINDINGS,", name.replace('/', "_")).expect("string");
    }
    out.push_str("        _ => &[],\n    }\n}\n");
    stamps();
    let target = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(target.join("kernels.rs"), out).expect("OUT_DIR is writable");
    fs::write(target.join("embedded.rs"), embedded()).expect("OUT_DIR is writable");
}

/// What a benchmark's stamp says of the build: the compiler, and wgpu's version from the lock file.
fn stamps() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let rustc = Command::new(env::var("RUSTC").expect("cargo sets it")).arg("--version").output();
    let rustc = rustc.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default();
    let lock = fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    let wgpu = lock.split_once("name = \"wgpu\"\nversion = \"").and_then(|(_, rest)| rest.split_once('"'));
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rustc-env=VERNIS_RUSTC={rustc}");
    println!("cargo::rustc-env=VERNIS_WGPU={}", wgpu.map_or("of unknown version", |(version, _)| version));
}

/// Weights that are part of the program: the default of each task.
const EMBEDDED: [&str; 2] = ["genlv", "nafnet-denoise"];

/// The list of embedded weights; a source tree without one of them still builds, and says so. A static, because every
/// codegen unit that reads a constant stores it again.
fn embedded() -> String {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("weights");
    let mut out = String::from("/// Embedded weights by name.\npub static EMBEDDED: &[(&str, &[u8])] = &[\n");
    for name in EMBEDDED {
        let path = root.join(format!("{name}.safetensors"));
        println!("cargo::rerun-if-changed={}", path.display());
        if path.exists() {
            writeln!(out, "    ({name:?}, include_bytes!({:?})),", path.display().to_string()).expect("string");
        } else {
            println!("cargo::warning=weights/{name}.safetensors is missing; the program is built without it");
        }
    }
    out.push_str("];\n");
    out
}

fn collect(root: &Path, folder: &Path, out: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("shaders/ exists").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, out);
        } else if path.extension().is_some_and(|e| e == "wgsl") {
            let stem = path.strip_prefix(root).expect("below root").with_extension("");
            let name = stem.to_string_lossy().replace('\\', "/");
            out.insert(name, fs::read_to_string(&path).expect("readable shader"));
        }
    }
}

fn kernel(name: &str, files: &BTreeMap<String, String>, out: &mut String) -> Result<(), String> {
    let mut interface: Option<String> = None;
    for mut defines in source::variants(&files[name]) {
        for immediates in ["0", "1"] {
            defines.insert(source::IMMEDIATES.into(), immediates.into());
            // Texts of both kinds, each once.
            defines.insert(source::TRUNCATES.into(), immediates.into());
            let text = source::assemble(name, &defines, &|f| files.get(f).map(String::as_str))?;
            let module =
                naga::front::wgsl::parse_str(&text).map_err(|e| format!("{defines:?}: {}", e.emit_to_string(&text)))?;
            Validator::new(ValidationFlags::all(), CAPABILITIES)
                .validate(&module)
                .map_err(|e| format!("{defines:?}: {}", e.emit_to_string(&text)))?;
            let found = describe(name, &module)?;
            match &interface {
                Some(first) if *first != found => {
                    return Err(format!(
                        "{defines:?} has another interface:\n{found}\nthan the first variant:\n{first}"
                    ));
                }
                _ => interface = Some(found),
            }
        }
    }
    out.push_str(&interface.ok_or("no variant")?);
    Ok(())
}

/// The Rust items that mirror a module's interface.
fn describe(name: &str, module: &naga::Module) -> Result<String, String> {
    let mut out = String::new();
    let ident = name.replace('/', "_");
    let w = |out: &mut String, line: String| {
        out.push_str(&line);
        out.push('\n');
    };
    w(&mut out, format!("pub mod {ident} {{"));
    w(&mut out, format!("    pub const NAME: &str = {name:?};"));
    let mut bindings = Vec::new();
    let mut params = None;
    for (_, v) in module.global_variables.iter() {
        match v.space {
            naga::AddressSpace::Uniform | naga::AddressSpace::Immediate => params = Some(v.ty),
            naga::AddressSpace::Storage { access } => {
                let b = v.binding.ok_or("a storage buffer without a binding")?;
                bindings.push((
                    b.binding,
                    access.contains(naga::StorageAccess::STORE),
                    v.name.clone().unwrap_or_default(),
                ));
            }
            _ => {}
        }
    }
    bindings.sort();
    for (i, (binding, ..)) in bindings.iter().enumerate() {
        if *binding != i as u32 + 1 {
            return Err(format!("storage bindings must be 1, 2, 3 ... without gaps; found {bindings:?}"));
        }
    }
    w(&mut out, "    /// Storage bindings in order: name, written to.".into());
    let list: Vec<String> = bindings.iter().map(|(_, write, n)| format!("({n:?}, {write})")).collect();
    w(&mut out, format!("    pub const BINDINGS: &[(&str, bool)] = &[{}];", list.join(", ")));
    let mut overrides: Vec<String> =
        module.overrides.iter().filter_map(|(_, o)| o.name.as_ref()).map(|n| format!("{n:?}")).collect();
    overrides.sort();
    w(&mut out, format!("    pub const OVERRIDES: &[&str] = &[{}];", overrides.join(", ")));

    let ty = &module.types[params.ok_or("no `#params`")?];
    let naga::TypeInner::Struct { members, span } = &ty.inner else { return Err("Params is no struct".into()) };
    if *span > MAX_PARAMS {
        return Err(format!("Params has {span} bytes; immediates hold {MAX_PARAMS}"));
    }
    w(&mut out, "    #[repr(C)]".into());
    w(&mut out, "    #[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]".into());
    w(&mut out, "    pub struct Params {".into());
    for (i, m) in members.iter().enumerate() {
        let kind = match module.types[m.ty].inner {
            naga::TypeInner::Scalar(naga::Scalar { kind: naga::ScalarKind::Uint, width: 4 }) => "u32",
            naga::TypeInner::Scalar(naga::Scalar { kind: naga::ScalarKind::Sint, width: 4 }) => "i32",
            naga::TypeInner::Scalar(naga::Scalar { kind: naga::ScalarKind::Float, width: 4 }) => "f32",
            _ => return Err(format!("{:?}: parameters are u32, i32 or f32", m.name)),
        };
        if m.offset != 4 * i as u32 {
            return Err(format!("{:?} is not packed", m.name));
        }
        w(&mut out, format!("        pub {}: {kind},", m.name.as_deref().unwrap_or("_")));
    }
    w(&mut out, "    }".into());
    w(&mut out, "    impl crate::kernel::Interface for Params {".into());
    w(&mut out, "        const NAME: &'static str = NAME;".into());
    w(&mut out, "        const BINDINGS: &'static [(&'static str, bool)] = BINDINGS;".into());
    w(&mut out, "    }".into());
    w(&mut out, "}".into());
    Ok(out)
}
