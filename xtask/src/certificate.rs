//! `certificate`: a renewed certificate, taken over by the proxy while it runs.

use std::time::SystemTime;

use crate::delivery::FILE;
use crate::flags::{Queue, Target};
use crate::out;
use crate::problem::{ExitCode, Problem, command};
use crate::router::certificate::{self, Certificate};
use crate::secrets;
use crate::site::{Scene, Site};

/// Flags of `certificate`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    queue: Queue,
}

/// Has the proxy take the certificate over that is at hand by now.
///
/// # Errors
/// A [`Problem`] with exit code 2 where the environment has none or was never deployed, 75 while another deployer is at work,
/// 78 for one that is missing, cannot be read, is out of date or refused by HAProxy; nothing was changed then.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let site = Site::open(&args.target.env)?;
    if site.environment().tls.is_none() {
        let message = format!("{} of {FILE} has no certificate: its proxy listens without TLS.", site.name);
        return Err(Problem::new(ExitCode::Usage, message).next("cargo xtask config-lint").into());
    }
    site.require_deployed()?;
    let candidate = at_hand(&site)?;
    let (scene, _) = site.lock("certificate", &args.queue)?;
    match follow(&site, &scene)? {
        Some(done) => out!("{done}"),
        None => out!("nothing has changed: this certificate is the one in use"),
    }
    candidate
        .and_then(|candidate| candidate.notice(SystemTime::now()))
        .iter()
        .for_each(|notice| out!("note: {notice}"));
    Ok(())
}

/// The certificate that the deployer has, looked at as far as that can be done without HAProxy; none where the environment
/// has no TLS.
///
/// # Errors
/// A [`Problem`] with exit code 78 for one that is missing, cannot be read, or is out of date.
pub fn at_hand(site: &Site) -> anyhow::Result<Option<Certificate>> {
    let secret = secrets::certificate(&site.project.root, &site.name, site.environment());
    let Some(secret) = secret else { return Ok(None) };
    let value = secret.value()?;
    let certificate = Certificate::parse(&value).and_then(|certificate| {
        let out_of_date = certificate.out_of_date(SystemTime::now());
        out_of_date.map_or(Ok(certificate), Err)
    });
    certificate.map(Some).map_err(|why| refused(site, [why]))
}

/// Gives the certificate that is at hand to the proxy: to the one that runs, and to whichever is started later. Says what was
/// done; none where it has it already.
///
/// # Errors
/// A [`Problem`] with exit code 78 when HAProxy refuses it, and when the running proxy does not take it; either goes on with
/// the one it has.
pub fn follow(site: &Site, scene: &Scene<'_>) -> anyhow::Result<Option<String>> {
    let Some(candidate) = at_hand(site)? else { return Ok(None) };
    let Scene { host, proxy, router, .. } = scene;
    let runs = proxy.is_alive()?;
    let serial = &candidate.facts().serial;
    let shown = if runs { router.shown_certificate()? } else { None };
    if runs && shown.is_none() {
        return Err(without_tls(site).into());
    }
    let is_shown = !runs || shown.as_ref() == Some(serial);
    if is_shown && candidate.is_placed(*host)? {
        return Ok(None);
    }
    candidate.check(*host, &proxy.checker()?)?.map_err(|alerts| refused(site, alerts))?;
    let before = certificate::placed(*host)?;
    // First for a proxy that is started anew, by whatever, from now on.
    candidate.place(*host)?;
    if runs {
        router.show_certificate(&candidate).inspect_err(|_| {
            // The first error is the one to tell.
            let _ = certificate::restore(*host, before.as_ref());
        })?;
    }
    let until = humantime::format_rfc3339_seconds(candidate.facts().until);
    Ok(Some(match runs {
        true => {
            format!("new connections are shown the certificate {serial}, valid until {until}; none was closed for it")
        }
        false => format!("the proxy will start with the certificate {serial}, valid until {until}"),
    }))
}

fn without_tls(site: &Site) -> Problem {
    let message = format!(
        "the proxy of {} was started without TLS, and what listens keeps the addresses it has; nothing was changed. End the \
         environment and start it anew.",
        site.name
    );
    Problem::new(ExitCode::Configuration, message).next(command("down", &site.name))
}

fn refused<L: Into<String>>(site: &Site, why: impl IntoIterator<Item = L>) -> anyhow::Error {
    let message = format!(
        "environments.{}.tls.certificate of {FILE} cannot be used; nothing was started or changed, and a proxy that runs \
         keeps the one it has.",
        site.name
    );
    let problem = Problem::new(ExitCode::Configuration, message).detail(why);
    problem.next("the same command, with the right certificate in place").into()
}
