# shellcheck shell=bash
# Sourced by scripts/demo and scripts/test: long commands that end when the script is told to end.

_child=

# Runs a command to its end and returns its status. bash handles no signal while a foreground command runs, so the
# command is a job in a process group of its own, which a signal to the script ends as a whole.
run_child() {
    local status=0
    set -m
    "$@" </dev/null &
    _child=$!
    set +m
    wait "$_child" || status=$?
    _child=
    return "$status"
}

# Ends what run_child runs, then the script with the status $1.
_end_child() {
    trap '' INT TERM HUP
    if [[ -n $_child ]]; then
        kill -TERM -- "-$_child" 2>/dev/null || true
        wait "$_child" 2>/dev/null || true
    fi
    exit "$1"
}

trap '_end_child 130' INT
trap '_end_child 143' TERM
trap '_end_child 129' HUP
