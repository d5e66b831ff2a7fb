//! What can be typed. Arguments as typed; what they come to is decided by the commands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use super::completions::{Complete, Completions};
pub use super::deps::Deps;
pub use super::docs::Docs;
pub use super::explain::Explain;
pub use super::generate::Generate;
pub use super::import::Import;
pub use super::init::Init;
pub use super::inspect::{Clean, Compile};
pub use super::lineage::Arguments as Lineage;
pub use super::lineage_diff::LineageDiff;
pub use super::list::List;
pub use super::operation::RunOperation;
pub use super::plan::{Plan, Retry, Run};
pub use super::rows::Output;
pub use super::schema::SchemaArguments;
pub use super::selection::{Defer, IndirectSelection, Resource, Selection};
pub use super::serve::Serve;
pub use super::show::Show;
pub use super::test::Test;
pub use super::token::TokenCommand;
pub use super::watch::Watch;
pub use super::work::{Check, Prune};
use crate::project::Moment;

/// SQL-first ELT for PostgreSQL: load, build and test beside prod, publish at once, serve.
#[derive(Debug, Parser)]
#[command(name = "elt", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Start with `elt run`, then `elt serve`. `elt help COMMAND` tells more.\n\n\
    Exit codes: 0 all is well; 1 a model, a test or the publishing failed; 2 elt could not start.")]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "For every command")]
