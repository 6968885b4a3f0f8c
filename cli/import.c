/* cxrd import: a model package from published files. */
#include "cli/command.h"
#include "cli/head_option.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/summary.h"

#include "api/text.h"
#include "engine/base/memory.h"
#include "engine/package/package.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: cxrd import --backbone FILE|FOLDER --output DIR [--image-size N|HxW] [--config FILE]\n"
    "                   [--preprocessor FILE | --profile NAME] [--layout NAME] [--precision fp16|fp32] "
    "[--head KEY=VALUE,... ...]\n"
    "\n"
    "  --backbone PATH       the vision transformer: a .pth, .bin or .safetensors file, the index of "
    "several,\n"
    "                        or a folder as published, with its config.json and preprocessor_config.json\n"
    "  --config FILE         its training configuration (config.yaml, config.json); checked against the "
    "weights\n"
    "  --image-size N|HxW    sides of the input in pixels, multiples of the patch size (default: as the\n"
    "                        configuration says, or else as the weights were trained)\n"
    "  --preprocessor FILE   how images are prepared: preprocessor_config.json, processor_config.json, or "
    "timm's\n"
    "                        config.json (default: the folder's)\n"
    "  --profile NAME        how images are prepared: chexfound or dinov2 (default: as the files say)\n"
    "  --layout NAME         where the weights are from, which decides how positions are resized and, "
    "without "
    "a\n"
    "                        word on it, how images are prepared: chexfound, dinov2 or timm (default: as "
    "their "
    "names,\n"
    "                        a head in the same file or the configuration show)\n"
    "  --lora-alpha A        of a LoRA adapter whose adapter_config.json is missing\n"
    "  --output DIR          the model package to make; must not be there yet\n"
    "  --precision P         fp16 (default) or fp32: how matrices are stored\n"
    "  --head KEY=VALUE,...  one head; repeat for several. Without any the package only embeds, and cxrd "
    "head\n"
    "                        add gives it heads later. Keys:\n";

static const char more_usage[] =
    "  --name TEXT           the model's name (default: the folder's)\n"
    "  --model-version TEXT  its version (default: 1.0.0)\n"
    "  --intended-use TEXT   one sentence shown with every answer\n"
    "\n"
    "No file is executed: a checkpoint that holds anything but data is refused. So is one with a tensor\n"
    "that this program would have to drop, by name. The package is opened as it will be to be served, and\n"
    "sealed (cxrd inspect), before it is put in its place.\n"
    "\n"
    "Exit codes: 0 made, 1 a file is refused or cannot be written, 2 usage, also where an option must say "
    "more.\n";

/* "512", or "1064x896": height before width. */
static enum status read_image_size(const char *text, struct failure *failure, struct import_options *out)
{
    char *end = NULL;
    bool valid = command_read_number(text, IMAGE_SIZE_MAX, &end, &out->image_height);
    out->image_width = out->image_height;
    if (valid && *end == 'x')
        valid = command_read_number(end + 1, IMAGE_SIZE_MAX, &end, &out->image_width);
    if (valid && !*end && out->image_height >= IMAGE_SIZE_MIN && out->image_width >= IMAGE_SIZE_MIN)
        return STATUS_OK;
    return failure_set(failure, STATUS_BAD_REQUEST,
                       "--image-size is a number of pixels from %d to %d, or HEIGHTxWIDTH, not '%.40s'.",
                       IMAGE_SIZE_MIN, IMAGE_SIZE_MAX, text);
}

static enum status read_alpha(const char *text, struct failure *failure, double *out)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value <= 0)
        return failure_set(failure, STATUS_BAD_REQUEST, "--lora-alpha is a number above 0, not '%.40s'.",
                           text);
    *out = value;
    return STATUS_OK;
}

enum {
    OPTION_BACKBONE = 1,
    OPTION_CONFIG,
    OPTION_IMAGE_SIZE,
    OPTION_PREPROCESSOR,
    OPTION_PROFILE,
    OPTION_LAYOUT,
    OPTION_LORA_ALPHA,
    OPTION_OUTPUT,
    OPTION_PRECISION,
    OPTION_HEAD,
    OPTION_NAME,
    OPTION_VERSION,
    OPTION_INTENDED_USE
};

static enum status read_option(int option, struct import_head *heads, struct failure *failure,
                               struct import_options *options)
{
    const struct {
        int option;
        const char **text;
    } texts[] = {{OPTION_BACKBONE, &options->backbone},
                 {OPTION_CONFIG, &options->config},
                 {OPTION_PREPROCESSOR, &options->preprocessor},
                 {OPTION_PROFILE, &options->profile},
                 {OPTION_LAYOUT, &options->layout},
                 {OPTION_OUTPUT, &options->output},
                 {OPTION_NAME, &options->name},
                 {OPTION_VERSION, &options->version},
                 {OPTION_INTENDED_USE, &options->intended_use}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].option == option)
            *texts[i].text = optarg;
    if (option == OPTION_IMAGE_SIZE)
        return read_image_size(optarg, failure, options);
    if (option == OPTION_LORA_ALPHA)
        return read_alpha(optarg, failure, &options->lora_alpha);
    if (option == OPTION_PRECISION)
        return precision_option_parse(optarg, failure, &options->precision);
    if (option == OPTION_HEAD)
        return head_option_parse(optarg, failure, &heads[options->head_count++]);
    return STATUS_OK;
}

