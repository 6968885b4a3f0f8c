#include "cli/embed_header.h"

#include "engine/weights/safetensors.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are written as they lie in memory");

enum { NPY_BYTES = 128, NPY_PREFIX_BYTES = 10, SAFETENSORS_BYTES = 1024 };

const enum tokens embed_order[TOKENS_KINDS] = {TOKENS_PATCH, TOKENS_MEAN, TOKENS_CLASS};

static uint8_t *npy_header(const struct embed_run *run, size_t rows)
{
    const struct backbone_card *backbone = &run->card->backbone;
    char patches[32] = "";
    if (run->tokens[TOKENS_PATCH])
        snprintf(patches, sizeof patches, "%zu, ", backbone_patches(backbone));
    char *out = memory_allocate(NPY_BYTES, 1);
    memcpy(out, "\x93NUMPY\1\0", 8);
    out[8] = NPY_BYTES - NPY_PREFIX_BYTES;
    int used = snprintf(out + NPY_PREFIX_BYTES, NPY_BYTES - NPY_PREFIX_BYTES,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %s%u), }", rows, patches,
                        (unsigned)backbone->width);
    assert(used < NPY_BYTES - NPY_PREFIX_BYTES);
    memset(out + NPY_PREFIX_BYTES + used, ' ', NPY_BYTES - NPY_PREFIX_BYTES - (size_t)used);
    out[NPY_BYTES - 1] = '\n';
    return (uint8_t *)out;
}

static uint8_t *safetensors_of(const struct embed_run *run, size_t rows)
{
    const struct backbone_card *backbone = &run->card->backbone;
    struct tensor tensors[TOKENS_KINDS];
    size_t count = 0, size = 0;
    for (size_t i = 0; i < TOKENS_KINDS; i++) {
        enum tokens kind = embed_order[i];
        if (!run->tokens[kind])
            continue;
        bool patch = kind == TOKENS_PATCH;
        tensors[count++] = (struct tensor){
            .name = tokens_names[kind],
            .type = TENSOR_F32,
            .rank = patch ? 3 : 2,
            .shape = {rows, patch ? backbone_patches(backbone) : backbone->width, backbone->width},
            .size_bytes = rows * embed_floats(run, kind) * sizeof(float)};
    }
    struct json *metadata = json_object();
    json_add_text(metadata, "package_sha256", run->card->package_sha256);
    uint8_t *out = safetensors_header(tensors, count, metadata, SAFETENSORS_BYTES, &size);
    json_destroy(&metadata);
    assert(size == SAFETENSORS_BYTES);
    return out;
}

static const struct {
    const char *ending; /* of the file's name */
    size_t header_bytes;
    uint8_t *(*header)(const struct embed_run *run, size_t rows);
    bool holds_several;
} forms[] = {[EMBED_NPY] = {".npy", NPY_BYTES, npy_header, false},
             [EMBED_SAFETENSORS] = {".safetensors", SAFETENSORS_BYTES, safetensors_of, true}};
static_assert(sizeof forms / sizeof *forms == EMBED_FORMS, "a row a form");

bool embed_form_read(const char *path, enum embed_form *out)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    for (size_t form = 0; form < EMBED_FORMS && dot && dot > name; form++)
        if (!strcmp(dot, forms[form].ending)) {
            *out = (enum embed_form)form;
            return true;
        }
    return false;
}

const char *embed_form_ending(enum embed_form form)
{
    return forms[form].ending;
}

const char *embed_form_endings(bool several, char text[EMBED_ENDINGS_BYTES])
{
    size_t used = 0;
    for (size_t form = 0; form < EMBED_FORMS; form++)
        if (!several || forms[form].holds_several)
            used += (size_t)snprintf(text + used, EMBED_ENDINGS_BYTES - used, "%s%s", used ? " or " : "",
                                     forms[form].ending);
    return text;
}

bool embed_form_holds_several(enum embed_form form)
{
    return forms[form].holds_several;
}

size_t embed_header_bytes(enum embed_form form)
{
    return forms[form].header_bytes;
}

uint8_t *embed_header(const struct embed_run *run, enum embed_form form, size_t rows)
{
    return forms[form].header(run, rows);
}
