//! Writes rows as JSON or CSV: small pages whole, with a link to the next one; large ones as they come.

use std::collections::BTreeMap;

use actix_web::HttpResponseBuilder;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LINK};
use actix_web::web::Bytes;
use futures_util::stream;
use serde_json::value::RawValue;

use super::refused::refused;
use super::stream::pieces;
use super::{Asked, Form, cursor};
use crate::database::{PageRow, Rows};
use crate::endpoint::{Published, Shape};
use crate::service::problem::Problem;
use crate::service::routes::{Answer, Call};

/// Says that the rows go on.
const MORE: (&str, &str) = ("elt-more", "true");

pub async fn write(
    mut response: HttpResponseBuilder,
    published: &Published,
    asked: Asked,
    mut rows: Rows,
    call: &Call,
) -> Answer {
    response.insert_header((CONTENT_TYPE, asked.form.content_type()));
    if asked.is_large() {
        if rows.has_more {
            response.insert_header(MORE);
        }
        return Ok(response.streaming(pieces(Writer::new(&asked), rows, &call.state)));
    }
    let mut writer = Writer::new(&asked);
    let mut last = None;
    loop {
        match rows.next().await {
            Ok(Some(row)) => {
                writer.row(&row).map_err(Problem::internal)?;
                last = Some(row);
            }
            Ok(None) => break,
            // Before the first byte was sent an error still has an answer of its own.
            Err(error) => return Err(refused(call, &asked, error).await),
        }
    }
    let endpoint = &published.endpoint;
    if endpoint.shape != Shape::Rows {
        return single(response, endpoint.shape, &asked, last, rows.has_more, writer);
    }
    if rows.has_more {
        response.insert_header(MORE);
        if let Some(row) = last.filter(|_| !endpoint.key.is_empty()) {
            response.insert_header((LINK, next(call.request.path(), &asked, &row.position)));
        }
    }
    Ok(response.body(writer.finish()))
}

/// Of a large answer, without making it; so they do not tell whether there is more.
pub async fn only_headers(
    mut response: HttpResponseBuilder,
    asked: Asked,
    mut rows: Rows,
    call: &Call,
) -> Answer {
    loop {
        match rows.next().await {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => return Err(refused(call, &asked, error).await),
        }
    }
    response.insert_header((CONTENT_TYPE, asked.form.content_type()));
    Ok(response.streaming(stream::empty::<std::io::Result<Bytes>>()))
}

fn single(
    mut response: HttpResponseBuilder,
    shape: Shape,
    asked: &Asked,
    row: Option<PageRow>,
    has_more: bool,
    writer: Writer,
) -> Answer {
    let Some(row) = row else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_row", "There is no such row."));
    };
    if has_more {
        let message = "There are several such rows, and this path answers one.";
        return Err(Problem::new(StatusCode::CONFLICT, "several_rows", message)
            .with_hint("Filter by what tells them apart; /docs names what this path takes."));
    }
    let object = || row.fields.into_iter().next().flatten().unwrap_or_default();
    let body = match (shape, asked.form) {
        (_, Form::Csv) => writer.finish(),
        (Shape::Value, Form::Json) => only_value(&object()).map_err(Problem::internal)?.into_bytes(),
        (_, Form::Json) => object().into_bytes(),
    };
    Ok(response.body(body))
}

/// The value of an object's only member, digit for digit.
fn only_value(object: &str) -> Result<String, String> {
    let members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(object).map_err(|error| error.to_string())?;
    Ok(members.into_values().next().map_or_else(|| "null".to_owned(), |value| value.get().to_owned()))
}

fn next(path: &str, asked: &Asked, position: &[Option<String>]) -> String {
    let cursor = cursor::write(&asked.query.order, position);
    let and = if asked.rest.is_empty() { "" } else { "&" };
    format!("<{path}?{}{and}cursor={cursor}>; rel=\"next\"", asked.rest)
}

pub struct Writer {
    form: Form,
    pub buffer: Vec<u8>,
    is_empty: bool,
}

impl Writer {
    fn new(asked: &Asked) -> Self {
        let mut writer = Self { form: asked.form, buffer: Vec::new(), is_empty: true };
        match asked.form {
            Form::Json => writer.buffer.push(b'['),
            Form::Csv => {
                let names = asked.query.columns.iter().map(|column| column.as_str().as_bytes());
                // Into memory, with a fixed number of fields: nothing of it can fail.
                let _ = record(&mut writer.buffer, names);
            }
        }
        writer
    }

    pub fn row(&mut self, row: &PageRow) -> Result<(), String> {
        match self.form {
            Form::Json => {
                self.buffer.extend_from_slice(if self.is_empty { b"" } else { b",\n" });
                let object = row.fields.first().and_then(Option::as_deref).unwrap_or("null");
                self.buffer.extend_from_slice(object.as_bytes());
            }
            Form::Csv => {
                let fields = row.fields.iter().map(|field| field.as_deref().unwrap_or_default().as_bytes());
                record(&mut self.buffer, fields).map_err(|error| error.to_string())?;
            }
        }
        self.is_empty = false;
        Ok(())
    }

    pub fn finish(mut self) -> Vec<u8> {
        if self.form == Form::Json {
            self.buffer.extend_from_slice(b"]\n");
        }
        self.buffer
    }
}

fn record<'a>(buffer: &mut Vec<u8>, fields: impl Iterator<Item = &'a [u8]>) -> Result<(), csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(buffer);
    writer.write_record(fields)?;
    writer.flush().map_err(csv::Error::from)
}
