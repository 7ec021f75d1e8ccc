//! `gatepost registration consent`: an administrator permits the app.

use crate::browser::Browser;
use crate::stand::{ADA, Running, Stand};

/// Starts it; gives the address for the administrator.
fn consent(stand: &Stand) -> (Running, String) {
    let mut command = stand.command();
    command.args(["registration", "consent", "contoso", "--no-browser"]);
    command.stderr(std::process::Stdio::piped());
    let mut running = Running::start(command);
    let url = running.line().expect("it prints the address");
    (running, url)
}

#[test]
fn an_administrator_permits_the_app_and_the_tenant_is_learnt() {
    let stand = Stand::new();
    let tenant = stand.variable("TENANT").to_owned();
    let everywhere = stand.configuration().replace(
        &format!("tenant = \"{tenant}\""),
        "tenant = \"organizations\"",
    );
    let everywhere = everywhere.replace("\"client_credentials\"", "\"device_code\"");
    stand.write("gatepost.toml", &everywhere);
    let browser = Browser::new(&stand);
    let (mut running, url) = consent(&stand);
    assert!(url.contains("/organizations/v2.0/adminconsent"), "{url}");
    let back = browser.sign_in(&url);
    let page = browser.get(back.as_str());
    assert!(page.html.contains("The app is permitted"), "{}", page.html);
    let said = running.line().expect("it says what was permitted");
    assert!(said.contains("contoso is permitted"), "{said}");
    let said = running.line().expect("it says which tenant it is");
    assert!(said.contains(&tenant), "{said}");

    // Nobody else has to consent any more.
    let mut command = stand.command();
    command.args(["login", ADA, "--no-browser"]);
    let mut login = Running::start(command);
    let url = login.line().expect("the address of the sign-in page");
    let signed_in = browser.sign_in_without_consent(&url);
    assert_eq!(browser.get(signed_in.as_str()).status, 200);
    assert!(login.line().expect("it says who signed in").contains(ADA));
}

#[test]
fn what_acts_alone_by_imap_is_permitted_under_another_name() {
    let stand = Stand::new();
    let (_running, url) = consent(&stand);
    assert!(url.contains("ps.outlook.com"), "{url}");
    let browser = Browser::new(&stand);
    let page = browser.get(browser.sign_in(&url).as_str());
    assert!(page.html.contains("The app is permitted"), "{}", page.html);
}

#[test]
fn a_refusal_is_told_from_a_consent_and_strays_end_nothing() {
    let stand = Stand::new();
    let browser = Browser::new(&stand);
    let (running, url) = consent(&stand);
    let page = browser.get(&url);
    let password = stand.variable("PASSWORD");
    let page = browser.submit(&page, &[("username", ADA), ("password", password)]);
    let back = browser.submit(&page, &[("answer", "cancel")]).sent_to();
    assert!(
        back.query()
            .expect("an answer")
            .contains("admin_consent=True")
    );
    let mut stray = back.clone();
    stray.set_query(Some("admin_consent=True&state=guess"));
    let page = browser.get(stray.as_str());
    assert!(page.html.contains("another sign-in"), "{}", page.html);
    let page = browser.get(back.as_str());
    assert!(page.html.contains("not permitted"), "{}", page.html);
    running
        .output()
        .assert_fails(77, &["contoso", "AADSTS65004"]);

    let unknown = stand.run(&["registration", "consent", "fabrikam"]);
    unknown.assert_fails(65, &["fabrikam", "contoso"]);
}
