//! Each kind of bad input gives its own clear message and exit code, writes nothing and never panics.

use crate::run::{Scratch, vernis};

const IMAGE: i32 = 8;
const CHECKPOINT: i32 = 9;

/// Runs a restoration that must fail and leave no output.
#[track_caller]
fn refused(scratch: &Scratch, input: &str, more: &[&str], code: i32, words: &[&str]) {
    let before = scratch.names();
    let out = scratch.text("out.png");
    let mut args = vec!["restore", input, "-o", &out];
    args.extend(more);
    if !more.contains(&"--model") {
        args.extend(["--task", "denoise"]);
    }
    vernis(&args).fails_with(code, words);
    assert_eq!(scratch.names(), before, "something was written");
}

#[test]
fn unreadable_pictures() {
    let s = Scratch::new();
    let whole = std::fs::read(s.picture("whole.png", 40, 30)).expect("readable");
    let cut = s.write("cut.png", &whole[..whole.len() / 2]);
    let text = s.write("text.png", b"Dear diary, today I took no photograph.");
    let empty = s.write("empty.png", b"");
    let missing = s.text("missing.png");
    refused(&s, &cut, &[], IMAGE, &["cut.png"]);
    refused(&s, &text, &[], IMAGE, &["text.png"]);
    refused(&s, &empty, &[], IMAGE, &["empty.png", "empty"]);
    refused(&s, &missing, &[], IMAGE, &["missing.png"]);
}

/// A PNG whose header announces 60,000 x 60,000 pixels.
fn huge() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = b"IHDR".to_vec();
    header.extend(60_000u32.to_be_bytes());
    header.extend(60_000u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    png.extend(13u32.to_be_bytes());
    png.extend(&header);
    png.extend(crc(&header).to_be_bytes());
    png
}

fn crc(data: &[u8]) -> u32 {
    !data.iter().fold(!0u32, |mut c, byte| {
        c ^= u32::from(*byte);
        for _ in 0..8 {
            c = if c & 1 == 1 { 0xEDB8_8320 ^ (c >> 1) } else { c >> 1 };
        }
        c
    })
}

#[test]
fn a_picture_too_large_for_memory() {
    let s = Scratch::new();
    let input = s.write("huge.png", &huge());
    refused(&s, &input, &[], 11, &["huge.png", "60000"]);
}

/// A safetensors file with a `middle_blks.0.sca.1.weight` among a few tensors.
fn checkpoint(tensors: &[(&str, &[usize], f32)]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (name, shape, value) in tensors {
        let start = data.len();
        for _ in 0..shape.iter().product::<usize>() {
            data.extend(value.to_le_bytes());
        }
        header.insert(
            (*name).into(),
            serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}),
        );
    }
    let header = serde_json::Value::from(header).to_string();
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.bytes());
    out.extend(data);
    out
}

/// The shipped denoiser, bent.
fn shipped() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/weights/nafnet-denoise.safetensors")).expect("shipped weights")
}

#[test]
fn unfit_checkpoints() {
    let s = Scratch::new();
    let input = s.picture("in.png", 40, 30);
    let whole = shipped();
    let cut = s.write("cut.safetensors", &whole[..whole.len() - 1000]);
    refused(&s, &input, &["--model", &cut], CHECKPOINT, &["cut.safetensors"]);
    let text = s.write("text.safetensors", b"<html>not found</html>");
    refused(&s, &input, &["--model", &text], CHECKPOINT, &["text.safetensors"]);
    let empty = s.write("empty.safetensors", b"");
    refused(&s, &input, &["--model", &empty], CHECKPOINT, &["empty.safetensors"]);
    let foreign = s.write("foreign.safetensors", &checkpoint(&[("fc.weight", &[2, 2], 1.0)]));
    refused(&s, &input, &["--model", &foreign], CHECKPOINT, &["fc.weight", "restormer"]);
    let misshapen = checkpoint(&[
        ("intro.weight", &[16, 3, 3, 3], 1.0),
        ("intro.bias", &[15], 1.0),
        ("middle_blks.0.sca.1.weight", &[16, 16, 1, 1], 1.0),
    ]);
    let misshapen = s.write("misshapen.safetensors", &misshapen);
    refused(&s, &input, &["--model", &misshapen], CHECKPOINT, &["intro.bias", "[15]"]);
    let words = format!("{}/weights/words.safetensors", env!("CARGO_MANIFEST_DIR"));
    refused(&s, &input, &["--model", &words], CHECKPOINT, &["no network", "--say"]);
}

#[test]
fn weights_that_are_no_numbers() {
    let s = Scratch::new();
    let input = s.picture("in.png", 40, 30);
    let mut bent = shipped();
    // The last bytes are data: two of them make the f16 NaN 0x7FFF.
    let end = bent.len();
    bent[end - 2..].copy_from_slice(&[0xFF, 0x7F]);
    let bent = s.write("nan.safetensors", &bent);
    refused(&s, &input, &["--model", &bent], CHECKPOINT, &["NaN"]);
}

#[test]
fn a_missing_model() {
    let s = Scratch::new();
    let input = s.picture("in.png", 40, 30);
    refused(&s, &input, &["--model", "nosuchmodel"], 6, &["nosuchmodel", "embedded"]);
    refused(&s, &input, &["--model", &s.text("nosuch.safetensors")], 6, &["nosuch.safetensors"]);
}

#[test]
fn unwritable_outputs() {
    let s = Scratch::new();
    let input = s.picture("in.png", 40, 30);
    let exists = s.picture("exists.png", 4, 4);
    let before = std::fs::read(&exists).expect("readable");
    vernis(&["restore", &input, "-o", &exists, "--task", "denoise"]).fails_with(10, &["exists.png", "--overwrite"]);
    assert_eq!(std::fs::read(&exists).expect("readable"), before, "the file was touched");
    let nowhere = s.text("no/such/dir/out.png");
    vernis(&["restore", &input, "-o", &nowhere, "--task", "denoise"]).fails_with(10, &["no/such/dir"]);
    let unknown = s.text("out.xyz");
    vernis(&["restore", &input, "-o", &unknown, "--task", "denoise"]).fails_with(2, &["xyz"]);
}

#[test]
fn outputs_that_are_no_weights_files() {
    let s = Scratch::new();
    let input = s.picture("a.png", 16, 16);
    let prompt = ["prompt", &input, &input, "-o"];
    for output in ["-", &s.text("p.png")] {
        vernis(&[&prompt[..], &[output]].concat()).fails_with(2, &[output, ".safetensors"]);
        vernis(&["convert", "weights/nafnet-denoise.safetensors", "-o", output])
            .fails_with(2, &[output, ".safetensors"]);
    }
    assert!(!std::path::Path::new("-").exists());
}

#[test]
fn requests_that_make_no_sense() {
    let s = Scratch::new();
    let input = s.picture("in.png", 40, 30);
    let out = s.text("out.png");
    vernis(&["restore", &input, "-o", &out]).fails_with(2, &["--task"]);
    vernis(&["restore", &input, "-o", &out, "--task", "deworm"]).fails_with(2, &["deworm", "derain"]);
    vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--strength", "2"]).fails_with(2, &["strength"]);
    vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--device", "quantum"])
        .fails_with(4, &["no adapter is called quantum", "vernis devices"]);
    vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--memory-budget", "100K"]).fails_with(5, &["budget"]);
    vernis(&["restore", &input, "-o", &out, "--model", "nafnet-denoise", "--prompt-pair", &input, &input])
        .fails_with(2, &["example pair"]);
}
