//! What is wrong with a profile, in whole texts.

use crate::support::Project;

#[tokio::test]
async fn what_is_wrong_with_a_profile_is_told() {
    let project = Project::new(&[(
        "profiles.yml",
        "name: 1-shop\ntarget: dev\nservice: {lookup_date: soon}\ntargets:\n  dev:\n    url: \"{{ env_var('NO_URL', '') }}\"\n    threads: 99\n    schemas: {raw: all, stage: all}\n",
    )])
    .await;
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r#"
    error[bad-threads]: threads is 1 to 64
     --> profiles.yml:7:14
      |
    7 |     threads: 99
      |              ^^

    error[same-schema]: two layers have the same schema; each layer needs a schema of its own
     --> profiles.yml:1:1
      |
    1 | name: 1-shop
      | ^

    error[empty-url]: the target's url is empty
     --> profiles.yml:6:10
      |
    6 |     url: "{{ env_var('NO_URL', '') }}"
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: set the variable it comes from, or write `embedded`

    error[bad-date]: service.lookup_date `soon` is neither `today` nor a date
     --> profiles.yml:3:24
      |
    3 | service: {lookup_date: soon}
      |                        ^^^^
      |
      = help: write it as 2020-06-01

    error[bad-name]: the project's name `1-shop` is no identifier
     --> profiles.yml:1:7
      |
    1 | name: 1-shop
      |       ^^^^^^
      |
      = help: use letters, digits and _, and begin with a letter

    5 problems; nothing was run.
    "#);
    project.write(
        "profiles.yml",
        "service:\n  cors: ['https://x.example.org/path']\n  trusted_proxies: [here]\n  hosts: ['http://x:80']\n",
    );
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r#"
    error[bad-address]: the trusted proxy `here` is neither an address nor a network
     --> profiles.yml:3:21
      |
    3 |   trusted_proxies: [here]
      |                     ^^^^
      |
      = help: write it as 10.0.0.7 or 10.0.0.0/8

    error[bad-origin]: `https://x.example.org/path` under service.cors is not the origin of a site
     --> profiles.yml:2:10
      |
    2 |   cors: ['https://x.example.org/path']
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: write it as https://shop.example.org, without a path

    error[bad-host]: `http://x:80` under service.hosts is not the name of a host
     --> profiles.yml:4:11
      |
    4 |   hosts: ['http://x:80']
      |           ^^^^^^^^^^^^^
      |
      = help: write it as shop.example.org, without scheme and port

    3 problems; nothing was run.
    "#);
    project.write("profiles.yml", "target: dve\ntargets: {dev: {}}\n");
    insta::assert_snapshot!(project.elt(&["compile"]).expect(2).stderr, @r#"
    error[unknown-target]: there is no target `dve`
     --> profiles.yml:1:9
      |
    1 | target: dve
      |         ^^^
      |
      = help: did you mean `dev`?

    1 problem; nothing was run.
    "#);
    insta::assert_snapshot!(project.elt(&["compile", "--project-dir", "nowhere"]).expect(2).stderr, @r#"
    error[no-project]: nowhere is no elt project: it has no profiles.yml
     |
     = help: go to the project's folder, or name it with --project-dir

    1 problem; nothing was run.
    "#);
}
