//! The diffusion generalist at its published size (ConvNeXt-L, ViT-L text tower, Stable Diffusion 1.4 UNet with 2883
//! inputs and no self-attention at the outermost level) with generated weights, from an f16 file: does it load, how long
//! does a step take, how much memory. Not run by default:
//!
//! `VERNIS_DRAWINGS=128x1,64x4 VERNIS_PRECISION=f16 cargo test --release --test published_size -- --ignored --nocapture`
//!
//! Each drawing is TARGETxSTEPS. The memory of the host must stay within the file's size and 1 GiB; a software adapter's
//! device memory is the host's too, and is taken off.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use vernis::base::DType;
use vernis::checkpoint::{Data, Element, GeneratedWeights, StateDict, write_safetensors};
use vernis::diffusion::{Sampler, Settings};
use vernis::gpu::{DeviceChoice, Gpu};
use vernis::run::Model;
use vernis::run::diffusion::{Generalist, Start};

const DIMS: [usize; 4] = [192, 384, 768, 1536];
const DEPTHS: [usize; 4] = [3, 3, 27, 3];
const WIDTHS: [usize; 4] = [320, 640, 1280, 1280];
const CONTEXT: usize = 768;

/// Names and shapes of a checkpoint, with values that keep activations near one.
#[derive(Default)]
struct Weights(Vec<Value>);

impl Weights {
    fn add(&mut self, name: &str, shape: &[usize], middle: f64, reach: f64) {
        self.0.push(json!({"name": name, "shape": shape, "lo": middle - reach, "hi": middle + reach}));
    }

    /// A linear layer or convolution: `shape` is `[out, in, ...]`.
    fn layer(&mut self, path: &str, shape: &[usize], bias: bool) {
        let fan: usize = shape[1..].iter().product();
        self.add(&format!("{path}.weight"), shape, 0.0, (1.0 / fan as f64).sqrt());
        if bias {
            self.add(&format!("{path}.bias"), &shape[..1], 0.0, 0.1);
        }
    }

    fn norm(&mut self, path: &str, channels: usize) {
        self.add(&format!("{path}.weight"), &[channels], 1.0, 0.1);
        self.add(&format!("{path}.bias"), &[channels], 0.0, 0.1);
    }

    fn image_encoder(&mut self) {
        let root = "image_encoder.";
        self.layer(&format!("{root}stem.0"), &[DIMS[0], 3, 4, 4], true);
        self.norm(&format!("{root}stem.1"), DIMS[0]);
        for (stage, (dim, depth)) in DIMS.into_iter().zip(DEPTHS).enumerate() {
            let path = format!("{root}stages.{stage}");
            if stage > 0 {
                self.norm(&format!("{path}.downsample.0"), DIMS[stage - 1]);
                self.layer(&format!("{path}.downsample.1"), &[dim, DIMS[stage - 1], 2, 2], true);
            }
            for block in (0..depth).map(|i| format!("{path}.blocks.{i}")) {
                self.layer(&format!("{block}.conv_dw"), &[dim, 1, 7, 7], true);
                self.norm(&format!("{block}.norm"), dim);
                self.layer(&format!("{block}.mlp.fc1"), &[4 * dim, dim], true);
                self.layer(&format!("{block}.mlp.fc2"), &[dim, 4 * dim], true);
                self.add(&format!("{block}.gamma"), &[dim], 0.5, 0.1);
            }
        }
    }

