//! Instance segmentation: each thing has a colour by where it lies, so that a network can know it without counting.

use std::collections::BTreeMap;

use super::palette::Palette;
use crate::base::{Error, Kind, Result};

/// How a place becomes a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In reading order of the centres: the first colour is the upper left instance.
    Rank,
    /// The cell that holds the centre; two instances in one cell share a colour.
    Grid { rows: u32, columns: u32 },
}

/// Sums over the pixels of an instance. Centres are compared as fractions, without rounding.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    rows: u64,
    columns: u64,
    area: u64,
}

/// The palette of at most `most` instances: entry 0 is the background.
pub fn palette(most: u32) -> Result<Palette> {
    Palette::new(most.saturating_add(1))
}

/// Draws a map of instance ids (0: none), `width` pixels a row. Instances beyond the palette become background.
pub fn encode(ids: &[i32], width: usize, palette: &Palette, order: Order) -> Result<Vec<u8>> {
    let entries = entries(ids, width, palette, order)?;
    Ok(palette.draw(ids.iter().map(|id| entries.get(id).copied().unwrap_or(0))))
}

/// The palette entry of every pixel: its instance, or 0.
pub fn decode(rgb255: &[f32], palette: &Palette) -> Vec<i32> {
    palette.decode(rgb255).into_iter().map(|entry| entry as i32).collect()
}

/// The palette entry of every instance id.
fn entries(ids: &[i32], width: usize, palette: &Palette, order: Order) -> Result<BTreeMap<i32, u32>> {
    let most = palette.colours().len() as u32 - 1;
    if width == 0 || !ids.len().is_multiple_of(width) {
        let what = format!("an instance map of {} pixels", ids.len());
        return Err(Error::new(Kind::Usage, what).why(format!("its rows of {width} pixels do not come out even")));
    }
    let mut places: BTreeMap<i32, Place> = BTreeMap::new();
    for (i, id) in ids.iter().enumerate().filter(|(_, id)| **id != 0) {
        let place = places.entry(*id).or_default();
        place.rows += (i / width) as u64;
        place.columns += (i % width) as u64;
        place.area += 1;
    }
    let mut list: Vec<(i32, Place)> = places.into_iter().collect();
    match order {
        Order::Rank => {
            list.sort_by(|(a, p), (b, q)| {
                let by = |sum: fn(&Place) -> u64| {
                    (u128::from(sum(p)) * u128::from(q.area)).cmp(&(u128::from(sum(q)) * u128::from(p.area)))
                };
                by(|p| p.rows).then(by(|p| p.columns)).then(a.cmp(b))
            });
            Ok(list.into_iter().zip(1..=most).map(|((id, _), entry)| (id, entry)).collect())
        }
        Order::Grid { rows, columns } => {
            if u64::from(rows) * u64::from(columns) > u64::from(most) {
                let why = format!("it has more cells than the {most} colours");
                return Err(Error::new(Kind::Usage, format!("an instance grid of {rows} x {columns}")).why(why));
            }
            let height = (ids.len() / width) as u128;
            let cell = |sum: u64, area: u64, cells: u32, side: u128| {
                (u128::from(sum) * u128::from(cells) / (u128::from(area) * side)) as u32
            };
            let entry = |(id, p): (i32, Place)| {
                let row = cell(p.rows, p.area, rows, height);
                (id, row * columns + cell(p.columns, p.area, columns, width as u128) + 1)
            };
            Ok(list.into_iter().map(entry).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: [i32; 12] = [
        9, 9, 0, 4, //
        9, 9, 0, 4, //
        0, 2, 2, 0,
    ];

    #[test]
    fn ranks_run_in_reading_order_of_centres() {
        let palette = palette(7).unwrap();
        let ranks = entries(&MAP, 4, &palette, Order::Rank).unwrap();
        // 9 and 4 lie at mean row 0.5; 9 is further left.
        assert_eq!(ranks, BTreeMap::from([(9, 1), (4, 2), (2, 3)]));
        let drawn: Vec<f32> = encode(&MAP, 4, &palette, Order::Rank).unwrap().into_iter().map(f32::from).collect();
        assert_eq!(decode(&drawn, &palette), [1, 1, 0, 2, 1, 1, 0, 2, 0, 3, 3, 0]);
    }

    #[test]
    fn equal_centres_are_ordered_by_id_and_the_surplus_is_dropped() {
        let ring = [5, 5, 5, 5, 3, 5, 5, 5, 5];
        let palette = palette(1).unwrap();
        assert_eq!(entries(&ring, 3, &palette, Order::Rank).unwrap(), BTreeMap::from([(3, 1)]));
    }

    #[test]
    fn a_grid_gives_its_cells() {
        let palette = palette(6).unwrap();
        let grid = Order::Grid { rows: 3, columns: 2 };
        assert_eq!(entries(&MAP, 4, &palette, grid).unwrap(), BTreeMap::from([(9, 1), (4, 2), (2, 5)]));
        let large = Order::Grid { rows: 4, columns: 2 };
        assert!(encode(&MAP, 4, &palette, large).unwrap_err().to_string().contains("more cells"));
        assert!(encode(&MAP, 5, &palette, Order::Rank).is_err());
        assert!(encode(&[], 0, &palette, Order::Rank).is_err());
    }
}
