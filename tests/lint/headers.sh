#!/bin/sh
# Every header (but the helpers of single test programs) compiles alone, and twice in a row, with the project's warnings as errors.
#
#   headers.sh ROOT BUILD COMPILER
#
# BUILD holds generated headers. Prints the compiler's words for each header that fails.
set -eu
root=$1
build=$2
compiler=$3
. "$(dirname "$0")/files.sh"

cd "$root"
list=$(project_files . | grep -E '^(engine|api|server|cli|shaders/params|tests/kernelcheck)/.*\.h$') || {
    echo "headers: none found"
    exit 1
}
failed=0
for header in $list; do
    printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
        $compiler -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
            -Werror -Wno-missing-field-initializers -I. -I"$build" -fsyntax-only -x c - || failed=$((failed + 1))
done
echo "$(echo "$list" | wc -l) headers, $failed failed"
[ "$failed" -eq 0 ]
