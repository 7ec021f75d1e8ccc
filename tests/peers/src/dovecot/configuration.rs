//! Dovecot's configuration files.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::PeerError;
use crate::folder::{self, Owner};
use crate::ports::Ports;

/// What the files say.
#[derive(Debug)]
pub(super) struct Configuration<'a> {
    pub(super) root: &'a Path,
    pub(super) owner: Owner,
    pub(super) imap: Ports,
    pub(super) pop3: Ports,
    pub(super) entrance: Entrance<'a>,
}

/// Who may come in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entrance<'a> {
    /// Whoever has a token that verifies, and everybody with [`super::Dovecot::PASSWORD`].
    Tokens {
        /// Public keys as `<azp>/<ALG>/<kid>`, as Dovecot's local validation looks them up.
        keys: &'a Path,
        /// How a token may be shown, as SASL calls it.
        mechanisms: &'static str,
    },
    /// Whom these settings let in, by name and password.
    Settings(&'a str),
}

impl Configuration<'_> {
    pub(super) fn write(&self) -> Result<(), PeerError> {
        folder::write(&self.root.join(MAIN), self.main()?)
    }

    fn entrance(&self) -> Result<String, PeerError> {
        match self.entrance {
            Entrance::Tokens { keys, mechanisms } => self.by_token(keys, mechanisms),
            Entrance::Settings(settings) => Ok(settings.to_owned()),
        }
    }

    fn by_token(&self, keys: &Path, mechanisms: &str) -> Result<String, PeerError> {
        // An app-only token names no person: whoever the client asks for is opened, as Exchange
        // does for an app with full access.
        let app_only = "active_attribute = idtyp\n\
             active_value = app\n\
             username_attribute = sub\n\
             username_format = anybody";
        let mut text = format!("auth_mechanisms = {mechanisms} plain\n");
        for (name, who) in [
            ("delegated.conf", "username_attribute = upn"),
            ("app-only.conf", app_only),
        ] {
            let file = self.root.join(name);
            let verified = format!(
                "introspection_mode = local\n\
                 local_validation_key_dict = fs:posix:prefix={}/\n\
                 {who}\n",
                keys.display()
            );
            folder::write(&file, verified)?;
            let _ = writeln!(
                text,
                "passdb {{\n  driver = oauth2\n  mechanisms = {mechanisms}\n  args = {}\n}}",
                file.display()
            );
        }
        let _ = writeln!(
            text,
            "passdb {{\n  driver = static\n  mechanisms = plain\n  args = password={}\n}}",
            super::Dovecot::PASSWORD
        );
        Ok(text)
    }

    /// Who failed to sign in is not kept waiting: all come from one address here.
    ///
    /// The idle check is for machines that are short of inotify instances (128 for each user
    /// unless changed): Dovecot looks for itself then, and every half minute if not told.
    fn main(&self) -> Result<String, PeerError> {
        let root = self.root.display();
        let Ports { tls, clear } = self.imap;
        let Ports {
            tls: pop3s,
            clear: pop3,
        } = self.pop3;
        let mut text = format!(
            "base_dir = {root}/run\n\
             state_dir = {root}/run\n\
             log_path = {root}/{LOG}\n\
             auth_verbose = yes\n\
             auth_failure_delay = 0\n\
             protocols = imap pop3 lmtp\n\
             listen = 127.0.0.1\n\
             ssl = required\n\
             ssl_cert = <{root}/server.pem\n\
             ssl_key = <{root}/server.key\n\
             mail_location = maildir:{root}/mail/%u\n\
             mailbox_idle_check_interval = 1 secs\n\
             first_valid_uid = 1\n\
             mail_max_userip_connections = 5000\n\
             namespace inbox {{\n  inbox = yes\n  separator = /\n}}\n"
        );
        text.push_str(&self.entrance()?);
        let ids = match self.owner {
            Owner::Ourselves => format!(
                "uid={} gid={}",
                rustix::process::geteuid().as_raw(),
                rustix::process::getegid().as_raw()
            ),
            Owner::Other { uid, gid } => format!("uid={uid} gid={gid}"),
        };
        let _ = write!(
            text,
            "userdb {{\n  driver = static\n  args = {ids} home={root}/mail/%u allow_all_users=yes\n}}\n\
             default_client_limit = 20000\n\
             service imap-login {{\n  service_count = 0\n  client_limit = 10000\n  \
               inet_listener imap {{\n    port = {clear}\n  }}\n  \
               inet_listener imaps {{\n    port = {tls}\n    ssl = yes\n  }}\n\
             }}\n\
             service imap {{\n  process_limit = 5000\n}}\n\
             service pop3-login {{\n  service_count = 0\n  \
               inet_listener pop3 {{\n    port = {pop3}\n  }}\n  \
               inet_listener pop3s {{\n    port = {pop3s}\n    ssl = yes\n  }}\n\
             }}\n\
             service anvil {{\n  unix_listener anvil-auth-penalty {{\n    mode = 0\n  }}\n}}\n\
             service auth {{\n  unix_listener {root}/{AUTH} {{\n    mode = 0666\n  }}\n}}\n\
             service lmtp {{\n  unix_listener {root}/{LMTP} {{\n    mode = 0666\n  }}\n}}\n"
        );
        text.push_str(&unprivileged(self.owner)?);
        Ok(text)
    }
}

/// Without root nothing can change its user or its root folder.
fn unprivileged(owner: Owner) -> Result<String, PeerError> {
    if matches!(owner, Owner::Other { .. }) {
        return Ok(String::new());
    }
    let (user, group) = (own_name("-un")?, own_name("-gn")?);
    let mut text = format!(
        "default_internal_user = {user}\n\
         default_internal_group = {group}\n\
         default_login_user = {user}\n"
    );
    for service in [
        "anvil",
        "auth",
        "auth-worker",
        "imap-login",
        "pop3-login",
        "stats",
    ] {
        let _ = writeln!(
            text,
            "service {service} {{\n  chroot =\n  user = {user}\n  group = {group}\n}}"
        );
    }
    Ok(text)
}

/// Our own user or group by name: Dovecot takes no numbers here.
fn own_name(option: &str) -> Result<String, PeerError> {
    let output = Command::new("id")
        .arg(option)
        .output()
        .map_err(PeerError::system("cannot ask `id` who we are"))?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

/// The file given to `dovecot -c`.
pub(super) const MAIN: &str = "dovecot.conf";
/// Where another server has Dovecot check a sign-in.
pub(super) const AUTH: &str = "auth";
/// Where another server hands over mail for delivery.
pub(super) const LMTP: &str = "lmtp";
/// Where Dovecot logs.
pub(super) const LOG: &str = "dovecot.log";
