//! The key layouts of text towers, all renamed to transformers' without its `text_model.` prefix.

use crate::base::Result;
use crate::checkpoint::StateDict;
use crate::models::keys::split_index;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Transformers,
    /// OpenCLIP and OpenAI: one fused projection for q, k and v.
    OpenClip,
}

/// What full checkpoints put in front of their text tower.
const WRAPPERS: [&str; 3] = ["cond_stage_model.transformer.", "cond_stage_model.model.", "text_model."];

impl Layout {
    pub fn name(self) -> &'static str {
        match self {
            Layout::Transformers => "transformers",
            Layout::OpenClip => "open_clip",
        }
    }

    pub fn detect(dict: &StateDict) -> Option<Layout> {
        dict.keys().find_map(|key| match inner(key) {
            "embeddings.token_embedding.weight" => Some(Layout::Transformers),
            "positional_embedding" => Some(Layout::OpenClip),
            _ => None,
        })
    }

    /// The weights under transformers' names. What only a similarity of text and image needs is left out, save the
    /// text projection.
    pub fn canonical(self, dict: &StateDict) -> Result<StateDict> {
        let mut dict = dict.with_renamed(|key| self.rename(key))?;
        if self == Layout::OpenClip {
            let fused: Vec<String> = dict.keys().filter(|k| k.contains(".in_proj_")).map(str::to_owned).collect();
            for key in fused {
                let names = ["q", "k", "v"].map(|part| key.replace(".in_proj_", &format!(".{part}_proj.")));
                dict = dict.with_rows_split(&key, &names)?;
            }
        }
        Ok(dict)
    }

    /// transformers' name of a module or weight; `None` for what a text tower does not need.
    pub fn rename(self, key: &str) -> Option<String> {
        let key = inner(key);
        let unused = ["embeddings.position_ids", "logit_scale", "logit_bias", "attn_mask"];
        if unused.contains(&key)
            || ["visual.", "vision_model.", "visual_projection."].iter().any(|p| key.starts_with(p))
        {
            return None;
        }
        Some(match self {
            Layout::Transformers => key.to_owned(),
            Layout::OpenClip => open_clip(key),
        })
    }
}

fn inner(mut key: &str) -> &str {
    while let Some(rest) = WRAPPERS.iter().find_map(|w| key.strip_prefix(w)) {
        key = rest;
    }
    key
}

fn open_clip(key: &str) -> String {
    if let Some((layer, rest)) = key.strip_prefix("transformer.resblocks.").and_then(split_index) {
        let layer = format!("encoder.layers.{layer}");
        let Some(rest) = rest else { return layer };
        let parts = [
            ("ln_1", "layer_norm1"),
            ("ln_2", "layer_norm2"),
            ("attn", "self_attn"),
            ("mlp.c_fc", "mlp.fc1"),
            ("mlp.c_proj", "mlp.fc2"),
        ];
        let named = parts.iter().find_map(|(from, to)| Some(format!("{to}{}", rest.strip_prefix(from)?)));
        return format!("{layer}.{}", named.unwrap_or_else(|| rest.to_owned()));
    }
    match key.split_once('.') {
        Some(("token_embedding", rest)) => format!("embeddings.token_embedding.{rest}"),
        Some(("ln_final", rest)) => format!("final_layer_norm.{rest}"),
        None if key == "positional_embedding" => "embeddings.position_embedding.weight".to_owned(),
        _ => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_say_the_same() {
        let rows = [
            (Layout::Transformers, "text_model.encoder.layers.3.mlp.fc1.bias", "encoder.layers.3.mlp.fc1.bias"),
            (
                Layout::Transformers,
                "cond_stage_model.transformer.text_model.final_layer_norm.bias",
                "final_layer_norm.bias",
            ),
            (Layout::OpenClip, "cond_stage_model.model.ln_final.weight", "final_layer_norm.weight"),
            (
                Layout::OpenClip,
                "transformer.resblocks.11.attn.in_proj_bias",
                "encoder.layers.11.self_attn.in_proj_bias",
            ),
            (Layout::OpenClip, "transformer.resblocks.0.mlp.c_proj.weight", "encoder.layers.0.mlp.fc2.weight"),
            (Layout::OpenClip, "positional_embedding", "embeddings.position_embedding.weight"),
            (Layout::OpenClip, "transformer.resblocks.0", "encoder.layers.0"),
        ];
        for (layout, key, expected) in rows {
            assert_eq!(layout.rename(key).as_deref(), Some(expected));
        }
        assert_eq!(Layout::OpenClip.rename("visual.conv1.weight"), None);
        assert_eq!(Layout::Transformers.rename("text_model.embeddings.position_ids"), None);
    }
}
