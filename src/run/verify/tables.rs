//! Collects what a case compares, and what it writes.

use super::{Checked, Outcome, rel_l2};
use crate::base::{Error, Kind, Result, Shape};
use crate::checkpoint::{Case, Data};

/// Comparisons with the stored tensors of a case.
pub struct Table<'a> {
    case: &'a Case,
    checked: Vec<Checked>,
    tensors: Vec<(String, Vec<usize>, Data)>,
}

impl<'a> Table<'a> {
    pub fn new(case: &'a Case) -> Self {
        Table { case, checked: Vec::new(), tensors: Vec::new() }
    }

    /// Compares with the stored tensor `name`, or `tap.name`, whichever the case has; what it has not is skipped.
    pub fn values(&mut self, name: &str, ours: Vec<f32>) -> Result<()> {
        let tap = format!("tap.{name}");
        let decides = self.case.outputs().contains(&name);
        let stored = if self.case.io.contains(name) { name } else { &tap };
        let Some(shape) = self.case.io.shape(stored) else { return Ok(()) };
        let expected = self.case.io.f32(stored)?;
        self.checked.push(Checked { name: stored.to_owned(), rel_l2: rel_l2(&ours, &expected), decides });
        if decides {
            self.tensors.push((stored.to_owned(), shape.to_vec(), Data::F32(ours)));
        }
        Ok(())
    }

    /// The same for values in the padded layout of the engine: pictures are stored channel after channel, token
    /// sequences `[B, N, C]` as they are here.
    pub fn nhwc(&mut self, name: &str, shape: &Shape, values: &[f32]) -> Result<()> {
        let stored = |key: &str| self.case.io.shape(key).map(<[usize]>::len);
        let tokens = stored(name).or_else(|| stored(&format!("tap.{name}"))) == Some(3);
        self.values(name, if tokens { shape.strip_channels(values) } else { shape.to_nchw(values) })
    }

    /// Labels, of which `wrong` differ: any is beyond every tolerance.
    pub fn exact(&mut self, name: &str, wrong: usize, same_shape: bool) {
        let rel_l2 = if wrong == 0 && same_shape { 0.0 } else { f64::INFINITY };
        self.checked.push(Checked { name: name.to_owned(), rel_l2, decides: true });
    }

    /// What was compared. An output that nothing was compared with fails the case.
    pub fn finish(mut self) -> Outcome {
        for name in self.case.outputs() {
            if !self.checked.iter().any(|c| c.name == name) {
                self.checked.push(Checked { name: name.to_owned(), rel_l2: f64::INFINITY, decides: true });
            }
        }
        (self.checked, self.tensors)
    }
}

/// The shape of a stored picture.
pub fn shape_nchw(case: &Case, name: &str) -> Result<Shape> {
    match case.io.shape(name) {
        Some(&[n, c, h, w]) => Ok(Shape::new(n as u32, h as u32, w as u32, c as u32)),
        other => Err(Error::new(Kind::Checkpoint, format!("the case {} has no usable tensor {name}", case.name))
            .why(format!("expected 4 axes, got {other:?}"))),
    }
}
