//! The rules of the house: floors, twins, file sizes, described bindings, cards of weights, nothing unfinished. Each checker
//! proves on a bent example that it can fail.

#[path = "house/bindings.rs"]
mod bindings;
#[path = "house/files.rs"]
mod files;
#[path = "house/floors.rs"]
mod floors;
#[path = "house/twins.rs"]
mod twins;
#[path = "house/weights.rs"]
mod weights;
