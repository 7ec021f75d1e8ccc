//! Postfix's configuration files and its queue.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::PeerError;
use crate::folder::{self, Owner};
use crate::ports::Ports;
use crate::postfix::Offer;

/// What the files say.
#[derive(Debug)]
pub(super) struct Configuration<'a> {
    pub(super) root: &'a Path,
    pub(super) ports: Ports,
    /// Dovecot's socket for checking sign-ins.
    pub(super) auth: &'a Path,
    /// Dovecot's socket for deliveries.
    pub(super) lmtp: &'a Path,
    pub(super) offer: Offer,
}

impl Configuration<'_> {
    pub(super) fn write(&self) -> Result<(), PeerError> {
        let folder = self.root.join(FOLDER);
        folder::make(&folder)?;
        folder::write(&folder.join("main.cf"), self.main())?;
        folder::write(&folder.join("master.cf"), self.services())?;
        self.make_queue()
    }

    /// Headers are left as they came: what was sent can be compared with what arrives.
    fn main(&self) -> String {
        let root = self.root.display();
        format!(
            "compatibility_level = 3.6\n\
             queue_directory = {root}/queue\n\
             data_directory = {root}/data\n\
             maillog_file = {root}/{LOG}\n\
             maillog_file_prefixes = {root}\n\
             myhostname = localhost\n\
             mydestination =\n\
             inet_interfaces = loopback-only\n\
             inet_protocols = ipv4\n\
             alias_maps =\n\
             local_header_rewrite_clients =\n\
             message_size_limit = {LARGEST_OCTETS}\n\
             mailbox_size_limit = 0\n\
             virtual_mailbox_domains = static:all\n\
             virtual_mailbox_maps = static:all\n\
             virtual_transport = {transport}\n\
             smtpd_tls_cert_file = {root}/server.pem\n\
             smtpd_tls_key_file = {root}/server.key\n\
             smtpd_tls_security_level = encrypt\n\
             smtpd_sasl_auth_enable = yes\n\
             smtpd_sasl_type = dovecot\n\
             smtpd_sasl_path = {auth}\n\
             smtpd_relay_restrictions = permit_sasl_authenticated, reject\n\
             smtpd_sasl_mechanism_filter = {mechanisms}\n\
             smtpd_discard_ehlo_keywords = {without}\n",
            mechanisms = self.offer.mechanism.unwrap_or("static:rest"),
            without = self.offer.without.unwrap_or_default(),
            transport = self.transport(),
            auth = self.auth.display(),
        )
    }

    fn transport(&self) -> String {
        if self.offer.open {
            return "discard:".to_owned();
        }
        format!("lmtp:unix:{}", self.lmtp.display())
    }

    fn services(&self) -> String {
        let Ports { tls, clear } = self.ports;
        let open = if self.offer.open { OPEN } else { "" };
        format!(
            "127.0.0.1:{clear} inet n - n - - smtpd{open}\n\
             127.0.0.1:{tls} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n\
             {SERVICES}"
        )
    }

    /// What `postfix check` would make, without its seconds of shell.
    fn make_queue(&self) -> Result<(), PeerError> {
        let owner = mail_owner()?;
        let data = self.root.join("data");
        folder::make(&data)?;
        folder::give(&data, owner)?;
        folder::make(&self.root.join("queue/pid"))?;
        for (name, mode) in QUEUE {
            let folder = self.root.join("queue").join(name);
            folder::make(&folder)?;
            folder::give(&folder, owner)?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(*mode))
                .map_err(PeerError::file(&folder))?;
        }
        Ok(())
    }
}

/// The user that Debian's package makes for Postfix.
fn mail_owner() -> Result<Owner, PeerError> {
    let id = |option: &str| {
        let output = Command::new("id").args([option, "postfix"]).output();
        let output = output.map_err(PeerError::system("cannot ask `id` who postfix is"))?;
        let number = String::from_utf8_lossy(&output.stdout);
        number.trim_end().parse().map_err(|_| PeerError::Missing {
            program: "the user of postfix",
            package: "postfix",
        })
    };
    Ok(Owner::Other {
        uid: id("-u")?,
        gid: id("-g")?,
    })
}

/// The folder given to `master -c`.
pub(super) const FOLDER: &str = "etc";
/// Where Postfix logs.
pub(super) const LOG: &str = "postfix.log";
/// What Exchange Online lets a tenant allow at most.
const LARGEST_OCTETS: u64 = 150 * 1024 * 1024;
const QUEUE: &[(&str, u32)] = &[
    ("active", 0o700),
    ("bounce", 0o700),
    ("corrupt", 0o700),
    ("defer", 0o700),
    ("deferred", 0o700),
    ("flush", 0o700),
    ("hold", 0o700),
    ("incoming", 0o700),
    ("maildrop", 0o700),
    ("private", 0o700),
    ("public", 0o755),
    ("saved", 0o700),
    ("trace", 0o700),
];
/// For whoever connects.
const OPEN: &str = " -o smtpd_tls_security_level=may -o smtpd_sasl_auth_enable=no \
    -o smtpd_relay_restrictions=permit_mynetworks,reject";
const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";
