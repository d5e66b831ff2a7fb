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

// Of a picture of dots.
const DOT: usize = 12;
const GAP: usize = 14;
const TALL: usize = 40;

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

/// A dot for each node and no lines: of very many nodes. What a node is made from stands left of it still.
pub fn dots(caption: &str, nodes: &[Node], parents: &[Vec<usize>]) -> Markup {
    let ranks = ranks(parents);
    // A rank is as many columns as it needs.
    let mut left = EDGE;
    let mut drawn = Vec::with_capacity(nodes.len());
    for rank in &ranks {
        for (place, node) in rank.iter().enumerate() {
            drawn.push((*node, left + place / TALL * DOT + DOT / 2, EDGE + place % TALL * DOT + DOT / 2));
        }
        left += rank.len().div_ceil(TALL) * DOT + GAP;
    }
    let height = ranks.iter().map(Vec::len).max().unwrap_or(0).min(TALL) * DOT + 2 * EDGE;
    html! {
        div class="scroll graph" tabindex="0" role="region" aria-label="The graph" {
            svg width=(left) height=(height) viewBox={ "0 0 " (left) " " (height) } role="img" aria-label=(caption) {
                @for (node, x, y) in drawn {
                    g class={ "node " (nodes[node].state) } data-node=(nodes[node].label) {
                        title { (nodes[node].label) ", " (nodes[node].note) }
                        circle class="bar" cx=(x) cy=(y) r=(DOT / 2 - 1) {}
                    }
                }
            }
        }
    }
}

/// The nodes by their longest way from a root.
fn ranks(parents: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut rank = vec![0; parents.len()];
    let mut ranks: Vec<Vec<usize>> = Vec::new();
    for (node, above) in parents.iter().enumerate() {
        rank[node] = above.iter().map(|parent| rank[*parent] + 1).max().unwrap_or(0);
        ranks.resize(ranks.len().max(rank[node] + 1), Vec::new());
        ranks[rank[node]].push(node);
    }
    ranks
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
