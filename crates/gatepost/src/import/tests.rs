use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gatepost_import::emailproxy::EmailProxy;
use gatepost_import::ini::Ini;
use secrecy::{ExposeSecret as _, SecretString};

use super::*;

/// Tokens sealed by the library that email-oauth2-proxy uses, with the password `Größe 7`.
const STATE: &str = include_str!("tests/sealed.ini");
const ENTRA: &str = "token_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token\n\
    client_id = bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc\n";
const PERSON: &str = "permission_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize\n\
    oauth2_scope = https://outlook.office365.com/IMAP.AccessAsUser.All \
    https://outlook.office365.com/SMTP.Send offline_access\nredirect_uri = http://localhost\n";
const APP: &str = "oauth2_scope = https://outlook.office365.com/.default\n\
    oauth2_flow = client_credentials\n";
const PASSWORD: &str = "Größe 7";

fn planned(text: &str, passwords: &[(&str, &str)]) -> Plan {
    let ini = Ini::parse(text).expect("it is well formed");
    let names = passwords.iter().map(|(name, _)| *name);
    let read = EmailProxy::read(ini, None, names);
    let passwords: Passwords = passwords
        .iter()
        .map(|(name, password)| ((*name).to_owned(), SecretString::from(*password)))
        .collect();
    let opening = Opening::try_all(&read, passwords);
    let look = |file: &Path| match file.to_string_lossy() {
        name if name.contains("absent") => FoundFile::Absent,
        name if name.contains("open") => FoundFile::Open,
        _ => FoundFile::Private,
    };
    plan(&read, Path::new("/etc/emailproxy"), &opening, &look)
}

fn server(section: &str, options: &str) -> String {
    let (host, port) = match &section[..4] {
        "IMAP" => ("outlook.office365.com", 993),
        "POP-" => ("outlook.office365.com", 995),
        _ => ("smtp.office365.com", 587),
    };
    format!("[{section}]\nserver_address = {host}\nserver_port = {port}\n{options}\n")
}

fn text(plan: &Plan) -> String {
    written(plan, Path::new("/etc/gatepost/gatepost.toml")).text
}

fn sections(plan: &Plan, heading: Heading) -> Vec<(String, Option<String>)> {
    let under = plan.report.under(heading);
    under
        .map(|finding| (finding.section.clone(), finding.option.clone()))
        .collect()
}

#[test]
fn a_whole_configuration_is_taken_over() {
    let text_of = format!(
        "{}{}[ada@Contoso.com]\n{ENTRA}{PERSON}{STATE}[Scanner@contoso.com]\n{}{APP}client_secret = canary\n",
        server("IMAP-1993", "local_address = 127.0.0.1"),
        server(
            "SMTP-1587",
            "local_address = ::\nserver_starttls = True\nlocal_starttls = True\n\
             local_certificate_path = tls/c.pem\nlocal_key_path = /k.pem"
        ),
        ENTRA.replace("bcdb5ae8", "acdb5ae8"),
    );
    let plan = planned(&text_of, &[("ada@Contoso.com", PASSWORD)]);
    insta::assert_snapshot!(format!("{}\n-----\n\n{}", plan.report.text(), text(&plan)));
    let ada = &plan.mailboxes[0];
    let refresh = accounts::refresh_token(ada).expect("the password is right");
    assert_eq!(refresh.expose_secret(), "refresh-one");
    let written = written(&plan, Path::new("/etc/gatepost/gatepost.toml"));
    let secrets: BTreeMap<PathBuf, &str> = written
        .secrets
        .iter()
        .map(|(file, secret)| (file.clone(), secret.expose_secret()))
        .collect();
    let file = PathBuf::from("/etc/gatepost/gatepost.contoso-2.secret");
    assert_eq!(secrets, BTreeMap::from([(file, "canary")]));
    for shown in [written.text, plan.report.text(), format!("{plan:?}")] {
        assert!(
            !shown.contains("canary") && !shown.contains("refresh-one"),
            "{shown}"
        );
        assert!(!shown.contains(PASSWORD), "{shown}");
    }
}

