#!/bin/sh
# Fails on what clang-format does not see: tabs, trailing spaces, a missing last line feed, files over 400 lines,
# notes left for later, headers that do not open with what they are for, and headers without a guard.
#
#   style.sh ROOT
#
# Prints "file:line: sentence" for each finding.
set -eu
root=$1
. "$(dirname "$0")/files.sh"

cd "$root"
project_files . |
    grep -E '(\.(c|h|cc|cpp|comp|glsl|py|sh|md|yaml|yml|build|js|html|css|supp)|^(serve|check|\.ci/run|scripts/[a-z-]+|docker/Dockerfile))$' |
    awk '
function found(line, sentence) {
    printf "%s:%d: %s\n", file, line, sentence
    findings++
}

{
    file = $0
    source = file ~ /\.(c|h|cc|cpp|comp|glsl)$/
    # The words are put together here so that this file does not find itself.
    later = "(^|[^A-Za-z_])(TO" "DO|FIX" "ME|XX" "X|HA" "CK)([^A-Za-z_]|$)"
    number = 0
    guarded = 0
    while ((getline text < file) > 0) {
        number++
        if (index(text, "\t"))
            found(number, "a tab; indent with spaces.")
        if (text ~ /[ \r]$/ && file !~ /\.md$/)
            found(number, "trailing space.")
        if (text ~ later)
            found(number, "a note left for later; finish it or open an issue.")
        if (number == 1 && file ~ /\.h$/ && text !~ /^\/\*/)
            found(number, "a header opens with a comment that says what it is for.")
        if (text ~ /^#ifndef [A-Z0-9_]+$/ || text ~ /^#pragma once/)
            guarded = 1
    }
    close(file)
    if (file ~ /\.h$/ && !guarded)
        found(number, "a header needs an include guard.")
    if (source && number > 400)
        found(number, number " lines; over 400 holds two ideas.")
    files++
}

END {
    if (!files) {
        print "style: no files found"
        exit 1
    }
    exit findings > 0
}'
project_files . | grep -E '\.(c|h|cc|cpp|comp|glsl|py|sh|md)$' | while IFS= read -r file; do
    if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then
        echo "$file: no line feed at the end."
        false
    fi
done
