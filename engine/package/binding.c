#include "engine/package/binding.h"

#include <stdlib.h>
#include <string.h>

static const char MEMBER[] = "labels", BACKBONE_MEMBER[] = "cxrd";
/* One array of names: more of them than a head may have labels. */
static const struct json_limits names_limits = {.depth = 1, .values = 1 << 13};

struct json *labels_metadata(const struct head_card *head)
{
    struct json *names = json_array(), *metadata = json_object();
    for (size_t i = 0; i < head->label_count; i++)
        json_append_text(names, head->labels[i].name);
    char *text = json_print(names, false);
    json_add_text(metadata, MEMBER, text);
    free(text);
    json_destroy(&names);
    return metadata;
}

struct json *backbone_metadata(void)
{
    struct json *metadata = json_object();
    json_add_text(metadata, BACKBONE_MEMBER, "a backbone's weights, to be computed as model.json says");
    return metadata;
}

bool metadata_is_backbones(const struct json *metadata)
{
    return json_member(metadata, BACKBONE_MEMBER) != NULL;
}

const char *metadata_labels(const struct json *metadata)
{
    return json_text(json_member(metadata, MEMBER));
}

static const char *bound_labels(const struct safetensors *file)
{
    return metadata_labels(safetensors_metadata(file));
}

bool labels_are_bound(const struct safetensors *file)
{
    return bound_labels(file) != NULL;
}

static enum status compare_labels(const struct head_card *head, const struct json *names,
                                  struct failure *failure)
{
    if (json_length(names) != head->label_count)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "Head '%.40s' has %zu label%s in model.json and %zu in %.60s.", head->name,
                           head->label_count, head->label_count == 1 ? "" : "s", json_length(names),
                           head->weights);
    const struct json *at = json_first(names);
    for (size_t i = 0; i < head->label_count; i++, at = json_next(at)) {
        const char *name = json_text(at);
        if (!name || strcmp(name, head->labels[i].name))
            return failure_set(
                failure, STATUS_INVALID_FILE,
                "Output %zu of head '%.40s' is '%.40s' in model.json but was trained as '%.40s', as its "
                "weights (%.60s) say. Put the labels back; other names need a new import.",
                i + 1, head->name, head->labels[i].name, name ? name : "?", head->weights);
    }
    return STATUS_OK;
}

enum status labels_check(const struct head_card *head, const struct safetensors *file,
                         struct failure *failure)
{
    const char *text = bound_labels(file);
    struct json *names = NULL;
    if (!text)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The weights of head '%.40s' (%.60s) do not say which labels their outputs have.",
                           head->name, head->weights);
    if (json_parse((struct bytes){(const uint8_t *)text, strlen(text)}, names_limits, NULL, &names) ||
        !json_is_array(names)) {
        json_destroy(&names);
        return failure_set(failure, STATUS_INVALID_FILE, "%.60s: \"labels\" of its metadata is not a list.",
                           head->weights);
    }
    enum status status = compare_labels(head, names, failure);
    json_destroy(&names);
    return status;
}

void threshold_weights(const struct backbone_card *backbone, const struct head_card *head,
                       char out[SHA256_HEX_BYTES])
{
    enum { DIGITS = SHA256_HEX_BYTES - 1 };
    uint8_t hashes[2 * DIGITS];
    memcpy(hashes, backbone->sha256, DIGITS);
    memcpy(hashes + DIGITS, head->sha256, DIGITS);
    sha256_hex((struct bytes){hashes, sizeof hashes}, out);
}

enum status thresholds_check(const struct backbone_card *backbone, const struct head_card *head, bool sealed,
                             struct failure *failure)
{
    char here[SHA256_HEX_BYTES];
    threshold_weights(backbone, head, here);
    for (size_t i = 0; i < head->label_count; i++) {
        const struct label *label = &head->labels[i];
        const char *bound = label->threshold_weights_sha256;
        if (bound && strcmp(bound, here) && (sealed || strcmp(bound, head->sha256)))
            return failure_set(
                failure, STATUS_INVALID_FILE,
                "The threshold of '%.60s' was set on other weights. Set it anew; or, if it still holds, "
                "remove its threshold_weights_sha256 from model.json and seal the package.",
                label->name);
        if (sealed && !bound && strcmp(label->threshold_source, "default"))
            return failure_set(failure, STATUS_INVALID_FILE,
                               "The threshold of '%.60s' does not say on which weights it was set.",
                               label->name);
    }
    return STATUS_OK;
}
