//! Who stands where: the servers behind, the relays in the middle, and the doors.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use gatepost_benches::{
    Caller, Origin, Passage, Place, Relay, SignIn, certificate, free_address, processor, until,
};
use gatepost_host::Trust;
use gatepost_peers::{
    App, Dovecot, IdentityEndpoint, Offer, Postfix, Program, Proof, Running, large_message,
};
use rustls::ClientConfig;

/// Who stands in the middle.
pub(crate) struct Way<'a> {
    pub(crate) name: &'static str,
    pub(crate) place: &'a Place,
    pub(crate) sign_in: &'a SignIn,
    /// Its process, if there is one.
    pub(crate) process: Option<u32>,
}

/// Where one relay can be reached.
pub(crate) struct Doors {
    /// IMAP in TLS.
    pub(crate) imap: Place,
    /// IMAP in clear.
    pub(crate) clear: Place,
    pub(crate) smtp: Place,
    pub(crate) spool: Place,
}

/// Everything that is measured.
pub(crate) struct Stand {
    pub(crate) doors: Doors,
    /// `haproxy` in front of Dovecot and Postfix.
    pub(crate) haproxy: Doors,
    /// `haproxy` in front of the origin.
    pub(crate) haproxy_light: Doors,
    pub(crate) direct: Place,
    pub(crate) relay: Relay,
    pub(crate) token: SignIn,
    pub(crate) password: SignIn,
    /// What Dovecot itself takes.
    pub(crate) own_password: SignIn,
    pub(crate) gatepost: Running,
    pub(crate) program: Program,
    pub(crate) identity: IdentityEndpoint,
    origin: Origin,
    _postfix: Postfix,
    dovecot: Dovecot,
}

impl Stand {
    /// Starts all of them, and delivers what this part reads.
    pub(crate) fn start(part: &str) -> anyhow::Result<Self> {
        let identity = IdentityEndpoint::start_with(vec![
            app(IdentityEndpoint::CLIENT_ID),
            app(LIGHT_CLIENT_ID),
        ])?;
        let dovecot = Dovecot::start(&identity)?;
        let offer = Offer {
            open: true,
            ..Offer::default()
        };
        let postfix = Postfix::start_offering(&identity, &dovecot, offer)?;
        if part == "downloads" {
            for _ in 0..LARGE {
                dovecot.deliver(ADA, "INBOX", &large_message(LARGE_OCTETS as usize))?;
            }
        }
        if part == "commands" {
            for _ in 0..SMALL {
                dovecot.deliver(BOB, "INBOX", &large_message(SMALL_OCTETS as usize))?;
            }
        }
        let origin = Origin::start(&identity, (LARGE, LARGE_OCTETS as usize))?;
        let authority = identity.authority().certificate_file();
        let tls = Trust::with_authority(authority)?.client_config()?;
        let doors = Doors::free(&tls)?;
        let mut text = configuration(&doors, &identity, &origin);
        if part == "spool-sending" {
            text.push_str(UNPACED);
        }
        let program = Program::sending(&identity, &dovecot, &postfix, &text)?;
        certificate(&identity, program.folder())?;
        let password = new_password(&program)?;
        let mut gatepost = program.start(&["serve"])?;
        listening(&mut gatepost, &program, &doors)?;
        let haproxy = Doors::free(&tls)?;
        let haproxy_light = Doors::free(&tls)?;
        let passages = [
            passage(&haproxy.imap, dovecot.imaps()),
            passage(&haproxy.clear, dovecot.imaps()),
            passage(&haproxy.smtp, postfix.submissions()),
            passage(&haproxy_light.imap, origin.address()),
            passage(&haproxy_light.clear, origin.address()),
        ];
        let relay = Relay::haproxy(&identity, &passages)?;
        let token = identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
        Ok(Self {
            doors,
            haproxy,
            haproxy_light,
            direct: Place {
                address: dovecot.imaps(),
                tls: Some(Arc::clone(&tls)),
            },
            relay,
            token: SignIn::Token(token),
            password: SignIn::Password(password),
            own_password: SignIn::Password(Dovecot::PASSWORD.to_owned()),
            gatepost,
            program,
            identity,
            origin,
            _postfix: postfix,
            dovecot,
        })
    }

