//! `docs/setup.md`: its configurations and commands, in their order, against the sandbox.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::browser::Browser;
use crate::stand::{ADA, Ran, Running, Stand, program, ran};

#[test]
fn the_page_leads_an_app_to_its_first_message() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let configuration = one(&fences("toml app"));
    std::fs::write(folder.path().join("gatepost.toml"), &configuration).expect("a writable folder");
    let commands = commands("sh app");
    let (before, after) = commands.split_at(position(&commands, "gatepost config check"));
    for command in before {
        succeeds(folder.path(), command);
    }
    let script = std::fs::read_to_string(folder.path().join("set-up.ps1")).expect("the script");
    assert!(script.contains("Add-MailboxPermission -Identity 'support@contoso.com'"));
    // What the administrator does with the script: the tenant knows the certificate.
    let tenant = folder.path().join("tenant");
    std::fs::create_dir(&tenant).expect("a writable folder");
    for (ours, theirs) in [("gatepost.pem", "app.key"), ("gatepost.cer", "app.pem")] {
        std::fs::copy(folder.path().join(ours), tenant.join(theirs)).expect("it was made");
    }
    let stand = Stand::with_sandbox_in(folder, &["--state", "tenant"]);
    stand.write("gatepost.toml", &in_the_sandbox(&stand, &configuration));
    for command in after {
        let shown = succeeds(&stand.path(""), command);
        if command.starts_with("gatepost messages") {
            assert!(shown.stdout.lines().count() > 1, "{}", shown.stdout);
        }
    }
}

#[test]
fn the_page_leads_a_person_to_their_first_message() {
    let script = person_reads("person", " --no-browser", |browser, login| {
        let url = login.line().expect("the address of the sign-in page");
        assert_eq!(browser.get(browser.sign_in(&url).as_str()).status, 200);
    });
    assert!(script.contains(r#""publicClient":{"redirectUris":["http://localhost"]}"#));
}

#[test]
fn the_page_leads_a_device_to_its_first_message() {
    let script = person_reads("device", "", |browser, login| {
        let address = login.line().expect("the address of the page");
        let code = login.line().expect("the code");
        browser.enter_code(&address, &code);
    });
    assert!(script.contains(r#""isFallbackPublicClient":true"#));
}

/// Follows a person's part of the page to the end of it; gives the script on the way.
fn person_reads(
    part: &str,
    argument: &str,
    sign_in: impl FnOnce(&Browser<'_>, &mut Running),
) -> String {
    let stand = Stand::with_mail();
    let configuration = one(&fences(&format!("toml {part}"))).replace("ada@contoso.com", ADA);
    stand.write("gatepost.toml", &configuration);
    let commands = commands(&format!("sh {part}"));
    let (before, after) = commands.split_at(position(&commands, "gatepost login"));
    for command in before {
        succeeds(&stand.path(""), command);
    }
    stand.write("gatepost.toml", &in_the_sandbox(&stand, &configuration));
    let (login, rest) = after.split_first().expect("the sign-in");
    let mut command = shell(&stand.path(""), &format!("exec {login}{argument}"));
    command.stderr(Stdio::null());
    let mut login = Running::start(command);
    sign_in(&Browser::new(&stand), &mut login);
    assert!(login.line().expect("who signed in").contains(ADA));
    for command in rest {
        let shown = succeeds(&stand.path(""), command);
        assert!(shown.stdout.lines().count() > 1, "{}", shown.stdout);
    }
    std::fs::read_to_string(stand.path("set-up.sh")).expect("the script")
}

/// What is fenced with this word, without the indentation of its list.
fn fences(word: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/setup.md");
    let page = std::fs::read_to_string(page).expect("the page is in the repository");
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for line in page.lines().map(str::trim_start) {
        if open && line == "```" {
            open = false;
        } else if open {
            let fence = found.last_mut().expect("one was opened");
            fence.push_str(line);
            fence.push('\n');
        } else if line == format!("```{word}") {
            found.push(String::new());
            open = true;
        }
    }
    assert!(!found.is_empty(), "the page has no {word}");
    found
}

fn one(fences: &[String]) -> String {
    let [fence] = fences else {
        panic!("one is expected: {fences:?}");
    };
    fence.clone()
}

fn commands(word: &str) -> Vec<String> {
    let lines = fences(word).concat().replace("ada@contoso.com", ADA);
    lines.lines().map(str::to_owned).collect()
}

fn position(commands: &[String], start: &str) -> usize {
    let found = commands
        .iter()
        .position(|command| command.starts_with(start));
    found.unwrap_or_else(|| panic!("the page has {start}"))
}

/// The configuration of the page, for the tenant and the app of the sandbox.
fn in_the_sandbox(stand: &Stand, configuration: &str) -> String {
    let (tenant, client) = (stand.variable("TENANT"), stand.variable("CLIENT_ID"));
    let configuration = configuration
        .replace(
            "\"contoso.onmicrosoft.com\"",
            &format!("\"{tenant}\"\ncloud = \"sandbox\""),
        )
        .replace("00000000-0000-0000-0000-000000000000", client);
    format!(
        "state = \"state\"\n\n[cloud.sandbox]\nlogin = \"{}\"\nimap = \"{}\"\nca_file = \"{}\"\n\n{configuration}",
        stand.variable("LOGIN"),
        stand.variable("IMAP"),
        stand.variable("CA"),
    )
}

fn succeeds(folder: &Path, command: &str) -> Ran {
    let ran = ran(&shell(folder, command).output().expect("a shell"));
    assert_eq!(ran.exit, 0, "{command}: {}", ran.stderr);
    ran
}

/// A shell in whose path the program is, in the environment of the other tests.
fn shell(folder: &Path, command: &str) -> Command {
    let bare = program(folder);
    let home = Path::new(bare.get_program()).parent().expect("a folder");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .current_dir(folder)
        .stdin(Stdio::null())
        .env("PATH", format!("{}:/usr/bin:/bin", home.display()));
    for (name, value) in bare.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}