    fn text_encoder(&mut self) {
        let root = "text_encoder.text_model";
        self.add(&format!("{root}.embeddings.token_embedding.weight"), &[49408, CONTEXT], 0.0, 1.0);
        self.add(&format!("{root}.embeddings.position_embedding.weight"), &[77, CONTEXT], 0.0, 0.1);
        for layer in (0..12).map(|i| format!("{root}.encoder.layers.{i}")) {
            for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                self.layer(&format!("{layer}.self_attn.{part}"), &[CONTEXT, CONTEXT], true);
            }
            self.norm(&format!("{layer}.layer_norm1"), CONTEXT);
            self.norm(&format!("{layer}.layer_norm2"), CONTEXT);
            self.layer(&format!("{layer}.mlp.fc1"), &[4 * CONTEXT, CONTEXT], true);
            self.layer(&format!("{layer}.mlp.fc2"), &[CONTEXT, 4 * CONTEXT], true);
        }
        self.norm(&format!("{root}.final_layer_norm"), CONTEXT);
    }

    fn resblock(&mut self, path: &str, from: usize, to: usize) {
        self.norm(&format!("{path}.norm1"), from);
        self.layer(&format!("{path}.conv1"), &[to, from, 3, 3], true);
        self.layer(&format!("{path}.time_emb_proj"), &[to, 4 * WIDTHS[0]], true);
        self.norm(&format!("{path}.norm2"), to);
        self.layer(&format!("{path}.conv2"), &[to, to, 3, 3], true);
        if from != to {
            self.layer(&format!("{path}.conv_shortcut"), &[to, from, 1, 1], true);
        }
    }

    fn transformer(&mut self, path: &str, c: usize, with_self: bool) {
        self.norm(&format!("{path}.norm"), c);
        self.layer(&format!("{path}.proj_in"), &[c, c, 1, 1], true);
        self.layer(&format!("{path}.proj_out"), &[c, c, 1, 1], true);
        let block = format!("{path}.transformer_blocks.0");
        for (attention, norm, context) in [("attn1", "norm1", c), ("attn2", "norm2", CONTEXT)] {
            if attention == "attn1" && !with_self {
                continue;
            }
            self.norm(&format!("{block}.{norm}"), c);
            self.layer(&format!("{block}.{attention}.to_q"), &[c, c], false);
            self.layer(&format!("{block}.{attention}.to_k"), &[c, context], false);
            self.layer(&format!("{block}.{attention}.to_v"), &[c, context], false);
            self.layer(&format!("{block}.{attention}.to_out.0"), &[c, c], true);
        }
        self.norm(&format!("{block}.norm3"), c);
        self.layer(&format!("{block}.ff.net.0.proj"), &[8 * c, c], true);
        self.layer(&format!("{block}.ff.net.2"), &[c, 4 * c], true);
    }

    fn unet(&mut self) {
        let root = "unet.";
        let inputs = 3 + DIMS.iter().sum::<usize>();
        self.layer(&format!("{root}conv_in"), &[WIDTHS[0], inputs, 3, 3], true);
        self.layer(&format!("{root}time_embedding.linear_1"), &[4 * WIDTHS[0], WIDTHS[0]], true);
        self.layer(&format!("{root}time_embedding.linear_2"), &[4 * WIDTHS[0], 4 * WIDTHS[0]], true);
        let mut skips = vec![WIDTHS[0]];
        let mut c = WIDTHS[0];
        for (level, width) in WIDTHS.into_iter().enumerate() {
            for i in 0..2 {
                self.resblock(&format!("{root}down_blocks.{level}.resnets.{i}"), c, width);
                c = width;
                if level < 3 {
                    self.transformer(&format!("{root}down_blocks.{level}.attentions.{i}"), c, level > 0);
                }
                skips.push(c);
            }
            if level < 3 {
                self.layer(&format!("{root}down_blocks.{level}.downsamplers.0.conv"), &[c, c, 3, 3], true);
                skips.push(c);
            }
        }
        self.resblock(&format!("{root}mid_block.resnets.0"), c, c);
        self.transformer(&format!("{root}mid_block.attentions.0"), c, true);
        self.resblock(&format!("{root}mid_block.resnets.1"), c, c);
        for up in 0..4 {
            let level = 3 - up;
            for i in 0..3 {
                let from = c + skips.pop().unwrap_or(0);
                self.resblock(&format!("{root}up_blocks.{up}.resnets.{i}"), from, WIDTHS[level]);
                c = WIDTHS[level];
                if level < 3 {
                    self.transformer(&format!("{root}up_blocks.{up}.attentions.{i}"), c, level > 0);
                }
            }
            if level > 0 {
                self.layer(&format!("{root}up_blocks.{up}.upsamplers.0.conv"), &[c, c, 3, 3], true);
            }
        }
        self.norm(&format!("{root}conv_norm_out"), c);
        self.layer(&format!("{root}conv_out"), &[3, c, 3, 3], true);
    }
}

/// Writes the checkpoint tensor by tensor; it never lies in memory whole.
fn publish(path: &Path) {
    let mut weights = Weights::default();
    weights.image_encoder();
    weights.text_encoder();
    weights.unet();
    let json = json!({"seed": 1, "tensors": weights.0});
    let dict = StateDict::generated(GeneratedWeights::from_json(&json).expect("a valid rule"), "published size");
    let tensor = |key: &str| {
        let shape = dict.shape(key).expect("its own key").to_vec();
        (key.to_owned(), shape, Data::From(dict.clone(), key.to_owned(), Some(Element::F16)))
    };
    let metadata = BTreeMap::from([("config".to_owned(), config().to_string())]);
    write_safetensors(path, dict.keys().map(tensor).collect(), &metadata, true).expect("a file of 2.4 GB");
}

fn config() -> Value {
    json!({
        "family": "diffusion-generalist", "version": 1,
        "image_encoder": {"layout": "timm", "dims": DIMS, "depths": DEPTHS},
        "text_encoder": {"layout": "transformers", "hidden_size": CONTEXT, "num_hidden_layers": 12,
            "num_attention_heads": 12, "intermediate_size": 4 * CONTEXT, "hidden_act": "quick_gelu"},
        "unet": {"layout": "diffusers", "in_channels": 2883, "out_channels": 3, "block_out_channels": WIDTHS,
            "attention": ["cross", "self+cross", "self+cross", "none"]},
        "target_size": [128, 128], "cond_size": [512, 512],
        "diffusion": {"steps": 50, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012,
            "timestep_spacing": "leading", "steps_offset": 1, "prediction_type": "x0", "input_scale_b": 0.5,
            "input_norm": "std", "clip_y0": 0.5},
    })
}

