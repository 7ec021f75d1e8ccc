//! `gatepost-mail` over SMTP against Postfix, which delivers into Dovecot.

mod contract;
mod refusals;
mod stand;
