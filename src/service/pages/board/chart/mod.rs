//! From rows to SVG. Pure. Colours are classes, so that the stylesheet can tell light from dark; lengths are
//! numbers of the view box.

mod axes;
mod lines;
mod round;
mod scatter;

use maud::{Markup, html};

use super::data::Data;
use crate::endpoint::{Chart, ChartKind};
use crate::service::pages::text::title;

/// Colours there are; more series begin again.
const COLOURS: usize = 8;

/// The picture; `None` where the table is all there is to see.
pub fn draw(chart: &Chart, data: &Data, heading: &str) -> Option<Markup> {
    Some(match chart.kind {
        ChartKind::Table => return None,
        ChartKind::Tile => tiles(chart, data),
        ChartKind::Bar => lines::bars(chart, data, heading),
        ChartKind::Line => lines::lines(chart, data, heading, false),
        ChartKind::Area => lines::lines(chart, data, heading, true),
        ChartKind::Pie => round::pie(chart, data, heading),
        ChartKind::Gauge => round::gauge(chart, data, heading),
        ChartKind::Scatter => scatter::points(chart, data, heading),
    })
}

/// What is drawn as one: its name and a value for each row of the x axis.
pub struct Series {
    pub name: String,
    pub values: Vec<Option<f64>>,
}

/// The x axis' words and the series over them: a column each, or one for each value of `series`.
pub fn series(chart: &Chart, data: &Data) -> (Vec<String>, Vec<Series>) {
    let words = data.texts(&chart.x);
    if chart.series.is_empty() {
        let series =
            chart.y.iter().map(|column| Series { name: column.clone(), values: data.numbers(column) });
        return (words.into_iter().map(str::to_owned).collect(), series.collect());
    }
    let mut axis: Vec<String> = Vec::new();
    let mut series: Vec<Series> = Vec::new();
    let values = chart.y.first().map(|column| data.numbers(column)).unwrap_or_default();
    for ((word, name), value) in words.into_iter().zip(data.texts(&chart.series)).zip(values) {
        let own = series.iter().position(|known| known.name == name).unwrap_or_else(|| {
            series.push(Series { name: name.to_owned(), values: Vec::new() });
            series.len() - 1
        });
        // Of two rows for one place none may hide the other.
        let taken = |place: usize| series[own].values.get(place).is_some_and(Option::is_some);
        let free = axis.iter().enumerate().position(|(place, known)| known == word && !taken(place));
        let place = free.unwrap_or_else(|| {
            let beside = axis.iter().rposition(|known| known == word).map_or(axis.len(), |last| last + 1);
            axis.insert(beside, word.to_owned());
            for values in series.iter_mut().map(|one| &mut one.values).filter(|values| values.len() > beside)
            {
                values.insert(beside, None);
            }
            beside
        });
        let values = &mut series[own].values;
        values.resize(values.len().max(place + 1), None);
        values[place] = value;
    }
    (axis, series)
}

pub fn legend(names: &[&str]) -> Markup {
    html! {
        @if names.len() > 1 {
            ul class="legend" { @for (place, name) in names.iter().enumerate() {
                li { span class={ "key c" (place % COLOURS) } {} (name) }
            } }
        }
    }
}

fn tiles(chart: &Chart, data: &Data) -> Markup {
    let wanted: Vec<&str> = match chart.y.is_empty() {
        true => data.columns.iter().map(String::as_str).collect(),
        false => chart.y.iter().map(String::as_str).collect(),
    };
    let unit = |column: &str| {
        let is_number =
            data.columns.iter().zip(&data.numeric).any(|(name, numeric)| name == column && *numeric);
        if is_number && !chart.unit.is_empty() { format!(" {}", chart.unit) } else { String::new() }
    };
    html! {
        dl class="tiles" { @for column in wanted {
            div {
                dt { (title(column)) }
                dd { (figure(data.texts(column).first().copied().unwrap_or_default())) (unit(column)) }
            }
        } }
    }
}

/// `1234567.50` as `1,234,567.50`.
pub fn figure(text: &str) -> String {
    let (whole, rest) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let digits = whole.trim_start_matches('-');
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.to_owned();
    }
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if whole.starts_with('-') { "-" } else { "" };
    let rest = rest.map(|rest| format!(".{rest}")).unwrap_or_default();
    format!("{sign}{grouped}{rest}")
}

/// A number for an attribute: a tenth is finer than a screen shows.
pub fn at(number: f64) -> String {
    format!("{number:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_one_series_and_place_stand_beside_each_other() {
        let chart: Chart =
            serde_json::from_str(r#"{"type": "line", "x": "day", "y": "n", "series": "shop"}"#).unwrap();
        let row = |day: &str, shop: &str, n: &str| [day, shop, n].map(|text| Some(text.to_owned())).to_vec();
        let data = Data {
            columns: ["day", "shop", "n"].map(str::to_owned).to_vec(),
            numeric: vec![false, false, true],
            rows: vec![row("1", "a", "1"), row("1", "b", "2"), row("2", "a", "3"), row("1", "b", "4")],
            is_cut: false,
        };
        let (axis, drawn) = series(&chart, &data);
        assert_eq!(axis, ["1", "1", "2"]);
        let values: Vec<_> = drawn.iter().map(|one| (one.name.as_str(), &*one.values)).collect();
        assert_eq!(values, [("a", &[Some(1.0), None, Some(3.0)][..]), ("b", &[Some(2.0), Some(4.0)][..])]);
    }

    #[test]
    fn figures_are_grouped_and_other_texts_left_alone() {
        for (text, shown) in [
            ("1234567.50", "1,234,567.50"),
            ("-1000", "-1,000"),
            ("999", "999"),
            ("2024-01-01", "2024-01-01"),
            ("", ""),
        ] {
            assert_eq!(figure(text), shown);
        }
    }
}
