//! Seeded values: the rule that conformance cases use for their weights, written here a second time so that a mistake
//! in the engine's copy cannot hide.

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// `count` values uniform in `[lo, hi)`, those of the tensor `name` under `seed`.
pub fn uniform(name: &str, seed: u64, lo: f64, hi: f64, count: usize) -> Vec<f32> {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let mut state = hash ^ seed;
    (0..count)
        .map(|_| {
            state = state.wrapping_add(GOLDEN);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            (lo + (hi - lo) * ((z >> 40) as f64 / 16_777_216.0)) as f32
        })
        .collect()
}

#[test]
fn it_is_the_rule_of_the_selftest() {
    let text = include_str!("../golden/weights_selftest.json");
    let document: serde_json::Value = serde_json::from_str(text).unwrap();
    for row in document["rows"].as_array().unwrap() {
        let (lo, hi) = (row["lo"].as_f64().unwrap(), row["hi"].as_f64().unwrap());
        let index = row["index"].as_u64().unwrap() as usize;
        if index > 1 << 20 {
            continue;
        }
        let values = uniform(row["name"].as_str().unwrap(), row["seed"].as_u64().unwrap(), lo, hi, index + 1);
        assert_eq!(values[index], row["value"].as_f64().unwrap() as f32, "{row}");
    }
}
