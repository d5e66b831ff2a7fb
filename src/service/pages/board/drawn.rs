//! Boards that were drawn, so that they are drawn once for each publication and not for each who looks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use maud::Markup;

/// By name, and by the way from the page to the service's first path, which its links begin with.
type Boards = HashMap<(String, String), Markup>;

/// Those of one publication.
#[derive(Default)]
pub struct Drawn(Mutex<(i64, Boards)>);

impl Drawn {
    pub fn get(&self, run: i64, name: &str, root: &str) -> Option<Markup> {
        let (drawn_of, boards) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), root.to_owned());
        boards.get(&key).filter(|_| *drawn_of == run).cloned()
    }

    /// The boards of an earlier publication are forgotten. There are as many as the publication has, so nobody
    /// can fill the memory by asking.
    pub fn keep(&self, run: i64, name: &str, root: &str, board: Markup) {
        let mut drawn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.0 > run {
            return;
        }
        if drawn.0 < run {
            *drawn = (run, HashMap::new());
        }
        drawn.1.insert((name.to_owned(), root.to_owned()), board);
    }
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    #[test]
    fn a_board_is_kept_until_the_next_publication() {
        let drawn = Drawn::default();
        drawn.keep(2, "shop", "..", html! { "two" });
        assert_eq!(drawn.get(2, "shop", "..").map(Markup::into_string).as_deref(), Some("two"));
        assert!(drawn.get(2, "shop", "../..").is_none() && drawn.get(3, "shop", "..").is_none());
        drawn.keep(3, "other", "..", html! { "three" });
        assert!(drawn.get(2, "shop", "..").is_none());
        drawn.keep(2, "shop", "..", html! { "late" });
        assert!(drawn.get(3, "other", "..").is_some() && drawn.get(2, "shop", "..").is_none());
    }
}
