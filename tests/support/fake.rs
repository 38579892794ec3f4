//! Checkpoints for a configuration: the keys and shapes of the official classes, written from their description, with
//! values of the rule. Nothing is stored, and there is no metadata unless a test adds it.

use serde_json::Value;
use vernis::checkpoint::StateDict;
use vernis::checkpoint::generate::{GeneratedTensor, GeneratedWeights, Rule};

/// Keys and shapes under construction.
#[derive(Default)]
struct Keys(Vec<(String, Vec<usize>)>);

impl Keys {
    fn add(&mut self, key: String, shape: &[usize]) {
        self.0.push((key, shape.to_vec()));
    }

    fn conv(&mut self, path: &str, out: usize, inputs: usize, k: usize, bias: bool) {
        self.add(format!("{path}.weight"), &[out, inputs, k, k]);
        if bias {
            self.add(format!("{path}.bias"), &[out]);
        }
    }

    fn linear(&mut self, path: &str, c: usize, bias: bool) {
        self.add(format!("{path}.weight"), &[c, c]);
        if bias {
            self.add(format!("{path}.bias"), &[c]);
        }
    }

    fn norm(&mut self, path: &str, c: usize, bias: bool) {
        self.add(format!("{path}.weight"), &[c]);
        if bias {
            self.add(format!("{path}.bias"), &[c]);
        }
    }

    fn mdta(&mut self, path: &str, c: usize, heads: usize, bias: bool) {
        self.add(format!("{path}.temperature"), &[heads, 1, 1]);
        self.conv(&format!("{path}.qkv"), 3 * c, c, 1, bias);
        self.conv(&format!("{path}.qkv_dwconv"), 3 * c, 1, 3, bias);
        self.conv(&format!("{path}.project_out"), c, c, 1, bias);
    }

    fn gdfn(&mut self, path: &str, c: usize, factor: f64, bias: bool) {
        let hidden = (c as f64 * factor) as usize;
        self.conv(&format!("{path}.project_in"), 2 * hidden, c, 1, bias);
        self.conv(&format!("{path}.dwconv"), 2 * hidden, 1, 3, bias);
        self.conv(&format!("{path}.project_out"), c, hidden, 1, bias);
    }

    fn window_attention(&mut self, path: &str, c: usize, heads: usize, dh: usize, overlap: usize, bias: bool) {
        self.conv(&format!("{path}.qkv"), 3 * heads * dh, c, 1, bias);
        self.conv(&format!("{path}.project_out"), c, heads * dh, 1, bias);
        for axis in ["height", "width"] {
            self.add(format!("{path}.rel_pos_emb.rel_{axis}"), &[2 * overlap - 1, dh]);
        }
    }

    fn token_attention(&mut self, path: &str, c: usize) {
        for part in ["to_q", "to_k", "to_v"] {
            self.linear(&format!("{path}.{part}"), c, false);
        }
        self.linear(&format!("{path}.to_out.0"), c, true);
    }
}

/// A configuration in the words of the official constructors.
struct Config<'a>(&'a Value);

impl Config<'_> {
    fn number(&self, key: &str) -> usize {
        self.0[key].as_u64().unwrap_or_else(|| panic!("{key} in {}", self.0)) as usize
    }

    fn real(&self, key: &str) -> f64 {
        self.0[key].as_f64().unwrap_or_else(|| panic!("{key} in {}", self.0))
    }

    fn list(&self, key: &str) -> Vec<usize> {
        let list = self.0[key].as_array().unwrap_or_else(|| panic!("{key} in {}", self.0));
        list.iter().map(|v| v.as_u64().expect("a number") as usize).collect()
    }

    fn flag(&self, key: &str) -> bool {
        self.0[key].as_bool().unwrap_or(false)
    }

    fn with_bias(&self) -> bool {
        self.0["LayerNorm_type"] == "WithBias"
    }
}

