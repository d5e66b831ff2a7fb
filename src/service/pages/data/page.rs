//! Which of the tables a page lists: a thousand of them in one page are too much for a person and for a browser.

use maud::{Markup, html};
use url::form_urlencoded;

use crate::service::pages::text::thousands;

/// Tables on a page.
const SIZE: usize = 100;
/// From how many on there is something to look for.
const MANY: usize = 20;

/// What was asked for.
#[derive(Debug, Default, PartialEq)]
pub struct Asked {
    find: String,
    /// From 1.
    page: usize,
}

impl Asked {
    pub fn read(query: &str) -> Self {
        let mut asked = Self { find: String::new(), page: 1 };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "find" => asked.find = value.trim().to_lowercase(),
                "page" => asked.page = value.parse().unwrap_or(1).max(1),
                _ => {}
            }
        }
        asked
    }

    /// Whether a table is one of those that are looked for.
    pub fn finds(&self, name: &str, description: &str) -> bool {
        [name, description].iter().any(|text| text.to_lowercase().contains(&self.find))
    }

    /// Those of the page; the last one where there are not so many.
    pub fn shown<'a, T>(&self, found: &'a [T]) -> &'a [T] {
        let page = self.page.min(found.len().div_ceil(SIZE)).max(1);
        &found[(page - 1) * SIZE..found.len().min(page * SIZE)]
    }

    /// A field to look for tables with, where there are many.
    pub fn form(&self, all: usize) -> Markup {
        html! {
            @if all > MANY {
                form class="find" method="get" role="search" {
                    label for="find" { "Find" }
                    input id="find" name="find" type="search" value=(self.find);
                    button type="submit" { "Find" }
                }
            }
        }
    }

    /// The way to the other pages.
    pub fn ways(&self, found: usize) -> Markup {
        let pages = found.div_ceil(SIZE);
        let page = self.page.min(pages).max(1);
        let number = |number: usize| thousands(i64::try_from(number).unwrap_or(i64::MAX));
        let (first, last) = ((page - 1) * SIZE + 1, found.min(page * SIZE));
        html! {
            @if pages > 1 {
                p class="ways" {
                    @if page > 1 { a href=(self.way(page - 1)) rel="prev" { "Before" } " " }
                    (number(first)) "–" (number(last)) " of " (number(found)) " tables"
                    @if page < pages { " " a href=(self.way(page + 1)) rel="next" { "Next" } }
                }
            }
        }
    }

    fn way(&self, page: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.find.is_empty() {
            query.append_pair("find", &self.find);
        }
        format!("?{}", query.append_pair("page", &page.to_string()).finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_there_is_not_is_the_last_one() {
        let all: Vec<usize> = (0..250).collect();
        let shown = |query: &str| {
            let asked = Asked::read(query);
            let shown = asked.shown(&all);
            (shown[0], shown.len())
        };
        assert_eq!(
            [shown(""), shown("page=3"), shown("page=9"), shown("page=x&page=0")],
            [(0, 100), (200, 50), (200, 50), (0, 100)]
        );
        assert!(Asked::read("page=7").shown(&Vec::<u8>::new()).is_empty());
        let ways = Asked::read("find=A%26b&page=2").ways(250).into_string();
        assert!(ways.contains("?find=a%26b&amp;page=1") && ways.contains("101–200 of 250 tables"), "{ways}");
        assert_eq!(Asked::default().ways(100).into_string(), "");
    }
}
