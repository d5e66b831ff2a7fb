//! Pies and gauges.

use std::f64::consts::{PI, TAU};

use maud::{Markup, html};

use super::{COLOURS, at, figure};
use crate::endpoint::{Chart, Tone};
use crate::service::pages::board::data::Data;

pub fn pie(chart: &Chart, data: &Data, heading: &str) -> Markup {
    let column = chart.y.first().map(String::as_str).unwrap_or_default();
    let names = data.texts(&chart.x);
    let values: Vec<f64> =
        data.numbers(column).into_iter().map(|value| value.unwrap_or(0.0).max(0.0)).collect();
    let total: f64 = values.iter().sum();
    let share = |value: f64| if total > 0.0 { value / total } else { 0.0 };
    let mut begun = 0.0;
    let slices: Vec<(usize, f64, f64)> = values
        .iter()
        .enumerate()
        .map(|(place, value)| {
            let from = begun;
            begun += share(*value);
            (place, from, begun)
        })
        .collect();
    html! {
        div class="pie" {
            svg viewBox="0 0 220 220" role="img" aria-label={ (heading) ". The figures follow as a table." } {
                @for (place, from, to) in slices {
                    @if to - from > 0.9999 {
                        circle class={ "c" (place % COLOURS) } cx="110" cy="110" r="100" {}
                    } @else if to > from {
                        path class={ "slice c" (place % COLOURS) } d=(slice(from, to)) {
                            title { (names.get(place).copied().unwrap_or_default()) }
                        }
                    }
                }
            }
            ul class="legend" { @for (place, value) in values.iter().enumerate() {
                li {
                    span class={ "key c" (place % COLOURS) } {}
                    (names.get(place).copied().unwrap_or_default()) ": "
                    (figure(data.texts(column).get(place).copied().unwrap_or_default())) " " (chart.unit)
                    @if !chart.unit.is_empty() { " " }
                    (format!("({:.1} %)", 100.0 * share(*value)))
                }
            } }
        }
    }
}

/// From the top, clockwise; both ends are shares of the whole.
fn slice(from: f64, to: f64) -> String {
    let point = |share: f64| {
        let angle = share * TAU - PI / 2.0;
        (110.0 + 100.0 * angle.cos(), 110.0 + 100.0 * angle.sin())
    };
    let ((x1, y1), (x2, y2)) = (point(from), point(to));
    let large = u8::from(to - from > 0.5);
    format!("M110 110 L{} {} A100 100 0 {large} 1 {} {} Z", at(x1), at(y1), at(x2), at(y2))
}

pub fn gauge(chart: &Chart, data: &Data, heading: &str) -> Markup {
    let column = chart.y.first().map(String::as_str).unwrap_or_default();
    let (low, high) = (chart.min.unwrap_or(0.0), chart.max.unwrap_or(1.0));
    let share = |value: f64| ((value - low) / (high - low)).clamp(0.0, 1.0);
    let text = data.texts(column).first().copied().unwrap_or_default();
    let value = data.numbers(column).first().copied().flatten();
    let mut begun = 0.0;
    let mut bands: Vec<(f64, f64, &str)> = Vec::new();
    for band in &chart.bands {
        bands.push((begun, share(band.to), tone(band.tone)));
        begun = share(band.to);
    }
    if begun < 1.0 {
        bands.push((begun, 1.0, "rest"));
    }
    html! {
        svg class="gauge" viewBox="0 0 240 150" role="img"
            aria-label={ (heading) ": " (text) " between " (low) " and " (high) } {
            @for (from, to, class) in bands {
                path class={ "band " (class) } d=(arc(from, to)) {}
            }
            @if let Some(value) = value {
                @let (x, y) = on_arc(share(value), 78.0);
                line class="needle" x1="120" y1="125" x2=(at(x)) y2=(at(y)) {}
            }
            text class="value" x="120" y="146" text-anchor="middle" { (figure(text)) " " (chart.unit) }
        }
    }
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Fair => "fair",
        Tone::Poor => "poor",
    }
}

/// On the half circle from left to right.
fn on_arc(share: f64, radius: f64) -> (f64, f64) {
    let angle = PI * (1.0 - share);
    (120.0 + radius * angle.cos(), 125.0 - radius * angle.sin())
}

fn arc(from: f64, to: f64) -> String {
    let ((x1, y1), (x2, y2)) = (on_arc(from, 100.0), on_arc(to, 100.0));
    format!("M{} {} A100 100 0 0 1 {} {}", at(x1), at(y1), at(x2), at(y2))
}
