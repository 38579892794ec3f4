//! The key layouts of ConvNeXt checkpoints, all renamed to timm's: `stem.0`, `stages.1.downsample.0`,
//! `stages.1.blocks.0.conv_dw|norm|mlp.fc1|mlp.fc2|gamma`.

use crate::base::Result;
use crate::checkpoint::StateDict;
use crate::models::keys::split_index;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Timm,
    Torchvision,
    Transformers,
    Meta,
}

impl Layout {
    /// The name in configurations, first the one that is written.
    pub const NAMES: [(&'static str, Layout); 5] = [
        ("timm", Layout::Timm),
        ("torchvision", Layout::Torchvision),
        ("transformers-backbone", Layout::Transformers),
        ("transformers", Layout::Transformers),
        ("meta", Layout::Meta),
    ];

    pub fn name(self) -> &'static str {
        Layout::NAMES.iter().find(|(_, l)| *l == self).map_or("timm", |(n, _)| n)
    }

    /// The layout that the keys show.
    pub fn detect(dict: &StateDict) -> Option<Layout> {
        let has = |key: &str| dict.contains(key);
        match () {
            () if has("stem.0.weight") || has("stem_0.weight") => Some(Layout::Timm),
            () if has("features.0.0.weight") && has("features.1.0.block.0.weight") => Some(Layout::Torchvision),
            () if has("downsample_layers.0.0.weight") => Some(Layout::Meta),
            () if has("embeddings.patch_embeddings.weight") || has("convnext.embeddings.patch_embeddings.weight") => {
                Some(Layout::Transformers)
            }
            () => None,
        }
    }

    /// The weights under timm's names, without classifier heads and final norms, which no feature passes.
    pub fn canonical(self, dict: &StateDict) -> Result<StateDict> {
        dict.with_renamed(|key| self.rename(key))
    }

    /// timm's name of a module or weight; `None` for what features do not need.
    pub fn rename(self, key: &str) -> Option<String> {
        match self {
            Layout::Timm => timm(key),
            Layout::Torchvision => torchvision(key),
            Layout::Transformers => transformers(key.strip_prefix("convnext.").unwrap_or(key)),
            Layout::Meta => meta(key),
        }
    }
}

