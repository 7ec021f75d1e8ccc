//! Programs that hand their mail to `sendmail`, and find Gatepost under that name.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};

use gatepost_peers::installed;

use crate::outbox::{BOB, Post};
use crate::stand::{ADA, Failure};

/// A home directory whose `bin` has `gatepost`, and `sendmail` as a link to it.
struct Home {
    post: Post,
}

impl Home {
    fn new(programs: &[(&'static str, &'static str)]) -> Result<Self, Failure> {
        for (program, package) in programs {
            installed(program, package)?;
        }
        let post = Post::new(&format!("[outbox]\nlocal = \"{BOB}\"\n"))?;
        let bin = post.program.folder().join("bin");
        fs::create_dir(&bin)?;
        symlink(post.program.command().get_program(), bin.join("gatepost"))?;
        symlink("gatepost", bin.join("sendmail"))?;
        Ok(Self { post })
    }

    /// A command of the home directory that finds the configuration.
    fn command(&self, program: &str) -> Command {
        let folder = self.post.program.folder();
        let path = format!("{}/bin:/usr/sbin:/usr/bin:/sbin:/bin", folder.display());
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder)
            .env("PATH", path)
            .env("LC_ALL", "C.UTF-8")
            .env("GATEPOST_CONFIG", folder.join("gatepost.toml"))
            .stdin(Stdio::null());
        command
    }

    /// Runs shell lines, which must succeed.
    fn run(&self, lines: &str) -> Result<(), Failure> {
        let output = self.command("sh").args(["-e", "-c", lines]).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!(
            "`{lines}` ended with {}\n{}{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            self.post.log()
        )
        .into())
    }

    /// The newest of `count` messages that have arrived, as text with line ends of Unix.
    fn newest(&self, count: usize, word: &str) -> Result<String, Failure> {
        let arrived = self.post.arrived(count)?;
        let texts = arrived.iter().map(|octets| String::from_utf8_lossy(octets));
        let mut texts = texts.map(|text| text.replace("\r\n", "\n"));
        let found = texts.find(|text| text.contains(word));
        Ok(found.ok_or_else(|| format!("{word} is not among what arrived"))?)
    }
}

#[test]
fn a_link_named_sendmail_is_the_verb_and_names_the_sender_of_the_envelope() -> Result<(), Failure> {
    let home = Home::new(&[])?;
    home.run("printf 'To: root\\nSubject: first\\n\\nx\\n' | sendmail -t -i")?;
    let text = home.newest(1, "Subject: first")?;
    assert!(text.contains(&format!("Return-Path: <{ADA}>\n")), "{text}");
    home.run(&format!(
        "printf 'From: {ADA}\\nTo: {BOB}\\nSubject: second\\n\\nx\\n' | sendmail -i -f bounces@contoso.com {BOB}"
    ))?;
    let text = home.newest(2, "Subject: second")?;
    assert!(
        text.contains("Return-Path: <bounces@contoso.com>\n"),
        "{text}"
    );
    assert!(text.contains(&format!("From: {ADA}\n")), "{text}");
    Ok(())
}

#[test]
fn git_hands_over_a_patch_that_applies() -> Result<(), Failure> {
    let home = Home::new(&[
        ("git-send-email", "git-email"),
        ("Mail/Address.pm", "libmailtools-perl"),
    ])?;
    home.run(
        "git config --global user.name Ada\n\
         git config --global user.email ada@contoso.com\n\
         git config --global sendemail.sendmailCmd 'gatepost sendmail'\n\
         git config --global sendemail.envelopeSender auto\n\
         git config --global sendemail.confirm never\n\
         git config --global sendemail.suppressCc self\n\
         git init --quiet project && cd project\n\
         printf 'one\\n' > file && git add file && git commit --quiet -m 'file: begin'\n\
         git clone --quiet . ../elsewhere\n\
         printf 'Z\u{e4}hlung\\n.\\nFrom here\\n' > file && git commit --quiet -a -m 'file: say more'\n\
         git send-email --quiet --to bob@contoso.com -1",
    )?;
    let text = home.newest(1, "file: say more")?;
    assert!(text.contains(&format!("Return-Path: <{ADA}>\n")), "{text}");
    fs::write(home.post.program.folder().join("arrived.eml"), text)?;
    home.run(
        "git -C elsewhere am --quiet ../arrived.eml\n\
         test \"$(git -C elsewhere rev-parse HEAD^{tree})\" = \"$(git -C project rev-parse HEAD^{tree})\"",
    )
}

