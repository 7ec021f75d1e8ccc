//! `gatepost login` and `logout`: a person signs in at the sandbox's own pages.

use crate::browser::Browser;
use crate::stand::{ADA, Running, SUPPORT, Stand};

const JUN: &str = "jun.tanaka@contoso.com";

#[test]
fn a_token_that_lacks_what_its_protocol_needs_is_warned_of() {
    let stand = Stand::new();
    stand.configure("");
    let warned = stand.run(&["token", ADA, "--for", "smtp"]).stderr;
    assert!(warned.contains("does not ask for SMTP.Send"), "{warned}");
    assert!(warned.contains("set send = \"smtp\""), "{warned}");
    for (person, protocol) in [(ADA, "imap"), (SUPPORT, "smtp")] {
        let ran = stand.run(&["token", person, "--for", protocol]);
        assert!(!ran.stderr.contains("does not ask"), "{}", ran.stderr);
    }
    stand.write("gatepost.toml", &sending(&stand));
    let ran = stand.run(&["token", ADA, "--for", "smtp"]);
    assert!(!ran.stderr.contains("does not ask"), "{}", ran.stderr);
    assert!(ran.stderr.contains("gatepost login"), "{}", ran.stderr);
}

/// The configuration where the person's mailbox sends by SMTP.
fn sending(stand: &Stand) -> String {
    let smtp = format!("smtp = \"{}\"\nca_file", stand.variable("SMTP"));
    let grant = "grant = \"authorization_code\"\n";
    let configuration = stand.configuration().replacen("ca_file", &smtp, 1);
    configuration.replace(grant, &format!("{grant}send = \"smtp\"\n"))
}

#[test]
fn nobody_signs_in_where_the_app_acts_alone() {
    let stand = Stand::new();
    stand
        .run(&["login", SUPPORT, "--no-browser"])
        .assert_fails(65, &[SUPPORT]);
    stand.run(&["logout", SUPPORT]).assert_fails(65, &[SUPPORT]);
}

#[test]
fn before_the_sign_in_its_verb_is_named() {
    let stand = Stand::new();
    stand
        .run(&["messages", ADA])
        .assert_fails(77, &[ADA, "gatepost login"]);
}

#[test]
fn a_person_signs_in_once_and_the_mailbox_is_open() {
    let stand = Stand::with_mail();
    let browser = Browser::new(&stand);
    let (mut login, url) = login(&stand);
    let back = browser.sign_in(&url);
    let page = browser.get(back.as_str());
    assert_eq!(page.status, 200, "{}", page.html);
    assert!(page.html.contains("You are signed in"), "{}", page.html);
    let said = login.line().expect("it says who signed in");
    assert!(said.contains(ADA), "{said}");
    assert!(!stand.listed(&["messages", ADA]).is_empty());
    let token = stand.printed(&["token", ADA, "--for", "imap"]);
    let text = stand.printed(&["whoami", ADA, "--for", "imap"]);
    let json = stand.printed(&["whoami", ADA, "--for", "imap", "--json"]);
    for part in token.trim().split('.') {
        assert!(part.len() > 20, "a header, claims and a signature");
        assert!(!text.contains(part) && !json.contains(part), "{text}{json}");
    }
    assert!(text.contains("the person who signed in"), "{text}");
    let who: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(who["acts_as"], "person", "{who}");
    assert_eq!(who["person"], ADA);
    assert_eq!(who["roles"], serde_json::json!([]));
    let has = |list: &str, name: &str| {
        let list = who[list].as_array().expect("a list");
        list.iter().any(|one| one == name)
    };
    assert!(has("scopes", "IMAP.AccessAsUser.All"), "{who}");
    assert!(has("person_proved_by", "pwd"), "{who}");

    let out = stand.printed(&["logout", ADA]);
    assert!(out.contains("is signed out here"), "{out}");
    let again = stand.printed(&["logout", ADA]);
    assert!(again.contains("was not signed in"), "{again}");
    stand
        .run(&["messages", ADA])
        .assert_fails(77, &[ADA, "gatepost login"]);
}

#[test]
fn a_person_permits_what_the_mailbox_needs_and_no_more() {
    let stand = Stand::new();
    let permits = || {
        let (_login, url) = login(&stand);
        let url = url::Url::parse(&url).expect("an address");
        let scope = url.query_pairs().find(|(name, _)| name == "scope");
        scope.expect("a scope").1.into_owned()
    };
    let asked = permits();
    assert!(asked.contains("IMAP.AccessAsUser.All"), "{asked}");
    assert!(!asked.contains("SMTP") && !asked.contains("POP"), "{asked}");

    stand.write("gatepost.toml", &sending(&stand));
    let asked = permits();
    assert!(
        asked.contains("SMTP.Send") && !asked.contains("POP"),
        "{asked}"
    );
}

