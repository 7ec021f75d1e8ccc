//! Microsoft Graph, asked by a plain HTTP client.

mod batch;
mod calendar;
mod client;
mod contacts;
mod delta;
mod faults;
mod folders;
mod limits;
mod listing;
mod messages;
mod odd;
mod permissions;
mod sending;
mod uploads;
