use vernis::checkpoint::prepack::Pack;
use vernis::ops::elementwise::add_table::AddTable;

use crate::reference::elementwise::add_table::add_table;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

/// `skip` values of the stored tensor come before the table.
fn case(name: &str, input: Input, skip: u32) -> Case {
    let (rows, channels) = (input.shape.pixels(), input.shape.c.clone());
    let values = rows * channels.logical();
    let pack = if skip == 0 {
        Pack::Table { key: "table".into(), channels: channels.clone() }
    } else {
        Pack::Rows { key: "table".into(), first: skip, rows, channels: channels.clone() }
    };
    Case::new(name, AddTable { rows }, vec![input], Tolerance::Near, move |g| {
        add_table(&g.inputs[0], &g.weight("table")[skip as usize..][..values as usize])
    })
    .weight("table", &[skip + values], -1.0, 1.0)
    .param(pack)
}

pub fn cases() -> Vec<Case> {
    vec![
        case("batch", Input::new(2, 3, 5, &[6]), 0),
        case("segments", Input::new(3, 4, 2, &[5, 7]), 0),
        case("one value", Input::new(1, 1, 1, &[1]), 0),
        case("the second row of a stored list", Input::new(2, 4, 4, &[9]), 144),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
