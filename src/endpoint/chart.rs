//! How an endpoint's rows are drawn.

use serde::{Deserialize, Serialize};

use super::words::one_or_many;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChartKind {
    Bar,
    Line,
    Area,
    Pie,
    Gauge,
    Scatter,
    Table,
    /// Figures in large print: one for each column of `y`.
    Tile,
}

impl ChartKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Bar => "bar",
            Self::Line => "line",
            Self::Area => "area",
            Self::Pie => "pie",
            Self::Gauge => "gauge",
            Self::Scatter => "scatter",
            Self::Table => "table",
            Self::Tile => "tile",
        }
    }
}

/// A picture of an endpoint's rows on a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chart {
    #[serde(rename = "type")]
    pub kind: ChartKind,
    #[serde(default)]
    pub title: String,
    /// The board it stands on. Empty: that of the model's domain.
    #[serde(default)]
    pub board: String,
    /// Its place on the board, the least first.
    #[serde(default)]
    pub position: i32,
    /// What is counted along the bottom; of a pie its slices' names.
    #[serde(default)]
    pub x: String,
    /// What is drawn: one column, or several side by side.
    #[serde(default, deserialize_with = "one_or_many")]
    pub y: Vec<String>,
    /// One line, bar or colour for each value of this column.
    #[serde(default)]
    pub series: String,
    /// How large the points of a scatter are.
    #[serde(default)]
    pub size: String,
    /// Behind every figure: `%`, `EUR`, `orders`.
    #[serde(default)]
    pub unit: String,
    /// The ends of a gauge.
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// The colours of a gauge, from its lower end up.
    #[serde(default)]
    pub bands: Vec<Band>,
}

/// A part of a gauge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    pub to: f64,
    /// `good`, `fair` or `poor`.
    pub tone: Tone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    Good,
    Fair,
    Poor,
}

impl Chart {
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let single = [&self.x, &self.series, &self.size].into_iter().filter(|column| !column.is_empty());
        single.chain(&self.y).map(String::as_str)
    }

    /// What this kind of chart cannot do without and was not given.
    pub fn missing(&self) -> Option<&'static str> {
        let no_x = self.x.is_empty();
        match self.kind {
            ChartKind::Table | ChartKind::Tile => None,
            ChartKind::Gauge if self.y.len() != 1 => Some("one column as `y`"),
            ChartKind::Gauge if self.min.zip(self.max).is_none_or(|(min, max)| min >= max) => {
                Some("`min` and `max`, the one below the other")
            }
            ChartKind::Gauge => None,
            _ if no_x => Some("a column as `x`"),
            ChartKind::Pie if self.y.len() != 1 => Some("one column as `y`"),
            _ if self.y.is_empty() => Some("a column as `y`"),
            _ => None,
        }
    }
}
