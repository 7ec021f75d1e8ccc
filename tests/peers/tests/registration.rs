//! What `gatepost registration` makes, in the hands of others: OpenSSL takes the certificate, and
//! Bash and jq run the scripts, with programs in the place of curl, az and pwsh that write down
//! what they were asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gatepost_peers::gatepost;
use serde_json::{Value, json};
use tempfile::TempDir;

type Failure = Box<dyn std::error::Error>;

/// A name that would do harm if a script took a part of it for its own.
const NAME: &str = r#"x'; touch harm; "$(touch harm)" `touch harm` ‘ # \"#;

/// The name of its app, as it stands in an address.
const TITLE_IN_ADDRESS: &str = "Gatepost%20x%27%27%3B%20touch%20harm%3B%20%22%24%28touch%20harm%29%22\
    %20%60touch%20harm%60%20%E2%80%98%20%23%20%5C";

#[test]
fn openssl_takes_the_certificate() -> Result<(), Failure> {
    let desk =
        Desk::new("certificate = { file = \"app.crt\" }\nprivate_key = { file = \"app.key\" }")?;
    for size in ["2048", "3072", "4096"] {
        let key = format!("rsa{size}");
        desk.gatepost(&[
            "registration",
            "certificate",
            NAME,
            "--key",
            &key,
            "--days",
            "30",
        ])?;
        let verified = desk.run("openssl", &["verify", "-CAfile", "app.crt", "app.crt"])?;
        assert_eq!(verified, "app.crt: OK\n");
        let shown = desk.run("openssl", &["x509", "-in", "app.crt", "-noout", "-text"])?;
        assert!(
            shown.contains(&format!("Public-Key: ({size} bit)")),
            "{shown}"
        );
        assert!(shown.contains("CA:FALSE"), "{shown}");
        let of_key = desk.run("openssl", &["pkey", "-in", "app.key", "-pubout"])?;
        let of_certificate =
            desk.run("openssl", &["x509", "-in", "app.crt", "-noout", "-pubkey"])?;
        assert_eq!(of_key, of_certificate, "they belong together");
        let print = desk.run(
            "openssl",
            &[
                "x509",
                "-in",
                "app.crt",
                "-noout",
                "-fingerprint",
                "-sha256",
            ],
        )?;
        let manifest = desk.gatepost(&["registration", "manifest", NAME, "--json"])?;
        let manifest: Value = serde_json::from_str(&manifest)?;
        let hex = print.trim_end().replace(':', "").to_lowercase();
        let id = manifest["keyCredentials"][0]["keyId"]
            .as_str()
            .unwrap_or_default();
        assert!(hex.contains(&id[..8]), "{id} is of {hex}");
        for file in ["app.crt", "app.key"] {
            fs::remove_file(desk.path(file))?;
        }
    }
    Ok(())
}

#[test]
fn openssl_opens_an_encrypted_key() -> Result<(), Failure> {
    let desk = Desk::new(
        "certificate = { file = \"app.crt\" }\nprivate_key = { file = \"app.key\" }\n\
         private_key_password = { file = \"password\" }",
    )?;
    write_private(&desk.path("password"), "correct horse")?;
    desk.gatepost(&["registration", "certificate", NAME, "--key", "rsa2048"])?;
    let opened = [
        "pkey",
        "-in",
        "app.key",
        "-passin",
        "file:password",
        "-noout",
    ];
    desk.run("openssl", &opened)?;
    let wrong = Command::new("openssl")
        .args(["pkey", "-in", "app.key", "-passin", "pass:wrong", "-noout"])
        .current_dir(desk.0.path())
        .output()?;
    assert!(!wrong.status.success(), "another password does not");
    Ok(())
}

