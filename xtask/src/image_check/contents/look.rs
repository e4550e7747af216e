//! What is worth telling of a file, out of its contents.

use std::io::{self, Read};

use super::{Noted, Secret};
use crate::config_lint::committed::{HEAD, LARGEST};
use crate::made_of;
use crate::size::Size;

/// The largest program that is read, in bytes.
const PROGRAM: u64 = 256 << 20;
/// How many secrets are told of one file.
const SECRETS: usize = 32;

/// Looks at a file of that many bytes.
///
/// # Errors
/// When it cannot be read.
pub(super) fn at(reader: &mut impl Read, size: u64) -> io::Result<Noted> {
    let mut content = Vec::new();
    reader.take(HEAD as u64).read_to_end(&mut content)?;
    let is_program = content.starts_with(b"\x7fELF");
    // Where git would take it for data, so does the search for secrets.
    let is_text = !is_program && !content.contains(&0);
    let mut noted = Noted::default();
    if is_program && size > PROGRAM {
        noted.made_of = Some(Err(format!("it is larger than {}", Size::from(PROGRAM))));
    } else if is_text && size > LARGEST {
        noted.is_unsearched = true;
    } else if is_program || is_text {
        reader.read_to_end(&mut content)?;
        if is_program {
            noted.made_of = made_of::of_program(&content);
        } else {
            noted.secrets = Secret::all_in(&content).take(SECRETS).collect();
        }
    }
    Ok(noted)
}
