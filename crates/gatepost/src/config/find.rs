//! Which configuration file is read.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use gatepost_host::environment;

use super::ConfigError;

/// The configuration file that will be read, and why this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub file: PathBuf,
    /// Who named it, such as `--config`.
    pub by: &'static str,
}

/// Finds the configuration file: `given` by `--config`, else `GATEPOST_CONFIG`, else the first of
/// the usual places that exists.
pub fn find(given: Option<&Path>) -> Result<Found, ConfigError> {
    if let Some(file) = given {
        return Ok(Found {
            file: file.to_owned(),
            by: "--config",
        });
    }
    if let Some(file) = environment::path("GATEPOST_CONFIG") {
        return Ok(Found {
            file,
            by: "GATEPOST_CONFIG",
        });
    }
    let places = usual_places();
    if let Some((file, by)) = places.iter().find(|(file, _)| file.is_file()) {
        return Ok(Found {
            file: file.clone(),
            by,
        });
    }
    let files: Vec<_> = places.into_iter().map(|(file, _)| file).collect();
    Err(ConfigError::nowhere(&files))
}

fn usual_places() -> Vec<(PathBuf, &'static str)> {
    let mut places = vec![(PathBuf::from("gatepost.toml"), "the working folder")];
    if let Ok(base) = etcetera::choose_base_strategy() {
        places.push((
            base.config_dir().join("gatepost/gatepost.toml"),
            "the home folder",
        ));
    }
    places.push((PathBuf::from("/etc/gatepost/gatepost.toml"), "the system"));
    places
}
