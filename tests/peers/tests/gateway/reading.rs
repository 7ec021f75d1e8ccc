//! Programs that read: what they fetch is what was delivered.

use std::fs;
use std::thread::scope;

use crate::message::{TRACE, awkward, unix, without};
use crate::stand::{ADA, Failure, Stand};

fn with_mail(programs: &[(&'static str, &'static str)]) -> Result<Stand, Failure> {
    let stand = Stand::new(programs)?;
    for message in awkward() {
        stand.deliver(&message)?;
    }
    Ok(stand)
}

#[track_caller]
fn assert_same(fetched: impl Iterator<Item = Vec<u8>>) {
    let (mut fetched, mut expected): (Vec<_>, Vec<_>) = (fetched.collect(), awkward());
    fetched.sort();
    expected.sort();
    assert_eq!(fetched.len(), expected.len());
    assert!(fetched == expected, "the octets are others");
}

#[test]
fn curl_reads_over_imap_and_pop3_in_every_protection() -> Result<(), Failure> {
    let stand = with_mail(&[("curl", "curl")])?;
    let user = format!("--user '{ADA}:PASSWORD'");
    for url in [
        "imap://localhost:PORT:imap:/INBOX;MAILINDEX=1",
        "--ssl-reqd imap://localhost:PORT:imap-starttls:/INBOX;MAILINDEX=1",
        "imaps://localhost:PORT:imaps:/INBOX;MAILINDEX=1",
        "--login-options AUTH=LOGIN imap://localhost:PORT:imap:/INBOX;MAILINDEX=1",
        "--login-options AUTH=PLAIN --sasl-ir imap://localhost:PORT:imap:/INBOX;MAILINDEX=1",
        "pop3://localhost:PORT:pop3:/1",
        "--login-options AUTH=LOGIN pop3://localhost:PORT:pop3:/1",
        "--login-options AUTH=PLAIN pop3://localhost:PORT:pop3:/1",
        "--ssl-reqd pop3://localhost:PORT:pop3-stls:/1",
        "pop3s://localhost:PORT:pop3s:/1",
    ] {
        let url = url.replace(';', "\\;");
        let read = stand.run(&format!("curl --silent --show-error {user} {url}"))?;
        assert_eq!(unix(&read), awkward()[0], "{url}");
    }
    Ok(())
}

/// What it shows as the token is the app password.
#[test]
fn curl_reads_by_xoauth2_over_imap_and_pop3() -> Result<(), Failure> {
    let stand = with_mail(&[("curl", "curl")])?;
    for url in [
        "imap://localhost:PORT:imap:/INBOX\\;MAILINDEX=1",
        "imaps://localhost:PORT:imaps:/INBOX\\;MAILINDEX=1",
        "pop3://localhost:PORT:pop3:/1",
        "pop3s://localhost:PORT:pop3s:/1",
    ] {
        let read = stand.run(&format!(
            "curl --silent --show-error --user {ADA} --oauth2-bearer PASSWORD \
             --login-options AUTH=XOAUTH2 {url}"
        ))?;
        assert_eq!(unix(&read), awkward()[0], "{url}");
    }
    Ok(())
}

/// Devices of old know nothing newer than TLS 1.2, and what is new may insist on 1.3.
#[test]
fn curl_reads_with_either_version_of_tls() -> Result<(), Failure> {
    let stand = with_mail(&[("curl", "curl")])?;
    for version in ["--tlsv1.2 --tls-max 1.2", "--tlsv1.3 --tls-max 1.3"] {
        for url in [
            "imaps://localhost:PORT:imaps:/INBOX\\;MAILINDEX=1",
            "--ssl-reqd imap://localhost:PORT:imap-starttls:/INBOX\\;MAILINDEX=1",
            "pop3s://localhost:PORT:pop3s:/1",
        ] {
            let line =
                format!("curl --silent --show-error {version} --user '{ADA}:PASSWORD' {url}");
            let read = stand.run(&line)?;
            assert_eq!(unix(&read), awkward()[0], "{line}");
        }
    }
    Ok(())
}

