//! What tokens cost: `gatepost token` from a warm cache against a Python program with MSAL and
//! against an empty program; signed assertions in a second against what OpenSSL signs with a key
//! of the same size, by the processor time of one thread on either side, in turns; and the memory and processor time of ten thousand credentials kept alive.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use gatepost_benches::{Sample, Stopwatch, Workload, compare, judge, report, until};
use gatepost_host::{Chance, Clock, Tasks, environment};
use gatepost_oauth::answers::Reply;
use gatepost_oauth::{
    Asking, Audience, Certificate, CertificateFiles, Cloud, Credential, CredentialId, Endpoint,
    Event, Form, Generation, Grant, GrantState, GrantStoreError, Grants, Means, Opening,
    PasswordFrom, Proof, Registration, Signing, Step, Surroundings, Tenant, TokenError,
    TokenKeeper, TokenSource as _,
};
use gatepost_peers::{Dovecot, IdentityEndpoint, Program};

fn main() -> anyhow::Result<()> {
    warm()?;
    assertions()?;
    kept_alive()
}

/// A token from a warm cache, as three programs give it.
fn warm() -> anyhow::Result<()> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start(&identity)?;
    let program = Program::new(&identity, &dovecot, &configuration())?;
    let _serve = program.start(&["serve"])?;
    until("a token", || {
        Ok(program.run(&["token", USER])?.status.success())
    })?;
    let socket = program.folder().join("empty.socket");
    // Nobody accepts: as long as the backlog is not full, a connect is complete without.
    let _listener = UnixListener::bind(&socket).context("cannot make a socket")?;
    let msal = Msal::prepared(&identity, program.folder())?;
    let (mut ours, mut python, mut empty) =
        (Sample::default(), Sample::default(), Sample::default());
    for round in 0..ROUNDS {
        time(&mut ours, program.command().args(["token", USER]))?;
        time(&mut empty, Command::new(EMPTY).arg(&socket))?;
        if round % PYTHON_EVERY == 0 {
            time(&mut python, &mut msal.command())?;
        }
    }
    let what = "a token from a warm cache";
    let ratio = compare(what, ("token", &ours), ("MSAL", &python));
    judge("at least 50 times as fast", ratio >= 50.0);
    compare(what, ("token", &ours), ("empty", &empty));
    Ok(())
}

/// A Python program that does the same with Microsoft's own library.
struct Msal {
    python: PathBuf,
    script: PathBuf,
    arguments: Vec<String>,
}

impl Msal {
    /// Its cache is warm when this returns.
    fn prepared(identity: &IdentityEndpoint, folder: &Path) -> anyhow::Result<Self> {
        let python = environment::path("GATEPOST_BENCH_PYTHON")
            .context("GATEPOST_BENCH_PYTHON names no Python with MSAL; run: cargo xtask bench")?;
        let script = folder.join("msal_token.py");
        std::fs::write(&script, SCRIPT)?;
        let tenant = format!("{}/{}", identity.login_url(), IdentityEndpoint::TENANT);
        let authority = identity.authority().certificate_file().display();
        let arguments = vec![
            tenant,
            IdentityEndpoint::CLIENT_ID.to_owned(),
            IdentityEndpoint::CLIENT_SECRET.to_owned(),
            folder.join("msal.cache").display().to_string(),
            authority.to_string(),
        ];
        let msal = Self {
            python,
            script,
            arguments,
        };
        time(&mut Sample::default(), &mut msal.command())?;
        Ok(msal)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(&self.script).args(&self.arguments);
        // These would take the place of the authority that the script names.
        for name in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] {
            command.env_remove(name);
        }
        command
    }
}

fn time(sample: &mut Sample, command: &mut Command) -> anyhow::Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let watch = Stopwatch::start();
    let status = command.status().context("a program does not start")?;
    sample.push(watch.elapsed());
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Token requests with a fresh assertion, and bare signatures of OpenSSL.
fn assertions() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (key, certificate) = (folder.path().join("key"), folder.path().join("certificate"));
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-subj", "/CN=bench", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .context("openssl does not start")?;
    if !made.status.success() {
        bail!("openssl makes no certificate");
    }
    let (key, certificate) = (std::fs::read(key)?, std::fs::read(certificate)?);
    let mut ours = Vec::new();
    for (name, signing) in [("PS256", Signing::Ps256), ("RS256", Signing::Rs256)] {
        let mut proof = Certificate::read(&CertificateFiles {
            name: "bench",
            certificate: &certificate,
            key: Some(&key),
            password: None,
        })?;
        proof.signing = signing;
        let asking = asking(Proof::Certificate(Box::new(proof)))?;
        ours.push((name, asking, Sample::default()));
    }
    let mut openssl = Sample::default();
    // In turns: how fast the machine is changes from one second to the next.
    for _ in 0..SIGNING_ROUNDS {
        openssl.push(Duration::from_secs_f64(1.0 / openssl_signatures()?));
        for (_, asking, sample) in &mut ours {
            sample.push(time_of_a_request(asking)?);
        }
    }
    for (name, _, sample) in &ours {
        let each = |sample: &Sample| 1.0 / sample.median().as_secs_f64();
        let share = each(sample) / each(&openssl);
        report(&format!(
            "{:.0} {name} assertions in a second (spread {:.0} %), {:.0} % of the {:.0} signatures \
             of openssl (spread {:.0} %)",
            each(sample),
            sample.spread() * 100.0,
            share * 100.0,
            each(&openssl),
            openssl.spread() * 100.0
        ));
        judge("at least 90 %", share >= 0.9);
    }
    Ok(())
}