#[test]
fn curl_is_asked_to_set_up_a_new_app() -> Result<(), Failure> {
    let desk =
        Desk::new("certificate = { file = \"app.crt\" }\nprivate_key = { file = \"app.key\" }")?;
    desk.gatepost(&["registration", "certificate", NAME, "--key", "rsa2048"])?;
    let output = desk.set_up("graph", "nothing")?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("client_id = \"new-client\""), "{said}");
    assert!(
        said.contains("does not need: Microsoft Graph unused"),
        "{said}"
    );
    let asked = desk.asked()?;
    let paths: Vec<String> = asked
        .iter()
        .map(|ask| format!("{} {}", ask.method, ask.path))
        .collect();
    assert_eq!(
        paths,
        [
            "GET /v1.0/applications?$filter=appId%20eq%20%27bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc%27",
            &format!("GET /v1.0/applications?$filter=displayName%20eq%20%27{TITLE_IN_ADDRESS}%27"),
            "POST /v1.0/applications",
            "PATCH /v1.0/applications/app-object",
            "GET /v1.0/applications/app-object?$select=keyCredentials",
            "PATCH /v1.0/applications/app-object",
            "GET /v1.0/servicePrincipals?$filter=appId%20eq%20%27new-client%27",
            "POST /v1.0/servicePrincipals",
            "GET /v1.0/servicePrincipals?$filter=appId%20eq%20%2700000002-0000-0ff1-ce00-000000000000%27&$select=id,appRoles,oauth2PermissionScopes",
            "GET /v1.0/servicePrincipals/enterprise-object/appRoleAssignments",
            "POST /v1.0/servicePrincipals/enterprise-object/appRoleAssignments",
        ]
    );
    assert_eq!(asked[2].body["displayName"], format!("Gatepost {NAME}"));
    assert_eq!(
        asked[10].body,
        json!({ "principalId": "enterprise-object", "resourceId": "exchange-object", "appRoleId": "imap-role" })
    );
    let keys = asked[5].body["keyCredentials"]
        .as_array()
        .ok_or("an array")?;
    assert_eq!(
        keys[0],
        json!({ "keyId": "old", "key": "b2xk" }),
        "the old one is sent back"
    );
    assert_eq!(keys[1]["usage"], "Verify");
    assert_eq!(keys.len(), 2);
    for ask in &asked {
        assert_eq!(
            ask.authorization,
            "header = \"Authorization: Bearer graph-token\"\n"
        );
        assert!(
            !ask.arguments.contains("graph-token"),
            "arguments are seen by everybody"
        );
    }
    desk.assert_exchange_follows("new-client")?;
    desk.assert_no_harm()
}

#[test]
fn a_run_after_a_failure_makes_no_second_app() -> Result<(), Failure> {
    let desk = Desk::new("secret = { file = \"secret\" }")?;
    for (style, tenant, clients) in [
        ("graph", "the-name", "first-client:"),
        ("az", "the-name-twice", "first-client, second-client:"),
    ] {
        let output = desk.set_up(style, tenant)?;
        assert_eq!(output.status.code(), Some(65));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(clients), "{said}");
        assert!(said.contains(&format!("[registration.{NAME}]")), "{said}");
    }
    let asked = desk.asked()?;
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().all(|ask| ask.method == "GET"), "{asked:?}");
    desk.assert_no_harm()
}

#[test]
fn what_was_permitted_and_registered_before_stays() -> Result<(), Failure> {
    let desk = Desk::with("", "device_code")?;
    let output = desk.set_up("graph", "everything")?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let asked = desk.asked()?;
    let changes: Vec<_> = asked.iter().filter(|ask| ask.method != "GET").collect();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert_eq!(
        changes[0].body["publicClient"],
        json!({ "redirectUris": ["http://127.0.0.1", "http://localhost"] })
    );
    assert_eq!(changes[0].body["isFallbackPublicClient"], true);
    assert_eq!(changes[0].body["displayName"], Value::Null);
    assert_eq!(changes[1].path, "/v1.0/oauth2PermissionGrants/old-grant");
    assert_eq!(
        changes[1].body,
        json!({ "scope": "Calendars.Read IMAP.AccessAsUser.All" })
    );
    desk.assert_no_harm()
}

#[test]
fn az_adds_nothing_where_everything_is_there() -> Result<(), Failure> {
    let desk =
        Desk::new("certificate = { file = \"app.crt\" }\nprivate_key = { file = \"app.key\" }")?;
    desk.gatepost(&["registration", "certificate", NAME, "--key", "rsa2048"])?;
    // The second run finds what the first one made.
    let certificate: Value = serde_json::from_str(&desk.gatepost(&[
        "registration",
        "manifest",
        NAME,
        "--format",
        "graph",
        "--json",
    ])?)?;
    fs::write(
        desk.path("keys.json"),
        certificate["keyCredentials"].to_string(),
    )?;
    let output = desk.set_up("az", "everything")?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let asked = desk.asked()?;
    let changes: Vec<_> = asked.iter().filter(|ask| ask.method != "GET").collect();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(
        changes[0].body["requiredResourceAccess"][0]["resourceAccess"],
        json!([
            { "id": "5e5addcd-3e8d-4e90-baf5-964efab2b20a", "type": "Role" },
            { "id": "other", "type": "Role" },
        ]),
        "what is there stays"
    );
    desk.assert_exchange_follows("bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc")?;
    desk.assert_no_harm()
}

#[test]
fn a_secret_goes_into_its_file_and_nowhere_else() -> Result<(), Failure> {
    let desk = Desk::new("secret = { file = \"it's secret\" }")?;
    let output = desk.set_up("graph", "nothing")?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(fs::read_to_string(desk.path("it's secret"))?, "s3cret\n");
    let mode = fs::metadata(desk.path("it's secret"))?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("s3cret"));
    desk.gatepost(&["config", "check", "--secrets"])?;
    desk.assert_no_harm()
}

