#include "engine/package/card_read.h"

#include "engine/base/file.h"
#include "engine/base/hex.h"
#include "engine/base/sha256.h"
#include "engine/package/card_parts.h"
#include "engine/package/sums.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CODES_MAX = 64 };

/* Ten values a label: more labels than the file has room for. */
static const struct json_limits json_limits = {.depth = 16, .values = 1 << 21};

static void read_label(struct reader *reader, const struct json *object, struct label *label)
{
    label->name = reader_text(reader, object, "a label", "name");
    label->threshold = reader_number(reader, object, label->name, "threshold", 0, 1);
    label->threshold_source = reader_text(reader, object, label->name, "threshold_source");
    label->threshold_weights_sha256 =
        reader_optional_text(reader, object, label->name, "threshold_weights_sha256");
    const struct json *calibration = reader_take(reader, object, "calibration");
    label->calibrated = calibration != NULL;
    label->scale = 1;
    if (calibration) {
        label->scale = reader_number(reader, calibration, label->name, "scale", 1e-6, 1e6);
        label->offset = reader_number(reader, calibration, label->name, "offset", -1e6, 1e6);
    }
    const struct json *list =
        reader_array(reader, object, label->name, "codes", 0, CODES_MAX, &label->code_count);
    struct code *codes = arena_allocate(reader->arena, label->code_count, sizeof *codes);
    size_t i = 0;
    for (const struct json *at = json_first(list); at && i < label->code_count; at = json_next(at), i++) {
        codes[i].system = reader_text(reader, at, label->name, "system");
        codes[i].code = reader_text(reader, at, label->name, "code");
    }
    label->codes = codes;
}

static void read_labels(struct reader *reader, const struct json *object, struct head_card *head)
{
    const struct json *list =
        reader_array(reader, object, head->name, "labels", 1, HEAD_LABELS_MAX, &head->label_count);
    struct label *labels = arena_allocate(reader->arena, head->label_count, sizeof *labels);
    size_t i = 0;
    for (const struct json *at = json_first(list); at && i < head->label_count; at = json_next(at), i++) {
        read_label(reader, at, &labels[i]);
        for (size_t j = 0; j < i; j++)
            if (!strcmp(labels[i].name, labels[j].name))
                reader_refuse(reader, head->name, "labels", "a list without a name that stands twice");
    }
    head->labels = labels;
}

static enum head_kind read_kind(struct reader *reader, const struct json *object, const char *head)
{
    const char *text = reader_text(reader, object, head, "kind");
    for (enum head_kind kind = 0; kind < HEAD_KINDS; kind++)
        if (!strcmp(text, head_kind_name(kind)))
            return kind;
    reader_refuse(reader, head, "kind", "\"findings\", \"risk\" or \"quality\"");
    return HEAD_FINDINGS;
}

/* What a quality head may be: it reads one image, linearly, for faults that answers have codes for. */
static void check_quality(struct reader *reader, const struct head_card *head)
{
    if (head->type != HEAD_LINEAR || head->two_views)
        reader_refuse(reader, head->name, "type", "\"linear\", of one view: it judges pictures");
    for (size_t i = 0; i < head->label_count; i++) {
        const char *const *name = quality_label_names;
        while (*name && strcmp(*name, head->labels[i].name))
            name++;
        if (!*name)
            reader_refuse(reader, head->name, "labels",
                          "a list of names out of inverted, rotated_90, rotated_180, rotated_270, mirrored, "
                          "lateral, not_a_chest and cropped: it judges pictures");
    }
}

static void read_head(struct reader *reader, const struct json *object, uint32_t depth,
                      struct head_card *head)
{
    head->name = reader_text(reader, object, "a head", "name");
    head->kind = read_kind(reader, object, head->name);
    head->type =
        reader_choice(reader, object, head->name, "type", "glori", "linear") ? HEAD_LINEAR : HEAD_GLORI;
    head->weights = reader_file_name(reader, object, head->name);
    head->definition = reader_optional_text(reader, object, head->name, "definition");
    head->average_pool = reader_boolean(reader, object, head->name, "average_pool");
    head->blocks = reader_integer(reader, object, head->name, "blocks", head->average_pool ? 0 : 1, depth);
    if (head->average_pool && head->type != HEAD_LINEAR)
        reader_refuse(reader, head->name, "average_pool",
                      "false: only a linear head reads the mean patch token");
    head->two_views = reader_take(reader, object, "views") &&
                      reader_integer(reader, object, head->name, "views", 1, 2) == 2;
    if (head->two_views && head->type != HEAD_LINEAR)
        reader_refuse(reader, head->name, "views", "1: only a linear head reads two views");
    if (head->kind == HEAD_RISK && !head->definition)
        reader_refuse(reader, head->name, "definition", "a text: what the risk score means");
    read_labels(reader, object, head);
    if (head->kind == HEAD_QUALITY)
        check_quality(reader, head);
}

