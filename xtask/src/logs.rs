//! `logs`: what a colour or the proxy has written.

use std::io;

use clap::ValueEnum;

use crate::flags::Target;
use crate::problem::{ExitCode, Problem, command};
use crate::rollout::colour::Colour;
use crate::runtime::Log;
use crate::site::{Scene, Site};

/// Flags of `logs`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Whose; without it, that of the active colour.
    #[arg(value_enum)]
    of: Option<Of>,
    #[command(flatten)]
    target: Target,
    /// How many of the last lines.
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 50)]
    lines: usize,
    /// Goes on printing what is written, until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Of {
    Blue,
    Green,
    Proxy,
}

/// Prints the last lines.
///
/// # Errors
/// A [`Problem`] with exit code 2 when nothing was ever started there.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let site = Site::open(&args.target.env)?;
    let scene = site.enter();
    let log = log(args.of, &scene)?.ok_or_else(|| {
        let message = format!("nothing was started there in {} yet, so nothing was written.", site.name);
        Problem::new(ExitCode::Usage, message).next(command("status", &site.name))
    })?;
    match log.print(args.lines, args.follow, &mut io::stdout().lock()) {
        // Whoever reads has seen enough, as `head` has.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn log<'a>(of: Option<Of>, scene: &'a Scene<'_>) -> anyhow::Result<Option<Box<dyn Log + 'a>>> {
    Ok(match of {
        Some(Of::Blue) => scene.colours.log(Colour::Blue),
        Some(Of::Green) => scene.colours.log(Colour::Green),
        Some(Of::Proxy) => scene.proxy.log(),
        None => scene.world().observe()?.active().and_then(|colour| scene.colours.log(colour)),
    })
}
