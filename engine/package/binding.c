#include "engine/package/binding.h"

#include <stdlib.h>
#include <string.h>

static const char MEMBER[] = "labels", READS_MEMBER[] = "reads", KIND_MEMBER[] = "kind",
                  TRAINED_WITH_MEMBER[] = "backbone", BESIDE_MEMBER[] = "beside", BACKBONE_MEMBER[] = "cxrd";
/* One array of names: more of them than a head may have labels. */
static const struct json_limits names_limits = {.depth = 1, .values = 1 << 13};

/* Metadata holds texts alone. Takes the value. */
static void add_printed(struct json *metadata, const char *member, struct json *value)
{
    char *text = json_print(value, false);
    json_add_text(metadata, member, text);
    free(text);
    json_destroy(&value);
}

struct json *head_metadata(const struct head_card *head, const char *backbone, const char *beside)
{
    struct json *names = json_array(), *metadata = json_object();
    for (size_t i = 0; i < head->label_count; i++)
        json_append_text(names, head->labels[i].name);
    add_printed(metadata, MEMBER, names);
    json_add_text(metadata, KIND_MEMBER, head_kind_name(head->kind));
    if (backbone && *backbone)
        json_add_text(metadata, TRAINED_WITH_MEMBER, backbone);
    if (beside && *beside)
        json_add_text(metadata, BESIDE_MEMBER, beside);
    if (head->type != HEAD_LINEAR)
        return metadata;
    struct json *reads = json_object();
    json_add_number(reads, "blocks", head->blocks);
    json_add_boolean(reads, "average_pool", head->average_pool);
    json_add_number(reads, "views", head->two_views ? 2 : 1);
    add_printed(metadata, READS_MEMBER, reads);
    return metadata;
}

enum status metadata_reads(const struct json *metadata, struct failure *failure, bool *says,
                           struct head_card *out)
{
    const char *text = json_text(json_member(metadata, READS_MEMBER));
    struct json *reads = NULL;
    int64_t blocks, views;
    bool average_pool;
    *says = text != NULL;
    if (!text)
        return STATUS_OK;
    const bool valid =
        !json_parse((struct bytes){(const uint8_t *)text, strlen(text)}, names_limits, NULL, &reads) &&
        json_integer(json_member(reads, "blocks"), 0, CARD_DEPTH_MAX, &blocks) &&
        json_boolean(json_member(reads, "average_pool"), &average_pool) &&
        json_integer(json_member(reads, "views"), 1, 2, &views) && blocks + average_pool > 0;
    json_destroy(&reads);
    if (!valid)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "The \"reads\" of its metadata are not blocks, average_pool and views.");
    out->blocks = (uint32_t)blocks;
    out->average_pool = average_pool;
    out->two_views = views == 2;
    return STATUS_OK;
}

struct json *backbone_metadata(void)
{
    struct json *metadata = json_object();
    json_add_text(metadata, BACKBONE_MEMBER, "a backbone's weights, to be computed as model.json says");
    return metadata;
}

const char *metadata_kind(const struct json *metadata)
{
    return json_text(json_member(metadata, KIND_MEMBER));
}

const char *metadata_backbone(const struct json *metadata)
{
    return json_text(json_member(metadata, TRAINED_WITH_MEMBER));
}

const char *metadata_beside(const struct json *metadata)
{
    return json_text(json_member(metadata, BESIDE_MEMBER));
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

/* As many numbers may be other tokens' altogether. */
static enum status check_reads(const struct head_card *head, const struct safetensors *file,
                               struct failure *failure)
{
    bool says;
    struct head_card said = {0};
    enum status status = metadata_reads(safetensors_metadata(file), failure, &says, &said);
    if (status)
        return failure_prefix(failure, "%.60s", head->weights);
    if (!says || (said.blocks == head->blocks && said.average_pool == head->average_pool &&
                  said.two_views == head->two_views))
        return STATUS_OK;
    return failure_set(failure, STATUS_INVALID_FILE,
                       "Head '%.40s' has other blocks, average_pool or views in model.json than those it was "
                       "trained on, as its weights (%.60s) say: %u, %s and %d.",
                       head->name, head->weights, said.blocks, said.average_pool ? "true" : "false",
                       said.two_views ? 2 : 1);
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
    return status ? status : check_reads(head, file, failure);
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
