//! Endpoints in the API's description: their parameters and their columns' types, from what is published.

use serde_json::json;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{ContentBuilder, RefOr, Required, Schema};

use super::request::visible;
use crate::endpoint::{Operator, Published, Shape};
use crate::service::openapi::{error, operation, parameter, response, text_header, unavailable};

/// The GET of an endpoint.
pub fn describe(published: &Published) -> Operation {
    let endpoint = &published.endpoint;
    let id = format!("endpoint{}", endpoint.path.replace(['/', '{', '}', '.', '-'], "_"));
    let tag = if published.domain.is_empty() { "endpoints" } else { &published.domain };
    let summary = if endpoint.summary.is_empty() { &published.relation } else { &endpoint.summary };
    let mut operation = operation(&id, summary, tag).description(Some(
        "A column filters alone, or with an operator behind a dot: `.ne`, `.gt`, `.gte`, `.lt`, `.lte`, `.in` (values \
         with commas between), `.contains`, `.null` (true or false).",
    ));
    for own in &endpoint.parameters {
        let in_path = endpoint.path_parameters().any(|name| name == own.name);
        let place = if in_path { ParameterIn::Path } else { ParameterIn::Query };
        let required = if own.required { Required::True } else { Required::False };
        let column = published.columns.iter().find(|column| column.name == own.column());
        let data_type = column.map_or("text", |column| column.data_type.as_str());
        let mut schema = match own.operator {
            Operator::In | Operator::Contains => text(),
            Operator::Null => ObjectBuilder::new().schema_type(Type::Boolean),
            _ => of_type(data_type, in_path),
        };
        if let Some(default) = &own.default {
            schema = schema.default(Some(json!(default)));
        }
        let described = if own.description.is_empty() {
            column.map(|column| column.description.as_str()).unwrap_or_default()
        } else {
            &own.description
        };
        operation = operation.parameter(parameter(&own.name, place, required, described, schema));
    }
    for column in visible(published) {
        let own = endpoint.parameters.iter().any(|parameter| parameter.name == column.name);
        if own || !endpoint.filters.allow(&column.name) {
            continue;
        }
        let schema = of_type(&column.data_type, false);
        let place = ParameterIn::Query;
        operation =
            operation.parameter(parameter(&column.name, place, Required::False, &column.description, schema));
    }
    if endpoint.shape == Shape::Rows {
        for (name, described, schema) in paging(published) {
            let place = ParameterIn::Query;
            operation = operation.parameter(parameter(name, place, Required::False, described, schema));
        }
    }
    let columns: Vec<&str> = visible(published).iter().map(|column| column.name.as_str()).collect();
    let json = ContentBuilder::new().schema(Some(answer(published))).build();
    let csv = ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build();
    operation
        .response(
            "200",
            response(&format!("The published rows: {}", columns.join(", ")))
                .header("Elt-Run", text_header("The run that published them"))
                .header("ETag", text_header("Changes when a run publishes"))
                .header("Link", text_header("`rel=\"next\"`: the next page, where there is one"))
                .content("application/json", json)
                .content("text/csv", csv),
        )
        .response("304", response("Nothing was published since the ETag that was sent"))
        .response(
            "400",
            error("invalid_parameter: details.fields names each that is wrong, and what it accepts"),
        )
        .response("404", error("no_row, or unknown_path where the endpoint is no longer published"))
        .response("503", unavailable("database_away, changing: try again"))
        .response("504", error("too_slow: ask for less"))
        .build()
}

fn paging(published: &Published) -> Vec<(&'static str, &'static str, ObjectBuilder)> {
    let limit = published.endpoint.limit;
    let rows = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1_usize))
        .maximum(Some(usize::try_from(limit.maximum).unwrap_or(usize::MAX)))
        .default(Some(json!(limit.default)));
    let mut words = vec![("limit", "At most so many rows", rows)];
    let names: Vec<&str> = visible(published).iter().map(|column| column.name.as_str()).collect();
    let one_of = |signs: &str| {
        let names = names.iter().map(|name| escape(name)).collect::<Vec<_>>().join("|");
        let pattern = format!("^{signs}({names})(,{signs}({names}))*$");
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
    };
    words.push(("columns", "Only these columns, with commas between", one_of("")));
    if published.endpoint.filters == crate::endpoint::Filters::All {
        words.push((
            "order",
            "Columns to sort by, with commas between; `-` before one is descending",
            one_of("-?"),
        ));
    }
    words
}

/// For a pattern: names may hold anything.
fn escape(name: &str) -> String {
    let escaped = name.chars().flat_map(|c| {
        let special = !c.is_alphanumeric() && c != '_';
        special.then_some('\\').into_iter().chain(std::iter::once(c))
    });
    escaped.collect()
}

fn answer(published: &Published) -> RefOr<Schema> {
    let columns = visible(published);
    if published.endpoint.shape == Shape::Value {
        return columns.first().map_or_else(anything, |column| nullable(&column.data_type));
    }
    let mut row = ObjectBuilder::new().schema_type(Type::Object);
    for column in columns {
        row = row.property(&column.name, nullable(&column.data_type));
    }
    match published.endpoint.shape {
        Shape::Rows => RefOr::T(Schema::Array(ArrayBuilder::new().items(row).build())),
        _ => RefOr::T(Schema::Object(row.build())),
    }
}

fn nullable(data_type: &str) -> RefOr<Schema> {
    match data_type {
        "json" | "jsonb" => anything(),
        _ if data_type.ends_with("[]") => {
            let items = nullable(data_type.trim_end_matches("[]"));
            let list = ArrayBuilder::new().items(items).build();
            let null = ObjectBuilder::new().schema_type(Type::Null);
            RefOr::T(Schema::AnyOf(AnyOfBuilder::new().item(list).item(null).build()))
        }
        _ => {
            let kind = kind(data_type);
            RefOr::T(Schema::Object(
                ObjectBuilder::new().schema_type(SchemaType::from_iter([kind, Type::Null])).build(),
            ))
        }
    }
}

fn anything() -> RefOr<Schema> {
    RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(SchemaType::AnyValue).build()))
}

fn kind(data_type: &str) -> Type {
    match data_type {
        "smallint" | "integer" | "bigint" => Type::Integer,
        "numeric" | "real" | "double precision" => Type::Number,
        "boolean" => Type::Boolean,
        _ => Type::String,
    }
}

/// What a filter of a column takes.
fn of_type(data_type: &str, in_path: bool) -> ObjectBuilder {
    let plain = ObjectBuilder::new().schema_type(kind(data_type));
    match data_type {
        "smallint" => plain.minimum(Some(i16::MIN)).maximum(Some(i16::MAX)),
        "integer" => plain.minimum(Some(i32::MIN)).maximum(Some(i32::MAX)),
        "bigint" => plain.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64))),
        "date" => plain.format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))),
        "timestamp without time zone" | "timestamp with time zone" => {
            plain.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        }
        "text" | "character varying" if in_path => text().min_length(Some(1)),
        "text" | "character varying" => text(),
        _ => plain,
    }
}

/// PostgreSQL's text holds every character but one.
fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[^\\u0000]*$"))
}