/// A door asks each person for more. Whoever permitted less is named before anybody is shut out.
#[test]
fn who_permitted_less_than_a_new_door_needs_is_named() {
    let stand = Stand::new();
    let (mut signing_in, url) = login(&stand);
    let browser = Browser::new(&stand);
    browser.get(browser.sign_in(&url).as_str());
    while signing_in.line().is_some() {}
    stand.printed(&["token", ADA, "--for", "imap"]);
    let check = ["config", "check", "--secrets"];
    let said = stand.run(&check);
    assert!(!said.stderr.contains("consent_missing"), "{}", said.stderr);

    let door = "[gateway.pop3]\nlisten = \"127.0.0.1:0\"\n";
    stand.configure(door);
    let words = [
        "consent_missing",
        "may be that nothing opens",
        "without POP.AccessAsUser.All",
        "unless an administrator has permitted it for everybody",
        &format!("gatepost token {ADA} tells"),
        &format!("gatepost login {ADA}"),
        &format!("add ask_for = [\"imap\"] to [mailbox.\"{ADA}\"]"),
    ];
    let said = stand.run(&check);
    assert_eq!(said.exit, 0, "it is a warning: {}", said.stderr);
    assert!(
        words.iter().all(|word| said.stderr.contains(word)),
        "{}",
        said.stderr
    );
    let serve = stand.serve();
    let log = stand.log();
    let mut lines = log.lines().filter(|line| line.contains("WARN"));
    let is_told = lines.any(|line| words.iter().all(|word| line.contains(word)));
    assert!(is_told, "{log}");
    assert_eq!(serve.stop(), 0, "{}", stand.log());
    // It tells, and does not show what was given for less.
    stand
        .run(&["token", ADA])
        .assert_fails(77, &["consent_missing"]);

    let person = format!("[mailbox.\"{ADA}\"]\n");
    let less =
        stand
            .configuration()
            .replacen(&person, &format!("{person}ask_for = [\"imap\"]\n"), 1);
    stand.write("gatepost.toml", &format!("{less}{door}"));
    let said = stand.run(&check);
    assert_eq!(said.exit, 0, "{}", said.stderr);
    assert!(!said.stderr.contains("consent_missing"), "{}", said.stderr);
}

#[test]
fn a_shared_mailbox_is_opened_by_a_person() {
    let stand = Stand::with_mail();
    let shared = format!(
        "[mailbox.\"{SUPPORT}\"]\nregistration = \"contoso\"\ngrant = \"client_credentials\"\n"
    );
    let by_ada = format!(
        "[mailbox.\"{SUPPORT}\"]\nregistration = \"contoso\"\ngrant = \"authorization_code\"\nsign_in_as = \"{ADA}\"\n"
    );
    stand.write(
        "gatepost.toml",
        &stand.configuration().replace(&shared, &by_ada),
    );
    let browser = Browser::new(&stand);
    let (mut login, url) = login(&stand);
    let page = browser.get(browser.sign_in(&url).as_str());
    assert_eq!(page.status, 200, "{}", page.html);
    login.line().expect("it says who signed in");
    assert!(
        !stand.listed(&["messages", SUPPORT]).is_empty(),
        "Ada has full access to it"
    );
}

#[test]
fn another_person_is_refused_and_the_earlier_sign_in_stands() {
    let stand = Stand::with_mail();
    let browser = Browser::new(&stand);
    let (mut first, url) = login(&stand);
    browser.get(browser.sign_in(&url).as_str());
    first.line().expect("it says who signed in");
    let before = stand.printed(&["token", ADA]);

    let mut command = stand.command();
    command.args(["login", ADA, "--no-browser"]);
    command.stderr(std::process::Stdio::piped());
    let mut second = Running::start(command);
    let url = second.line().expect("it prints the address");
    let back = browser.sign_in_as(JUN, &url);
    let page = browser.get(back.as_str());
    assert!(page.html.contains("did not work"), "{}", page.html);
    assert_eq!(second.line(), None, "nobody is signed in by it");
    second
        .output()
        .assert_fails(77, &[JUN, ADA, "sign_in_as = ", "sign_in_by_another"]);
    assert_eq!(stand.printed(&["token", ADA]), before);
    assert!(!stand.listed(&["messages", ADA]).is_empty());
}

