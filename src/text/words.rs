//! The word lists of `words.txt`, read once.

use std::sync::OnceLock;

use super::instruction::Task;

/// How much a phrase says by itself; `words.txt` explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Trade,
    Plain,
    Damage,
    Drawing,
}

pub type List = Vec<&'static str>;

#[derive(Debug, Default)]
pub struct Words {
    pub phrases: Vec<(Task, Sort, List)>,
    pub remove: List,
    pub mend: List,
    pub gone: List,
    pub stays: List,
    pub keep: List,
    pub negate: List,
    pub ambiguous: List,
    pub unclear: List,
    pub weak: List,
    pub full: List,
    pub picture: List,
    pub scene: List,
    pub filler: List,
    pub articles: List,
}

pub fn words() -> &'static Words {
    static WORDS: OnceLock<Words> = OnceLock::new();
    WORDS.get_or_init(|| Words::read(include_str!("words.txt")).0)
}

impl Words {
    /// The lists, and the headings that name none (a test wants none).
    fn read(text: &'static str) -> (Words, List) {
        let (mut words, mut strays) = (Words::default(), Vec::new());
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let mut heading = "";
        for line in lines {
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                heading = name;
                continue;
            }
            match words.list(heading) {
                Some(list) => list.extend(line.split(',').map(str::trim).filter(|w| !w.is_empty())),
                None => strays.push(heading),
            }
        }
        (words, strays)
    }

    fn list(&mut self, heading: &str) -> Option<&mut List> {
        Some(match heading {
            "remove" => &mut self.remove,
            "mend" => &mut self.mend,
            "gone" => &mut self.gone,
            "stays" => &mut self.stays,
            "keep" => &mut self.keep,
            "negate" => &mut self.negate,
            "ambiguous" => &mut self.ambiguous,
            "unclear" => &mut self.unclear,
            "weak" => &mut self.weak,
            "full" => &mut self.full,
            "picture" => &mut self.picture,
            "scene" => &mut self.scene,
            "filler" => &mut self.filler,
            "articles" => &mut self.articles,
            _ => {
                let (task, sort) = heading.split_once(' ')?;
                let task = Task::ALL.into_iter().find(|t| t.name() == task)?;
                let sort = match sort {
                    "trade" => Sort::Trade,
                    "plain" => Sort::Plain,
                    "damage" => Sort::Damage,
                    "drawing" => Sort::Drawing,
                    _ => return None,
                };
                let known = self.phrases.iter().position(|(t, s, _)| (*t, *s) == (task, sort));
                let at = known.unwrap_or_else(|| {
                    self.phrases.push((task, sort, Vec::new()));
                    self.phrases.len() - 1
                });
                &mut self.phrases[at].2
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_whole() {
        let (words, strays) = Words::read(include_str!("words.txt"));
        assert!(strays.is_empty(), "{strays:?}");
        for task in Task::ALL {
            assert!(words.phrases.iter().any(|(t, _, list)| *t == task && !list.is_empty()), "{task:?}");
        }
        let mut seen = std::collections::HashSet::new();
        for phrase in words.phrases.iter().flat_map(|(_, _, list)| list) {
            assert!(seen.insert(phrase), "'{phrase}' names two tasks");
            let articles = phrase.split(' ').any(|w| words.articles.contains(&w));
            assert!(!articles && *phrase == phrase.to_lowercase(), "'{phrase}' can never stand in a sentence");
        }
    }
}
