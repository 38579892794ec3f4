//! What a picture can be restored from, by name. One table: the command line, the instruction parser and the shipped
//! weights all speak these names.

use super::{Error, Kind, Result};

/// One task.
#[derive(Debug, PartialEq, Eq)]
pub struct Task {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// One line for `vernis tasks`.
    pub about: &'static str,
}

/// All tasks, in the order they are listed.
pub const TASKS: &[Task] = &[
    task("denoise", &["noise", "grain"], "remove sensor noise and grain"),
    task("deblur", &["blur", "sharpen"], "undo out-of-focus and motion blur"),
    task("dejpeg", &["jpeg", "deblock", "artifacts"], "remove JPEG blocks and ringing"),
    task("derain", &["rain"], "remove rain streaks"),
    task("desnow", &["snow"], "remove falling snow"),
    task("dehaze", &["haze", "defog", "fog"], "remove haze and fog"),
    task("lowlight", &["low-light", "enhance", "dark"], "brighten a photograph taken in the dark"),
    task("despeckle", &["salt-pepper", "saltpepper", "impulse"], "remove salt-and-pepper noise"),
    task("inpaint", &["scratches", "scratch"], "fill scratches"),
    task("edges", &["edge", "canny"], "draw the edges of a photograph"),
    task("pencil", &["sketch"], "draw a photograph in pencil"),
    task("depth", &["distance"], "map how far away everything is"),
    task("semantic", &["segmentation"], "map what every pixel shows"),
    task("panoptic", &[], "map every object and every surface"),
];

const fn task(name: &'static str, aliases: &'static [&'static str], about: &'static str) -> Task {
    Task { name, aliases, about }
}

/// The task called `name`, by its name or an alias, ignoring case.
pub fn find(name: &str) -> Result<&'static Task> {
    let wanted = name.to_lowercase();
    TASKS.iter().find(|t| t.name == wanted || t.aliases.contains(&wanted.as_str())).ok_or_else(|| {
        Error::new(Kind::Usage, format!("there is no task {name}"))
            .advice(format!("tasks: {}", TASKS.iter().map(|t| t.name).collect::<Vec<_>>().join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_aliases_are_unique() {
        let all: Vec<&str> = TASKS.iter().flat_map(|t| t.aliases.iter().chain([&t.name])).copied().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn an_unknown_task_lists_the_known_ones() {
        let e = find("deworm").expect_err("no such task").to_string();
        assert!(e.contains("deworm") && e.contains("derain"), "{e}");
    }

    #[test]
    fn aliases_and_case_are_accepted() {
        assert_eq!(find("Low-Light").map(|t| t.name), Ok("lowlight"));
    }
}
