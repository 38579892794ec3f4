//! Every op against its plain reference: both precisions, every contraction family the adapter can run, and once with
//! WebGPU's core limits. The case tables are `cases()` of the op's file; benches include `table.rs` too.

#[path = "../reference/mod.rs"]
mod reference;
#[path = "../support/mod.rs"]
mod support;
// The attribute lets the table find the files beside it, here and from benches.
#[path = "table.rs"]
mod table;
