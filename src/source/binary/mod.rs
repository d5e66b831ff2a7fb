//! Arrow arrays as fields of PostgreSQL's COPY BINARY. Every conversion is exact or refused; only doubles are
//! rounded to float4, which asks for it.

mod bytes;
mod interval;
mod nested;
mod number;
mod number_text;
mod numeric;
mod row_ends;
pub(in crate::source) mod spelled;
mod text;
mod time;
mod time_text;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, new_empty_array};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

pub(crate) use row_ends::RowEnds;

/// What stands before the first row: signature, no flags, no extension.
pub(crate) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands after the last row.
pub(crate) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// The length of a field that is NULL.
pub(in crate::source) const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// A value that its target cannot take.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::source) struct Refusal {
    pub(in crate::source) value: String,
    pub(in crate::source) why: String,
}

impl Refusal {
    fn new(value: impl ToString, why: impl Into<String>) -> Self {
        Self { value: value.to_string(), why: why.into() }
    }
}

/// Writes the field of one row, which is not NULL, with its length.
pub(in crate::source) type Cell<'a> = Box<dyn FnMut(usize, &mut Vec<u8>) -> Result<(), Refusal> + 'a>;

/// PostgreSQL's types that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Kind {
    Bool,
    Bytea,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Json,
    Jsonb,
    Uuid,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
}

impl Kind {
    /// By `pg_type.oid`, which is fixed for the built-in types.
    pub(in crate::source) fn from_oid(oid: u32) -> Option<Self> {
        Some(match oid {
            16 => Self::Bool,
            17 => Self::Bytea,
            20 => Self::Int8,
            21 => Self::Int2,
            23 => Self::Int4,
            // name, text, bpchar, varchar
            19 | 25 | 1042 | 1043 => Self::Text,
            114 => Self::Json,
            700 => Self::Float4,
            701 => Self::Float8,
            1082 => Self::Date,
            1083 => Self::Time,
            1114 => Self::Timestamp,
            1184 => Self::TimestampTz,
            1186 => Self::Interval,
            1700 => Self::Numeric,
            2950 => Self::Uuid,
            3802 => Self::Jsonb,
            _ => return None,
        })
    }

    pub(in crate::source) fn name(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Bytea => "bytea",
            Self::Int2 => "smallint",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Float4 => "real",
            Self::Float8 => "double precision",
            Self::Numeric => "numeric",
            Self::Text => "text",
            Self::Json => "json",
            Self::Jsonb => "jsonb",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamp with time zone",
            Self::Interval => "interval",
        }
    }
}

/// What a column holds, beyond its Arrow type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Meaning {
    Plain,
    /// 16 bytes that are a UUID.
    Uuid,
    /// A timestamp; where it comes as decimals, they are nanoseconds since 1970.
    Nanoseconds {
        zoned: bool,
    },
}

/// Whether a column of this type can go into a target of this kind.
pub(in crate::source) fn is_possible(data_type: &DataType, meaning: Meaning, kind: Kind) -> bool {
    cell(&new_empty_array(data_type), meaning, kind).is_some()
}

