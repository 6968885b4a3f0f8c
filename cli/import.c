/* cxrd import: a model package from the authors' files. */
#include "cli/command.h"
#include "cli/progress.h"

#include "engine/base/memory.h"
#include "engine/checkpoint/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: cxrd import --backbone FILE.pth [--config config.yaml] --image-size N --output DIR\n"
    "                   [--precision fp16|fp32] --head KEY=VALUE,... [--head ...]\n"
    "\n"
    "  --backbone FILE       the vision transformer, as torch.save wrote it\n"
    "  --config FILE         its training configuration; checked against the weights\n"
    "  --image-size N        side of the input square in pixels, a multiple of the patch size\n"
    "  --output DIR          the model package to make; must not be there yet\n"
    "  --precision P         fp16 (default) or fp32: how matrices are stored\n"
    "  --head KEY=VALUE,...  one head; repeat for several. Keys:\n"
    "        name=NAME             letters, digits, '-' and '_'\n"
    "        kind=findings|risk\n"
    "        weights=FILE          as torch.save wrote it\n"
    "        labels=FILE           one label a line (default: the 40 CXR-LT 2024 findings, or the risk's "
    "name)\n"
    "        results=FILE          results_eval_linear.json, which names the best candidate\n"
    "        candidate=KEY         chooses the candidate instead\n"
    "  --name TEXT           the model's name (default: the folder's)\n"
    "  --model-version TEXT  its version (default: 1.0.0)\n"
    "  --intended-use TEXT   one sentence shown with every answer\n"
    "\n"
    "No file is executed: a checkpoint that holds anything but data is refused. So is one with a tensor\n"
    "that this program would have to drop, by name. The package is opened as it will be to be served, and\n"
    "sealed (cxrd inspect), before it is put in its place.\n";

static int usage_error(const char *format, const char *value)
{
    fprintf(stderr, "cxrd import: ");
    fprintf(stderr, format, value);
    fprintf(stderr, " See cxrd import --help.\n");
    return EXIT_USAGE;
}

static int set_kind(struct import_head *head, const char *kind)
{
    if (!strcmp(kind, "findings"))
        head->kind = IMPORT_FINDINGS;
    else if (!strcmp(kind, "risk"))
        head->kind = IMPORT_RISK;
    else
        return usage_error("a head's kind is findings or risk, not '%s'.", kind);
    return EXIT_DONE;
}

/* Reads "name=..,kind=..,weights=..": cuts `text` into the values that *head then points to. */
static int parse_head(char *text, struct import_head *head)
{
    const char *kind = NULL;
    const struct {
        const char *key;
        const char **value;
    } keys[] = {{"name", &head->name},       {"kind", &kind},           {"weights", &head->weights},
                {"results", &head->results}, {"labels", &head->labels}, {"candidate", &head->candidate}};
    char *rest = text;
    for (char *part; (part = strsep(&rest, ","));) {
        size_t found = 0, count = sizeof keys / sizeof *keys;
        char *value = strchr(part, '=');
        if (!value)
            return usage_error("'%s' of --head is not KEY=VALUE.", part);
        *value++ = '\0';
        while (found < count && strcmp(keys[found].key, part))
            found++;
        if (found == count)
            return usage_error(
                "--head has the keys name, kind, weights, results, labels and candidate, not '%s'.", part);
        if (*keys[found].value)
            return usage_error("--head has '%s' twice.", part);
        *keys[found].value = value;
    }
    if (!head->name || !kind || !head->weights)
        return usage_error("--head needs %s.", !head->name ? "name=" : !kind ? "kind=" : "weights=");
    return set_kind(head, kind);
}

static int parse_number(const char *text, uint32_t *out)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || *text < '0' || *text > '9' || value < 1 || value > 65536)
        return usage_error("--image-size is a number of pixels from 1 to 65536, not '%s'.", text);
    *out = (uint32_t)value;
    return EXIT_DONE;
}

