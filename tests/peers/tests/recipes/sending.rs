//! Recipes that send: what arrives is what was sent.

use std::fs;

use crate::document::Recipe;
use crate::message::{TRACE, awkward, body, without};
use crate::stand::{Failure, Stand};

#[test]
fn curl_sends_a_message() -> Result<(), Failure> {
    let mut recipe = Recipe::of("curl")?;
    recipe.commands.remove(0);
    sends_unchanged(&[("curl", "curl")], &recipe)
}

#[test]
fn msmtp_sends_a_message() -> Result<(), Failure> {
    sends_unchanged(&[("msmtp", "msmtp")], &Recipe::of("msmtp")?)
}

#[test]
fn python_sends_a_message() -> Result<(), Failure> {
    let mut recipe = Recipe::of("python")?;
    recipe.commands = vec!["python3 send.py bob@contoso.com < message.eml".to_owned()];
    sends_unchanged(&[("python3", "python3")], &recipe)
}

#[test]
fn neomutt_sends_what_it_keeps_a_copy_of() -> Result<(), Failure> {
    let stand = Stand::new(&[("neomutt", "neomutt")])?;
    // What Latin-1 can say neomutt sends in Latin-1.
    let text = "Hello Bob.\n.\nFrom here on\nZ\u{e4}hlung \u{20ac} 12\n";
    fs::write(stand.file("body.txt"), text)?;
    stand.follow(&Recipe::of("neomutt")?)?;
    let arrived = stand.arrived(1)?;
    let kept = stand.read_all("sent/cur")?;
    // It writes the time anew into the copy.
    let kept = without(&["Content-Length", "Lines", "Status", "Date"], &kept[0]);
    let sent = without(&["Date"], &without(TRACE, &arrived[0]));
    assert_eq!(String::from_utf8(sent)?, String::from_utf8(kept)?);
    assert_eq!(String::from_utf8(body(&arrived[0]))?, text);
    Ok(())
}

#[test]
fn git_sends_a_patch_that_applies() -> Result<(), Failure> {
    let stand = Stand::new(&[
        ("git-send-email", "git-email"),
        ("Mail/Address.pm", "libmailtools-perl"),
        ("msmtp", "msmtp"),
    ])?;
    let recipe = Recipe::of("git-send-email")?;
    stand.write(&recipe)?;
    stand.run(
        "git init --quiet project && cd project\n\
         printf 'one\\n' > file && git add file && git commit --quiet -m 'file: begin'\n\
         git clone --quiet . ../elsewhere\n\
         printf 'Z\u{e4}hlung\\n.\\nFrom here\\n' > file && git commit --quiet -a -m 'file: say more'",
    )?;
    stand.follow(&recipe)?;
    let arrived = stand.arrived(1)?;
    fs::write(stand.file("arrived.eml"), &arrived[0])?;
    stand.run("git -C elsewhere am --quiet ../arrived.eml")?;
    let tree = |project: &str| stand.run(&format!("git -C {project} rev-parse HEAD^{{tree}}"));
    assert_eq!(tree("elsewhere")?, tree("project")?);
    Ok(())
}

#[test]
fn a_wrong_token_is_refused_by_postfix() -> Result<(), Failure> {
    let stand = Stand::new(&[("msmtp", "msmtp")])?;
    let mut recipe = Recipe::of("msmtp")?;
    for (_, content) in &mut recipe.files {
        *content = content.replace("gatepost token ada@contoso.com --for smtp", "echo guessed");
    }
    fs::write(stand.file("message.eml"), &awkward()[0])?;
    let refusal = stand.follow(&recipe).err().ok_or("it was sent")?;
    assert!(refusal.to_string().contains("535"), "{refusal}");
    Ok(())
}

/// Follows a recipe that sends `message.eml` to Bob, once for each awkward message.
fn sends_unchanged(
    programs: &[(&'static str, &'static str)],
    recipe: &Recipe,
) -> Result<(), Failure> {
    let stand = Stand::new(programs)?;
    for (sent, message) in awkward().iter().enumerate() {
        fs::write(stand.file("message.eml"), message)?;
        stand.follow(recipe)?;
        let arrived = stand.arrived(sent + 1)?;
        let found = arrived
            .iter()
            .any(|octets| without(TRACE, octets) == *message);
        assert!(found, "message {sent} is not among what arrived");
    }
    Ok(())
}
