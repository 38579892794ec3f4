//! Segments in words: the COCO panoptic format, and the legend of a label map.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::{Error, Kind, Result};

/// A panoptic answer in COCO's terms: an id for every pixel (0: none) and one entry a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Coco {
    pub ids: Vec<u32>,
    pub segments: Vec<CocoSegment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CocoSegment {
    pub id: u32,
    pub class: i32,
    pub thing: bool,
    pub area: usize,
    /// Left, top, width, height.
    pub bbox: [usize; 4],
}

/// From the class (-1: none) and the instance (0: stuff) of every pixel, `width` pixels a row. Things keep their
/// numbers, stuff classes are numbered after them, so every segment has an id of its own.
pub fn coco(class: &[i32], instance: &[i32], width: usize) -> Result<Coco> {
    if class.len() != instance.len() || width == 0 || !class.len().is_multiple_of(width) {
        let what = format!("a panoptic map of {} classes and {} instances", class.len(), instance.len());
        return Err(Error::new(Kind::Usage, what).why(format!("they must fill the same rows of {width} pixels")));
    }
    let things = instance.iter().copied().max().unwrap_or(0).max(0) as u32;
    let mut stuff: BTreeMap<i32, u32> = BTreeMap::new();
    for (class, _) in class.iter().zip(instance).filter(|(class, instance)| **class >= 0 && **instance <= 0) {
        stuff.insert(*class, 0);
    }
    for (id, number) in stuff.values_mut().zip(things + 1..) {
        *id = number;
    }
    let mut segments: BTreeMap<u32, CocoSegment> = BTreeMap::new();
    let mut ids = Vec::with_capacity(class.len());
    for (i, (class, instance)) in class.iter().zip(instance).enumerate() {
        let id = match class {
            ..0 => 0,
            _ if *instance > 0 => *instance as u32,
            class => stuff.get(class).copied().unwrap_or(0),
        };
        ids.push(id);
        if id == 0 {
            continue;
        }
        let (x, y) = (i % width, i / width);
        let new = CocoSegment { id, class: *class, thing: *instance > 0, area: 0, bbox: [x, y, 1, 1] };
        let segment = segments.entry(id).or_insert(new);
        segment.area += 1;
        let [left, top, wide, _] = segment.bbox;
        let right = (left + wide).max(x + 1);
        let left = left.min(x);
        segment.bbox = [left, top, right - left, y + 1 - top];
    }
    Ok(Coco { ids, segments: segments.into_values().collect() })
}

/// A whole annotation file for one picture, as `panoptic_*.json`: what the evaluation tools of COCO read. `classes`
/// counts the categories, `names` may have fewer; the photograph and the map have file names of their own.
pub fn document(
    segments: &[CocoSegment],
    [photo, map]: [&str; 2],
    (width, height): (u32, u32),
    classes: u32,
    things: &[i32],
    names: &[String],
) -> Value {
    let category = |id: i32| {
        let called = name(names, id).map_or_else(|| format!("class {id}"), str::to_owned);
        json!({"id": id, "name": called, "isthing": i32::from(things.contains(&id))})
    };
    let segment = |s: &CocoSegment| {
        let mut entry = json!({"id": s.id, "category_id": s.class, "isthing": i32::from(s.thing), "area": s.area,
            "bbox": s.bbox, "iscrowd": 0});
        if let Some(name) = name(names, s.class) {
            entry["category_name"] = json!(name);
        }
        entry
    };
    let segments: Vec<Value> = segments.iter().map(segment).collect();
    json!({
        "images": [{"id": 1, "file_name": photo, "width": width, "height": height}],
        "annotations": [{"image_id": 1, "file_name": map, "segments_info": segments}],
        "categories": (0..classes as i32).map(category).collect::<Vec<_>>(),
    })
}

