#!/usr/bin/env python3
"""Holds openapi.yaml to what linters and generators of clients ask of a description: openapi.py ROOT

What Spectral (spectral:oas) and Redocly (recommended) warn of, and what keeps a route out of openapi-generator's clients. Each
rule is proved besides: a copy is broken once for it, and the break must be told.
"""

import copy
import functools
import json
import pathlib
import re
import sys

import jsonschema
import yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
SCHEMA = jsonschema.Draft202012Validator
# Keywords of JSON Schema 2020-12 that the description uses, and those of OpenAPI. An unquoted comma in a line makes another one.
KEYWORDS = set(SCHEMA.META_SCHEMA["properties"]) | {
    "allOf", "anyOf", "oneOf", "not", "items", "properties", "patternProperties", "additionalProperties", "type", "const", "enum",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern", "minItems", "maxItems",
    "minProperties", "required", "title", "description", "default", "examples", "format", "contentEncoding", "contentMediaType"}


def walk(node, at=()):
    """Every value, with the names that lead to it."""
    yield at, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield from walk(child, (*at, name))


@functools.lru_cache(maxsize=None)  # a break changes one schema of all
def schema_errors(text):
    return [(tuple(error.absolute_path), error.message) for error in SCHEMA(SCHEMA.META_SCHEMA).iter_errors(json.loads(text))]


def where(at):
    return "/".join(str(name) for name in at)