#[test]
fn what_a_policy_wants_of_a_person_is_brought_by_the_next_sign_in() {
    let stand = Stand::with_mail();
    let browser = Browser::new(&stand);
    let signs_in = || {
        let (mut login, url) = login(&stand);
        browser.get(browser.sign_in(&url).as_str());
        assert!(login.line().expect("it says who signed in").contains(ADA));
        url
    };
    let asked = signs_in();
    assert!(!asked.contains("claims="), "{asked}");
    assert!(!stand.listed(&["messages", ADA]).is_empty());

    stand.fault("require-claims");
    // The mail server takes the token no more, and another one is not to be had without a person.
    stand
        .run(&["messages", ADA])
        .assert_fails(77, &[ADA, "AADSTS50076", "gatepost login"]);
    let asked = signs_in();
    assert!(asked.contains("claims=") && asked.contains("c1"), "{asked}");
    assert!(!stand.listed(&["messages", ADA]).is_empty());
}

#[test]
fn stray_requests_do_not_end_a_sign_in() {
    let stand = Stand::with_mail();
    let browser = Browser::new(&stand);
    let (mut login, url) = login(&stand);
    let back = browser.sign_in(&url);
    let mut origin = back.clone();
    origin.set_query(None);

    let favicon = origin.join("/favicon.ico").expect("an address");
    assert_eq!(browser.get(favicon.as_str()).status, 404);
    for stray in [
        "?code=stolen&state=wrong",
        "?error=access_denied&state=wrong",
    ] {
        let page = browser.get(origin.join(stray).expect("an address").as_str());
        assert!(page.html.contains("another sign-in"), "{}", page.html);
    }
    let page = browser.get(origin.join("?code=stolen").expect("an address").as_str());
    assert!(page.html.contains("waits for a sign-in"), "{}", page.html);
    // Half a request, and nothing at all.
    let port = origin.port().expect("a port");
    for said in [&b"GET /?code=x"[..], b""] {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        std::io::Write::write_all(&mut stream, said).expect("it listens");
    }

    assert_eq!(browser.get(back.as_str()).status, 200);
    assert!(login.line().expect("it says who signed in").contains(ADA));
}

#[test]
fn a_person_signs_in_on_another_device() {
    let stand = Stand::with_mail();
    let browser = Browser::new(&stand);
    for grant in ["authorization_code", "device_code"] {
        let configuration = stand.configuration();
        let configuration = configuration.replace("authorization_code", grant);
        stand.write("gatepost.toml", &configuration);
        // The second mailbox's own grant makes the argument needless.
        let arguments: &[&str] = match grant {
            "device_code" => &["login", ADA],
            _ => &["login", ADA, "--device"],
        };
        let (mut login, address, code) = login_elsewhere(&stand, arguments);
        let page = browser.enter_code(&address, &code.to_lowercase());
        assert!(page.html.contains("You have signed in"), "{}", page.html);
        let said = login.line().expect("it says who signed in");
        assert!(said.contains(ADA), "{said}");
        assert!(!stand.listed(&["messages", ADA]).is_empty());
    }
}

#[test]
fn a_device_sign_in_bears_a_server_in_trouble() {
    let stand = Stand::new();
    let browser = Browser::new(&stand);
    stand.fault("server-error,times=1");
    let (mut login, address, code) = login_elsewhere(&stand, &["login", ADA, "--device"]);
    browser.enter_code(&address, &code);
    assert!(login.line().expect("it says who signed in").contains(ADA));
}

#[test]
fn a_device_sign_in_ends_when_the_person_says_no() {
    let stand = Stand::new();
    let browser = Browser::new(&stand);
    let (login, address, code) = login_elsewhere(&stand, &["login", ADA, "--device"]);
    let page = browser.get(&address);
    let wrong = browser.submit(&page, &[("otc", "WRONG")]);
    assert!(wrong.html.contains("AADSTS70018"), "{}", wrong.html);
    let page = browser.submit(&wrong, &[("otc", &code)]);
    let page = browser.submit(&page, &[("answer", "cancel")]);
    assert!(page.html.contains("cancelled"), "{}", page.html);
    login.output().assert_fails(77, &[ADA, "declined"]);
}

