# shellcheck shell=bash
# What the scripts in tools/ share: where the project is, progress lines, one closing line. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export ROOT
# The scripts look for programs there, whatever the user's own cargo is told.
export CARGO_TARGET_DIR=$ROOT/target

# Progress goes to stderr, so that stdout stays free for what a script was asked for.
say() { printf '\033[1m>>\033[0m %s\n' "$*" >&2; }

die() {
    printf '\033[1m!!\033[0m %s\n' "$*" >&2
    exit 1
}

# step TEXT COMMAND...: says TEXT, runs COMMAND quietly; its output is shown only when it fails.
# COMMAND is not tested in an `if`, which would switch `set -e` off inside it: the EXIT trap shows what failed.
step() {
    local started=$SECONDS
    STEP=$1 STEP_LOG=$(mktemp)
    say "$STEP"
    shift
    "$@" >"$STEP_LOG" 2>&1
    rm -f "$STEP_LOG"
    STEP_LOG=
    ((SECONDS - started < 5)) || say "  took $((SECONDS - started)) s"
}

# A script with an EXIT trap of its own calls this first in it.
show_failed_step() {
    [[ -n ${STEP_LOG:-} ]] || return 0
    cat "$STEP_LOG" >&4
    printf '\033[1m!!\033[0m failed: %s\n' "$STEP" >&4
    rm -f "$STEP_LOG"
}
exec 4>&2
trap show_failed_step EXIT
