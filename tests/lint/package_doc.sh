#!/bin/sh
# Every name that the readers of a model package know, of a member, a value or a tensor, stands in backquotes in
# docs/model-package.md.
#
#   package_doc.sh ROOT
#
# Prints each name that does not.
set -eu
cd "$1"
page=docs/model-package.md
names=$(grep -ohE '"[a-z][a-z0-9_.]*"' engine/package/*_read.c engine/package/tensors.c | tr -d '"' | sort -u)
[ -n "$names" ] || { echo "package_doc: no names found"; exit 1; }
missing=0
for name in $names; do
    grep -qF "\`$name\`" "$page" || { echo "$page: \`$name\` is missing."; missing=$((missing + 1)); }
done
[ "$missing" -eq 0 ]