/// A line of this process' memory, in bytes: `VmHWM` is the largest resident size so far.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(':'));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// `128x1,64x4`: the edge of the target, and steps.
fn drawings() -> Vec<(u32, u32)> {
    let text = std::env::var("VERNIS_DRAWINGS").unwrap_or_else(|_| "128x1,64x4".into());
    let one = |d: &str| {
        let (target, steps) = d.split_once('x').expect("TARGETxSTEPS");
        (target.parse().expect("a number"), steps.parse().expect("a number"))
    };
    text.split(',').map(one).collect()
}

#[test]
#[ignore = "needs gigabytes and, without a GPU, minutes"]
fn loads_and_draws() {
    let precision = if std::env::var("VERNIS_PRECISION").is_ok_and(|v| v == "f32") { DType::F32 } else { DType::F16 };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("published.safetensors");
    publish(&path);
    let file = std::fs::metadata(&path).expect("written").len();
    let written = memory("VmHWM");
    let gpu = Gpu::open(&DeviceChoice::Auto).expect("a device");
    let start = Instant::now();
    let since = move |what: &str| {
        let [peak, mapped] = ["VmHWM", "RssFile"].map(|line| memory(line) >> 20);
        println!("{what}: at {:.1} s, peak {peak} MiB, of the file {mapped} MiB", start.elapsed().as_secs_f32());
    };
    let mut model = Model::new(StateDict::open(&path).expect("the file")).expect("a complete checkpoint");
    println!(
        "{}: {:.1} M parameters in {} MiB, {}; writing took {} MiB",
        gpu.summary().name,
        model.dict().parameters() as f64 / 1e6,
        file >> 20,
        precision.name(),
        written >> 20
    );
    since("loaded");
    let settings = Settings::from_json(&config()["diffusion"]).expect("settings");
    let mut ids = vec![49407; 77];
    ids[..4].copy_from_slice(&[49406, 3210, 654, 987]);
    let prompt = Generalist::new(&mut model, precision)
        .and_then(|mut g| g.prompt(&gpu, &ids, 77, &mut |_| true))
        .expect("a context");
    since("text, with upload");
    let mut activations = 0;
    for (target, steps) in drawings() {
        let sampler = settings.clone().with_steps(steps).and_then(Sampler::new).expect("a sampler");
        let mut generalist = Generalist::new(&mut model, precision).expect("a generalist").sampled(sampler);
        let cond = 4 * target;
        let picture: Vec<f32> = (0..3 * cond * cond).map(|i| (i % 255) as f32 / 255.0).collect();
        let photograph =
            generalist.photograph(&gpu, &picture, 1, [cond; 2], [target; 2], false, &mut |_| true).expect("features");
        since(&format!("{target}: features, with what upload is left"));
        let mut ready = generalist.steps(&gpu, &prompt, &photograph).expect("a plan");
        since(&format!("{target}: step made ready, with what upload is left"));
        println!("{:?}", ready.cost());
        activations = activations.max(ready.cost().activations);
        let mut say = |step: u32, share: f32| {
            if share == 1.0 {
                since(&format!("{target}: step {} of {steps}", step + 1));
            }
            true
        };
        let finished = ready.draw(Start::Seed(1), &mut say).expect("a picture");
        assert!(finished.x0.iter().all(|v| v.is_finite()));
        if std::env::var("VERNIS_PROFILE").is_ok() {
            profile(ready.profile().expect("a profile"));
        }
    }
    let device = if gpu.summary().software { model.weight_bytes() + activations } else { 0 };
    let (peak, bound) = (memory("VmHWM"), file + (1 << 30));
    let mib = [peak, device, peak.saturating_sub(device), bound].map(|b| b >> 20);
    println!("peak {} MiB, of which device {}: host {}, bound {}", mib[0], mib[1], mib[2], mib[3]);
    assert!(peak.saturating_sub(device) <= bound, "the host holds more than the file and 1 GiB");
}

/// Time by kind of kernel.
fn profile(steps: Vec<vernis::gpu::StepTime>) {
    let mut rows: Vec<(String, f64, u64)> = Vec::new();
    for step in steps {
        match rows.iter_mut().find(|(op, ..)| *op == step.op) {
            Some(row) => (row.1, row.2) = (row.1 + step.seconds, row.2 + step.flops),
            None => rows.push((step.op.to_owned(), step.seconds, step.flops)),
        }
    }
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (op, seconds, flops) in rows {
        let giga = flops as f64 / 1e9;
        println!("{op:28} {seconds:8.3} s {giga:8.1} GFLOP {:7.1} GFLOP/s", giga / seconds);
    }
}
