#!/bin/sh
# Asks whether a service is ready: `cargo xtask health-check`, from any folder, for people and cron.
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
# cron knows nothing of where rustup puts cargo.
command -v cargo >/dev/null || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
exec cargo xtask health-check "$@"
