#!/bin/sh
# Fails on an #include that architecture forbids: a folder may include only the folders below it, and each large
# third-party library is included in one place.
#
#   layering.sh ROOT
#
# Prints "file:line: sentence" for each finding.
set -eu
root=$1
. "$(dirname "$0")/files.sh"

cd "$root"
project_files . | grep -E '\.(c|h|cc|cpp)$' | awk '
BEGIN {
    # The house: folder -> prefixes that its files may include by path from the root. A folder may always include
    # itself. "shaders/params/" is what C and GLSL share, and
    # "engine/package/profile.h" what a package says and an image is made by; "shaders/catalogue" is generated.
    may["engine/base"]       = ""
    may["engine/dicom"]      = "engine/base/ engine/package/profile.h"
    may["engine/image"]      = "engine/base/ engine/package/profile.h engine/dicom/"
    may["engine/sandbox"]    = "engine/base/ engine/image/"
    may["engine/weights"]    = "engine/base/"
    may["engine/package"]    = "engine/base/ engine/weights/"
    may["engine/checkpoint"] = "engine/base/ engine/weights/ engine/package/"
    may["engine/gpu"]        = "engine/base/ shaders/catalogue"
    may["engine/reference"]  = "engine/base/ shaders/params/"
    may["engine/kernels"]    = "engine/base/ engine/gpu/ engine/reference/ shaders/"
    may["engine/model"]      = "engine/base/ shaders/params/ engine/weights/ engine/package/ engine/gpu/ engine/kernels/"
    may["engine"]            = "engine/base/ engine/image/ engine/sandbox/ engine/weights/ engine/package/ engine/gpu/ engine/kernels/ engine/model/"
    may["api"]               = "engine/base/ engine/engine.h engine/image/contour.h engine/image/overlay.h"
    may["server"]            = "engine/base/ engine/engine.h engine/sandbox/pool.h api/"
    may["cli"]               = "engine/base/ engine/engine.h engine/sandbox/pool.h engine/checkpoint/ engine/weights/ engine/package/ engine/gpu/ engine/kernels/ engine/model/ api/ server/"
    may["shaders"]           = ""

    # Third-party headers -> the only places for them; "T" is the same place in tests/unit/.
    only["civetweb.h"]       = "server/listener.c"
    only["cJSON.h"]          = "engine/base/json.c engine/base/json_print.c"
    only["gdcm"]             = "engine/dicom/codestream.cc"
    only["openssl"]          = "engine/base/sha256.c"
    only["jpeglib.h"]        = "engine/image/decode_jpeg.c"
    only["seccomp.h"]        = "engine/sandbox/confine.c tests/unit/sandbox/"
    only["stb_image.h"]      = "engine/image/decode_png.c"
    only["vulkan"]           = "engine/gpu/ tests/integration/bad_driver.c"
    only["yaml.h"]           = "engine/base/yaml_json.c"
}

function found(file, line, sentence) {
    printf "%s:%d: %s\n", file, line, sentence
    findings++
}

function starts(text, prefix) {
    return substr(text, 1, length(prefix)) == prefix
}

# The longest folder of the table that holds the file, or "".
function folder_of(file, at, best) {
    best = ""
    for (at in may)
        if (starts(file, at "/") && length(at) > length(best))
            best = at
    return best
}

function allowed(folder, header, list, count, i) {
    if (starts(header, folder "/") && folder_of(header) == folder)
        return 1
    count = split(may[folder], list, " ")
    for (i = 1; i <= count; i++)
        if (starts(header, list[i]))
            return 1
    return 0
}

function at_home(file, places, list, count, i) {
    count = split(places, list, " ")
    for (i = 1; i <= count; i++)
        if (starts(file, list[i]) || starts(file, "tests/unit/" list[i]))
            return 1
    return 0
}

function third_party(header, at) {
    for (at in only)
        if (header == at || starts(header, at "/") || starts(header, at "-") || (at == "gdcm" && starts(header, at)) ||
            substr(header, length(header) - length(at)) == "/" at)
            return at
    return ""
}

{
    file = $0
    folder = folder_of(file)
    in_tests = starts(file, "tests/")
    number = 0
    while ((getline text < file) > 0) {
        number++
        if (text !~ /^[ \t]*#[ \t]*include[ \t]*[<"]/)
            continue
        quoted = text ~ /include[ \t]*"/
        header = text
        sub(/^[^<"]*[<"]/, "", header)
        sub(/[>"].*$/, "", header)

        library = third_party(header)
        if (library != "" && !at_home(file, only[library]))
            found(file, number, header " may be included only in " only[library] ".")
        if (!quoted || library != "")
            continue
        if (header ~ /\.\.?\//)
            found(file, number, header " climbs: include by path from the root.")
        else if (index(header, "/") == 0 && folder == "shaders")
            continue # GLSL, which shares these headers, looks beside the file
        else if (index(header, "/") == 0)
            found(file, number, header " has no folder: include by path from the root.")
        else if (in_tests)
            continue
        else if (folder == "")
            found(file, number, file " is in no folder of the house; add it to tests/lint/layering.sh and CONTRIBUTING.md.")
        else if (!allowed(folder, header))
            found(file, number, folder "/ may not include " header ".")
    }
    close(file)
    files++
}

END {
    if (!files) {
        print "layering: no source files found"
        exit 1
    }
    exit findings > 0
}'