pub struct Global {
    /// The project's folder: where profiles.yml lies
    #[arg(long, value_name = "DIR", default_value = ".", global = true, env = "ELT_PROJECT_DIR")]
    pub project_dir: PathBuf,
    /// The target of profiles.yml to work on
    #[arg(long, short = 't', value_name = "NAME", global = true, env = "ELT_TARGET")]
    pub target: Option<String>,
    /// Variables, as YAML: --vars '{country_codes: [Peru, China]}'. These win over profiles.yml
    #[arg(long, value_name = "YAML", global = true)]
    pub vars: Option<String>,
    /// Where artifacts are written, seen from the project's folder; profiles.yml's, else target
    #[arg(long, value_name = "DIR", global = true, env = "ELT_TARGET_PATH")]
    pub target_path: Option<PathBuf>,
    /// Write no manifest.json, run_results.json and the like
    #[arg(long, global = true)]
    pub no_write_json: bool,
    /// Take warnings for errors, those of tests, too
    #[arg(long, global = true)]
    pub warn_error: bool,
    /// Talk in JSON, one object a line, on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Say only what went wrong
    #[arg(long, short = 'q', global = true)]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load, build, test and publish: the whole pipeline, or what is selected
    #[command(
        after_help = "Everything is built and tested in a schema of the run's own, then moved into place in one \
        transaction: readers of prod see the old state or the new one, whole. What would come out as it is published is left as it is.\n\n\
        Examples:\n  elt run\n  elt run --full-refresh\n  elt run --select +segments_derived\n  elt run --vars '{voucher_history: data/history.parquet}'\n  \
        elt plan --out plan.json && elt run --plan plan.json"
    )]
    Run(Run),
    /// Tell what a run would do: what is built and why, what stays, what becomes of prod's columns
    #[command(
        after_help = "Nothing is built and nothing is published. Sources are asked what they hold, as a run asks them. With --out the plan \
        is written down; `elt run --plan` then does just that, or refuses where project, sources or database are not what \
        they were. Exit code 1: the run would fail.\n\n\
        Examples:\n  elt plan\n  elt plan --select +segments_derived --json | jq .plan.steps\n  \
        elt plan --out plan.json && elt run --plan plan.json"
    )]
    Plan(Plan),
    /// Go on with the last run from where it failed or was stopped
    #[command(
        after_help = "With the same selection, options and variables. What the failed run had built is kept until the next run: it is \
        taken over where it is what would be built now, and no test that reads it failed. The rest is built, and all is published \
        together. What does not exist any more is left out. To read all sources anew: elt run.\n\n\
        Examples:\n  elt run || elt retry\n  elt retry --threads 1"
    )]
    Retry(Retry),
    /// Like run, without loading: rules and models from what is loaded already
    Build(Work),
    /// Load raw tables from their sources, and publish them
    #[command(
        after_help = "Examples:\n  elt load\n  elt load --select voucher_history --vars '{voucher_history: https://example.org/history.parquet}'"
    )]
    Load(Work),
    /// Load the rules in rules/*.csv, and publish them
    Seed(Work),
    /// Run the tests on what is published
    #[command(
        after_help = "Examples:\n  elt test\n  elt test --select path:models/prod\n  elt test --store-failures\n\nA test of severity warn is told and fails nothing."
    )]
    Test(Test),
    /// Tell how old the newest rows of sources and loads are, and whether that is too old
    #[command(
        after_help = "Sources and raw models say it in YAML: `freshness: {warn_after: {count: 12, period: hour}}` and \
        `loaded_at_field`. What elt loads itself needs no field: its last good load counts. The clock is the database's. \
        target/sources.json is written as dbt does. Exit code 1: something is too old or could not be asked.\n\n\
        Examples:\n  elt freshness\n  elt freshness --select source:shop\n  elt freshness --select +segments_derived --json"
    )]
    Freshness(Selection),
    /// Let PostgreSQL judge every model and test without running them; leaves nothing behind
    #[command(
        after_help = "Each model is created without rows in a transaction that is rolled back, so that PostgreSQL itself checks names \
        and types through the whole graph; then the columns that YAML, indexes and keys name, contracts with their \
        constraints, hooks (their grammar, and names in SELECT, INSERT, UPDATE and DELETE), the SQL of freshness and \
        the roles of grants. All errors are told at once, each at its own line.\n\n\
        Example: elt check --select segments_derived+"
    )]
    Check(Check),
    /// Write target/manifest.json and target/catalog.json: the project, and what stands of it
    #[command(after_help = "Other tools read these files, in dbt's schemas; see docs/artifacts.md.\n\n\
        Example: elt catalog && jq '.nodes[].stats.num_rows.value' target/catalog.json")]
    Catalog,
    /// Show the SQL that PostgreSQL would be given; opens no connection, but to learn where to defer to
    #[command(
        after_help = "Examples:\n  elt compile --select segments_derived\n  elt compile --select unique_orders_id      the query of a test\n  elt compile --out compiled\n  \
        elt compile --inline \"select * from {{ ref('segments_derived') }}\""
    )]
    Compile(Compile),
    /// List models, rules, sources and exposures, in the order they are built; tests where they are asked for
    #[command(
        after_help = "Examples:\n  elt ls --select +segments_derived        what it is made from\n  elt ls --select tag:vouchers,layer:prod   both at once\n  elt ls --output json | jq .tests\n  elt ls --select test_type:singular\n  elt ls --select state:modified+ --state last_target"
    )]
    Ls(List),
    /// Show rows: of a published relation, of a model's query as it is now, or of SQL typed here
    #[command(
        after_help = "Without an option it shows what is published. --query runs the model's own SQL against its published \
        parents, so that an edit is seen before it is built; a model that was never built can be looked at, too. \
        --query and --inline read in a transaction that can write nothing.\n\n\
        Examples:\n  elt show segments_derived\n  elt show segments_derived --limit 0 --output csv > segments.csv\n  \
        elt show segments_derived --query\n  \
        elt show --inline \"select country_code, count(*) from {{ ref('vouchers_clean') }} group by 1\""
    )]
    Show(Show),
    /// Run what a macro writes, in one transaction
    #[command(
        after_help = "The macro is rendered with --args, and what it writes is run as the target's own role in one transaction: \
        all of it or nothing. No run can begin meanwhile. Rows of statements that return some are printed.\n\n\
        Examples:\n  elt run-operation grant_select --args '{role: analyst}'\n  elt run-operation grant_select --args '{role: analyst}' --dry-run"
    )]
    RunOperation(RunOperation),
    /// Check on every save; with --run, build what changed
    #[command(
        after_help = "A save compiles the whole project; PostgreSQL then judges what changed and all that is made from it. All \
        problems are shown at once, and a broken project goes on being watched. With --run or --build the first round \
        builds everything selected, each later one what changed and what is made from it.\n\n\
        Examples:\n  elt watch\n  elt watch --run\n  elt watch --build --select path:models/prod"
    )]
    Watch(Watch),
    /// Bring in the packages that packages.yml asks for
    #[command(
        after_help = "Macros, tests and models of a package are known as package.macro, package.test and         ref('package', 'model'). package-lock.yml says which commits are used: commit it.\n\n\
        packages.yml:\n  packages:\n    - git: https://github.com/dbt-labs/dbt-utils.git\n      revision: 1.3.0\n    - local: ../shared\n\n\
        Examples:\n  elt deps\n  elt deps --upgrade\n  elt deps --locked        # in CI"
    )]
    Deps(Deps),
    /// Say what an error means and how to mend it
    #[command(
        after_help = "Examples:\n  elt explain unknown-ref\n  elt explain              # lists all of them"
    )]
    Explain(Explain),
    /// Make a new project that runs at once
    #[command(after_help = "Files that are there already stay as they are.\n\n\
        Examples:\n  elt init shop && cd shop && elt run\n  elt init . --example none --name reports")]
    Init(Init),
    /// Write a site that describes the project: graph, models, columns, SQL, tests; one file that opens from disk
    #[command(
        after_help = "Nothing in it is fetched from anywhere. With a database it also tells types, rows, and how tests and nodes \
        ended last; without one (or with --offline) it is written all the same.\n\n\
        Examples:\n  elt docs --open\n  elt docs --offline --out public"
    )]
    Docs(Docs),
    /// Tell where columns come from and where they go, from the files alone; opens no connection
    #[command(
        after_help = "Every model's SQL is followed by PostgreSQL's grammar. What cannot be known from the files (all columns of a \
        source, say) is told, never guessed.\n\n\
        Examples:\n  elt lineage segments_derived                       all its columns, and what each is made of\n  \
        elt lineage segments_derived.voucher_amount        both ways, to the ends\n  \
        elt lineage raw.voucher_history.timestamp --downstream --depth 1\n  \
        elt lineage segments_derived.upper_value --all     also what filters, joins and groups"
    )]
    Lineage(Lineage),
    /// Make an elt project of a dbt project's folder
    #[command(
        after_help = "SQL is taken as it is. Layers come from the graph: what reads a source, is called staging or \
        intermediate, or is read by such, is stage; the rest is prod. Seeds become rules, or raw loads where a source \
        names them. What elt has no word for is left out and listed with its place, here and in IMPORT.md.\n\n\
        Examples:\n  elt import ../jaffle-shop\n  elt import ../jaffle-shop --out shop && cd shop && elt run"
    )]
    Import(Import),
    /// Tell what a change does to columns and to all that comes of them, as Markdown for a pull request
    #[command(
        after_help = "The project as it is now is compared with another state of it: a revision of git, or a folder. Spelling does \
        not count: a column changed if it is computed otherwise. The exit code is 0, whatever changed.\n\n\
        Examples:\n  elt lineage-diff --against main > comment.md\n  elt lineage-diff --against ../project-before --json"
    )]
    LineageDiff(LineageDiff),
    /// Find relations whose models are gone; with --yes drop them
    #[command(
        after_help = "elt keeps a ledger of what it published, in the database. A relation that it did not make is never listed, and \
        one that something else depends on is kept.\n\nExamples:\n  elt prune\n  elt prune --yes"
    )]
    Prune(Prune),
    /// Tell how the project, its profile and its database are understood
    Debug,
    /// Remove what elt keeps in the project's folder: downloads, artifacts, and with --database the embedded cluster
    Clean(Clean),
    /// Write the project's own sample data to a file, or serve it as an API
    #[command(
        after_help = "The same seed gives the same file, at any size. The tables of one sample share their keys.\n\n\
        Samples: vouchers; shop: customer_info, product_catalog, purchase_transactions, customer_service, \
        marketing_campaigns, campaign_responses, website_behavior; purchases: customers, purchase_history; \
        streaming: subscriptions, movies, customers, engagements, segments, ab_tests, experiments, ab_test_results.\n\n\
        Examples:\n  elt generate vouchers --rows 1000000 --format parquet --out history.parquet\n  \
        elt generate shop --table purchase_transactions --scale 100 --out purchases.csv\n  \
        elt generate purchases --rows 10000 --out customers.csv\n  \
        elt generate purchases --serve                         these customers' purchases, as an API\n  \
        elt generate purchases --serve 127.0.0.1:9000 --failing 20"
    )]
    Generate(Generate),
    /// Print the JSON Schemas of a project's YAML files, so that editors complete and complain
    #[command(
        after_help = "properties is all YAML under models/, rules/ and tests/. An editor with yaml-language-server takes a schema by a first line \
        `# yaml-language-server: $schema=PATH`, or for many files by its `yaml.schemas`.\n\n\
        Examples:\n  elt schema properties\n  elt schema --out .elt/schemas"
    )]
    Schema(SchemaArguments),
    /// Write a completion script for your shell: elt completions bash > /etc/bash_completion.d/elt
    #[command(
        after_help = "Models, tags, selectors, targets, columns and macros of the project are completed, too: for bash, zsh and fish.\n\n\
        Examples:\n  elt completions bash > /etc/bash_completion.d/elt\n  elt completions zsh > ~/.zfunc/_elt\n  \
        elt completions fish > ~/.config/fish/completions/elt.fish"
    )]
    Completions(Completions),
    /// Name what may stand at the cursor: for the scripts of `elt completions`
    #[command(hide = true)]
    Complete(Complete),
    /// Serve the published layer by HTTP
    #[command(
        after_help = "The service reads prod as a role that can read nothing else. Vouchers are looked up in memory, and go \
        on being answered while the database is away.\n\nTry: curl -s http://127.0.0.1:8080/docs"
    )]
    Serve(Serve),
    /// Make, list and revoke the tokens that the service asks for
    #[command(
        subcommand,
        after_help = "A token that may `read` is asked for where profiles.yml says `service: {reads: token}`; one that may `run` \
        starts the pipeline and reads. The database keeps a digest: a token is shown once. A running service \
        knows of a change at once.\n\nExamples:\n  elt token create dashboards --expires 90d\n  \
        elt token create airflow --scope run\n  elt token list\n  elt token revoke airflow"
    )]
    Token(TokenCommand),
}

#[derive(Debug, Clone, Args)]
pub struct Work {
    #[command(flatten)]
    pub selection: Selection,
    #[command(flatten)]
    pub defer: Defer,
    /// Build all that is selected, also what is unchanged, and incremental models from nothing
    #[arg(long)]
    pub full_refresh: bool,
    /// Stop everything at the first failure
    #[arg(long)]
    pub fail_fast: bool,
    /// Keep the rows that failed tests found in tables of the schema `<prod>_failures`
    #[arg(long)]
    pub store_failures: bool,
    #[command(flatten)]
    pub event_time: EventTime,
    /// Sessions that build at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
}

/// Of models with `incremental_strategy='microbatch'`.
#[derive(Debug, Clone, Args)]
pub struct EventTime {
    /// Build the batches from this time on: 2024-05-31, or 2024-05-31T12:00:00 in UTC
    #[arg(long, value_name = "TIME", requires = "event_time_end")]
    pub event_time_start: Option<Moment>,
    /// … until before this time
    #[arg(long, value_name = "TIME", requires = "event_time_start")]
    pub event_time_end: Option<Moment>,
}
