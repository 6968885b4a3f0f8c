# shellcheck shell=sh
# Sourced by the lint scripts: what to look at.

# Every file of the tree at $1 that belongs to the project: what git tracks or would, or all but build output
# where there is no git (an unpacked archive, a fixture).
project_files()
{
    if [ -e "$1/.git" ] && git -C "$1" rev-parse --git-dir >/dev/null 2>&1; then
        (cd "$1" && git ls-files --cached --others --exclude-standard | sort -u |
            while IFS= read -r file; do [ -f "$file" ] && printf '%s\n' "$file"; done)
    else
        (cd "$1" && find . -type f ! -path './build*' ! -path './.cache/*' ! -path './.git/*' | sed 's|^\./||' | sort)
    fi
}
