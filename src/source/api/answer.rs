//! The records in an answer, each the very bytes that the server sent: no number goes through a float.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::source::SourceError;
use crate::source::error::{list, nearest};
use crate::source::format::looks_like_html;

pub(in crate::source) struct Answer<'a> {
    body: &'a [u8],
    pub(super) records: Vec<&'a RawValue>,
    shown: &'a str,
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

impl<'a> Answer<'a> {
    /// Of a server that says that there is nothing.
    pub(super) fn none(shown: &'a str) -> Self {
        Self { body: b"null", records: Vec::new(), shown }
    }

    /// Finds the list at `way` in `body`, the answer of `shown`.
    pub(in crate::source) fn read(
        body: &'a [u8],
        way: &[String],
        shown: &'a str,
    ) -> Result<Self, SourceError> {
        let mut answer = Self { body, records: Vec::new(), shown };
        let Some(found) = answer.at(way, true)? else {
            return Ok(answer);
        };
        let name = if way.is_empty() { "the answer".to_owned() } else { format!("`{}`", way.join(".")) };
        match found.get().as_bytes().first() {
            Some(b'[') => {
                answer.records = serde_json::from_str(found.get()).map_err(|e| answer.broken(&e))?
            }
            // An API that answers one record answers it bare.
            Some(b'{') if !way.is_empty() => answer.records = vec![found],
            Some(b'n') => {}
            _ => {
                let error = SourceError::new(format!("{shown}: {name} is no list of records"));
                return Err(error.with_hint(answer.hint(found)));
            }
        }
        if let Some(at) = answer.records.iter().position(|record| !record.get().starts_with('{')) {
            let message = format!("{shown}: record {} of {name} is no object", at + 1);
            return Err(SourceError::new(message));
        }
        Ok(answer)
    }

