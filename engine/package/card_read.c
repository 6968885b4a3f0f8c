#include "engine/package/card_read.h"

#include "engine/base/hex.h"
#include "engine/base/sha256.h"
#include "engine/base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LABELS_MAX = 4096,
    CODES_MAX = 64,
    DEPTH_MAX = 128,
    WIDTH_MAX = 2048, /* the widest row the LayerNorm kernels take */
    IMAGE_SIZE_MAX = 4096,
};

/* Ten values a label: more labels than the file has room for. */
static const struct json_limits json_limits = {.depth = 16, .values = 1 << 21};

/* Reading stops at the first failure: after that every getter gives zero or an empty text. */
struct reader {
    struct arena *arena;
    struct failure *failure;
    enum status status;
    const struct json **taken; /* [taken_count]: members that were asked for by their names */
    size_t taken_count;
    const struct json *whole; /* the member whose content is not asked for; NULL: none */
};

/* The member of that name; NULL when it is absent. Whatever is never asked for in this way, nothing reads. */
static const struct json *take(struct reader *reader, const struct json *object, const char *name)
{
    const struct json *member = json_member(object, name);
    if (member) {
        reader->taken = memory_resize(reader->taken, reader->taken_count + 1, sizeof *reader->taken);
        reader->taken[reader->taken_count++] = member;
    }
    return member;
}

static void refuse(struct reader *reader, const char *where, const char *name, const char *wanted)
{
    if (!reader->status)
        reader->status = failure_set(reader->failure, STATUS_INVALID_FILE, "\"%s\" of %s must be %s.", name,
                                     where, wanted);
}

/* What goes into replies, logs and file names must be fit to be shown; and what a member says must not depend
 * on which of two a reader takes. */
static void check_document(struct reader *reader, const struct json *value, const char *name)
{
    const char *text = json_text(value);
    if (reader->status)
        return;
    if (!utf8_is_plain(name, strlen(name)))
        reader->status = failure_set(reader->failure, STATUS_INVALID_FILE,
                                     "The name of a member holds control characters or is not UTF-8.");
    else if (text && !utf8_is_plain(text, strlen(text)))
        reader->status = failure_set(reader->failure, STATUS_INVALID_FILE,
                                     "\"%.80s\" holds control characters or is not UTF-8.", name);
    for (const struct json *at = json_first(value); at; at = json_next(at))
        check_document(reader, at, json_name(at) ? json_name(at) : name);
}

static const char *optional_text(struct reader *reader, const struct json *object, const char *where,
                                 const char *name)
{
    const struct json *member = take(reader, object, name);
    const char *text = json_text(member);
    if (member && !text)
        refuse(reader, where, name, "a text");
    return text ? arena_copy_text(reader->arena, text, strlen(text)) : NULL;
}

static const char *read_text(struct reader *reader, const struct json *object, const char *where,
                             const char *name)
{
    const char *text = optional_text(reader, object, where, name);
    if (!text || !*text)
        refuse(reader, where, name, "a text");
    return text ? text : "";
}

/* A file inside the package: a bare name, so that a package cannot reach outside its folder. */
static const char *read_file_name(struct reader *reader, const struct json *object, const char *where)
{
    const char *name = read_text(reader, object, where, "weights");
    if (strchr(name, '/') || name[0] == '.')
        refuse(reader, where, "weights", "a file name without a folder");
    return name;
}

static uint32_t read_integer(struct reader *reader, const struct json *object, const char *where,
                             const char *name, int64_t minimum, int64_t maximum)
{
    int64_t value = 0;
    if (!json_integer(take(reader, object, name), minimum, maximum, &value)) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld", (long long)minimum,
                 (long long)maximum);
        refuse(reader, where, name, wanted);
    }
    return (uint32_t)value;
}

static double read_number(struct reader *reader, const struct json *object, const char *where,
                          const char *name, double minimum, double maximum)
{
    double value = 0;
    if (!json_number(take(reader, object, name), &value) || value < minimum || value > maximum) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "a number from %g to %g", minimum, maximum);
        refuse(reader, where, name, wanted);
    }
    return value;
}

static bool read_boolean(struct reader *reader, const struct json *object, const char *where,
                         const char *name)
{
    bool value = false;
    const struct json *member = take(reader, object, name);
    if (member && !json_boolean(member, &value))
        refuse(reader, where, name, "true or false");
    return value;
}

/* One of two words: 0 for the first, 1 for the second. */
static int read_choice(struct reader *reader, const struct json *object, const char *where, const char *name,
                       const char *first, const char *second)
{
    const char *text = read_text(reader, object, where, name);
    if (strcmp(text, first) && strcmp(text, second)) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "\"%s\" or \"%s\"", first, second);
        refuse(reader, where, name, wanted);
    }
    return !strcmp(text, second);
}

/* The array member `name`, of 1 (or `minimum`) to `maximum` values; an absent one counts as empty. */
static const struct json *read_array(struct reader *reader, const struct json *object, const char *where,
                                     const char *name, size_t minimum, size_t maximum, size_t *count)
{
    const struct json *array = take(reader, object, name);
    *count = json_length(array);
    if ((array && !json_is_array(array)) || *count < minimum || *count > maximum) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "a list of %zu to %zu", minimum, maximum);
        refuse(reader, where, name, wanted);
        *count = 0;
    }
    return array;
}

