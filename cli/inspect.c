/* cxrd inspect: a model package, a .safetensors or a .pth file as tables. */
#include "cli/command.h"
#include "cli/table.h"

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/weights/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CARD_BYTES_MAX = 16 << 20 };
static const struct json_limits card_limits = {.depth = 16, .values = 1 << 21}; /* as the loader has them */

static const char usage[] =
    "Usage: cxrd inspect DIR|FILE.safetensors|FILE.pth...\n"
    "\n"
    "Shows a model package's architecture, heads, labels and weight files, with their hashes\n"
    "verified; or the tensors of a file. Nothing of a .pth file is executed.\n";

struct listing {
    struct table table;
    size_t tensors, bytes;
};

static void list_tensor(struct listing *listing, const char *name, enum tensor_type type, size_t rank,
                        const size_t *shape, size_t bytes)
{
    char text[TENSOR_SHAPE_TEXT_BYTES];
    table_add(&listing->table, "%s", name);
    table_add(&listing->table, "%s", tensor_type_name(type));
    table_add(&listing->table, "%s", tensor_shape_text(rank, shape, text));
    table_add(&listing->table, "%zu", bytes);
    listing->tensors++;
    listing->bytes += bytes;
}

static void start_listing(struct listing *listing)
{
    *listing = (struct listing){0};
    table_init(&listing->table, "lllr", "name", "type", "shape", "bytes");
}

static void print_listing(struct listing *listing)
{
    table_print(&listing->table);
    printf("%zu tensors, %zu bytes\n", listing->tensors, listing->bytes);
}

static enum status inspect_safetensors(const char *path, struct failure *failure)
{
    struct safetensors *file;
    enum status status = safetensors_open(path, failure, &file);
    if (status)
        return status;
    struct listing listing;
    start_listing(&listing);
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const struct tensor *tensor = safetensors_at(file, i);
        list_tensor(&listing, tensor->name, tensor->type, tensor->rank, tensor->shape, tensor->size_bytes);
    }
    print_listing(&listing);
    safetensors_close(&file);
    return STATUS_OK;
}

static void list_stored(void *context, const char *path, const struct stored_tensor *tensor)
{
    list_tensor(context, path, tensor->type, tensor->rank, tensor->shape,
                tensor->elements * tensor_type_bytes(tensor->type));
}

static enum status inspect_checkpoint(const char *path, struct failure *failure)
{
    struct checkpoint *checkpoint;
    const struct value *state;
    enum status status = checkpoint_open(path, failure, &checkpoint);
    if (status)
        return status;
    status = checkpoint_state(checkpoint, failure, &state);
    if (status) {
        failure_prefix(failure, "%s", path);
        checkpoint_close(&checkpoint);
        return status;
    }
    struct listing listing;
    start_listing(&listing);
    bool whole = checkpoint_walk(checkpoint, list_stored, &listing);
    print_listing(&listing);
    if (!whole)
        printf("More lies deeper than is shown.\n");
    checkpoint_close(&checkpoint);
    return STATUS_OK;
}

/* A member's text, or "-". */
static const char *text_of(const struct json *object, const char *name)
{
    const char *text = json_text(json_member(object, name));
    return text ? text : "-";
}

static double number_of(const struct json *object, const char *name)
{
    double number = 0;
    return json_number(json_member(object, name), &number) ? number : 0;
}

static void show_architecture(const struct json *card)
{
    static const char *const numbers[] = {"width",      "depth",         "heads",
                                          "patch_size", "image_size",    "registers",
                                          "ffn_hidden", "position_grid", "interpolate_offset"};
    const struct json *backbone = json_member(card, "backbone");
    struct table table;
    table_init(&table, "ll", "model", text_of(card, "name"));
    table_add(&table, "version");
    table_add(&table, "%s", text_of(card, "version"));
    table_add(&table, "intended use");
    table_add(&table, "%s", text_of(card, "intended_use"));
    table_add(&table, "preprocessing");
    table_add(&table, "%s", text_of(json_member(card, "preprocessing"), "profile"));
    table_add(&table, "ffn");
    table_add(&table, "%s", text_of(backbone, "ffn"));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        table_add(&table, "%s", numbers[i]);
        table_add(&table, "%g", number_of(backbone, numbers[i]));
    }
    table_print(&table);
}

