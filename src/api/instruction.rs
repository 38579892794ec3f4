//! What the engine is told to do with a picture.

use std::path::PathBuf;

use crate::image::Picture;

/// One instruction. A model that cannot follow it says which ones it follows.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Instruction {
    /// Nothing: the weights do the one thing they were trained for, or decide themselves.
    #[default]
    Blind,
    /// A task of [`TASKS`](crate::TASKS), by name or alias, or a blend such as `derain=0.7,denoise=0.3` for models that
    /// mix tasks.
    Task(String),
    /// A plain English sentence; refused when it is not clear what it asks for.
    Words(String),
    /// An example: the same picture before and after.
    Pair {
        /// As it was.
        before: Box<Picture>,
        /// As it should come out: of the same size.
        after: Box<Picture>,
    },
    /// Prompt tokens stored by [`Engine::save_prompt`](crate::Engine::save_prompt).
    Prompt(PathBuf),
}