/// The rest of a path after a module's name, with its dot; the path may also end there.
fn under<'a>(path: &'a str, module: &str) -> Option<&'a str> {
    path.strip_prefix(module).filter(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// `path` with its first module replaced, by the first pair that fits.
fn swap(path: &str, pairs: &[(&str, &str)]) -> Option<String> {
    pairs.iter().find_map(|(from, to)| under(path, from).map(|rest| format!("{to}{rest}")))
}

fn timm(key: &str) -> Option<String> {
    if under(key, "head").is_some() || under(key, "norm_pre").is_some() {
        return None;
    }
    // Models made with `features_only` flatten the first dot.
    for module in ["stem", "stages"] {
        if let Some(rest) = key.strip_prefix(module).and_then(|r| r.strip_prefix('_')) {
            return Some(format!("{module}.{rest}"));
        }
    }
    Some(key.to_owned())
}

fn torchvision(key: &str) -> Option<String> {
    if under(key, "classifier").is_some() {
        return None;
    }
    let Some((index, rest)) = key.strip_prefix("features.").and_then(split_index) else { return Some(key.to_owned()) };
    let rest = rest.unwrap_or("");
    if index == 0 {
        return Some(join("stem", rest));
    }
    if index.is_multiple_of(2) {
        return Some(join(&format!("stages.{}.downsample", index / 2), rest));
    }
    let stage = format!("stages.{}.blocks", index / 2);
    let Some((block, part)) = split_index(rest) else { return Some(join(&stage, rest)) };
    let parts = [
        ("block.0", "conv_dw"),
        ("block.2", "norm"),
        ("block.3", "mlp.fc1"),
        ("block.5", "mlp.fc2"),
        ("layer_scale", "gamma"),
    ];
    let part = part.map(|p| swap(p, &parts).unwrap_or_else(|| p.to_owned())).unwrap_or_default();
    Some(join(&format!("{stage}.{block}"), &part))
}

fn transformers(key: &str) -> Option<String> {
    if under(key, "classifier").is_some() || under(key, "layernorm").is_some() {
        return None;
    }
    let stem = [("embeddings.patch_embeddings", "stem.0"), ("embeddings.layernorm", "stem.1"), ("embeddings", "stem")];
    if let Some(name) = swap(key, &stem) {
        return Some(name);
    }
    if let Some((stage, rest)) = key.strip_prefix("hidden_states_norms.stage").and_then(split_index) {
        return Some(join(&format!("norm{}", stage.checked_sub(1)?), rest.unwrap_or("")));
    }
    let Some((stage, rest)) = key.strip_prefix("encoder.stages.").and_then(split_index) else {
        return Some(key.to_owned());
    };
    let rest = rest.unwrap_or("");
    let parts = [("downsampling_layer", "downsample"), ("layers", "blocks")];
    Some(join(&format!("stages.{stage}"), &block_names(&swap(rest, &parts).unwrap_or_else(|| rest.to_owned()))))
}

fn meta(key: &str) -> Option<String> {
    if under(key, "head").is_some() || under(key, "norm").is_some() {
        return None;
    }
    if let Some((stage, rest)) = key.strip_prefix("downsample_layers.").and_then(split_index) {
        let module = if stage == 0 { "stem".to_owned() } else { format!("stages.{stage}.downsample") };
        return Some(join(&module, rest.unwrap_or("")));
    }
    let Some((stage, Some(rest))) = key.strip_prefix("stages.").and_then(split_index) else {
        return Some(key.to_owned());
    };
    Some(join(&format!("stages.{stage}"), &block_names(&format!("blocks.{rest}"))))
}

/// Transformers' and Meta's names inside `blocks.{j}.` as timm's.
fn block_names(path: &str) -> String {
    let Some((index, Some(part))) = path.strip_prefix("blocks.").and_then(split_index) else { return path.to_owned() };
    let parts = [
        ("dwconv", "conv_dw"),
        ("layernorm", "norm"),
        ("pwconv1", "mlp.fc1"),
        ("pwconv2", "mlp.fc2"),
        ("layer_scale_parameter", "gamma"),
    ];
    format!("blocks.{index}.{}", swap(part, &parts).unwrap_or_else(|| part.to_owned()))
}

fn join(module: &str, rest: &str) -> String {
    if rest.is_empty() { module.to_owned() } else { format!("{module}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_says_the_same() {
        let rows = [
            (Layout::Timm, "stages_2.blocks.1.mlp.fc1.weight", "stages.2.blocks.1.mlp.fc1.weight"),
            (Layout::Timm, "stem_1.bias", "stem.1.bias"),
            (Layout::Torchvision, "features.0.1.weight", "stem.1.weight"),
            (Layout::Torchvision, "features.4", "stages.2.downsample"),
            (Layout::Torchvision, "features.4.1.bias", "stages.2.downsample.1.bias"),
            (Layout::Torchvision, "features.5.11.block.5.weight", "stages.2.blocks.11.mlp.fc2.weight"),
            (Layout::Torchvision, "features.1.0.layer_scale", "stages.0.blocks.0.gamma"),
            (Layout::Transformers, "convnext.encoder.stages.1.downsampling_layer.0.bias", "stages.1.downsample.0.bias"),
            (Layout::Transformers, "encoder.stages.3.layers.2.pwconv1.bias", "stages.3.blocks.2.mlp.fc1.bias"),
            (Layout::Transformers, "embeddings.patch_embeddings.weight", "stem.0.weight"),
            (Layout::Transformers, "hidden_states_norms.stage4.weight", "norm3.weight"),
            (Layout::Meta, "downsample_layers.0.1.weight", "stem.1.weight"),
            (Layout::Meta, "stages.2.26.dwconv.weight", "stages.2.blocks.26.conv_dw.weight"),
            (Layout::Meta, "stages.0.0.gamma", "stages.0.blocks.0.gamma"),
            (Layout::Meta, "norm0.weight", "norm0.weight"),
        ];
        for (layout, key, expected) in rows {
            assert_eq!(layout.rename(key).as_deref(), Some(expected), "{layout:?} {key}");
        }
        for (layout, key) in [
            (Layout::Timm, "head.fc.weight"),
            (Layout::Torchvision, "classifier.2.bias"),
            (Layout::Transformers, "convnext.layernorm.weight"),
            (Layout::Meta, "norm.bias"),
        ] {
            assert_eq!(layout.rename(key), None);
        }
    }
}
