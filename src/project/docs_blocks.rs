//! dbt's `{% docs name %}…{% enddocs %}` in Markdown files, and templates in descriptions: `{{ doc('name') }}`,
//! `{{ var('x') }}`.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Exposure, Properties, SourceTable};
use crate::diagnostic::{Diagnostic, Location, SourceFile, did_you_mean};
use crate::template::Library;

/// A text that descriptions may take over.
#[derive(Debug, Clone)]
pub struct DocsBlock {
    pub name: String,
    pub text: String,
    pub file: Arc<SourceFile>,
}

/// The blocks of one file.
pub(super) fn read(file: &Arc<SourceFile>, problems: &mut Vec<Diagnostic>) -> Vec<DocsBlock> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some((name, start)) = opening(&file.text, &mut at) {
        let Some((end, after)) = closing(&file.text, start) else {
            let place = Location::start_of(file);
            let message = format!("the docs block `{name}` is not closed");
            problems.push(Diagnostic::error("open-docs-block", message).at(place).hint("add {% enddocs %}"));
            break;
        };
        let text = file.text[start..end].trim().to_owned();
        blocks.push(DocsBlock { name: name.to_owned(), text, file: file.clone() });
        at = after;
    }
    blocks
}

/// The next `{% docs name %}` from `at` on: its name, and where its text begins.
fn opening<'a>(text: &'a str, at: &mut usize) -> Option<(&'a str, usize)> {
    loop {
        let open = *at + text[*at..].find("{%")?;
        let close = open + text[open..].find("%}")?;
        *at = close + 2;
        let words: Vec<&str> = text[open + 2..close].trim_matches('-').split_whitespace().collect();
        if let ["docs", name] = words.as_slice() {
            return Some((name, *at));
        }
    }
}

/// Where the text ends, and where the file goes on.
fn closing(text: &str, start: usize) -> Option<(usize, usize)> {
    let mut at = start;
    loop {
        let open = at + text[at..].find("{%")?;
        let close = open + text[open..].find("%}")?;
        if text[open + 2..close].trim_matches('-').trim() == "enddocs" {
            return Some((open, close + 2));
        }
        at = close + 2;
    }
}

/// Puts the blocks into every description that names them, and renders what else it holds.
pub(super) fn resolve(
    library: &Library,
    blocks: &[DocsBlock],
    properties: &mut [Properties],
    sources: &mut [SourceTable],
    exposures: &mut [Exposure],
    problems: &mut Vec<Diagnostic>,
) {
    let texts: HashMap<&str, &str> =
        blocks.iter().map(|block| (block.name.as_str(), block.text.as_str())).collect();
    let mut fill = |description: &mut String, place: &Location| {
        if description.contains("{{") || description.contains("{%") {
            let (text, taken) = filled(description, &texts, place, problems);
            *description = rendered(library, &text, place, problems);
            for (mark, block) in taken {
                *description = description.replace(&mark, block);
            }
        }
    };
    for entry in properties {
        fill(&mut entry.description, &entry.place);
        for column in &mut entry.columns {
            fill(&mut column.description, &column.place);
        }
    }
    for table in sources {
        fill(&mut table.description, &table.place);
        for column in &mut table.columns {
            fill(&mut column.description, &column.place);
        }
    }
    for exposure in exposures {
        fill(&mut exposure.description, &exposure.place);
    }
}

/// A description as it comes out. What it cannot be is told, and it stays as it is: nothing hangs on it.
fn rendered(library: &Library, text: &str, place: &Location, problems: &mut Vec<Diagnostic>) -> String {
    library.render_value(text, place).unwrap_or_else(|wrong| {
        problems.extend(wrong.into_iter().map(Diagnostic::as_warning));
        text.to_owned()
    })
}

/// The text with a mark in the place of each block, and what each mark stands for: tags in a block are only shown.
fn filled<'a>(
    text: &str,
    blocks: &HashMap<&str, &'a str>,
    place: &Location,
    problems: &mut Vec<Diagnostic>,
) -> (String, Vec<(String, &'a str)>) {
    let (mut out, mut taken) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inner, behind)) = after.split_once("}}") else { break };
        out.push_str(before);
        match doc_name(inner).map(|name| (name, blocks.get(name))) {
            Some((_, Some(block))) => {
                let mark = format!("\u{1}{}\u{1}", taken.len());
                out.push_str(&mark);
                taken.push((mark, *block));
            }
            Some((name, None)) => {
                let message = format!("there is no docs block `{name}`");
                let hint = did_you_mean(name, blocks.keys().copied())
                    .unwrap_or_else(|| format!("write {{% docs {name} %}}…{{% enddocs %}} in a .md file"));
                problems.push(Diagnostic::error("unknown-docs-block", message).at(place.clone()).hint(hint));
            }
            None => out.push_str(&format!("{{{{{inner}}}}}")),
        }
        rest = behind;
    }
    (out + rest, taken)
}

/// `doc('name')` or `doc('package', 'name')`.
fn doc_name(inner: &str) -> Option<&str> {
    let names = inner.trim().strip_prefix("doc")?.trim().strip_prefix('(')?.strip_suffix(')')?;
    names.rsplit(',').next().map(|name| name.trim().trim_matches(['\'', '"']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_and_put_in() {
        let text = "# x\n{% docs a %}\nAll of **a**.\n{% enddocs %}\n{%- docs b -%}b{%- enddocs -%}";
        let file = Arc::new(SourceFile { path: "d.md".into(), text: text.into() });
        let mut problems = Vec::new();
        let blocks = read(&file, &mut problems);
        assert_eq!(
            blocks.iter().map(|block| block.text.as_str()).collect::<Vec<_>>(),
            ["All of **a**.", "b"]
        );
        let texts = blocks.iter().map(|block| (block.name.as_str(), block.text.as_str())).collect();
        let place = Location::start_of(&file);
        let text = "x {{ doc('a') }} {{doc('p', \"b\")}} {{ y }} {{ doc('c') }}";
        let (out, taken) = filled(text, &texts, &place, &mut problems);
        assert_eq!(out, "x \u{1}0\u{1} \u{1}1\u{1} {{ y }} ");
        assert_eq!(taken.iter().map(|(_, block)| *block).collect::<Vec<_>>(), ["All of **a**.", "b"]);
        assert_eq!(problems[0].message, "there is no docs block `c`");
    }

    #[test]
    fn a_block_that_is_not_closed_is_told() {
        let file = Arc::new(SourceFile { path: "d.md".into(), text: "{% docs a %} x".into() });
        let mut problems = Vec::new();
        assert!(read(&file, &mut problems).is_empty());
        assert_eq!(problems[0].code, "open-docs-block");
    }
}