    pub(crate) fn direct(&self) -> Way<'_> {
        Way {
            name: "direct",
            place: &self.direct,
            sign_in: &self.token,
            process: None,
        }
    }

    pub(crate) fn haproxy(&self) -> Way<'_> {
        self.through_haproxy(&self.haproxy.imap)
    }

    pub(crate) fn through_haproxy<'a>(&'a self, place: &'a Place) -> Way<'a> {
        Way {
            name: "haproxy",
            place,
            sign_in: &self.token,
            process: Some(self.relay.id()),
        }
    }

    pub(crate) fn gatepost(&self) -> Way<'_> {
        self.through_gatepost(&self.doors.imap)
    }

    pub(crate) fn through_gatepost<'a>(&'a self, place: &'a Place) -> Way<'a> {
        Way {
            name: "gatepost",
            place,
            sign_in: &self.password,
            process: Some(self.gatepost.id()),
        }
    }

    /// `emailproxy` in front of Dovecot, in TLS.
    pub(crate) fn emailproxy(&self) -> anyhow::Result<(Relay, Place)> {
        self.start_emailproxy(ADA, (self.direct.tls.as_ref(), self.dovecot.imaps()))
    }

    /// `emailproxy` in front of the origin, in clear.
    pub(crate) fn emailproxy_light(&self) -> anyhow::Result<(Relay, Place)> {
        self.start_emailproxy(LIGHT, (None, self.origin.address()))
    }

    fn start_emailproxy(
        &self,
        user: &str,
        (tls, far): (Option<&Arc<ClientConfig>>, SocketAddr),
    ) -> anyhow::Result<(Relay, Place)> {
        let near = Place {
            address: free_address()?,
            tls: tls.map(Arc::clone),
        };
        let relay = Relay::emailproxy(&self.identity, user, passage(&near, far))?;
        Ok((relay, near))
    }

    pub(crate) fn through_emailproxy<'a>(&'a self, (relay, place): &'a (Relay, Place)) -> Way<'a> {
        Way {
            name: "emailproxy",
            place,
            sign_in: &self.own_password,
            process: Some(relay.id()),
        }
    }
}

impl Doors {
    fn free(tls: &Arc<ClientConfig>) -> anyhow::Result<Self> {
        let place = |tls: Option<&Arc<ClientConfig>>| {
            Ok::<_, anyhow::Error>(Place {
                address: free_address()?,
                tls: tls.map(Arc::clone),
            })
        };
        Ok(Self {
            imap: place(Some(tls))?,
            clear: place(None)?,
            smtp: place(Some(tls))?,
            spool: place(None)?,
        })
    }
}

impl Way<'_> {
    pub(crate) fn call(&self, user: &str) -> anyhow::Result<Caller> {
        let called = Caller::imap(self.place, user, self.sign_in);
        called.with_context(|| format!("{}: no session", self.name))
    }

    /// The processor time of its process so far.
    pub(crate) fn worked(&self) -> anyhow::Result<Duration> {
        self.process.map_or(Ok(Duration::ZERO), processor)
    }
}

fn app(client_id: &str) -> App {
    App {
        client_id: client_id.to_owned(),
        proof: Proof::Secret(IdentityEndpoint::CLIENT_SECRET.to_owned()),
    }
}

fn passage(near: &Place, far: SocketAddr) -> Passage {
    Passage {
        near: near.address,
        in_tls: near.tls.is_some(),
        far,
    }
}

