# shellcheck shell=sh
# For scripts that check something and print TAP: they read this file, call check once for each rule, and print the
# plan at their end. It knows nothing of the rules.
count=0

# check TEXT COMMAND…: the command prints what breaks the rule; where it prints nothing all is well
check() {
    text=$1
    shift
    count=$((count + 1))
    found=$("$@" 2>&1)
    if [ -z "$found" ]; then
        echo "ok $count - $text"
    else
        echo "not ok $count - $text"
        printf '%s\n' "$found" | head -n 40 | sed 's/^/# /'
    fi
}

# check_with TOOL TEXT COMMAND…: the same, where TOOL is installed
check_with() {
    tool=$1
    shift
    if command -v "$tool" >/dev/null; then
        check "$@"
    else
        count=$((count + 1))
        echo "ok $count - $1 # SKIP $tool is not installed"
    fi
}

plan() { echo "1..$count"; }
