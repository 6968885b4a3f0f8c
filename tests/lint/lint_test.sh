#!/bin/sh
# Proves that the lint scripts can fail: each rule is broken once in a small tree of its own and must be reported by
# name, and the tree without the break must pass.
#
#   lint_test.sh COMPILER
set -u
here=$(cd "$(dirname "$0")" && pwd)
compiler=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0
cases=0

fail()
{
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# A tree that every rule accepts.
fresh()
{
    rm -rf "${tree:?}"/*
    for folder in engine/base engine/dicom engine/image engine/sandbox engine/weights engine/checkpoint engine/gpu engine/reference engine/kernels \
        engine/model api server cli shaders/params tests/unit/image; do
        mkdir -p "$tree/$folder"
        guard=$(echo "$folder" | tr 'a-z/' 'A-Z_')
        printf '/* A header. */\n#ifndef %s_H\n#define %s_H\n\nint part_size(int count);\n\n#endif\n' "$guard" "$guard" \
            >"$tree/$folder/part.h"
        printf '#include "%s/part.h"\n\n#include <stdio.h>\n' "$folder" >"$tree/$folder/part.c"
    done
    cp "$tree/engine/base/part.h" "$tree/engine/engine.h"
    cp "$tree/engine/base/part.h" "$tree/engine/gpu/device.h"
    printf '#include <cjson/cJSON.h>\n' >"$tree/engine/base/json.c"
    printf '#include "engine/kernels/part.h"\n#include "engine/weights/part.h"\n' >"$tree/engine/model/vit.c"
    printf '#include "shaders/params/part.h"\n#include "engine/gpu/part.h"\n' >"$tree/engine/kernels/gemm.c"
    printf '#include <vulkan/vulkan.h>\n' >"$tree/engine/gpu/device.c"
    printf '#include "engine/gpu/device.h"\n#include "server/part.h"\n' >"$tree/cli/devices.c"
    printf '#include "engine/model/part.h"\n' >"$tree/tests/unit/image/model_test.c"
}

passes() # SCRIPT WHAT
{
    cases=$((cases + 1))
    output=$(sh "$here/$1" "$tree" "$tree" "$compiler" 2>&1) || fail "$1 refuses $2: $output"
}

refuses() # SCRIPT EXPECTED_TEXT
{
    cases=$((cases + 1))
    if output=$(sh "$here/$1" "$tree" "$tree" "$compiler" 2>&1); then
        fail "$1 accepts a tree in which '$2' should be reported"
    elif ! echo "$output" | grep -qF -- "$2"; then
        fail "$1 fails without saying '$2': $output"
    fi
}

forbidden() # FILE INCLUDE_LINE EXPECTED_TEXT
{
    fresh
    echo "$2" >>"$tree/$1"
    refuses layering.sh "$1:"
    refuses layering.sh "$3"
}

fresh
passes layering.sh "a tree in order"
passes style.sh "a tree in order"
passes headers.sh "a tree in order"

forbidden engine/base/part.c '#include "engine/image/part.h"' 'engine/base/ may not include engine/image/part.h'
forbidden engine/image/part.c '#include "engine/weights/part.h"' 'engine/image/ may not include'
forbidden engine/image/part.c '#include "engine/sandbox/part.h"' 'engine/image/ may not include'
forbidden engine/dicom/part.c '#include "engine/image/part.h"' 'engine/dicom/ may not include'
forbidden engine/dicom/part.c '#include <gdcmReader.h>' 'only in engine/dicom/codestream.cc'
forbidden engine/sandbox/part.c '#include "engine/gpu/part.h"' 'engine/sandbox/ may not include'
forbidden server/part.c '#include "engine/sandbox/part.h"' 'server/ may not include'
forbidden engine/weights/part.c '#include "engine/checkpoint/part.h"' 'engine/weights/ may not include'
forbidden engine/gpu/part.c '#include "engine/kernels/part.h"' 'engine/gpu/ may not include'
forbidden engine/reference/part.c '#include "engine/gpu/part.h"' 'engine/reference/ may not include'
forbidden engine/kernels/part.c '#include "engine/model/part.h"' 'engine/kernels/ may not include'
forbidden engine/model/part.c '#include "engine/reference/part.h"' 'engine/model/ may not include'
forbidden engine/model/part.c '#include "engine/image/part.h"' 'engine/model/ may not include'
forbidden engine/model/part.c '#include "engine/engine.h"' 'engine/model/ may not include'
forbidden api/part.c '#include "engine/model/part.h"' 'api/ may not include'
forbidden api/part.c '#include "server/part.h"' 'api/ may not include'
forbidden server/part.c '#include "cli/part.h"' 'server/ may not include'
forbidden cli/part.c '#include "engine/image/part.h"' 'cli/ may not include'
forbidden cli/part.c '# include "part.h"' 'has no folder'
forbidden cli/part.c '#include "../api/part.h"' 'climbs'
forbidden tests/unit/image/part.c '#include "part.h"' 'has no folder'
forbidden api/part.c '#include <civetweb.h>' 'civetweb.h may be included only in server/listener.c'
forbidden engine/base/file.c '#include <cjson/cJSON.h>' 'only in engine/base/json.c'
forbidden api/part.c '#include "cJSON.h"' 'only in engine/base/json.c'
forbidden engine/image/decode.c '#include <jpeglib.h>' 'only in engine/image/decode_jpeg.c'
forbidden engine/sandbox/pool.c '#include <seccomp.h>' 'only in engine/sandbox/confine.c'
forbidden engine/image/resize.c '#include <stb/stb_image.h>' 'only in engine/image/decode_png.c'
forbidden engine/kernels/part.c '#include <vulkan/vulkan.h>' 'only in engine/gpu/'
forbidden engine/kernels/part.c '#include <vulkan/vulkan_core.h>' 'only in engine/gpu/'
forbidden cli/part.c '#include <yaml.h>' 'only in engine/base/yaml_json.c'
fresh
mkdir "$tree/engine/attic"
echo '#include "engine/base/part.h"' >"$tree/engine/attic.c"
mv "$tree/engine/attic.c" "$tree/attic.c"
refuses layering.sh 'is in no folder of the house'

fresh
printf '\tint count;\n' >>"$tree/api/part.c"
refuses style.sh 'api/part.c:4: a tab'
fresh
printf 'int count; \n' >>"$tree/api/part.c"
refuses style.sh 'api/part.c:4: trailing space'
fresh
printf '/* TO%s: later */\n' DO >>"$tree/api/part.c"
refuses style.sh 'a note left for later'
fresh
sed -i 1d "$tree/api/part.h"
refuses style.sh 'a header opens with a comment'
fresh
sed -i /ifndef/d "$tree/api/part.h"
refuses style.sh 'include guard'
fresh
yes '/* filler */' | head -401 >"$tree/shaders/part.comp"
refuses style.sh '401 lines'
fresh
printf 'int count;' >>"$tree/api/part.c"
refuses style.sh 'no line feed at the end'

fresh
sed -i 's/int count/size_t count/' "$tree/api/part.h"
refuses headers.sh 'size_t'
fresh
printf '/* A header. */\nint twice(void);\nenum { TWICE };\n' >"$tree/api/part.h"
refuses headers.sh '1 failed'

fresh
mkdir -p "$tree/engine/package" "$tree/docs"
echo 'read_text(reader, object, "model.json", "name");' >"$tree/engine/package/card_read.c"
echo 'need(&check, "norm.weight");' >"$tree/engine/package/tensors.c"
# shellcheck disable=SC2016 # backquotes of the page
echo '`model.json` has a `name`, and weights `norm.weight`.' >"$tree/docs/model-package.md"
passes package_doc.sh "a page that names all"
echo 'read_text(reader, object, "model.json", "colour");' >>"$tree/engine/package/card_read.c"
# shellcheck disable=SC2016
refuses package_doc.sh '`colour` is missing'
rm -r "$tree/engine/package" "$tree/docs"

fresh
mkdir -p "$tree/docs"
echo '    NUMBER("threads", threads, "256", 1, 1024, "connections"),' >"$tree/server/settings.c"
# shellcheck disable=SC2016 # backquotes of the page
echo 'There is `--threads N`.' >"$tree/docs/operating.md"
# shellcheck disable=SC2016
echo 'description: Bounded by `--threads`.' >"$tree/openapi.yaml"
passes option_doc.sh "a page that names all"
echo 'summary: With --thread.' >>"$tree/openapi.yaml"
refuses option_doc.sh 'there is no --thread.'
sed -i 2d "$tree/openapi.yaml"
echo '    {"config", SETTING_TEXT, 0},' >>"$tree/server/settings.c"
refuses option_doc.sh '--config is missing'
rm -r "$tree/docs" "$tree/openapi.yaml"

echo "$cases cases, $failures failed"
[ "$failures" -eq 0 ]
