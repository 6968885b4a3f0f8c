/* YAML documents as JSON values: settings files and the API description. */
#ifndef CXRD_ENGINE_BASE_YAML_JSON_H
#define CXRD_ENGINE_BASE_YAML_JSON_H

#include "engine/base/json.h"

/* Reads exactly one document of the JSON-like part of YAML 1.2 (the core schema): mappings with unique text
 * keys, sequences, and scalars, where plain null, true, false and numbers keep their types and everything
 * quoted is text. Anchors and aliases are refused, so a small document cannot grow. Nesting is bounded at 32
 * levels; a document of any number of keys takes a time that grows little faster than it. Fails with
 * BAD_REQUEST, naming the line. The caller owns *out. */
WARN_UNUSED enum status yaml_parse(struct bytes text, struct failure *failure, struct json **out);

#endif