/* -1 to go on, else the exit code. `heads`: room for one an argument. */
static int read_options(int argc, char **argv, struct import_head *heads, struct import_options *options)
{
    static const struct option known[] = {
        {"backbone", required_argument, NULL, OPTION_BACKBONE},
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"image-size", required_argument, NULL, OPTION_IMAGE_SIZE},
        {"preprocessor", required_argument, NULL, OPTION_PREPROCESSOR},
        {"profile", required_argument, NULL, OPTION_PROFILE},
        {"layout", required_argument, NULL, OPTION_LAYOUT},
        {"lora-alpha", required_argument, NULL, OPTION_LORA_ALPHA},
        {"output", required_argument, NULL, OPTION_OUTPUT},
        {"precision", required_argument, NULL, OPTION_PRECISION},
        {"head", required_argument, NULL, OPTION_HEAD},
        {"name", required_argument, NULL, OPTION_NAME},
        {"model-version", required_argument, NULL, OPTION_VERSION},
        {"intended-use", required_argument, NULL, OPTION_INTENDED_USE},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct failure failure = {0};
    for (int option; (option = command_option(argc, argv, known)) != -1;) {
        if (option == 'h') {
            printf("%s%s%s", usage, head_option_help, more_usage);
            return EXIT_DONE;
        }
        if (option == '?')
            return EXIT_USAGE;
        if (read_option(option, heads, &failure, options))
            return command_fail("import", &failure, EXIT_USAGE);
    }
    if (optind < argc)
        failure_set(&failure, STATUS_BAD_REQUEST, "'%.80s' belongs to no option; see cxrd import --help.",
                    argv[optind]);
    else if (!options->backbone || !options->output)
        failure_set(&failure, STATUS_BAD_REQUEST, "%s is needed; see cxrd import --help.",
                    options->backbone ? "--output" : "--backbone");
    return failure.status ? command_fail("import", &failure, EXIT_USAGE) : -1;
}

static void add_file(struct table *table, const char *name, const struct safetensors *file)
{
    table_add(table, "%s", name);
    table_add(table, "%zu bytes", safetensors_content(file).size);
}

/* What the package is, as the loader finds it, and what its files did not say. */
static enum status show_made(const struct import_options *options, const struct import_facts *facts,
                             struct failure *failure)
{
    struct package *package = NULL;
    struct table table;
    enum status status = package_open(options->output, failure, &package);
    if (status)
        return status;
    const struct model_card *card = package_card(package);
    table_init(&table, "ll", "model", card->name);
    summary_backbone(&card->backbone, &card->profile, facts, &table);
    table_add(&table, "tensors");
    table_add(&table, "%zu used, matrices as %s", facts->tensors,
              options->precision == IMPORT_FP32 ? "fp32" : "fp16");
    add_file(&table, card->backbone.weights, package_backbone(package));
    for (size_t i = 0; i < card->head_count; i++)
        add_file(&table, card->heads[i].weights, package_head(package, i));
    table_add(&table, "package_sha256");
    table_add(&table, "%s", card->package_sha256);
    table_print(&table);
    for (size_t i = 0; i < card->head_count; i++) {
        summary_head(&card->heads[i]);
        summary_labels(&card->heads[i]);
    }
    package_close(&package);
    return STATUS_OK;
}

static int run(const struct import_options *options)
{
    struct failure failure;
    char note[IMPORT_NOTE_BYTES];
    struct import_facts facts;
    struct progress progress = {.command = "import", .unit = "MiB"};
    interrupt_expect(
        "import",
        "interrupted: %s is not made; a folder of that name with .part.XXXXXX behind it may be left: "
        "delete it.",
        options->output);
    progress_begin(&progress);
    enum status status = checkpoint_import(options, progress_bytes, &progress, &failure, note, &facts);
    progress_clear();
    interrupt_end();
    if (status)
        return command_fail("import", &failure, command_exit_code(&failure));
    if (*note)
        command_say("import", "note: %s", note);
    if (show_made(options, &facts, &failure))
        return command_fail("import", &failure, EXIT_FAILED);
    if (options->head_count)
        command_print("%s: made with %zu head%s. Show it with: cxrd inspect %s", options->output,
                      options->head_count, options->head_count == 1 ? "" : "s", options->output);
    else
        command_print(
            "%s: made without heads, so it only embeds. Add one with: cxrd head add --model %s --head ...",
            options->output, options->output);
    return EXIT_DONE;
}

int command_import(int argc, char **argv)
{
    struct import_head *heads = memory_allocate((size_t)argc, sizeof *heads);
    struct import_options options = {.heads = heads};
    int code = read_options(argc, argv, heads, &options);
    if (code < 0)
        code = run(&options);
    free(heads);
    return code;
}
