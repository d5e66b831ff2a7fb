//! Where a page ended, as an opaque word for the next request: the order it was read in and the last row's
//! place in it. It holds nothing that the endpoint does not show, and choosing its values freely gains nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::database::{After, Sort};

#[derive(Serialize, Deserialize)]
struct Cursor {
    order: String,
    after: Vec<Option<String>>,
}

pub fn write(order: &[Sort], after: &[Option<String>]) -> String {
    let cursor = Cursor { order: spell(order), after: after.to_vec() };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).expect("texts are JSON"))
}

/// `None`: it is no cursor, or one of another order.
pub fn read(text: &str, order: &[Sort]) -> Option<After> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let cursor: Cursor = serde_json::from_slice(&bytes).ok()?;
    (cursor.order == spell(order) && cursor.after.len() == order.len()).then_some(After(cursor.after))
}

fn spell(order: &[Sort]) -> String {
    let words = order
        .iter()
        .map(|sort| format!("{}{}", if sort.descending { "-" } else { "" }, sort.column.as_str()));
    words.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Ident;

    #[test]
    fn a_cursor_holds_for_its_own_order_only() {
        let sort = |name: &str, descending| Sort {
            column: Ident::new(name).unwrap(),
            data_type: "text".into(),
            descending,
            never_null: false,
        };
        let order = [sort("a", false), sort("b", true)];
        let place = vec![Some("x, \"y\"".to_owned()), None];
        let text = write(&order, &place);
        assert_eq!(read(&text, &order), Some(After(place)));
        assert_eq!(read(&text, &[sort("a", true), sort("b", true)]), None);
        assert_eq!(read(&text, &order[..1]), None);
        assert_eq!(read("../../etc", &order), None);
    }
}