class Description:
    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver("", document)

    def follow(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def operations(self):
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield f"{method} {path}", path, item[method]

    def roots(self):
        """Every schema that is within no other."""
        for name, schema in self.document["components"]["schemas"].items():
            yield (name,), schema
        for at, node in walk(self.document):
            if isinstance(node, dict) and "schema" in node and at[-1] not in ("properties", "schemas"):
                yield at, node["schema"]

    def schemas(self):
        """Every schema that is written out, those within others too."""

        def inside(at, schema):
            if not isinstance(schema, dict) or "$ref" in schema:
                return
            yield at, schema
            for name in ("properties", "patternProperties"):
                for key, child in schema.get(name, {}).items():
                    yield from inside((*at, key), child)
            for name in ("allOf", "anyOf", "oneOf"):
                for number, child in enumerate(schema.get(name, [])):
                    yield from inside((*at, number), child)
            for name in ("items", "additionalProperties", "not"):
                yield from inside((*at, name), schema.get(name))

        for at, schema in self.roots():
            yield from inside(at, schema)

    def fits(self, value, schema):
        return SCHEMA(schema, resolver=self.resolver).is_valid(value)

    def broken_references(self):
        for at, node in walk(self.document):
            if isinstance(node, dict) and isinstance(node.get("$ref"), str):
                try:
                    self.resolver.resolve(node["$ref"])
                except jsonschema.RefResolutionError:
                    yield f"{where(at)}: there is no {node['$ref']}"

    def about_itself(self):
        info = self.document["info"]
        for name in ("title", "version", "description", "license", "contact"):
            if not info.get(name):
                yield f"info has no {name}"
        tags = [tag["name"] for tag in self.document.get("tags", [])]
        for tag in self.document.get("tags", []):
            if not tag.get("description"):
                yield f"the tag {tag['name']} has no description"
        used = {tag for _, _, operation in self.operations() for tag in operation.get("tags", [])}
        yield from (f"the tag {tag} is not used" for tag in tags if tag not in used)
        yield from (f"the tag {tag} is not declared" for tag in sorted(used - set(tags)))

    def about_paths(self):
        """A path that is a reference, and an operation without a name, are left out of clients."""
        for path, item in self.document["paths"].items():
            if "$ref" in item:
                yield f"{path} is a reference"
            if not any(method in item for method in METHODS):
                yield f"{path} has no operation"
        shapes = [re.sub(r"{\w+}", "{}", path) for path in self.document["paths"]]
        yield from (f"two paths are {shape}" for shape in set(shapes) if shapes.count(shape) > 1)

    def about_operations(self):
        names = [operation.get("operationId") for _, _, operation in self.operations()]
        for title, path, operation in self.operations():
            for name in ("operationId", "summary", "description", "tags"):
                if not operation.get(name):
                    yield f"{title} has no {name}"
            name = operation.get("operationId", "")
            if names.count(name) > 1:
                yield f"{title}: operationId {name} is another's too"
            if name and not re.fullmatch(r"[a-z][A-Za-z0-9]*", name):
                yield f"{title}: operationId {name} is no name of a function"
            codes = [str(code) for code in operation["responses"]]
            for first in "24":
                if not any(code.startswith(first) for code in codes):
                    yield f"{title} has no response {first}xx"
            parameters = [self.follow(parameter) for parameter in operation.get("parameters", [])]
            given = sorted(parameter["name"] for parameter in parameters if parameter["in"] == "path")
            if given != sorted(re.findall(r"{(\w+)}", path)):
                yield f"{title}: its path has other parameters than {given}"
            for parameter in parameters:
                if not parameter.get("description"):
                    yield f"{title}: the parameter {parameter['name']} has no description"
                if parameter["in"] == "path" and not parameter.get("required"):
                    yield f"{title}: the parameter {parameter['name']} is of a path, and not required"

    def about_defaults(self):
        """Some clients send a default, and an option that stands in the query and in the body is given twice."""
        for title, _, operation in self.operations():
            for parameter in operation.get("parameters", []):
                parameter = self.follow(parameter)
                if "requestBody" in operation and "default" in self.follow(parameter["schema"]):
                    yield f"{title}: {parameter['schema'].get('$ref', parameter['name']).split('/')[-1]} has a default"

    def about_names(self):
        """Of schemas: generated clients have them beside names that they make themselves."""
        schemas, values = self.document["components"]["schemas"], {}
        for title, _, operation in self.operations():
            name = operation.get("operationId", "")
            name = name[:1].upper() + name[1:] + "Request"
            if name in schemas:
                yield f"{title}: clients call its parameters {name}, as a schema is called"
        for name, schema in schemas.items():
            for value in schema.get("enum", []):
                if value in values:
                    yield f"{name} and {values[value]} both list '{value}', which is one constant in Go"
                values[value] = name

    def about_components(self):
        text = str(self.document)
        for kind, members in self.document["components"].items():
            for name in members:
                used = f"#/components/{kind}/{name}'" in text
                if kind == "securitySchemes":
                    used = any(name in one for one in self.document["security"])
                if not used:
                    yield f"components/{kind}/{name} is not used"

    def wrong_schemas(self):
        for at, schema in self.roots():
            yield from (f"{where((*at, *inside))}: {words}" for inside, words in schema_errors(json.dumps(schema)))

    def about_schemas(self):
        for at, schema in self.schemas():
            for keyword in schema:
                if keyword not in KEYWORDS:
                    yield f"{where(at)}: there is no keyword '{keyword}'"
            kinds = schema.get("type", [])
            kinds = [kinds] if isinstance(kinds, str) else kinds
            if ("enum" in schema or "const" in schema) and not kinds:
                yield f"{where(at)} has values and no type"
            if "boolean" in kinds and ("enum" in schema or "const" in schema):
                yield f"{where(at)} is a boolean of one value, which is no Java"
            if "array" in kinds and "items" not in schema:
                yield f"{where(at)} is an array without items"
            if "properties" in schema:
                for name in schema.get("required", []):
                    if name not in schema["properties"]:
                        yield f"{where(at)}: {name} is required and not described"
            for value in [*schema.get("enum", []), *(schema[name] for name in ("const", "default") if name in schema), *schema.get("examples", [])]:
                if not self.fits(value, schema):
                    yield f"{where(at)}: {value!r} does not fit"
            if len(schema.get("enum", [])) != len({repr(value) for value in schema.get("enum", [])}):
                yield f"{where(at)} lists a value twice"

    def about_examples(self):
        for at, node in walk(self.document):
            if isinstance(node, dict) and "schema" in node and "properties" not in at:
                for name, example in node.get("examples", {}).items():
                    if not self.fits(example["value"], node["schema"]):
                        yield f"{where(at)}: the example {name} does not fit its schema"

    def faults(self):
        """What is wrong; values are held against their schemas where those are schemas."""
        for rules in ((self.broken_references,), (self.wrong_schemas,),
                      (self.about_itself, self.about_paths, self.about_operations, self.about_defaults, self.about_names, self.about_components,
                       self.about_schemas, self.about_examples)):
            found = [fault for rule in rules for fault in rule()]
            if found:
                return found
        return []


def predict(document):
    return document["paths"]["/predict"]["post"]


def image(document):
    return document["components"]["schemas"]["Image"]["properties"]


# One break for each rule, and the words that must tell of it.
BREAKS = [
    ("info has no contact", lambda d: d["info"].pop("contact")),
    ("the tag models has no description", lambda d: d["tags"][1].pop("description")),
    ("the tag lost is not declared", lambda d: predict(d)["tags"].append("lost")),
    ("the tag lost is not used", lambda d: d["tags"].append({"name": "lost", "description": "Of nothing."})),
    ("/v1/predict is a reference", lambda d: d["paths"].update({"/v1/predict": {"$ref": "#/paths/~1predict"}})),
    ("/v1/predict has no operation", lambda d: d["paths"].update({"/v1/predict": {"summary": "Nothing."}})),
    ("two paths are /models/{}", lambda d: d["paths"].update({"/models/{other}": d["paths"]["/models/{name}"]})),
    ("post /predict has no operationId", lambda d: predict(d).pop("operationId")),
    ("post /predict has no summary", lambda d: predict(d).pop("summary")),
    ("post /predict has no description", lambda d: predict(d).pop("description")),
    ("post /predict has no tags", lambda d: predict(d).pop("tags")),
    ("operationId embed is another's too", lambda d: predict(d).update(operationId="embed")),
    ("is no name of a function", lambda d: predict(d).update(operationId="predict-it")),
    ("post /predict has no response 2xx", lambda d: predict(d)["responses"].pop("200")),
    ("its path has other parameters", lambda d: d["paths"]["/models/{name}"]["get"].pop("parameters")),
    ("the parameter heads has no description", lambda d: d["components"]["parameters"]["Heads"].pop("description")),
    ("is of a path, and not required", lambda d: d["components"]["parameters"]["ModelInPath"].pop("required")),
    ("there is no #/components/schemas/Lost", lambda d: image(d).update(lost={"$ref": "#/components/schemas/Lost"})),
    ("components/schemas/Lost is not used", lambda d: d["components"]["schemas"].update(Lost={"type": "string"})),
    ("there is no keyword 'JPEG or DICOM'", lambda d: image(d)["id"].update({"JPEG or DICOM": None})),
    ("Image/properties/id/maxLength: 'long' is not", lambda d: image(d)["id"].update(maxLength="long")),
    ("Image/format has values and no type", lambda d: image(d)["format"].pop("type")),
    ("Image/warnings is an array without items", lambda d: image(d)["warnings"].pop("items")),
    ("Image: region is required and not described", lambda d: image(d).pop("region")),
    ("AttentionFor: 3 does not fit", lambda d: d["components"]["schemas"]["AttentionFor"]["examples"].append(3)),
    ("clients call its parameters EmbedRequest", lambda d: d["components"]["schemas"].update(EmbedRequest={"type": "string"})),
    ("Identifiers and DicomProfile both list 'voi'", lambda d: d["components"]["schemas"]["Identifiers"]["enum"].append("voi")),
    ("Prediction/flip is a boolean of one value", lambda d: d["components"]["schemas"]["Prediction"]["properties"]["flip"].update(const=True)),
    ("Threshold has a default", lambda d: d["components"]["schemas"]["Threshold"].update(default=0.5)),
    ("Image/format lists a value twice", lambda d: image(d)["format"]["enum"].append("png")),
    ("the example class does not fit", lambda d: d["components"]["schemas"]["Embedding"]["required"].append("mean")),
]


def blind_rules(document):
    for words, spoil in BREAKS:
        broken = copy.deepcopy(document)
        spoil(broken)
        if not any(words in fault for fault in Description(broken).faults()):
            yield f"nothing tells '{words}' where that is so"


def main(root):
    document = yaml.safe_load((pathlib.Path(root) / "openapi.yaml").read_text())
    faults = Description(document).faults() or list(blind_rules(document))
    for fault in faults:
        print(f"openapi.yaml: {fault}.")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
