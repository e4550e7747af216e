# shellcheck shell=sh
# What answers, inside a container, for the files and sockets that router and ledger live by. One request is a line
# `OPERATION LENGTH ARGUMENT` and LENGTH bytes; one answer is a line `STATUS LENGTH` and LENGTH bytes. It ends with its
# input, and with "guarded" as its first argument also when nobody has asked for anything for a while: a deployer that is
# cut off must not hold the lock for ever.
set -u
umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A status of 2 stands for "there is no such thing".
missing() { grep -q -e 'No such file' -e 'Connection refused' "$scratch/err"; }

# On disk when it returns, even if a crash follows: first the contents, then the name.
replace() {
    mkdir -p "$(dirname "$1")" && cp "$scratch/in" "$1.new" && sync "$1.new" &&
        mv "$1.new" "$1" && sync "$(dirname "$1")"
}

append() { mkdir -p "$(dirname "$1")" && cat "$scratch/in" >>"$1" && sync -d "$1"; }

# Some file systems cannot reserve; then only a write can tell.
reserve() {
    mkdir -p "$(dirname "$1")" && touch "$1" || return
    fallocate --keep-size --offset "$(stat -c %s "$1")" --length "$(cat "$scratch/in")" "$1" && sync "$(dirname "$1")" && return
    grep -q 'not supported' "$scratch/err"
}

# Every argument ends with a zero byte.
run() { cd "$1" && xargs -0 -a "$scratch/in" env 2>&1; }

operate() {
    case $1 in
    beat) ;;
    # It may go while it is looked for.
    read) cat "$2" || { missing && return 2; } ;;
    replace) replace "$2" ;;
    share) replace "$2" && chmod 0444 "$2" && chmod 0755 "$(dirname "$2")" ;;
    append) append "$2" ;;
    reserve) reserve "$2" ;;
    list) if [ -d "$2" ]; then ls -1A "$2"; fi ;;
    remove) rm -f "$2" ;;
    clear) find . -mindepth 1 ! -type d -delete ;;
    run) (run "$2") ;;
    reach) socat -u OPEN:/dev/null "$2" ;;
    # What is asked over TCP is HTTP, where a closed half means that nobody waits for the answer.
    ask-*) socat -t "${1#ask-}" -T "${1#ask-}" - "$2" <"$scratch/in" || { missing && return 2; } ;;
    *) echo "unknown operation $1" >&2 && return 1 ;;
    esac
}

if [ "${1:-}" = guarded ]; then
    session=$$
    : >"$scratch/beat"
    (while sleep 10; do rm "$scratch/beat" 2>/dev/null || kill -9 "$session"; done) </dev/null >/dev/null 2>&1 &
fi
echo ready
while read -r operation length argument; do
    : >"$scratch/beat"
    head -c "$length" >"$scratch/in"
    # Whoever asked is gone, and half a file is none.
    [ "$(stat -c %s "$scratch/in")" = "$length" ] || exit 1
    operate "$operation" "$argument" >"$scratch/out" 2>"$scratch/err"
    status=$?
    [ "$status" = 0 ] || cat "$scratch/err" >>"$scratch/out"
    echo "$status $(stat -c %s "$scratch/out")"
    cat "$scratch/out"
done
