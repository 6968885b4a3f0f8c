/* cxrd head: the heads of a package that is there. */
#include "cli/command.h"
#include "cli/head_option.h"
#include "cli/progress.h"
#include "cli/summary.h"
#include "cli/table.h"

#include "engine/checkpoint/add_heads.h"
#include "engine/package/card_read.h"
#include "engine/package/card_write.h"
#include "engine/package/edit.h"
#include "engine/package/sums.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: cxrd head add --model DIR --head KEY=VALUE,... [--head ...] [--precision fp16|fp32]\n"
    "       cxrd head remove --model DIR --head name=NAME [--head ...]\n"
    "       cxrd head list --model DIR [--format table|json]\n"
    "\n"
    "Changes the heads of a model package, without its backbone's checkpoint. All that is asked for is "
    "done,\n"
    "or nothing. The other heads keep their thresholds and calibration, and who serves the package goes on\n"
    "with what it opened. The package must be sealed, and is sealed again (cxrd inspect); where that was "
    "cut\n"
    "short it is refused until cxrd inspect --seal has done it.\n"
    "\n"
    "  --model DIR           the model package\n"
    "  --precision P         fp16 or fp32: how matrices are stored (default: as the backbone's are)\n"
    "  --format F            of list: table (default) or json\n"
    "  --head KEY=VALUE,...  one head; repeat for several. Keys, of which remove takes the name:\n";

enum action { ACTION_ADD, ACTION_REMOVE, ACTION_LIST, ACTION_COUNT };

struct request {
    enum action action;
    const char *command; /* "head add" */
    const char *model;
    struct import_head *heads; /* [head_count]; of remove their names */
    size_t head_count;
    bool json, has_precision;
    enum import_precision precision;
};

/* "name=NAME", or the bare name. */
static enum status read_name(const char *text, struct failure *failure, const char **out)
{
    const char *value = strncmp(text, "name=", 5) ? text : text + 5;
    if (!*value || strpbrk(value, "=,"))
        return failure_set(failure, STATUS_BAD_REQUEST, "remove takes --head name=NAME, not '%.80s'.", text);
    *out = value;
    return STATUS_OK;
}

static enum status read_option(void *context, int option, struct failure *failure)
{
    struct request *request = context;
    switch (option) {
    case 'm':
        request->model = optarg;
        return STATUS_OK;
    case 'f':
        request->json = !strcmp(optarg, "json");
        if (request->json || !strcmp(optarg, "table"))
            return STATUS_OK;
        return failure_set(failure, STATUS_BAD_REQUEST, "--format is table or json, not '%.40s'.", optarg);
    case 'p':
        request->has_precision = true;
        return precision_option_parse(optarg, failure, &request->precision);
    default:
        break;
    }
    struct import_head *head = &request->heads[request->head_count++];
    return request->action == ACTION_REMOVE ? read_name(optarg, failure, &head->name)
                                            : head_option_parse(optarg, failure, head);
}

static void help(void)
{
    printf("%s%s", usage, head_option_help);
}

/* Each action has the options it can use. -1 to go on, else the exit code. */
static int read_options(struct request *request, int argc, char **argv)
{
    static const struct option known[ACTION_COUNT][5] = {
        [ACTION_ADD] = {{"model", required_argument, NULL, 'm'},
                        {"head", required_argument, NULL, 'H'},
                        {"precision", required_argument, NULL, 'p'},
                        {"help", no_argument, NULL, 'h'}},
        [ACTION_REMOVE] = {{"model", required_argument, NULL, 'm'},
                           {"head", required_argument, NULL, 'H'},
                           {"help", no_argument, NULL, 'h'}},
        [ACTION_LIST] = {{"model", required_argument, NULL, 'm'},
                         {"format", required_argument, NULL, 'f'},
                         {"help", no_argument, NULL, 'h'}}};
    struct failure failure = {0};
    int code = command_options(argc, argv, known[request->action], help, read_option, request);
    if (code >= 0)
        return code;
    if (optind < argc)
        failure_set(&failure, STATUS_BAD_REQUEST, "'%.80s' belongs to no option; see cxrd head --help.",
                    argv[optind]);
    else if (!request->model || (request->action != ACTION_LIST && !request->head_count))
        failure_set(&failure, STATUS_BAD_REQUEST, "%s is needed; see cxrd head --help.",
                    request->model ? "--head" : "--model");
    return failure.status ? command_fail(request->command, &failure, EXIT_USAGE) : -1;
}

/* What they are and read, and what their outputs are called, which files may have said. */
static enum status show_added(const struct request *request, struct failure *failure)
{
    struct package *package = NULL;
    enum status status = package_open(request->model, failure, &package);
    if (status)
        return status;
    const struct model_card *card = package_card(package);
    for (size_t i = card->head_count - request->head_count; i < card->head_count; i++) {
        summary_head(&card->heads[i]);
        summary_labels(&card->heads[i]);
    }
    package_close(&package);
    return STATUS_OK;
}