/// The writer for a column; `None` where [`is_possible`] says no.
pub(in crate::source) fn cell(array: &ArrayRef, meaning: Meaning, kind: Kind) -> Option<Cell<'_>> {
    use DataType as D;
    match array.data_type() {
        D::Null => Some(Box::new(|_, out| {
            out.extend_from_slice(&NULL);
            Ok(())
        })),
        D::Boolean => number::boolean(array.as_boolean(), kind),
        D::Int8 => number::integer(array.as_primitive::<Int8Type>(), kind),
        D::Int16 => number::integer(array.as_primitive::<Int16Type>(), kind),
        D::Int32 => number::integer(array.as_primitive::<Int32Type>(), kind),
        D::Int64 => number::integer(array.as_primitive::<Int64Type>(), kind),
        D::UInt8 => number::integer(array.as_primitive::<UInt8Type>(), kind),
        D::UInt16 => number::integer(array.as_primitive::<UInt16Type>(), kind),
        D::UInt32 => number::integer(array.as_primitive::<UInt32Type>(), kind),
        D::UInt64 => number::integer(array.as_primitive::<UInt64Type>(), kind),
        D::Float16 => number::float(array.as_primitive::<Float16Type>(), kind, |value, out| {
            text::push_float4(out, value.to_f32());
        }),
        D::Float32 => number::float(array.as_primitive::<Float32Type>(), kind, |value, out| {
            text::push_float4(out, value);
        }),
        D::Float64 => number::float(array.as_primitive::<Float64Type>(), kind, |value, out| {
            text::push_float8(out, value);
        }),
        D::Decimal32(_, scale) => {
            number::decimal(array.as_primitive::<Decimal32Type>(), *scale, kind, |value| Some(value.into()))
        }
        D::Decimal64(_, scale) => number::decimal(array.as_primitive::<Decimal64Type>(), *scale, kind, Some),
        D::Decimal128(..) if let Meaning::Nanoseconds { zoned } = meaning => {
            time::nanoseconds(array.as_primitive::<Decimal128Type>(), zoned, kind)
        }
        D::Decimal128(_, scale) => {
            let short = |value: i128| i64::try_from(value).ok();
            number::decimal(array.as_primitive::<Decimal128Type>(), *scale, kind, short)
        }
        D::Decimal256(_, scale) => {
            number::decimal(array.as_primitive::<Decimal256Type>(), *scale, kind, |_| None)
        }
        D::Utf8 => bytes::string(array.as_string::<i32>(), kind),
        D::LargeUtf8 => bytes::string(array.as_string::<i64>(), kind),
        D::Utf8View => bytes::string(array.as_string_view(), kind),
        D::Binary => bytes::binary(array.as_binary::<i32>(), meaning, kind),
        D::LargeBinary => bytes::binary(array.as_binary::<i64>(), meaning, kind),
        D::BinaryView => bytes::binary(array.as_binary_view(), meaning, kind),
        D::FixedSizeBinary(_) => bytes::binary(array.as_fixed_size_binary(), meaning, kind),
        D::Date32 => time::date32(array.as_primitive(), kind),
        D::Date64 => time::date64(array.as_primitive(), kind),
        D::Time32(TimeUnit::Second) => {
            time::time(array.as_primitive::<Time32SecondType>(), 1_000_000_000, kind)
        }
        D::Time32(_) => time::time(array.as_primitive::<Time32MillisecondType>(), 1_000_000, kind),
        D::Time64(TimeUnit::Microsecond) => {
            time::time(array.as_primitive::<Time64MicrosecondType>(), 1_000, kind)
        }
        D::Time64(_) => time::time(array.as_primitive::<Time64NanosecondType>(), 1, kind),
        D::Timestamp(unit, zone) => {
            let zoned = zone.is_some();
            match unit {
                TimeUnit::Second => {
                    time::timestamp(array.as_primitive::<TimestampSecondType>(), 1, zoned, kind)
                }
                TimeUnit::Millisecond => {
                    time::timestamp(array.as_primitive::<TimestampMillisecondType>(), 1_000, zoned, kind)
                }
                TimeUnit::Microsecond => {
                    time::timestamp(array.as_primitive::<TimestampMicrosecondType>(), 1_000_000, zoned, kind)
                }
                TimeUnit::Nanosecond => time::timestamp(
                    array.as_primitive::<TimestampNanosecondType>(),
                    1_000_000_000,
                    zoned,
                    kind,
                ),
            }
        }
        D::Duration(unit) => match unit {
            TimeUnit::Second => interval::duration(array.as_primitive::<DurationSecondType>(), 1, kind),
            TimeUnit::Millisecond => {
                interval::duration(array.as_primitive::<DurationMillisecondType>(), 1_000, kind)
            }
            TimeUnit::Microsecond => {
                interval::duration(array.as_primitive::<DurationMicrosecondType>(), 1_000_000, kind)
            }
            TimeUnit::Nanosecond => {
                interval::duration(array.as_primitive::<DurationNanosecondType>(), 1_000_000_000, kind)
            }
        },
        D::Interval(IntervalUnit::MonthDayNano) => interval::interval(array.as_primitive(), kind),
        nested if nested.is_nested() => nested::nested(array, kind),
        _ => None,
    }
}

