//! What a network that draws answers with: maps of the photograph's size, and the files in which people use them.

use serde_json::{Value, json};

use super::colormap::distinct;
use super::encode::{EncodeOptions, Format, encode};
use super::maps::{depth_colour_png, depth_colours, depth_png, id_png, label_png, palette_png};
use super::overlay::overlay;
use super::picture::Picture;
use super::segments::{Coco, CocoSegment, coco, document, legend};
use crate::base::Result;

/// How much of an overlay is the map; the rest is the photograph.
const OPACITY: f32 = 0.5;

/// The kind of a map; it decides which files there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapKind {
    Depth,
    Labels,
    Segments,
}

impl MapKind {
    /// Endings of the files beside the map itself, in the order of [`Map::files`]: they take the place of the map's
    /// `.png`.
    pub const fn beside(self) -> &'static [&'static str] {
        match self {
            MapKind::Depth | MapKind::Segments => &["color.png", "overlay.png", "json"],
            MapKind::Labels => &["labels.png", "overlay.png", "json"],
        }
    }
}

/// Distances, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct DepthMap {
    pub width: u32,
    pub height: u32,
    /// In the unit of `min` and `max`, metres for the usual checkpoints.
    pub depth: Vec<f32>,
    pub min: f64,
    pub max: f64,
}

/// The class of every pixel, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelMap {
    pub width: u32,
    pub height: u32,
    /// 0 to `classes` - 1; negative where there is none.
    pub labels: Vec<i32>,
    pub classes: u32,
    /// May be shorter than `classes`.
    pub names: Vec<String>,
}

/// The segment of every pixel, in the terms of the COCO panoptic format.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentMap {
    pub width: u32,
    pub height: u32,
    /// 0 where there is no segment.
    pub ids: Vec<u32>,
    pub segments: Vec<CocoSegment>,
    pub classes: u32,
    /// The classes that are counted one by one.
    pub things: Vec<i32>,
    pub names: Vec<String>,
}

impl SegmentMap {
    /// From the class (-1: none) and the instance (0: stuff) of every pixel.
    pub fn new(
        (width, height): (u32, u32),
        class: &[i32],
        instance: &[i32],
        classes: u32,
        things: Vec<i32>,
        names: Vec<String>,
    ) -> Result<SegmentMap> {
        let Coco { ids, segments } = coco(class, instance, width as usize)?;
        Ok(SegmentMap { width, height, ids, segments, classes, things, names })
    }
}

/// A map of the photograph's size.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Map {
    Depth(DepthMap),
    Labels(LabelMap),
    Segments(SegmentMap),
}

impl Map {
    pub const fn kind(&self) -> MapKind {
        match self {
            Map::Depth(_) => MapKind::Depth,
            Map::Labels(_) => MapKind::Labels,
            Map::Segments(_) => MapKind::Segments,
        }
    }

