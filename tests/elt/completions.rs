//! Completions know the project's own names, in each shell that is there.

use std::path::Path;
use std::process::Command;

use crate::support::Project;

async fn shop() -> Project {
    Project::new(&[
        ("profiles.yml", "name: shop\ntarget: prod\ntargets:\n  prod: {}\n  preview: {schema_prefix: p_}\n"),
        (
            "models/stage/sales/orders.sql",
            "{{ config(tags=['daily'], severity='error') }}\nselect 1 as id, 2 as amount",
        ),
        ("models/stage/sales/origins.sql", "select 1 as id"),
        ("models/prod/sales/totals.sql", "select sum(amount) as total from {{ ref('orders') }}"),
        ("selectors.yml", "selectors:\n  - {name: nightly, definition: 'tag:daily'}\n"),
        ("macros/m.sql", "{% macro remember(a) %}select 1{% endmacro %}"),
    ])
    .await
}

#[track_caller]
fn candidates(project: &Project, kind: &str, word: &str) -> String {
    let told = project.good(&["complete", kind, word]);
    assert_eq!(told.stderr, "", "nothing is said while somebody types");
    told.stdout.lines().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn names_are_those_of_the_project() {
    let project = shop().await;
    for (kind, word, expected) in [
        ("select", "or", "orders origins"),
        ("select", "tag:", "tag: tag:daily"),
        ("select", "layer:prod,+or", "layer:prod,+orders layer:prod,+origins"),
        ("select", "2+tot", "2+totals"),
        ("select", "path:models/p", "path:models/prod/sales"),
        ("selector", "", "nightly"),
        ("target", "pr", "preview prod"),
        ("model", "t", "totals"),
        ("column", "orders.", "orders.amount orders.id"),
        ("macro", "rem", "remember"),
        ("select", "zzz", ""),
    ] {
        assert_eq!(candidates(&project, kind, word), expected, "{kind} {word}");
    }
    project.write("models/prod/sales/broken.sql", "select {{ nope(");
    assert_eq!(candidates(&project, "target", "pre"), "preview", "also of a project that does not compile");
    candidates(&project, "select", "or");
    project.write("profiles.yml", "targets: [");
    assert_eq!(candidates(&project, "select", "or"), "");
    assert_eq!(candidates(&project, "target", ""), "");
}

/// The shell's answer, or nothing where there is no such shell.
fn ask(project: &Project, shell: &str, arguments: &[&str], script: &str) -> Option<String> {
    if Command::new(shell).arg("--version").output().is_err() {
        eprintln!("LEFT OUT: there is no {shell}: its completions were not tried");
        return None;
    }
    let own = Path::new(env!("CARGO_BIN_EXE_elt")).parent().expect("it lies in a folder").to_owned();
    let path = std::env::join_paths(
        std::iter::once(own).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let completions = project.good(&["completions", shell]).stdout;
    project.write(&format!("completions.{shell}"), &completions);
    let output = Command::new(shell)
        .args(arguments)
        .args(["-c", script])
        .current_dir(&project.root)
        .env("PATH", path.expect("folders have plain names"))
        .env("HOME", &project.root)
        .output()
        .expect("the shell starts");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    Some(told.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "))
}

#[tokio::test]
async fn bash_completes_names_at_the_cursor() {
    let project = shop().await;
    let completed = |line: &str| {
        let script = format!(
            "source completions.bash; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=($COMP_LINE); \
             [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=(''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _elt_with_names elt \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        ask(&project, "bash", &["--norc"], &script).expect("every machine that elt is built on has bash")
    };
    assert_eq!(completed("elt run --select or"), "orders origins");
    assert_eq!(completed("elt run -s orders +tot"), "+totals");
    assert_eq!(
        completed("elt run --select tag:d"),
        "daily",
        "bash itself keeps what stands before the colon"
    );
    assert_eq!(completed("elt run --selector "), "nightly");
    assert_eq!(completed("elt -t pre"), "preview");
    assert_eq!(completed("elt lineage orders.a"), "orders.amount");
    assert_eq!(completed("elt run-operation r"), "remember");
    assert_eq!(completed("elt --project-dir . run --select tot"), "totals");
    assert!(completed("elt run --full").contains("--full-refresh"), "options are completed as before");
    assert!(completed("elt li").contains("lineage"));
}

#[tokio::test]
async fn zsh_and_fish_complete_names_where_they_are_installed() {
    let project = shop().await;
    // zsh's completion system needs a terminal: its part that asks elt is called with what it would be told.
    let zsh = "compdef() { :; }; source completions.zsh 2>/dev/null; compadd() { print -l -- ${@:4}; }; \
               words=(elt run --select or); PREFIX=or; _elt_names select";
    if let Some(told) = ask(&project, "zsh", &["-f"], zsh) {
        assert_eq!(told, "orders origins");
    }
    let script = project.good(&["completions", "zsh"]).stdout;
    for wanted in [
        ":SELECTOR:_elt_names select",
        ":NAME:_elt_names selector",
        ":NAME:_elt_names target",
        ":TARGET:_elt_names target",
        ":_elt_names model",
        ":_elt_names column",
        ":_elt_names macro",
    ] {
        assert!(script.contains(wanted), "{wanted}");
    }
    assert!(
        !script.contains("elt__complete") && !script.contains("Name what may stand"),
        "it is for scripts alone"
    );
    assert!(script.starts_with("#compdef elt"), "zsh finds it by its first line");
    for (line, expected) in [
        ("elt run --select or", "orders origins"),
        ("elt run --select orders tot", "totals"),
        ("elt run --selector ", "nightly"),
        ("elt lineage orders.am", "orders.amount"),
    ] {
        let script = format!("source completions.fish; complete -C '{line}'");
        if let Some(told) = ask(&project, "fish", &["--no-config"], &script) {
            assert!(expected.split(' ').all(|name| told.contains(name)), "{line}: {told}");
        }
    }
}