#[test]
fn mbsync_synchronizes_both_ways() -> Result<(), Failure> {
    let stand = with_mail(&[("mbsync", "isync")])?;
    stand.write(
        ".mbsyncrc",
        &format!(
            "IMAPAccount gate\nHost localhost\nPort PORT:imap-starttls:\nUser {ADA}\n\
             Pass PASSWORD\nSSLType STARTTLS\nAuthMechs LOGIN\nCertificateFile CA\n\n\
             IMAPStore far\nAccount gate\n\nMaildirStore near\nPath ~/Mail/\nInbox ~/Mail/INBOX\n\
             SubFolders Verbatim\n\nChannel all\nFar :far:\nNear :near:\nPatterns INBOX\n\
             Create Both\nSync All\nExpunge Both\n"
        ),
    )?;
    stand.run("mkdir Mail && mbsync --all")?;
    let fetched = stand.read_all("Mail/INBOX/new")?;
    assert_same(fetched.iter().map(|octets| without(&["X-TUID"], octets)));
    // And back: a message that was written here, and a mark.
    let written = b"From: ada@contoso.com\nSubject: written here\n\n.\nFrom here\n".to_vec();
    fs::write(stand.file("Mail/INBOX/cur/1.here:2,S"), &written)?;
    stand.run(
        "one=$(ls Mail/INBOX/new | head -1); mv Mail/INBOX/new/$one Mail/INBOX/cur/$one:2,ST; mbsync --all",
    )?;
    let there = stand.dovecot.inbox(ADA)?;
    assert_eq!(there.len(), awkward().len(), "one came and one went");
    let found = there
        .iter()
        .any(|octets| without(&["X-TUID"], octets) == written);
    assert!(found, "it is there");
    Ok(())
}

#[test]
fn offlineimap_fetches_everything() -> Result<(), Failure> {
    let stand = with_mail(&[("offlineimap", "offlineimap3")])?;
    stand.write(
        ".offlineimaprc",
        &format!(
            "[general]\naccounts = gate\nui = quiet\n[Account gate]\nlocalrepository = near\n\
             remoterepository = far\n[Repository near]\ntype = Maildir\nlocalfolders = ~/Mail\n\
             [Repository far]\ntype = IMAP\nremotehost = localhost\nremoteport = PORT:imaps:\n\
             remoteuser = {ADA}\nremotepass = PASSWORD\nssl = yes\nsslcacertfile = CA\n"
        ),
    )?;
    stand.run("mkdir Mail && offlineimap -o 1>&2")?;
    let fetched = stand.read_all("Mail/INBOX/new")?;
    let added = &["X-OfflineIMAP"];
    assert_same(fetched.iter().map(|octets| without(added, octets)));
    Ok(())
}

#[test]
fn getmail_fetches_everything_over_imap_and_pop3() -> Result<(), Failure> {
    let stand = with_mail(&[("getmail", "getmail6")])?;
    // It delivers to no Maildir of root's.
    stand.run("chmod 755 .")?;
    for (retriever, door, also) in [
        (
            "SimpleIMAPSSLRetriever",
            "imaps",
            "mailboxes = ('INBOX',)\nca_certs = CA\n",
        ),
        ("SimplePOP3Retriever", "pop3", ""),
    ] {
        let folder = format!("{door}-mail");
        stand.write(
            "getmailrc",
            &format!(
                "[retriever]\ntype = {retriever}\nserver = localhost\nport = PORT:{door}:\n\
                 username = {ADA}\npassword = PASSWORD\n{also}[destination]\ntype = Maildir\n\
                 path = {}/\nuser = nobody\n[options]\ndelivered_to = false\nreceived = false\n\
                 read_all = true\n",
                stand.file(&folder).display()
            ),
        )?;
        stand.run(&format!(
            "mkdir -p {folder}/cur {folder}/new {folder}/tmp; chown -R nobody {folder}; \
             getmail --getmaildir . --rcfile getmailrc"
        ))?;
        let fetched = stand.read_all(&format!("{folder}/new"))?;
        let added = &["Return-Path", "X-getmail-retrieved-from-mailbox"];
        assert_same(fetched.iter().map(|octets| without(added, octets)));
    }
    Ok(())
}

#[test]
fn fetchmail_fetches_everything_behind_stls() -> Result<(), Failure> {
    let stand = with_mail(&[("fetchmail", "fetchmail"), ("python3", "python3")])?;
    stand.write(
        "keep.py",
        "import os, sys\noctets = sys.stdin.buffer.read()\n\
         name = os.path.join('fetched', str(len(os.listdir('fetched'))))\n\
         open(name, 'wb').write(octets)\n",
    )?;
    for (door, protocol) in [("pop3-stls", "pop3"), ("imap-starttls", "imap")] {
        stand.write(
            ".fetchmailrc",
            &format!(
                "poll localhost service PORT:{door}: protocol {protocol}\n\
                 user \"{ADA}\" password \"PASSWORD\"\nsslproto \"tls1.2+\" sslcertck sslcertfile \"CA\"\n\
                 keep fetchall mda \"python3 keep.py\"\n"
            ),
        )?;
        stand.run("rm -rf fetched; mkdir fetched; fetchmail --nosyslog --nodetach --silent")?;
        let fetched = stand.read_all("fetched")?;
        assert_same(fetched.iter().map(|octets| without(TRACE, octets)));
    }
    Ok(())
}

