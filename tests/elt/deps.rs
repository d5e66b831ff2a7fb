//! `elt deps`: packages from git and from folders.

use std::path::Path;
use std::process::Command;

use crate::support::Project;

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .output()
        .expect("git is there");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Commits all that lies in the folder.
fn commit(folder: &Path) -> String {
    git(folder, &["init", "--quiet"]);
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", "x"]);
    git(folder, &["rev-parse", "HEAD"])
}

const MONEY: &str = "{% macro cents(column) %}{{ return(adapter.dispatch('cents', 'money')(column)) }}{% endmacro %}\n\
    {% macro default__cents(column) %}nonsense{% endmacro %}\n\
    {% macro postgres__cents(column) %}({{ half(column) }} * 200)::int{% endmacro %}\n\
    {% macro half(column) %}({{ column }} / 2.0){% endmacro %}\n\
    {% macro asks() %}{% do no_such('x') %}{% endmacro %}\n\
    {% macro needs() %}{{ asks() }}{% endmacro %}\n\
    {% macro strange() %}{{ execute_this('x') }}{% endmacro %}\n\
    {% materialization odd, default %}{% endmaterialization %}\n\
    {% test above(model, column_name, least) %}select * from {{ model }} where {{ column_name }} <= {{ least }}{% endtest %}\n";

