# shellcheck shell=sh
# What answers, inside a container, for the files and sockets that router and ledger live by. One request is three lines:
# the operation, its argument, and its body, in which `printf %b` finds what a line cannot hold. One answer is whatever the
# operation writes, and a line `MARK STATUS` that nothing else can be taken for. It ends with its input, and with "guarded"
# as its second argument also when nobody has asked for anything for a while: a deployer that is cut off must not hold the
# lock for ever.
# A rollout asks hundreds of times, and most of what an answer takes is the programs started for it; so they are few.
set -u
umask 077
mark=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A status of 2 stands for "there is no such thing".
missing() { grep -q -e 'No such file' -e 'Connection refused' "$scratch/err"; }

make_room_for() {
    case $1 in
    */*) folder=${1%/*} ;;
    *) folder=. ;;
    esac
    [ -d "$folder" ] || mkdir -p "$folder"
}

# On disk when it returns, even if a crash follows: first the contents, then the name.
replace() {
    make_room_for "$1" && dd status=none bs=64K conv=fsync if="$scratch/in" of="$1.new" &&
        mv "$1.new" "$1" && sync "$folder"
}

append() {
    make_room_for "$1" && dd status=none bs=64K oflag=append conv=notrunc,fdatasync if="$scratch/in" of="$1"
}

# Some file systems cannot reserve; then only a write can tell.
reserve() {
    make_room_for "$1" && touch "$1" || return
    fallocate --keep-size --offset "$(stat -c %s "$1")" --length "$(cat "$scratch/in")" "$1" && sync "$folder" && return
    grep -q 'not supported' "$scratch/err"
}

list() {
    for file in "$1"/*; do
        [ ! -e "$file" ] || echo "${file##*/}"
    done
}

# Every argument ends with a zero byte.
run() { cd "$1" && xargs -0 -a "$scratch/in" env 2>&1; }

operate() {
    case $1 in
    beat) ;;
    # It may go while it is looked for.
    read) cat "$2" || { missing && return 2; } ;;
    replace) replace "$2" ;;
    # In a folder, or in one of its folders.
    share) replace "$2" && chmod 0444 "$2" && chmod 0755 "$folder" "${folder%/*}" ;;
    append) append "$2" ;;
    reserve) reserve "$2" ;;
    list) list "$2" ;;
    remove) rm -f "$2" ;;
    clear) find . -mindepth 1 ! -type d -delete ;;
    run) (run "$2") ;;
    reach) socat -u OPEN:/dev/null "$2" ;;
    # What is asked over TCP is HTTP, where a closed half means that nobody waits for the answer.
    ask-*) socat -t "${1#ask-}" -T "${1#ask-}" - "$2" <"$scratch/in" || { missing && return 2; } ;;
    *) echo "unknown operation $1" >&2 && return 1 ;;
    esac
}

if [ "${2:-}" = guarded ]; then
    session=$$
    : >"$scratch/beat"
    (while sleep 10; do rm "$scratch/beat" 2>/dev/null || kill -9 "$session"; done) </dev/null >/dev/null 2>&1 &
fi
printf '\n%s 0\n' "$mark"
# Whoever asked is gone where a line has no end, and half a file is none.
while IFS= read -r operation && IFS= read -r argument && IFS= read -r body; do
    : >"$scratch/beat"
    printf %b "$body" >"$scratch/in"
    operate "$operation" "$argument" 2>"$scratch/err"
    status=$?
    [ "$status" = 0 ] || cat "$scratch/err"
    printf '\n%s %s\n' "$mark" "$status"
done