/// A sign-in goes on with what the person permitted, whatever doors there are for others.
#[test]
fn what_a_person_did_not_permit_is_not_asked_for() {
    let servers = ["IMAP-1993", "SMTP-1587"].map(|name| server(name, "local_address = 127.0.0.1"));
    let pop = server("POP-1995", "local_address = 127.0.0.1");
    let imap = "https://outlook.office365.com/IMAP.AccessAsUser.All";
    let smtp = "https://outlook.office365.com/SMTP.Send";
    let both = format!("{imap} {smtp}");
    for (scope, doors, expected) in [
        (imap, &servers[..1], ""),
        (imap, &servers, "ask_for = [\"imap\"]\n"),
        (smtp, &servers[1..], "ask_for = [\"smtp\"]\n"),
        (both.as_str(), &servers, ""),
        (
            both.as_str(),
            &[servers.concat(), pop],
            "ask_for = [\"imap\", \"smtp\"]\n",
        ),
        ("offline_access", &servers, ""),
    ] {
        let person = PERSON.replace(&both, scope);
        let account = format!("[ada@contoso.com]\n{ENTRA}{person}{STATE}");
        let written = text(&planned(&format!("{}{account}", doors.concat()), &[]));
        let found = written
            .split_inclusive('\n')
            .find(|line| line.starts_with("ask_for"));
        assert_eq!(found.unwrap_or_default(), expected, "{written}");
    }
    // An app is asked nothing.
    let app = APP.replace("/.default", "/IMAP.AccessAsUser.All");
    let file = format!(
        "{}[ada@contoso.com]\n{ENTRA}{app}client_secret = canary\n",
        servers.concat()
    );
    let written = text(&planned(&file, &[]));
    assert!(
        written.contains("grant = \"client_credentials\""),
        "{written}"
    );
    assert!(!written.contains("ask_for"), "{written}");
}

#[test]
fn without_its_password_an_account_waits_for_it() {
    let file = format!("[ada@contoso.com]\n{ENTRA}{PERSON}{STATE}");
    for passwords in [&[][..], &[("ada@contoso.com", "wrong")]] {
        let plan = planned(&file, passwords);
        assert!(matches!(plan.mailboxes[0].keepsake, Keepsake::Sealed(_)));
    }
    let plan = planned(&file, &[("Ada@contoso.com", PASSWORD)]);
    assert!(plan.report.text().contains("no account of that very name"));
}

#[test]
fn what_listens_everywhere_in_clear_listens_on_loopback_and_says_so() {
    for address in [
        "",
        "local_address = ::",
        "local_address = 0.0.0.0",
        "local_address = 10.0.0.7",
    ] {
        let plan = planned(&server("IMAP-1993", address), &[]);
        assert_eq!(plan.doors[0].listen, ["127.0.0.1:1993", "[::1]:1993"]);
        assert!(!plan.doors[0].formerly.is_empty(), "{address}");
        let told = sections(&plan, Heading::Unsafe);
        let expected = ("IMAP-1993".to_owned(), Some("local_address".to_owned()));
        assert!(told.contains(&expected), "{address}: {told:?}");
    }
    let secured = "local_certificate_path = c.pem\nlocal_key_path = k.pem";
    let plan = planned(&server("POP-1995", secured), &[]);
    assert_eq!(plan.doors[0].listen, ["0.0.0.0:1995", "[::]:1995"]);
    assert!(plan.report.text().contains("all interfaces"));
}

