//! What the network drew, read as its task says and brought to the photograph's size.

use crate::base::Result;
use crate::diffusion::codecs::task::{Codec, Task};
use crate::diffusion::codecs::{Palette, instance, panoptic, rgb, semantic};
use crate::image::resample::{bilinear, nearest};
use crate::image::{DepthMap, LabelMap, Map, MapKind, Picture, SegmentMap};
use crate::run::guard;

/// A drawing, read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// A restored picture.
    Picture(Picture),
    Map(Map),
}

/// The kind of map that a task answers with; None where it answers with a picture.
pub fn kind(codec: &Codec) -> Option<MapKind> {
    match codec {
        Codec::Rgb => None,
        Codec::Depth(_) => Some(MapKind::Depth),
        Codec::Semantic { .. } => Some(MapKind::Labels),
        Codec::Instance { .. } | Codec::Panoptic { .. } => Some(MapKind::Segments),
    }
}

/// Reads `x0`, one drawing of `target` (height, width) for every prompt. Decoded at that size and then enlarged, as a
/// label between two labels would be a third: labels to the nearest, depth and pictures bilinearly.
pub fn answer(task: &Task, x0: &[f64], target: [u32; 2], photo: &Picture) -> Result<Answer> {
    let (width, height) = (photo.width, photo.height);
    let from = (target[1] as usize, target[0] as usize);
    let to = (width as usize, height as usize);
    let names = task.class_names.clone();
    let drawn = rgb::from_planes(&x0[..x0.len() / task.prompts.len()]);
    Ok(Answer::Map(match &task.codec {
        Codec::Rgb => return picture(bilinear(&drawn, 3, from, to), photo).map(Answer::Picture),
        Codec::Depth(range) => Map::Depth(DepthMap {
            width,
            height,
            depth: bilinear(&range.decode(&drawn), 1, from, to),
            min: range.min(),
            max: range.max(),
        }),
        Codec::Semantic { classes } => {
            let labels = semantic::decode(&drawn, &Palette::new(*classes)?);
            Map::Labels(LabelMap { width, height, labels: nearest(&labels, from, to), classes: *classes, names })
        }
        Codec::Instance { instances } => {
            let found = nearest(&instance::decode(&drawn, &instance::palette(*instances)?), from, to);
            // Instances without classes are things of one class.
            let class: Vec<i32> = found.iter().map(|id| if *id > 0 { 0 } else { -1 }).collect();
            let names = if names.is_empty() { vec!["object".into()] } else { names };
            Map::Segments(SegmentMap::new((width, height), &class, &found, 1, vec![0], names)?)
        }
        Codec::Panoptic { classes, instances, rules } => {
            let semantic = semantic::decode(&drawn, &Palette::new(*classes)?);
            let second = rgb::from_planes(&x0[x0.len() / 2..]);
            let instance = instance::decode(&second, &instance::palette(*instances)?);
            let merged = panoptic::merge(&semantic, &instance, rules)?;
            let [class, id] = [merged.class, merged.id].map(|map| nearest(&map, from, to));
            Map::Segments(SegmentMap::new((width, height), &class, &id, *classes, rules.things.clone(), names)?)
        }
    }))
}

/// A restoration of the photograph from interleaved 0..255: alpha and metadata stay, grey stays grey.
pub fn picture(rgb255: Vec<f32>, photo: &Picture) -> Result<Picture> {
    let mut rgb = rgb255;
    rgb.iter_mut().for_each(|v| *v /= 255.0);
    guard::check(&photo.rgb, &rgb, "the drawing")?;
    if photo.gray {
        rgb.chunks_exact_mut(3).for_each(|p| p.fill((p[0] + p[1] + p[2]) / 3.0));
    }
    Ok(Picture { rgb, ..photo.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const SIZE: [u32; 2] = [2, 2];

    fn read(block: Value, drawings: &[[[u8; 3]; 4]]) -> Answer {
        let task = Task::from_json("t", &block).unwrap();
        let x0: Vec<f64> = drawings.iter().flat_map(|d| rgb::to_planes(&d.concat())).collect();
        let photo = Picture { gray: true, ..Picture::from_rgb(4, 4, (0..48).map(|v| v as f32 / 48.0).collect()) };
        answer(&task, &x0, SIZE, &photo).unwrap()
    }

    #[test]
    fn depth_is_bilinear_and_labels_are_nearest() {
        let block = json!({"prompt": "p", "codec": "depth", "min": 0, "max": 10});
        let Answer::Map(Map::Depth(map)) = read(block, &[[[0; 3], [255; 3], [0; 3], [255; 3]]]) else { panic!() };
        let row: Vec<f32> = map.depth[..4].to_vec();
        assert!(row.iter().zip([0.0, 2.5, 7.5, 10.0]).all(|(a, b)| (a - b).abs() < 1e-5), "{row:?}");
        let block = json!({"prompt": "p", "codec": "semantic", "classes": 2, "class_names": ["wall", "sky"]});
        let blue = [0, 0, 128];
        let Answer::Map(Map::Labels(map)) = read(block, &[[[0; 3], blue, blue, [0; 3]]]) else { panic!() };
        assert_eq!(map.labels, [0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0]);
        assert_eq!(map.names, ["wall", "sky"]);
    }

    #[test]
    fn instances_and_panoptic_are_segments() {
        // Two colours for one instance and nothing: base 2, so entry 1 is (0, 0, 128).
        let thing = [0, 0, 128];
        let block = json!({"prompt": "p", "codec": "instance", "instances": 1});
        let Answer::Map(Map::Segments(map)) = read(block, &[[[0; 3], thing, [0; 3], thing]]) else { panic!() };
        assert_eq!((map.segments.len(), map.segments[0].area, map.segments[0].bbox), (1, 8, [2, 0, 2, 4]));
        let block = json!({"prompts": ["a", "b"], "codec": "panoptic", "classes": 2, "instances": 1, "things": [1]});
        let drawings = [[[0; 3], thing, [0; 3], thing], [[0; 3], thing, [0; 3], [0; 3]]];
        let Answer::Map(Map::Segments(map)) = read(block, &drawings) else { panic!() };
        let list: Vec<_> = map.segments.iter().map(|s| (s.id, s.class, s.thing, s.area)).collect();
        assert_eq!(list, [(1, 1, true, 4), (2, 0, false, 8)]);
        assert_eq!(map.ids.iter().filter(|id| **id == 0).count(), 4, "a thing without an instance is void");
    }

    #[test]
    fn grey_stays_grey_and_one_colour_is_refused() {
        let block = json!({"prompt": "p", "codec": "rgb"});
        let drawing = [[10, 20, 30], [200, 100, 0], [0; 3], [255; 3]];
        let Answer::Picture(picture) = read(block, &[drawing]) else { panic!() };
        assert!(picture.gray && picture.rgb.chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]));
        let photo = Picture::from_rgb(2, 1, vec![0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        let refused = super::picture(vec![7.0; 6], &photo).unwrap_err();
        assert_eq!(refused.kind(), crate::base::Kind::Guard);
    }
}
