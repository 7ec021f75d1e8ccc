//! `docs/recipes/dovecot.md`, followed: a Dovecot that knows passwords, in front of one that knows
//! only tokens.

use std::fs;
use std::path::Path;

use gatepost_peers::{Dovecot, IdentityEndpoint, Program, RawImap, installed};

type Failure = Box<dyn std::error::Error>;

const ADA: &str = "ada@contoso.com";
const BOB: &str = "bob@contoso.com";

#[test]
fn a_password_of_ones_own_opens_a_mailbox_behind_tokens() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let behind = Dovecot::start(&identity)?;
    behind.deliver(ADA, "INBOX", b"Subject: behind\r\n\r\nhello\r\n")?;
    let service = TokenService::set_up(&identity, &behind)?;

    let mut ada = service.sign_in(&identity, ADA, "of Ada's own")?;
    let answer = ada.command("EXAMINE INBOX")?;
    assert!(
        answer.contains("* 1 EXISTS"),
        "{answer}{}",
        service.front.log()
    );
    let message = ada.command("FETCH 1 BODY.PEEK[]")?;
    assert!(message.contains("Subject: behind"), "{message}");
    assert!(behind.log().contains("method=XOAUTH2"), "{}", behind.log());
    Ok(())
}

#[test]
fn who_has_no_password_or_no_token_stays_outside() -> Result<(), Failure> {
    let identity = IdentityEndpoint::start()?;
    let behind = Dovecot::start(&identity)?;
    let service = TokenService::set_up(&identity, &behind)?;
    for (user, password) in [
        (ADA, "guessed"),
        (ADA, Dovecot::PASSWORD),
        // There is no file with a token for Bob.
        (BOB, "of Bob's own"),
        ("../tokens/ada@contoso.com", "of Ada's own"),
    ] {
        let refused = service.sign_in(&identity, user, password).err();
        let refused = refused.ok_or_else(|| format!("{user} came in with {password}"))?;
        assert!(refused.to_string().contains("a NO"), "{refused}");
    }
    assert!(!behind.log().contains("Login:"), "{}", behind.log());
    Ok(())
}

/// The proxy as the page sets it up, with a token for Ada.
struct TokenService {
    front: Dovecot,
    _program: Program,
}

impl TokenService {
    fn set_up(identity: &IdentityEndpoint, behind: &Dovecot) -> Result<Self, Failure> {
        installed("modules/auth/libauthdb_lua.so", "dovecot-auth-lua")?;
        let mailbox = format!(
            "[mailbox.\"{ADA}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n"
        );
        let program = Program::new(identity, behind, &mailbox)?;
        let folder = program.folder();
        let tokens = folder.join("tokens");
        fs::create_dir(&tokens)?;
        let token = tokens.join(ADA);
        let output = program.run(&["token", ADA, "--output", &token.to_string_lossy()])?;
        assert!(output.status.success(), "{output:?}");
        let users = format!("{ADA}:{{PLAIN}}of Ada's own\n{BOB}:{{PLAIN}}of Bob's own\n");
        fs::write(folder.join("users"), users)?;

        let authority = identity
            .authority()
            .certificate_file()
            .display()
            .to_string();
        let here = |text: String| {
            text.replace("/var/lib/gatepost-tokens", &tokens.to_string_lossy())
                .replace("/etc/dovecot", &folder.to_string_lossy())
                .replace("/etc/ssl/certs/ca-certificates.crt", &authority)
                .replace("outlook.office365.com", "localhost")
                .replace("\"993\"", &format!("\"{}\"", behind.imaps().port()))
        };
        fs::write(
            folder.join("gatepost.lua"),
            here(block("function auth_passdb_lookup")?),
        )?;
        let front = Dovecot::start_in_front(identity, &here(block("passdb {")?))?;
        Ok(Self {
            front,
            _program: program,
        })
    }

    /// Signs in by name and password, or says with what answer that failed.
    fn sign_in(
        &self,
        identity: &IdentityEndpoint,
        user: &str,
        password: &str,
    ) -> Result<RawImap, Failure> {
        let mut imap = RawImap::connect(identity, &self.front)?;
        let answer = imap.command(&format!("LOGIN \"{user}\" \"{password}\""))?;
        if answer.lines().any(|line| line.starts_with("a OK")) {
            Ok(imap)
        } else {
            Err(format!("{answer}{}", self.front.log()).into())
        }
    }
}

/// The block of the page that holds these words, without its indentation.
fn block(words: &str) -> Result<String, Failure> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recipes/dovecot.md");
    let page = fs::read_to_string(page)?;
    let found = page
        .split("```")
        .skip(1)
        .step_by(2)
        .find(|block| block.contains(words));
    let found = found.ok_or_else(|| format!("no block with {words}"))?;
    let lines = found.lines().skip(1);
    let lines = lines.map(|line| line.strip_prefix("   ").unwrap_or(line));
    Ok(lines.collect::<Vec<_>>().join("\n") + "\n")
}