/// What `openssl speed` says of one thread, in a second of its processor time.
fn openssl_signatures() -> anyhow::Result<f64> {
    let output = Command::new("openssl")
        .args(["speed", "-mr", "-seconds", "1", "rsa2048"])
        .stderr(Stdio::null())
        .output()
        .context("openssl does not start")?;
    // "+F2:2:2048:<signatures in a second>:<checks in a second>" since OpenSSL 3
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("+F2:"));
    let rate = line.and_then(|line| line.split(':').nth(2)?.parse::<f64>().ok());
    rate.context("openssl speed says nothing of rsa2048")
}

/// The processor time of one request.
fn time_of_a_request(asking: &Asking) -> anyhow::Result<Duration> {
    let grant = Grant::named("client_credentials").context("it is in the list")?;
    let (work, clock) = (Workload::start(), Clock::system());
    let mut requests = 0_u32;
    while work.so_far() < SIGNING {
        let mut flow = (grant.begin)(Opening {
            asking: asking.clone(),
            also: Vec::new(),
            means: Means::Nothing,
        });
        let Step::Post(_) = flow.resume(clock.now(), Event::Start)? else {
            bail!("a token request is posted");
        };
        requests += 1;
    }
    Ok(work.so_far() / requests.max(1))
}

fn asking(proof: Proof) -> anyhow::Result<Asking> {
    Ok(Asking {
        registration: Arc::new(registration(proof.clone())?),
        proof,
        person: None,
        audience: Audience::Exchange,
        challenge: None,
        chance: Chance::system(),
    })
}

fn registration(proof: Proof) -> anyhow::Result<Registration> {
    let tenant = Tenant::parse("contoso.example").map_err(anyhow::Error::msg)?;
    let home = (Cloud::global(), tenant);
    let id = "bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc";
    Ok(Registration::new("contoso", home, id, proof))
}

/// Ten thousand credentials, each with a token that is renewed, for an hour of virtual time.
fn kept_alive() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    runtime.block_on(async {
        let tasks = Tasks::new();
        let clock = Clock::starting_at(Clock::system().now());
        let registration = Arc::new(registration(Proof::Secret("secret".into()))?);
        let grant = Grant::named("client_credentials").context("it is in the list")?;
        let before = resident()?;
        let mut keepers = Vec::with_capacity(CREDENTIALS);
        for number in 0..CREDENTIALS {
            let credential = Credential {
                id: CredentialId::new(format!("contoso/client_credentials/{number}")),
                registration: Arc::clone(&registration),
                grant,
                person: None,
                password: PasswordFrom::Nowhere,
            };
            let around = Surroundings {
                endpoint: Arc::new(Issuer),
                grants: Arc::new(Nowhere),
                clock: clock.clone(),
                chance: Chance::seeded(number as u64),
                tasks: tasks.clone(),
            };
            let keeper = TokenKeeper::new(credential, around);
            keeper.token(Audience::Exchange).await?;
            let (runner, stop) = (keeper.clone(), tasks.stop());
            tasks.start("tokens", async move { runner.run(&stop).await });
            keepers.push(keeper);
        }
        clock.sleep(Duration::from_secs(1)).await;
        let each = resident()?.saturating_sub(before) / CREDENTIALS as u64;
        let busy = Workload::start();
        clock.sleep(Duration::from_hours(1)).await;
        report(&format!(
            "{CREDENTIALS} credentials kept alive: {each} octets each, {:.1} s of one processor in \
             an hour",
            busy.so_far().as_secs_f64()
        ));
        judge("under 8,192 octets each", each < 8_192);
        drop(keepers);
        tasks.end().await;
        Ok(())
    })
}

/// What this process holds in memory, in octets.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kibibytes: u64 = kibibytes.context("Linux tells it")?.trim().parse()?;
    Ok(kibibytes * 1024)
}

/// An issuer whose tokens have the size of Entra's, and live for an hour.
#[derive(Debug)]
struct Issuer;

#[async_trait]
impl Endpoint for Issuer {
    async fn post(&self, _form: &Form) -> Result<Reply, TokenError> {
        let token = "x".repeat(TOKEN);
        let body = format!(
            r#"{{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"{token}"}}"#
        );
        Ok(Reply {
            status: 200,
            body: body.into_bytes().into(),
            ..Reply::default()
        })
    }
}

/// A store that is somewhere else, as a database is.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Grants for Nowhere {
    async fn load(
        &self,
        _id: &CredentialId,
    ) -> Result<Option<(GrantState, Generation)>, GrantStoreError> {
        Ok(None)
    }

    async fn replace(
        &self,
        _id: &CredentialId,
        _seen: Option<Generation>,
        _state: &GrantState,
    ) -> Result<Generation, GrantStoreError> {
        Ok(Generation(1))
    }

    async fn remove(&self, _id: &CredentialId) -> Result<(), GrantStoreError> {
        Ok(())
    }

    async fn list(&self) -> Result<Vec<CredentialId>, GrantStoreError> {
        Ok(Vec::new())
    }
}

fn configuration() -> String {
    format!("[mailbox.\"{USER}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n")
}

const SCRIPT: &str = include_str!("src/msal_token.py");
const USER: &str = "ada@contoso.com";
const EMPTY: &str = env!("CARGO_BIN_EXE_empty");
/// Less than the backlog of a listener (128).
const ROUNDS: usize = 100;
/// Python takes its time.
const PYTHON_EVERY: usize = 10;
const SIGNING: Duration = Duration::from_secs(1);
const SIGNING_ROUNDS: usize = 7;
const CREDENTIALS: usize = 10_000;
/// An app-only token of Entra has about so many octets.
const TOKEN: usize = 1_600;
