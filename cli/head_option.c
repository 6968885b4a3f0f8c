#include "cli/head_option.h"

#include "engine/checkpoint/head_form.h"
#include "engine/package/card.h"

#include <stdlib.h>
#include <string.h>

#define FORM_LINE(form, title) "                                " title "\n"
#define FORM_LINES             HEAD_FORM_TABLE(FORM_LINE)

const char head_option_help[] =
    "        name=NAME             letters, digits, '-' and '_'\n"
    "        kind=findings|risk|quality\n"
    "                              a quality head judges pictures: input_quality in answers\n"
    "        weights=FILE          a GLoRI head or a linear one, a file or a folder, in the form "
    "of\n" FORM_LINES
    "        labels=FILE           one label a line (default: those that a package's head has, id2label or\n"
    "                              label_names of the config.json beside the weights, the 40 CXR-LT 2024\n"
    "                              findings of an authors' head, or the name of a head with one output)\n"
    "        results=FILE          results_eval_linear.json, which names the best candidate\n"
    "        candidate=KEY         chooses the candidate instead\n"
    "        features=class|class+mean|mean, blocks=N\n"
    "                              what a linear head reads, where its weights can be read in several ways: "
    "the\n"
    "                              class tokens of the last N blocks, the last one's mean patch token, or "
    "both\n"
    "        views=1|2             whether it reads all that of one image, or of a frontal and a lateral\n";

struct keys {
    const char *name, *kind, *weights, *results, *labels, *candidate, *features, *blocks,
        *views; /* NULL: not given */
};

static enum status refuse(struct failure *failure, const char *format, const char *value)
    __attribute__((format(printf, 2, 0)));
static enum status refuse(struct failure *failure, const char *format, const char *value)
{
    return failure_set(failure, STATUS_BAD_REQUEST, format, value);
}

static enum status read_keys(char *text, struct failure *failure, struct keys *out)
{
    const struct {
        const char *key;
        const char **value;
    } keys[] = {{"name", &out->name},         {"kind", &out->kind},     {"weights", &out->weights},
                {"results", &out->results},   {"labels", &out->labels}, {"candidate", &out->candidate},
                {"features", &out->features}, {"blocks", &out->blocks}, {"views", &out->views}};
    char *rest = text;
    for (char *part; (part = strsep(&rest, ","));) {
        size_t found = 0, count = sizeof keys / sizeof *keys;
        char *value = strchr(part, '=');
        if (!value)
            return refuse(failure, "'%.80s' of --head is not KEY=VALUE.", part);
        *value++ = '\0';
        while (found < count && strcmp(keys[found].key, part))
            found++;
        if (found == count)
            return refuse(failure,
                          "--head has the keys name, kind, weights, results, labels, candidate, features, "
                          "blocks and views, not '%.80s'.",
                          part);
        if (*keys[found].value)
            return refuse(failure, "--head has '%s' twice.", part);
        *keys[found].value = value;
    }
    const char *missing = !out->name ? "name=" : !out->kind ? "kind=" : !out->weights ? "weights=" : NULL;
    return missing ? refuse(failure, "--head needs %s.", missing) : STATUS_OK;
}

static enum status read_kind(const char *text, struct failure *failure, enum import_kind *out)
{
    if (strcmp(text, "findings") && strcmp(text, "risk") && strcmp(text, "quality"))
        return refuse(failure, "A head's kind is findings, risk or quality, not '%.80s'.", text);
    *out = !strcmp(text, "risk") ? IMPORT_RISK : !strcmp(text, "quality") ? IMPORT_QUALITY : IMPORT_FINDINGS;
    return STATUS_OK;
}

static enum status read_features(const char *text, struct failure *failure, enum import_features *out)
{
    *out = IMPORT_ANY;
    if (!text)
        return STATUS_OK;
    *out = !strcmp(text, "class")        ? IMPORT_CLASS
           : !strcmp(text, "class+mean") ? IMPORT_CLASS_MEAN
           : !strcmp(text, "mean")       ? IMPORT_MEAN
                                         : IMPORT_ANY;
    return *out == IMPORT_ANY
               ? refuse(failure, "A head's features are class, class+mean or mean, not '%.80s'.", text)
               : STATUS_OK;
}

static enum status read_blocks(const char *text, struct failure *failure, uint32_t *out)
{
    char *end;
    *out = 0;
    if (!text)
        return STATUS_OK;
    unsigned long blocks = strtoul(text, &end, 10);
    if (*end || *text < '0' || *text > '9' || blocks < 1 || blocks > CARD_DEPTH_MAX)
        return refuse(failure, "A head's blocks are a whole number from 1 to 128, not '%.80s'.", text);
    *out = (uint32_t)blocks;
    return STATUS_OK;
}

static enum status read_views(const char *text, struct failure *failure, uint32_t *out)
{
    if (text && strcmp(text, "1") && strcmp(text, "2"))
        return refuse(failure, "A head's views are 1 or 2, not '%.80s'.", text);
    *out = text ? (uint32_t)(*text - '0') : 0;
    return STATUS_OK;
}

enum status head_option_parse(char *text, struct failure *failure, struct import_head *out)
{
    struct keys keys = {0};
    enum status status = read_keys(text, failure, &keys);
    struct import_head head = {.name = keys.name,
                               .weights = keys.weights,
                               .results = keys.results,
                               .labels = keys.labels,
                               .candidate = keys.candidate};
    if (!status)
        status = read_kind(keys.kind, failure, &head.kind);
    if (!status)
        status = read_features(keys.features, failure, &head.features);
    if (!status)
        status = read_blocks(keys.blocks, failure, &head.blocks);
    if (!status)
        status = read_views(keys.views, failure, &head.views);
    if (!status)
        *out = head;
    return status;
}

enum status precision_option_parse(const char *text, struct failure *failure, enum import_precision *out)
{
    if (strcmp(text, "fp16") && strcmp(text, "fp32"))
        return refuse(failure, "--precision is fp16 or fp32, not '%.80s'.", text);
    *out = strcmp(text, "fp32") ? IMPORT_FP16 : IMPORT_FP32;
    return STATUS_OK;
}
