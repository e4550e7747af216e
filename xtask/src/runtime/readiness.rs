//! Whether what answers at a colour's address is the colour, and ready.

use std::net::SocketAddr;
use std::time::Duration;

use crate::delivery::Health;
use crate::http::Probe;
use crate::rollout::colour::Colour;
use crate::rollout::record::Launch;

/// A service that takes longer to say whether it is ready is not.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Judges the answer to a probe of the readiness path.
///
/// # Errors
/// Why it is not ready, in words.
pub fn judge(
    probe: &Probe,
    health: &Health,
    colour: Colour,
    launch: &Launch,
    address: SocketAddr,
) -> Result<(), String> {
    let answer = match probe {
        Probe::Answered(answer) if answer.status == 200 => answer,
        _ => return Err(format!("GET {}: {probe}", health.ready)),
    };
    let expected = [(&health.colour_header, colour.name()), (&health.release_header, launch.release.as_str())];
    for (header, value) in expected.into_iter().filter_map(|(header, value)| Some((header.as_ref()?, value))) {
        let said = answer.header(header).unwrap_or("nothing");
        if said != value {
            return Err(format!(
                "{address} answers as another service: its header {header} says `{said}`, not `{value}`"
            ));
        }
    }
    Ok(())
}
