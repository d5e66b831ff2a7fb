//! What the descriptions of many paths are made of.

use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Content, ContentBuilder, Header, Ref, Required, Response, ResponseBuilder};

pub const JSON: &str = "application/json";

pub fn operation(id: &str, summary: &str, tag: &str) -> OperationBuilder {
    OperationBuilder::new()
        .operation_id(Some(id))
        .summary(Some(summary))
        .tag(tag)
        .response("405", method_not_allowed())
        .response("500", error("internal: the cause is in the service's log"))
}

pub fn method_not_allowed() -> ResponseBuilder {
    ResponseBuilder::from(error("method_not_allowed"))
        .header("Allow", text_header("The methods that the path takes"))
}

pub fn unavailable(description: &str) -> ResponseBuilder {
    ResponseBuilder::from(error(description)).header("Retry-After", text_header("Seconds to wait"))
}

pub fn error(description: &str) -> Response {
    response(description).content(JSON, of("ErrorBody")).build()
}

pub fn response(description: &str) -> ResponseBuilder {
    ResponseBuilder::new()
        .description(description)
        .header("X-Request-Id", text_header("The client's own id where it sent a sane one, else a new one"))
}

pub fn text_header(description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(description))
        .build()
}

pub fn parameter(
    name: &str,
    place: ParameterIn,
    required: Required,
    description: &str,
    schema: ObjectBuilder,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

pub fn body_of(content: ContentBuilder, required: Option<Required>) -> RequestBody {
    RequestBodyBuilder::new().required(required).content(JSON, content.build()).build()
}

pub fn of(schema: &str) -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build()
}

/// A type's schema and those that it refers to.
pub fn with<T: ToSchema>(components: ComponentsBuilder) -> ComponentsBuilder {
    let mut referred = Vec::new();
    T::schemas(&mut referred);
    components.schema_from::<T>().schemas_from_iter(referred)
}

pub fn get(operation: Operation) -> PathItem {
    PathItem::new(HttpMethod::Get, operation)
}

pub fn post(operation: Operation) -> PathItem {
    PathItem::new(HttpMethod::Post, operation)
}
