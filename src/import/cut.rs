//! Takes one part out of a text without moving the others: a part of YAML becomes comments, a macro an empty
//! comment. Line numbers stay as they were.

/// Comments out the key or list item at byte `at`, with all that hangs on it. What it was, as one line; or
/// nothing where it cannot be taken out by itself.
pub fn yaml(text: &str, at: usize) -> Option<(String, String)> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut offset = 0;
    let first = lines.iter().position(|line| {
        offset += line.len();
        at < offset
    })?;
    let line = lines[first];
    if line.trim().is_empty() || line.trim_start().starts_with('#') {
        return None;
    }
    let indent = indent_of(line);
    let is_item = line.trim_start().starts_with("- ");
    let hangs_on = |other: &&str| {
        let nested_list = !is_item && indent_of(other) == indent && other.trim_start().starts_with("- ");
        other.trim().is_empty() || indent_of(other) > indent || nested_list
    };
    let mut count = 1 + lines[first + 1..].iter().take_while(|line| hangs_on(line)).count();
    while count > 1 && lines[first + count - 1].trim().is_empty() {
        count -= 1;
    }
    let mut out = lines[..first].concat();
    for line in &lines[first..first + count] {
        if line.trim().is_empty() {
            out.push_str(line);
        } else {
            out.push_str(&format!("#{line}"));
        }
    }
    out.push_str(&lines[first + count..].concat());
    Some((out, line.trim().to_owned()))
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Takes the block (`{% macro %}…{% endmacro %}` and the like) around byte `at` out; its name.
pub fn block(text: &str, at: usize) -> Option<(String, String)> {
    const WORDS: &[&str] = &["macro", "test", "data_test", "materialization", "docs", "snapshot"];
    for word in WORDS {
        let opens = tags(text, word);
        let closes = tags(text, &format!("end{word}"));
        for (start, head_end) in opens {
            let Some((_, end)) = closes.iter().find(|(close, _)| *close >= head_end) else { continue };
            if (start..*end).contains(&at) {
                let head = text[start..head_end].trim_matches(['{', '}', '%', '-', ' ']).to_owned();
                let newlines = "\n".repeat(text[start..*end].matches('\n').count());
                let out = format!(
                    "{}{{# not taken: {} {newlines}#}}{}",
                    &text[..start],
                    head.replace("#}", ""),
                    &text[*end..]
                );
                return Some((out, head));
            }
        }
    }
    None
}

/// Start and end of each `{% word …%}`.
pub fn tags(text: &str, word: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("{%") {
        let inner = text[start + 2..].trim_start_matches('-').trim_start();
        let is_word = inner
            .strip_prefix(word)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_whitespace() || c == '-' || c == '%'));
        if let (true, Some(length)) = (is_word, text[start..].find("%}")) {
            found.push((start, start + length + 2));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_with_all_that_hangs_on_it_and_lines_stay_where_they_were() {
        let text = "models:\n  - name: a\n    meta2:\n      x: [1,\n        2]\n    columns:\n    - name: b\n\nmetrics:\n- m: 1\n  n: 2\n";
        let (cut, what) = yaml(text, text.find("meta2").unwrap()).unwrap();
        assert_eq!(what, "meta2:");
        assert_eq!(
            cut,
            text.replace(
                "    meta2:\n      x: [1,\n        2]\n",
                "#    meta2:\n#      x: [1,\n#        2]\n"
            )
        );
        let (cut, _) = yaml(text, text.find("metrics").unwrap()).unwrap();
        assert!(cut.ends_with("\n#metrics:\n#- m: 1\n#  n: 2\n"), "{cut}");
        let (cut, _) = yaml(text, text.find("name: a").unwrap()).unwrap();
        assert!(cut.starts_with("models:\n#  - name: a\n#    meta2:"), "{cut}");
        assert!(cut.contains("#    - name: b\n\nmetrics:"), "{cut}");
    }

    #[test]
    fn a_macro_goes_without_its_neighbours() {
        let text = "{% macro a() %}\nx\n{% endmacro %}\n{%- macro b(c) -%}\n{% do y %}\n{%- endmacro -%}\nz";
        let (cut, head) = block(text, text.find("do y").unwrap()).unwrap();
        assert_eq!(head, "macro b(c)");
        assert_eq!(cut.matches('\n').count(), text.matches('\n').count());
        assert!(
            cut.starts_with("{% macro a() %}\nx\n{% endmacro %}\n{# not taken: macro b(c)")
                && cut.ends_with("#}\nz")
        );
    }
}
