//! From a query string to what is asked of a relation. Pure. Everything that is wrong is told at once; names
//! come from what is published and are compared, never put together.

use std::borrow::Cow;
use std::collections::HashSet;

use actix_web::http::StatusCode;
use url::form_urlencoded;

use super::{Form, cursor, known_names, reserved_names};
use crate::database::catalog::PUBLICATION;
use crate::database::{Condition, RowQuery, Sort};
use crate::diagnostic::did_you_mean;
use crate::endpoint::{Column, Operator, Order, Published, Shape};
use crate::name::{Ident, Relation};
use crate::service::problem::{FieldProblem, Problem};

/// Answers of at most so many rows are gathered before they are sent.
const GATHERED_ROWS: u64 = 1000;

/// Values of one `.in`.
const MOST_VALUES: usize = 500;

/// A request that was understood.
pub struct Asked {
    pub query: RowQuery,
    /// Each condition under the name that the caller gave it.
    pub names: Vec<(String, Condition)>,
    /// The query string without its cursor: what the next page is asked with.
    pub rest: String,
    pub form: Form,
}

impl Asked {
    /// Whether the answer is sent as it comes. Else it is gathered first, and says where the next page begins.
    pub fn is_large(&self) -> bool {
        self.query.limit > GATHERED_ROWS
    }
}

pub fn read(
    published: &Published,
    schema: &Ident,
    in_path: Vec<(&str, Cow<'_, str>)>,
    query_string: &str,
    form: Form,
) -> Result<Asked, Problem> {
    let mut reader = Reader::new(published);
    for (name, value) in &in_path {
        reader.pair(name, value);
    }
    let mut rest = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query_string.as_bytes()) {
        if name != "cursor" {
            rest.append_pair(&name, &value);
        }
        reader.pair(&name, &value);
    }
    reader.what_was_not_said();
    let order = reader.order();
    let after = match &reader.cursor {
        Some(text) => {
            let after = cursor::read(text, &order);
            if after.is_none() {
                reader.wrong("cursor", "is none of this order's", "the `cursor` of a `next` link, as it is");
            }
            after
        }
        None => None,
    };
    if !reader.problems.is_empty() {
        return Err(invalid(&reader.problems));
    }
    let limit = match published.endpoint.shape {
        Shape::Rows => reader.limit.unwrap_or(published.endpoint.limit.default),
        Shape::Object | Shape::Value => 1,
    };
    let name = |name: &str| Ident::new(name).map_err(|error| Problem::internal(error.to_string()));
    let mut columns = Vec::new();
    for column in reader.columns() {
        columns.push(name(&column.name)?);
    }
    let query = RowQuery {
        relation: published.relation(schema).map_err(|error| Problem::internal(error.to_string()))?,
        publication: Relation::new(schema.clone(), name(PUBLICATION)?),
        format: form.rows(),
        columns,
        conditions: reader.conditions.iter().map(|(_, condition)| condition.clone()).collect(),
        order,
        after,
        limit,
    };
    Ok(Asked { query, names: reader.conditions, rest: rest.finish(), form })
}

/// The columns that an endpoint answers with, in their order.
pub fn visible(published: &Published) -> Vec<&Column> {
    if published.endpoint.columns.is_empty() {
        return published.columns.iter().collect();
    }
    let named = published.endpoint.columns.iter();
    named.filter_map(|name| published.columns.iter().find(|column| column.name == *name)).collect()
}

pub fn invalid(fields: &[FieldProblem]) -> Problem {
    let names: Vec<&str> = fields.iter().map(|field| field.field.as_ref()).collect();
    let message = match names.as_slice() {
        [] => "A parameter has a value that does not fit.".to_owned(),
        names => format!("These parameters are wrong: {}.", names.join(", ")),
    };
    Problem::new(StatusCode::BAD_REQUEST, "invalid_parameter", message).with_fields(fields)
}

struct Reader<'a> {
    published: &'a Published,
    seen: HashSet<String>,
    conditions: Vec<(String, Condition)>,
    limit: Option<u64>,
    cursor: Option<String>,
    order: Option<Vec<Order>>,
    columns: Option<Vec<String>>,
    problems: Vec<FieldProblem>,
}

impl<'a> Reader<'a> {
    fn new(published: &'a Published) -> Self {
        Self {
            published,
            seen: HashSet::new(),
            conditions: Vec::new(),
            limit: None,
            cursor: None,
            order: None,
            columns: None,
            problems: Vec::new(),
        }
    }

    fn wrong(&mut self, field: &str, problem: impl Into<String>, accepts: impl Into<String>) {
        self.problems.push(FieldProblem {
            field: field.to_owned().into(),
            problem: problem.into().into(),
            accepts: accepts.into().into(),
        });
    }

    fn pair(&mut self, name: &str, value: &str) {
        if !self.seen.insert(name.to_owned()) {
            return self.wrong(name, "is given twice", "one value; several by `.in` with commas between");
        }
        match name {
            name if !reserved_names(self.published).any(|reserved| reserved == name) => {
                self.filter(name, value);
            }
            "limit" => self.read_limit(value),
            "cursor" => self.cursor = Some(value.to_owned()),
            "order" => self.read_order(value),
            _ => self.read_columns(value),
        }
    }

    fn read_limit(&mut self, value: &str) {
        let maximum = self.published.endpoint.limit.maximum;
        match value.parse::<u64>() {
            Ok(limit) if (1..=maximum).contains(&limit) => self.limit = Some(limit),
            _ => {
                self.wrong("limit", format!("is {value}"), format!("a whole number from 1 to {maximum}"));
            }
        }
    }

