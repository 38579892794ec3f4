//! The program as a stranger runs it: good input gives a picture, bad input its own message and exit code.

mod bad_input;
mod bench;
mod convert;
#[path = "../support/distances.rs"]
mod distances;
mod draw;
mod eval;
mod families;
#[path = "../support/generalist.rs"]
mod generalist;
mod manners;
mod restore;
mod run;
mod weights;
