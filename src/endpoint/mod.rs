//! What an exposed relation answers to over HTTP: path, parameters, order, paging, shape, caching, chart.
//! Written in YAML beside a prod model, published in one transaction with its relation, read back by the
//! service. Pure; knows neither models nor HTTP.

mod chart;
mod check;
mod words;

use serde::{Deserialize, Serialize};

use crate::name::{Ident, NameError, Relation};

pub use chart::{Band, Chart, ChartKind, Tone};
pub use check::{Complaint, RESERVED_PATHS};
pub use words::{Cache, Filters, Limit, Operator, Order, Shape};

/// Words of a query string that are no filter.
pub const RESERVED_PARAMETERS: [&str; 4] = ["limit", "cursor", "order", "columns"];

/// How one prod relation is served.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Endpoint {
    /// `/monthly_revenue`, or `/customers/{customer_id}` with parameters in braces. Empty: the model's name.
    pub path: String,
    /// One sentence for the API's description. Empty: the model's own.
    pub summary: String,
    pub shape: Shape,
    /// The columns that are answered, in this order. Empty: all.
    pub columns: Vec<String>,
    pub parameters: Vec<Parameter>,
    /// Which columns a caller may filter and sort by.
    pub filters: Filters,
    pub order: Vec<Order>,
    /// Columns that together are unique and never null: what pages are told apart by.
    #[serde(deserialize_with = "words::one_or_many")]
    pub key: Vec<String>,
    pub limit: Limit,
    /// `None`: as the relation suggests.
    pub cache: Option<Cache>,
    pub chart: Option<Chart>,
}

/// A filter under a name of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    pub name: String,
    /// The column that it filters. Empty: the one of its own name.
    #[serde(default)]
    pub column: String,
    #[serde(default)]
    pub operator: Operator,
    /// Without it the request is refused.
    #[serde(default)]
    pub required: bool,
    /// What holds where the caller says nothing.
    #[serde(default, deserialize_with = "words::scalar")]
    pub default: Option<String>,
    #[serde(default)]
    pub description: String,
}

/// An endpoint as prod holds it: with the relation that it serves, and that relation's columns.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Published {
    pub node: String,
    /// The folders of the model's file between layer and name.
    pub domain: String,
    /// The relation's bare name.
    pub relation: String,
    /// Where it is not in prod's own schema.
    #[serde(default)]
    pub schema: Option<String>,
    pub endpoint: Endpoint,
    pub columns: Vec<Column>,
}

impl Published {
    /// The served relation; `prod` is prod's own schema.
    pub fn relation(&self, prod: &Ident) -> Result<Relation, NameError> {
        Relation::kept(self.schema.as_deref(), prod, &self.relation)
    }
}

/// A column of a served relation, as the catalogue knows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Column {
    pub name: String,
    /// Without length or precision: `numeric`, `timestamp with time zone`.
    #[serde(rename = "type")]
    pub data_type: String,
    pub description: String,
    /// Kept so by PostgreSQL, or by a test that publishing waits for.
    #[serde(default)]
    pub never_null: bool,
}

impl Parameter {
    pub fn column(&self) -> &str {
        if self.column.is_empty() { &self.name } else { &self.column }
    }
}

impl Endpoint {
    pub fn cache(&self) -> Cache {
        self.cache.unwrap_or_default()
    }

    /// With everything that was left unsaid: the path of the model's name, the parameters of the path.
    pub fn settled(mut self, model: &str, description: &str) -> Self {
        if self.path.is_empty() {
            self.path = format!("/{model}");
        }
        if self.path.len() > 1 && self.path.ends_with('/') {
            self.path.pop();
        }
        if self.summary.is_empty() {
            self.summary = description.lines().next().unwrap_or_default().to_owned();
        }
        let in_path: Vec<String> = self.path_parameters().map(str::to_owned).collect();
        for name in in_path {
            match self.parameters.iter_mut().find(|parameter| parameter.name == name) {
                Some(parameter) => parameter.required = true,
                None => self.parameters.push(Parameter {
                    name,
                    column: String::new(),
                    operator: Operator::Eq,
                    required: true,
                    default: None,
                    description: String::new(),
                }),
            }
        }
        self
    }