    /// The records as JSON lines, each with the field `added`, where there is one, as `"name":value`. A line end
    /// between two parts of a record is no part of it.
    pub(in crate::source) fn lines(&self, added: Option<&str>) -> Vec<u8> {
        let mut lines = Vec::with_capacity(self.body.len());
        for record in &self.records {
            let bytes = record.get().bytes();
            lines.extend(bytes.map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
            if let Some(added) = added {
                lines.pop();
                if !lines.trim_ascii_end().ends_with(b"{") {
                    lines.push(b',');
                }
                lines.extend_from_slice(added.as_bytes());
                lines.push(b'}');
            }
            lines.push(b'\n');
        }
        lines
    }

    /// A text or number at `way`; nothing where there is none, or an empty one.
    pub(super) fn word_at(&self, way: &[String]) -> Result<Option<String>, SourceError> {
        let Some(found) = self.at(way, false)? else { return Ok(None) };
        let text = found.get();
        let word = match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text).map_err(|error| self.broken(&error))?,
            Some(b'-' | b'0'..=b'9') => text.to_owned(),
            _ => String::new(),
        };
        Ok(Some(word).filter(|word| !word.is_empty()))
    }

    fn at(&self, way: &[String], must_be: bool) -> Result<Option<&'a RawValue>, SourceError> {
        let mut here: &RawValue = serde_json::from_slice(self.body).map_err(|error| self.broken(&error))?;
        let mut depth = 0;
        while let Some(name) = way.get(depth) {
            if let Some(items) = self.items_of(here, name)? {
                let Some(item) = items else { return Ok(None) };
                (here, depth) = (item, depth + 1);
                continue;
            }
            if !here.get().starts_with('{') {
                let gone =
                    format!("{}: `{}` leads nowhere in the answer", self.shown, way[..=depth].join("."));
                return if must_be { Err(SourceError::new(gone)) } else { Ok(None) };
            }
            let fields: Fields<'a> = serde_json::from_str(here.get()).map_err(|error| self.broken(&error))?;
            // A key may hold dots itself: `@odata.nextLink`.
            let ends = depth + 1..=way.len();
            let found = ends.filter_map(|end| Some((fields.get(&way[depth..end].join("."))?, end))).next();
            match found {
                Some((found, end)) => (here, depth) = (found, end),
                None if !must_be => return Ok(None),
                None => {
                    let message = format!("{}: the answer has no `{}`", self.shown, way[..=depth].join("."));
                    let known = fields.keys().map(String::as_str);
                    return Err(SourceError::new(message).with_hint(match nearest(name, known.clone()) {
                        Some(near) => format!("is `{near}` meant?"),
                        None => format!("there is {}", list(known)),
                    }));
                }
            }
        }
        Ok(Some(here))
    }

    /// The item of a list that a step like `0`, or `-1` for the last, names: nothing where this is no such step,
    /// and nothing in that where the list has none there.
    fn items_of(&self, here: &'a RawValue, step: &str) -> Result<Option<Option<&'a RawValue>>, SourceError> {
        let Some(place) = step.parse::<i64>().ok().filter(|_| here.get().starts_with('[')) else {
            return Ok(None);
        };
        let items: Vec<&'a RawValue> =
            serde_json::from_str(here.get()).map_err(|error| self.broken(&error))?;
        let from_end =
            usize::try_from(place.unsigned_abs()).ok().and_then(|back| items.len().checked_sub(back));
        let at = if place < 0 { from_end } else { usize::try_from(place).ok() };
        Ok(Some(at.and_then(|at| items.get(at).copied())))
    }

    /// Whether there is something at `way`, be it empty.
    pub(super) fn has(&self, way: &[String]) -> Result<bool, SourceError> {
        Ok(self.at(way, false)?.is_some())
    }

    /// Whether what is at `way` is neither missing, empty, zero nor false.
    pub(super) fn is_so(&self, way: &[String]) -> Result<bool, SourceError> {
        let Some(found) = self.at(way, false)? else { return Ok(false) };
        Ok(!matches!(found.get(), "false" | "null" | "0" | "\"\"" | "\"false\"" | "[]" | "{}"))
    }

    fn hint(&self, found: &RawValue) -> String {
        let fields: Fields<'_> = serde_json::from_str(found.get()).unwrap_or_default();
        let lists =
            fields.iter().filter(|(_, value)| value.get().starts_with('[')).map(|(name, _)| name.as_str());
        let names = list(lists);
        if names.is_empty() {
            "say with api={'records': 'data.items'} where the list is".to_owned()
        } else {
            format!("the lists in it are {names}: name one with api={{'records': '…'}}")
        }
    }

    fn broken(&self, error: &serde_json::Error) -> SourceError {
        let error = SourceError::new(format!("the answer of {} is no JSON: {error}", self.shown));
        if looks_like_html(self.body) {
            return error.with_hint("it is a web page: is a login missing, or is this the API's address?");
        }
        error.with_hint("is this the API's address?")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(body: &str, way: &str) -> Result<String, SourceError> {
        let way: Vec<String> = way.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let answer = Answer::read(body.as_bytes(), &way, "http://a")?;
        Ok(String::from_utf8(answer.lines(None)).expect("UTF-8 went in"))
    }

    #[test]
    fn records_are_found_and_keep_their_digits() {
        let body = "{\"data\": {\"items\": [\n {\"a\": 1.10,\n \"b\": \"x\\ny\"}, {\"a\": 123456789012345678901} ]}}";
        assert_eq!(
            lines(body, "data.items").unwrap(),
            "{\"a\": 1.10,  \"b\": \"x\\ny\"}\n{\"a\": 123456789012345678901}\n"
        );
        assert_eq!(lines("[{}]", "").unwrap(), "{}\n");
        assert_eq!(lines("{\"one\": {\"a\": 1}}", "one").unwrap(), "{\"a\": 1}\n");
        assert_eq!(lines("{\"none\": null}", "none").unwrap(), "");
    }

    #[test]
    fn a_way_leads_through_lists_and_keys_with_dots() {
        let body = r#"{"data": [{"id": 7}, {"id": 8}], "@odata.nextLink": "/x", "a": {"b.c": {"d": 1} }, "more": false}"#;
        let answer = Answer { body: body.as_bytes(), records: Vec::new(), shown: "an API" };
        let way = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let word = |text: &str| answer.word_at(&way(text)).unwrap().unwrap_or_default();
        assert_eq!(
            ["data.-1.id", "data.0.id", "@odata.nextLink", "a.b.c.d"].map(word),
            ["8", "7", "/x", "1"]
        );
        assert_eq!(["data.2.id", "data.-3.id", "data.id", "@odata.next"].map(word), [""; 4]);
        assert!(answer.has(&way("more")).unwrap() && !answer.has(&way("none")).unwrap());
        assert!(!answer.is_so(&way("more")).unwrap() && answer.is_so(&way("a")).unwrap());
    }

    #[test]
    fn a_field_is_added_to_each_record() {
        let answer = Answer::read(b"[{\"a\": 1}, { }, {\"b\": {} }]", &[], "http://a").unwrap();
        let lines = String::from_utf8(answer.lines(Some("\"k\":\"x\""))).unwrap();
        assert_eq!(lines, "{\"a\": 1,\"k\":\"x\"}\n{ \"k\":\"x\"}\n{\"b\": {} ,\"k\":\"x\"}\n");
    }

    #[test]
    fn what_is_no_list_of_records_is_told_with_what_there_is() {
        let error = lines("{\"items\": []}", "itmes").unwrap_err();
        assert_eq!(error.message, "http://a: the answer has no `itmes`");
        assert_eq!(error.hint.unwrap(), "is `items` meant?");
        let error = lines("{\"items\": [], \"n\": 1}", "").unwrap_err();
        assert!(error.hint.unwrap().contains("`items`"));
        assert!(lines("[1]", "").unwrap_err().message.contains("record 1"));
        assert!(lines("<html>", "").unwrap_err().hint.unwrap().contains("web page"));
        assert!(lines("{\"a\": [{\"x\": 1}", "a").is_err());
    }
}
