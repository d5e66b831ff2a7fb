//! Bars, lines and areas over words.

use maud::{Markup, html};

use super::axes::{BOTTOM, HEIGHT, LEFT, RIGHT, Scale, WIDTH, height, lines_across, words_below};
use super::{COLOURS, Series, at, legend, series};
use crate::endpoint::Chart;
use crate::service::pages::board::data::Data;

pub fn bars(chart: &Chart, data: &Data, heading: &str) -> Markup {
    let (words, series) = series(chart, data);
    let scale = scale(&series, true);
    let slot = (RIGHT - LEFT) / words.len().max(1) as f64;
    let width = slot * 0.76 / series.len().max(1) as f64;
    let zero = height(&scale, 0.0);
    picture(
        heading,
        &series,
        html! {
            (lines_across(&scale))
            @for (place, one) in series.iter().enumerate() {
                @for (number, value) in one.values.iter().enumerate() {
                    @if let Some(value) = value {
                        @let top = height(&scale, *value);
                        rect class={ "c" (place % COLOURS) }
                            x=(at(LEFT + slot * number as f64 + slot * 0.12 + width * place as f64))
                            width=(at(width)) y=(at(top.min(zero))) height=(at((top - zero).abs())) {
                            title { (label(&words, number, one, *value, chart)) }
                        }
                    }
                }
            }
            (words_below(&words, |number| LEFT + slot * (number as f64 + 0.5)))
        },
    )
}

pub fn lines(chart: &Chart, data: &Data, heading: &str, filled: bool) -> Markup {
    let (words, series) = series(chart, data);
    let scale = scale(&series, filled);
    let apart = (RIGHT - LEFT) / (words.len().max(2) - 1) as f64;
    let x = |number: usize| LEFT + apart * number as f64;
    picture(
        heading,
        &series,
        html! {
            (lines_across(&scale))
            @for (place, one) in series.iter().enumerate() {
                @let points = points(one, &scale, x);
                @if let (true, Some(first), Some(last)) = (filled, points.first(), points.last()) {
                    polygon class={ "area c" (place % COLOURS) }
                        points={ (at(first.0)) "," (at(BOTTOM)) " " (spell(&points)) " " (at(last.0)) "," (at(BOTTOM)) } {}
                }
                polyline class={ "line s" (place % COLOURS) } points=(spell(&points)) {}
                @for (number, value) in one.values.iter().enumerate() {
                    @if let Some(value) = value {
                        circle class={ "c" (place % COLOURS) } cx=(at(x(number))) cy=(at(height(&scale, *value))) r="3" {
                            title { (label(&words, number, one, *value, chart)) }
                        }
                    }
                }
            }
            (words_below(&words, x))
        },
    )
}

fn scale(series: &[Series], from_zero: bool) -> Scale {
    Scale::over(series.iter().flat_map(|one| one.values.iter().flatten().copied()), from_zero)
}

fn points(series: &Series, scale: &Scale, x: impl Fn(usize) -> f64) -> Vec<(f64, f64)> {
    let values = series.values.iter().enumerate();
    values.filter_map(|(number, value)| Some((x(number), height(scale, (*value)?)))).collect()
}

fn spell(points: &[(f64, f64)]) -> String {
    points.iter().map(|(x, y)| format!("{},{}", at(*x), at(*y))).collect::<Vec<_>>().join(" ")
}

fn label(words: &[String], number: usize, series: &Series, value: f64, chart: &Chart) -> String {
    let word = words.get(number).map(String::as_str).unwrap_or_default();
    format!("{word}, {}: {value} {}", series.name, chart.unit).trim_end().to_owned()
}

fn picture(heading: &str, series: &[Series], content: Markup) -> Markup {
    let names: Vec<&str> = series.iter().map(|one| one.name.as_str()).collect();
    html! {
        svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label={ (heading) ". The figures follow as a table." } {
            (content)
        }
        (legend(&names))
    }
}
