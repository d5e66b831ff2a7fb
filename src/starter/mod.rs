//! The files of a new project, as `elt init` writes them. Never replaces a file that is there.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// What a new project holds beside its profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Example {
    /// Empty folders.
    None,
    /// A small shop that runs at once.
    Shop,
}

/// What was written, and what was there already and is as it was. Paths are relative to the folder.
#[derive(Debug, Default)]
pub struct Written {
    pub made: Vec<&'static str>,
    pub kept: Vec<&'static str>,
}

const SHARED: &[(&str, &str)] = &[(".gitignore", include_str!("gitignore"))];

const NONE: &[(&str, &str)] = &[
    ("profiles.yml", include_str!("none/profiles.yml")),
    ("README.md", include_str!("none/README.md")),
    ("models/raw/.gitkeep", ""),
    ("models/stage/.gitkeep", ""),
    ("models/prod/.gitkeep", ""),
    ("rules/.gitkeep", ""),
    ("macros/.gitkeep", ""),
    ("tests/.gitkeep", ""),
];

const SHOP: &[(&str, &str)] = &[
    ("profiles.yml", include_str!("shop/profiles.yml")),
    ("README.md", include_str!("shop/README.md")),
    ("data/orders.csv", include_str!("shop/orders.csv")),
    ("data/customers.csv", include_str!("shop/customers.csv")),
    ("models/raw/shop/raw_orders.sql", include_str!("shop/raw_orders.sql")),
    ("models/raw/shop/raw_customers.sql", include_str!("shop/raw_customers.sql")),
    ("models/stage/shop/orders.sql", include_str!("shop/orders.sql")),
    ("models/stage/shop/customers.sql", include_str!("shop/customers.sql")),
    ("models/stage/shop/shop.yml", include_str!("shop/stage.yml")),
    ("models/prod/shop/sales_by_region.sql", include_str!("shop/sales_by_region.sql")),
    ("models/prod/shop/shop.yml", include_str!("shop/prod.yml")),
    ("rules/regions.csv", include_str!("shop/regions.csv")),
    ("rules/rules.yml", include_str!("shop/rules.yml")),
    ("macros/cents_to_amount.sql", include_str!("shop/cents_to_amount.sql")),
    ("tests/no_order_before_its_customer.sql", include_str!("shop/no_order_before_its_customer.sql")),
];

/// Writes the project into `folder`, which is made where it is not there. The profile comes last: a folder
/// without one is no project, so an interrupted write can be begun again.
pub fn write(folder: &Path, name: &str, example: Example) -> io::Result<Written> {
    let files = match example {
        Example::None => NONE,
        Example::Shop => SHOP,
    };
    let mut written = Written::default();
    let (profile, others): (Vec<_>, Vec<_>) =
        files.iter().chain(SHARED).partition(|(path, _)| *path == "profiles.yml");
    for (path, text) in others.into_iter().chain(profile) {
        match write_new(&folder.join(path), &text.replace("@name@", name)) {
            Ok(()) => written.made.push(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => written.kept.push(path),
            Err(error) => return Err(io::Error::new(error.kind(), format!("{path}: {error}"))),
        }
    }
    Ok(written)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(path.parent().expect("a path below a folder has a parent"))?;
    File::create_new(path)?.write_all(text.as_bytes())
}