fn configuration(doors: &Doors, identity: &IdentityEndpoint, origin: &Origin) -> String {
    let mut text = format!(
        "[cloud.light]\nlogin = \"{}\"\nimap = \"localhost:{}\"\nca_file = \"{}\"\n\n\
         [registration.light]\ncloud = \"light\"\ntenant = \"{}\"\nclient_id = \"{}\"\n\
         secret = {{ file = \"client.secret\" }}\n\n",
        identity.login_url(),
        origin.address().port(),
        identity.authority().certificate_file().display(),
        IdentityEndpoint::TENANT,
        LIGHT_CLIENT_ID,
    );
    for (mailbox, registration, rest) in [
        (ADA, "peers", "send = \"smtp\"\n"),
        (BOB, "peers", "send = \"smtp\"\n"),
        (LIGHT, "light", ""),
    ] {
        let _ = write!(
            text,
            "[mailbox.\"{mailbox}\"]\nregistration = \"{registration}\"\n\
             grant = \"client_credentials\"\n{rest}\n"
        );
    }
    let door = |name: &str, place: &Place, rest: &str| {
        let tls = if place.tls.is_some() {
            "tls = \"implicit\"\ncertificate = { file = \"door.pem\", key = \"door.key\" }\n"
        } else {
            ""
        };
        format!(
            "[gateway.{name}]\nlisten = \"{}\"\nconnections = 10_000\n\
             connections_per_address = 10_000\n{tls}{rest}\n",
            place.address
        )
    };
    text.push_str(&door("imap", &doors.imap, ""));
    text.push_str(&door("clear", &doors.clear, "protocol = \"imap\"\n"));
    text.push_str(&door("smtp", &doors.smtp, ""));
    let spool = "protocol = \"smtp\"\nupstream = \"spool\"\n";
    text.push_str(&door("spool", &doors.spool, spool));
    text
}

/// The outbox sends as if Exchange had no limits.
const UNPACED: &str = "[outbox]\nmessages_per_minute = 1_000_000\nrecipients_per_day = 1_000_000\n";

/// The same app password for all mailboxes.
fn new_password(program: &Program) -> anyhow::Result<String> {
    let chosen = "a-chosen-password-of-the-benchmark";
    for mailbox in [ADA, BOB, LIGHT] {
        let mut command = program.command();
        command.args(["password", "add", mailbox, "--stdin"]);
        let mut adding = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let stdin = adding.stdin.take().context("it has a standard input")?;
        { stdin }.write_all(format!("{chosen}\n").as_bytes())?;
        if !adding.wait()?.success() {
            bail!("no app password is made");
        }
    }
    Ok(chosen.to_owned())
}

fn listening(gatepost: &mut Running, program: &Program, doors: &Doors) -> anyhow::Result<()> {
    for door in [&doors.imap, &doors.clear, &doors.smtp, &doors.spool] {
        until("the doors", || {
            if !gatepost.is_alive() {
                bail!("gatepost ended early\n{}", program.log());
            }
            Ok(std::net::TcpStream::connect(door.address).is_ok())
        })?;
    }
    Ok(())
}

/// Reads large messages from Dovecot, and sends.
pub(crate) const ADA: &str = "ada@contoso.com";
/// Has many small messages in Dovecot.
pub(crate) const BOB: &str = "bob@contoso.com";
/// Reads from the origin.
pub(crate) const LIGHT: &str = "light@contoso.com";
pub(crate) const LARGE: u32 = 4;
pub(crate) const LARGE_OCTETS: u32 = 50 * 1024 * 1024;
pub(crate) const SMALL: u32 = 10_000;
pub(crate) const SMALL_OCTETS: u32 = 4_096;
/// As many clients at a time.
pub(crate) const SEVERAL: u32 = 16;
pub(crate) const ROUNDS: u32 = 5;
/// An app is in one cloud only.
const LIGHT_CLIENT_ID: &str = "0d6b1f4e-5f0c-4f6e-9d55-6c1f5a1b7e21";
