//! The place of a proxy that was in use is taken.

use std::fs;

use gatepost_import::emailproxy::{EmailProxy, NotOpened};
use gatepost_import::{decode, ini::Ini};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::stand::{ADA, Failure, JUN, SUPPORT, Stand};

#[test]
fn what_the_real_program_sealed_opens_and_opens_the_mailboxes_here() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let file = stand
        .place
        .write("emailproxy.config", &stand.proxy_configuration()?)?;
    let kept = stand.use_proxy(&file)?;
    same_tokens(&stand, &fs::read(&file)?, &kept["tokens"])?;

    let passwords = stand.write_passwords()?;
    let dry = stand.place.import(&passwords)?;
    assert_eq!(dry["written"], Value::Null, "{dry:#}");
    assert!(!stand.place.path("gatepost.toml").exists());
    let written = [&passwords[..], &["--write", "gatepost.toml"]].concat();
    let told = stand.place.import(&written)?;
    for (index, carried) in ["sign_in", "sign_in", "password"].iter().enumerate() {
        assert_eq!(told["accounts"][index]["carried"], *carried, "{told:#}");
    }
    assert_eq!(told["not_taken"], serde_json::json!([]), "{told:#}");
    stand.place.gatepost(&["config", "check", "--secrets"])?;
    stand.place.trust_servers("gatepost.toml")?;
    for account in [ADA, JUN, SUPPORT] {
        let listed = stand.place.gatepost(&["messages", account, "--json"])?;
        let listed: Vec<Value> = serde_json::from_str(&listed)?;
        assert!(!listed.is_empty());
    }
    goes_on(&stand, "gatepost.toml")
}

#[test]
fn the_first_login_at_the_same_port_opens_what_the_real_program_sealed() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let file = stand
        .place
        .write("emailproxy.config", &stand.proxy_configuration()?)?;
    stand.use_proxy(&file)?;
    let told = stand.place.import(&["--write", "lazy.toml"])?;
    for index in 0..3 {
        assert_eq!(told["accounts"][index]["carried"], "waits", "{told:#}");
    }
    stand.place.trust_servers("lazy.toml")?;
    leaves_for_good(&stand, "lazy.toml", JUN)?;
    stand.place.import(&["--write", "again.toml"])?;
    goes_on(&stand, "lazy.toml")?;
    let listed = stand
        .place
        .gatepost(&["--config", "lazy.toml", "password", "list", "--json"])?;
    let listed: Vec<Value> = serde_json::from_str(&listed)?;
    assert_eq!(listed.len(), 3, "{listed:?}");
    // What was opened is forgotten, and its passwords go on.
    goes_on(&stand, "lazy.toml")
}

/// What waits for somebody's first login is revoked like an app password, once.
fn leaves_for_good(stand: &Stand, configuration: &str, account: &str) -> Result<(), Failure> {
    let _serving = stand.place.serve(configuration)?;
    let revoke = ["--config", configuration, "password", "revoke", account];
    let said = stand.place.gatepost(&revoke)?;
    assert!(said.contains("opens nothing any more"), "{said}");
    assert!(
        stand.place.gatepost(&revoke).is_err(),
        "there is nothing left"
    );
    let password = stand.password(account)?;
    assert_eq!(stand.log_in(account, &password)?, None, "{account}");
    Ok(())
}

/// The same ports, names and passwords go on working, and no others.
fn goes_on(stand: &Stand, configuration: &str) -> Result<(), Failure> {
    let _serving = stand.place.serve(configuration)?;
    for account in [ADA, JUN, SUPPORT] {
        assert_eq!(stand.log_in(account, "another")?, None, "{account}");
        let password = stand.password(account)?;
        let found = stand.log_in(account, &password)?;
        assert!(found.is_some_and(|messages| messages > 0), "{account}");
        assert_eq!(stand.log_in(account, &password)?, found, "{account}");
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
