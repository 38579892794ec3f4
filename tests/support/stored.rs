//! Checkpoints made in memory.

use vernis::checkpoint::StateDict;

/// A tensor of a checkpoint.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub key: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// A safetensors file of `tensors`, all f32, without metadata.
pub fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for t in tensors {
        assert_eq!(t.shape.iter().product::<usize>(), t.values.len(), "{}", t.key);
        let start = data.len();
        data.extend(t.values.iter().flat_map(|v| v.to_le_bytes()));
        let about = serde_json::json!({"dtype": "F32", "shape": t.shape, "data_offsets": [start, data.len()]});
        header.insert(t.key.clone(), about);
    }
    let mut text = serde_json::Value::Object(header).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text);
    out.extend(data);
    out
}

/// The same, opened.
pub fn dict(tensors: &[Tensor]) -> StateDict {
    StateDict::from_bytes(safetensors(tensors), "test weights").expect("the file is well formed")
}