    /// The bytes of all files: the map as a PNG, then those of [`MapKind::beside`]. `photo_name` and `name` are the file
    /// names of the photograph and of the map, for the JSON; `options` are for the overlay, which carries the
    /// photograph's metadata.
    ///
    /// - Depth: 16 bits over its range, a colour-mapped picture, an overlay, the range.
    /// - Labels: palette PNG, class numbers as grey, overlay, legend.
    /// - Segments: COCO ids (R + 256 G + 65536 B), a picture in colours, overlay, COCO panoptic annotation.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::base::Kind::Usage) if the photograph has another size than the map, and
    /// [`Kind::Output`](crate::base::Kind::Output) if a map is too large for PNG.
    pub fn files(
        &self,
        photo: &Picture,
        photo_name: &str,
        name: &str,
        options: &EncodeOptions,
    ) -> Result<Vec<Vec<u8>>> {
        let over = |colours: Vec<Option<[u8; 3]>>, regions: Option<&[u32]>| -> Result<Vec<u8>> {
            Ok(encode(&overlay(photo, &colours, regions, OPACITY)?, Format::Png, options)?.bytes)
        };
        let text = |value: Value| format!("{value:#}\n").into_bytes();
        match self {
            Map::Depth(m) => {
                let (size, values) = ((m.width, m.height), &m.depth);
                let colours = depth_colours(values, m.min, m.max).into_iter().map(Some).collect();
                let about = json!({"image": photo_name, "file_name": name, "kind": "depth", "min": m.min, "max": m.max,
                    "formula": "min + value / 65535 * (max - min)"});
                Ok(vec![
                    depth_png(values, size, m.min, m.max)?,
                    depth_colour_png(values, size, m.min, m.max)?,
                    over(colours, None)?,
                    text(about),
                ])
            }
            Map::Labels(m) => {
                let size = (m.width, m.height);
                let palette: Vec<[u8; 3]> = (0..m.classes).map(distinct).collect();
                let colour = |l: &i32| usize::try_from(*l).ok().and_then(|l| palette.get(l).copied());
                let regions: Vec<u32> = m.labels.iter().map(|l| *l as u32).collect();
                let mut about = json!({"image": photo_name, "file_name": name, "kind": "semantic"});
                if let (Some(about), Value::Object(classes)) =
                    (about.as_object_mut(), legend(&m.labels, &palette, &m.names))
                {
                    about.extend(classes);
                }
                Ok(vec![
                    palette_png(&m.labels, size, &palette)?,
                    label_png(&m.labels, size, m.classes as usize)?,
                    over(m.labels.iter().map(colour).collect(), Some(&regions))?,
                    text(about),
                ])
            }
            Map::Segments(m) => {
                let size = (m.width, m.height);
                let colour = |id: &u32| (*id > 0).then(|| distinct(*id));
                let colours: Vec<Option<[u8; 3]>> = m.ids.iter().map(colour).collect();
                let flat = colours.iter().flat_map(|c| c.unwrap_or_default()).map(|v| f32::from(v) / 255.0).collect();
                let drawn = Picture::from_rgb(m.width, m.height, flat);
                Ok(vec![
                    id_png(&m.ids, size)?,
                    encode(&drawn, Format::Png, &EncodeOptions::default())?.bytes,
                    over(colours, Some(&m.ids))?,
                    text(document(&m.segments, [photo_name, name], size, m.classes, &m.things, &m.names)),
                ])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Kind;

    fn json(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn every_map_has_the_files_of_its_kind() {
        let photo = Picture::from_rgb(2, 2, vec![0.5; 12]);
        let maps = [
            Map::Depth(DepthMap { width: 2, height: 2, depth: vec![0.0, 1.0, 2.0, 4.0], min: 0.0, max: 4.0 }),
            Map::Labels(LabelMap {
                width: 2,
                height: 2,
                labels: vec![0, 1, 1, -1],
                classes: 2,
                names: vec!["wall".into()],
            }),
            Map::Segments(
                SegmentMap::new((2, 2), &[1, 1, 0, -1], &[1, 1, 0, 0], 2, vec![1], vec!["sky".into(), "dog".into()])
                    .unwrap(),
            ),
        ];
        for map in maps {
            let files = map.files(&photo, "photo.jpg", "map.png", &EncodeOptions::default()).unwrap();
            assert_eq!(files.len(), 1 + map.kind().beside().len());
            assert!(files[..3].iter().all(|f| f.starts_with(b"\x89PNG")), "{:?}", map.kind());
            let about = json(files.last().unwrap()).to_string();
            assert!(about.contains("map.png") && about.contains("photo.jpg"), "{about}");
            let other = Picture::from_rgb(3, 2, vec![0.5; 18]);
            assert_eq!(
                map.files(&other, "photo.jpg", "map.png", &EncodeOptions::default()).unwrap_err().kind(),
                Kind::Usage
            );
        }
    }

    #[test]
    fn the_json_says_what_the_values_mean() {
        let photo = Picture::from_rgb(2, 1, vec![0.5; 6]);
        let about =
            |map: Map| json(map.files(&photo, "p.jpg", "m.png", &EncodeOptions::default()).unwrap().last().unwrap());
        let depth = about(Map::Depth(DepthMap { width: 2, height: 1, depth: vec![1.0, 2.0], min: 0.5, max: 9.0 }));
        assert_eq!((depth["min"].as_f64(), depth["max"].as_f64()), (Some(0.5), Some(9.0)));
        let names = vec!["wall".to_string(), "sky".to_string()];
        let labels = LabelMap { width: 2, height: 1, labels: vec![1, 1], classes: 2, names };
        let labels = about(Map::Labels(labels));
        assert_eq!((&labels["file_name"], &labels["classes"][0]["name"]), (&json!("m.png"), &json!("sky")));
        let segments = SegmentMap::new((2, 1), &[0, 3], &[4, 0], 4, vec![0], Vec::new()).unwrap();
        let segments = about(Map::Segments(segments));
        assert_eq!(segments["annotations"][0]["segments_info"][0]["id"], 4);
        assert_eq!(segments["categories"][3], json!({"id": 3, "name": "class 3", "isthing": 0}));
    }
}