#[test]
fn a_secret_that_cannot_be_kept_is_not_made() -> Result<(), Failure> {
    let desk = Desk::new("secret = { file = \"it's missing/secret\" }")?;
    assert!(!desk.set_up("graph", "nothing")?.status.success());
    let asked = desk.asked()?;
    assert!(
        !asked.iter().any(|ask| ask.path.ends_with("/addPassword")),
        "{asked:?}"
    );

    let desk = Desk::new("secret = { file = \"it's secret\" }")?;
    assert!(!desk.set_up("graph", "no-secrets")?.status.success());
    assert!(
        !desk.path("it's secret").exists(),
        "an empty one would stay"
    );
    assert!(desk.set_up("graph", "nothing")?.status.success());
    assert_eq!(fs::read_to_string(desk.path("it's secret"))?, "s3cret\n");
    desk.assert_no_harm()
}

/// A folder with a configuration for an app, and programs that write down what they are asked.
struct Desk(TempDir);

/// One request to Microsoft Graph.
#[derive(Debug)]
struct Ask {
    method: String,
    path: String,
    body: Value,
    arguments: String,
    authorization: String,
}

impl Desk {
    fn new(proof: &str) -> Result<Self, Failure> {
        Self::with(proof, "client_credentials")
    }

    fn with(proof: &str, grant: &str) -> Result<Self, Failure> {
        let desk = Self(tempfile::tempdir()?);
        let name = serde_json::to_string(NAME)?;
        let text = format!(
            "[registration.{name}]\ntenant = \"contoso.onmicrosoft.com\"\n\
             client_id = \"bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc\"\n{proof}\n\n\
             [mailbox.\"o'brien$(touch${{IFS}}harm)@contoso.com\"]\nregistration = {name}\n\
             grant = \"{grant}\"\n"
        );
        fs::write(desk.path("gatepost.toml"), text)?;
        fs::create_dir(desk.path("bin"))?;
        for (program, script) in [("curl", ASKED), ("az", ASKED), ("pwsh", POWERSHELL)] {
            let path = desk.path("bin").join(program);
            fs::write(&path, script)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        }
        Ok(desk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn gatepost(&self, arguments: &[&str]) -> Result<String, Failure> {
        let output = gatepost()?
            .arg("--config")
            .arg(self.path("gatepost.toml"))
            .args(arguments)
            .output()?;
        printed(&output)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String, Failure> {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .map_err(|error| format!("{program}: {error}; cargo xtask test installs it"))?;
        printed(&output)
    }

    /// Has Bash run the script of that style in a tenant that has `tenant`.
    fn set_up(&self, style: &str, tenant: &str) -> Result<Output, Failure> {
        let script = self.gatepost(&["registration", "script", NAME, "--style", style])?;
        fs::write(self.path("set-up.sh"), script)?;
        let folder = self.0.path().display();
        let output = Command::new("bash")
            .arg("set-up.sh")
            .current_dir(self.0.path())
            .env("PATH", format!("{folder}/bin:/usr/bin:/bin"))
            .env("TMPDIR", self.0.path())
            .env("GRAPH_TOKEN", "graph-token")
            .env("TENANT_HAS", tenant)
            .env("ASKED", self.path("asked"))
            .output()?;
        Ok(output)
    }

    fn asked(&self) -> Result<Vec<Ask>, Failure> {
        let mut asked = Vec::new();
        for number in 1.. {
            let folder = self.path("asked").join(number.to_string());
            let Ok(arguments) = fs::read_to_string(folder.join("arguments")) else {
                break;
            };
            let part = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
            let url = part("url");
            let body = part("body");
            asked.push(Ask {
                method: part("method"),
                path: url
                    .strip_prefix("https://graph.microsoft.com")
                    .ok_or("another address")?
                    .to_owned(),
                body: if body.is_empty() {
                    Value::Null
                } else {
                    serde_json::from_str(&body)?
                },
                arguments,
                authorization: part("authorization"),
            });
        }
        Ok(asked)
    }

    /// PowerShell was given Exchange's half, and the enterprise application's object id.
    fn assert_exchange_follows(&self, client: &str) -> Result<(), Failure> {
        let script = fs::read_to_string(self.path("asked/exchange.ps1"))?;
        assert!(
            script.contains(
                "Add-MailboxPermission -Identity 'o''brien$(touch${ifs}harm)@contoso.com'"
            )
        );
        assert!(script.is_ascii(), "the code page of the reader is not ours");
        let given = fs::read_to_string(self.path("asked/exchange.ids"))?;
        assert_eq!(given, format!("{client} enterprise-object\n"));
        Ok(())
    }

    fn assert_no_harm(&self) -> Result<(), Failure> {
        let left: Vec<_> = fs::read_dir(self.0.path())?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<_, _>>()?;
        assert!(!left.iter().any(|name| name == "harm"), "{left:?}");
        let temporary = left
            .iter()
            .any(|name| name.to_string_lossy().starts_with("tmp."));
        assert!(!temporary, "nothing is left behind: {left:?}");
        Ok(())
    }
}

fn printed(output: &Output) -> Result<String, Failure> {
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout.clone())?)
}

fn write_private(path: &Path, content: &str) -> Result<(), Failure> {
    fs::write(path, content)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o600),
    )?)
}

