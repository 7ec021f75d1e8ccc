//! How every verb ends: 0 done, 64 configuration, 65 bad input, 69 the other side refuses, 75 try
//! again, 77 sign-in or permission. 70 is a bug of ours, and nothing here may come to it.

use crate::stand::{ADA, SUPPORT, Stand};

const NOBODY: &str = "nobody@contoso.com";

/// A command line, and how it ends.
type Case<'a> = (&'a [&'a str], i32);

#[test]
fn what_is_asked_well_is_done() {
    let stand = Stand::new();
    stand.deliver(SUPPORT, "hello");
    let cases: &[Case<'_>] = &[
        (&["--help"], 0),
        (&["--version"], 0),
        (&["config", "check"], 0),
        (&["config", "check", "--secrets"], 0),
        (&["config", "schema"], 0),
        (&["config", "show"], 0),
        (&["config", "show", "--json"], 0),
        (&["deliveries", "list"], 0),
        (&["deliveries", "list", "--json"], 0),
        (&["explain"], 0),
        (&["explain", "folder_missing"], 0),
        (&["folders", SUPPORT], 0),
        (&["logout", ADA], 0),
        (&["mailboxes"], 0),
        (&["messages", SUPPORT], 0),
        (&["messages", NOBODY_ELSE, "--as-app", "contoso"], 0),
        (&["read", SUPPORT], 0),
        (&["sandbox", "fault", "--env-file", "sandbox.env"], 0),
        (&["token", SUPPORT], 0),
    ];
    all_end(&stand, cases);
}

#[test]
fn what_is_asked_badly_is_bad_input() {
    let stand = Stand::new();
    stand.deliver(SUPPORT, "hello");
    let cases: &[Case<'_>] = &[
        (&["frobnicate"], 65),
        (&["messages"], 65),
        (&["messages", SUPPORT, "--top", "many"], 65),
        (&["messages", SUPPORT, "--top", "0"], 65),
        (&["messages", SUPPORT, "--since", "soon"], 65),
        (&["messages", SUPPORT, "--folder", "Nope"], 65),
        (&["messages", NOBODY], 65),
        (&["messages", NOBODY, "--as-app", "contosso"], 65),
        (&["messages", "nobody", "--as-app", "contoso"], 65),
        (&["read", SUPPORT, "one"], 65),
        (&["read", SUPPORT, "99"], 65),
        (&["read", SUPPORT, "--folder", "Nope"], 65),
        (&["read", SUPPORT, "--raw", "--headers"], 65),
        (&["folders", NOBODY], 65),
        (&["watch", NOBODY], 65),
        (&["watch", SUPPORT, "--folder", "Nope"], 65),
        (&["token", NOBODY], 65),
        (&["token", SUPPORT, "--for", "fax"], 65),
        (&["login", NOBODY], 65),
        (&["login", SUPPORT], 65),
        (&["logout", SUPPORT], 65),
        (&["deliveries", "show", "4711"], 65),
        (&["deliveries", "retry", "4711"], 65),
        (&["deliveries", "retry", "4711", "4712"], 65),
        (&["deliveries", "discard", "4711"], 65),
        (&["deliveries", "retry"], 65),
        (&["deliveries", "list", "--sink", "nowhere"], 65),
        (&["deliveries", "list", "--mailbox", NOBODY], 65),
        (&["explain", "nonsense"], 65),
        (&["config"], 65),
        (&["demo", "--once", "--dir", "gatepost.toml"], 65),
        (&["demo", "--once", "--dir", "."], 65),
        (
            &["sandbox", "--state", "gatepost.toml", "--env-file", "x.env"],
            65,
        ),
        (&["sandbox", "--env-file", "no-folder/x.env"], 65),
        (
            &[
                "sandbox",
                "fault",
                "frobnicate",
                "--env-file",
                "sandbox.env",
            ],
            65,
        ),
        (&["sandbox", "fault", "--env-file", "no.env"], 65),
        (
            &[
                "sandbox",
                "deliver",
                "--env-file",
                "sandbox.env",
                "--to",
                SUPPORT,
                "no.eml",
            ],
            65,
        ),
        (
            &[
                "sandbox",
                "deliver",
                "--env-file",
                "sandbox.env",
                "--to",
                NOBODY,
                "letter.eml",
            ],
            65,
        ),
    ];
    all_end(&stand, cases);
}

#[test]
fn a_wrong_configuration_is_told_by_every_verb_that_reads_it() {
    let stand = Stand::new();
    stand.configure("[mailbx]\n");
    let cases: &[Case<'_>] = &[
        (&["serve"], 64),
        (&["config", "check"], 64),
        (&["config", "show"], 64),
        (&["deliveries", "list"], 64),
        (&["folders", SUPPORT], 64),
        (&["login", ADA], 64),
        (&["logout", ADA], 64),
        (&["mailboxes"], 64),
        (&["messages", SUPPORT], 64),
        (&["read", SUPPORT], 64),
        (&["token", SUPPORT], 64),
        (&["watch", SUPPORT], 64),
        // These read none.
        (&["config", "schema"], 0),
        (&["explain", "folder_missing"], 0),
    ];
    all_end(&stand, cases);
    let missing = ["--config", "nowhere.toml", "mailboxes"];
    let output = crate::stand::program(&stand.path(""))
        .args(missing)
        .output();
    let ran = crate::stand::ran(&output.expect("the program starts"));
    ran.assert_fails(64, &["nowhere.toml"]);
}

#[test]
fn who_may_not_is_told_to_sign_in_or_to_ask() {
    let stand = Stand::new();
    let cases: &[Case<'_>] = &[
        (&["token", ADA], 77),
        (&["folders", ADA], 77),
        (&["messages", ADA], 77),
        (&["read", ADA], 77),
        (&["watch", ADA], 77),
        (&["folders", "board@contoso.com", "--as-app", "contoso"], 77),
        (&["watch", "board@contoso.com", "--as-app", "contoso"], 77),
    ];
    all_end(&stand, cases);
}

#[test]
fn what_passes_is_worth_another_try() {
    let mut stand = Stand::new();
    stand.end_sandbox();
    let cases: &[Case<'_>] = &[
        (&["token", SUPPORT], 75),
        (&["folders", SUPPORT], 75),
        (&["messages", SUPPORT], 75),
        (&["read", SUPPORT], 75),
        (&["watch", SUPPORT], 75),
        (&["sandbox", "fault", "--env-file", "sandbox.env"], 75),
    ];
    all_end(&stand, cases);
}

#[track_caller]
fn all_end(stand: &Stand, cases: &[Case<'_>]) {
    let mut wrong = Vec::new();
    for (arguments, exit) in cases {
        let ran = stand.run(arguments);
        if ran.exit != *exit {
            wrong.push(format!(
                "{arguments:?}: {} and not {exit}: {}",
                ran.exit, ran.stderr
            ));
        }
        let advice = "correct the configuration";
        if *exit == 65 && ran.stderr.contains(advice) {
            wrong.push(format!("{arguments:?}: {}", ran.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A mailbox that the configuration does not name.
const NOBODY_ELSE: &str = "invoices@contoso.com";
