//! Doors of every kind, an app that shows a certificate, a person who signs in on a device, and tokens
//! that are kept in a file of their own.

use std::fs;

use gatepost_peers::IdentityEndpoint;
use serde_json::{Value, json};

use crate::stand::{ADA, Failure, JUN, Ports, SCOPE, SUPPORT, Stand};

#[test]
fn every_door_and_grant_goes_on_as_with_the_real_program() -> Result<(), Failure> {
    let stand = Stand::new()?;
    let ports = Ports::free()?;
    // The proxy's own certificate, of an authority that its clients trust.
    let identity = IdentityEndpoint::start()?;
    let shown = identity.authority().issue(&["localhost"])?;
    stand.place.write("local.pem", &shown.certificate_pem)?;
    stand.place.write("local.key", &shown.key_pem)?;
    let authority = identity.authority().certificate_file();
    let file = stand
        .place
        .write("emailproxy.config", &configuration(&stand, &ports)?)?;
    let cache = stand.place.path("tokens.cache");

    let mut logins = Vec::new();
    for (account, door) in LOGINS {
        for (password, expected) in [(stand.password(account)?, true), ("another".into(), false)] {
            logins.push(json!({
                "user": account, "password": password, "expected": expected,
                "door": door, "port": ports.of(door), "authority": authority,
            }));
        }
    }
    let person_password = stand.variable("PASSWORD")?;
    let mut order = json!({
        "config": file,
        "cache_store": cache,
        "person_password": person_password,
        "consents": [{ "user": JUN, "url": stand.consent_of_jun()? }],
        "logins": logins,
    });
    stand.place.clients(&order)?;
    assert!(!fs::read_to_string(&file)?.contains("refresh_token"));
    assert!(fs::read_to_string(&cache)?.contains("refresh_token"));

    let passwords = stand.write_passwords()?;
    let kept = ["--cache-store", "tokens.cache", "--write", "gatepost.toml"];
    let told = stand.place.import(&[&passwords[..], &kept].concat())?;
    assert_eq!(told["not_taken"], json!([]), "{told:#}");
    let expected = [
        ("device_code", "sign_in"),
        ("password", "sign_in"),
        ("client_credentials", "password"),
    ];
    for (index, (grant, carried)) in expected.iter().enumerate() {
        let account = &told["accounts"][index];
        assert_eq!(account["grant"], *grant, "{told:#}");
        assert_eq!(account["carried"], *carried, "{told:#}");
    }
    stand.place.gatepost(&["config", "check", "--secrets"])?;
    stand.place.trust_servers("gatepost.toml")?;
    let serving = stand.place.serve("gatepost.toml")?;
    // The same clients at the same ports; who listens there is another.
    let order = order.as_object_mut().ok_or("an object")?;
    order.remove("config");
    if let Err(failure) = stand.place.clients(&Value::Object(order.clone())) {
        return Err(serving.explain(&failure));
    }
    let sent = stand
        .place
        .gatepost(&["messages", SUPPORT, "--json", "--top", "100"])?;
    let sent = sent.matches("through the door").count();
    assert_eq!(sent, 2, "once through each program");
    Ok(())
}

/// Who comes in where. Another account has the other grant.
const LOGINS: [(&str, &str); 5] = [
    (ADA, "imaps"),
    (JUN, "imaps"),
    (SUPPORT, "imaps"),
    (SUPPORT, "pop3"),
    (SUPPORT, "smtp-starttls"),
];

fn configuration(stand: &Stand, ports: &Ports) -> Result<String, Failure> {
    let endpoints = stand.endpoints()?;
    let server = |section: String, variable: &str, options: &str| {
        let (host, port) = stand.variable(variable)?.rsplit_once(':').ok_or("a port")?;
        Ok::<_, Failure>(format!(
            "[{section}]\nserver_address = {host}\nserver_port = {port}\n\
             local_address = 127.0.0.1\n{options}\n"
        ))
    };
    let certificate = "local_certificate_path = local.pem\nlocal_key_path = local.key\n";
    let starttls = format!("local_starttls = True\n{certificate}");
    // The app is one, and shows the same to whatever account.
    let app = format!(
        "token_url = {endpoints}/token\nclient_id = {}\njwt_certificate_path = {}\n\
         jwt_key_path = {}\n",
        stand.variable("CLIENT_ID")?,
        stand.variable("CERTIFICATE")?,
        stand.variable("PRIVATE_KEY")?
    );
    Ok([
        server(format!("IMAP-{}", ports.imap), "IMAP", certificate)?,
        server(format!("POP-{}", ports.pop3), "POP3", "")?,
        server(format!("SMTP-{}", ports.smtp), "SMTP", &starttls)?,
        format!(
            "[{ADA}]\n{app}permission_url = {endpoints}/devicecode\noauth2_scope = {SCOPE}\n\
             oauth2_flow = device\n\n"
        ),
        format!("[{JUN}]\n{app}oauth2_scope = {SCOPE}\noauth2_flow = password\n\n"),
        format!(
            "[{SUPPORT}]\n{app}oauth2_scope = https://outlook.office365.com/.default\n\
             oauth2_flow = client_credentials\n\n"
        ),
        "[emailproxy]\ndelete_account_token_on_password_error = False\n".to_owned(),
    ]
    .concat())
}
