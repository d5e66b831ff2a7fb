//! Endpoints in the API's description: their parameters and their columns' types, from what is published.

use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, OperationBuilder, ParameterIn};
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{ContentBuilder, RefOr, Required, Schema};

use super::request::visible;
use super::reserved_names;
use crate::endpoint::{Cache, Column, Operator, Parameter, Published, Shape};
use crate::service::openapi::parts::{error, operation, parameter, response, text_header, unavailable};

/// The GET of an endpoint, under an id of its own.
pub fn describe(published: &Published, id: &str) -> Operation {
    let endpoint = &published.endpoint;
    let tag = if published.domain.is_empty() { "endpoints" } else { &published.domain };
    let summary = if endpoint.summary.is_empty() { &published.relation } else { &endpoint.summary };
    let mut operation = operation(id, summary, tag).description(Some(
        "A column filters alone, or with an operator behind a dot: `.ne`, `.gt`, `.gte`, `.lt`, `.lte`, `.in` (up to \
         500 values with commas between), `.contains`, `.null` (true or false).",
    ));
    for own in &endpoint.parameters {
        operation = operation.parameter(own_parameter(published, own));
    }
    let reserved: Vec<&str> = reserved_names(published).collect();
    for column in visible(published) {
        let name = column.name.as_str();
        let is_taken =
            endpoint.parameters.iter().any(|parameter| parameter.name == name) || reserved.contains(&name);
        if is_taken || !endpoint.filters.allow(name) {
            continue;
        }
        let schema = of_type(&column.data_type, false);
        let place = ParameterIn::Query;
        operation = operation.parameter(parameter(name, place, Required::False, &column.description, schema));
    }
    for name in reserved {
        let (described, schema) = paging(published, name);
        let place = ParameterIn::Query;
        operation = operation.parameter(parameter(name, place, Required::False, described, schema));
    }
    answers(operation, published).build()
}

fn own_parameter(published: &Published, own: &Parameter) -> utoipa::openapi::path::Parameter {
    let in_path = published.endpoint.path_parameters().any(|name| name == own.name);
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
        schema = schema.default(Some(as_typed(own.operator, data_type, default)));
    }
    let described = if own.description.is_empty() {
        column.map(|column| column.description.as_str()).unwrap_or_default()
    } else {
        &own.description
    };
    parameter(&own.name, place, required, described, schema)
}

/// A default as JSON of its column's type.
fn as_typed(operator: Operator, data_type: &str, text: &str) -> Value {
    let is_plain = match operator {
        Operator::In | Operator::Contains => false,
        Operator::Null => true,
        _ => matches!(kind(data_type), Type::Integer | Type::Number | Type::Boolean),
    };
    let typed = serde_json::from_str::<Value>(text).ok();
    let typed = typed.filter(|value| is_plain && (value.is_number() || value.is_boolean()));
    typed.unwrap_or_else(|| json!(text))
}

fn answers(operation: OperationBuilder, published: &Published) -> OperationBuilder {
    let columns: Vec<&str> = visible(published).iter().map(|column| column.name.as_str()).collect();
    let json = ContentBuilder::new().schema(Some(answer(published))).build();
    let csv = ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build();
    let mut good = response(&format!("What is published: {}", columns.join(", ")))
        .header("Elt-Run", text_header("The run that published it"))
        .content("application/json", json)
        .content("text/csv", csv);
    let mut operation = operation;
    if published.endpoint.cache() == Cache::Run {
        good = good.header("ETag", text_header("Changes when a run publishes"));
        operation = operation.response("304", response("Nothing was published since the ETag that was sent"));
    }
    if published.endpoint.shape == Shape::Rows {
        good = good.header("Elt-More", text_header("`true` where the rows go on beyond the limit"));
        if !published.endpoint.key.is_empty() {
            good = good.header(
                "Link",
                text_header(
                    "`rel=\"next\"`: the next page, where there is one and at most 1000 rows were asked for",
                ),
            );
        }
    } else {
        operation = operation
            .response("409", error("several_rows: more than one row matches, and the path answers one"));
    }
    let missing = match published.endpoint.shape {
        Shape::Rows => "unknown_path: the endpoint is no longer published",
        _ => "no_row, or unknown_path where the endpoint is no longer published",
    };
    operation
        .response("200", good)
        .response(
            "400",
            error("invalid_parameter: details.fields names each that is wrong, and what it accepts"),
        )
        .response("404", error(missing))
        .response("503", unavailable("database_away, busy, changing: try again"))
        .response("504", error("too_slow: ask for less"))
}

