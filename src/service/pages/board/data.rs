//! The rows behind a picture: texts as PostgreSQL writes them, numbers where a length is drawn.

use crate::database::catalog::PUBLICATION;
use crate::database::{RowFormat, RowQuery, Sort};
use crate::endpoint::Published;
use crate::name::{Ident, Relation};
use crate::service::exposed::{unasked, visible};
use crate::service::pages::text::is_number;

pub struct Data {
    pub columns: Vec<String>,
    /// Whether a column holds numbers, by its type.
    pub numeric: Vec<bool>,
    pub rows: Vec<Vec<Option<String>>>,
    /// There are more rows than these.
    pub is_cut: bool,
}

impl Data {
    /// Of `rows` the first `most`.
    pub fn new(published: &Published, mut rows: Vec<Vec<Option<String>>>, most: usize) -> Self {
        let columns = visible(published);
        let is_cut = rows.len() > most;
        rows.truncate(most);
        Self {
            numeric: columns.iter().map(|column| is_number(&column.data_type)).collect(),
            columns: columns.into_iter().map(|column| column.name.clone()).collect(),
            rows,
            is_cut,
        }
    }

    fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    /// A column's texts; empty where there is no value.
    pub fn texts(&self, column: &str) -> Vec<&str> {
        let place = self.place(column);
        self.rows
            .iter()
            .map(|row| place.and_then(|place| row.get(place)?.as_deref()).unwrap_or_default())
            .collect()
    }

    /// A column's numbers; `None` where there is none, or none that can be drawn.
    pub fn numbers(&self, column: &str) -> Vec<Option<f64>> {
        let finite = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        self.texts(column).into_iter().map(finite).collect()
    }
}

/// What a board asks of an endpoint; `None` where a parameter is required.
pub fn query(published: &Published, schema: &Ident, limit: u64) -> Option<RowQuery> {
    let endpoint = &published.endpoint;
    let conditions = unasked(published)?;
    let sort = |column: &str, descending| {
        let known = published.columns.iter().find(|known| known.name == column)?;
        Some(Sort {
            column: Ident::new(column).ok()?,
            data_type: known.data_type.clone(),
            descending,
            never_null: known.never_null || endpoint.key.iter().any(|key| key == column),
        })
    };
    Some(RowQuery {
        relation: published.relation(schema).ok()?,
        publication: Relation::new(schema.clone(), Ident::new(PUBLICATION).ok()?),
        format: RowFormat::Texts,
        columns: visible(published).iter().filter_map(|column| Ident::new(&column.name).ok()).collect(),
        conditions,
        order: endpoint.order.iter().filter_map(|order| sort(&order.column, order.descending)).collect(),
        after: None,
        limit,
    })
}