static int set_precision(const char *text, enum import_precision *out)
{
    if (strcmp(text, "fp16") && strcmp(text, "fp32"))
        return usage_error("--precision is fp16 or fp32, not '%s'.", text);
    *out = strcmp(text, "fp32") ? IMPORT_FP16 : IMPORT_FP32;
    return EXIT_DONE;
}

enum {
    OPTION_BACKBONE = 1,
    OPTION_CONFIG,
    OPTION_IMAGE_SIZE,
    OPTION_OUTPUT,
    OPTION_PRECISION,
    OPTION_HEAD,
    OPTION_NAME,
    OPTION_VERSION,
    OPTION_INTENDED_USE
};

/* Fills *options and heads[argc]; *help when --help is among the options. */
static int parse_options(int argc, char **argv, struct import_options *options, struct import_head *heads,
                         bool *help)
{
    static const struct option known[] = {
        {"backbone", required_argument, NULL, OPTION_BACKBONE},
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"image-size", required_argument, NULL, OPTION_IMAGE_SIZE},
        {"output", required_argument, NULL, OPTION_OUTPUT},
        {"precision", required_argument, NULL, OPTION_PRECISION},
        {"head", required_argument, NULL, OPTION_HEAD},
        {"name", required_argument, NULL, OPTION_NAME},
        {"model-version", required_argument, NULL, OPTION_VERSION},
        {"intended-use", required_argument, NULL, OPTION_INTENDED_USE},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int code = EXIT_DONE;
    for (int option; code == EXIT_DONE && (option = command_option(argc, argv, known)) != -1;) {
        switch (option) {
        case OPTION_BACKBONE:
            options->backbone = optarg;
            break;
        case OPTION_CONFIG:
            options->config = optarg;
            break;
        case OPTION_IMAGE_SIZE:
            code = parse_number(optarg, &options->image_size);
            break;
        case OPTION_OUTPUT:
            options->output = optarg;
            break;
        case OPTION_PRECISION:
            code = set_precision(optarg, &options->precision);
            break;
        case OPTION_HEAD:
            code = parse_head(optarg, &heads[options->head_count++]);
            break;
        case OPTION_NAME:
            options->name = optarg;
            break;
        case OPTION_VERSION:
            options->version = optarg;
            break;
        case OPTION_INTENDED_USE:
            options->intended_use = optarg;
            break;
        case 'h':
            *help = true;
            return EXIT_DONE;
        default: /* already reported */
            code = EXIT_USAGE;
        }
    }
    if (code == EXIT_DONE && optind < argc)
        code = usage_error("'%s' belongs to no option.", argv[optind]);
    if (code == EXIT_DONE && (!options->backbone || !options->output || !options->head_count))
        code = usage_error("%s is needed.", !options->backbone ? "--backbone"
                                            : !options->output ? "--output"
                                                               : "at least one --head");
    return code;
}

static void draw(void *context, size_t done_bytes, size_t total_bytes)
{
    (void)context;
    progress_show(done_bytes >> 20, total_bytes >> 20, "MiB");
}

static int run(const struct import_options *options)
{
    struct failure failure;
    enum status status = checkpoint_import(options, draw, NULL, &failure);
    progress_clear();
    if (status)
        return command_fail("import", &failure, status == STATUS_BAD_REQUEST ? EXIT_USAGE : EXIT_FAILED);
    printf("%s: made with %zu head%s. Show it with: cxrd inspect %s\n", options->output, options->head_count,
           options->head_count == 1 ? "" : "s", options->output);
    return EXIT_DONE;
}

int command_import(int argc, char **argv)
{
    bool help = false;
    struct import_head *heads = memory_allocate((size_t)argc, sizeof *heads);
    struct import_options options = {.heads = heads};
    int code = parse_options(argc, argv, &options, heads, &help);
    if (help)
        printf("%s", usage);
    else if (code == EXIT_DONE)
        code = run(&options);
    free(heads);
    return code;
}
