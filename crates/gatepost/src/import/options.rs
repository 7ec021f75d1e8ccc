//! What becomes of the options of an account, and what is unsafe about them.

use gatepost_import::emailproxy::{Account, AppProof, Flow};

use super::plan::Plan;
use super::report::Heading;

/// Names what became of its options.
pub(super) fn tell(account: &Account, plan: &mut Plan) {
    options(account, plan);
    unsafe_options(account, plan);
}

fn options(account: &Account, plan: &mut Plan) {
    let place = (account.name.as_str(), account.line);
    redirect(account, plan);
    let mut not_taken = |option: &str, sentence: &str| {
        let told = (option, sentence.to_owned());
        plan.report.add_option(Heading::NotTaken, place, told);
    };
    if account.redirect_listen_address.is_some() {
        not_taken(
            "redirect_listen_address",
            "the sign-in is received on loopback only",
        );
    }
    if let Some(text) = &account.use_pkce
        && ["false", "no", "off", "0"].contains(&text.to_lowercase().as_str())
    {
        not_taken(
            "use_pkce",
            "it reads as off, and email-oauth2-proxy takes any text as on; Gatepost always uses \
             PKCE",
        );
    }
    let odd = account.scopes.iter().filter(|scope| !is_usual(scope));
    let odd: Vec<&str> = odd.map(String::as_str).collect();
    if !odd.is_empty() {
        let sentence = format!(
            "Gatepost asks for what reading and sending take, and not for {}",
            odd.join(" ")
        );
        not_taken("oauth2_scope", &sentence);
    }
}

/// Where its sign-in comes back to. What is as before is told once.
fn redirect(account: &Account, plan: &mut Plan) {
    let Some(uri) = &account.redirect_uri else {
        return;
    };
    let place = (account.name.as_str(), account.line);
    if !is_localhost(uri) {
        let told = (REDIRECT, REGISTER_LOCALHOST.to_owned());
        plan.report.add_option(Heading::NotTaken, place, told);
    } else if !plan.report.names(Heading::Taken, REDIRECT) {
        let told = (REDIRECT, FREE_PORT.to_owned());
        plan.report.add_option(Heading::Taken, place, told);
    }
}

fn unsafe_options(account: &Account, plan: &mut Plan) {
    let place = (account.name.as_str(), account.line);
    let mut told = |option: &str, sentence: &str| {
        let told = (option, sentence.to_owned());
        plan.report.add_option(Heading::Unsafe, place, told);
    };
    if matches!(account.proof, AppProof::Secret(_)) {
        told(
            "client_secret",
            "it stands in clear in the file; after the takeover make a new one, better a \
             certificate (gatepost registration certificate), and remove this one from the app",
        );
    }
    if account.flow == Flow::ClientCredentials && account.state.is_none() {
        told(
            "oauth2_flow",
            "the app opens the mailbox by itself, and the first password that anybody shows counts",
        );
    }
    if account.flow == Flow::Password {
        told(
            "oauth2_flow",
            "every client holds the person's password at Microsoft, and a second factor cannot \
             be asked for",
        );
    }
    if account.scopes.iter().any(|scope| is_wide(scope)) {
        told(
            "oauth2_scope",
            "it permits more than mail by IMAP, POP3 and SMTP: remove what the app does not need",
        );
    }
}

fn is_localhost(uri: &str) -> bool {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    host.eq_ignore_ascii_case("localhost")
        || rest.starts_with("127.0.0.1")
        || rest.starts_with("[::1]")
}

/// Scopes that Gatepost asks for by itself, or that mean "what was permitted".
fn is_usual(scope: &str) -> bool {
    let name = scope.rsplit('/').next().unwrap_or_default();
    USUAL.contains(&name)
}

fn is_wide(scope: &str) -> bool {
    let name = scope.rsplit('/').next().unwrap_or_default();
    WIDE.contains(&name) || (name == ".default" && scope.contains("graph.microsoft"))
}

const REDIRECT: &str = "redirect_uri";
const REGISTER_LOCALHOST: &str = "Gatepost's sign-in comes back to http://localhost at a free port: \
    register that for the app as a redirect of the kind `mobile and desktop`, or use grant = \
    \"device_code\"";
const FREE_PORT: &str = "a new sign-in comes back to http://localhost at a free port, which Microsoft \
    takes for the one in the file; so do those of other accounts here";
const USUAL: &[&str] = &[
    "IMAP.AccessAsUser.All",
    "POP.AccessAsUser.All",
    "SMTP.Send",
    "offline_access",
    "openid",
    "profile",
    "email",
    ".default",
];
const WIDE: &[&str] = &[
    "EWS.AccessAsUser.All",
    "full_access_as_app",
    "full_access_as_user",
    "Mail.ReadWrite",
    "Mail.ReadWrite.All",
    "Mail.ReadWrite.Shared",
    "Directory.ReadWrite.All",
    "user_impersonation",
];
