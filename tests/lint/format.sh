#!/bin/sh
# Every C and C++ file is as clang-format 14 (Debian 12's, which CI runs) would write it. Other versions break lines
# elsewhere, so they are no judge: exit 77 (skipped).
#
#   format.sh ROOT
set -eu
. "$(dirname "$0")/files.sh"
case $(clang-format --version 2>/dev/null) in
*' version 14.'*) ;;
*)
    echo "clang-format 14 is not installed"
    exit 77
    ;;
esac
cd "$1"
project_files . | grep -E '\.(c|cc|h)$' | xargs clang-format --dry-run -Werror
