//! What the Compose file gives a service, as Compose reads it for each environment.

use super::measured::Measured;
use super::verdict::{Shown, none_of, require};
use crate::rollout::colour::Colour;
use crate::runtime::compose::resolved::Resolved;

/// A line for each environment.
fn of_each(measured: &Measured<'_>, tell: impl Fn(&Resolved) -> String) -> Shown {
    Ok(measured.resolved()?.iter().map(|(name, resolved)| format!("{name}: {}", tell(resolved))).collect())
}

/// What is wrong in each environment.
fn wrong(
    measured: &Measured<'_>,
    find: impl Fn(&Resolved) -> Vec<String>,
) -> Result<Vec<String>, super::verdict::Short> {
    let of_one = |(name, resolved): (&String, &Resolved)| {
        let told: Vec<_> = find(resolved).into_iter().map(|what| format!("{name}: {what}")).collect();
        told
    };
    Ok(measured.resolved()?.iter().flat_map(of_one).collect())
}

/// Colours are reached through the proxy alone, and what is kept is kept in volumes.
pub(super) fn networks_and_volumes(measured: &Measured<'_>) -> Shown {
    let open = |resolved: &Resolved| Colour::BOTH.into_iter().flat_map(|colour| ways_past(resolved, colour)).collect();
    none_of(wrong(measured, open)?)?;
    let lacking = |resolved: &Resolved| match resolved.networks_and_volumes() {
        (0, _) => vec!["there is no network of its own".to_owned()],
        (_, 0) => vec!["there is no volume".to_owned()],
        _ => Vec::new(),
    };
    none_of(wrong(measured, lacking)?)?;
    of_each(measured, |resolved| {
        let (networks, volumes) = resolved.networks_and_volumes();
        format!("{networks} networks, those of the colours internal, {volumes} volumes")
    })
}

/// The ways to a colour, or out of it, past the proxy.
fn ways_past(resolved: &Resolved, colour: Colour) -> Vec<String> {
    let open = resolved.open_networks_of(colour).into_iter();
    let open = open.map(|network| format!("{colour} is in {network}, which leads out"));
    let shared = (!resolved.is_in_a_network(colour)).then(|| format!("{colour} is in no network of its own"));
    let published = resolved.is_published(colour).then(|| format!("{colour} is reached at a port of the machine"));
    open.chain(shared).chain(published).collect()
}

/// Nothing can take all there is.
pub(super) fn constraints(measured: &Measured<'_>) -> Shown {
    none_of(wrong(measured, Resolved::lacking)?)?;
    none_of(wrong(measured, Resolved::misreserved)?)?;
    of_each(measured, |resolved| format!("memory, cpus and pids of {} services", resolved.services()))
}

/// Everything is asked whether it is well; a colour by its image.
pub(super) fn health(measured: &Measured<'_>) -> Shown {
    let unchecked = |resolved: &Resolved| {
        let others = resolved.unchecked().into_iter().filter(|name| !Resolved::is_colour(name));
        others.map(|name| format!("{name} has no health check")).collect()
    };
    none_of(wrong(measured, unchecked)?)?;
    let mut evidence = of_each(measured, |resolved| format!("{} services have one", resolved.services()))?;
    let by_the_image = measured.resolved()?.values().any(|resolved| {
        let unchecked = resolved.unchecked();
        unchecked.iter().any(|name| Resolved::is_colour(name))
    });
    if by_the_image {
        let row = measured.image()?.row("health-check")?;
        evidence.push(format!("that of a colour comes from its image: {}", row.found));
    }
    Ok(evidence)
}

/// Everything is started again that ends.
pub(super) fn restarts(measured: &Measured<'_>) -> Shown {
    let down = |resolved: &Resolved| {
        resolved.unrestarted().iter().map(|name| format!("{name} stays down once it has ended")).collect()
    };
    none_of(wrong(measured, down)?)?;
    require(measured.resolved()?.values().all(|resolved| resolved.services() > 0), || "there is no service".into())?;
    of_each(measured, |resolved| format!("{} services are started again", resolved.services()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_reached_through_the_proxy_alone() {
        let of = |blue: &str| {
            let text = format!(
                r#"{{ "services": {{ "app-blue": {blue} }},
                    "networks": {{ "inner": {{ "internal": true }}, "outer": {{}} }} }}"#
            );
            ways_past(&Resolved::parse(&text).unwrap(), Colour::Blue)
        };
        assert_eq!(of(r#"{ "networks": { "inner": null } }"#), Vec::<String>::new());
        assert_eq!(of(r#"{ "networks": { "inner": null, "outer": null } }"#), ["blue is in outer, which leads out"]);
        assert_eq!(of(r#"{ "network_mode": "host" }"#), ["blue is in no network of its own"]);
        let published = of(r#"{ "networks": { "inner": null }, "ports": [{ "target": 8080, "published": "8080" }] }"#);
        assert_eq!(published, ["blue is reached at a port of the machine"]);
    }
}
