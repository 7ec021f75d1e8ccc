//! What the tests need on the machine, and how it gets there.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::{command, tree};

/// Something that tests run against.
struct Need {
    /// A program, or a file of a library, by its name in one of the [`FOLDERS`].
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
}

/// Installs through apt, npm and pip whatever is absent; says what and why. Nothing needed is skipped.
pub(crate) fn install() -> anyhow::Result<()> {
    install_debian_packages()?;
    install_npm_packages()?;
    install_python_packages()
}

fn install_debian_packages() -> anyhow::Result<()> {
    let absent: Vec<&Need> = NEEDS
        .iter()
        .filter(|need| !is_present(need.program))
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    for need in &absent {
        println!(
            "{} is absent; the tests need it {}",
            need.package, need.purpose
        );
    }
    let packages: Vec<&str> = absent.iter().map(|need| need.package).collect();
    install_by_apt(&packages)?;
    for need in absent {
        if !is_present(need.program) {
            bail!(
                "{} was installed and brought no {}",
                need.package,
                need.program
            );
        }
    }
    Ok(())
}

/// Installs what a Python needs to make another one of its own, if that is absent.
pub(crate) fn install_venv(purpose: &str) -> anyhow::Result<()> {
    // Debian has `venv` in every Python, and apart from it what `venv` copies.
    if command::succeeds(Command::new("python3").args(["-c", "import ensurepip"])) {
        return Ok(());
    }
    println!("{VENV} is absent; it is needed {purpose}");
    install_by_apt(&[VENV])
}

/// Installs `haproxy`, if that is absent.
pub(crate) fn install_haproxy(purpose: &str) -> anyhow::Result<()> {
    if is_present(HAPROXY) {
        return Ok(());
    }
    println!("{HAPROXY} is absent; it is needed {purpose}");
    install_by_apt(&[HAPROXY])
}

fn install_by_apt(packages: &[&str]) -> anyhow::Result<()> {
    let by_hand = format!("install it by hand: apt-get install {}", packages.join(" "));
    if !is_present("apt-get") {
        bail!("this machine has no apt-get; {by_hand}");
    }
    let Some(prefix) = as_root() else {
        bail!(
            "only root can install packages, and sudo without a password is not there; {by_hand}"
        );
    };
    // An index that cannot be refreshed may still name the packages.
    if let Err(error) = command::run(&mut apt(&prefix, &["update"])) {
        eprintln!("warning: {error:#}");
    }
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    if let Err(error) = command::run(&mut apt(&prefix, &arguments)) {
        bail!("{error:#}; {by_hand}");
    }
    Ok(())
}

/// Exactly what the lock file names, into a folder that git ignores.
fn install_npm_packages() -> anyhow::Result<()> {
    let folder = tree::root().join(NPM_FOLDER);
    let changed =
        |name: &str| std::fs::metadata(folder.join(name)).and_then(|file| file.modified());
    // npm writes the second when it has done what the first says.
    let is_current = changed("node_modules/.package-lock.json")
        .and_then(|installed| Ok(installed >= changed("package-lock.json")?))
        .unwrap_or(false);
    if is_current {
        return Ok(());
    }
    println!(
        "the npm packages in {NPM_FOLDER} are absent or old; the tests need them as the OpenID provider"
    );
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder);
    if let Err(error) = command::run(&mut npm) {
        bail!("{error:#}; it needs the npm registry once: run `npm ci` in {NPM_FOLDER} by hand");
    }
    Ok(())
}

