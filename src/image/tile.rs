//! Where the tiles of a picture lie. Pure geometry.

/// The input window of a tile, overlap included, inside the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    pub x: u32,
    pub y: u32,
    pub w: u32,
    pub h: u32,
}

/// Covers `width` x `height` with windows of one size, so that one GPU plan serves all of them.
///
/// * An axis that fits into `tile` is one window over the whole axis, whatever its size.
/// * Otherwise the window is `tile` rounded down to a multiple of `multiple` (at least one multiple), and the windows
///   are spread evenly so that neighbours share at least `overlap` pixels. An overlap that leaves no step is lowered
///   until the step is one pixel.
/// * Windows start at multiples of `multiple` where the step allows it, so that strided layers see the same phase as in
///   the whole picture; only the last one is off the grid, and only when the axis is not a multiple itself. Pad first
///   to have them all on it.
///
/// The order is row by row. An empty picture has no tiles.
pub fn plan(width: u32, height: u32, tile: u32, overlap: u32, multiple: u32) -> Vec<Tile> {
    grid(axis(width, tile, overlap, multiple), axis(height, tile, overlap, multiple))
}

/// [`plan`] with windows of at most `tile`, as small as that number of them allows: none of them computes more overlap
/// than was asked for. 1024 pixels in windows of 512 that share 32 take three, and three of 368 do.
pub fn plan_even(width: u32, height: u32, tile: u32, overlap: u32, multiple: u32) -> Vec<Tile> {
    let even = |size: u32| axis(size, least(size, tile, overlap, multiple), overlap, multiple);
    grid(even(width), even(height))
}

fn grid((w, columns): (u32, Vec<u32>), (h, rows): (u32, Vec<u32>)) -> Vec<Tile> {
    rows.iter().flat_map(|&y| columns.iter().map(move |&x| Tile { x, y, w, h })).collect()
}

/// The smallest window that covers an axis as often as `tile` does.
fn least(size: u32, tile: u32, overlap: u32, multiple: u32) -> u32 {
    let multiple = multiple.max(1);
    let count = axis(size, tile, overlap, multiple).1.len();
    if count < 2 {
        return tile;
    }
    let share = u64::from(size) + (count as u64 - 1) * u64::from(overlap);
    let first = (share / count as u64).min(u64::from(tile)) as u32 / multiple * multiple;
    let mut windows = (first.max(multiple)..tile).step_by(multiple as usize);
    windows.find(|w| axis(size, *w, overlap, multiple).1.len() <= count).unwrap_or(tile)
}