#[tokio::test]
async fn packages_come_from_git_and_from_folders_and_are_known_by_their_names() {
    let project = Project::new(&[
        ("repo/sub/dbt_project.yml", "name: money\nvars: {money: {rate: 3}}\n"),
        ("repo/sub/macros/money.sql", MONEY),
        ("shared/profiles.yml", "name: shared\nvars: {least: 7}\n"),
        ("shared/models/stage/days.sql", "select 1 as day, {{ one() }} as one, {{ var('least') }} as least"),
        ("shared/models/stage/days.yml", "models:\n  - name: days\n    columns: [{name: day, tests: [not_null]}]\n"),
        ("shared/macros/one.sql", "{% macro one() %}1{% endmacro %}"),
        ("shared/packages.yml", "packages: [{local: ../deeper}]\n"),
        ("deeper/macros/two.sql", "{% macro two() %}2{% endmacro %}"),
        (
            "shop/packages.yml",
            "packages:\n  - git: ../repo\n    revision: main\n    subdirectory: sub\n  - local: ../shared\n",
        ),
        ("shop/profiles.yml", "name: shop\n"),
        (
            "shop/models/prod/prices.sql",
            "select {{ money.cents('1.5') }} as cents, {{ deeper.two() }} as two, {{ var('rate') }} as rate, one, least\nfrom {{ ref('shared', 'days') }}",
        ),
        (
            "shop/models/prod/prices.yml",
            "models:\n  - name: prices\n    columns: [{name: cents, tests: [{money.above: {least: 100}}]}]\n",
        ),
    ])
    .await;
    let shop = |words: &[&str]| project.elt(&[words, &["--project-dir", "shop"]].concat());
    let repository = project.root.join("repo");
    let first = commit(&repository);
    insta::assert_snapshot!(shop(&["run"]).expect(2).stderr, @r#"
    error[packages-changed]: the packages that packages.yml asks for are not those of package-lock.yml
     --> packages.yml:2:5
      |
    2 |   - git: ../repo
      |     ^
      |
      = help: bring them in with `elt deps`

    1 problem; nothing was run.
    "#);

    let told = shop(&["deps"]).expect(0);
    told.says("money").says("5 macros and tests").says("3 macros cannot be used here");
    let lock = || std::fs::read_to_string(project.root.join("shop/package-lock.yml")).expect("it is written");
    assert!(lock().contains(&first) && lock().contains("name: \"deeper\""), "{}", lock());
    shop(&["run"]).expect(0).says("2 tests passed");
    assert_eq!(
        project.value("select concat_ws(' ', cents, two, rate, one, least) from prod.prices").await,
        "150 2 3 1 7"
    );

    // A branch that moved is taken when that is asked for.
    project.write("repo/sub/macros/money.sql", &MONEY.replace("* 200", "* 400"));
    let second = commit(&repository);
    let kept = lock();
    shop(&["deps", "--locked"]).expect(0);
    std::fs::remove_dir_all(project.root.join("shop/.elt/packages")).expect("it is there");
    insta::assert_snapshot!(shop(&["compile"]).expect(2).stderr, @r#"
    error[missing-package]: the package `money` is not there in .elt/packages/money
     |
     = help: bring it in with `elt deps`

    1 problem; nothing was run.
    "#);
    shop(&["deps"]).expect(0);
    assert_eq!(lock(), kept);
    shop(&["deps", "--upgrade"]).expect(0).says(&format!("({}), was {}", &second[..10], &first[..10]));
    shop(&["run"]).expect(0);
    assert_eq!(project.value("select cents from prod.prices").await, "300");

    // What cannot be used is told where it is called.
    project.write(
        "shop/models/prod/wrong.sql",
        "select {{ money.asks() }}, {{ money.needs() }}, {{ money.strange() }}, {{ money.centz() }}",
    );
    project.write("shop/models/prod/no.sql", "select 1 from {{ ref('shared', 'day') }}");
    project.write("shop/models/prod/nobody.sql", "select 1 from {{ ref('shard', 'days') }}");
    insta::assert_snapshot!(shop(&["compile"]).expect(2).stderr, @r"
    error[template]: the package `shared` has no model `day`
     --> models/prod/no.sql:1:18
      |
    1 | select 1 from {{ ref('shared', 'day') }}
      |                  ^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `days`?

    error[template]: there is no package `shard`
     --> models/prod/nobody.sql:1:18
      |
    1 | select 1 from {{ ref('shard', 'days') }}
      |                  ^^^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `shared`?

    error[template]: elt has no macro `money.centz`
     --> models/prod/wrong.sql:1:75
      |
    1 | select {{ money.asks() }}, {{ money.needs() }}, {{ money.strange() }}, {{ money.centz() }}
      |                                                                           ^^^^^^^^^^^
      |
      = help: did you mean `cents`?

    3 problems; nothing was run.
    ");
    for name in ["wrong", "no", "nobody"] {
        project.remove(&format!("shop/models/prod/{name}.sql"));
    }

    // A package that is not asked for any more goes.
    project.write("shop/packages.yml", "packages: [{local: ../shared}]\n");
    shop(&["deps", "--locked"]).expect(2).says("package-lock.yml is not that of packages.yml");
    shop(&["deps"]).expect(0);
    assert!(!project.root.join("shop/.elt/packages/money").exists());
}

#[tokio::test]
async fn a_package_that_cannot_be_brought_in_is_told_and_nothing_changes() {
    let project = Project::new(&[
        ("repo/macros/m.sql", "{% macro m() %}1{% endmacro %}"),
        ("other/repo/macros/m.sql", "{% macro m() %}2{% endmacro %}"),
        ("packages.yml", "packages: [{git: ./repo}]\n"),
    ])
    .await;
    commit(&project.root.join("repo"));
    project.good(&["deps"]).says("1 package");
    let lock = || std::fs::read_to_string(project.root.join("package-lock.yml")).expect("it is written");
    let kept = lock();
    let mut told = String::new();
    for packages in [
        "packages: [{package: acme/other, version: 1.3.0}]\n",
        "packages:\n  - git: ./nowhere\n  - local: nowhere\n  - git: ./repo\n    revision: mian\n",
        "packages: [{git: ./repo, local: repo}]\n",
        "packages: [{git: ./repo, subdirectory: ../other}, {git: ./repo, subdirectory: nosuch, name: x}]\n",
        "packages: [{git: ./repo}, {local: other/repo}]\n",
        "packages: [{git: ./repo, name: a-b}]\n",
        "packages: [{git: --upload-pack=touch, name: x}]\n",
        "packages: [{gti: ./repo}]\n",
    ] {
        project.write("packages.yml", packages);
        told.push_str(
            &project.elt(&["deps"]).expect(2).stderr.replace(&*project.root.to_string_lossy(), "ROOT"),
        );
        told.push('\n');
    }
    insta::assert_snapshot!(told, @r#"
    error[hub-package]: `acme/other` is of dbt's hub, which elt does not ask
     --> packages.yml:1:12
      |
    1 | packages: [{package: acme/other, version: 1.3.0}]
      |            ^
      |
      = help: name its repository: `- git: https://github.com/…` and `revision:`

    1 problem; nothing was run.

    error[git-failed]: git clone failed: repository './nowhere' does not exist
     --> packages.yml:2:5
      |
    2 |   - git: ./nowhere
      |     ^

    error[missing-package]: there is no folder nowhere
     --> packages.yml:3:5
      |
    3 |   - local: nowhere
      |     ^

    error[git-failed]: ./repo has no branch, tag or commit `mian`
     --> packages.yml:4:5
      |
    4 |   - git: ./repo
      |     ^
      |
      = help: did you mean `main`?

    3 problems; nothing was run.

    error[bad-package]: a package is either `git:` or `local:`
     --> packages.yml:1:12
      |
    1 | packages: [{git: ./repo, local: repo}]
      |            ^
      |
      = help: write `- git: https://…` with `revision: v1.0`, or `- local: ../folder`

    1 problem; nothing was run.

    error[bad-package]: `../other` is no folder inside of a repository
     --> packages.yml:1:12
      |
    1 | packages: [{git: ./repo, subdirectory: ../other}, {git: ./repo, subdirectory: nosuch, name: x}]
      |            ^

    error[missing-package]: ./repo has no folder `nosuch`
     --> packages.yml:1:51
      |
    1 | packages: [{git: ./repo, subdirectory: ../other}, {git: ./repo, subdirectory: nosuch, name: x}]
      |                                                   ^

    2 problems; nothing was run.

    error[package-twice]: two packages are called `repo`, the other at packages.yml:1:12
     --> packages.yml:1:27
      |
    1 | packages: [{git: ./repo}, {local: other/repo}]
      |                           ^
      |
      = help: give one of them another `name:`

    1 problem; nothing was run.

    error[bad-package]: `a-b` cannot be a package's name: macros are called by it
     --> packages.yml:1:12
      |
    1 | packages: [{git: ./repo, name: a-b}]
      |            ^
      |
      = help: give it another one with `name:`

    1 problem; nothing was run.

    error[git-failed]: `--upload-pack=touch` is no address of a repository
     --> packages.yml:1:12
      |
    1 | packages: [{git: --upload-pack=touch, name: x}]
      |            ^

    1 problem; nothing was run.

    error[yaml]: unknown field `gti`, expected one of git, revision, subdirectory, local, name, package, version, install-prerelease, warn-unpinned at line 1, column 13
     --> packages.yml:1:13
      |
    1 | packages: [{gti: ./repo}]
      |             ^^^

    1 problem; nothing was run.
    "#);
    assert_eq!(lock(), kept);
}
