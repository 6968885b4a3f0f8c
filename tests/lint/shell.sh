#!/bin/sh
# Every shell script passes shellcheck. Exit 77 (skipped) where shellcheck is missing.
#
#   shell.sh ROOT
set -eu
. "$(dirname "$0")/files.sh"
command -v shellcheck >/dev/null || exit 77
cd "$1"
project_files . | while IFS= read -r file; do
    if head -c 64 "$file" | head -n 1 | grep -aqE '^#!.*(sh|bash)$' || [ "${file%.sh}" != "$file" ]; then
        printf '%s\n' "$file"
    fi
done | xargs shellcheck -x -e SC1091
