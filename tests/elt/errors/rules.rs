//! What is wrong with rules, in whole texts.

use crate::support::Project;

#[tokio::test]
async fn what_is_wrong_with_rules_is_told_with_the_line() {
    let ranges = |name: &str| format!("  - {{name: {name}, ranges: {{lower: low, upper: high}}}}\n");
    let described = format!("rules:\n{}{}{}", ranges("ends"), ranges("holes"), ranges("overlaps"));
    let project = Project::new(&[
        ("rules/ends.csv", "low,high\n1,4\nx,9\n20,10\n"),
        ("rules/holes.csv", "low,high\n1,4\n6,9\n"),
        ("rules/overlaps.csv", "low,high\n1,4\n4,9\n"),
        ("rules/twice.csv", "a,a\n1,2\n"),
        ("rules/short.csv", "a,b\n1\n"),
        ("rules/empty.csv", ""),
        ("rules/typed.csv", "a\nx\n"),
        (
            "rules/all.yml",
            &format!(
                "{described}  - {{name: typed, columns: [{{name: a, data_type: integer}}, {{name: b}}]}}\n"
            ),
        ),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r#"
    error[csv]: rules/empty.csv is empty
     --> rules/empty.csv:1:1
      |
    1 |
      | ^
      |
      = help: the first line names the columns

    error[bad-range]: line 3: `x` is no whole number to begin a range
     --> rules/ends.csv:3:1
      |
    3 | x,9
      | ^^^

    error[bad-range]: line 4: the range begins at 20 and ends before it, at 10
     --> rules/ends.csv:4:1
      |
    4 | 20,10
      | ^^^^^
      |
      = help: swap the two ends

    error[hole-in-ranges]: lines 2 and 3 leave a hole: 5 to 5 is in no range
     --> rules/holes.csv:3:1
      |
    3 | 6,9
      | ^^^
      |
      = help: close the hole, or allow it with `allow_gaps: true`

    error[overlapping-ranges]: lines 2 and 3 overlap: 1 to 4, and from 4
     --> rules/overlaps.csv:3:1
      |
    3 | 4,9
      | ^^^
      |
      = help: both ends belong to a range: begin the next one after the end of the one before

    error[csv]: this line has 1 cells, the header 2
     --> rules/short.csv:2:1
      |
    2 | 1
      | ^

    error[csv]: the column `a` stands twice in the header
     --> rules/twice.csv:1:1
      |
    1 | a,a
      | ^

    error[unknown-column]: rules/typed.csv has no column `b`
     --> rules/all.yml:5:67
      |
    5 |   - {name: typed, columns: [{name: a, data_type: integer}, {name: b}]}
      |                                                                   ^
      |
      = help: did you mean `a`?

    error[bad-value]: `x` in column `a` is no integer
     --> rules/typed.csv:2:1
      |
    2 | x
      | ^

    9 problems; nothing was run.
    "#);
}

#[tokio::test]
async fn a_rules_file_as_spreadsheets_save_it_is_told_what_to_do() {
    let project = Project::new(&[
        ("rules/a.csv", "\u{feff}country;region\nPE;Americas\n"),
        ("rules/b.csv", "country,region\nPE,Americas,\n"),
        ("rules/c.csv", "land,region\nPE,Americas\n"),
        (
            "rules/all.yml",
            "rules:\n  - {name: a, columns: [{name: country}]}\n  - {name: b, columns: [{name: country}]}\n  - {name: c, columns: [{name: country}]}\n",
        ),
    ])
    .await;
    let told = project.elt(&["compile"]).expect(2);
    let told = told.says("say `config: {delimiter: \";\"}` beside its name in YAML");
    told.says("the separator at its end begins one more cell: take it away").says("it has land, region");
    project.write("rules/b.csv", "country,region\nPE,Americas\n");
    project.write("rules/c.csv", "country,region\nPE,Americas\n");
    project.write(
        "rules/all.yml",
        "rules:\n  - {name: a, config: {delimiter: \";\"}, columns: [{name: country}]}\n",
    );
    project.good(&["run"]);
    assert_eq!(project.value("select region from stage.a where country = 'PE'").await, "Americas");
}