/// Window size and starts along one axis.
fn axis(size: u32, tile: u32, overlap: u32, multiple: u32) -> (u32, Vec<u32>) {
    let multiple = multiple.max(1);
    let tile = (tile / multiple * multiple).max(multiple);
    if size == 0 {
        return (0, Vec::new());
    }
    if size <= tile {
        return (size, vec![0]);
    }
    let step = tile - overlap.min(tile - 1);
    let grid = if step >= multiple { multiple } else { 1 };
    // In units of the grid: the largest step allowed, and the start of the last window rounded up.
    let (step, last) = (step / grid, u64::from((size - tile).div_ceil(grid)));
    let gaps = last.div_ceil(u64::from(step));
    let start = |i: u64| u32::try_from(i * last / gaps).unwrap_or(u32::MAX).saturating_mul(grid);
    (tile, (0..=gaps).map(|i| start(i).min(size - tile)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small counter-based generator: the cases are the same on every machine.
    fn noise(i: u32) -> u32 {
        let mut v = i.wrapping_mul(0x9e37_79b9) ^ 0x85eb_ca6b;
        v = (v ^ (v >> 16)).wrapping_mul(0x7feb_352d);
        v = (v ^ (v >> 15)).wrapping_mul(0x846c_a68b);
        v ^ (v >> 16)
    }

    #[test]
    fn a_picture_that_fits_is_one_tile() {
        assert_eq!(plan(200, 100, 256, 32, 16), [Tile { x: 0, y: 0, w: 200, h: 100 }]);
        assert_eq!(plan(1, 1, 256, 32, 16), [Tile { x: 0, y: 0, w: 1, h: 1 }]);
        assert!(plan(0, 5, 256, 32, 16).is_empty());
    }

    #[test]
    fn only_the_long_axis_is_cut() {
        let tiles = plan(512, 100, 256, 32, 16);
        assert_eq!(tiles.len(), 3);
        assert!(tiles.iter().all(|t| t.h == 100 && t.w == 256 && t.x % 16 == 0));
    }

    #[test]
    fn properties_hold_for_many_plans() {
        for i in 0..4000 {
            let pick = |k: u32, n: u32| noise(i * 8 + k) % n;
            let (width, height) = (1 + pick(0, 700), 1 + pick(1, 700));
            let multiple = 1 << pick(2, 6);
            let tile = 1 + pick(3, 300);
            let overlap = pick(4, 100);
            let case = format!("{width}x{height} tile {tile} overlap {overlap} multiple {multiple}");
            let tiles = plan(width, height, tile, overlap, multiple);
            let (w, h) = (tiles[0].w, tiles[0].h);
            let rounded = (tile / multiple * multiple).max(multiple);
            assert!(tiles.iter().all(|t| t.w == w && t.h == h), "one size: {case}");
            assert!(tiles.iter().all(|t| t.x + w <= width && t.y + h <= height), "inside: {case}");
            assert!(w == width && w <= rounded || w == rounded, "size: {case}");
            let columns: Vec<u32> = tiles.iter().take_while(|t| t.y == tiles[0].y).map(|t| t.x).collect();
            let rows: Vec<u32> = tiles.iter().step_by(columns.len()).map(|t| t.y).collect();
            assert_eq!(columns.len() * rows.len(), tiles.len(), "a grid: {case}");
            for (starts, size, tile) in [(&columns, width, w), (&rows, height, h)] {
                assert_eq!((starts[0], starts[starts.len() - 1]), (0, size - tile), "covers: {case}");
                for pair in starts.windows(2) {
                    assert!(pair[1] > pair[0], "distinct: {case}");
                    assert!(pair[0] + tile - pair[1] >= overlap.min(tile - 1), "overlap: {case} {starts:?}");
                }
                if size % multiple == 0 && tile - overlap.min(tile - 1) >= multiple {
                    assert!(starts.iter().all(|s| s % multiple == 0), "phase: {case} {starts:?}");
                }
            }
        }
    }

    #[test]
    fn even_windows_are_no_more_and_no_larger() {
        let tiles = plan_even(1024, 1000, 512, 32, 16);
        assert_eq!((tiles.len(), tiles[0].w, tiles[0].h), (9, 368, 360 + 8));
        for i in 0..2000 {
            let pick = |k: u32, n: u32| noise(i * 8 + k) % n;
            let (width, multiple) = (1 + pick(0, 900), 1 << pick(2, 6));
            let (tile, overlap) = (multiple * (1 + pick(3, 12)), pick(4, 60));
            let case = format!("{width} tile {tile} overlap {overlap} multiple {multiple}");
            let (plain, even) = (plan(width, 1, tile, overlap, multiple), plan_even(width, 1, tile, overlap, multiple));
            assert!(even.len() <= plain.len() && even[0].w <= plain[0].w, "{case}");
            assert_eq!(even.last().map(|t| t.x + t.w), Some(width), "covers: {case}");
            let short = even.windows(2).any(|p| p[0].x + p[0].w < p[1].x + overlap.min(even[0].w - 1));
            assert!(!short, "overlap: {case} {even:?}");
            assert!(even.len() == 1 || even[0].w.is_multiple_of(multiple), "phase: {case}");
        }
    }

    #[test]
    fn huge_axes_do_not_overflow() {
        let tiles = plan(u32::MAX, 8, 1 << 20, 64, 64);
        assert_eq!(tiles.last().map(|t| t.x + t.w), Some(u32::MAX));
    }
}
