//! What ships: each weight file has its card, and sizes stay where the binary and a clone can carry them.

use vernis::run::shipped;

use super::files::root;

const MB: u64 = 1_000_000;
/// The embedded weights are about half of a binary that may have 25 MB.
const EMBEDDED: u64 = 12 * MB;
/// Of any other file.
const EACH: u64 = 40 * MB;
/// Headings that a card must have.
const TOLD: [&str; 4] = ["## Figures", "## What fails", "## Training", "Licence: "];

fn untold(name: &str, card: &str) -> Vec<String> {
    TOLD.iter().filter(|t| !card.contains(**t)).map(|t| format!("the card of {name} lacks `{t}`")).collect()
}

fn too_large(name: &str, bytes: u64, limit: u64) -> Option<String> {
    (bytes > limit).then(|| format!("{name} has {bytes} bytes, more than {limit}"))
}

#[test]
fn weights_have_cards_and_fit() {
    let mut wrong = Vec::new();
    let mut embedded = 0;
    for name in shipped::NAMES {
        let path = root().join("weights").join(name);
        let bytes = std::fs::metadata(path.with_extension("safetensors")).expect("a shipped file").len();
        match shipped::embedded().any(|e| e == name) {
            true => embedded += bytes,
            false => wrong.extend(too_large(name, bytes, EACH)),
        }
        wrong.extend(untold(name, &std::fs::read_to_string(path.with_extension("md")).expect("a card")));
    }
    wrong.extend(too_large("the sum of the embedded weights", embedded, EMBEDDED));
    assert!(embedded > 0, "nothing is embedded");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_bare_card_and_a_large_file_are_found() {
    assert_eq!(untold("a", "Licence: MIT\n## Figures\n## What fails\n"), ["the card of a lacks `## Training`"]);
    assert!(too_large("a", 41, 40).is_some_and(|w| w.contains("41")));
    assert_eq!(too_large("a", 40, 40), None);
}