static void show_head(const struct json *head)
{
    bool pool = false;
    json_boolean(json_member(head, "average_pool"), &pool);
    printf("\nhead %s: %s, %s, last %g blocks%s\n", text_of(head, "name"), text_of(head, "kind"),
           text_of(head, "type"), number_of(head, "blocks"), pool ? " and their mean patch token" : "");
    if (json_member(head, "definition"))
        printf("%s\n", text_of(head, "definition"));
    struct table table;
    table_init(&table, "lrll", "label", "threshold", "set by", "code");
    const struct json *labels = json_member(head, "labels");
    for (const struct json *label = json_first(labels); label; label = json_next(label)) {
        const struct json *code = json_first(json_member(label, "codes"));
        table_add(&table, "%s", text_of(label, "name"));
        table_add(&table, "%g", number_of(label, "threshold"));
        table_add(&table, "%s", text_of(label, "threshold_source"));
        table_add(&table, "%s%s%s", code ? text_of(code, "system") : "", code ? "|" : "",
                  code ? text_of(code, "code") : "-");
    }
    table_print(&table);
}

/* The file's size, and whether its SHA-256 is `expected`. */
static const char *verify(const char *folder, const char *name, const char *expected, size_t *bytes)
{
    struct bytes content;
    char hex[SHA256_HEX_BYTES], *path = file_join(folder, name);
    enum status status = strchr(name, '/') ? STATUS_INVALID_FILE : file_map(path, NULL, &content);
    free(path);
    *bytes = 0;
    if (status)
        return "MISSING";
    *bytes = content.size;
    sha256_hex(content, hex);
    file_unmap(&content);
    return strcmp(hex, expected) ? "DIFFERS" : "verified";
}

static enum status show_files(const char *folder, const struct json *card, struct failure *failure)
{
    struct table table;
    enum status status = STATUS_OK;
    table_init(&table, "lrll", "file", "bytes", "sha256", "hash");
    const struct json *hashes = json_member(card, "weights_sha256");
    for (const struct json *hash = json_first(hashes); hash; hash = json_next(hash)) {
        size_t bytes;
        const char *expected = json_text(hash) ? json_text(hash) : "-";
        const char *found = verify(folder, json_name(hash), expected, &bytes);
        table_add(&table, "%s", json_name(hash));
        table_add(&table, "%zu", bytes);
        table_add(&table, "%s", expected);
        table_add(&table, "%s", found);
        if (strcmp(found, "verified"))
            status = failure_set(failure, STATUS_INVALID_FILE,
                                 "%s: weight file '%.80s' is not the one the package was made with.", folder,
                                 json_name(hash));
    }
    printf("\n");
    table_print(&table);
    return status;
}

static enum status inspect_package(const char *folder, struct failure *failure)
{
    struct bytes text;
    struct json *card;
    char *path = file_join(folder, "model.json");
    enum status status = file_read(path, CARD_BYTES_MAX, failure, &text);
    free(path);
    if (status)
        return status;
    status = json_parse(text, card_limits, failure, &card);
    free((void *)text.data);
    if (status) {
        failure_prefix(failure, "%s/model.json", folder);
        return status;
    }
    show_architecture(card);
    const struct json *heads = json_member(card, "heads");
    for (const struct json *head = json_first(heads); head; head = json_next(head))
        show_head(head);
    status = show_files(folder, card, failure);
    json_destroy(&card);
    return status;
}

/* A folder is a package; a file is told by the end of its name. */
static enum status inspect(const char *path, struct failure *failure)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return inspect_package(path, failure);
    const char *dot = strrchr(path, '.');
    if (dot && (!strcmp(dot, ".pth") || !strcmp(dot, ".pt")))
        return inspect_checkpoint(path, failure);
    return inspect_safetensors(path, failure);
}

int command_inspect(int argc, char **argv)
{
    static const struct option known[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int option = command_option(argc, argv, known);
    if (option == 'h') {
        printf("%s", usage);
        return EXIT_DONE;
    }
    if (option != -1)
        return EXIT_USAGE;
    if (optind == argc) {
        fprintf(stderr, "cxrd inspect: what to show is missing; see cxrd inspect --help.\n");
        return EXIT_USAGE;
    }
    int code = EXIT_DONE, several = argc - optind > 1;
    for (int i = optind; i < argc; i++) {
        struct failure failure;
        if (several)
            printf("%s:\n", argv[i]);
        if (inspect(argv[i], &failure))
            code = command_fail("inspect", &failure, EXIT_FAILED);
        if (several && i + 1 < argc)
            printf("\n");
    }
    return code;
}
