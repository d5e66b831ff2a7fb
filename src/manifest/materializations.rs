//! What the config of a model must say for the way in which it becomes a relation.

use super::read::Reader;
use crate::diagnostic::{Diagnostic, Location, did_you_mean};
use crate::name::Ident;
use crate::project::{Config, Layer, Materialization, ModelFile, SnapshotStrategy, Strategy};

impl Reader<'_> {
    pub(super) fn check_materialization(
        &mut self,
        model: &ModelFile,
        materialization: Materialization,
        config: &Config,
        place: &Location,
    ) {
        let mut wrong = |message: String, hint: &str| {
            self.problems.push(Diagnostic::error("bad-config", message).at(place.clone()).hint(hint));
        };
        let name = &model.name;
        match materialization {
            Materialization::Load if model.layer != Layer::Raw => wrong(
                format!("`{name}` is loaded, but lies in {}", model.layer),
                "what is loaded is raw: move the file to models/raw",
            ),
            Materialization::Load if config.source.is_none() => wrong(
                format!("`{name}` is loaded, but config names no source"),
                "add source='data/file.csv', a URL, or sample://…",
            ),
            Materialization::Snapshot if config.unique_key.is_empty() => wrong(
                format!("`{name}` is a snapshot, but config has no unique_key"),
                "add unique_key='…': the columns that tell whose version a row is",
            ),
            Materialization::Snapshot if config.strategy.is_none() => wrong(
                format!("`{name}` is a snapshot, but config has no strategy"),
                "add strategy='timestamp' with updated_at='…', or strategy='check' with check_cols=['…'] or 'all'",
            ),
            Materialization::Snapshot
                if config.strategy == Some(SnapshotStrategy::Timestamp) && config.updated_at.is_none() =>
            {
                wrong(
                    format!("`{name}` goes by timestamp, but config has no updated_at"),
                    "add updated_at='…': the column that says when a row was changed",
                );
            }
            Materialization::Snapshot
                if config.strategy == Some(SnapshotStrategy::Check) && config.check_cols.is_empty() =>
            {
                wrong(
                    format!("`{name}` goes by checking columns, but config has no check_cols"),
                    "add check_cols=['…'], or check_cols='all'",
                );
            }
            Materialization::Seed => wrong(
                format!("`{name}` is a model and cannot be a seed"),
                "seeds are the CSV files in rules/",
            ),
            Materialization::Incremental
                if config.unique_key.is_empty()
                    && matches!(
                        config.incremental_strategy,
                        Some(Strategy::DeleteInsert | Strategy::Merge)
                    ) =>
            {
                wrong(
                    format!("`{name}` replaces rows, but config has no unique_key"),
                    "add unique_key='…', or use incremental_strategy='append'",
                );
            }
            Materialization::Incremental if config.is_microbatch() => {
                let words = [
                    (
                        "event_time",
                        config.event_time.is_some(),
                        "event_time='…': the column that says when a row came",
                    ),
                    ("batch_size", config.batch_size.is_some(), "batch_size='day', or hour, month or year"),
                    ("begin", config.begin.is_some(), "begin='2024-01-01': when the first batch begins"),
                ];
                for (word, _, hint) in words.iter().filter(|(_, there, _)| !there) {
                    let message = format!("`{name}` is built in batches, but config has no {word}");
                    wrong(message, &format!("add {hint}"));
                }
            }
            _ => {}
        }
        const PRIVILEGES: &[&str] =
            &["select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain", "all"];
        for word in config.grants.keys().filter(|word| !PRIVILEGES.contains(&word.to_lowercase().as_str())) {
            let hint = did_you_mean(word, PRIVILEGES.iter().copied())
                .unwrap_or_else(|| format!("it knows {}", PRIVILEGES.join(", ")));
            wrong(format!("config's `grants` knows no privilege `{word}`"), &hint);
        }
        let keys = config.unique_key.iter().filter(|key| !Config::is_expression(key));
        for column in keys.chain(config.indexes.iter().flat_map(|index| &index.columns)) {
            if let Err(error) = Ident::new(column) {
                wrong(format!("`{name}`: {error}"), "name a column");
            }
        }
    }
}
