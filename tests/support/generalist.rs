//! Small diffusion generalists as files: the weights and settings of a conformance case, with a list of tasks.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use vernis::checkpoint::{Case, Data, write_safetensors};

/// The case of this name.
pub fn case(name: &str) -> Case {
    Case::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases").join(name)).expect("a case")
}

/// One task of every codec, told in the words of the published system.
pub fn tasks() -> Value {
    let semantic = "Performance semantic segmentation";
    let instance = "Performance instance segmentation";
    json!({
        "depth": {"prompt": "Performance depth estimation", "codec": "depth", "min": 0.5, "max": 10},
        "semantic": {"prompt": semantic, "codec": "semantic", "classes": 12, "class_names": ["wall", "sky"]},
        "instance": {"prompt": instance, "codec": "instance", "instances": 26},
        "panoptic": {"prompts": [semantic, instance], "codec": "panoptic", "classes": 12, "instances": 26,
            "things": [0, 1, 2, 3, 4, 5, 9, 11], "min_instance_area": 3, "min_stuff_area": 3},
        "denoise": {"prompt": "Performance image restoration denoising", "codec": "rgb"},
        "light": {"prompt": "Performance image restoration light enhancement", "codec": "rgb"},
    })
}

/// Writes the case's weights as a checkpoint that knows `tasks`.
pub fn write(path: &Path, case: &Case, tasks: &Value) {
    write_saying(path, case, tasks, &[]);
}

/// Likewise, with more metadata.
pub fn write_saying(path: &Path, case: &Case, tasks: &Value, more: &[(&str, &str)]) {
    let mut config = case.config.clone();
    config["family"] = json!("diffusion-generalist");
    config["version"] = json!(1);
    config["tasks"] = tasks.clone();
    let dict = &case.weights;
    let tensor = |key: &str| {
        let shape = dict.shape(key).expect("its own key").to_vec();
        (key.to_owned(), shape, Data::From(dict.clone(), key.to_owned(), None))
    };
    let mut metadata = BTreeMap::from([("config".to_owned(), config.to_string())]);
    metadata.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    write_safetensors(path, dict.keys().map(tensor).collect(), &metadata, true).expect("a checkpoint");
}