#[test]
fn what_cannot_be_taken_over_is_named_with_its_reason() {
    let lines = [
        (
            "[a@gmail.com]\ntoken_url = https://oauth2.googleapis.com/token\noauth2_scope = s\nclient_id = x\npermission_url = p\n".to_owned(),
            "not Microsoft's sign-in",
        ),
        // What lacks in it is not what it is about.
        (
            "[a@gmail.com]\ntoken_url = https://oauth2.googleapis.com/token\noauth2_scope = s\nclient_id = x\n".to_owned(),
            "Google's and not Microsoft's sign-in",
        ),
        (
            "[a@x.y]\ntoken_url = https://login.microsoftonline.com/x.y/oauth2/v2.0/token\noauth2_scope = s\nclient_id = x\n".to_owned(),
            "it needs an `oauth2_flow`",
        ),
        (
            format!("[a@x.y]\n{ENTRA}{APP}"),
            "neither a client secret nor a certificate",
        ),
        (
            format!("[a@x.y]\n{ENTRA}{APP}client_secret_encrypted = gAAAA\ntoken_salt = AAAA\n"),
            "--passwords",
        ),
        (
            format!(
                "[a@x.y]\n{ENTRA}{APP}jwt_certificate_path = absent.pem\njwt_key_path = k.pem\n"
            ),
            "absent.pem",
        ),
        (
            format!("[a@x.y]\n{ENTRA}{PERSON}[A@x.y]\n{ENTRA}{PERSON}"),
            "same mailbox as [a@x.y]",
        ),
        (
            format!(
                "[a@x.y]\ntoken_url = https://login.microsoftonline.com/common/oauth2/v2.0/token\nclient_id = 1\nclient_secret = s\n{APP}"
            ),
            "stands for many",
        ),
        (
            format!(
                "[a@x.y]\ntoken_url = https://login.microsoftonline.com/x.y/oauth2/v2.0/token\nclient_id = 1\n{PERSON}"
            ),
            "no GUID",
        ),
        (
            server("IMAP-1", "plugins = {'IMAPRegexContentReplacer': {}}"),
            "IMAPRegexContentReplacer",
        ),
        (
            "[IMAP-1]\nserver_address = imap.gmail.com\nserver_port = 993\n".to_owned(),
            "imap.gmail.com",
        ),
        (format!("[@x.y]\n{ENTRA}{APP}"), "does nothing without"),
        (
            format!(
                "[emailproxy]\nallow_catch_all_accounts = yes\n[@]\n{ENTRA}{APP}client_secret = s\n"
            ),
            "only for a domain",
        ),
        (
            format!("[a@x.y]\n{ENTRA}{APP}jwt_certificate_path = c.pem\njwt_key_path = open.pem\n"),
            "chmod 600",
        ),
        (
            server(
                "POP-1995",
                "local_certificate_path = c.pem\nlocal_key_path = absent.pem",
            ),
            "absent.pem",
        ),
        ("[emailproxy]\ncolour = blue\n".to_owned(), "no such option"),
    ];
    for (file, reason) in lines {
        let plan = planned(&file, &[]);
        let under = plan.report.under(Heading::NotTaken);
        let told: Vec<_> = under.map(ToString::to_string).collect();
        assert!(
            told.iter().any(|one| one.contains(reason)),
            "{reason}: {told:?}"
        );
    }
}

#[test]
fn catch_alls_of_an_app_become_login_names_and_named_accounts_mailboxes() {
    let file = format!(
        "[emailproxy]\nallow_catch_all_accounts = yes\n[@X.y]\n{ENTRA}{APP}client_secret = s\n\
         [ada@X.y]\n{STATE}"
    );
    let plan = planned(&file, &[("eve@X.y", "chosen")]);
    let text = text(&plan);
    assert!(
        text.contains("[login.\"*@x.y\"]\nregistration = \"contoso\"\n"),
        "{text}"
    );
    assert!(plan.report.text().contains("trust the first comer"));
    let [ada, eve] = plan.mailboxes.as_slice() else {
        panic!("two are named: {text}");
    };
    assert!(matches!(ada.keepsake, Keepsake::Sealed(_)));
    assert!(matches!(eve.keepsake, Keepsake::Password { .. }));
    assert_eq!(plan.registrations.len(), 1);
}

