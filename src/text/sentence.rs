//! The reading of one instruction: which phrases stand in it, and what the words around them make of them.

use super::instruction::{Heard, Task, Understood};
use super::words::{Sort, words};

/// Why a sentence is not followed.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is read, and asks for nothing that is done.
    Read(String),
    /// It holds words outside the lists, or one of several meanings, so that it may mean anything.
    Unknown(String),
}

impl From<String> for Refusal {
    fn from(why: String) -> Refusal {
        Refusal::Read(why)
    }
}

/// A phrase of the word list at words `start..end`.
struct Match {
    task: Task,
    sort: Sort,
    start: usize,
    end: usize,
}

/// Words of a request; what follows looks at every word beside every other.
const MOST_WORDS: usize = 200;

pub struct Sentence {
    words: Vec<String>,
    /// Words before which a comma or a stronger mark stands, and those with a stronger one.
    pause: Vec<bool>,
    stop: Vec<bool>,
    question: bool,
}

impl Sentence {
    pub fn read(text: &str) -> Sentence {
        let text = text.to_lowercase().replace(['\u{2019}', '\u{2bc}'], "'");
        let mut out = Sentence { words: vec![], pause: vec![], stop: vec![], question: text.contains('?') };
        let (mut pause, mut stop) = (false, false);
        let mut word = String::new();
        // A blank at the end closes the last word.
        for c in text.chars().chain([' ']) {
            if c.is_alphanumeric() || matches!(c, '\'' | '-' | '%') {
                word.push(c);
                continue;
            }
            let whole = std::mem::take(&mut word);
            let whole = whole.trim_matches(['\'', '-']);
            if !whole.is_empty() && !words().articles.contains(&whole) {
                stop |= matches!(whole, "but" | "then");
                out.words.push(whole.into());
                out.pause.push(std::mem::take(&mut pause) || stop);
                out.stop.push(std::mem::take(&mut stop));
            }
            pause |= c == ',';
            stop |= matches!(c, '.' | ';' | '!' | '?' | ':' | '\n');
        }
        out
    }

    /// What is asked for, or why it is not clear.
    pub fn understand(&self) -> Result<Understood, Refusal> {
        let refuse = |why: &str| Err(Refusal::Read(why.into()));
        if self.words.is_empty() {
            return refuse("it is empty");
        }
        if self.words.len() > MOST_WORDS {
            return refuse(&format!(
                "it has {} words, and more than {MOST_WORDS} are no clear request",
                self.words.len()
            ));
        }
        let polite =
            |pair: &[String]| pair[1] == "you" && ["can", "could", "would", "will"].contains(&pair[0].as_str());
        let asked = self.words.windows(2).any(polite) || self.words.iter().any(|w| w == "please");
        let asks = ["what", "why", "how", "when", "who", "where", "which"].contains(&self.words[0].as_str());
        if asks || (self.question && !asked) {
            return refuse("it is a question");
        }
        let matches = self.matches();
        let uncovered = |list: &[&'static str]| {
            (0..self.words.len()).find_map(|at| {
                let (_, length) = self.one_of(list, at)?;
                let covered = matches.iter().any(|m| (m.start..m.end).contains(&at) && at + length <= m.end);
                (!covered).then(|| self.words[at..at + length].join(" "))
            })
        };
        if let Some(named) = uncovered(&words().unclear) {
            return refuse(&format!("'{named}' names nothing that vernis does, or the opposite"));
        }
        for m in &matches {
            self.wanted(m, &matches)?;
        }
        if let Some(named) = uncovered(&words().ambiguous) {
            let why = format!("'{named}' can mean several things");
            let negated = (0..self.words.len()).any(|at| self.one_of(&words().negate, at).is_some());
            return Err(if negated { Refusal::Read(why) } else { Refusal::Unknown(why) });
        }
        if matches.is_empty() {
            return Err(Refusal::Unknown("no word in it names something that vernis can do".into()));
        }
        self.on_topic(&matches)?;
        self.objects(&matches)?;
        Ok(self.weigh(&matches)?)
    }

    pub fn names_a_task(&self) -> bool {
        !self.matches().is_empty()
    }

    /// Whether `phrase` stands at word `at`; its length if so.
    fn phrase(&self, phrase: &str, at: usize) -> Option<usize> {
        let mut length = 0;
        for wanted in phrase.split(' ') {
            let word = self.words.get(at + length)?;
            let fits = match wanted.strip_suffix('*') {
                Some(stem) => word.starts_with(stem),
                None => word == wanted,
            };
            // A phrase never runs over a mark.
            if !fits || (length > 0 && self.pause[at + length]) {
                return None;
            }
            length += 1;
        }
        Some(length)
    }

