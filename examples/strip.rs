//! Puts pictures of one height side by side, such as before and after, or with --down those of one width below each other:
//!
//!     cargo run --release --example strip -- before.png after.png -o strip.jpg
//!     cargo run --release --example strip -- --down first.jpg second.jpg -o all.jpg

use std::process::ExitCode;

use vernis::{EncodeOptions, Error, Format, Kind, Limits, Picture, Result, decode_file, encode, write_atomic};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [inputs @ .., flag, output] = &arguments[..] else { return usage() };
    let (down, inputs) = match inputs {
        [first, rest @ ..] if first == "--down" => (true, rest),
        all => (false, all),
    };
    if inputs.is_empty() || flag != "-o" {
        return usage();
    }
    match strip(inputs, output, down) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(e.kind().exit_code())
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: strip [--down] PICTURE... -o OUT");
    ExitCode::from(Kind::Usage.exit_code())
}

fn strip(inputs: &[String], output: &str, down: bool) -> Result<()> {
    let pictures = inputs.iter().map(|path| decode_file(path, &Limits::default())).collect::<Result<Vec<Picture>>>()?;
    let (what, shared) = if down { ("width", pictures[0].width) } else { ("height", pictures[0].height) };
    let across = |p: &Picture| if down { p.width } else { p.height };
    if let Some(other) = pictures.iter().find(|p| across(p) != shared) {
        return Err(Error::new(Kind::Image, format!("the pictures differ in {what}"))
            .why(format!("{shared} and {} pixels", across(other))));
    }
    let all = if down { below(&pictures) } else { beside(&pictures) };
    let encoded = encode(&all, Format::from_path(output)?, &EncodeOptions::default())?;
    write_atomic(output, &encoded.bytes, true)
}

fn below(pictures: &[Picture]) -> Picture {
    let rgb = pictures.iter().flat_map(|p| p.rgb.iter().copied()).collect();
    Picture::from_rgb(pictures[0].width, pictures.iter().map(|p| p.height).sum(), rgb)
}

fn beside(pictures: &[Picture]) -> Picture {
    let row = |p: &Picture, y: u32| {
        let stride = 3 * p.width as usize;
        p.rgb[y as usize * stride..][..stride].to_vec()
    };
    let height = pictures[0].height;
    let rgb = (0..height).flat_map(|y| pictures.iter().flat_map(move |p| row(p, y))).collect();
    Picture::from_rgb(pictures.iter().map(|p| p.width).sum(), height, rgb)
}
