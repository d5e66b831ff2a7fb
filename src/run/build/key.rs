//! The key that tells a row from all others: columns, or expressions over them, as dbt takes both.

use crate::name::Ident;
use crate::project::Config;

pub(super) enum KeyPart {
    Column(Ident),
    /// SQL over the columns of one row, `id || '-' || day`.
    Expression(String),
}

impl KeyPart {
    pub fn all(config: &Config) -> Vec<Self> {
        let part = |written: &String| match Config::is_expression(written) {
            // Several columns in one text are a row.
            true if written.contains(',') => Some(Self::Expression(format!("row({written})"))),
            true => Some(Self::Expression(format!("({written})"))),
            false => Ident::new(written.as_str()).ok().map(Self::Column),
        };
        config.unique_key.iter().filter_map(part).collect()
    }

    pub fn column(&self) -> Option<&Ident> {
        match self {
            Self::Column(name) => Some(name),
            Self::Expression(_) => None,
        }
    }

    /// As SQL where one relation alone is read.
    pub fn alone(&self) -> String {
        match self {
            Self::Column(name) => name.to_string(),
            Self::Expression(sql) => sql.clone(),
        }
    }

    /// As SQL over the row that is called `alias`.
    pub fn of(&self, alias: &str) -> String {
        match self {
            Self::Column(name) => format!("{alias}.{name}"),
            Self::Expression(sql) => format!("(select {sql} from (select {alias}.*) as \"elt key\")"),
        }
    }
}
