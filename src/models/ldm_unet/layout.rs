//! The key layouts of UNet checkpoints, all renamed to diffusers'.

use crate::base::Result;
use crate::checkpoint::StateDict;
use crate::models::keys::split_index;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Diffusers,
    CompVis,
}

const PREFIX: &str = "model.diffusion_model.";

/// What whole Stable Diffusion checkpoints hold besides the UNet. `model_ema.*` are twins with other names.
const OTHERS: [&str; 4] = ["first_stage_model.", "cond_stage_model.", "model_ema.", "posterior_mean_coef"];
const SCALARS: [&str; 4] = ["betas", "alphas_cumprod", "sqrt_", "log_one_minus"];

impl Layout {
    pub fn name(self) -> &'static str {
        match self {
            Layout::Diffusers => "diffusers",
            Layout::CompVis => "compvis",
        }
    }

    pub fn detect(dict: &StateDict) -> Option<Layout> {
        let has = |key: &str| dict.contains(key) || dict.contains(&format!("{PREFIX}{key}"));
        match () {
            () if has("input_blocks.0.0.weight") => Some(Layout::CompVis),
            () if dict.contains("conv_in.weight") && has("time_embedding.linear_1.weight") => Some(Layout::Diffusers),
            () => None,
        }
    }

    /// The UNet's weights under diffusers' names.
    pub fn canonical(self, dict: &StateDict) -> Result<StateDict> {
        if self == Layout::Diffusers {
            return Ok(dict.clone());
        }
        let per_level = blocks_per_level(dict);
        dict.with_renamed(|key| {
            let strange = OTHERS.iter().chain(&SCALARS).any(|p| key.starts_with(p)) || key.starts_with("posterior_");
            (!strange).then(|| compvis(key.strip_prefix(PREFIX).unwrap_or(key), per_level))
        })
    }
}

/// Numbered blocks of one level: its ResBlocks and the up- or downsampler.
fn blocks_per_level(dict: &StateDict) -> u32 {
    let number = |key: &str| {
        let rest = key.strip_prefix(PREFIX).unwrap_or(key).strip_prefix("input_blocks.")?;
        let (index, rest) = split_index(rest)?;
        (rest? == "0.op.weight").then_some(index)
    };
    dict.keys().filter_map(number).min().unwrap_or(3).max(1)
}

/// diffusers' name of one of CompVis' keys.
fn compvis(key: &str, per_level: u32) -> String {
    renamed(key, per_level).unwrap_or_else(|| key.to_owned())
}

fn renamed(key: &str, per_level: u32) -> Option<String> {
    let (first, rest) = key.split_once('.')?;
    match first {
        "time_embed" => {
            let (index, rest) = split_index(rest)?;
            Some(format!("time_embedding.linear_{}.{}", index / 2 + 1, rest?))
        }
        "out" => {
            let (index, rest) = split_index(rest)?;
            Some(format!("{}.{}", if index == 0 { "conv_norm_out" } else { "conv_out" }, rest?))
        }
        "middle_block" => {
            let (index, rest) = split_index(rest)?;
            let rest = rest?;
            Some(match index {
                1 => format!("mid_block.attentions.0.{rest}"),
                _ => format!("mid_block.resnets.{}.{}", index / 2, resblock(rest)),
            })
        }
        "input_blocks" => {
            let (block, rest) = split_index(rest)?;
            let (part, rest) = split_index(rest?)?;
            let rest = rest?;
            let Some(block) = block.checked_sub(1) else { return Some(format!("conv_in.{rest}")) };
            let (level, index) = (block / per_level, block % per_level);
            Some(match (part, rest.strip_prefix("op.")) {
                (0, Some(conv)) => format!("down_blocks.{level}.downsamplers.0.conv.{conv}"),
                (0, None) => format!("down_blocks.{level}.resnets.{index}.{}", resblock(rest)),
                _ => format!("down_blocks.{level}.attentions.{index}.{rest}"),
            })
        }
        "output_blocks" => {
            let (block, rest) = split_index(rest)?;
            let (part, rest) = split_index(rest?)?;
            let rest = rest?;
            let (level, index) = (block / per_level, block % per_level);
            Some(match (part, rest.strip_prefix("conv.")) {
                (0, _) => format!("up_blocks.{level}.resnets.{index}.{}", resblock(rest)),
                (_, Some(conv)) => format!("up_blocks.{level}.upsamplers.0.conv.{conv}"),
                _ => format!("up_blocks.{level}.attentions.{index}.{rest}"),
            })
        }
        _ => None,
    }
}

fn resblock(rest: &str) -> String {
    let names = [
        ("in_layers.0.", "norm1."),
        ("in_layers.2.", "conv1."),
        ("emb_layers.1.", "time_emb_proj."),
        ("out_layers.0.", "norm2."),
        ("out_layers.3.", "conv2."),
        ("skip_connection.", "conv_shortcut."),
    ];
    let named = names.iter().find_map(|(from, to)| Some(format!("{to}{}", rest.strip_prefix(from)?)));
    named.unwrap_or_else(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compvis_names_are_diffusers_names() {
        let rows = [
            ("input_blocks.0.0.weight", "conv_in.weight"),
            ("input_blocks.1.0.in_layers.0.bias", "down_blocks.0.resnets.0.norm1.bias"),
            ("input_blocks.2.1.proj_in.weight", "down_blocks.0.attentions.1.proj_in.weight"),
            ("input_blocks.3.0.op.bias", "down_blocks.0.downsamplers.0.conv.bias"),
            ("input_blocks.11.0.out_layers.3.weight", "down_blocks.3.resnets.1.conv2.weight"),
            ("middle_block.2.emb_layers.1.weight", "mid_block.resnets.1.time_emb_proj.weight"),
            ("middle_block.1.norm.weight", "mid_block.attentions.0.norm.weight"),
            ("output_blocks.2.1.conv.weight", "up_blocks.0.upsamplers.0.conv.weight"),
            ("output_blocks.5.2.conv.weight", "up_blocks.1.upsamplers.0.conv.weight"),
            (
                "output_blocks.3.1.transformer_blocks.0.attn1.to_q.weight",
                "up_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.weight",
            ),
            ("output_blocks.11.0.skip_connection.weight", "up_blocks.3.resnets.2.conv_shortcut.weight"),
            ("time_embed.2.weight", "time_embedding.linear_2.weight"),
            ("out.2.bias", "conv_out.bias"),
        ];
        for (key, expected) in rows {
            assert_eq!(compvis(key, 3), expected);
        }
    }
}
