# What the shell of a page has besides the page itself. Needs SERVICE, a folder for the service's log and
# process id, and PORT.
set -euo pipefail

block() { # LINE STATUSES: the next block begins
    statuses=" ${*:2} "
    printf '\036%s\n' "$1"
}

# Only these are run as they stand. The rest takes minutes, or is what continuous integration runs anyway: of
# them, make says what it would do.
make() {
    case "${1:-}" in
        run) start_service ;;
        '' | help | install) command make "$@" ;;
        *) command make -n "$@" ;;
    esac
}

# An answer of 400 and more is a failure, unless a comment in the block names the status.
curl() {
    local argument complaints failed=0 words=(--fail-with-body --show-error)
    for argument in "$@"; do
        case $argument in --fail | --fail-with-body | -f*) words=(--show-error) ;; esac
    done
    complaints=$(mktemp)
    command curl "${words[@]}" --stderr "$complaints" "$@" || failed=$?
    cat "$complaints" >&2
    if ((failed == 22)); then
        local status
        status=$(sed -n 's/.*returned error: \([0-9]*\).*/\1/p' "$complaints" | tail -n 1)
        if [[ -n $status && $statuses == *" $status "* ]]; then failed=0; fi
    fi
    rm -f "$complaints"
    return $failed
}

# `make run` in the background, until it says that it is ready; one that runs already is ended first.
start_service() {
    stop_service
    setsid make -s run >"$SERVICE/log" 2>&1 </dev/null &
    echo $! >"$SERVICE/pid"
    local tries
    for ((tries = 0; tries < 1200; tries++)); do
        if grep 'Pillarbox is at' "$SERVICE/log"; then return; fi
        kill -0 "$(cat "$SERVICE/pid")" 2>/dev/null || break
        sleep 0.1
    done
    echo "make run did not get ready:"
    cat "$SERVICE/log"
    return 1
}

stop_service() {
    local pid tries
    [[ -e $SERVICE/pid ]] || return 0
    pid=$(cat "$SERVICE/pid")
    rm "$SERVICE/pid"
    kill -TERM -- "-$pid" 2>/dev/null || return 0
    for ((tries = 0; tries < 300; tries++)); do
        kill -0 -- "-$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL -- "-$pid"
}
