//! Every storage binding of a shader states its shape in a comment.

use super::files::sources;

/// Lines of `text` that declare a binding without a shape in brackets behind it.
fn undescribed(name: &str, text: &str) -> Vec<String> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| line.contains("@binding(") && line.contains("var<storage"))
        .filter(|(_, line)| {
            let comment = line.split_once("//").map_or("", |(_, c)| c);
            !(comment.contains('[') && comment.contains(']'))
        })
        .map(|(i, line)| format!("{name}:{}: no shape behind `{}`", i + 1, line.trim()))
        .collect()
}

#[test]
fn every_binding_states_its_shape() {
    let files = sources("shaders", "wgsl");
    let bindings: usize = files.iter().map(|(_, t)| t.matches("var<storage").count()).sum();
    assert!(bindings > 50, "only {bindings} bindings were found");
    let wrong: Vec<String> = files.iter().flat_map(|(n, t)| undescribed(n, t)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_binding_without_a_shape_is_found() {
    let declared = "@group(0) @binding(1) var<storage, read> x: array<Store>;";
    assert!(undescribed("a", &format!("{declared} // [n, h]")).is_empty());
    assert_eq!(undescribed("a", declared).len(), 1);
    assert_eq!(undescribed("a", &format!("{declared} // the input")).len(), 1);
    assert_eq!(undescribed("a", &format!("fine\n{declared}"))[0][..4], *"a:2:");
}
