//! Writes rows as JSON or CSV: small pages whole, with a link to the next one; large ones as they come.

use std::collections::BTreeMap;

use actix_web::HttpResponseBuilder;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LINK};
use actix_web::web::Bytes;
use futures_util::stream;
use serde_json::value::RawValue;

use super::{Asked, Form, cursor};
use crate::database::{PageRow, Rows, RowsError};
use crate::endpoint::{Published, Shape};
use crate::service::problem::Problem;
use crate::service::routes::Answer;

/// Pages of at most so many rows are gathered before they are sent, and say where the next one begins.
const GATHERED_ROWS: u64 = 1000;

/// A piece of a streamed answer. Unit: bytes.
const PIECE: usize = 32 * 1024;

pub async fn write(
    mut response: HttpResponseBuilder,
    published: &Published,
    asked: &Asked,
    mut rows: Rows,
    path: &str,
) -> Answer {
    response.insert_header((CONTENT_TYPE, asked.form.content_type()));
    match published.endpoint.shape {
        Shape::Object | Shape::Value => single(response, published, asked, rows).await,
        Shape::Rows if asked.page > GATHERED_ROWS => Ok(response.streaming(pieces(asked, rows))),
        Shape::Rows => {
            let mut writer = Writer::new(asked);
            let mut last = None;
            let mut has_more = false;
            while let Some(row) = rows.next().await.map_err(broken)? {
                if writer.rows == asked.page {
                    has_more = true;
                    break;
                }
                writer.row(&row).map_err(Problem::internal)?;
                last = Some(row.position);
            }
            if let Some(position) = last.filter(|_| has_more && !published.endpoint.key.is_empty()) {
                response.insert_header((LINK, next(path, asked, &position)));
            }
            Ok(response.body(writer.finish()))
        }
    }
}

async fn single(
    mut response: HttpResponseBuilder,
    published: &Published,
    asked: &Asked,
    mut rows: Rows,
) -> Answer {
    let Some(row) = rows.next().await.map_err(broken)? else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_row", "There is no such row."));
    };
    let object = row.fields.first().cloned().flatten().unwrap_or_default();
    let body = match (published.endpoint.shape, asked.form) {
        (_, Form::Csv) => {
            let mut writer = Writer::new(asked);
            writer.row(&row).map_err(Problem::internal)?;
            writer.finish()
        }
        (Shape::Value, Form::Json) => first_value(&object).map_err(Problem::internal)?.into_bytes(),
        (_, Form::Json) => object.into_bytes(),
    };
    Ok(response.body(body))
}

/// The value of an object's first member, digit for digit.
fn first_value(object: &str) -> Result<String, String> {
    let members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(object).map_err(|error| error.to_string())?;
    Ok(members.into_values().next().map_or_else(|| "null".to_owned(), |value| value.get().to_owned()))
}

fn next(path: &str, asked: &Asked, position: &[Option<String>]) -> String {
    let cursor = cursor::write(&asked.query.order, position);
    let and = if asked.rest.is_empty() { "" } else { "&" };
    format!("<{path}?{}{and}cursor={cursor}>; rel=\"next\"", asked.rest)
}

/// Before the first byte was sent an error still has an answer of its own.
fn broken(error: RowsError) -> Problem {
    Problem::internal(error.to_string())
}

/// The answer piece by piece. An error in the middle breaks the connection off: half an answer must not look
/// whole.
fn pieces(asked: &Asked, rows: Rows) -> impl stream::Stream<Item = Result<Bytes, std::io::Error>> + use<> {
    let begun = Some((Writer::new(asked), rows, asked.page));
    stream::try_unfold(begun, |state| async move {
        let Some((mut writer, mut rows, page)) = state else { return Ok(None) };
        loop {
            let row = if writer.rows == page { None } else { rows.next().await.map_err(cut_off)? };
            let Some(row) = row else { return Ok(Some((Bytes::from(writer.finish()), None))) };
            writer.row(&row).map_err(cut_off)?;
            if writer.buffer.len() >= PIECE {
                let piece = Bytes::from(std::mem::take(&mut writer.buffer));
                return Ok(Some((piece, Some((writer, rows, page)))));
            }
        }
    })
}

fn cut_off(error: impl std::fmt::Display) -> std::io::Error {
    tracing::error!(%error, "an answer was broken off");
    std::io::Error::other(error.to_string())
}

struct Writer {
    form: Form,
    buffer: Vec<u8>,
    rows: u64,
}

impl Writer {
    fn new(asked: &Asked) -> Self {
        let mut writer = Self { form: asked.form, buffer: Vec::new(), rows: 0 };
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

    fn row(&mut self, row: &PageRow) -> Result<(), String> {
        match self.form {
            Form::Json => {
                self.buffer.extend_from_slice(if self.rows == 0 { b"" } else { b",\n" });
                let object = row.fields.first().and_then(Option::as_deref).unwrap_or("null");
                self.buffer.extend_from_slice(object.as_bytes());
            }
            Form::Csv => {
                let fields = row.fields.iter().map(|field| field.as_deref().unwrap_or_default().as_bytes());
                record(&mut self.buffer, fields).map_err(|error| error.to_string())?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn finish(mut self) -> Vec<u8> {
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