#[test]
fn php_hands_over_what_mail_is_given() -> Result<(), Failure> {
    let home = Home::new(&[("php", "php-cli")])?;
    let script = "<?php
        $sent = mail('Bob <bob@contoso.com>', 'From PHP', \"one\\n.\\nbehind the dot\\n\",
            ['From' => 'Web <ada@contoso.com>', 'Bcc' => 'bob@contoso.com'], '-f web@contoso.com');
        exit($sent ? 0 : 1);";
    fs::write(home.post.program.folder().join("mail.php"), script)?;
    home.run("php -n -d sendmail_path='gatepost sendmail -t -i' mail.php")?;
    let text = home.newest(1, "From PHP")?;
    assert!(text.contains("Return-Path: <web@contoso.com>\n"), "{text}");
    assert!(text.contains("From: Web <ada@contoso.com>\n"), "{text}");
    assert!(text.contains("\n.\nbehind the dot\n"), "{text}");
    assert!(!text.contains("Bcc"), "{text}");
    let refused = home.run(
        "php -n -d sendmail_path='gatepost sendmail -t -i' -r 'exit(mail(\"\", \"x\", \"y\") ? 0 : 1);'",
    );
    let said = refused.err().ok_or("nobody would get it")?.to_string();
    assert!(said.contains("no recipient"), "{said}");
    Ok(())
}

#[test]
fn mailx_hands_over_what_it_was_told_to_send() -> Result<(), Failure> {
    let home = Home::new(&[("bsd-mailx", "bsd-mailx")])?;
    let sendmail = home.post.program.folder().join("bin/sendmail");
    home.run(&format!(
        "echo 'set sendmail={}' > .mailrc\n\
         printf 'one\\n.\\nbehind the dot\\n' | bsd-mailx -s 'from mailx' -a 'X-Job: nightly' root {BOB}",
        sendmail.display()
    ))?;
    let text = home.newest(1, "from mailx")?;
    assert!(text.contains("X-Job: nightly\n"), "{text}");
    assert!(text.contains(ADA), "the mailbox sends it: {text}");
    assert!(text.contains("\n.\nbehind the dot\n"), "{text}");
    Ok(())
}

/// Cron itself, with files of its own in the places that it knows.
#[test]
fn cron_hands_over_what_a_job_printed() -> Result<(), Failure> {
    let home = Home::new(&[("cron", "cron")])?;
    let folder = home.post.program.folder();
    fs::write(
        folder.join("table"),
        "MAILTO=root\n@reboot echo said by the job\n",
    )?;
    fs::write(folder.join("nothing"), "")?;
    let mut cron = home.command("unshare");
    if !rustix::process::geteuid().is_root() {
        cron.args(["--user", "--map-root-user"]);
    }
    cron.args(["--mount", "sh", "-e", "-c", CRON])
        .stderr(File::create(folder.join("cron.log"))?);
    let _cron = Ended(cron.spawn()?);
    let text = home.newest(1, "said by the job")?;
    assert!(text.contains("Subject: Cron <root@"), "{text}");
    assert!(text.contains(&format!("Return-Path: <{ADA}>\n")), "{text}");
    let from = text.lines().find(|line| line.starts_with("From: "));
    assert!(from.is_some_and(|from| from.contains(ADA)), "{text}");
    Ok(())
}

/// A process that ends with the value.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Nobody else sees what is mounted. Cron takes a fresh `/run` for the start of the machine, when
/// jobs with `@reboot` are due.
const CRON: &str = "
mount -t tmpfs none /run
mount -t tmpfs none /etc/cron.d
mount --bind nothing /etc/crontab
mount -t tmpfs none /var/spool/cron
mkdir -m 1730 /var/spool/cron/crontabs
install -m 600 table /var/spool/cron/crontabs/root
mount --bind bin/gatepost /usr/sbin/sendmail
exec cron -f
";
