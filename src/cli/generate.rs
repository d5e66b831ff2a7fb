//! `generate`: the project's own sample data, written to a file or served.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::terminal::{strong, thousands};
use super::{Context, Outcome, Stop};
use crate::diagnostic::did_you_mean;
use crate::generate::{self, GENERATORS, Sample};
use crate::service::{SampleApi, start_sample_api};

#[derive(Debug, Clone, Args)]
pub struct Generate {
    /// Which sample: vouchers, shop, purchases, streaming
    pub sample: String,
    /// vouchers: how many rows (100000); purchases: how many customers (10000)
    #[arg(long)]
    pub rows: Option<u64>,
    /// vouchers: spelling of the 2018 or of the 2020 edition (2018)
    #[arg(long)]
    pub edition: Option<u32>,
    /// shop, purchases, streaming: which table (the customers)
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,
    /// shop, streaming: so many times the usual 1,000 or 2,000 customers (1)
    #[arg(long, value_name = "N")]
    pub scale: Option<u64>,
    /// The same seed gives the same file
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    #[arg(long, value_enum, default_value_t = FileFormat::Csv)]
    pub format: FileFormat,
    /// The file to write; `-` is standard output
    #[arg(long, short = 'o', value_name = "FILE", required_unless_present = "serve")]
    pub out: Option<PathBuf>,
    /// purchases: answer POST /purchase-history at this address until Ctrl-C (127.0.0.1:8090)
    #[arg(
        long, value_name = "HOST:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:8090",
        conflicts_with_all = ["out", "rows", "table", "scale", "edition", "format"]
    )]
    pub serve: Option<String>,
    /// With --serve: so many of 100 requests are answered with 503, to try how a load bears it
    #[arg(long, value_name = "N", requires = "serve", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=99))]
    pub failing: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    Csv,
    Parquet,
}

pub async fn generate(context: &Context, arguments: &Generate) -> Outcome {
    let generator = generate::find(&arguments.sample).map_err(|message| {
        Stop::error("bad-argument", message)
            .maybe_hint(did_you_mean(&arguments.sample, GENERATORS.iter().map(|generator| generator.name)))
    })?;
    let Some(out) = &arguments.out else {
        let address = arguments.serve.as_deref().unwrap_or_default();
        return serve(context, generator.name, address, arguments).await;
    };
    let sample = generator.sample(&query(arguments)).map_err(|error| Stop::error("bad-argument", error))?;
    let format = match arguments.format {
        FileFormat::Csv => generate::FileFormat::Csv,
        FileFormat::Parquet => generate::FileFormat::Parquet,
    };
    if out.as_os_str() == "-" {
        let mut output = BufWriter::new(std::io::stdout());
        let written = sample.write(format, &mut output, &mut |_| {}).and_then(|()| output.flush());
        return match written {
            // Who reads had enough: `… --out - | head`.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
            Err(error) => Err(Stop::error("unwritable-file", format!("standard output: {error}"))),
            Ok(()) => Ok(ExitCode::SUCCESS),
        };
    }
    write_file(context, &*sample, format, out)
        .map_err(|error| Stop::error("unwritable-file", format!("{}: {error}", out.display())))?;
    let rows = i64::try_from(sample.row_count()).unwrap_or(i64::MAX);
    context.terminal.say(&format!("wrote {} rows to {}", thousands(rows), out.display()));
    Ok(ExitCode::SUCCESS)
}

async fn serve(context: &Context, sample: &str, address: &str, arguments: &Generate) -> Outcome {
    if sample != "purchases" {
        let hint = Some("`elt generate purchases --serve` answers POST /purchase-history".to_owned());
        return Err(
            Stop::error("bad-argument", format!("there is no API of the sample `{sample}`")).maybe_hint(hint)
        );
    }
    let (host, port) = address
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host.trim_matches(['[', ']']), port.parse().ok()?)))
        .ok_or_else(|| {
            Stop::error("bad-argument", format!("`{address}` is no address; write one like 127.0.0.1:8090"))
        })?;
    let settings =
        SampleApi { host: host.to_owned(), port, seed: arguments.seed, failing: arguments.failing };
    let api = start_sample_api(settings).await.map_err(|error| Stop::error("service", error.to_string()))?;
    if context.terminal.json {
        context.terminal.json_line(&json!({"event": "serving", "address": api.url()}));
    }
    context.terminal.say(&format!("{} {}; Ctrl-C stops it.", strong("Serving"), api.url()));
    context.terminal.say(&format!(
        "Try: curl -s {} -H 'Content-Type: application/json' -d '{{\"mobiles\": [\"+919876543210\"]}}'",
        api.url()
    ));
    super::serve::signal().await;
    Ok(ExitCode::SUCCESS)
}

/// What was said, as the query that `sample://` takes: a generator refuses what it does not know.
fn query(arguments: &Generate) -> String {
    let mut query = format!("seed={}", arguments.seed);
    let mut add = |key: &str, value: Option<String>| {
        query.extend(value.map(|value| format!("&{key}={value}")));
    };
    add("rows", arguments.rows.map(|rows| rows.to_string()));
    add("edition", arguments.edition.map(|edition| edition.to_string()));
    add("table", arguments.table.clone());
    add("scale", arguments.scale.map(|scale| scale.to_string()));
    query
}

/// Writes beside and renames, so that half a file never carries the name.
fn write_file(
    context: &Context,
    sample: &dyn Sample,
    format: generate::FileFormat,
    path: &Path,
) -> std::io::Result<()> {
    let bar = context.terminal.is_interactive().then(|| ProgressBar::new(sample.row_count()));
    if let Some(bar) = &bar {
        let style = ProgressStyle::with_template("  {bar:24} {human_pos}/{human_len} rows  {eta} left");
        bar.set_style(style.expect("the template is a constant that holds"));
    }
    let write = |to: &Path| {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(to)?);
        let mut progress = |rows: u64| bar.iter().for_each(|bar| bar.set_position(rows));
        sample.write(format, &mut out, &mut progress)?;
        out.into_inner().map_err(|error| error.into_error())
    };
    let written = match path.metadata() {
        // A pipe or a device is no file to be replaced by one.
        Ok(there) if !there.is_file() => write(path).map(drop),
        _ => {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{}.part", std::process::id()));
            let part = path.with_file_name(name);
            let written = write(&part).and_then(|file| file.sync_all());
            let renamed = written.and_then(|()| fs::rename(&part, path));
            if renamed.is_err() {
                // The first error is the one to tell.
                let _ = fs::remove_file(&part);
            }
            renamed
        }
    };
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    written
}
