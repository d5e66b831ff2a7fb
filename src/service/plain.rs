//! Reads a lookup's body in the form in which nearly every client sends it: one object of texts without escapes,
//! whole numbers and nulls, each field once. It takes a quarter of what serde takes, and judges nothing: of any other
//! body it says `None`, and serde says what it is. Pure.

use std::borrow::Cow;

use super::fields::{FIELDS, Fields, Given};

/// So many digits fit an `i64`.
const MOST_DIGITS: usize = 18;

pub fn fields(body: &str) -> Option<Fields<'_>> {
    let mut rest = Rest { body, at: 0 };
    let mut fields = Fields { values: [const { None }; 6], repeated: Vec::new() };
    let mut seen = [false; 6];
    rest.take(b'{')?;
    loop {
        rest.take(b'"')?;
        let name = rest.name()?;
        rest.take(b':')?;
        let value = rest.value()?;
        if let Some(field) = name {
            if std::mem::replace(&mut seen[field], true) {
                return None;
            }
            fields.values[field] = value;
        }
        if rest.take(b',').is_none() {
            break;
        }
    }
    rest.take(b'}')?;
    rest.peek().is_none().then_some(fields)
}

struct Rest<'b> {
    body: &'b str,
    /// What is before it was read.
    at: usize,
}

impl<'b> Rest<'b> {
    /// What comes after blanks.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.body.as_bytes().get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn take(&mut self, sign: u8) -> Option<()> {
        (self.peek()? == sign).then(|| self.at += 1)
    }

    /// A field's place in [`FIELDS`], and takes its name; `None` for any other name.
    fn name(&mut self) -> Option<Option<usize>> {
        let rest = &self.body.as_bytes()[self.at..];
        let is_next = |name: &&str| rest.starts_with(name.as_bytes()) && rest.get(name.len()) == Some(&b'"');
        let field = FIELDS.iter().position(is_next);
        match field {
            Some(field) => self.at += FIELDS[field].len() + 1,
            None => drop(self.text()?),
        }
        Some(field)
    }

    /// What stands before the next quote, and takes that, too.
    fn text(&mut self) -> Option<&'b str> {
        let rest = &self.body[self.at..];
        let end = end_of_text(rest.as_bytes());
        (rest.as_bytes().get(end) == Some(&b'"')).then(|| {
            self.at += end + 1;
            &rest[..end]
        })
    }

    /// The inner `None`: null.
    fn value(&mut self) -> Option<Option<Given<'b>>> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                Some(Some(Given::Text(Cow::Borrowed(self.text()?))))
            }
            b'n' => {
                self.body[self.at..].starts_with("null").then(|| self.at += "null".len())?;
                Some(None)
            }
            _ => Some(Some(Given::Whole(self.whole()?))),
        }
    }

    /// What follows decides whether the number ends here.
    fn whole(&mut self) -> Option<i64> {
        let rest = &self.body.as_bytes()[self.at..];
        let mut number = 0;
        let mut count = 0;
        while let Some(digit @ b'0'..=b'9') = rest.get(count) {
            // JSON has no zeros in front.
            if count == MOST_DIGITS || (count > 0 && number == 0) {
                return None;
            }
            number = number * 10 + i64::from(digit - b'0');
            count += 1;
        }
        self.at += count;
        (count > 0).then_some(number)
    }
}

/// Where the first byte is that cannot stand in a text as it is: a quote, a backslash, a control character.
fn end_of_text(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let (words, last) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The high bit of each byte that is less than `than`, and of none before the first such byte.
        let less = |word: u64, than: u8| word.wrapping_sub(ONES * u64::from(than)) & !word & (ONES << 7);
        let is = |byte: u8| less(word ^ (ONES * u64::from(byte)), 1);
        let found = less(word, b' ') | is(b'"') | is(b'\\');
        if found != 0 {
            return place * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_end = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    bytes.len() - last.len() + last.iter().position(is_end).unwrap_or(last.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_serde(body: &str) -> Option<Fields<'_>> {
        serde_json::from_str(body).ok()
    }

    #[test]
    fn what_clients_send_is_read_here() {
        for body in [
            r#"{"customer_id":123,"country_code":"Peru","last_order_ts":"2018-05-03T00:00:00Z","total_orders":0}"#,
            "\n{ \"country_code\" : \"Côte d’Ivoire\" ,\r\n\t\"last_order_ts\": null , \"more\":\"x\" } \n",
            r#"{"total_orders":999999999999999999}"#,
        ] {
            let read = fields(body);
            assert!(read.is_some() && read == by_serde(body), "{body}");
        }
    }

    #[test]
    fn any_other_body_is_left_to_serde() {
        for body in [
            "",
            "{}",
            "{",
            "[]",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1}}"#,
            r#"{"a":1"#,
            r#"{"a":"b}"#,
            r#"{"a":01}"#,
            r#"{"a":-1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e3}"#,
            r#"{"a":1 2}"#,
            r#"{"a":nul}"#,
            r#"{"a":nulls}"#,
            r#"{"a":true}"#,
            r#"{"a":[]}"#,
            r#"{"a":{}}"#,
            r#"{"a":"\u0050"}"#,
            "{\"a\":\"\t\"}",
            r#"{"a":9223372036854775807}"#,
            r#"{"total_orders":1,"total_orders":1}"#,
            "{\"a\":1}\u{a0}",
            "{a:1}",
        ] {
            assert!(fields(body).is_none(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn a_text_ends_at_its_first_special_byte(bytes: Vec<u8>) {
            let first = bytes.iter().position(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\'));
            prop_assert_eq!(end_of_text(&bytes), first.unwrap_or(bytes.len()));
        }

        /// Pieces of JSON in any order: mostly wrong, and never read as anything but what serde reads.
        #[test]
        fn nothing_is_read_otherwise_than_by_serde(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "{", "}", "\"", ":", ",", " ", "\n", "\\", "0", "7", "-", ".", "e", "null", "true", "[", "é",
                    "\"country_code\":", "\"Peru\"", "\"total_orders\":", "15", "\"a\":1", "\"last_order_ts\":null",
                ]),
                0..9,
            ),
        ) {
            for body in [pieces.concat(), format!("{{{}}}", pieces.concat())] {
                if let Some(read) = fields(&body) {
                    prop_assert_eq!(Some(read), by_serde(&body), "{}", body);
                }
            }
        }
    }
}
