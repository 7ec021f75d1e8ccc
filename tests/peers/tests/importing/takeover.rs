//! The place of a proxy that was in use is taken.

use std::fmt::Write as _;
use std::fs;

use gatepost_import::emailproxy::{EmailProxy, NotOpened};
use gatepost_import::{decode, ini::Ini};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::stand::{ADA, Failure, JUN, SUPPORT, Stand};

#[test]
fn what_the_real_program_sealed_opens_and_opens_the_mailboxes_here() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let file = stand.write("emailproxy.config", &stand.proxy_configuration()?)?;
    let kept = stand.use_proxy(&file)?;
    same_tokens(&stand, &fs::read(&file)?, &kept["tokens"])?;

    let mut passwords = String::new();
    for account in [ADA, JUN, SUPPORT] {
        writeln!(passwords, "{account} {}", stand.password(account)?)?;
    }
    stand.write("passwords", &passwords)?;
    let dry = stand.gatepost(&[
        "import",
        "emailproxy",
        "emailproxy.config",
        "--passwords",
        "passwords",
    ])?;
    assert!(dry.contains("nothing was changed"), "{dry}");
    assert!(!stand.path("gatepost.toml").exists());
    let told = stand.gatepost(&[
        "import",
        "emailproxy",
        "emailproxy.config",
        "--passwords",
        "passwords",
        "--write",
        "gatepost.toml",
        "--json",
    ])?;
    let told: Value = serde_json::from_str(&told)?;
    for (index, carried) in ["sign_in", "sign_in", "password"].iter().enumerate() {
        assert_eq!(told["accounts"][index]["carried"], *carried, "{told:#}");
    }
    assert_eq!(told["not_taken"], serde_json::json!([]), "{told:#}");
    stand.gatepost(&["config", "check", "--secrets"])?;
    // The authority of an imaginary tenant is none that the system trusts.
    let text = fs::read_to_string(stand.path("gatepost.toml"))?;
    let trusting = format!("[cloud.own]\nca_file = \"{}\"\n", stand.variable("CA")?);
    stand.write("gatepost.toml", &text.replace("[cloud.own]\n", &trusting))?;
    for account in [ADA, JUN, SUPPORT] {
        let listed = stand.gatepost(&["messages", account, "--json"])?;
        assert!(
            serde_json::from_str::<Value>(&listed)?.is_array(),
            "{listed}"
        );
    }
    Ok(())
}

/// Every token that the program's own code opens is what ours opens.
fn same_tokens(stand: &Stand, file: &[u8], tokens: &Value) -> Result<(), Failure> {
    let read = EmailProxy::read(Ini::parse(&decode(file))?, None, []);
    assert_eq!(read.accounts.len(), 3, "{:?}", read.remarks);
    for account in &read.accounts {
        let state = account.state.as_ref().ok_or("nothing was kept")?;
        let opened = state.open(&SecretString::from(stand.password(&account.name)?))?;
        let ours = |token: &Option<SecretString>| {
            let token = token.as_ref().map(|token| token.expose_secret().to_owned());
            token.map_or(Value::Null, Value::from)
        };
        let theirs = &tokens[&account.name];
        assert_eq!(ours(&opened.access_token), theirs["access_token"]);
        assert_eq!(ours(&opened.refresh_token), theirs["refresh_token"]);
        assert_eq!(opened.refresh_token.is_some(), account.name != SUPPORT);
        let wrong = state.open(&SecretString::from("another"));
        assert_eq!(wrong.err(), Some(NotOpened::WrongPassword));
    }
    Ok(())
}