static void read_label(struct reader *reader, const struct json *object, struct label *label)
{
    label->name = read_text(reader, object, "a label", "name");
    label->threshold = read_number(reader, object, label->name, "threshold", 0, 1);
    label->threshold_source = read_text(reader, object, label->name, "threshold_source");
    label->threshold_weights_sha256 = optional_text(reader, object, label->name, "threshold_weights_sha256");
    const struct json *calibration = take(reader, object, "calibration");
    label->calibrated = calibration != NULL;
    label->scale = 1;
    if (calibration) {
        label->scale = read_number(reader, calibration, label->name, "scale", 1e-6, 1e6);
        label->offset = read_number(reader, calibration, label->name, "offset", -1e6, 1e6);
    }
    const struct json *list =
        read_array(reader, object, label->name, "codes", 0, CODES_MAX, &label->code_count);
    struct code *codes = arena_allocate(reader->arena, label->code_count, sizeof *codes);
    size_t i = 0;
    for (const struct json *at = json_first(list); at && i < label->code_count; at = json_next(at), i++) {
        codes[i].system = read_text(reader, at, label->name, "system");
        codes[i].code = read_text(reader, at, label->name, "code");
    }
    label->codes = codes;
}

static void read_labels(struct reader *reader, const struct json *object, struct head_card *head)
{
    const struct json *list =
        read_array(reader, object, head->name, "labels", 1, LABELS_MAX, &head->label_count);
    struct label *labels = arena_allocate(reader->arena, head->label_count, sizeof *labels);
    size_t i = 0;
    for (const struct json *at = json_first(list); at && i < head->label_count; at = json_next(at), i++) {
        read_label(reader, at, &labels[i]);
        for (size_t j = 0; j < i; j++)
            if (!strcmp(labels[i].name, labels[j].name))
                refuse(reader, head->name, "labels", "a list without a name that stands twice");
    }
    head->labels = labels;
}

static void read_head(struct reader *reader, const struct json *object, uint32_t depth,
                      struct head_card *head)
{
    head->name = read_text(reader, object, "a head", "name");
    head->kind =
        read_choice(reader, object, head->name, "kind", "findings", "risk") ? HEAD_RISK : HEAD_FINDINGS;
    head->type =
        read_choice(reader, object, head->name, "type", "glori", "linear") ? HEAD_LINEAR : HEAD_GLORI;
    head->weights = read_file_name(reader, object, head->name);
    head->definition = optional_text(reader, object, head->name, "definition");
    head->blocks = read_integer(reader, object, head->name, "blocks", 1, depth);
    head->average_pool = read_boolean(reader, object, head->name, "average_pool");
    if (head->kind == HEAD_RISK && !head->definition)
        refuse(reader, head->name, "definition", "a text: what the risk score means");
    read_labels(reader, object, head);
}

/* The array stays open for what follows. A package without heads embeds only, and says so by an empty list.
 */
static struct head_card *read_heads(struct reader *reader, const struct json *root, struct model_card *card)
{
    const struct json *list =
        read_array(reader, root, "model.json", "heads", 0, PACKAGE_HEADS_MAX, &card->head_count);
    if (!list)
        refuse(reader, "model.json", "heads", "a list, empty where there are none");
    struct head_card *heads = arena_allocate(reader->arena, card->head_count, sizeof *heads);
    size_t i = 0;
    for (const struct json *at = json_first(list); at && i < card->head_count; at = json_next(at), i++) {
        read_head(reader, at, card->backbone.depth, &heads[i]);
        for (size_t j = 0; j < i; j++)
            if (!strcmp(heads[i].name, heads[j].name))
                refuse(reader, "model.json", "heads", "a list without a name that stands twice");
    }
    card->heads = heads;
    return heads;
}

static void read_backbone(struct reader *reader, const struct json *root, struct backbone_card *backbone)
{
    static const char where[] = "\"backbone\"";
    const struct json *object = take(reader, root, "backbone");
    backbone->weights = read_file_name(reader, object, where);
    backbone->width = read_integer(reader, object, where, "width", 64, WIDTH_MAX);
    backbone->depth = read_integer(reader, object, where, "depth", 1, DEPTH_MAX);
    backbone->heads = read_integer(reader, object, where, "heads", 1, WIDTH_MAX / 64);
    backbone->patch_size = read_integer(reader, object, where, "patch_size", 1, 64);
    backbone->image_size = read_integer(reader, object, where, "image_size", 16, IMAGE_SIZE_MAX);
    backbone->registers = read_integer(reader, object, where, "registers", 0, 64);
    backbone->ffn = read_choice(reader, object, where, "ffn", "swiglu", "gelu") ? FFN_GELU : FFN_SWIGLU;
    backbone->ffn_hidden = read_integer(reader, object, where, "ffn_hidden", 1, 8 * WIDTH_MAX);
    backbone->position_grid = read_integer(reader, object, where, "position_grid", 1, IMAGE_SIZE_MAX);
    backbone->interpolate_offset = read_number(reader, object, where, "interpolate_offset", 0, 1);
    if (!reader->status && backbone->width != 64 * backbone->heads)
        refuse(reader, where, "width", "64 times \"heads\"");
    if (!reader->status && backbone->image_size % backbone->patch_size)
        refuse(reader, where, "image_size", "a multiple of \"patch_size\"");
    if (!reader->status && backbone->ffn == FFN_GELU && backbone->ffn_hidden % 64)
        refuse(reader, where, "ffn_hidden", "a multiple of 64");
}