    /// The longest phrase of a list at word `at`, with its length.
    fn one_of(&self, list: &[&'static str], at: usize) -> Option<(&'static str, usize)> {
        let found = list.iter().filter_map(|p| Some((*p, self.phrase(p, at)?)));
        found.max_by_key(|(_, length)| *length)
    }

    fn matches(&self) -> Vec<Match> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < self.words.len() {
            let mut best: Option<Match> = None;
            for (task, sort, phrases) in &words().phrases {
                let length = phrases.iter().filter_map(|p| self.phrase(p, at)).max();
                let Some(end) = length.map(|n| at + n) else { continue };
                if best.as_ref().is_none_or(|b| end > b.end) {
                    best = Some(Match { task: *task, sort: *sort, start: at, end });
                }
            }
            at = best.as_ref().map_or(at + 1, |b| b.end);
            out.extend(best);
        }
        out
    }

    /// Refuses a task that is negated, or a damage that is to be made or kept.
    fn wanted(&self, m: &Match, all: &[Match]) -> Result<(), String> {
        let inside = |at: usize| all.iter().any(|o| (o.start..o.end).contains(&at));
        let named = self.words[m.start..m.end].join(" ");
        let (from, to) = (self.back_to(&self.pause, m.start), self.on_to(&self.pause, m.end));
        for at in (from..to).filter(|at| !inside(*at)) {
            let Some((negation, _)) = self.one_of(&words().negate, at) else { continue };
            // "without" and its like turn round only what follows.
            let follows = matches!(negation, "without" | "except" | "instead of" | "rather than" | "unless");
            if !follows || at < m.start {
                return Err(format!("'{named}' stands beside '{negation}'"));
            }
        }
        let before = |n: usize| m.start.checked_sub(n).map_or("", |at| self.words[at].as_str());
        // "No noise", "no more noise" ask for it; "there is no noise" does not.
        let no = if before(1) == "more" { 2 } else { 1 };
        if before(no) == "no" {
            let stated = ["there", "there's", "is", "are", "has", "have"].contains(&before(no + 1));
            return if stated { Err(format!("it says that there is no {named}")) } else { Ok(()) };
        }
        if matches!(m.sort, Sort::Trade | Sort::Plain) {
            return Ok(());
        }
        if let Some((stays, _)) = (m.end..to).find_map(|at| self.one_of(&words().stays, at)) {
            return Err(format!("'{named}' stands before '{stays}'"));
        }
        let gone = (m.end..self.on_to(&self.stop, m.end)).find_map(|at| self.one_of(&words().gone, at));
        // The nearest verb before it, through commas: "remove rain, snow and noise".
        let verb = (self.back_to(&self.stop, m.start)..m.start).rev().filter(|at| !inside(*at)).find_map(|at| {
            let remove = self.remover(at).map(|(p, n)| (p, n, true));
            let keep = self.one_of(&words().keep, at).map(|(p, n)| (p, n, false));
            [remove, keep].into_iter().flatten().max_by_key(|(_, n, _)| *n)
        });
        match (m.sort, gone, verb) {
            (Sort::Drawing, Some((verb, _)), _) | (Sort::Drawing, None, Some((verb, _, true))) => {
                Err(format!("'{verb}' and '{named}' do not go together"))
            }
            (Sort::Damage, None, Some((verb, _, false))) => Err(format!("'{verb} ... {named}' would make or keep it")),
            _ => Ok(()),
        }
    }

    /// Whether a verb says that the damage goes. Without one, every other word must be known.
    fn removed(&self, m: &Match) -> bool {
        let before = self.back_to(&self.stop, m.start)..m.start;
        before.into_iter().any(|at| self.remover(at).is_some())
            || (m.end..self.on_to(&self.stop, m.end)).any(|at| self.one_of(&words().gone, at).is_some())
    }

    /// Words outside the lists are allowed only in clear requests about a picture.
    fn on_topic(&self, all: &[Match]) -> Result<(), Refusal> {
        let inside = |at: usize| all.iter().any(|m| (m.start..m.end).contains(&at));
        let unknown = |at: &usize| !inside(*at) && !self.known(*at);
        let Some(first) = (0..self.words.len()).find(unknown) else { return Ok(()) };
        let picture = self.words.iter().any(|w| words().picture.contains(&w.as_str()));
        let asked = all.iter().all(|m| m.sort != Sort::Damage || self.removed(m));
        // A verb that is not known makes the request another one: "write about this rainy photo".
        let filler = |at: usize| words().filler.contains(&self.words[at].as_str());
        let leads = (0..first).all(filler);
        if picture && asked && !leads {
            return Ok(());
        }
        let word = &self.words[first];
        Err(Refusal::Unknown(format!(
            "'{word}' is no word about pictures that vernis knows, so the request is not clear"
        )))
    }

