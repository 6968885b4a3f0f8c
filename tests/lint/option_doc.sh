#!/bin/sh
# Every option of cxrd serve stands in docs/operating.md, and openapi.yaml names none that does not exist.
#
#   option_doc.sh ROOT
#
# Prints each option that is wrong.
set -eu
cd "$1"
page=docs/operating.md
known=$(sed -nE 's/^ +([A-Z]+\(|\{)"([a-z][a-z-]*)",.*/\2/p' server/settings.c)
[ -n "$known" ] || { echo "option_doc: no options found"; exit 1; }
wrong=0
for name in $known; do
    grep -qE -e "\`--${name}[\` ]" "$page" || { echo "$page: --$name is missing."; wrong=$((wrong + 1)); }
done
named=$(grep -oE -e '--[a-z][a-z-]+' openapi.yaml | cut -c 3- | sort -u)
for name in $named; do
    echo "$known" | grep -qxF -e "$name" || { echo "openapi.yaml: there is no --$name."; wrong=$((wrong + 1)); }
done
[ "$wrong" -eq 0 ]