/// In the place of curl and of az: writes down each request, and answers as a tenant would.
const ASKED: &str = r#"#!/usr/bin/env bash
set -eu
case "${1:-} ${2:-}" in "cloud set" | "login "*) exit 0 ;; esac
mkdir -p "$ASKED"
number=$(($(find "$ASKED" -mindepth 1 -maxdepth 1 -type d | wc -l) + 1))
here="$ASKED/$number"
mkdir "$here"
printf '%s\n' "$@" >"$here/arguments"
method= url= body=
while [ $# -gt 0 ]; do
    case "$1" in
    --request | --method) method="$2"; shift ;;
    --data | --body) body="$2"; shift ;;
    --config) cat "$2" >"$here/authorization"; shift ;;
    --url) url="$2"; shift ;;
    --header | --headers | --resource) shift ;;
    https://*) url="$1" ;;
    esac
    shift
done
printf '%s' "$method" >"$here/method"
printf '%s' "$url" >"$here/url"
printf '%s' "$body" >"$here/body"
everything() { [ "$TENANT_HAS" = everything ]; }
case "$method $url" in
*'/applications?'*displayName*)
    case "$TENANT_HAS" in
    the-name) echo '{"value":[{"appId":"first-client"}]}' ;;
    the-name-twice) echo '{"value":[{"appId":"first-client"},{"appId":"second-client"}]}' ;;
    *) echo '{"value":[]}' ;;
    esac ;;
*'/applications?'*)
    if everything; then
        echo '{"value":[{"id":"app-object","publicClient":{"redirectUris":["http://127.0.0.1"]},"requiredResourceAccess":[{"resourceAppId":"00000002-0000-0ff1-ce00-000000000000","resourceAccess":[{"id":"other","type":"Role"}]}]}]}'
    else echo '{"value":[]}'; fi ;;
"POST "*/applications) echo '{"id":"app-object","appId":"new-client"}' ;;
"GET "*keyCredentials)
    if everything; then printf '{"keyCredentials":%s}' "$(cat keys.json)"
    else echo '{"keyCredentials":[{"keyId":"old","key":"b2xk"}]}'; fi ;;
*/addPassword)
    [ "$TENANT_HAS" != no-secrets ] || exit 22
    echo '{"secretText":"s3cret"}' ;;
*00000002-0000*) echo '{"value":[{"id":"exchange-object","appRoles":[{"id":"imap-role","value":"IMAP.AccessAsApp"}]}]}' ;;
*00000003-0000*) echo '{"value":[{"id":"graph-object"}]}' ;;
"GET "*/users/*) echo '{"id":"person"}' ;;
"GET "*/oauth2PermissionGrants) echo '{"value":[
    {"id":"old-grant","principalId":"person","resourceId":"exchange-object","scope":"Calendars.Read"},
    {"id":"whole-grant","principalId":"person","resourceId":"graph-object","scope":" profile offline_access openid"},
    {"id":"of-another","principalId":"another","resourceId":"exchange-object","scope":"SMTP.Send"}]}' ;;
"GET "*'/servicePrincipals?'*)
    if everything; then echo '{"value":[{"id":"enterprise-object"}]}'; else echo '{"value":[]}'; fi ;;
"POST "*/servicePrincipals) echo '{"id":"enterprise-object"}' ;;
"GET "*/appRoleAssignments)
    if everything; then echo '{"value":[{"appRoleId":"imap-role","resourceDisplayName":"Office 365 Exchange Online"}]}'
    else echo '{"value":[{"appRoleId":"unused","resourceDisplayName":"Microsoft Graph"}]}'; fi ;;
*) : ;;
esac
"#;

/// In the place of pwsh: keeps the script, and what it was given.
const POWERSHELL: &str = r#"#!/usr/bin/env bash
set -eu
while [ $# -gt 1 ]; do shift; done
cp "$1" "$ASKED/exchange.ps1"
echo "$GATEPOST_CLIENT_ID $GATEPOST_ENTERPRISE_OBJECT_ID" >"$ASKED/exchange.ids"
"#;
