//! What is wrong with loads, in whole texts.

use crate::support::Project;

#[tokio::test]
async fn what_is_wrong_with_loads_is_told() {
    let project = Project::new(&[
        ("data/n.csv", "n,at\n1,x\nb,y\n"),
        ("models/raw/nowhere.sql", "{{ config(materialized='load', source='data/nowhere.csv') }} n integer"),
        ("models/raw/bad.sql", "{{ config(materialized='load', source='data/n.csv') }} n integer,\nat text"),
        ("models/raw/aside.sql", "{{ config(materialized='load', source='data/n.csv', bad_rows='quarantine', max_bad_rows=0) }} n integer, at text"),
        ("models/raw/cursor.sql", "{{ config(materialized='load', source='data/n.csv', incremental={'cursor': 'at'}) }} n text, at text"),
    ])
    .await;
    insta::assert_snapshot!(project.elt(&["-q", "load", "--threads", "1"]).expect(1).stderr, @r#"
    error[bad-rows]: 1 of 2 rows are bad, and max_bad_rows is 0
     --> models/raw/aside.sql:1:32
      |
    1 | {{ config(materialized='load', source='data/n.csv', bad_rows='quarantine', max_bad_rows=0) }} n integer, at text
      |                                ^^^^^^
      |
      = help: look at them: select * from elt.bad_rows where run_id = 1 and node = 'raw.aside'

    error[bad-row]: data/n.csv, line 3, column n: invalid input syntax for type integer: "b"
     --> models/raw/bad.sql:1:32
      |
    1 | {{ config(materialized='load', source='data/n.csv') }} n integer,
      |                                ^^^^^^
      |
      = help: nothing was loaded; mend the row, declare the column as text and clean it in stage, or set bad_rows='quarantine'

    error[bad-cursor]: the cursor `at` is text, in which 10 comes before 9
     --> models/raw/cursor.sql:1:32
      |
    1 | {{ config(materialized='load', source='data/n.csv', incremental={'cursor': 'at'}) }} n text, at text
      |                                ^^^^^^
      |
      = help: declare it in the model's body as a time or a number

    error[source]: data/nowhere.csv cannot be opened: No such file or directory (os error 2)
     --> models/raw/nowhere.sql:1:32
      |
    1 | {{ config(materialized='load', source='data/nowhere.csv') }} n integer
      |                                ^^^^^^
      |
      = help: relative paths are taken from the project's root
    "#);
}
