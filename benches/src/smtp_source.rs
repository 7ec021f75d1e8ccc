//! `smtp-source`, which comes with Postfix: it speaks SMTP in clear and signs in nowhere.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::Stopwatch;

/// What it is to send.
#[derive(Debug, Clone, Copy)]
pub struct SmtpSource<'a> {
    /// Messages in all.
    pub messages: usize,
    /// What it sends.
    pub content: Content<'a>,
    /// Sessions at the same time, each kept for as many messages as there are.
    pub sessions: usize,
    /// From whom.
    pub from: &'a str,
    /// To whom.
    pub to: &'a str,
}

/// What a message holds.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// So many octets that cost nothing to make.
    MadeUp(usize),
    /// The lines of a file, each of which it ends with CRLF.
    File(&'a Path),
}

impl SmtpSource<'_> {
    /// Sends to the server at `address`, and answers how long that took.
    pub fn run(&self, address: SocketAddr) -> anyhow::Result<Duration> {
        let program = if Path::new(PLACE).exists() {
            PLACE
        } else {
            "smtp-source"
        };
        let mut command = Command::new(program);
        command
            .args(["-m", &self.messages.to_string()])
            .args(["-s", &self.sessions.to_string()])
            .args(["-d", "-f", self.from, "-t", self.to])
            .stdin(Stdio::null());
        match self.content {
            Content::MadeUp(octets) => command.args(["-l", &octets.to_string()]),
            Content::File(file) => command.arg("-F").arg(file),
        };
        command.arg(format!("inet:{address}"));
        let watch = Stopwatch::start();
        let output = command.output().context("cannot run smtp-source")?;
        let elapsed = watch.elapsed();
        if !output.status.success() || !output.stderr.is_empty() {
            bail!(
                "smtp-source failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(elapsed)
    }
}

/// Debian puts it where not everybody looks.
const PLACE: &str = "/usr/sbin/smtp-source";