static enum status add(const struct request *request, struct failure *failure)
{
    char sha256[SHA256_HEX_BYTES], note[IMPORT_NOTE_BYTES];
    struct progress progress = {.command = request->command, .unit = "MiB"};
    progress_begin(&progress);
    enum status status = checkpoint_add_heads(request->model, request->heads, request->head_count,
                                              request->has_precision ? &request->precision : NULL,
                                              progress_bytes, &progress, failure, note, sha256);
    progress_clear();
    if (!status && *note)
        command_say(request->command, "note: %s", note);
    if (!status)
        status = show_added(request, failure);
    if (!status)
        command_print("%s: %zu head%s added. package_sha256 %s", request->model, request->head_count,
                      request->head_count == 1 ? "" : "s", sha256);
    return status;
}

static enum status remove_heads(const struct request *request, struct failure *failure)
{
    struct package_edit *edit = NULL;
    char sha256[SHA256_HEX_BYTES];
    enum status status = package_edit_begin(request->model, failure, &edit);
    for (size_t i = 0; i < request->head_count && !status; i++)
        status = package_edit_remove(edit, request->heads[i].name, failure);
    if (!status)
        status = package_edit_commit(edit, failure, sha256);
    package_edit_end(&edit);
    if (!status)
        command_print("%s: %zu head%s removed. package_sha256 %s", request->model, request->head_count,
                      request->head_count == 1 ? "" : "s", sha256);
    return status;
}

static void print_table(const struct model_card *card)
{
    struct table table;
    table_init(&table, "lllrll", "head", "kind", "type", "labels", "reads", "weights");
    for (size_t i = 0; i < card->head_count; i++) {
        const struct head_card *head = &card->heads[i];
        table_add(&table, "%s", head->name);
        table_add(&table, "%s", head_kind_name(head->kind));
        table_add(&table, "%s", head_type_name(head->type));
        table_add(&table, "%zu", head->label_count);
        if (head->blocks)
            table_add(&table, "last %u block%s%s%s", head->blocks, head->blocks == 1 ? "" : "s",
                      head->average_pool ? " and mean patch" : "", head->two_views ? ", two views" : "");
        else
            table_add(&table, "mean patch%s", head->two_views ? ", two views" : "");
        table_add(&table, "%s", head->weights);
    }
    table_print(&table);
}

/* As model.json has them. */
static void print_json(const struct model_card *card)
{
    struct json *heads = json_array();
    for (size_t i = 0; i < card->head_count; i++)
        json_append(heads, card_head_json(&card->heads[i]));
    char *text = json_print(heads, true);
    puts(text);
    free(text);
    json_destroy(&heads);
}

/* What model.json says, at once: no weights are read. */
static enum status list(const struct request *request, struct failure *failure)
{
    struct bytes text = {0};
    struct json *root = NULL;
    struct model_card card;
    struct arena *arena = arena_create();
    enum status status = card_file_read(request->model, failure, &text);
    if (!status) {
        status = card_parse(text, failure, &root);
        if (!status)
            status = card_read(root, arena, failure, &card);
        if (status)
            failure_prefix(failure, "%s/" CARD_FILE, request->model);
    }
    if (!status && request->json)
        print_json(&card);
    else if (!status)
        print_table(&card);
    json_destroy(&root);
    free((void *)text.data);
    arena_destroy(&arena);
    return status;
}

static const struct {
    const char *word;
    char command[16]; /* for sentences about options */
    enum status (*run)(const struct request *request, struct failure *failure);
} actions[] = {[ACTION_ADD] = {"add", "head add", add},
               [ACTION_REMOVE] = {"remove", "head remove", remove_heads},
               [ACTION_LIST] = {"list", "head list", list}};
static_assert(sizeof actions / sizeof *actions == ACTION_COUNT, "a row an action");

static int run(const struct request *request)
{
    struct failure failure;
    enum status status = actions[request->action].run(request, &failure);
    if (!status)
        return EXIT_DONE;
    return command_fail(request->command, &failure, command_exit_code(&failure));
}

int command_head(int argc, char **argv)
{
    struct request request = {0};
    const char *word = argc > 1 ? argv[1] : "";
    if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
        help();
        return EXIT_DONE;
    }
    while (request.action < ACTION_COUNT && strcmp(word, actions[request.action].word))
        request.action++;
    if (request.action == ACTION_COUNT) {
        command_say("head", "say what to do: add, remove or list; see cxrd head --help.");
        return EXIT_USAGE;
    }
    request.command = argv[1] = (char *)actions[request.action].command;
    request.heads = memory_allocate((size_t)argc, sizeof *request.heads);
    int code = read_options(&request, argc - 1, argv + 1);
    if (code < 0)
        code = run(&request);
    free(request.heads);
    return code;
}
