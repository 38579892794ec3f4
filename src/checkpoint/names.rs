//! The names of tensors: the wrappers that training programs put around them, and what a mistyped one may have meant.

use std::collections::BTreeSet;

/// Prefixes that say nothing about the network.
const WRAPPERS: [&str; 11] = [
    "params_ema.",
    "params.",
    "state_dict.",
    "model.",
    "module.",
    "net_g_ema.",
    "net_g.",
    "generator.",
    "netG.",
    "net.",
    "_orig_mod.",
];

/// A name of CompVis' own, which begins like a wrapper.
const NO_WRAPPER: &str = "model.diffusion_model.";

/// Where both exist, the averaged weights are the ones to restore with.
const PREFERRED: [(&str, &str); 6] = [
    ("params_ema.", "params."),
    ("net_g_ema.", "net_g."),
    ("model_ema.", "model."),
    ("ema_model.", "model."),
    ("ema.", "model."),
    ("state_dict_ema.", "state_dict."),
];

/// What training leaves beside the weights.
const EXTRAS: [&str; 21] = [
    "model_ema.",
    "optimizer.",
    "optimizers.",
    "optimizer_states.",
    "optimizer_state_dict.",
    "optim.",
    "scheduler.",
    "schedulers.",
    "lr_scheduler.",
    "lr_schedulers.",
    "scaler.",
    "amp.",
    "callbacks.",
    "loops.",
    "hyper_parameters.",
    "discriminator.",
    "net_d.",
    "netD.",
    "perceptual_loss.",
    "rng_state.",
    "args.",
];

fn is_extra(key: &str) -> bool {
    EXTRAS.iter().any(|e| key.starts_with(e) || key == e.trim_end_matches('.'))
        || matches!(key, "epoch" | "iter" | "step" | "global_step" | "loss" | "best_psnr" | "rng_state")
}

/// What to strip from the names of a checkpoint: one step a wrapper, the outermost first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unwrapping {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Keep what starts with this prefix, without it.
    Strip(&'static str),
    /// Leave out what belongs to training.
    DropExtras,
}

impl Unwrapping {
    pub fn is_identity(&self) -> bool {
        self.steps.is_empty()
    }

    /// The new name, or None for what is left out.
    pub fn rename(&self, key: &str) -> Option<String> {
        self.steps.iter().try_fold(key, |key, step| step.apply(key)).map(str::to_string)
    }
}

impl Step {
    fn apply<'a>(&self, key: &'a str) -> Option<&'a str> {
        match self {
            Step::Strip(prefix) => key.strip_prefix(prefix),
            Step::DropExtras => (!is_extra(key)).then_some(key),
        }
    }
}

/// Finds the wrappers. A prefix goes only when every name has it, leftovers of training aside: a network may have a
/// layer called `model` of its own.
pub fn unwrap(keys: &[&str]) -> Unwrapping {
    let mut found = Unwrapping::default();
    let mut keys = keys.to_vec();
    // Each turn removes at least one step of nesting; real files have three at most.
    for _ in 0..8 {
        let Some(step) = next_step(&keys) else { break };
        keys = keys.into_iter().filter_map(|k| step.apply(k)).collect();
        found.steps.push(step);
    }
    found
}

fn next_step(keys: &[&str]) -> Option<Step> {
    let inside = |k: &str, prefix: &str| k.len() > prefix.len() && k.starts_with(prefix);
    // Each weight must have its average: CompVis' `model_ema.` has names of its own, and belongs to training.
    let averaged = PREFERRED.iter().find(|(best, plain)| {
        let averages: BTreeSet<&str> = keys.iter().filter_map(|k| k.strip_prefix(best)).collect();
        let mut weights = keys.iter().filter_map(|k| k.strip_prefix(plain)).peekable();
        let others = keys.iter().filter(|k| !inside(k, best) && !inside(k, plain));
        weights.peek().is_some() && weights.all(|k| averages.contains(k)) && others.into_iter().all(|k| is_extra(k))
    });
    if let Some((best, _)) = averaged {
        return Some(Step::Strip(best));
    }
    let weights = || keys.iter().filter(|k| !is_extra(k));
    weights().next()?;
    if weights().count() < keys.len() {
        return Some(Step::DropExtras);
    }
    if keys.iter().all(|k| k.starts_with(NO_WRAPPER)) {
        return None;
    }
    WRAPPERS.into_iter().find(|w| keys.iter().all(|k| inside(k, w))).map(Step::Strip)
}

