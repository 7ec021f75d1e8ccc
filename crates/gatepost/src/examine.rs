//! A look into what a configuration names: certificates, those of doors too, and programs.
//!
//! What contradicts itself is an error, since somebody just wrote it so. What time brings, and what
//! can be put right while `serve` runs, is a doubt: it must not keep other mailboxes and sinks
//! from their work. `config check` is strict and refuses both; only what is still to come is a
//! mere warning there.

use std::collections::BTreeMap;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::Clock;
use gatepost_mailroom::sinks::command::is_startable;
use gatepost_oauth::{Certificate, Proof};
use jiff::tz::TimeZone;

use crate::compose;
use crate::config::{
    Config, ConfigError, DoorCertificate, DoorSettings, Place, Problem, ProofSource,
    RegistrationSettings, SinkSettings, SinkTarget,
};

/// How much is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Files only.
    Files,
    /// Also what variables, programs and systemd give.
    Secrets,
}

/// Something that is no reason to refuse the whole configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What is wrong, and where.
    pub problem: Problem,
    /// Since when.
    pub harm: Harm,
}

/// Since when a doubt does harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// What stands there does not work now; everything else does.
    Now,
    /// It works, and will not for long.
    Soon,
}

/// Looks into the certificates and programs of `config`. Fails with everything that can never
/// work as it is written.
pub async fn examine(
    config: &Config,
    look: Look,
    clock: &Clock,
) -> Result<Vec<Doubt>, ConfigError> {
    let mut problems = Vec::new();
    let mut doubts = Vec::new();
    for (name, registration) in &config.registrations {
        match certificate(name, registration, (look, clock)).await {
            Ok(doubt) => doubts.extend(doubt),
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(shown(&config.gateway.doors, clock));
    doubts.extend(config.sinks.iter().filter_map(program));
    problems.sort_by_key(|problem| problem.place.as_ref().map(|place| place.line));
    doubts.sort_by_key(|doubt| doubt.problem.place.as_ref().map(|place| place.line));
    ConfigError::unless_empty(problems)?;
    Ok(doubts)
}

/// Takes every doubt that does harm now for an error; gives the others.
pub fn strictly(doubts: Vec<Doubt>) -> Result<Vec<Problem>, ConfigError> {
    let (now, soon): (Vec<_>, Vec<_>) = doubts
        .into_iter()
        .partition(|doubt| doubt.harm == Harm::Now);
    let problems = |doubts: Vec<Doubt>| doubts.into_iter().map(|doubt| doubt.problem).collect();
    ConfigError::unless_empty(problems(now))?;
    Ok(problems(soon))
}

async fn certificate(
    name: &str,
    registration: &RegistrationSettings,
    (look, clock): (Look, &Clock),
) -> Result<Option<Doubt>, Problem> {
    let source = &registration.proof;
    if look == Look::Files && !source.is_in_files() {
        return Ok(None);
    }
    let place = match source {
        ProofSource::Certificate { at, .. } => Some(at.clone()),
        ProofSource::Public
        | ProofSource::Secret(_)
        | ProofSource::Assertion(_)
        | ProofSource::FederatedIdentity(_)
        | ProofSource::Machine(_) => None,
    };
    let proof = compose::proof(name, source, clock).await;
    let proof = proof.map_err(|failure| Problem {
        code: failure.code(),
        sentence: failure.to_string(),
        place: place.clone(),
    })?;
    Ok(match (proof, place) {
        (Proof::Certificate(certificate), Some(at)) => in_its_time(&certificate, at, clock),
        _ => None,
    })
}

fn in_its_time(certificate: &Certificate, at: Place, clock: &Clock) -> Option<Doubt> {
    let now = clock.now();
    let doubt = |harm, code, sentence| Doubt {
        problem: Problem {
            code,
            sentence,
            place: Some(at),
        },
        harm,
    };
    if let Err(error) = certificate.check_validity(now) {
        return Some(doubt(Harm::Now, error.code(), error.to_string()));
    }
    let left = Duration::try_from(certificate.not_after.duration_since(now)).unwrap_or_default();
    (left < SOON).then(|| {
        let date = certificate.not_after.to_zoned(TimeZone::UTC).date();
        let sentence = format!(
            "{}: its certificate expires on {date}; make a new one and upload it to the \
             registration before",
            certificate.name()
        );
        doubt(Harm::Soon, "certificate_expires_soon", sentence)
    })
}

/// What is wrong with the certificates that doors show, each told once, however many show it.
fn shown(doors: &BTreeMap<String, DoorSettings>, clock: &Clock) -> Vec<Problem> {
    let mut seen: Vec<(&DoorCertificate, Vec<&str>, &DoorSettings)> = Vec::new();
    for (name, door) in doors {
        let Some(certificate) = &door.certificate else {
            continue;
        };
        match seen.iter_mut().find(|(other, ..)| *other == certificate) {
            Some((_, names, _)) => names.push(name),
            None => seen.push((certificate, vec![name], door)),
        }
    }
    let wrong = seen.into_iter().filter_map(|(certificate, names, door)| {
        let opened = compose::certificate_in_files(&names.join(", "), certificate, clock)?;
        let error = opened.err()?;
        Some(Problem {
            code: error.code(),
            sentence: error.to_string(),
            place: Some(door.at.clone()),
        })
    });
    wrong.collect()
}

fn program((name, sink): (&String, &SinkSettings)) -> Option<Doubt> {
    let SinkTarget::Command(command) = &sink.target else {
        return None;
    };
    let error = is_startable(&command.program).err()?;
    let path = command.program.display();
    let remedy = if error.kind() == std::io::ErrorKind::PermissionDenied {
        format!("; run: chmod +x {path}")
    } else {
        String::new()
    };
    Some(Doubt {
        problem: Problem {
            code: "sink_program_unusable",
            sentence: format!(
                "sink {name}: the program {path} cannot be started: {error}{remedy}; its deliveries \
                 wait until it can"
            ),
            place: Some(sink.at.clone()),
        },
        harm: Harm::Now,
    })
}

/// Time enough to make a certificate, to have it uploaded, and to find out that it does not work.
const SOON: Duration = Duration::from_hours(30 * 24);
