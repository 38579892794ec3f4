//! What a plain sentence asks for. Word lists and a small classifier, not a language model: the lists know a few hundred
//! words, say which ones they understood, and refuse when a sentence could mean something else.

use std::fmt;

use super::classifier;
use super::sentence::{Refusal, Sentence};
use crate::base::{Error, Kind, Result};

/// What a restoration model can be told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    Denoise,
    Deblur,
    Dejpeg,
    Derain,
    Desnow,
    Dehaze,
    Lowlight,
    Despeckle,
    Inpaint,
    Edges,
    Pencil,
}

impl Task {
    pub const ALL: [Task; 11] = [
        Task::Denoise,
        Task::Deblur,
        Task::Dejpeg,
        Task::Derain,
        Task::Desnow,
        Task::Dehaze,
        Task::Lowlight,
        Task::Despeckle,
        Task::Inpaint,
        Task::Edges,
        Task::Pencil,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Task::Denoise => "denoise",
            Task::Deblur => "deblur",
            Task::Dejpeg => "dejpeg",
            Task::Derain => "derain",
            Task::Desnow => "desnow",
            Task::Dehaze => "dehaze",
            Task::Lowlight => "lowlight",
            Task::Despeckle => "despeckle",
            Task::Inpaint => "inpaint",
            Task::Edges => "edges",
            Task::Pencil => "pencil",
        }
    }
}

/// One task that was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    pub task: Task,
    /// 0 to 1: how strongly it was asked for.
    pub strength: f32,
    /// The words that said so.
    pub words: String,
}

/// What was understood, in the order of the sentence. `Display` tells it to the user.
#[derive(Debug, Clone, PartialEq)]
pub struct Understood {
    pub heard: Vec<Heard>,
}

impl Understood {
    /// Weights for blending tasks: the strengths, brought to a sum of 1 where they exceed it.
    pub fn weights(&self) -> Vec<(Task, f32)> {
        let sum: f32 = self.heard.iter().map(|h| h.strength).sum();
        self.heard.iter().map(|h| (h.task, h.strength / sum.max(1.0))).collect()
    }
}

impl fmt::Display for Understood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (heard, (_, weight))) in self.heard.iter().zip(self.weights()).enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}\"{}\" -> {} {weight:.2}", heard.words, heard.task.name())?;
        }
        Ok(())
    }
}

/// Reads an instruction, or says why it does not. The word lists come first, because they see negations, strengths and
/// several tasks at once; what they have no words for, or an ambiguous one, goes to the classifier.
pub fn understand(text: &str) -> Result<Understood> {
    let why = match Sentence::read(text).understand() {
        Ok(understood) => return Ok(understood),
        Err(Refusal::Read(why)) => why,
        Err(Refusal::Unknown(why)) => match classifier::hear(text)? {
            Some(task) => {
                return Ok(Understood { heard: vec![Heard { task, strength: 1.0, words: text.trim().into() }] });
            }
            None => why,
        },
    };
    let tasks: Vec<&str> = Task::ALL.iter().map(|t| t.name()).collect();
    Err(Error::new(Kind::Usage, format!("the instruction \"{}\"", text.trim()))
        .why(why)
        .advice(format!("say it like \"remove the rain from this photo\", or use --task with {}", tasks.join(", "))))
}

/// Whether a phrase of any restoration stands in the text, whatever is made of it.
pub fn names_a_task(text: &str) -> bool {
    Sentence::read(text).names_a_task()
}

#[cfg(test)]
#[path = "instruction_tests.rs"]
mod tests;