/// What a reserved name says and takes.
fn paging(published: &Published, name: &str) -> (&'static str, ObjectBuilder) {
    let limit = published.endpoint.limit;
    let visible = visible(published);
    let one_of = |signs: &str, allowed: &dyn Fn(&str) -> bool| {
        let names = visible.iter().map(|column| column.name.as_str()).filter(|name| allowed(name));
        let names = names.map(escape).collect::<Vec<_>>().join("|");
        let pattern = format!("^{signs}({names})(,{signs}({names}))*$");
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
    };
    match name {
        "limit" => {
            let rows = ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(1_usize))
                .maximum(Some(usize::try_from(limit.maximum).unwrap_or(usize::MAX)))
                .default(Some(json!(limit.default)));
            ("At most so many rows", rows)
        }
        "cursor" => ("Where the page before ended: as it stands in the `next` link of that page", text()),
        "order" => (
            "Columns to sort by, each once, with commas between; `-` before one is descending",
            one_of("-?", &|name| published.endpoint.filters.allow(name)),
        ),
        _ => ("Only these columns, each once, with commas between", one_of("", &|_| true)),
    }
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
    let described = |column: &Column| nullable(&column.data_type, &column.description);
    if published.endpoint.shape == Shape::Value {
        return columns.first().map_or_else(|| anything(""), |column| described(column));
    }
    let mut row = ObjectBuilder::new().schema_type(Type::Object);
    for column in columns {
        row = row.property(&column.name, described(column));
    }
    match published.endpoint.shape {
        Shape::Rows => RefOr::T(Schema::Array(ArrayBuilder::new().items(row).build())),
        _ => RefOr::T(Schema::Object(row.build())),
    }
}

/// A value of a column as it is answered.
fn nullable(data_type: &str, description: &str) -> RefOr<Schema> {
    let words = (!description.is_empty()).then(|| description.to_owned());
    match data_type {
        "json" | "jsonb" => anything(description),
        _ if data_type.ends_with("[]") => {
            let items = nullable(data_type.trim_end_matches("[]"), "");
            let list = ArrayBuilder::new().items(items).build();
            let null = ObjectBuilder::new().schema_type(Type::Null);
            let either = AnyOfBuilder::new().item(list).item(null).description(words);
            RefOr::T(Schema::AnyOf(either.build()))
        }
        _ => {
            let kind = SchemaType::from_iter([kind(data_type), Type::Null]);
            let value = ObjectBuilder::new().schema_type(kind).format(format(data_type)).description(words);
            RefOr::T(Schema::Object(value.build()))
        }
    }
}

fn anything(description: &str) -> RefOr<Schema> {
    let words = (!description.is_empty()).then(|| description.to_owned());
    RefOr::T(Schema::Object(
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(words).build(),
    ))
}

/// As JSON has it: a timestamp without a zone is none of RFC 3339, and has no name.
fn format(data_type: &str) -> Option<SchemaFormat> {
    let known = match data_type {
        "integer" => KnownFormat::Int32,
        "bigint" => KnownFormat::Int64,
        "date" => KnownFormat::Date,
        "timestamp with time zone" => KnownFormat::DateTime,
        "uuid" => return Some(SchemaFormat::Custom("uuid".to_owned())),
        _ => return None,
    };
    Some(SchemaFormat::KnownFormat(known))
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