/* The stated hash of one weight file. */
static const char *read_hash(struct reader *reader, const struct json *hashes, const char *file)
{
    const char *hash = optional_text(reader, hashes, "\"weights_sha256\"", file);
    if (!hash || strlen(hash) != SHA256_HEX_BYTES - 1 || strspn(hash, HEX_DIGITS) != strlen(hash))
        refuse(reader, "\"weights_sha256\"", file, "the SHA-256 of that file, 64 lower-case digits");
    return hash;
}

static bool is_weights(const struct model_card *card, const char *file)
{
    bool found = !strcmp(file, card->backbone.weights);
    for (size_t i = 0; i < card->head_count; i++)
        found = found || !strcmp(file, card->heads[i].weights);
    return found;
}

static void read_hashes(struct reader *reader, const struct json *root, struct model_card *card,
                        struct head_card *heads)
{
    const struct json *hashes = take(reader, root, "weights_sha256");
    card->backbone.sha256 = read_hash(reader, hashes, card->backbone.weights);
    for (size_t i = 0; i < card->head_count; i++)
        heads[i].sha256 = read_hash(reader, hashes, heads[i].weights);
    for (const struct json *at = json_first(hashes); at && !reader->status; at = json_next(at))
        if (!json_name(at) || !is_weights(card, json_name(at)))
            reader->status = failure_set(reader->failure, STATUS_INVALID_FILE,
                                         "\"weights_sha256\" has \"%.80s\", which is the weights of nothing.",
                                         json_name(at) ? json_name(at) : "");
}

static int by_address(const void *left, const void *right)
{
    const struct json *a = *(const struct json *const *)left, *b = *(const struct json *const *)right;
    return a < b ? -1 : a > b;
}

/* Lists the members within `value`, which is at `path`, that were not taken. Those taken are sorted. */
static void list_unread(const struct reader *reader, const struct json *value, const char *path,
                        struct model_card *card)
{
    size_t i = 0;
    for (const struct json *at = json_first(value); at; at = json_next(at), i++) {
        const char *name = json_name(at);
        bool unread =
            name && !bsearch(&at, reader->taken, reader->taken_count, sizeof *reader->taken, by_address);
        if (at == reader->whole || (!unread && !json_first(at)))
            continue;
        if (unread && card->unread_count++ >= CARD_UNREAD_MAX)
            continue;
        const char *here = name ? arena_format(reader->arena, "%s%s%s", path, *path ? "." : "", name)
                                : arena_format(reader->arena, "%s[%zu]", path, i);
        if (unread)
            card->unread[card->unread_count - 1] = here;
        else
            list_unread(reader, at, here, card);
    }
}

enum status card_parse(struct bytes text, struct failure *failure, struct json **out)
{
    enum status status = json_parse(text, json_limits, failure, out);
    if (status && failure)
        failure->status = STATUS_INVALID_FILE; /* the JSON parser calls it a bad request */
    return status ? STATUS_INVALID_FILE : STATUS_OK;
}

enum status card_read(const struct json *root, struct arena *arena, struct failure *failure,
                      struct model_card *out)
{
    struct reader reader = {.arena = arena, .failure = failure};
    struct model_card card = {0};
    check_document(&reader, root, "model.json");
    const char *twice = json_duplicate_name(root);
    if (twice && !reader.status)
        reader.status =
            failure_set(failure, STATUS_INVALID_FILE, "\"%.80s\" stands twice in one object.", twice);
    read_integer(&reader, root, "model.json", "format", 1, 1);
    card.name = read_text(&reader, root, "model.json", "name");
    card.version = read_text(&reader, root, "model.json", "version");
    card.intended_use = read_text(&reader, root, "model.json", "intended_use");
    card.profile = read_text(&reader, take(&reader, root, "preprocessing"), "\"preprocessing\"", "profile");
    if (!reader.status && strcmp(card.profile, "chexfound"))
        refuse(&reader, "\"preprocessing\"", "profile", "\"chexfound\"");
    read_backbone(&reader, root, &card.backbone);
    read_hashes(&reader, root, &card, read_heads(&reader, root, &card));
    reader.whole = take(&reader, root, "provenance"); /* says to people where the weights came from */
    if (!reader.status) {
        qsort(reader.taken, reader.taken_count, sizeof *reader.taken, by_address);
        list_unread(&reader, root, "", &card);
        *out = card;
    }
    free(reader.taken);
    return reader.status;
}
