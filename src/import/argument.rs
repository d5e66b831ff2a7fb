//! Takes one argument out of a `config(…)` in SQL, or one word out of a `{…}` in YAML, and leaves all else as
//! it stands, the lines included.

use std::ops::Range;

/// Takes out the first of these arguments that a `config(…)` has: its name, the text without it, and the line
/// it stood on, from 1.
pub fn take_out(text: &str, names: &[&str]) -> Option<(String, String, usize)> {
    for (at, _) in text.match_indices("config") {
        let before = text[..at].trim_end_matches(char::is_whitespace);
        let open = at + "config".len();
        let gap = text[open..].len() - text[open..].trim_start().len();
        if !(before.ends_with("{{") || before.ends_with("{{-")) || !text[open + gap..].starts_with('(') {
            continue;
        }
        let parts = parts(text, open + gap);
        for (index, part) in parts.iter().enumerate() {
            let name = text[part.clone()].split('=').next().unwrap_or_default().trim();
            if names.contains(&name) {
                let start = part.start + (text[part.clone()].len() - text[part.clone()].trim_start().len());
                let line = text[..start].matches('\n').count() + 1;
                return Some((name.to_owned(), without(text, &parts, index), line));
            }
        }
    }
    None
}

/// The line without a word of the `{…}` that begins first in it; nothing where that has no such word.
pub fn take_out_of_map(line: &str, word: &str) -> Option<String> {
    let parts = parts(line, line.find('{')?);
    let index =
        parts.iter().position(|part| line[part.clone()].split(':').next().map(str::trim) == Some(word))?;
    Some(without(line, &parts, index))
}

/// YAML without these words in each `config: {…}`: the other words of such a map stay. Each word that went, with
/// its line, from 1.
pub fn take_out_of_configs(text: &str, words: &[&str]) -> (String, Vec<(String, usize)>) {
    let (mut out, mut gone) = (String::with_capacity(text.len()), Vec::new());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let mut line = line.to_owned();
        if line.trim_start().trim_start_matches("- ").starts_with("config: {") {
            for word in words {
                if let Some(rest) = take_out_of_map(&line, word) {
                    line = rest;
                    gone.push(((*word).to_owned(), index + 1));
                }
            }
        }
        out.push_str(&line);
    }
    (out, gone)
}

/// What stands between the commas of the bracket that opens at byte `open`.
fn parts(text: &str, open: usize) -> Vec<Range<usize>> {
    let (mut parts, mut start, mut depth) = (Vec::new(), open + 1, 0);
    let mut quote: Option<char> = None;
    for (offset, letter) in text[open..].char_indices() {
        let at = open + offset;
        match (quote, letter) {
            (Some(own), letter) if own == letter => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    parts.push(start..at);
                    return parts;
                }
            }
            (None, ',') if depth == 1 => {
                parts.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    Vec::new()
}

/// The text without one of the parts and a comma beside it; its line ends stay.
fn without(text: &str, parts: &[Range<usize>], index: usize) -> String {
    let part = parts[index].clone();
    let inner = text[part.clone()].trim();
    let start = part.end - text[part.clone()].trim_start().len();
    let end = start + inner.len();
    let (kept, rest) = if index + 1 < parts.len() {
        // White space goes, too, where the next argument is on the same line.
        let rest = &text[part.end + 1..];
        let space = &rest[..rest.len() - rest.trim_start().len()];
        (&text[..start], if space.contains('\n') { rest } else { rest.trim_start() })
    } else if index > 0 {
        (&text[..part.start - 1], &text[end..])
    } else {
        (&text[..start], &text[end..])
    };
    let kept = if rest.starts_with('\n') { kept.trim_end_matches(' ') } else { kept };
    let missing = text.matches('\n').count() - kept.matches('\n').count() - rest.matches('\n').count();
    format!("{kept}{}{rest}", "\n".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_goes_with_its_comma_and_lines_stay() {
        let text = "{{\n  config(\n    target_schema='a, (b',\n    unique_key=['x', 'y'],\n    strategy='check'\n  )\n}}\nselect 1";
        let (name, out, line) = take_out(text, &["target_schema"]).unwrap();
        assert_eq!((name.as_str(), line), ("target_schema", 3));
        assert_eq!(out, text.replace("    target_schema='a, (b',", ""));
        let (_, out, line) = take_out(text, &["strategy"]).unwrap();
        assert_eq!(line, 5);
        assert_eq!(out, text.replace(",\n    strategy='check'\n", "\n\n"));
        assert_eq!(take_out("{{ config(schema='x') }}a", &["schema"]).unwrap().1, "{{ config() }}a");
        assert_eq!(
            take_out("{{ config(schema='x', alias='y') }}a", &["schema"]).unwrap().1,
            "{{ config(alias='y') }}a"
        );
        assert_eq!(take_out("{{ config(alias='schema') }} my_config(schema=1)", &["schema"]), None);
    }

    #[test]
    fn a_word_goes_out_of_a_map() {
        let line = "    config: {schema: s, unique_key: [a, b], strategy: check}";
        assert_eq!(
            take_out_of_map(line, "schema").unwrap(),
            "    config: {unique_key: [a, b], strategy: check}"
        );
        assert_eq!(take_out_of_map(line, "strategy").unwrap(), "    config: {schema: s, unique_key: [a, b]}");
        assert_eq!(take_out_of_map(line, "a"), None);
        let text =
            "models:\n  - name: a\n    config: {schema: s, tags: [x]}\nsources: [{name: b, schema: s}]\n";
        let (out, gone) = take_out_of_configs(text, &["schema"]);
        assert_eq!(out, text.replace("schema: s, tags", "tags"));
        assert_eq!(gone, [("schema".to_owned(), 3)]);
    }
}