    fn read_order(&mut self, value: &str) {
        let order: Vec<Order> = value.split(',').map(|word| Order::from(word.to_owned())).collect();
        let names: Vec<&str> = order.iter().map(|order| order.column.as_str()).collect();
        let published = self.published;
        if self.are_columns("order", &names, |name| published.endpoint.filters.allow(name)) {
            self.order = Some(order);
        }
    }

    fn read_columns(&mut self, value: &str) {
        let names: Vec<&str> = value.split(',').collect();
        if self.are_columns("columns", &names, |_| true) {
            self.columns = Some(names.into_iter().map(str::to_owned).collect());
        }
    }

    /// Each one that may be named, and each once: a name given a thousand times would be as much work.
    fn are_columns(&mut self, word: &str, names: &[&str], allowed: impl Fn(&str) -> bool) -> bool {
        let mut seen = HashSet::new();
        for name in names {
            if self.column(name).is_none() || !allowed(name) {
                let accepts = self.names_of(&allowed);
                self.wrong(word, format!("names `{name}`"), accepts);
                return false;
            }
            if !seen.insert(*name) {
                self.wrong(word, format!("names `{name}` twice"), "each column once");
                return false;
            }
        }
        true
    }

    /// A parameter of the endpoint's own, or a column, alone or with an operator behind a dot.
    fn filter(&mut self, name: &str, value: &str) {
        let own = self.published.endpoint.parameters.iter().find(|parameter| parameter.name == name);
        if let Some(parameter) = own {
            return self.condition(name, parameter.column(), parameter.operator, value);
        }
        let (column, operator) = match name.rsplit_once('.') {
            Some((column, word)) if self.column(name).is_none() => (column, Operator::from_name(word)),
            _ => (name, Some(Operator::Eq)),
        };
        let known = allowed_in(self.published, column) && self.column(column).is_some();
        match operator {
            Some(operator) if known => self.condition(name, column, operator, value),
            None if known => {
                let words = Operator::ALL.map(|operator| format!("{column}.{}", operator.name()));
                self.wrong(name, "has no such comparison", words.join(", "));
            }
            _ => {
                let names = known_names(self.published);
                let nearest = did_you_mean(name, names.iter().copied()).map(|hint| format!("{hint} "));
                let accepts = format!("{}It takes: {}", nearest.unwrap_or_default(), names.join(", "));
                self.wrong(name, "is unknown", accepts);
            }
        }
    }

    fn condition(&mut self, name: &str, column: &str, operator: Operator, value: &str) {
        if operator == Operator::Null && value != "true" && value != "false" {
            return self.wrong(name, format!("is {value}"), "true or false");
        }
        let known = self.published.columns.iter().find(|known| known.name == column);
        if operator == Operator::In && value.split(',').nth(MOST_VALUES).is_some() {
            let problem = format!("has more than {MOST_VALUES} values");
            return self.wrong(name, problem, format!("at most {MOST_VALUES} values"));
        }
        // A publication is only taken in where its endpoints name columns that are there.
        let (Some(known), Ok(column)) = (known, Ident::new(column)) else {
            return self.wrong(name, "filters a column that is not there", "nothing");
        };
        let data_type = known.data_type.clone();
        let condition = Condition { column, data_type, operator, value: value.to_owned() };
        self.conditions.push((name.to_owned(), condition));
    }

    /// Defaults, and what may not be left out.
    fn what_was_not_said(&mut self) {
        for parameter in &self.published.endpoint.parameters {
            if self.seen.contains(&parameter.name) {
                continue;
            }
            match &parameter.default {
                Some(value) => {
                    self.condition(&parameter.name, parameter.column(), parameter.operator, value);
                }
                None if parameter.required => {
                    let accepts = match parameter.description.as_str() {
                        "" => format!("a value of `{}`", parameter.column()),
                        description => description.to_owned(),
                    };
                    self.wrong(&parameter.name, "is missing", accepts);
                }
                None => {}
            }
        }
    }

    /// As asked, else as published; the key last, so that no two rows stand in the same place, and in the
    /// direction of what it follows, so that one index serves the whole order both ways.
    fn order(&self) -> Vec<Sort> {
        let endpoint = &self.published.endpoint;
        let mut order = self.order.clone().unwrap_or_else(|| endpoint.order.clone());
        let descending = order.last().is_some_and(|last| last.descending);
        for column in &endpoint.key {
            if !order.iter().any(|order| order.column == *column) {
                order.push(Order { column: column.clone(), descending });
            }
        }
        let sort = |order: &Order| {
            let known = self.published.columns.iter().find(|known| known.name == order.column)?;
            Some(Sort {
                column: Ident::new(&order.column).ok()?,
                data_type: known.data_type.clone(),
                descending: order.descending,
                never_null: known.never_null || endpoint.key.contains(&order.column),
            })
        };
        order.iter().filter_map(sort).collect()
    }

    fn columns(&self) -> Vec<&'a Column> {
        let mut visible = visible(self.published);
        if self.published.endpoint.shape == Shape::Value {
            visible.truncate(1);
        }
        match &self.columns {
            Some(names) => names
                .iter()
                .filter_map(|name| visible.iter().copied().find(|one| one.name == *name))
                .collect(),
            None => visible,
        }
    }

    fn column(&self, name: &str) -> Option<&'a Column> {
        visible(self.published).into_iter().find(|column| column.name == name)
    }

    fn names_of(&self, wanted: impl Fn(&str) -> bool) -> String {
        let names = visible(self.published).into_iter().map(|column| column.name.as_str());
        names.filter(|name| wanted(name)).collect::<Vec<_>>().join(", ")
    }
}

fn allowed_in(published: &Published, column: &str) -> bool {
    published.endpoint.filters.allow(column)
}
