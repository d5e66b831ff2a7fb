//! Points between two measured axes.

use maud::{Markup, html};

use super::axes::{BOTTOM, HEIGHT, LEFT, RIGHT, Scale, WIDTH, height, lines_across};
use super::{COLOURS, at, legend};
use crate::endpoint::Chart;
use crate::service::pages::board::data::Data;

/// Unit: of the view box.
const LARGEST: f64 = 18.0;

pub fn points(chart: &Chart, data: &Data, heading: &str) -> Markup {
    let y_column = chart.y.first().map(String::as_str).unwrap_or_default();
    let (xs, ys) = (data.numbers(&chart.x), data.numbers(y_column));
    let across = Scale::over(xs.iter().flatten().copied(), false);
    let up = Scale::over(ys.iter().flatten().copied(), false);
    let sizes = data.numbers(&chart.size);
    let largest = sizes.iter().flatten().copied().fold(0.0, f64::max);
    let radius = |row: usize| match sizes.get(row).copied().flatten() {
        // The eye compares areas.
        Some(size) if largest > 0.0 => (LARGEST * (size.max(0.0) / largest).sqrt()).max(2.0),
        _ => 4.0,
    };
    let groups = data.texts(&chart.series);
    let mut names: Vec<&str> = Vec::new();
    for name in groups.iter().filter(|_| !chart.series.is_empty()) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let colour =
        |row: usize| names.iter().position(|name| groups.get(row) == Some(name)).unwrap_or(0) % COLOURS;
    // Room at both ends, so that a large point hides no figure beside it.
    let x = |value: f64| LEFT + LARGEST + (RIGHT - LEFT - 2.0 * LARGEST) * across.share(value);
    // What is small lies on top: it would be hidden.
    let mut order: Vec<usize> = (0..xs.len()).collect();
    order.sort_by(|one, other| radius(*other).total_cmp(&radius(*one)));
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label={ (heading) ". The figures follow as a table." } {
            (lines_across(&up))
            @for tick in across.ticks() {
                text class="tick" text-anchor="middle" x=(at(x(tick))) y=(at(BOTTOM + 32.0)) { (across.word(tick)) }
            }
            text class="tick" text-anchor="middle" x=(at((LEFT + RIGHT) / 2.0)) y=(at(BOTTOM + 54.0)) {
                (chart.x.replace('_', " ")) " across, " (y_column.replace('_', " ")) " up"
            }
            @for row in order {
                @if let (Some(across), Some(high)) = (xs[row], ys.get(row).copied().flatten()) {
                    circle class={ "point c" (colour(row)) } cx=(at(x(across))) cy=(at(height(&up, high))) r=(at(radius(row))) {}
                }
            }
        }
        @if names.len() <= COLOURS { (legend(&names)) }
    }
}
