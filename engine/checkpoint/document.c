#include "engine/checkpoint/document.h"

#include <stdlib.h>
#include <string.h>

static const char *const pictures[] = {"image_processor_type",
                                       "feature_extractor_type",
                                       "image_mean",
                                       "image_std",
                                       "crop_size",
                                       "resample",
                                       "size",
                                       NULL};
static const char *const networks[] = {"model_type",   "hidden_size", "embed_dim",  "student",
                                       "architecture", "patch_size",  "model_args", "architectures",
                                       "num_heads",    NULL};
/* What timm's flat files say, of which "architecture" alone would not tell them from others. */
static const char *const of_timm[] = {"num_features", "global_pool", "input_size", "interpolation",
                                      "crop_pct",     "num_classes", NULL};
static const char *const of_timms_pictures[] = {"input_size", "interpolation", "crop_pct", "crop_mode",
                                                "mean",       "std",           NULL};

static bool has_any(const struct json *document, const char *const *names)
{
    for (; *names; names++)
        if (json_member(document, *names))
            return true;
    return false;
}

/* What an image processor does has a switch each, "do_resize". */
bool document_says_pictures(const struct json *document)
{
    bool switches = false;
    for (const struct json *at = json_is_object(document) ? json_first(document) : NULL; at;
         at = json_next(at))
        switches |= !strncmp(json_name(at), "do_", 3);
    return switches || has_any(document, pictures);
}

bool document_is_timm(const struct json *document)
{
    return json_text(json_member(document, "architecture")) &&
           (json_is_object(json_member(document, "pretrained_cfg")) || has_any(document, of_timm));
}

const struct json *document_timm_data(const struct json *document)
{
    const struct json *object = json_member(document, "pretrained_cfg");
    if (!document_is_timm(document))
        return NULL;
    return json_is_object(object) ? object : has_any(document, of_timms_pictures) ? document : NULL;
}

static bool is_same(const struct json *a, const struct json *b)
{
    char *left = json_print(a, false), *right = json_print(b, false);
    const bool same = !strcmp(left, right);
    free(left);
    free(right);
    return same;
}

const char *document_timm_contradiction(const struct json *document)
{
    const struct json *within = document_timm_data(document);
    for (const char *const *name = of_timms_pictures; within && within != document && *name; name++) {
        const struct json *outside = json_member(document, *name), *inside = json_member(within, *name);
        if (outside && !json_is_null(outside) && (!inside || !is_same(outside, inside)))
            return *name;
    }
    return NULL;
}

/* What is no object with members. */
static const char *empty_kind(const struct json *document)
{
    bool boolean;
    double number;
    return json_is_object(document)           ? json_first(document) ? NULL : "an empty object"
           : json_is_array(document)          ? "a list"
           : json_text(document)              ? "a text"
           : json_number(document, &number)   ? "a number"
           : json_boolean(document, &boolean) ? "true or false alone"
                                              : "null";
}

enum status document_refuse(const struct json *document, enum document_kind wanted, struct failure *failure)
{
    const char *kind = empty_kind(document);
    if (kind)
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It is %s, and says nothing: download or copy the file again, or remove it.",
                           kind);
    if (json_member(document, "peft_type"))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It is the configuration of an adapter, and says nothing of the network or its "
                           "pictures.");
    if (wanted == DOCUMENT_NETWORK &&
        (document_says_pictures(document) || json_member(document, "image_processor")))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It says how pictures are prepared, and nothing of the network: give it as "
                           "--preprocessor.");
    if (wanted == DOCUMENT_PREPROCESSOR && has_any(document, networks))
        return failure_set(failure, STATUS_INVALID_FILE,
                           "It describes a network, and not how pictures are prepared: give it as --config.");
    return failure_set(failure, STATUS_INVALID_FILE, "It says nothing %s: is it the right file?",
                       wanted == DOCUMENT_NETWORK
                           ? "of a network ('patch_size', 'hidden_size', 'embed_dim', "
                             "'student', ...)"
                           : "of how pictures are prepared ('size', 'image_mean', ...)");
}
