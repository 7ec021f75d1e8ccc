//! What the benchmarks share. Each prints ratios of things measured in one run on one machine,
//! with the spread of each measurement; none of them fails because a machine is slow.

#![expect(clippy::print_stdout, reason = "benchmarks report to a terminal")]
#![expect(clippy::disallowed_methods, reason = "benchmarks measure real time")]

mod caller;
mod choice;
mod downloads;
mod footprint;
mod measure;
mod origin;
mod relays;
mod sandbox;
mod smtp_source;
mod waiting;

pub use caller::{Caller, Place, SignIn};
pub use choice::is_chosen;
pub use downloads::Downloads;
pub use footprint::{more_files, processor, processor_of_children, resident, threads};
pub use measure::{Sample, Stopwatch, Workload, compare, durable_writes, judge, report};
pub use origin::Origin;
pub use relays::{CertificateFiles, Passage, Relay, certificate, free_address};
pub use sandbox::{SandboxProcess, text_of};
pub use smtp_source::{Content, SmtpSource};
pub use waiting::{count_files, pause, until};