/// The type of PostgreSQL that holds just what such a column does.
pub(in crate::source) fn natural_type(data_type: &DataType, meaning: Meaning) -> String {
    use DataType as D;
    match data_type {
        D::Boolean => "boolean",
        D::Int8 | D::Int16 | D::UInt8 => "smallint",
        D::Int32 | D::UInt16 => "integer",
        D::Int64 | D::UInt32 => "bigint",
        D::UInt64 => "numeric",
        D::Float16 | D::Float32 => "real",
        D::Float64 => "double precision",
        D::Decimal32(precision, scale)
        | D::Decimal64(precision, scale)
        | D::Decimal128(precision, scale)
        | D::Decimal256(precision, scale)
            if *scale >= 0 =>
        {
            return format!("numeric({precision},{scale})");
        }
        decimal if decimal.is_decimal() => "numeric",
        D::Date32 | D::Date64 => "date",
        D::Time32(_) | D::Time64(_) => "time",
        D::Timestamp(_, None) => "timestamp",
        D::Timestamp(_, Some(_)) => "timestamptz",
        D::Interval(_) | D::Duration(_) => "interval",
        D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => match meaning {
            Meaning::Uuid => "uuid",
            _ => "bytea",
        },
        nested if nested.is_nested() => "jsonb",
        _ => "text",
    }
    .to_owned()
}

/// The type in words a person knows.
pub(in crate::source) fn described(data_type: &DataType) -> String {
    use DataType as D;
    match data_type {
        D::Boolean => "booleans".to_owned(),
        D::Utf8 | D::LargeUtf8 | D::Utf8View => "text".to_owned(),
        D::Binary | D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_) => "bytes".to_owned(),
        D::Date32 | D::Date64 => "dates".to_owned(),
        D::Time32(_) | D::Time64(_) => "times of day".to_owned(),
        D::Timestamp(_, None) => "timestamps without zone".to_owned(),
        D::Timestamp(_, Some(_)) => "timestamps with zone".to_owned(),
        D::Interval(_) | D::Duration(_) => "durations".to_owned(),
        D::List(_) | D::LargeList(_) | D::FixedSizeList(..) | D::ListView(_) | D::LargeListView(_) => {
            "lists".to_owned()
        }
        D::Struct(_) => "records".to_owned(),
        D::Map(..) => "maps".to_owned(),
        D::Decimal32(precision, scale)
        | D::Decimal64(precision, scale)
        | D::Decimal128(precision, scale)
        | D::Decimal256(precision, scale) => format!("decimals({precision}, {scale})"),
        other if other.is_integer() => "integers".to_owned(),
        other if other.is_floating() => "floating-point numbers".to_owned(),
        other => format!("{other}"),
    }
}

/// A field of known bytes.
fn put(out: &mut Vec<u8>, field: &[u8]) -> Result<(), Refusal> {
    let length = length(field.len())?;
    out.extend_from_slice(&length);
    out.extend_from_slice(field);
    Ok(())
}

/// A field that `write` appends.
fn put_with(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Refusal> {
    let start = out.len();
    out.extend_from_slice(&NULL);
    write(out);
    let length = length(out.len() - start - 4)?;
    out[start..start + 4].copy_from_slice(&length);
    Ok(())
}

/// PostgreSQL takes fields below one GiB.
fn length(bytes: usize) -> Result<[u8; 4], Refusal> {
    match i32::try_from(bytes) {
        Ok(length) if length < 1 << 30 => Ok(length.to_be_bytes()),
        _ => Err(Refusal::new(format!("{bytes} bytes"), "PostgreSQL takes values below 1 GiB")),
    }
}
