#!/usr/bin/env bash
# Rolls a release out: `cargo xtask deploy-blue-green`, from any folder, for people and cron.
# It acts on the project it belongs to; a relative --binary is meant from where the caller stands.
set -eu
caller=$PWD
cd "$(dirname "$(readlink -f "$0")")/.."
# cron knows nothing of where rustup puts cargo.
command -v cargo >/dev/null || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

args=()
before=
for arg in "$@"; do
    case "$before $arg" in
        "--binary /"* | *" --binary=/"*) ;;
        "--binary "*) arg=$caller/$arg ;;
        *" --binary="*) arg=--binary=$caller/${arg#--binary=} ;;
    esac
    args+=("$arg")
    before=$arg
done
exec cargo xtask deploy-blue-green ${args[@]+"${args[@]}"}
