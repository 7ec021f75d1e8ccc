use secrecy::{ExposeSecret as _, SecretString};

use super::*;

/// Sealed by the library that its program uses, with the password `Größe 7`.
const SALT: &str = "AAECAwQFBgcICQoLDA0ODw==";
const ACCESS: &str = "gAAAAABlU_EAEBESExQVFhcYGRobHB0eHyMPsuRzD7VdEzs-ucTMhhLaB_PL3D7smA9Em59LZ_Kl7NZoVEYHFwR-GuUXoSPxjA==";
const REFRESH: &str = "gAAAAABlU_EAEBESExQVFhcYGRobHB0eH6ZSbYExOv4sT-HimVqG008avPSp1X6jB2Phz-cGpObhm5k5iLM2qRvuwn3rskU9IA==";
const SECRET: &str = "gAAAAABlU_EAEBESExQVFhcYGRobHB0eH-v3bx4gegMqMWHTFeev6hCrCVkNah9WantphaYHFlYClBSdL4QxZ3Qn2VXuKjoAgQ==";
/// With 870,000 rounds.
const REFRESH_870: &str = "gAAAAABlU_EAEBESExQVFhcYGRobHB0eHwixIhdiJComI8Uf4hF89UZ7s6nxhfATgHARQZKZhA9IYoMYHrSvxO6hbIxPj_aOaA==";

fn read(text: &str) -> EmailProxy {
    read_with(text, &[])
}

fn read_with(text: &str, names: &[&str]) -> EmailProxy {
    let file = Ini::parse(text).expect("it is well formed");
    EmailProxy::read(file, None, names.iter().copied())
}

fn remarks(read: &EmailProxy) -> Vec<(&str, usize, Option<&str>)> {
    let all = read.remarks.iter();
    all.map(|one| (one.section.as_str(), one.line, one.option.as_deref()))
        .collect()
}

fn account(state: &str) -> Account {
    let text = format!("[a@x.y]\n{APP}{state}");
    let mut read = read(&text);
    read.accounts.pop().expect("it is complete")
}

fn password(text: &str) -> SecretString {
    SecretString::from(text)
}

const APP: &str = "token_url = https://login.example/t/oauth2/v2.0/token\n\
    oauth2_scope = s offline_access\nclient_id = id\noauth2_flow = client_credentials\n";

#[test]
fn servers_are_read_as_their_program_reads_them() {
    let read = read(
        "[IMAP-1993]\nserver_address = outlook.office365.com\nserver_port = 993\n\
         local_address = 127.0.0.1\n\
         [SMTP-1587]\nserver_address = smtp.office365.com\nserver_port = 587\n\
         server_starttls = yes\nlocal_starttls = True\nlocal_certificate_path = c.pem\n\
         local_key_path = k.pem\n\
         [POP-1995]\nserver_address = outlook.office365.com\nserver_port = 995\n\
         local_certificate_path = c.pem\ncolour = blue\n\
         [SMTP-0]\n[SMTP-25]\nserver_address = x\n",
    );
    let shown: Vec<_> = read
        .servers
        .iter()
        .map(|server| {
            (
                server.port,
                server.protocol,
                &server.tls,
                server.upstream_starttls,
            )
        })
        .collect();
    let starttls = LocalTls::StartTls {
        certificate: "c.pem".into(),
        key: "k.pem".into(),
    };
    assert_eq!(
        shown,
        [
            (1993, Protocol::Imap, &LocalTls::Clear, false),
            (1587, Protocol::Smtp, &starttls, true),
            (1995, Protocol::Pop, &LocalTls::Clear, false),
        ]
    );
    assert_eq!(read.servers[2].address, None);
    assert_eq!(
        remarks(&read),
        [
            ("POP-1995", 15, Some("local_certificate_path")),
            ("POP-1995", 16, Some("colour")),
            ("SMTP-0", 17, None),
            ("SMTP-25", 18, None),
        ]
    );
}

#[test]
fn flows_are_told_by_what_is_there() {
    let flow = |options: &str| {
        let text = format!("[a@x.y]\ntoken_url = u\noauth2_scope = s\nclient_id = i\n{options}");
        read(&text).accounts.pop().map(|account| account.flow)
    };
    assert_eq!(flow("permission_url = p\n"), Some(Flow::AuthorizationCode));
    assert_eq!(
        flow("permission_url = p\noauth2_flow = password\n"),
        Some(Flow::AuthorizationCode)
    );
    assert_eq!(
        flow("permission_url = p\noauth2_flow = device\n"),
        Some(Flow::DeviceCode)
    );
    assert_eq!(
        flow("oauth2_flow = client_credentials\n"),
        Some(Flow::ClientCredentials)
    );
    assert_eq!(flow("oauth2_flow = password\n"), Some(Flow::Password));
    assert_eq!(
        flow("oauth2_flow = device\n"),
        Some(Flow::Other("device".into()))
    );
    assert_eq!(flow(""), Some(Flow::Missing));
}

#[test]
fn a_secret_goes_before_a_certificate() {
    let proof = |options: &str| account(options).proof;
    let both = "jwt_certificate_path = c\njwt_key_path = k\n";
    assert!(matches!(proof(both), AppProof::Certificate { .. }));
    assert!(matches!(
        proof(&format!("{both}client_secret = s\n")),
        AppProof::Secret(_)
    ));
    assert!(matches!(proof(""), AppProof::Nothing));
    let text = format!(
        "[emailproxy]\nuse_login_password_as_client_credentials_secret = on\n[a@x.y]\n{APP}"
    );
    let read = read(&text);
    assert!(matches!(read.accounts[0].proof, AppProof::LoginPassword));
}

