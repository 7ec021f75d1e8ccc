//! What holds for all of it: the section `[emailproxy]`.

use super::{Options, Remark};

/// The switches of a configuration, as its program reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the switches of another program, each on or off by itself"
)]
pub struct Switches {
    /// `allow_catch_all_accounts`.
    pub catch_alls: bool,
    /// `use_login_password_as_client_credentials_secret`: the password that a client shows is the
    /// client secret of the app.
    pub login_password_is_secret: bool,
    /// `delete_account_token_on_password_error`, where somebody wrote so: it is on if it is not set.
    pub wrong_password_deletes: bool,
    /// `encrypt_client_secret_on_first_use`.
    pub seals_secrets: bool,
}

impl Switches {
    pub(super) fn read(options: &Options<'_>, remarks: &mut Vec<Remark>) -> Self {
        let [deletes, seals, login, catch_alls] =
            [DELETES, SEALS, LOGIN, CATCH_ALLS].map(|name| options.switch(name, remarks));
        Self {
            catch_alls: catch_alls.unwrap_or(false),
            login_password_is_secret: login.unwrap_or(false),
            wrong_password_deletes: deletes.unwrap_or(false),
            seals_secrets: seals.unwrap_or(false),
        }
    }
}

const DELETES: &str = "delete_account_token_on_password_error";
const SEALS: &str = "encrypt_client_secret_on_first_use";
const LOGIN: &str = "use_login_password_as_client_credentials_secret";
const CATCH_ALLS: &str = "allow_catch_all_accounts";
pub(super) const KNOWN: &[&str] = &[DELETES, SEALS, LOGIN, CATCH_ALLS];