#[test]
fn an_app_is_known_once_however_many_accounts_show_it() {
    let account = |name: &str, proof: &str| format!("[{name}@x.y]\n{ENTRA}{APP}{proof}\n");
    let file = [
        account("a", "client_secret = one"),
        account("b", "client_secret = one"),
        account("c", "client_secret = two"),
        format!("[d@x.y]\n{ENTRA}{PERSON}"),
    ];
    let plan = planned(&file.concat(), &[]);
    let opened: Vec<_> = plan
        .mailboxes
        .iter()
        .map(|mailbox| (mailbox.login.as_str(), mailbox.registration.as_str()))
        .collect();
    let (one, public) = ("contoso", "contoso-2");
    assert_eq!(
        opened,
        [
            ("a@x.y", one),
            ("b@x.y", one),
            ("c@x.y", one),
            ("d@x.y", public)
        ]
    );
    assert_eq!(plan.registrations.len(), 2);
    let text = text(&plan);
    assert_eq!(text.matches("secret = {").count(), 1, "{text}");
    let next = plan.report.under(Heading::Next);
    let told: Vec<_> = next.map(ToString::to_string).collect();
    assert!(
        told.iter()
            .any(|one| one.starts_with("[c@x.y]") && one.contains("another client secret")),
        "{told:?}"
    );
}

/// What has to be done is told, and no more than that.
#[test]
fn nobody_is_asked_to_sign_in_whose_sign_in_is_there() {
    let file = format!(
        "[ada@x.y]\n{ENTRA}{PERSON}{STATE}[ada@x.y\\sales]\n{ENTRA}{PERSON}\
         [eve@x.y]\n{ENTRA}{PERSON}[eve@x.y\\desk]\n{ENTRA}{PERSON}[app@x.y]\n{}{APP}client_secret = s\n",
        ENTRA.replace("bcdb5ae8", "acdb5ae8"),
    );
    for (passwords, eve) in [
        (
            &[][..],
            Some(
                "never used: run gatepost login eve@x.y, where a person signs in, and gatepost \
                 password add eve@x.y, which prints the password for its clients",
            ),
        ),
        (
            &[("ada@x.y", PASSWORD), ("eve@x.y", "chosen")],
            Some("a person must sign in once: gatepost login eve@x.y"),
        ),
    ] {
        let plan = planned(&file, passwords);
        let of = |section: &str| {
            let mut under = plan.report.under(Heading::Next);
            under
                .find(|finding| finding.section == section)
                .map(|finding| finding.sentence.clone())
        };
        assert_eq!(of("ada@x.y"), None);
        let sales = of("ada@x.y\\sales").expect("it needs a password");
        assert!(sales.contains("gatepost password add sales@x.y"), "{sales}");
        assert!(
            sales.contains("the sign-in of [ada@x.y] opens it"),
            "{sales}"
        );
        assert!(!sales.contains("gatepost login"), "{sales}");
        let desk = of("eve@x.y\\desk").expect("it needs a password");
        assert!(desk.contains("the sign-in of [eve@x.y]"), "{desk}");
        let told = of("eve@x.y").unwrap_or_default();
        assert!(told.ends_with(eve.unwrap_or_default()), "{told}");
        let app = of("app@x.y").expect("it needs a password");
        assert!(
            app.ends_with("is known: gatepost password add app@x.y"),
            "{app}"
        );
    }
}

#[test]
fn two_sections_at_one_port_are_told_with_their_lines() {
    let at = |section: &str, address: &str| server(section, &format!("local_address = {address}"));
    let plan = planned(
        &[at("IMAP-1993", "127.0.0.1"), at("SMTP-1993", "::")].concat(),
        &[],
    );
    assert_eq!(
        plan.conflicts,
        ["[IMAP-1993] (line 1) listens at 127.0.0.1:1993, and so does [SMTP-1993] (line 5)"]
    );
    let apart = [
        at("IMAP-1993", "127.0.0.1"),
        at("IMAP-1994", "127.0.0.1"),
        at("SMTP-1993", "::1"),
    ];
    assert!(planned(&apart.concat(), &[]).conflicts.is_empty());
}

#[test]
fn what_nobody_wrote_is_not_called_unsafe() {
    let unsafe_in = |file: &str| sections(&planned(file, &[]), Heading::Unsafe);
    assert_eq!(unsafe_in("[emailproxy]\n"), []);
    let option = "delete_account_token_on_password_error";
    let written = unsafe_in(&format!("[emailproxy]\n{option} = True\n"));
    assert_eq!(
        written,
        [("emailproxy".to_owned(), Some(option.to_owned()))]
    );
    let plan = planned(&format!("[ada@x.y]\n{ENTRA}{PERSON}"), &[]);
    let told = plan.report.text();
    let next = "it was never used: run gatepost login ada@x.y, where a person signs in, and gatepost \
                password add ada@x.y, which prints";
    assert!(told.contains(next), "{told}");
}

