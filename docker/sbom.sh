#!/bin/sh
# What is in this root file system, as SPDX 2.3 in JSON: each package that dpkg knows, its version and where its source is, and
# the program itself.
#
#   sbom.sh NAME [ROOT]
set -eu
name=$1
root=${2:-/}
program=$root/usr/bin/cxrd
version=$("$program" version 2>/dev/null | sed 's/^cxrd \([^,]*\).*/\1/')
hash=$(sha256sum "$program" | cut -d ' ' -f 1)
distribution=$(sed -n 's/^VERSION_CODENAME=//p' "$root/etc/os-release")
dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n' | sort |
    awk -v name="$name" -v version="$version" -v hash="$hash" -v distribution="$distribution" \
        -v created="$(date -u +%Y-%m-%dT%H:%M:%SZ)" '
function identifier(text) {
    gsub(/[^A-Za-z0-9.-]/, "-", text)
    return "SPDXRef-" text
}
function escaped(text) { # of a version in a package URL
    gsub(/%/, "%25", text)
    gsub(/\+/, "%2B", text)
    gsub(/:/, "%3A", text)
    return text
}
BEGIN {
    printf "{\"spdxVersion\":\"SPDX-2.3\",\"dataLicense\":\"CC0-1.0\",\"SPDXID\":\"SPDXRef-DOCUMENT\",\"name\":\"%s\",\n", name
    printf "\"documentNamespace\":\"urn:cxrd:sbom:%s:%s\",\n", name, hash
    printf "\"creationInfo\":{\"created\":\"%s\",\"creators\":[\"Tool: docker/sbom.sh\"]},\n\"packages\":[\n", created
    printf "{\"SPDXID\":\"SPDXRef-cxrd\",\"name\":\"cxrd\",\"versionInfo\":\"%s\",\"downloadLocation\":\"NOASSERTION\",", version
    printf "\"filesAnalyzed\":false,\"licenseConcluded\":\"Apache-2.0\",\"licenseDeclared\":\"Apache-2.0\",\"copyrightText\":\"NOASSERTION\","
    printf "\"checksums\":[{\"algorithm\":\"SHA256\",\"checksumValue\":\"%s\"}]}", hash
    relations = "{\"spdxElementId\":\"SPDXRef-DOCUMENT\",\"relationshipType\":\"DESCRIBES\",\"relatedSpdxElement\":\"SPDXRef-cxrd\"}"
}
{
    id = identifier("deb-" $1 "-" $3)
    printf ",\n{\"SPDXID\":\"%s\",\"name\":\"%s\",\"versionInfo\":\"%s\",\"downloadLocation\":\"NOASSERTION\",", id, $1, $2
    printf "\"filesAnalyzed\":false,\"licenseConcluded\":\"NOASSERTION\",\"licenseDeclared\":\"NOASSERTION\",\"copyrightText\":\"NOASSERTION\","
    printf "\"supplier\":\"Organization: Debian\",\"sourceInfo\":\"built from %s %s\",", $4, $5
    printf "\"externalRefs\":[{\"referenceCategory\":\"PACKAGE-MANAGER\",\"referenceType\":\"purl\","
    printf "\"referenceLocator\":\"pkg:deb/debian/%s@%s?arch=%s&distro=%s\"}]}", escaped($1), escaped($2), $3, distribution
    relations = relations ",\n{\"spdxElementId\":\"SPDXRef-cxrd\",\"relationshipType\":\"DEPENDS_ON\",\"relatedSpdxElement\":\"" id "\"}"
}
END { printf "\n],\n\"relationships\":[\n%s\n]}\n", relations }'
