//! What can be told to be wrong with an endpoint from its words alone.

use std::collections::HashSet;

use super::{Endpoint, Filters, Operator, RESERVED_PARAMETERS, Shape, braced};

/// The first parts of paths that are the service's own.
pub const RESERVED_PATHS: [&str; 18] = [
    "getVoucher",
    "segmentation-voucher",
    "runPipeline",
    "runs",
    "healthz",
    "readyz",
    "metrics",
    "openapi.json",
    "docs",
    "boards",
    "segments",
    "data",
    "lineage",
    "assets",
    "ui",
    "events",
    "login",
    "endpoints",
];

/// Something wrong with an endpoint: the word it is about, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    pub word: String,
    pub message: String,
    pub hint: &'static str,
}

impl Endpoint {
    /// All that is wrong with a settled endpoint as far as its words tell; whether its columns are there is
    /// known when the relation is.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut found = Vec::new();
        let mut wrong = |word: &str, message: String, hint| {
            found.push(Complaint { word: word.to_owned(), message, hint });
        };
        self.check_path(&mut wrong);
        self.check_parameters(&mut wrong);
        if self.limit.maximum == 0 || self.limit.default == 0 || self.limit.default > self.limit.maximum {
            let message =
                format!("the limit is {} by default and {} at most", self.limit.default, self.limit.maximum);
            wrong("limit", message, "write limit: {default: 100, maximum: 1000}, both above 0");
        }
        if self.shape == Shape::Value && self.columns.len() > 1 {
            wrong("shape", "a value is one column, but `columns` has more".into(), "name one column");
        }
        self.check_hidden(&mut wrong);
        if let Some((chart, missing)) = self.chart.as_ref().and_then(|chart| Some((chart, chart.missing()?)))
        {
            let message = format!("a {} needs {missing}", chart.kind.name());
            wrong("chart", message, "name columns of the model");
        }
        if let Some(chart) = self.chart.as_ref().filter(|_| !self.columns.is_empty()) {
            for column in chart.columns().filter(|column| !self.columns.iter().any(|own| own == column)) {
                let message = format!("the chart draws `{column}`, which is not among its `columns`");
                wrong(column, message, "add it to `columns`: a chart shows what the endpoint answers");
            }
        }
        found
    }

    fn check_path(&self, wrong: &mut impl FnMut(&str, String, &'static str)) {
        let path = &self.path;
        let plain = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-.~".contains(c))
        };
        let parts: Vec<&str> = path.split('/').collect();
        let good = parts.len() > 1
            && parts[0].is_empty()
            && parts[1..].iter().all(|part| plain(braced(part).unwrap_or(part)));
        if !good {
            let message = format!("`{path}` is no path");
            return wrong(
                path,
                message,
                "write it like /monthly_revenue or /customers/{customer_id}: letters, digits, _, -, .",
            );
        }
        if RESERVED_PATHS.contains(&parts[1]) || braced(parts[1]).is_some() {
            let message = format!("the path `{path}` would hide one of the service's own");
            wrong(path, message, "begin it with a word of its own, e.g. the domain's");
        }
    }

    /// A cursor holds what a page was sorted by, and who may sort by a column can find out what is in it.
    fn check_hidden(&self, wrong: &mut impl FnMut(&str, String, &'static str)) {
        let is_hidden =
            |column: &str| !self.columns.is_empty() && !self.columns.iter().any(|one| one == column);
        let order = self.order.iter().map(|order| ("order", order.column.as_str()));
        let key = self.key.iter().map(|column| ("key", column.as_str()));
        let seen = "a caller sees what pages are sorted by: add it to `columns`, or take it away";
        let answered = "only columns that are answered are filtered by: add it to `columns`, or take it away";
        let filters = match &self.filters {
            Filters::Only(columns) => columns.as_slice(),
            _ => &[],
        };
        let filters = filters.iter().map(|column| ("filters", column.as_str()));
        let sorted = order.chain(key).map(|named| (named, seen));
        for ((word, column), hint) in sorted.chain(filters.map(|named| (named, answered))) {
            if is_hidden(column) {
                wrong(word, format!("`{word}` names `{column}`, which `columns` leaves out"), hint);
            }
        }
    }

    fn check_parameters(&self, wrong: &mut impl FnMut(&str, String, &'static str)) {
        let mut names = HashSet::new();
        for parameter in &self.parameters {
            let name = &parameter.name;
            if RESERVED_PARAMETERS.contains(&name.as_str()) {
                let message = format!("the parameter `{name}` has a name that every endpoint uses itself");
                wrong(name, message, "limit, cursor, order and columns are taken; choose another name");
            }
            if !names.insert(name) {
                wrong(name, format!("the parameter `{name}` is there twice"), "keep one of them");
            }
            if parameter.required && parameter.default.is_some() {
                let message = format!("the parameter `{name}` is required and has a default");
                wrong(name, message, "keep one of the two");
            }
            let null = parameter.operator == Operator::Null;
            if null && parameter.default.as_deref().is_some_and(|text| text != "true" && text != "false") {
                let message = format!("the parameter `{name}` asks whether there is a value");
                wrong(name, message, "its default is true or false");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(yaml: &str) -> Vec<String> {
        let endpoint = serde_yaml::from_str::<Endpoint>(yaml).unwrap().settled("orders", "");
        endpoint.complaints().into_iter().map(|complaint| complaint.message).collect()
    }

    #[test]
    fn good_words_draw_no_complaint() {
        assert!(told("{path: '/shop/orders/{id}', limit: {maximum: 20}, chart: {type: table}}").is_empty());
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let faults = told(
            "{path: /runs/mine, limit: {default: 50, maximum: 10}, parameters: [{name: limit}, {name: a, required: \
             true, default: 1}, {name: a}], chart: {type: gauge, y: score, min: 5, max: 5}}",
        );
        assert_eq!(
            faults,
            [
                "the path `/runs/mine` would hide one of the service's own",
                "the parameter `limit` has a name that every endpoint uses itself",
                "the parameter `a` is required and has a default",
                "the parameter `a` is there twice",
                "the limit is 50 by default and 10 at most",
                "a gauge needs `min` and `max`, the one below the other",
            ]
        );
        assert_eq!(
            told("{columns: [day, revenue], chart: {type: line, x: day, y: [revenue, cost]}}"),
            ["the chart draws `cost`, which is not among its `columns`"]
        );
        let hidden = "{columns: [a], order: [b], key: a, filters: [a, c]}";
        assert_eq!(
            told(hidden),
            [
                "`order` names `b`, which `columns` leaves out",
                "`filters` names `c`, which `columns` leaves out",
            ]
        );
        for path in ["orders", "/", "//x", "/a b", "/../etc", "/{id}", "/a?b"] {
            assert_eq!(told(&format!("{{path: '{path}'}}")).len(), 1, "{path}");
        }
    }
}