#[test]
fn neomutt_copies_everything() -> Result<(), Failure> {
    let stand = with_mail(&[("neomutt", "neomutt"), ("script", "bsdutils")])?;
    stand.write(
        ".neomuttrc",
        &format!(
            "set folder = \"imap://{ADA}@localhost:PORT:imap-starttls:/\"\n\
             set spoolfile = \"+INBOX\"\nset imap_pass = \"PASSWORD\"\nset ssl_force_tls = yes\n\
             set ssl_ca_certificates_file = \"CA\"\nset mbox_type = Maildir\n"
        ),
    )?;
    // It wants a terminal and somebody who types.
    stand.run(
        "script -qec \"neomutt -e 'set confirmappend=no confirmcreate=no' \
         -e 'push \\\"<tag-pattern>~A<enter><tag-prefix><copy-message>~/copies<enter><quit>\\\"'\" \
         /dev/null",
    )?;
    let copied = stand.read_all("copies/new")?;
    let added = &["Content-Length", "Lines"];
    assert_same(copied.iter().map(|octets| without(added, octets)));
    Ok(())
}

#[test]
fn perl_reads_everything() -> Result<(), Failure> {
    let stand = with_mail(&[("Mail/IMAPClient.pm", "libmail-imapclient-perl")])?;
    stand.write(
        "read.pl",
        &format!(
            "use Mail::IMAPClient;\nmy $imap = Mail::IMAPClient->new(Server => 'localhost', \
             Port => PORT:imap:, User => '{ADA}', Password => 'PASSWORD', Uid => 1) or die $@;\n\
             $imap->examine('INBOX') or die;\nfor my $uid (sort {{ $a <=> $b }} $imap->messages) {{\n\
             print $imap->message_string($uid) or die;\n}}\n$imap->logout;\n"
        ),
    )?;
    let read = stand.run("perl read.pl")?;
    assert_eq!(unix(&read), awkward().concat());
    Ok(())
}

#[test]
fn python_reads_everything_over_imap_and_pop3() -> Result<(), Failure> {
    let stand = with_mail(&[("python3", "python3")])?;
    stand.write(
        "imap.py",
        &format!(
            "import imaplib, ssl, sys\nimap = imaplib.IMAP4('localhost', PORT:imap-starttls:)\n\
             imap.starttls(ssl.create_default_context())\nimap.login('{ADA}', 'PASSWORD')\n\
             assert 'IDLE' in imap.capability()[1][0].decode()\nimap.select('INBOX', True)\n\
             for number in imap.search(None, 'ALL')[1][0].split():\n \
             sys.stdout.buffer.write(imap.fetch(number, '(BODY.PEEK[])')[1][0][1])\nimap.logout()\n"
        ),
    )?;
    stand.write(
        "pop3.py",
        &format!(
            "import poplib, ssl, sys\npop = poplib.POP3_SSL('localhost', PORT:pop3s:, \
             context=ssl.create_default_context())\npop.user('{ADA}')\npop.pass_('PASSWORD')\n\
             for number in range(1, len(pop.list()[1]) + 1):\n \
             sys.stdout.buffer.write(b''.join(l + b'\\n' for l in pop.retr(number)[1]))\npop.quit()\n"
        ),
    )?;
    for script in ["imap.py", "pop3.py"] {
        let read = stand.run(&format!("python3 {script}"))?;
        assert_eq!(unix(&read), awkward().concat(), "{script}");
    }
    Ok(())
}

#[test]
fn sixteen_at_once_cost_one_token() -> Result<(), Failure> {
    let stand = with_mail(&[("curl", "curl")])?;
    let before = stand.identity.tokens_issued();
    let line = format!(
        "curl --silent --show-error --user '{ADA}:PASSWORD' 'imap://localhost:PORT:imap:/INBOX;MAILINDEX=1'"
    );
    let read = scope(|scope| {
        let reading: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| stand.run(&line).map_err(|error| error.to_string())))
            .collect();
        let read = reading.into_iter().map(|one| one.join().expect("no panic"));
        read.collect::<Result<Vec<_>, _>>()
    })?;
    assert!(read.iter().all(|octets| unix(octets) == awkward()[0]));
    assert_eq!(stand.identity.tokens_issued() - before, 1);
    Ok(())
}