/// Which number and colour stands for which class, and how much of the picture it covers; classes that are not in the
/// picture are left out.
pub fn legend(labels: &[i32], colours: &[[u8; 3]], names: &[String]) -> Value {
    let mut counts: BTreeMap<i32, usize> = BTreeMap::new();
    for label in labels {
        *counts.entry((*label).max(-1)).or_default() += 1;
    }
    let share = |count: usize| count as f64 / labels.len().max(1) as f64;
    let void = counts.remove(&-1).unwrap_or(0);
    let class = |(label, count): (&i32, &usize)| {
        let [r, g, b] = colours.get(*label as usize).copied().unwrap_or_default();
        let mut entry = json!({"id": label, "colour": format!("#{r:02x}{g:02x}{b:02x}"), "rgb": [r, g, b],
            "pixels": count, "share": share(*count)});
        if let Some(name) = name(names, *label) {
            entry["name"] = json!(name);
        }
        entry
    };
    let mut out = json!({"classes": counts.iter().map(class).collect::<Vec<_>>()});
    if void > 0 {
        out["unlabelled"] = json!({"pixels": void, "share": share(void)});
    }
    out
}

fn name(names: &[String], class: i32) -> Option<&str> {
    names.get(usize::try_from(class).ok()?).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_segment_has_its_id_area_and_box() {
        let class = [
            0, 0, 5, -1, //
            2, 0, 5, 3, //
            2, 0, 3, 3,
        ];
        let instance = [
            1, 1, 0, 0, //
            2, 1, 0, 0, //
            2, 1, 0, 0,
        ];
        let out = coco(&class, &instance, 4).unwrap();
        assert_eq!(out.ids, [1, 1, 4, 0, 2, 1, 4, 3, 2, 1, 3, 3]);
        let list: Vec<_> = out.segments.iter().map(|s| (s.id, s.class, s.thing, s.area, s.bbox)).collect();
        assert_eq!(
            list,
            [
                (1, 0, true, 4, [0, 0, 2, 3]),
                (2, 2, true, 2, [0, 1, 1, 2]),
                (3, 3, false, 3, [2, 1, 2, 2]),
                (4, 5, false, 2, [2, 0, 1, 2])
            ]
        );
        let names: Vec<String> = ["person", "car", "dog", "sky"].map(String::from).to_vec();
        let json = &document(&out.segments, ["a.jpg", "a.png"], (4, 3), 6, &[0, 2], &names);
        assert_eq!(json["images"][0], json!({"id": 1, "file_name": "a.jpg", "width": 4, "height": 3}));
        assert_eq!(json["categories"].as_array().map(Vec::len), Some(6));
        assert_eq!(json["categories"][2], json!({"id": 2, "name": "dog", "isthing": 1}));
        let json = &json["annotations"][0];
        assert_eq!(json["file_name"], "a.png");
        assert_eq!(json["segments_info"][1]["category_name"], "dog");
        assert_eq!(json["segments_info"][2]["isthing"], 0);
        assert_eq!(json["segments_info"][3].get("category_name"), None, "a class without a name");
        assert_eq!(
            json["segments_info"].as_array().unwrap().iter().map(|s| s["area"].as_u64().unwrap()).sum::<u64>(),
            11
        );
    }

    #[test]
    fn sizes_must_agree() {
        assert!(coco(&[0; 4], &[0; 3], 2).is_err());
        assert!(coco(&[0; 5], &[0; 5], 2).is_err());
        assert!(coco(&[], &[], 0).is_err());
        assert!(coco(&[-1, -1], &[0, 0], 2).unwrap().segments.is_empty());
    }

    #[test]
    fn the_legend_names_what_is_there() {
        let names = ["wall".to_string(), "sky".to_string()];
        let legend = legend(&[1, 1, 0, -1], &[[0, 0, 0], [0, 128, 255]], &names);
        assert_eq!(
            legend["classes"][1],
            json!({"id": 1, "colour": "#0080ff", "rgb": [0, 128, 255], "pixels": 2,
            "share": 0.5, "name": "sky"})
        );
        assert_eq!(legend["unlabelled"]["pixels"], 1);
    }
}