#[test]
fn catch_alls_are_inherited_where_they_are_allowed() {
    let sections = format!(
        "[@x.y]\n{APP}[@]\nredirect_uri = r\n[ada@x.y]\nclient_id = hers\n[bob@x.z]\nclient_id = b\n"
    );
    let without = read(&sections);
    assert_eq!(without.accounts.len(), 0);
    let names = without.catch_alls.iter().map(|one| one.name.as_str());
    assert!(names.eq(["@x.y", "@"]));
    let with = read(&format!(
        "[emailproxy]\nallow_catch_all_accounts = True\n{sections}"
    ));
    assert_eq!(with.accounts.len(), 1, "{:?}", with.remarks);
    assert_eq!(with.accounts[0].client_id, "hers");
    assert_eq!(with.accounts[0].redirect_uri.as_deref(), Some("r"));
    assert!(with.catch_alls[0].account.is_some() && with.catch_alls[1].account.is_none());
    let allowed = format!("[emailproxy]\nallow_catch_all_accounts = True\n{sections}");
    let known = read_with(&allowed, &["eve@x.y", "ada@x.y", "jun@x.z"]);
    let names = known.accounts.iter().map(|account| account.name.as_str());
    assert!(names.eq(["ada@x.y", "eve@x.y"]));
}

#[test]
fn tokens_open_with_the_password_that_sealed_them() {
    let sealed = format!(
        "token_salt = {SALT}\naccess_token = {ACCESS}\nrefresh_token = {REFRESH}\n\
         client_secret_encrypted = {SECRET}\n"
    );
    let account = account(&sealed);
    assert!(matches!(account.proof, AppProof::SealedSecret));
    let state = account.state.expect("it has tokens");
    let kept = SealedState::of_written(&state.write()).expect("we wrote it");
    for state in [state, kept] {
        let opened = state
            .open(&password("Größe 7"))
            .expect("the password is right");
        let shown = [
            opened.access_token,
            opened.refresh_token,
            opened.client_secret,
        ]
        .map(|secret| secret.map(|secret| secret.expose_secret().to_owned()));
        let expected = ["access-one", "refresh-one", "app-secret"];
        assert_eq!(shown, expected.map(|text| Some(text.to_owned())));
    }
}

#[test]
fn the_number_of_rounds_may_be_newer_than_what_is_sealed() {
    let sealed = format!(
        "token_salt = {SALT}\ntoken_iterations = 870000\naccess_token = {ACCESS}\n\
         refresh_token = {REFRESH_870}\n"
    );
    let state = account(&sealed).state.expect("it has tokens");
    let opened = state
        .open(&password("Größe 7"))
        .expect("the password is right");
    let refresh = opened.refresh_token.expect("it is there");
    assert_eq!(refresh.expose_secret(), "refresh-two");
    let access = opened.access_token.expect("it is there");
    assert_eq!(access.expose_secret(), "access-one");
}

#[test]
fn a_wrong_password_is_told_from_what_is_damaged() {
    let state = |token: &str| {
        let sealed = format!("token_salt = {SALT}\naccess_token = {token}\n");
        account(&sealed).state.expect("it has a token")
    };
    let wrong = state(ACCESS).open(&password("größe 7"));
    assert_eq!(wrong.expect_err("wrong"), NotOpened::WrongPassword);
    let damaged = state("gAAAA").open(&password("Größe 7"));
    assert_eq!(damaged.expect_err("damaged"), NotOpened::Damaged);
}

#[test]
fn a_number_of_rounds_that_would_take_days_is_not_tried() {
    let sealed =
        format!("token_salt = {SALT}\ntoken_iterations = 4000000000\naccess_token = {ACCESS}\n");
    let text = format!("[a@x.y]\n{APP}{sealed}");
    let mut read = read(&text);
    assert_eq!(remarks(&read), [("a@x.y", 7, Some("token_iterations"))]);
    let state = read.accounts.pop().and_then(|account| account.state);
    let opened = state.expect("it has a token").open(&password("Größe 7"));
    assert!(opened.expect("the usual ones fit").access_token.is_some());
}

#[test]
fn a_cache_store_goes_before_the_configuration() {
    let stores = [
        format!(
            "[a@x.y]\ntoken_salt = {SALT}\naccess_token = {ACCESS}\nclient_id = other\n[b@x.y]\n"
        ),
        format!(
            "{{\"a@x.y\": {{\"token_salt\": \"{SALT}\", \"access_token\": \"{ACCESS}\", \
             \"token_iterations\": 100000, \"client_id\": \"other\"}}, \"b@x.y\": {{}}}}"
        ),
    ];
    for store in stores {
        let store = CacheStore::parse(&store).expect("it is well formed");
        let text = format!("[a@x.y]\n{APP}access_token = old\n");
        let file = Ini::parse(&text).expect("it is well formed");
        let read = EmailProxy::read(file, Some(&store), []);
        assert_eq!(read.accounts[0].client_id, "id");
        let state = read.accounts[0].state.as_ref().expect("it has a token");
        assert!(state.open(&password("Größe 7")).is_ok());
        assert_eq!(remarks(&read), [("b@x.y", 0, None)]);
    }
}

#[test]
fn what_is_wrong_with_a_cache_store_is_told_without_what_stands_there() {
    let error = CacheStore::parse("{\"a@x.y\": {\"access_token\": [\"canary\"]}}");
    let error = error.expect_err("a list is no text").to_string();
    assert!(!error.contains("canary"), "{error}");
}

#[test]
fn nothing_secret_is_shown() {
    let text = format!(
        "[a@x.y]\n{APP}client_secret = canary\ntoken_salt = {SALT}\naccess_token = {ACCESS}\n"
    );
    let shown = format!("{:?}", read(&text));
    assert!(
        !shown.contains("canary") && !shown.contains(ACCESS),
        "{shown}"
    );
}
