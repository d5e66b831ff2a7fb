//! How one answer leads to the next. Pure.

use reqwest::header::{HeaderMap, LINK};
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use crate::source::SourceError;

/// The ways of paging that APIs have.
#[derive(Debug, Clone)]
pub enum Paging {
    Page {
        parameter: String,
        first: u64,
    },
    Offset {
        parameter: String,
    },
    /// `next` is the way to the cursor in an answer.
    Cursor {
        parameter: String,
        next: Vec<String>,
    },
    /// The next address is in the `Link` header, or in the answer at `next`.
    Link {
        next: Option<Vec<String>>,
    },
}

/// What an answer may say of the end, each the way to it. Where none does, pages end as their kind does.
#[derive(Debug, Clone, Default)]
pub struct PagingEnd {
    /// How many pages there are.
    pub pages: Option<Vec<String>>,
    /// How many records there are.
    pub total: Option<Vec<String>>,
    /// Whether there are more.
    pub more: Option<Vec<String>>,
}

impl PagingEnd {
    /// Whether the answer says that it is the last.
    fn is_here(&self, answer: &Answer<'_>, pages: u64, records: u64) -> Result<bool, SourceError> {
        let reached = |way: &Option<Vec<String>>, count: u64| -> Result<bool, SourceError> {
            let Some(way) = way else { return Ok(false) };
            let said = answer.word_at(way)?.and_then(|word| word.parse::<u64>().ok());
            Ok(said.is_some_and(|said| count >= said))
        };
        let no_more = match &self.more {
            Some(way) => !answer.is_so(way)?,
            None => false,
        };
        Ok(no_more || reached(&self.pages, pages)? || reached(&self.total, records)?)
    }

    fn ways(&self) -> impl Iterator<Item = &Vec<String>> {
        [&self.pages, &self.total, &self.more].into_iter().flatten()
    }
}

/// What is to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::source) enum Next {
    First,
    /// With this parameter.
    With(String, String),
    At(String),
    Nothing,
}

impl Paging {
    /// The first page; most are asked for without a word.
    pub(super) fn begin(&self) -> Next {
        match self {
            Self::Page { parameter, first } => Next::With(parameter.clone(), first.to_string()),
            Self::Offset { parameter } => Next::With(parameter.clone(), "0".to_owned()),
            Self::Cursor { .. } | Self::Link { .. } => Next::First,
        }
    }

    /// What comes after `answer`, the `pages`-th, with which `records` have come in all.
    pub(in crate::source) fn after(
        &self,
        end: &PagingEnd,
        answer: &Answer<'_>,
        headers: &HeaderMap,
        (pages, records): (u64, u64),
    ) -> Result<Next, SourceError> {
        // That a page is short says nothing: servers have limits of their own. Only an empty one is the last.
        let empty = answer.records.is_empty();
        if end.is_here(answer, pages, records)? {
            return Ok(Next::Nothing);
        }
        Ok(match self {
            Self::Page { .. } | Self::Offset { .. } if empty => Next::Nothing,
            Self::Page { parameter, first } => Next::With(parameter.clone(), (first + pages).to_string()),
            Self::Offset { parameter } => Next::With(parameter.clone(), records.to_string()),
            Self::Cursor { parameter, next } => match answer.word_at(next)? {
                Some(word) => Next::With(parameter.clone(), word),
                None => Next::Nothing,
            },
            Self::Link { next: Some(way) } => answer.word_at(way)?.map_or(Next::Nothing, Next::At),
            Self::Link { next: None } => next_link(headers).map_or(Next::Nothing, Next::At),
        })
    }
}

impl Paging {
    /// Where answers should say what comes next, as the config spells it.
    pub(super) fn sign(&self) -> Option<String> {
        match self {
            Self::Page { .. } | Self::Offset { .. } => None,
            Self::Cursor { next, .. } | Self::Link { next: Some(next) } => {
                Some(format!("`{}`", next.join(".")))
            }
            Self::Link { next: None } => Some("a Link header with rel=\"next\"".to_owned()),
        }
    }

    /// Whether the answer has what it should have to say so, be it empty.
    pub(super) fn is_told(
        &self,
        end: &PagingEnd,
        answer: &Answer<'_>,
        headers: &HeaderMap,
    ) -> Result<bool, SourceError> {
        for way in end.ways() {
            if answer.has(way)? {
                return Ok(true);
            }
        }
        match self {
            Self::Page { .. } | Self::Offset { .. } => Ok(true),
            Self::Cursor { next, .. } | Self::Link { next: Some(next) } => answer.has(next),
            Self::Link { next: None } => Ok(headers.contains_key(LINK)),
        }
    }
}

/// `<https://…?page=2>; rel="next", <…>; rel="last"`.
fn next_link(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(|text| {
        let mut rest = text;
        while let Some((_, opened)) = rest.split_once('<') {
            let (address, after) = opened.split_once('>')?;
            let words = after.split_once('<').map_or(after, |(words, _)| words);
            let is_next =
                words.split([';', ',']).filter_map(|word| word.split_once('=')).any(|(name, value)| {
                    let value = value.trim().trim_matches('"');
                    name.trim().eq_ignore_ascii_case("rel")
                        && value.split_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
                });
            if is_next {
                return Some(address.to_owned());
            }
            rest = after;
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        let found = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, HeaderValue::from_static(text));
            next_link(&headers)
        };
        let github =
            r#"<https://a.example/x?page=1>; rel="prev", <https://a.example/x?page=3,4>; rel="next""#;
        assert_eq!(found(github).as_deref(), Some("https://a.example/x?page=3,4"));
        assert_eq!(found("</y>;title=\"z\"; REL=next").as_deref(), Some("/y"));
        assert_eq!(found("<a>; rel=\"last next\"").as_deref(), Some("a"));
        assert_eq!(found("<a>; rel=\"last\", <b>; rel=prev"), None);
        assert_eq!(found("nonsense < rel=next"), None);
    }
}