#[test]
fn every_option_and_every_password_is_told_of() {
    let file = format!(
        "[emailproxy]\nallow_catch_all_accounts = yes\n[ada@x.y]\n{ENTRA}{PERSON}\
         [a@gmail.com]\ntoken_url = https://oauth2.googleapis.com/token\noauth2_scope = s\n\
         client_id = x\npermission_url = p\n"
    );
    let plan = planned(&file, &[("a@gmail.com", "chosen")]);
    let taken = sections(&plan, Heading::Taken);
    for (section, option) in [
        ("emailproxy", "allow_catch_all_accounts"),
        ("ada@x.y", "redirect_uri"),
    ] {
        let expected = (section.to_owned(), Some(option.to_owned()));
        assert!(taken.contains(&expected), "{taken:?}");
    }
    let told = plan.report.text();
    assert!(
        told.contains("a password for a@gmail.com, whose account is not taken over"),
        "{told}"
    );
}

#[test]
fn shared_mailboxes_behind_a_backslash_get_their_owner() {
    let file = format!("[ada@x.y\\sales]\n{ENTRA}{PERSON}");
    let plan = planned(&file, &[]);
    assert_eq!(plan.mailboxes[0].address, "sales@x.y");
    assert_eq!(plan.mailboxes[0].sign_in_as.as_deref(), Some("ada@x.y"));
    let text = text(&plan);
    assert!(
        text.contains("[login.\"ada@x.y\\\\sales\"]\nmailbox = \"sales@x.y\""),
        "{text}"
    );
}

#[test]
fn the_password_that_is_the_client_secret_becomes_it() {
    let file = format!(
        "[emailproxy]\nuse_login_password_as_client_credentials_secret = True\n[a@x.y]\n{ENTRA}{APP}"
    );
    assert!(planned(&file, &[]).mailboxes.is_empty());
    let plan = planned(&file, &[("a@x.y", "canary")]);
    let written = written(&plan, Path::new("/g.toml"));
    assert_eq!(written.secrets[0].1.expose_secret(), "canary");
    assert!(matches!(
        plan.mailboxes[0].keepsake,
        Keepsake::Password { .. }
    ));
}

#[test]
fn a_cloud_of_its_own_gets_the_hosts_of_the_servers() {
    let file = "[IMAP-1]\nserver_address = mail.lab.example\nserver_port = 1993\n\
        [SMTP-2]\nserver_address = mail.lab.example\nserver_port = 465\n\
        [IMAP-3]\nserver_address = other.lab.example\nserver_port = 993\n\
        [a@x.y]\ntoken_url = https://login.lab.example:8443/t/oauth2/token\n\
        client_id = bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc\noauth2_flow = password\n\
        oauth2_resource = https://outlook.office365.com\n";
    let plan = planned(file, &[]);
    let text = text(&plan);
    for line in [
        "[cloud.own]\nlogin = \"https://login.lab.example:8443\"\nimap = \"mail.lab.example:1993\"\nsmtp = \"mail.lab.example:465\"\n",
        "cloud = \"own\"\ntenant = \"t\"",
        "endpoint = \"v1\"",
        "grant = \"password\"",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(plan.doors.len(), 2);
}

#[test]
fn a_folder_that_no_configuration_can_name_is_said_to_be_one() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let section = server(
        "POP-1995",
        "local_certificate_path = c.pem\nlocal_key_path = k.pem",
    );
    let read = EmailProxy::read(Ini::parse(&section).expect("it is well formed"), None, []);
    let folder = Path::new(OsStr::from_bytes(b"/srv/gr\xFC\xDFe"));
    let look = |_: &Path| FoundFile::Private;
    let plan = plan(&read, folder, &Opening::default(), &look);
    let told = plan.report.text();
    assert!(
        told.contains("which is UTF-8, cannot name a folder"),
        "{told}"
    );
    assert!(!text(&plan).contains("key ="), "{}", text(&plan));
}
