//! Two pictures: where kernels stand under the roof, and where the time of a network goes.

use std::fmt::Write as _;

use super::report::{Group, Report, Row};
use super::roof::{Roof, Share};

const INK: &str = "#1f2933";
const SOFT: &str = "#7b8794";
const LINE: &str = "#e4e7eb";
/// Colours that stay apart for most eyes, one for each family of kernels.
const COLOURS: [(&str, &str); 7] = [
    ("matmul", "#2f6fde"),
    ("conv", "#e0742b"),
    ("attention", "#8a4fc7"),
    ("norm", "#1f9d76"),
    ("reduce", "#c0398b"),
    ("resample", "#b08900"),
    ("elementwise", "#5f6c7b"),
];

fn colour(op: &str) -> &'static str {
    let group = op.split('/').next().unwrap_or(op);
    COLOURS.iter().find(|(g, _)| *g == group).map_or(SOFT, |(_, c)| c)
}

struct Canvas {
    body: String,
    width: f64,
    height: f64,
}

impl Canvas {
    fn new(width: f64, height: f64) -> Canvas {
        Canvas { body: String::new(), width, height }
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
        let _ = writeln!(
            self.body,
            r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}" stroke="{colour}" stroke-width="{width}"/>"#,
            from.0, from.1, to.0, to.1
        );
    }

    fn rect(&mut self, x: f64, y: f64, w: f64, h: f64, colour: &str) {
        let w = w.max(0.5);
        let _ = writeln!(
            self.body,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}" rx="3" fill="{colour}"/>"#
        );
    }

    fn dot(&mut self, x: f64, y: f64, r: f64, colour: &str) {
        let _ = writeln!(
            self.body,
            r##"<circle cx="{x:.1}" cy="{y:.1}" r="{r:.1}" fill="{colour}" fill-opacity="0.85" stroke="#fff" stroke-width="1.2"/>"##
        );
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, style: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(self.body, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" {style}>{text}</text>"#);
    }

    fn finish(self) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\" \
             font-family=\"Inter, 'Helvetica Neue', Arial, sans-serif\" font-size=\"13\" fill=\"{INK}\">\n\
             <rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            self.body,
            w = self.width,
            h = self.height,
        )
    }
}

const TITLE: &str = r#"font-size="19" font-weight="600""#;
const NOTE: &str = r##"font-size="12" fill="#7b8794""##;
const PLAIN: &str = "";

/// One line on what a picture was measured with.
fn caption(report: &Report) -> String {
    let s = &report.stamp;
    let software = if s.software { ", software adapter" } else { "" };
    format!("{}, {}{software}, suite {} {}, {}", s.engine, s.adapter, report.suite, report.kind, s.utc)
}

/// `0.1`, `10`, `1k`.
fn tick(v: f64) -> String {
    if v >= 1e6 {
        format!("{}M", v / 1e6)
    } else if v >= 1e3 {
        format!("{}k", v / 1e3)
    } else {
        format!("{v}")
    }
}

/// A point under the roof.
struct Point<'a> {
    label: &'a str,
    op: &'a str,
    intensity: f64,
    gflops: f64,
}

fn points(report: &Report) -> Vec<Point<'_>> {
    let of = |label, s: &Share| {
        let seconds = s.ms * 1e-3;
        (s.flops > 0 && s.bytes > 0 && seconds > 0.0)
            .then(|| (label, s.flops as f64 / s.bytes as f64, s.flops as f64 / seconds * 1e-9))
    };
    let rows = report.rows.iter().filter(|r| r.group == Group::Kernel);
    let suite = rows.flat_map(|r| r.kernels.iter().map(move |s| (r.name.as_str(), s)));
    let mut found: Vec<(&str, &Share)> = suite.collect();
    if found.is_empty() {
        // One network alone: its own kernels.
        found = report.rows.iter().take(1).flat_map(|r| r.kernels.iter().map(|s| (s.op.as_str(), s))).collect();
    }
    found
        .into_iter()
        .filter_map(|(label, s)| {
            of(label, s).map(|(label, intensity, gflops)| Point { label, op: &s.op, intensity, gflops })
        })
        .collect()
}