/* The array stays open for what follows. A package without heads embeds only, and says so by an empty list.
 */
static struct head_card *read_heads(struct reader *reader, const struct json *root, struct model_card *card)
{
    const struct json *list =
        reader_array(reader, root, "model.json", "heads", 0, PACKAGE_HEADS_MAX, &card->head_count);
    if (!list)
        reader_refuse(reader, "model.json", "heads", "a list, empty where there are none");
    struct head_card *heads = arena_allocate(reader->arena, card->head_count, sizeof *heads);
    size_t i = 0;
    for (const struct json *at = json_first(list); at && i < card->head_count; at = json_next(at), i++) {
        read_head(reader, at, card->backbone.depth, &heads[i]);
        for (size_t j = 0; j < i; j++)
            if (!strcmp(heads[i].name, heads[j].name))
                reader_refuse(reader, "model.json", "heads", "a list without a name that stands twice");
    }
    card->heads = heads;
    if (card->head_count > card_answering_heads(card) + 1)
        reader_refuse(reader, "model.json", "heads", "a list with no more than one head of kind \"quality\"");
    return heads;
}

/* The stated hash of one weight file. */
static const char *read_hash(struct reader *reader, const struct json *hashes, const char *file)
{
    const char *hash = reader_optional_text(reader, hashes, "\"weights_sha256\"", file);
    if (!hash || strlen(hash) != SHA256_HEX_BYTES - 1 || strspn(hash, HEX_DIGITS) != strlen(hash))
        reader_refuse(reader, "\"weights_sha256\"", file, "the SHA-256 of that file, 64 lower-case digits");
    return hash;
}

static void read_hashes(struct reader *reader, const struct json *root, struct model_card *card,
                        struct head_card *heads)
{
    const struct json *hashes = reader_take(reader, root, "weights_sha256");
    card->backbone.sha256 = read_hash(reader, hashes, card->backbone.weights);
    for (size_t i = 0; i < card->head_count; i++)
        heads[i].sha256 = read_hash(reader, hashes, heads[i].weights);
    for (const struct json *at = json_first(hashes); at && !reader->status; at = json_next(at))
        if (!json_name(at) || !card_names_weights(card, json_name(at)))
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

enum status card_file_read(const char *folder, struct failure *failure, struct bytes *out)
{
    char *path = file_join(folder, CARD_FILE);
    struct stat card, given;
    enum status status = file_read(path, CARD_BYTES_MAX, failure, out);
    if (status && lstat(path, &card) && stat(folder, &given) == 0)
        failure_set(failure, status,
                    "%s: It is %s and no model package, which is a folder with a " CARD_FILE
                    ". Of a model as it is published cxrd import --backbone makes one.",
                    folder, S_ISDIR(given.st_mode) ? "a folder" : "a file");
    free(path);
    return status;
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
    reader_check(&reader, root, "model.json");
    const char *twice = json_duplicate_name(root);
    if (twice && !reader.status)
        reader.status =
            failure_set(failure, STATUS_INVALID_FILE, "\"%.80s\" stands twice in one object.", twice);
    reader_integer(&reader, root, "model.json", "format", 1, 1);
    card.name = reader_text(&reader, root, "model.json", "name");
    card.version = reader_text(&reader, root, "model.json", "version");
    card.intended_use = reader_text(&reader, root, "model.json", "intended_use");
    card_read_backbone(&reader, root, &card.backbone);
    card_read_profile(&reader, root, &card);
    read_hashes(&reader, root, &card, read_heads(&reader, root, &card));
    reader.whole = reader_take(&reader, root, "provenance"); /* says to people where the weights came from */
    if (!reader.status) {
        qsort(reader.taken, reader.taken_count, sizeof *reader.taken, by_address);
        list_unread(&reader, root, "", &card);
        *out = card;
    }
    free(reader.taken);
    return reader.status;
}
