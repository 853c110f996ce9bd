//! The README shows the code that runs.

/// The code blocks of this language.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    document.split(&opening).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_readme_shows_the_example() {
    let readme = include_str!("../README.md");
    let server = include_str!("../examples/pointer.rs");
    let page = include_str!("../examples/pointer/index.html");
    let code = server.split_once("\n\n").expect("a comment before the code").1;
    assert_eq!(blocks(readme, "rust,no_run"), [code]);
    assert_eq!(blocks(readme, "html"), [page]);
    assert!(code.lines().count() <= 20 && page.lines().count() <= 12);
}
