//! Every variant of every kernel, validated with its overrides set and translated to SPIR-V, MSL and HLSL, so that
//! Metal and DX12 stay true on machines that have neither.

use std::collections::{BTreeMap, BTreeSet};

use naga::back::{hlsl, msl, pipeline_constants::process_overrides, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};
use vernis::kernel::generated::{FILES, KERNELS};
use vernis::kernel::key::file;
use vernis::kernel::source::{self, Defines};

const CAPABILITIES: Capabilities = Capabilities::IMMEDIATES
    .union(Capabilities::SUBGROUP)
    .union(Capabilities::SHADER_INT64)
    .union(Capabilities::SHADER_FLOAT16_IN_FLOAT32)
    .union(Capabilities::SHADER_FLOAT16)
    .union(Capabilities::COOPERATIVE_MATRIX);

/// All texts a kernel can become, each once, with what it was made from. `extra` adds values to the declared axes.
fn texts(kernel: &str, source_text: &str, extra: &[(&str, &str)]) -> BTreeMap<String, Defines> {
    let mut variants = source::variants(source_text);
    for (axis, value) in extra {
        let more: Vec<Defines> = variants
            .iter()
            .filter(|d| d.contains_key(*axis))
            .map(|d| {
                let mut next = d.clone();
                next.insert((*axis).into(), (*value).into());
                next
            })
            .collect();
        variants.extend(more);
    }
    let mut out = BTreeMap::new();
    for mut defines in variants {
        for (immediates, truncates) in [("0", "0"), ("1", "0"), ("1", "1")] {
            defines.insert(source::IMMEDIATES.into(), immediates.into());
            defines.insert(source::TRUNCATES.into(), truncates.into());
            let text =
                source::assemble(kernel, &defines, &file).unwrap_or_else(|e| panic!("{kernel} {defines:?}: {e}"));
            out.entry(text).or_insert_with(|| defines.clone());
        }
    }
    out
}

/// The defaults, and everything that can be switched on switched on.
fn constants(module: &Module) -> Vec<naga::back::PipelineConstants> {
    let full = |name: &str| if name == "NORM" || name == "ACTIVATION" || name == "GATE" { 2.0 } else { 1.0 };
    let names = module.overrides.iter().filter_map(|(_, o)| o.name.clone());
    let on: naga::back::PipelineConstants = names.map(|n| (n.clone(), full(&n))).collect();
    if on.is_empty() { vec![on] } else { vec![naga::back::PipelineConstants::default(), on] }
}

fn spirv(module: &Module, info: &ModuleInfo) -> Result<(), String> {
    // 1.3 is the first version with subgroups, and what Vulkan 1.1 takes.
    let options = spv::Options {
        lang_version: (1, 3),
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        ..Default::default()
    };
    let pipeline = spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: "main".into() };
    let words = spv::write_vec(module, info, &options, Some(&pipeline)).map_err(|e| e.to_string())?;
    if words.first() == Some(&0x0723_0203) { Ok(()) } else { Err("no SPIR-V came out".into()) }
}

fn metal(module: &Module, info: &ModuleInfo) -> Result<(), String> {
    let options = msl::Options { lang_version: (2, 4), zero_initialize_workgroup_memory: false, ..Default::default() };
    let pipeline =
        msl::PipelineOptions { entry_point: Some((ShaderStage::Compute, "main".into())), ..Default::default() };
    let (text, _) = msl::write_string(module, info, &options, &pipeline).map_err(|e| e.to_string())?;
    if text.contains("kernel void") { Ok(()) } else { Err("no kernel came out".into()) }
}

fn directx(module: &Module, info: &ModuleInfo) -> Result<(), String> {
    let options = hlsl::Options {
        shader_model: hlsl::ShaderModel::V6_0,
        immediates_target: Some(hlsl::BindTarget { space: 1, ..Default::default() }),
        zero_initialize_workgroup_memory: false,
        ..Default::default()
    };
    let pipeline = hlsl::PipelineOptions { entry_point: Some((ShaderStage::Compute, "main".into())) };
    let mut text = String::new();
    let mut writer = hlsl::Writer::new(&mut text, &options, &pipeline);
    writer.write(module, info, None).map_err(|e| e.to_string())?;
    if text.contains("numthreads") { Ok(()) } else { Err("no kernel came out".into()) }
}

