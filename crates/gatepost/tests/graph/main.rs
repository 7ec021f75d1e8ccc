//! The client of Microsoft Graph against the sandbox's: what is written, sent, attached, called and
//! noted is there afterwards, whatever is lost on the way.

mod calendar;
mod contacts;
mod drafts;
mod stand;
mod uploads;