/// The encoder-decoder that restormer, xrestormer and genlv share. `block` gets level, path and width.
fn encoder_decoder(k: &mut Keys, c: &Config<'_>, latent: &str, block: &dyn Fn(&mut Keys, usize, &str, usize)) {
    let (d, n, bias) = (c.number("dim"), c.list("num_blocks"), c.flag("bias"));
    let stage = |k: &mut Keys, path: &str, level: usize, count: usize, width: usize| {
        (0..count).for_each(|i| block(k, level, &format!("{path}.{i}"), width));
    };
    k.conv("patch_embed.proj", d, c.number("inp_channels"), 3, false);
    for (level, count) in n.iter().take(3).enumerate() {
        let width = d << level;
        stage(k, &format!("encoder_level{}", level + 1), level, *count, width);
        k.conv(&format!("down{}_{}.body.0", level + 1, level + 2), width / 2, width, 3, false);
    }
    stage(k, latent, 3, n[3], 8 * d);
    for level in (0..3).rev() {
        let below = d << (level + 1);
        k.conv(&format!("up{}_{}.body.0", level + 2, level + 1), 2 * below, below, 3, false);
        let width = if level > 0 { d << level } else { 2 * d };
        if level > 0 {
            k.conv(&format!("reduce_chan_level{}", level + 1), width, below, 1, bias);
        }
        stage(k, &format!("decoder_level{}", level + 1), level, n[level], width);
    }
    stage(k, "refinement", 0, c.number("num_refinement_blocks"), 2 * d);
    k.conv("output", c.number("out_channels"), 2 * d, 3, bias);
}

fn restormer(c: &Config<'_>) -> Keys {
    let mut k = Keys::default();
    let (heads, factor, bias, norm) = (c.list("heads"), c.real("ffn_expansion_factor"), c.flag("bias"), c.with_bias());
    encoder_decoder(&mut k, c, "latent", &|k, level, path, width| {
        k.norm(&format!("{path}.norm1.body"), width, norm);
        k.mdta(&format!("{path}.attn"), width, heads[level], bias);
        k.norm(&format!("{path}.norm2.body"), width, norm);
        k.gdfn(&format!("{path}.ffn"), width, factor, bias);
    });
    if c.flag("dual_pixel_task") {
        k.conv("skip_conv", 2 * c.number("dim"), c.number("dim"), 1, bias);
    }
    k
}

/// The block of X-Restormer, which GenLV has too.
#[allow(clippy::too_many_arguments)]
fn cross_block(
    k: &mut Keys,
    c: &Config<'_>,
    path: &str,
    width: usize,
    channel_heads: usize,
    spatial_heads: usize,
    dh: usize,
    overlap: usize,
) {
    let (factor, bias) = (c.real("ffn_expansion_factor"), c.flag("bias"));
    for i in 1..=4 {
        k.norm(&format!("{path}.norm{i}.body"), width, c.with_bias());
    }
    k.mdta(&format!("{path}.channel_attn"), width, channel_heads, bias);
    k.gdfn(&format!("{path}.channel_ffn"), width, factor, bias);
    k.window_attention(&format!("{path}.spatial_attn"), width, spatial_heads, dh, overlap, bias);
    k.gdfn(&format!("{path}.spatial_ffn"), width, factor, bias);
}

fn xrestormer(c: &Config<'_>) -> Keys {
    let mut k = Keys::default();
    let (channel, spatial, window) = (c.list("channel_heads"), c.list("spatial_heads"), c.number("window_size"));
    encoder_decoder(&mut k, c, "latent", &|k, level, path, width| {
        let ratio = c.0["overlap_ratio"][level].as_f64().expect("a ratio");
        let overlap = window + (window as f64 * ratio) as usize;
        cross_block(k, c, path, width, channel[level], spatial[level], c.number("spatial_dim_head"), overlap);
    });
    k
}

fn genlv(c: &Config<'_>) -> Keys {
    let mut k = Keys::default();
    let (heads, window) = (c.list("heads"), c.number("window_size"));
    let (factor, bias) = (c.real("ffn_expansion_factor"), c.flag("bias"));
    let prompts = c.0["class"] != "XRestormer";
    encoder_decoder(&mut k, c, "latent_blocks", &|k, level, path, width| {
        if level < 3 {
            return cross_block(k, c, path, width, heads[level], heads[level], 16, window + window / 2);
        }
        k.norm(&format!("{path}.norm1.body"), width, c.with_bias());
        k.norm(&format!("{path}.norm2.body"), width, c.with_bias());
        k.mdta(&format!("{path}.channel_attn"), width, heads[3], bias);
        k.gdfn(&format!("{path}.channel_ffn"), width, factor, bias);
        k.norm(&format!("{path}.norm3"), width, true);
        k.token_attention(&format!("{path}.spatial_attn"), width);
        k.norm(&format!("{path}.norm4"), width, true);
        if prompts {
            k.token_attention(&format!("{path}.cross_attn"), width);
            k.norm(&format!("{path}.norm5"), width, true);
        }
        k.gdfn(&format!("{path}.spatial_ffn"), width, factor, bias);
    });
    if prompts {
        let (nf, width) = (c.number("prompt_encoder_nf"), 8 * c.number("dim"));
        let at = |name: &str| format!("Prompt_KV_Encoder.prompt_embedding.{name}");
        k.conv(&at("conv_first"), nf, c.number("inp_channels"), 3, true);
        k.conv(&at("conv_hr"), nf, nf, 3, true);
        k.norm(&at("norm"), nf, true);
        for level in 1..=3 {
            let w = nf << (level - 1);
            for i in 0..4 {
                k.conv(&at(&format!("fea_level{level}.{i}.conv1")), w, w, 3, true);
                k.conv(&at(&format!("fea_level{level}.{i}.conv2")), w, w, 3, true);
            }
            k.conv(&at(&format!("channel_reduction{level}")), 2 * w, 4 * w, 1, true);
            k.norm(&at(&format!("norm{level}")), 2 * w, true);
        }
        k.conv(&at("conv_lr"), width, 8 * nf, 3, true);
        k.conv(&at("conv_last"), width, width, 1, true);
        k.norm(&at("norm_out"), width, true);
    }
    k
}