    /// `/customers/{id}` and `/customers/{name}` are one path: both are `/customers/{}`.
    pub fn path_without_names(&self) -> String {
        let parts = self.path.split('/').map(|part| if braced(part).is_some() { "{}" } else { part });
        parts.collect::<Vec<_>>().join("/")
    }

    /// The names in braces.
    pub fn path_parameters(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter_map(braced)
    }

    /// The values of the path's parameters, where `path` is one of this endpoint's.
    pub fn matches<'a>(&self, path: &'a str) -> Option<Vec<(&str, &'a str)>> {
        let (mut ours, mut asked) = (self.path.split('/'), path.split('/'));
        let mut values = Vec::new();
        loop {
            match (ours.next(), asked.next()) {
                (None, None) => return Some(values),
                (Some(own), Some(given)) => match braced(own) {
                    Some(name) if !given.is_empty() => values.push((name, given)),
                    None if own == given => {}
                    _ => return None,
                },
                _ => return None,
            }
        }
    }

    /// Every column that is named, with the word that names it.
    pub fn named_columns(&self) -> Vec<(&'static str, &str)> {
        let mut named: Vec<(&'static str, &str)> =
            self.columns.iter().map(|column| ("columns", column.as_str())).collect();
        named.extend(self.parameters.iter().map(|parameter| ("parameters", parameter.column())));
        named.extend(self.order.iter().map(|order| ("order", order.column.as_str())));
        named.extend(self.key.iter().map(|column| ("key", column.as_str())));
        if let Filters::Only(columns) = &self.filters {
            named.extend(columns.iter().map(|column| ("filters", column.as_str())));
        }
        if let Some(chart) = &self.chart {
            named.extend(chart.columns().map(|column| ("chart", column)));
        }
        named
    }
}

fn braced(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(yaml: &str) -> Endpoint {
        serde_yaml::from_str::<Endpoint>(yaml).unwrap().settled("orders", "All orders.\nMore.")
    }

    #[test]
    fn what_is_left_unsaid_is_filled_in() {
        let plain = endpoint("{}");
        assert_eq!((plain.path.as_str(), plain.summary.as_str()), ("/orders", "All orders."));
        assert_eq!(plain.limit, Limit { default: 100, maximum: 1000 });
        let one = endpoint("{path: '/orders/{order_id}/', shape: object, limit: 5}");
        assert_eq!(one.path, "/orders/{order_id}");
        assert!(one.parameters[0].required && one.parameters[0].column() == "order_id");
        assert_eq!(one.limit, Limit { default: 5, maximum: 1000 });
    }

    #[test]
    fn a_path_with_braces_gives_its_values() {
        let one = endpoint("{path: '/countries/{country}/orders/{order_id}'}");
        assert_eq!(
            one.matches("/countries/Peru/orders/7"),
            Some(vec![("country", "Peru"), ("order_id", "7")])
        );
        for other in ["/countries/Peru/orders", "/countries//orders/7", "/countries/Peru/orders/7/8", "/x"] {
            assert_eq!(one.matches(other), None, "{other}");
        }
    }

    #[test]
    fn an_endpoint_comes_back_as_it_was_published() {
        let rich = endpoint(
            "{order: [-total, id], key: id, filters: [country], cache: never, parameters: [{name: from, column: day, \
             operator: gte, default: 2020-01-01}], chart: {type: bar, x: month, y: [a, b]}}",
        );
        let json = serde_json::to_string(&rich).unwrap();
        assert_eq!(serde_json::from_str::<Endpoint>(&json).unwrap(), rich, "{json}");
    }
}
