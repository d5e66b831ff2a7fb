//! The frame of charts with two axes: where a value comes to lie, lines to read it by, words along the bottom.

use maud::{Markup, html};

use super::{at, figure};

pub const WIDTH: f64 = 640.0;
pub const HEIGHT: f64 = 320.0;
pub const LEFT: f64 = 72.0;
pub const RIGHT: f64 = 628.0;
pub const TOP: f64 = 12.0;
pub const BOTTOM: f64 = 262.0;

/// Words along the bottom that have room beside one another.
const WORDS: usize = 12;

/// Values between two round numbers.
pub struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    /// Over all values; `from_zero` where a length is compared.
    pub fn over(values: impl Iterator<Item = f64>, from_zero: bool) -> Self {
        let (mut low, mut high) = values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if !low.is_finite() || !high.is_finite() {
            (low, high) = (0.0, 1.0);
        }
        if from_zero {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        if high - low < f64::EPSILON * high.abs().max(1.0) {
            high = low + 1.0;
        }
        let rough = (high - low) / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step =
            power * [1.0, 2.0, 5.0, 10.0].into_iter().find(|times| power * times >= rough).unwrap_or(10.0);
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step }
    }

    /// From 0, at `low`, to 1.
    pub fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    pub fn ticks(&self) -> Vec<f64> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        (0..=count).map(|tick| self.low + self.step * tick as f64).collect()
    }

    pub fn word(&self, tick: f64) -> String {
        let places = if self.step < 1.0 { (-self.step.log10().floor()) as usize } else { 0 };
        figure(&format!("{tick:.places$}"))
    }
}

/// The height at which a value lies.
pub fn height(scale: &Scale, value: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * scale.share(value)
}

/// Lines across, with their values beside them.
pub fn lines_across(scale: &Scale) -> Markup {
    html! {
        @for tick in scale.ticks() {
            line class="rule" x1=(at(LEFT)) x2=(at(RIGHT)) y1=(at(height(scale, tick))) y2=(at(height(scale, tick))) {}
            text class="tick" x=(at(LEFT - 8.0)) y=(at(height(scale, tick) + 4.0)) text-anchor="end" { (scale.word(tick)) }
        }
    }
}

/// As many of the words as have room, each under its place.
pub fn words_below(words: &[String], place: impl Fn(usize) -> f64) -> Markup {
    let every = words.len().div_ceil(WORDS).max(1);
    html! {
        @for (number, word) in words.iter().enumerate().filter(|(number, _)| number % every == 0) {
            text class="tick" text-anchor="end" x="0" y="0"
                transform={ "translate(" (at(place(number) + 4.0)) " " (at(BOTTOM + 16.0)) ") rotate(-30)" } {
                (short(word))
            }
        }
    }
}

fn short(word: &str) -> String {
    let mut letters = word.chars();
    let kept: String = letters.by_ref().take(14).collect();
    if letters.next().is_some() { format!("{kept}…") } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers_and_bear_every_input() {
        let words = |values: &[f64], from_zero| {
            let scale = Scale::over(values.iter().copied(), from_zero);
            scale.ticks().into_iter().map(|tick| scale.word(tick)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words(&[3.0, 97.0], true), "0 20 40 60 80 100");
        assert_eq!(words(&[0.12, 0.31], false), "0.10 0.15 0.20 0.25 0.30 0.35");
        assert_eq!(words(&[-5.0, 12_000.0], true), "-5,000 0 5,000 10,000 15,000");
        for odd in [&[][..], &[7.0], &[0.0, 0.0], &[1e300, -1e300], &[5e-324]] {
            let scale = Scale::over(odd.iter().copied(), true);
            assert!((1..100).contains(&scale.ticks().len()), "{odd:?}");
        }
    }
}
