//! What the benchmarks share. Each prints ratios of things measured in one run on one machine,
//! with the spread of each measurement; none of them fails because a machine is slow.

#![expect(clippy::print_stdout, reason = "benchmarks report to a terminal")]
#![expect(clippy::disallowed_methods, reason = "benchmarks measure real time")]

mod downloads;
mod measure;
mod waiting;

pub use downloads::Downloads;
pub use measure::{Sample, Stopwatch, Workload, compare, judge, report};
pub use waiting::{count_files, pause, until};