#[test]
fn after_a_refusal_the_next_sign_in_works_at_once() {
    let stand = Stand::with_mail();
    let browser = Browser::new(&stand);
    let (mut first, url) = login(&stand);
    let back = browser.sign_in(&url);
    let state = back
        .query_pairs()
        .find(|(name, _)| name == "state")
        .expect("a state")
        .1
        .into_owned();
    let mut refused = back.clone();
    refused.set_query(None);
    refused
        .query_pairs_mut()
        .append_pair("error", "access_denied")
        .append_pair("state", &state);
    let page = browser.get(refused.as_str());
    assert!(page.html.contains("did not work"), "{}", page.html);
    assert_eq!(first.line(), None, "the first sign-in is over");

    let (mut second, url) = login(&stand);
    assert_eq!(browser.get(browser.sign_in(&url).as_str()).status, 200);
    assert!(second.line().expect("it says who signed in").contains(ADA));
}

#[test]
fn a_sign_in_is_of_no_use_to_another_app() {
    let stand = Stand::new();
    let browser = Browser::new(&stand);
    let (mut first, url) = login(&stand);
    browser.get(browser.sign_in(&url).as_str());
    assert!(first.line().expect("it says who signed in").contains(ADA));
    let token = stand.printed(&["token", ADA]);

    let other = "11111111-2222-3333-4444-555555555555";
    let text = stand.configuration();
    let client_id = stand.variable("CLIENT_ID");
    stand.write("gatepost.toml", &text.replace(client_id, other));
    // The refresh token of the one is not even shown in the name of the other, whom nobody knows.
    let ran = stand.run(&["token", ADA]);
    ran.assert_fails(77, &[ADA, "gatepost login", "sign_in_needed"]);
    assert!(!ran.stderr.contains("AADSTS"), "{}", ran.stderr);
    stand.write("gatepost.toml", &text);
    assert_eq!(stand.printed(&["token", ADA]), token, "nothing was lost");

    // Who shows it all the same is refused, and so is told to sign in.
    stand.fault("refuse,code=70000");
    stand
        .run(&["token", ADA, "--for", "graph"])
        .assert_fails(77, &[ADA, "AADSTS70000", "gatepost login"]);
}

#[test]
fn whose_tenant_is_not_configured_is_told_it_by_the_sign_in() {
    let stand = Stand::new();
    let browser = Browser::new(&stand);
    let text = stand.configuration();
    let tenant = stand.variable("TENANT");
    // What acts alone needs a tenant before anything else.
    let named = text.replace("client_credentials", "authorization_code");
    let shared = named.replace(tenant, "organizations");
    for (text, is_told) in [(&shared, true), (&named, false)] {
        stand.write("gatepost.toml", text);
        let mut command = stand.command();
        command.args(["login", ADA, "--no-browser"]);
        command.stderr(std::process::Stdio::piped());
        let mut login = Running::start(command);
        let url = login.line().expect("it prints the address");
        browser.get(browser.sign_in(&url).as_str());
        assert!(login.line().expect("it says who signed in").contains(ADA));
        let said = login.output().stderr;
        let note = format!(
            "note: the tenant is {tenant}; it may stand as tenant in [registration.contoso], and \
             those who signed in to it stay signed in"
        );
        assert_eq!(said.contains(&note), is_told, "{said}");
        stand.printed(&["token", ADA]);
        // Who does as the note says stays signed in, and is signed out for good by one logout.
        stand.write("gatepost.toml", &named);
        stand.printed(&["token", ADA]);
        stand.write("gatepost.toml", text);
        assert_eq!(
            stand.run(&["token", ADA]).exit == 77,
            is_told,
            "it was moved"
        );
        stand.write("gatepost.toml", &named);
        stand.printed(&["logout", ADA]);
        stand
            .run(&["token", ADA])
            .assert_fails(77, &["gatepost login"]);
    }
}

/// Starts a sign-in on another device; gives the address and the code.
fn login_elsewhere(stand: &Stand, arguments: &[&str]) -> (Running, String, String) {
    let mut command = stand.command();
    command.args(arguments).stderr(std::process::Stdio::piped());
    let mut login = Running::start(command);
    let address = login.line().expect("it prints the address of the page");
    assert!(address.starts_with("https://"), "{address}");
    let code = login.line().expect("it prints the code");
    (login, address, code)
}

/// Starts a sign-in; gives the address of the sign-in page.
pub(crate) fn login(stand: &Stand) -> (Running, String) {
    let mut command = stand.command();
    command.args(["login", ADA, "--no-browser"]);
    let mut login = Running::start(command);
    let url = login
        .line()
        .expect("it prints the address of the sign-in page");
    assert!(url.starts_with("https://"), "{url}");
    (login, url)
}