    /// "Remove the people from this rainy photo" asks for something else; so do "remove the blurry person" and "brighten
    /// my day".
    fn objects(&self, all: &[Match]) -> Result<(), String> {
        let within = |at: usize| all.iter().find(|m| (m.start..m.end).contains(&at));
        let beyond = |at: usize| at >= self.words.len() || self.pause[at] || within(at).is_some();
        let shown = |at: usize| {
            let word = &self.words[at].as_str();
            words().scene.contains(word) || words().picture.contains(word)
        };
        for at in (0..self.words.len()).filter(|at| within(*at).is_none()) {
            let Some((verb, length)) = self.remover(at) else { continue };
            let mends = !words().remove.contains(&verb);
            let object = within(at + length).map_or(at + length, |m| m.end);
            if !beyond(object) && (!self.known(object) || (shown(object) && !mends)) {
                return Err(format!("vernis cannot {verb} '{}'", self.words[object]));
            }
        }
        let aimless = |m: &&Match| m.sort == Sort::Plain && !beyond(m.end) && !self.known(m.end);
        if let Some(m) = all.iter().find(aimless) {
            let verb = self.words[m.start..m.end].join(" ");
            return Err(format!("it is not clear what to do with '{}' after '{verb}'", self.words[m.end]));
        }
        Ok(())
    }

    /// A verb that makes damage go, at word `at`.
    fn remover(&self, at: usize) -> Option<(&'static str, usize)> {
        let (remove, mend) = (self.one_of(&words().remove, at), self.one_of(&words().mend, at));
        remove.into_iter().chain(mend).max_by_key(|(_, length)| *length)
    }

    fn known(&self, at: usize) -> bool {
        let word = self.words[at].as_str();
        let lists = [&words().picture, &words().scene, &words().filler, &words().weak, &words().full, &words().gone];
        lists.iter().any(|list| list.contains(&word))
            || word == "no"
            || self.share(at).is_some()
            || [&words().remove, &words().mend, &words().keep, &words().negate].iter().any(|list| {
                // Any word of a phrase that stands here whole.
                (at.saturating_sub(2)..=at).any(|s| self.one_of(list, s).is_some_and(|(_, n)| s + n > at))
            })
    }

    fn weigh(&self, all: &[Match]) -> Result<Understood, String> {
        let mut heard: Vec<Heard> = Vec::new();
        for (i, m) in all.iter().enumerate() {
            // A strength belongs to the nearest task: from the word after the last task to the next pause.
            let start = self.back_to(&self.pause, m.start).max(if i == 0 { 0 } else { all[i - 1].end });
            let end = self.on_to(&self.pause, m.end).min(all.get(i + 1).map_or(self.words.len(), |n| n.start));
            let joined = |at: &usize| ["and", "or", "plus"].contains(&self.words[*at].as_str());
            let end = (m.end..end).find(joined).unwrap_or(end);
            let near = || (start..m.start).chain(m.end..end);
            let mut strength = 1.0;
            if near().any(|at| words().weak.contains(&self.words[at].as_str())) {
                strength = 0.5;
            }
            if let Some(share) = near().find_map(|at| self.share(at)) {
                if !(share > 0.0 && share <= 100.0) {
                    return Err(format!("{share} percent is no strength"));
                }
                strength = share / 100.0;
            }
            let words = self.words[m.start..m.end].join(" ");
            match heard.iter_mut().find(|h| h.task == m.task) {
                Some(known) => {
                    known.strength = known.strength.max(strength);
                    known.words = format!("{}, {words}", known.words);
                }
                None => heard.push(Heard { task: m.task, strength, words }),
            }
        }
        let drawn = heard.iter().find(|h| matches!(h.task, Task::Edges | Task::Pencil));
        match drawn {
            Some(drawing) if heard.len() > 1 => {
                Err(format!("'{}' is a drawing and cannot be mixed with other tasks", drawing.words))
            }
            _ => Ok(Understood { heard }),
        }
    }

    /// "30%" or "30 percent".
    fn share(&self, at: usize) -> Option<f32> {
        let word = &self.words[at];
        let spelled = self.words.get(at + 1).is_some_and(|next| next == "percent");
        percent(word).or_else(|| word.parse().ok().filter(|_| spelled))
    }

    /// The first word after the nearest mark before `at`.
    fn back_to(&self, marks: &[bool], at: usize) -> usize {
        (0..=at).rev().find(|i| marks.get(*i).copied().unwrap_or(false)).unwrap_or(0)
    }

    /// The first word from `at` on before which a mark stands.
    fn on_to(&self, marks: &[bool], at: usize) -> usize {
        (at..self.words.len()).find(|i| marks[*i]).unwrap_or(self.words.len())
    }
}

fn percent(word: &str) -> Option<f32> {
    word.strip_suffix('%')?.parse().ok()
}
