//! Codec cases: what is drawn for a task, and what is read from a drawn picture.

use super::Report;
use crate::base::{Error, Kind, Result};
use crate::diffusion::codecs::{Palette, depth, instance, palette, panoptic, semantic};

pub fn run(report: &mut Report, kind: &str) -> Result<()> {
    match kind {
        "depth" => depth_case(report),
        "semantic" => semantic_case(report),
        "instance" => instance_case(report),
        "panoptic" => panoptic_case(report),
        other => Err(Error::new(Kind::Usage, format!("the case {}", report.case.name))
            .why(format!("the codec '{other}' is not known"))
            .advice("known are depth, semantic, instance and panoptic")),
    }
}

fn ints(bytes: Vec<u8>) -> Vec<i32> {
    bytes.into_iter().map(i32::from).collect()
}

fn rgb_shape(shape: &[usize]) -> Vec<usize> {
    [shape, &[3]].concat()
}

fn depth_case(report: &mut Report) -> Result<()> {
    let range = depth::Range::new(report.number("dmin")?, report.number("dmax")?)?;
    let shape = report.shape("depth")?.to_vec();
    let rgb = range.encode(&report.case.io.f32("depth")?);
    // Pixels that lie on a tie of the rounding may go either way.
    let ties = match report.case.io.shape("depth_halfway") {
        Some(_) => report.ints("depth_halfway")?,
        None => Vec::new(),
    };
    report.whole("rgb", &rgb_shape(&shape), ints(rgb), |i| ties.get(i / 3).is_none_or(|tie| *tie == 0))?;
    let metres = range.decode(&report.picture("pred_rgb255")?);
    report.reals("pred_depth", &shape, metres.into_iter().map(f64::from).collect())
}

fn semantic_case(report: &mut Report) -> Result<()> {
    let sets = report.case.config.get("classes").and_then(|c| c.as_array()).cloned();
    for set in sets.ok_or_else(|| report.lacks("the list 'classes' in config"))? {
        let classes = set.get("C").and_then(|c| c.as_u64()).and_then(|c| u32::try_from(c).ok());
        let classes = classes.ok_or_else(|| report.lacks("'C' of a set of classes"))?;
        let named = |stem: &str| format!("{stem}.{classes}");
        let palette = Palette::new(classes)?;
        check_base(report, classes, set.get("b").and_then(|b| b.as_u64()))?;
        draw_palette(report, &named("palette"), &palette)?;
        let shape = report.shape(&named("labels"))?.to_vec();
        let rgb = semantic::encode(&report.ints(&named("labels"))?, &palette)?;
        report.whole(&named("rgb"), &rgb_shape(&shape), ints(rgb), |_| true)?;
        let decoded = semantic::decode(&report.picture(&named("pred_rgb255"))?, &palette);
        report.whole(&named("decoded"), &shape, decoded, |_| true)?;
    }
    Ok(())
}

/// The base of the digits is not visible in every palette, so a case may state it.
fn check_base(report: &mut Report, count: u32, stated: Option<u64>) -> Result<()> {
    match stated {
        Some(b) if b != u64::from(palette::base(count)) => Err(Error::new(Kind::Guard, format!("{count} colours"))
            .why(format!(
                "the case {} writes them in base {b}, we in base {}",
                report.case.name,
                palette::base(count)
            ))),
        _ => Ok(()),
    }
}

fn draw_palette(report: &mut Report, name: &str, palette: &Palette) -> Result<()> {
    let colours = palette.colours();
    report.whole(name, &[colours.len(), 3], colours.iter().flatten().map(|v| i32::from(*v)).collect(), |_| true)
}

fn instance_case(report: &mut Report) -> Result<()> {
    let palette = instance::palette(report.count("N")?)?;
    draw_palette(report, "palette", &palette)?;
    let shape = report.shape("instances")?.to_vec();
    let width = shape.last().copied().unwrap_or(0);
    let ids = report.ints("instances")?;
    let rgb = instance::encode(&ids, width, &palette, instance::Order::Rank)?;
    report.whole("rgb", &rgb_shape(&shape), ints(rgb), |_| true)?;
    let grid = report.case.config.get("grid_alternative").and_then(|g| g.as_array());
    let cells: Vec<u32> = grid.into_iter().flatten().filter_map(|v| v.as_u64()?.try_into().ok()).collect();
    if let [rows, columns] = cells[..] {
        let rgb = instance::encode(&ids, width, &palette, instance::Order::Grid { rows, columns })?;
        report.whole("rgb_grid", &rgb_shape(&shape), ints(rgb), |_| true)?;
    }
    let seen = report.shape("pred_rgb255")?;
    let seen = seen[..seen.len().saturating_sub(1)].to_vec();
    let decoded = instance::decode(&report.picture("pred_rgb255")?, &palette);
    report.whole("decoded", &seen, decoded, |_| true)
}

fn panoptic_case(report: &mut Report) -> Result<()> {
    let classes = Palette::new(report.count("C")?)?;
    let instances = instance::palette(report.count("N")?)?;
    let things = report.case.config.get("things").and_then(|t| t.as_array());
    let things = things.ok_or_else(|| report.lacks("the list 'things' in config"))?;
    let rules = panoptic::Rules {
        things: things.iter().filter_map(|v| v.as_i64()?.try_into().ok()).collect(),
        min_instance_area: report.count("min_instance_area")? as usize,
        min_stuff_area: report.count("min_stuff_area")? as usize,
    };
    let shape = report.shape("semantic_rgb")?;
    let shape = shape[..shape.len().saturating_sub(1)].to_vec();
    let semantic = semantic::decode(&report.picture("semantic_rgb")?, &classes);
    let instance = instance::decode(&report.picture("instance_rgb")?, &instances);
    let merged = panoptic::merge(&semantic, &instance, &rules)?;
    report.whole("semantic", &shape, semantic, |_| true)?;
    report.whole("instance", &shape, instance, |_| true)?;
    report.whole("panoptic_class", &shape, merged.class, |_| true)?;
    report.whole("panoptic_id", &shape, merged.id, |_| true)
}
