//! Programs that send: what arrives is what was sent.

use std::fs;

use crate::message::{TRACE, awkward, without};
use crate::stand::{ADA, BOB, Failure, Stand};

/// Sends each awkward message with each of these commands, which find it in `message.eml`.
fn sends_unchanged(stand: &Stand, commands: &[String]) -> Result<(), Failure> {
    let mut sent = 0;
    for command in commands {
        for message in awkward() {
            fs::write(stand.file("message.eml"), &message)?;
            stand.run(command)?;
            sent += 1;
            let arrived = stand.arrived(sent)?;
            let copies = arrived
                .iter()
                .filter(|octets| without(TRACE, octets) == message);
            let expected = sent.div_ceil(awkward().len());
            assert_eq!(copies.count(), expected, "{command}");
        }
    }
    Ok(())
}

#[test]
fn curl_sends_in_every_protection() -> Result<(), Failure> {
    let stand = Stand::new(&[("curl", "curl")])?;
    let commands = [
        "smtp://localhost:PORT:smtp:",
        "--ssl-reqd smtp://localhost:PORT:smtp-starttls:",
        "smtps://localhost:PORT:smtps:",
    ];
    let commands = commands.map(|url| {
        format!(
            "curl --silent --show-error --user '{ADA}:PASSWORD' --mail-from {ADA} \
             --mail-rcpt {BOB} --crlf --upload-file message.eml {url}"
        )
    });
    sends_unchanged(&stand, &commands)
}

#[test]
fn msmtp_sends() -> Result<(), Failure> {
    let stand = Stand::new(&[("msmtp", "msmtp")])?;
    stand.write(
        ".msmtprc",
        &format!(
            "defaults\nfrom {ADA}\nauth on\nuser {ADA}\npassword PASSWORD\nhost localhost\n\
             account clear\nport PORT:smtp:\ntls off\nauth login\n\
             account starttls\nport PORT:smtp-starttls:\ntls on\ntls_starttls on\ntls_trust_file CA\n\
             account tls\nport PORT:smtps:\ntls on\ntls_starttls off\ntls_trust_file CA\n"
        ),
    )?;
    let commands = ["clear", "starttls", "tls"];
    let commands = commands.map(|account| format!("msmtp -a {account} {BOB} < message.eml"));
    sends_unchanged(&stand, &commands)
}

#[test]
fn swaks_sends_by_login_and_plain_in_every_protection() -> Result<(), Failure> {
    let stand = Stand::new(&[("swaks", "swaks")])?;
    let line = format!(
        "swaks --server localhost --auth-user {ADA} --auth-password PASSWORD --from {ADA} --to {BOB} \
         --data @message.eml --silent 2"
    );
    fs::write(stand.file("message.eml"), &awkward()[0])?;
    let mut sent = 0;
    for protection in [
        "--port PORT:smtp:",
        "--port PORT:smtp-starttls: --tls --tls-verify --tls-ca-path CA",
        "--port PORT:smtps: --tlsc --tls-verify --tls-ca-path CA",
    ] {
        for mechanism in ["LOGIN", "PLAIN"] {
            let command = format!("{line} {protection} --auth {mechanism}");
            stand.run(&command)?;
            sent += 1;
            let arrived = stand.arrived(sent)?;
            // It writes an empty line behind every message.
            let expected = awkward()[0].trim_ascii_end().to_vec();
            let mut bodies = arrived.iter().map(|octets| without(TRACE, octets));
            let is_whole = bodies.all(|octets| octets.trim_ascii_end() == expected);
            assert!(is_whole, "{command}");
        }
    }
    Ok(())
}

/// What it shows as the token is the app password.
#[test]
fn curl_sends_by_xoauth2_in_every_protection() -> Result<(), Failure> {
    let stand = Stand::new(&[("curl", "curl")])?;
    let commands = [
        "smtp://localhost:PORT:smtp:",
        "--ssl-reqd smtp://localhost:PORT:smtp-starttls:",
        "smtps://localhost:PORT:smtps:",
    ];
    let commands = commands.map(|url| {
        format!(
            "curl --silent --show-error --user {ADA} --oauth2-bearer PASSWORD \
             --login-options AUTH=XOAUTH2 --mail-from {ADA} --mail-rcpt {BOB} --crlf \
             --upload-file message.eml {url}"
        )
    });
    sends_unchanged(&stand, &commands)
}

/// Devices of old know nothing newer than TLS 1.2, and what is new may insist on 1.3.
#[test]
fn curl_sends_with_either_version_of_tls() -> Result<(), Failure> {
    let stand = Stand::new(&[("curl", "curl")])?;
    let versions = ["--tlsv1.2 --tls-max 1.2", "--tlsv1.3 --tls-max 1.3"];
    let urls = [
        "--ssl-reqd smtp://localhost:PORT:smtp-starttls:",
        "smtps://localhost:PORT:smtps:",
    ];
    let ways = versions
        .iter()
        .flat_map(|version| urls.map(|url| format!("{version} {url}")));
    let commands: Vec<_> = ways
        .map(|way| {
            format!(
                "curl --silent --show-error --user '{ADA}:PASSWORD' --mail-from {ADA} \
                 --mail-rcpt {BOB} --crlf --upload-file message.eml {way}"
            )
        })
        .collect();
    sends_unchanged(&stand, &commands)
}

#[test]
fn python_sends() -> Result<(), Failure> {
    let stand = Stand::new(&[("python3", "python3")])?;
    stand.write(
        "send.py",
        &format!(
            "import smtplib, ssl, sys\nsmtp = smtplib.SMTP('localhost', PORT:smtp-starttls:)\n\
             smtp.starttls(context=ssl.create_default_context())\nsmtp.login('{ADA}', 'PASSWORD')\n\
             smtp.sendmail('{ADA}', ['{BOB}'], open('message.eml', 'rb').read().replace(b'\\n', b'\\r\\n'))\nsmtp.quit()\n"
        ),
    )?;
    sends_unchanged(&stand, &["python3 send.py".to_owned()])
}

/// HELO, AUTH LOGIN with the name apart, and not a word more: what devices from 2005 do.
#[test]
fn a_scanner_sends() -> Result<(), Failure> {
    let stand = Stand::new(&[("python3", "python3")])?;
    stand.write(
        "scan.py",
        &format!(
            "import base64, socket\nscanner = socket.create_connection(('localhost', PORT:smtp:))\n\
             heard = scanner.makefile('rb')\ndef say(line, code):\n \
             line is not None and scanner.sendall(line + b'\\r\\n')\n \
             answer = heard.readline()\n assert answer.startswith(code), answer\n \
             return answer\nsay(None, b'220 ')\nsay(b'HELO', b'250 ')\n\
             assert say(b'AUTH LOGIN', b'334 ') == b'334 VXNlcm5hbWU6\\r\\n'\n\
             assert say(base64.b64encode(b'{ADA}'), b'334 ') == b'334 UGFzc3dvcmQ6\\r\\n'\n\
             say(base64.b64encode(b'PASSWORD'), b'235 ')\nsay(b'MAIL FROM:<{ADA}>', b'250 ')\n\
             say(b'RCPT TO:<{BOB}>', b'250 ')\nsay(b'DATA', b'354 ')\n\
             message = open('message.eml', 'rb').read().replace(b'\\n', b'\\r\\n')\n\
             message = message.replace(b'\\r\\n.', b'\\r\\n..')\n\
             scanner.sendall(message)\nsay(b'.', b'250 ')\nsay(b'QUIT', b'221 ')\n"
        ),
    )?;
    sends_unchanged(&stand, &["python3 scan.py".to_owned()])
}
