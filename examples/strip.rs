//! Puts pictures of one height side by side, such as before and after:
//!
//!     cargo run --release --example strip -- before.png after.png -o strip.jpg

use std::process::ExitCode;

use vernis::{EncodeOptions, Error, Format, Kind, Limits, Picture, Result, decode_file, encode, write_atomic};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [inputs @ .., flag, output] = &arguments[..] else { return usage() };
    if inputs.is_empty() || flag != "-o" {
        return usage();
    }
    match strip(inputs, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(e.kind().exit_code())
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: strip PICTURE... -o OUT");
    ExitCode::from(Kind::Usage.exit_code())
}

fn strip(inputs: &[String], output: &str) -> Result<()> {
    let pictures = inputs.iter().map(|path| decode_file(path, &Limits::default())).collect::<Result<Vec<Picture>>>()?;
    let height = pictures[0].height;
    if let Some(other) = pictures.iter().find(|p| p.height != height) {
        return Err(Error::new(Kind::Image, "the pictures differ in height")
            .why(format!("{height} and {} pixels", other.height)));
    }
    let row = |p: &Picture, y: u32| {
        let stride = 3 * p.width as usize;
        p.rgb[y as usize * stride..][..stride].to_vec()
    };
    let rgb = (0..height).flat_map(|y| pictures.iter().flat_map(move |p| row(p, y))).collect();
    let strip = Picture::from_rgb(pictures.iter().map(|p| p.width).sum(), height, rgb);
    let encoded = encode(&strip, Format::from_path(output)?, &EncodeOptions::default())?;
    write_atomic(output, &encoded.bytes, true)
}