/// Exactly what the list names, into a Python of its own in a folder that git ignores.
fn install_python_packages() -> anyhow::Result<()> {
    let folder = tree::root().join(PYTHON_FOLDER);
    let list = std::fs::read_to_string(folder.join("requirements.txt"))?;
    // Written when it has done what the list says.
    let done = folder.join("venv/installed.txt");
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == list) {
        return Ok(());
    }
    println!(
        "the Python packages in {PYTHON_FOLDER} are absent or old; the tests take over what that \
         program wrote"
    );
    install_venv("to install email-oauth2-proxy")?;
    let mut venv = Command::new("python3");
    command::run(venv.args(["-m", "venv", "venv"]).current_dir(&folder))?;
    let mut pip = Command::new(folder.join("venv/bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args(["--requirement", "requirements.txt"])
    .current_dir(&folder);
    if let Err(error) = command::run(&mut pip) {
        bail!("{error:#}; it needs PyPI once: run that by hand in {PYTHON_FOLDER}");
    }
    std::fs::write(&done, list)?;
    Ok(())
}

/// apt-get without questions; `RUNLEVEL=1` keeps Debian from starting the servers it installs.
fn apt(prefix: &[&str], arguments: &[&str]) -> Command {
    let mut words = prefix.to_vec();
    words.extend([
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "RUNLEVEL=1",
        "apt-get",
    ]);
    words.extend(arguments);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

/// What must stand before a command to run it as root; `None` if we may not.
fn as_root() -> Option<Vec<&'static str>> {
    let user = command::output(Command::new("id").arg("-u")).ok()?;
    if user.trim() == "0" {
        return Some(Vec::new());
    }
    command::succeeds(Command::new("sudo").args(["-n", "true"])).then(|| vec!["sudo", "-n"])
}

fn is_present(program: &str) -> bool {
    FOLDERS
        .iter()
        .any(|folder| Path::new(folder).join(program).is_file())
}

const NEEDS: &[Need] = &[
    Need {
        program: "dovecot",
        package: "dovecot-imapd",
        purpose: "as the IMAP server that judges ours",
    },
    Need {
        program: "pop3",
        package: "dovecot-pop3d",
        purpose: "as the POP3 server that judges ours",
    },
    Need {
        program: "lmtp",
        package: "dovecot-lmtpd",
        purpose: "to deliver what Postfix takes",
    },
    Need {
        program: "modules/auth/libauthdb_lua.so",
        package: "dovecot-auth-lua",
        purpose: "for the recipe of Dovecot as a proxy",
    },
    Need {
        program: "master",
        package: "postfix",
        purpose: "as the submission server for the recipes",
    },
    Need {
        program: "mbsync",
        package: "isync",
        purpose: "as the IMAP client to compare with, and for its recipe",
    },
    Need {
        program: "libkdexoauth2.so",
        package: "libsasl2-modules-kdexoauth2",
        purpose: "so that mbsync and Postfix can show a token",
    },
    Need {
        program: "curl",
        package: "curl",
        purpose: "for its recipe",
    },
    Need {
        program: "fetchmail",
        package: "fetchmail",
        purpose: "for its recipe",
    },
    Need {
        program: "getmail",
        package: "getmail6",
        purpose: "for its recipe",
    },
    Need {
        program: "git-send-email",
        package: "git-email",
        purpose: "for its recipe",
    },
    Need {
        program: "Mail/Address.pm",
        package: "libmailtools-perl",
        purpose: "which git send-email needs",
    },
    Need {
        program: "msmtp",
        package: "msmtp",
        purpose: "for its recipe",
    },
    Need {
        program: "offlineimap",
        package: "offlineimap3",
        purpose: "as a client of the gateway",
    },
    Need {
        program: "fail2ban-regex",
        package: "fail2ban",
        purpose: "to read who is turned away at the gateway",
    },
    Need {
        program: "swaks",
        package: "swaks",
        purpose: "as a client of the gateway",
    },
    Need {
        program: "neomutt",
        package: "neomutt",
        purpose: "for its recipe",
    },
    Need {
        program: "bsd-mailx",
        package: "bsd-mailx",
        purpose: "as a program that hands mail to sendmail",
    },
    Need {
        program: "cron",
        package: "cron",
        purpose: "as a program that hands mail to sendmail",
    },
    Need {
        program: "php",
        package: "php-cli",
        purpose: "as a program that hands mail to sendmail",
    },
    Need {
        program: "script",
        package: "bsdutils",
        purpose: "to give neomutt a terminal",
    },
    Need {
        program: "Mail/IMAPClient.pm",
        package: "libmail-imapclient-perl",
        purpose: "for the recipe of Perl",
    },
    Need {
        program: "IO/Socket/SSL.pm",
        package: "libio-socket-ssl-perl",
        purpose: "for the recipe of Perl",
    },
    Need {
        program: "python3",
        package: "python3",
        purpose: "for the recipe of Python",
    },
    Need {
        program: "node",
        package: "nodejs",
        purpose: "to run the OpenID provider",
    },
    Need {
        program: "npm",
        package: "npm",
        purpose: "to install the OpenID provider",
    },
    Need {
        program: "openssl",
        package: "openssl",
        purpose: "as the judge of certificates that are made here, and the maker of others",
    },
    Need {
        program: "jq",
        package: "jq",
        purpose: "to run the set-up scripts that are written in Bash",
    },
];
const VENV: &str = "python3-venv";
const HAPROXY: &str = "haproxy";
/// Where `package.json` of the OpenID provider is.
const NPM_FOLDER: &str = "tests/peers/oidc";
/// Where the list of what Python needs is.
const PYTHON_FOLDER: &str = "tests/peers/emailproxy";
/// Servers are in `sbin`, which is often not in `PATH`.
const FOLDERS: &[&str] = &[
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/lib/dovecot",
    "/usr/lib/postfix/sbin",
    "/usr/lib/git-core",
    "/usr/share/perl5",
    "/usr/lib/x86_64-linux-gnu/sasl2",
    "/usr/lib/aarch64-linux-gnu/sasl2",
];