fn nafnet(c: &Config<'_>) -> Keys {
    let mut k = Keys::default();
    let (width, channels) = (c.number("width"), c.number("img_channel"));
    let (encoders, decoders) = (c.list("enc_blk_nums"), c.list("dec_blk_nums"));
    fn block(k: &mut Keys, path: &str, c: usize) {
        for (name, out, inputs, size) in
            [("conv1", 2 * c, c, 1), ("conv2", 2 * c, 1, 3), ("conv3", c, c, 1), ("sca.1", c, c, 1)]
        {
            k.conv(&format!("{path}.{name}"), out, inputs, size, true);
        }
        k.conv(&format!("{path}.conv4"), 2 * c, c, 1, true);
        k.conv(&format!("{path}.conv5"), c, c, 1, true);
        k.norm(&format!("{path}.norm1"), c, true);
        k.norm(&format!("{path}.norm2"), c, true);
        k.add(format!("{path}.beta"), &[1, c, 1, 1]);
        k.add(format!("{path}.gamma"), &[1, c, 1, 1]);
    }
    k.conv("intro", width, channels, 3, true);
    for (level, count) in encoders.iter().enumerate() {
        (0..*count).for_each(|i| block(&mut k, &format!("encoders.{level}.{i}"), width << level));
        k.conv(&format!("downs.{level}"), width << (level + 1), width << level, 2, true);
    }
    let deepest = width << encoders.len();
    (0..c.number("middle_blk_num")).for_each(|i| block(&mut k, &format!("middle_blks.{i}"), deepest));
    for (level, count) in decoders.iter().enumerate() {
        let above = deepest >> level;
        k.conv(&format!("ups.{level}.0"), 2 * above, above, 1, false);
        (0..*count).for_each(|i| block(&mut k, &format!("decoders.{level}.{i}"), above / 2));
    }
    k.conv("ending", channels, width, 3, true);
    k
}

/// Keys and shapes of a configuration.
pub fn keys(family: &str, config: &Value) -> Vec<(String, Vec<usize>)> {
    let c = Config(config);
    let keys = match family {
        "restormer" => restormer(&c),
        "xrestormer" => xrestormer(&c),
        "genlv" => genlv(&c),
        "nafnet" => nafnet(&c),
        other => panic!("no fake checkpoints for {other}"),
    };
    keys.0
}

/// Values that keep activations of a deep network near one.
fn range(key: &str, shape: &[usize]) -> (f64, f64) {
    let fan: usize = shape.iter().skip(1).product();
    match key {
        _ if key.ends_with("temperature") => (0.8, 2.2),
        _ if key.contains("rel_pos_emb") => (-0.4, 0.4),
        _ if key.ends_with("beta") || key.ends_with("gamma") => (-0.6, 0.6),
        _ if key.ends_with("bias") => (-0.1, 0.1),
        _ if shape.len() == 1 => (0.7, 1.3),
        _ => (-(3.0 / fan as f64).sqrt(), (3.0 / fan as f64).sqrt()),
    }
}

/// A checkpoint of these keys.
pub fn generated(keys: Vec<(String, Vec<usize>)>) -> StateDict {
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let (lo, hi) = range(&name, &shape);
        GeneratedTensor { name, shape, rule: Rule::Uniform { lo, hi } }
    };
    let weights = GeneratedWeights { seed: 7, tensors: keys.into_iter().map(tensor).collect() };
    StateDict::generated(weights, "fake checkpoint")
}

/// A checkpoint for a configuration.
pub fn checkpoint(family: &str, config: &Value) -> StateDict {
    generated(keys(family, config))
}