/// The roofline of a report; `None` without measured ceilings.
pub fn roofline(report: &Report) -> Option<String> {
    let micro = report.micro.as_ref()?;
    let roof = Roof::of(micro);
    let peak = micro.fma_gflops;
    let bandwidth = roof.bandwidth * 1e-9;
    let points = points(report);
    let (left, top, right, bottom) = (80.0, 84.0, 860.0, 470.0);
    let mut c = Canvas::new(920.0, 540.0);
    c.text(32.0, 36.0, "start", TITLE, "Kernels under the roof");
    c.text(32.0, 58.0, "start", NOTE, &caption(report));

    // Decades that hold the ridge and every point.
    let ridge = peak / bandwidth;
    let decades = |values: &mut dyn Iterator<Item = f64>, low: f64, high: f64| {
        let (a, b) = values.fold((low, high), |(a, b), v| (a.min(v), b.max(v)));
        (a.log10().floor(), b.log10().ceil())
    };
    let (x0, x1) = decades(&mut points.iter().map(|p| p.intensity), 0.3, 4.0 * ridge);
    let (y0, y1) = decades(&mut points.iter().map(|p| p.gflops), peak / 90.0, 1.2 * peak);
    let x = |v: f64| left + (v.log10() - x0) / (x1 - x0) * (right - left);
    let y = |v: f64| bottom - (v.log10() - y0) / (y1 - y0) * (bottom - top);
    for d in x0 as i32..=x1 as i32 {
        let v = 10f64.powi(d);
        c.line((x(v), top), (x(v), bottom), LINE, 1.0);
        c.text(x(v), bottom + 20.0, "middle", NOTE, &tick(v));
    }
    for d in y0 as i32..=y1 as i32 {
        let v = 10f64.powi(d);
        c.line((left, y(v)), (right, y(v)), LINE, 1.0);
        c.text(left - 10.0, y(v) + 4.0, "end", NOTE, &tick(v));
    }
    c.text((left + right) / 2.0, bottom + 46.0, "middle", NOTE, "operations for each byte moved");
    c.text(left, top - 8.0, "start", NOTE, "GFLOP/s");

    let start = 10f64.powf(x0).max(10f64.powf(y0) / bandwidth);
    c.line((x(start), y(start * bandwidth)), (x(ridge), y(peak)), INK, 2.2);
    c.line((x(ridge), y(peak)), (right, y(peak)), INK, 2.2);
    let (ax, ay) = (x(ridge) - x(ridge / 4.0), y(peak / 4.0) - y(peak));
    let slope = format!(
        r#"font-size="12" transform="rotate({:.1} {:.1} {:.1})""#,
        -ay.atan2(ax).to_degrees(),
        x(ridge / 5.0),
        y(peak / 5.0) - 8.0
    );
    c.text(x(ridge / 5.0), y(peak / 5.0) - 8.0, "middle", &slope, &format!("copy {bandwidth:.1} GB/s"));
    c.text(right, y(peak) - 8.0, "end", r#"font-size="12""#, &format!("FMA f32 {peak:.0} GFLOP/s"));

    // Labels move down until they are clear of those already there.
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for p in &points {
        let (px, py) = (x(p.intensity), y(p.gflops));
        c.dot(px, py, 6.5, colour(p.op));
        let mut ly = py + 4.0;
        while taken.iter().any(|(tx, ty)| (tx - px).abs() < 130.0 && (ty - ly).abs() < 14.0) {
            ly += 14.0;
        }
        taken.push((px, ly));
        let flip = px > right - 130.0;
        let (lx, anchor) = if flip { (px - 11.0, "end") } else { (px + 11.0, "start") };
        c.text(lx, ly, anchor, r#"font-size="12""#, p.label);
    }
    legend(&mut c, points.iter().map(|p| p.op), 32.0, 528.0);
    Some(c.finish())
}

fn legend<'a>(c: &mut Canvas, ops: impl Iterator<Item = &'a str>, mut x: f64, y: f64) {
    let ops: Vec<&str> = ops.collect();
    for (group, colour) in COLOURS {
        if ops.iter().any(|op| op.starts_with(group)) {
            c.dot(x, y - 4.0, 5.0, colour);
            c.text(x + 10.0, y, "start", NOTE, group);
            x += 30.0 + 7.0 * group.len() as f64;
        }
    }
}

/// Where the time of a network goes: one bar a kind of kernel.
pub fn bars(report: &Report, row: &Row) -> String {
    const SHOWN: usize = 12;
    let total: f64 = row.kernels.iter().map(|k| k.ms).sum();
    let shown: Vec<&Share> = row.kernels.iter().take(SHOWN).collect();
    let rest: f64 = row.kernels.iter().skip(SHOWN).map(|k| k.ms).sum();
    let step = 34.0;
    let (left, right, top) = (220.0, 660.0, 132.0);
    let rows = shown.len() + usize::from(rest > 0.0);
    let mut c = Canvas::new(920.0, top + step * rows as f64 + 56.0);
    let title = format!("{}, {}x{}, {}: {} ms", row.name, row.width, row.height, row.precision, row.time());
    c.text(32.0, 36.0, "start", TITLE, &title);
    c.text(32.0, 58.0, "start", NOTE, &caption(report));

    // The whole pass as one band.
    let mut x = 32.0;
    for k in &row.kernels {
        let w = k.ms / total.max(1e-9) * 856.0;
        c.rect(x, 76.0, (w - 1.5).max(0.5), 20.0, colour(&k.op));
        x += w;
    }
    let largest = shown.first().map_or(1.0, |k| k.ms).max(1e-9);
    c.text(right + 98.0, top - 12.0, "end", NOTE, "share");
    c.text(right + 226.0, top - 12.0, "end", NOTE, "of the roof");
    let mut y = top;
    let mut bar = |name: &str, count: String, ms: f64, roof: String, colour: &str| {
        c.text(left - 58.0, y + 15.0, "end", PLAIN, name);
        c.text(left - 12.0, y + 15.0, "end", NOTE, &count);
        c.rect(left, y, ms / largest * (right - left - 70.0), 22.0, colour);
        let end = left + ms / largest * (right - left - 70.0);
        c.text(end + 8.0, y + 15.0, "start", NOTE, &format!("{ms:.1} ms"));
        c.text(right + 98.0, y + 15.0, "end", PLAIN, &format!("{:.1} %", 100.0 * ms / total.max(1e-9)));
        c.text(right + 226.0, y + 15.0, "end", PLAIN, &roof);
        y += step;
    };
    for k in &shown {
        let name = k.op.split('/').next_back().unwrap_or(&k.op).replace('_', " ");
        let roof = k.roof.map_or("-".into(), |p| format!("{p:.0} % {}", k.limiter));
        bar(&name, format!("x{}", k.dispatches), k.ms, roof, colour(&k.op));
    }
    if rest > 0.0 {
        bar("all others", String::new(), rest, String::new(), SOFT);
    }
    let height = c.height;
    legend(&mut c, row.kernels.iter().map(|k| k.op.as_str()), 32.0, height - 20.0);
    c.finish()
}

/// File name of a network's chart.
pub fn file_name(row: &Row) -> String {
    let stem: String = row.name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    format!("bars-{}-{}x{}-{}.svg", stem.trim_matches('_'), row.width, row.height, row.precision)
}

#[cfg(test)]
mod tests {
    use super::super::gate::{Outcome, Verdict};
    use super::super::micro::Micro;
    use super::super::report::tests::row;
    use super::super::stamp::tests::stamp;
    use super::*;

    fn report() -> Report {
        let share = |op: &str, ms| Share {
            op: op.into(),
            dispatches: 3,
            ms,
            flops: 1_000_000_000,
            bytes: 10_000_000,
            roof: Some(50.0),
            limiter: "compute".into(),
        };
        let mut one = row("a<b", &[0.02; 5]);
        one.kernels = vec![share("matmul/contract", 20.0), share("norm/layer_norm", 2.0)];
        let verdict = Verdict { outcome: Outcome::Pass, error: None, reference: "test".into() };
        let micro = Micro {
            fma_gflops: 100.0,
            fma_f16_gflops: None,
            cooperative_f32_gflops: None,
            cooperative_f16_gflops: None,
            copy_gbs: 10.0,
            d2d_gbs: 8.0,
            h2d_gbs: 5.0,
            d2h_gbs: 5.0,
            submit_us: 100.0,
            dispatch_us: 2.0,
            gate: verdict,
        };
        Report {
            suite: "v1".into(),
            kind: "one".into(),
            league: "gpu".into(),
            ranked: false,
            remarks: Vec::new(),
            scores: Vec::new(),
            stamp: stamp("gpu"),
            micro: Some(micro),
            rows: vec![one],
        }
    }

    /// Every tag is closed and no name breaks out of its text.
    fn sound(svg: &str) {
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        assert_eq!(svg.matches("<text ").count(), svg.matches("</text>").count());
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn pictures_are_well_formed() {
        let report = report();
        let roof = roofline(&report).expect("there are ceilings");
        sound(&roof);
        assert_eq!(roof.matches("<circle").count(), 2 + 2, "two points and two entries of the legend");
        let bars = bars(&report, &report.rows[0]);
        sound(&bars);
        assert!(bars.contains("a&lt;b") && bars.contains("90.9 %"));
        assert!(roofline(&Report { micro: None, ..report }).is_none());
    }
}
