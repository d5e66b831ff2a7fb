//! Descriptions as Markdown: a tree of elements that the site's script builds. Nothing in a description becomes
//! markup of its own: HTML in it is text, pictures are their caption, and links go to the web only.

use pulldown_cmark::{Event, Options, Parser, Tag};
use serde_json::{Value, json};

/// Deeper than this what is nested is laid flat.
const DEEPEST: usize = 16;

/// An element whose end has not come.
struct Open {
    /// `None`: what is inside goes to the element around it.
    tag: Option<&'static str>,
    href: Option<String>,
    parts: Vec<Value>,
}

/// Texts and `{tag, href, parts}`.
pub fn tree(text: &str) -> Value {
    let mut writer = Writer { open: vec![Open { tag: None, href: None, parts: Vec::new() }], in_head: false };
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    for event in Parser::new_ext(text, options) {
        writer.event(event);
    }
    let whole = writer.open.into_iter().next().map(|root| root.parts);
    Value::Array(whole.unwrap_or_default())
}

struct Writer {
    open: Vec<Open>,
    /// In the first row of a table.
    in_head: bool,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(_) => self.end(),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.put(json!(&*text)),
            Event::Code(text) => self.put(json!({"tag": "code", "parts": [&*text]})),
            Event::SoftBreak => self.put(json!("\n")),
            Event::HardBreak => self.put(json!({"tag": "br", "parts": []})),
            Event::Rule => self.put(json!({"tag": "hr", "parts": []})),
            Event::TaskListMarker(done) => self.put(json!(if done { "☑ " } else { "☐ " })),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        let mut href = None;
        let tag = match tag {
            Tag::Paragraph | Tag::HtmlBlock => Some("p"),
            // The page's own headings are above those of a text.
            Tag::Heading { level, .. } => Some(["h3", "h4", "h5", "h6"][(*level as usize - 1).min(3)]),
            Tag::BlockQuote(_) => Some("blockquote"),
            Tag::CodeBlock(_) => Some("pre"),
            Tag::List(None) => Some("ul"),
            Tag::List(Some(_)) => Some("ol"),
            Tag::Item => Some("li"),
            Tag::Emphasis => Some("em"),
            Tag::Strong => Some("strong"),
            Tag::Strikethrough => Some("del"),
            Tag::Table(_) => Some("table"),
            Tag::TableHead | Tag::TableRow => {
                self.in_head = matches!(tag, Tag::TableHead);
                Some("tr")
            }
            Tag::TableCell => Some(if self.in_head { "th" } else { "td" }),
            Tag::Link { dest_url, .. } if is_of_the_web(dest_url) => {
                href = Some(dest_url.to_string());
                Some("a")
            }
            _ => None,
        };
        let tag = tag.filter(|_| self.open.len() <= DEEPEST);
        self.open.push(Open { tag, href, parts: Vec::new() });
    }

    fn end(&mut self) {
        let Some(Open { tag, href, parts }) = self.open.pop() else { return };
        match tag {
            Some(tag) => {
                let mut made = json!({"tag": tag, "parts": parts});
                if let Some(href) = href {
                    made["href"] = href.into();
                }
                self.put(made);
            }
            None => parts.into_iter().for_each(|part| self.put(part)),
        }
    }

    fn put(&mut self, part: Value) {
        let Some(open) = self.open.last_mut() else { return };
        match (open.parts.last_mut(), &part) {
            (Some(Value::String(before)), Value::String(text)) => before.push_str(text),
            _ => open.parts.push(part),
        }
    }
}

fn is_of_the_web(address: &str) -> bool {
    let scheme = address.split(':').next().unwrap_or_default().to_ascii_lowercase();
    address.contains(':') && ["http", "https", "mailto"].contains(&scheme.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_elements_and_never_markup_of_its_own() {
        assert_eq!(
            tree("# Grain\nOne *day*, `d`; <b onclick=x>see</b> [it](https://e.org)"),
            json!([
                {"tag": "h3", "parts": ["Grain"]},
                {"tag": "p", "parts": [
                    "One ", {"tag": "em", "parts": ["day"]}, ", ", {"tag": "code", "parts": ["d"]},
                    "; <b onclick=x>see</b> ", {"tag": "a", "parts": ["it"], "href": "https://e.org"},
                ]},
            ])
        );
        assert_eq!(
            tree("[bad](javascript:alert(1)) ![pic](https://e.org/x.png) [too](//e.org)"),
            json!([{"tag": "p", "parts": ["bad pic too"]}])
        );
        assert_eq!(
            tree("<script>x</script>\n\n- **b**"),
            json!([
                {"tag": "p", "parts": ["<script>x</script>\n"]},
                {"tag": "ul", "parts": [{"tag": "li", "parts": [{"tag": "strong", "parts": ["b"]}]}]},
            ])
        );
        let table = tree("| a |\n|---|\n| 1 |\n");
        assert_eq!(table[0]["parts"][0]["parts"][0], json!({"tag": "th", "parts": ["a"]}));
        assert_eq!(table[0]["parts"][1]["parts"][0], json!({"tag": "td", "parts": ["1"]}));
    }

    #[test]
    fn what_is_nested_too_deep_is_laid_flat() {
        let mut deep = 0;
        let mut here = &tree(&format!("{}x", "> ".repeat(5000)));
        while let Some(inner) = here.get(0).and_then(|first| first.get("parts")) {
            (here, deep) = (inner, deep + 1);
        }
        assert!((2..=DEEPEST).contains(&deep), "{deep}");
        assert_eq!(tree(""), json!([]));
    }
}
