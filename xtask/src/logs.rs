//! `logs`: what a colour or the proxy has written.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;

use crate::flags::Target;
use crate::problem::{ExitCode, Problem, command};
use crate::rollout::colour::Colour;
use crate::runtime::shim::Shim;
use crate::site::Site;

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
    let shim = shim(args.of, &site)?;
    match show(&shim, args) {
        // Whoever reads has seen enough, as `head` has.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn show(shim: &Shim, args: &Args) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in shim.tail(args.lines) {
        writeln!(out, "{line}")?;
    }
    if args.follow { follow(&shim.log_path(), &mut out) } else { Ok(()) }
}

fn shim(of: Option<Of>, site: &Site) -> anyhow::Result<Shim> {
    let scene = site.enter();
    let active = || anyhow::Ok(scene.world().observe()?.active());
    let shim = match of {
        Some(Of::Blue) => Some(scene.runtime.shim(Colour::Blue)),
        Some(Of::Green) => Some(scene.runtime.shim(Colour::Green)),
        Some(Of::Proxy) => Some(scene.proxy.shim()),
        None => active()?.map(|colour| scene.runtime.shim(colour)),
    };
    shim.filter(|shim| shim.log_path().exists()).ok_or_else(|| {
        let message = format!("nothing was started there in {} yet, so nothing was written.", site.name);
        Problem::new(ExitCode::Usage, message).next(command("status", &site.name)).into()
    })
}

/// Prints what is appended; a log that has moved aside, or a new one in its place, is read from its beginning.
fn follow(path: &Path, out: &mut impl io::Write) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(0))?;
    let mut chunk = Vec::new();
    loop {
        chunk.clear();
        file.read_to_end(&mut chunk)?;
        out.write_all(&chunk)?;
        out.flush()?;
        if std::fs::metadata(path).is_ok_and(|now| file.metadata().is_ok_and(|open| open.ino() != now.ino())) {
            file = File::open(path)?;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
