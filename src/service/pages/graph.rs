//! A graph of nodes as a picture: what each is made from stands left of it.

use maud::{Markup, html};

use crate::layout::layout;

pub struct Node {
    /// `stage.orders`
    pub label: String,
    pub note: String,
    /// A class of the stylesheet that colours it.
    pub state: &'static str,
    pub link: Option<String>,
}

// In the picture's own units, which are a screen's.
const WIDTH: usize = 210;
const HEIGHT: usize = 46;
const ACROSS: usize = 60;
const DOWN: usize = 16;
const EDGE: usize = 4;

/// Letters of a label that have room.
const LETTERS: usize = 26;

/// `parents`: places in `nodes`, which stand parents first.
pub fn graph(caption: &str, nodes: &[Node], parents: &[Vec<usize>]) -> Markup {
    let order: Vec<usize> = (0..nodes.len()).collect();
    let places = layout(parents, &order, |place| &nodes[place].label);
    let at = |place: usize| {
        let (rank, row) = places[place];
        (EDGE + rank * (WIDTH + ACROSS), EDGE + row * (HEIGHT + DOWN))
    };
    let most = |of: fn(&(usize, usize)) -> usize| places.iter().map(of).max().unwrap_or(0) + 1;
    let width = most(|place| place.0) * (WIDTH + ACROSS) - ACROSS + 2 * EDGE;
    let height = most(|place| place.1) * (HEIGHT + DOWN) - DOWN + 2 * EDGE;
    // Links within a picture would not be found by who cannot see it.
    let role = if nodes.iter().any(|node| node.link.is_some()) { "group" } else { "img" };
    html! {
        div class="scroll graph" tabindex="0" role="region" aria-label="The graph" {
            svg width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) } role=(role) aria-label=(caption) {
                @for (place, above) in parents.iter().enumerate() {
                    @for parent in above { (line(at(*parent), at(place))) }
                }
                @for (place, node) in nodes.iter().enumerate() { (drawn(node, at(place))) }
            }
        }
    }
}

fn line(from: (usize, usize), to: (usize, usize)) -> Markup {
    let (x, y) = (from.0 + WIDTH, from.1 + HEIGHT / 2);
    let (end_x, end_y) = (to.0, to.1 + HEIGHT / 2);
    let bend = ACROSS / 2;
    html! {
        path class="edge" d={ "M" (x) " " (y) "C" (x + bend) " " (y) " " (end_x.saturating_sub(bend)) " " (end_y) " " (end_x) " " (end_y) } {}
    }
}

fn drawn(node: &Node, (x, y): (usize, usize)) -> Markup {
    let inside = html! {
        title { (node.label) ", " (node.note) }
        rect class="box" width=(WIDTH) height=(HEIGHT) rx="7" {}
        rect class="bar" x="1" y="1" width="7" height=(HEIGHT - 2) rx="4" {}
        text class="name" x="16" y="20" { (short(&node.label)) }
        text class="note" x="16" y="37" { (node.note) }
    };
    html! {
        g class={ "node " (node.state) } data-node=(node.label) transform={ "translate(" (x) " " (y) ")" } {
            @match &node.link { Some(link) => a href=(link) { (inside) }, None => (inside) }
        }
    }
}

fn short(label: &str) -> String {
    if label.chars().count() <= LETTERS {
        return label.to_owned();
    }
    label.chars().take(LETTERS - 1).chain(['…']).collect()
}