/// Kernels that DX12 never runs, with what it lacks: wgpu offers the feature on no DX12 adapter, and naga translates it
/// to no HLSL.
const NO_DIRECTX: &[(&str, &str)] = &[("matmul/contract_cooperative", COOPERATIVE), ("bench/cooperative", COOPERATIVE)];
const COOPERATIVE: &str = "enable wgpu_cooperative_matrix;";

fn runs_on_directx(kernel: &str) -> bool {
    NO_DIRECTX.iter().all(|(name, _)| *name != kernel)
}

/// Parses, validates, fixes the overrides and translates; returns how many modules came out.
fn translate(text: &str, with_directx: bool) -> Result<usize, String> {
    let module = naga::front::wgsl::parse_str(text).map_err(|e| e.emit_to_string(text))?;
    let info =
        Validator::new(ValidationFlags::all(), CAPABILITIES).validate(&module).map_err(|e| e.emit_to_string(text))?;
    let mut count = 0;
    for values in constants(&module) {
        let entry = Some((ShaderStage::Compute, "main"));
        let (fixed, info) = process_overrides(&module, &info, entry, &values).map_err(|e| e.to_string())?;
        spirv(&fixed, &info).map_err(|e| format!("SPIR-V: {e}"))?;
        metal(&fixed, &info).map_err(|e| format!("MSL: {e}"))?;
        count += 2;
        if with_directx {
            directx(&fixed, &info).map_err(|e| format!("HLSL: {e}"))?;
            count += 1;
        }
    }
    Ok(count)
}

/// Variants that hosts ask for although the head of the kernel does not list them.
const EXTRA: &[(&str, &str)] = &[("LANES", "16"), ("KERNEL", "5"), ("QUADS", "3"), ("DQ", "3"), ("STRIP", "4")];

#[test]
fn every_variant_translates() {
    let work: Vec<(&str, String, Defines)> = KERNELS
        .iter()
        .flat_map(|k| {
            let all = texts(k, file(k).expect("a kernel is a file"), EXTRA);
            all.into_iter().map(|(text, defines)| (*k, text, defines)).collect::<Vec<_>>()
        })
        .collect();
    assert!(work.len() >= 2 * KERNELS.len(), "{} variants", work.len());
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    let size = work.len().div_ceil(threads);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let parts: Vec<_> = work
            .chunks(size)
            .map(|part| {
                scope.spawn(|| {
                    let one = |(kernel, text, defines): &(&str, String, Defines)| {
                        translate(text, runs_on_directx(kernel)).err().map(|e| format!("{kernel} {defines:?}: {e}"))
                    };
                    part.iter().filter_map(one).collect::<Vec<String>>()
                })
            })
            .collect();
        parts.into_iter().flat_map(|p| p.join().expect("no thread panics")).collect()
    });
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), work.len(), failures.join("\n"));
}

/// Every kernel with the feature is in the table, and nothing else is excused.
#[test]
fn only_kernels_that_directx_lacks_the_feature_for_are_excused() {
    let enabling: Vec<&str> =
        KERNELS.iter().copied().filter(|k| file(k).expect("a kernel is a file").contains(COOPERATIVE)).collect();
    let mut excused: Vec<&str> = NO_DIRECTX.iter().map(|(name, _)| *name).collect();
    excused.sort_unstable();
    assert_eq!(enabling, excused);
}

#[test]
fn a_broken_kernel_is_refused() {
    let good = "@group(0) @binding(1) var<storage, read_write> y: array<f32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) { y[id.x] = 1.0; }";
    let translate = |text: &str| translate(text, true);
    assert_eq!(translate(good), Ok(3));
    assert!(translate(&good.replace("1.0", "true")).is_err(), "a type error");
    assert!(translate(&good.replace("read_write", "read")).is_err(), "a store to what is read-only");
    assert!(translate(&good.replace("fn main", "fn other")).is_err(), "no entry point");
}

#[test]
fn every_shader_file_is_a_kernel_or_imported_by_one() {
    let imported: BTreeSet<&str> =
        FILES.iter().flat_map(|(_, text)| text.lines()).filter_map(|l| l.trim().strip_prefix("#import ")).collect();
    for (name, _) in FILES {
        assert!(KERNELS.contains(name) || imported.contains(name), "shaders/{name}.wgsl is used by nothing");
    }
}
