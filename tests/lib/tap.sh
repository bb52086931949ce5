# shellcheck shell=sh
# TAP for shell scripts, which read this file from the root of the tree: each check is one test, and `plan` is the last
# line. It also makes a directory $work that disappears at the end, and knows nothing of what is tested.
set -u
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
count=0 failures=0

# result ok|"not ok" TEXT
result() {
    count=$((count + 1))
    [ "$1" = ok ] || failures=$((failures + 1))
    printf '%s %d - %s\n' "$1" "$count" "$2"
}

# Lines "ok TEXT", "not ok TEXT" and "# TEXT" on standard input are as many results and notes.
results() {
    while read -r first rest; do
        case $first in
            ok) result ok "$rest" ;;
            not) result "not ok" "${rest#ok }" ;;
            "#") echo "# $rest" ;;
        esac
    done
}

# note: what is on standard input, as comments
note() { sed 's/^/# /'; }

# check TEXT COMMAND…: ok if the command succeeds; else its output, which is in $work/log, is shown
check() {
    text=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        result ok "$text"
    else
        result "not ok" "$text"
        note <"$work/log"
    fi
}

# rule TEXT COMMAND…: the command prints what breaks the rule; where it prints nothing all is well
rule() {
    text=$1
    shift
    found=$("$@" 2>&1)
    if [ -z "$found" ]; then
        result ok "$text"
    else
        result "not ok" "$text"
        printf '%s\n' "$found" | head -n 40 | note
    fi
}

# rule_by TOOL TEXT COMMAND…: the same, where TOOL is installed
rule_by() {
    tool=$1
    shift
    if command -v "$tool" >/dev/null; then
        rule "$@"
    else
        skip "$1" "$tool is not installed"
    fi
}

# skip TEXT REASON
skip() { result ok "$1 # SKIP $2"; }

# skip_all REASON: there is nothing to test
skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

# needs COMMAND…: without one of them there is nothing to test
needs() {
    for command; do
        command -v "$command" >/dev/null || skip_all "$command is not installed"
    done
}

# The last of it; fails if a test has.
plan() {
    echo "1..$count"
    [ "$failures" = 0 ]
}