/// Up to three existing names that `name` may have meant, the nearest first.
pub fn nearest<'a>(name: &str, keys: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = (name.len() / 3).max(2);
    let mut near: Vec<(usize, &str)> = Vec::new();
    for key in keys {
        // A missing or extra prefix is the commonest mistake, and its edit distance is large.
        let nested = key.strip_suffix(name).or_else(|| name.strip_suffix(key)).is_some_and(|rest| rest.ends_with('.'));
        let distance = if nested { 1 } else { edit_distance(name, key, limit) };
        if distance <= limit {
            near.push((distance, key));
        }
    }
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, key)| key).collect()
}

/// Levenshtein distance over bytes, or more than `limit` as soon as that is certain.
fn edit_distance(a: &str, b: &str, limit: usize) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        let mut best = row[0];
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
            best = best.min(row[j + 1]);
        }
        if best > limit {
            return limit + 1;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(keys: &[&str]) -> Vec<String> {
        let plan = unwrap(keys);
        keys.iter().filter_map(|k| plan.rename(k)).collect()
    }

    #[test]
    fn wrappers_go_when_all_have_them() {
        assert_eq!(after(&["params.a.w", "params.b"]), ["a.w", "b"]);
        assert_eq!(after(&["state_dict.model.module.a", "state_dict.model.module.b"]), ["a", "b"]);
        assert_eq!(after(&["generator.a", "discriminator.a"]), ["a"]);
        assert_eq!(after(&["net._orig_mod.a", "net._orig_mod.b"]), ["a", "b"]);
    }

    #[test]
    fn a_layer_of_that_name_stays() {
        assert!(unwrap(&["model.a", "head.b"]).is_identity());
        assert!(unwrap(&["modela", "modelb"]).is_identity());
        assert!(unwrap(&["model.diffusion_model.a", "model.diffusion_model.b"]).is_identity());
        assert_eq!(after(&["state_dict.model.diffusion_model.a"]), ["model.diffusion_model.a"]);
        assert!(unwrap(&["model."]).is_identity(), "nothing would be left of the name");
        assert!(unwrap(&[]).is_identity());
    }

    #[test]
    fn the_averaged_weights_win() {
        assert_eq!(after(&["params.a", "params_ema.a", "params_ema.b"]), ["a", "b"]);
        assert_eq!(after(&["params_ema.module.a", "params.module.a"]), ["a"]);
        assert_eq!(unwrap(&["params.a", "params_ema.a"]).rename("params.a"), None);
        for (plain, best) in [("model", "model_ema"), ("model", "ema"), ("state_dict", "state_dict_ema")] {
            let keys = [format!("{plain}.module.a"), format!("{best}.module.a"), "epoch".to_owned()];
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            assert_eq!((after(&keys), unwrap(&keys).rename(keys[0])), (vec!["a".to_owned()], None), "{best}");
        }
        let half = ["model.a", "model.b", "model_ema.a"];
        assert_eq!(after(&half), ["a", "b"], "an average of some weights is no network");
    }

    #[test]
    fn leftovers_of_training_do_not_count() {
        let keys = ["state_dict.module.a", "optimizer.state.0.exp_avg", "epoch", "lr_scheduler.x"];
        assert_eq!(after(&keys), ["a"]);
        assert_eq!(after(&["model.diffusion_model.a", "model_ema.diffusion_modela", "first_stage_model.b"]).len(), 2);
        assert!(unwrap(&["optimizer.a", "epoch"]).is_identity(), "never strips everything");
    }

    #[test]
    fn nearest_names_come_first() {
        let keys = ["encoder.0.attn.qkv.weight", "encoder.1.attn.qkv.weight", "decoder.bias", "intro.weight"];
        assert_eq!(nearest("encoder.0.attn.qvk.weight", keys)[0], keys[0]);
        assert_eq!(nearest("module.decoder.bias", keys), ["decoder.bias"]);
        assert_eq!(nearest("attn.qkv.weight", keys), [keys[0], keys[1]]);
        assert!(nearest("completely.other", keys).is_empty());
    }

    #[test]
    fn distances() {
        assert_eq!(edit_distance("kitten", "sitting", 9), 3);
        assert_eq!(edit_distance("", "abc", 9), 3);
        assert_eq!(edit_distance("same", "same", 0), 0);
        assert!(edit_distance("abcdef", "uvwxyz", 2) > 2);
    }
}
