/* cxrd predict: files and folders in, predictions out; the same numbers POST /predict gives. */
#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/predict_output.h"
#include "cli/progress.h"

#include "engine/base/file.h"
#include "engine/kernels/kernels.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_IMAGES = 16 };

static const char usage[] =
    "usage: cxrd predict --model DIR [OPTIONS] IMAGE_OR_FOLDER...\n"
    "\n"
    "  --model DIR            the model package\n"
    "  --device CHOICE        auto (default), cpu, an index or a UUID of `cxrd devices`\n"
    "  --rung NAME            forces a rung of the kernels\n"
    "  --precision P          auto (default), fp16 or fp32: how weights are held\n"
    "  --batch N              images a batch: 1 to 64, 8 by default, 4 on a CPU\n"
    "  --format F             table (default), json, jsonl (one prediction a line) or csv\n"
    "  --heads NAME,...       only these heads\n"
    "  --attention A          none, grid (default but for tables and csv), png or overlay\n"
    "  --attention-for WHICH  positive (default), all, top:K or LABEL,...\n"
    "  --size N               the longer side of a drawn map: 16 to 2048 pixels, 1024 by default\n"
    "  --threshold T          instead of each label's own\n"
    "  --output DIR           a file an image there instead of standard output, its pictures beside it,\n"
    "                         at the image's own path below the folder given; older ones are replaced.\n"
    "                         json and jsonl both write .json, laid out on lines; csv .csv, table .txt\n"
    "\n"
    "Exit codes: 0 all images were answered, 1 one failed or was not there, or the model could not be\n"
    "started or has no heads, 2 usage.\n";

struct settings {
    struct engine_options engine;
    const char *device;
    struct predict_output output;
    struct option_list choices; /* those that POST /predict takes too */
    struct arena *arena;
};

static bool read_batch(const char *value, uint32_t *out)
{
    char *end;
    unsigned long number = strtoul(value, &end, 10);
    *out = (uint32_t)number;
    return end != value && !*end && number >= 1 && number <= 64;
}

/* The options that POST /predict takes too are checked where it checks them. */
static enum status read_choice(struct settings *settings, const char *name, struct failure *failure)
{
    return option_add(&settings->choices, settings->arena, name, text_split(settings->arena, optarg),
                      failure);
}

static enum status read_option(struct settings *settings, int option, struct failure *failure)
{
    const char *allowed = NULL; /* where the value is not that */
    switch (option) {
    case 'm':
        settings->engine.model = optarg;
        break;
    case 'd':
        settings->device = optarg;
        settings->engine.devices = &settings->device;
        settings->engine.device_count = 1;
        break;
    case 'r':
        settings->engine.rung = optarg;
        break;
    case 'o':
        settings->output.folder = optarg;
        break;
    case 'p':
        if (!precision_read(optarg, &settings->engine.precision))
            allowed = PRECISION_FORM;
        break;
    case 'b':
        if (!read_batch(optarg, &settings->engine.max_batch))
            allowed = "--batch is a whole number from 1 to 64";
        break;
    case 'f':
        if (!predict_format_read(optarg, &settings->output.format))
            allowed = "--format is table, json, jsonl or csv";
        break;
    case 'H':
        return read_choice(settings, "heads", failure);
    case 'a':
        return read_choice(settings, "attention", failure);
    case 'A':
        return read_choice(settings, "attention_for", failure);
    case 's':
        return read_choice(settings, "size", failure);
    default:
        return read_choice(settings, "threshold", failure);
    }
    if (allowed)
        return failure_set(failure, STATUS_BAD_REQUEST, "%s, not \"%.60s\".", allowed, optarg);
    return STATUS_OK;
}

/* -1 to go on, else the exit code. */
static int read_options(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {{"model", required_argument, NULL, 'm'},
                                            {"device", required_argument, NULL, 'd'},
                                            {"rung", required_argument, NULL, 'r'},
                                            {"precision", required_argument, NULL, 'p'},
                                            {"batch", required_argument, NULL, 'b'},
                                            {"format", required_argument, NULL, 'f'},
                                            {"heads", required_argument, NULL, 'H'},
                                            {"attention", required_argument, NULL, 'a'},
                                            {"attention-for", required_argument, NULL, 'A'},
                                            {"size", required_argument, NULL, 's'},
                                            {"threshold", required_argument, NULL, 't'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct failure failure = {0};
    int option;
    while ((option = command_option(argc, argv, options)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            printf("\nOf a folder the files are read whose names end in %s.\n", image_endings_read().text);
            return EXIT_DONE;
        }
        if (option == '?')
            return EXIT_USAGE;
        if (read_option(settings, option, &failure))
            return command_fail("predict", &failure, EXIT_USAGE);
    }
    if (!settings->engine.model || optind == argc) {
        fprintf(stderr, "cxrd predict: give --model DIR and at least one image; see cxrd predict --help.\n");
        return EXIT_USAGE;
    }
    return -1;
}

/* Why a file is not read begins with its path, which every form gives itself. */
static void drop_path(const char *path, struct failure *failure)
{
    size_t length = strlen(path);
    if (strncmp(failure->sentence, path, length) || strncmp(failure->sentence + length, ": ", 2))
        return;
    char *rest = failure->sentence + length + 2;
    *rest = (char)toupper((unsigned char)*rest);
    memmove(failure->sentence, rest, strlen(rest) + 1);
}

static void complain(const struct input *input, const struct failure *failure)
{
    progress_clear();
    fprintf(stderr, "cxrd predict: %s: %s\n", input->path, failure->sentence);
}

/* Writes an image's answer, or that it failed, which writing may do too; true when all went well. */
static bool write_answer(struct predict_output *output, const struct input *input,
                         const struct prediction *prediction)
{
    struct prediction shown = *prediction;
    struct failure failure;
    if (!shown.failure.status && !predict_output_write(output, input, &shown, &shown.failure))
        return true;
    complain(input, &shown.failure);
    if (predict_output_write(output, input, &shown, &failure) && prediction->failure.status)
        complain(input, &failure);
    return false;
}

/* Reads and predicts the chunk that starts at inputs[0], and writes its answers. Returns how many images
 * failed. */
static size_t predict_chunk(struct engine *engine, struct predict_output *output, const struct input *inputs,
                            size_t count)
{
    struct failure failures[CHUNK_IMAGES] = {0}, failure = {0};
    struct bytes files[CHUNK_IMAGES], images[CHUNK_IMAGES];
    struct prediction predictions[CHUNK_IMAGES] = {0};
    size_t failed = 0, read = 0, places[CHUNK_IMAGES];
    for (size_t i = 0; i < count; i++)
        if (!file_read(inputs[i].path, IMAGE_FILE_BYTES_MAX, &failures[i], &files[i])) {
            images[read] = files[i];
            places[i] = read++;
        } else {
            drop_path(inputs[i].path, &failures[i]);
        }
    struct predict_options options = {.keep_side = predict_output_keep_side(output)};
    if (read && engine_predict(engine, images, read, &options, &failure, predictions))
        for (size_t i = 0; i < read; i++)
            predictions[i].failure = failure;
    for (size_t i = 0; i < count; i++) {
        const struct prediction unread = {.failure = failures[i]};
        failed += !write_answer(output, &inputs[i], failures[i].status ? &unread : &predictions[places[i]]);
    }
    for (size_t i = 0; i < read; i++) {
        prediction_finish(&predictions[i]);
        free((void *)images[i].data);
    }
    return failed;
}

static int predict(struct settings *settings, const struct inputs *inputs)
{
    struct failure failure = {0};
    struct engine *engine = NULL;
    size_t failed = inputs->failed;
    if (engine_create(&settings->engine, &failure, &engine))
        return command_fail("predict", &failure, EXIT_FAILED);
    int exit_code = EXIT_DONE;
    if (predict_output_begin(&settings->output, settings->arena, engine_card(engine), &settings->choices,
                             &failure)) {
        exit_code =
            command_fail("predict", &failure, failure.status == STATUS_NO_HEADS ? EXIT_FAILED : EXIT_USAGE);
        goto destroy_engine;
    }
    for (size_t i = 0; i < inputs->count; i += CHUNK_IMAGES) {
        size_t count = inputs->count - i < CHUNK_IMAGES ? inputs->count - i : CHUNK_IMAGES;
        progress_show(i, inputs->count, inputs->items[i].path);
        failed += predict_chunk(engine, &settings->output, inputs->items + i, count);
    }
    progress_clear();
    predict_output_end(&settings->output);
    if (failed)
        exit_code = EXIT_FAILED;
destroy_engine:
    engine_destroy(&engine);
    return exit_code;
}

int command_predict(int argc, char **argv)
{
    struct settings settings = {.arena = arena_create(), .choices = {.known = predict_option_names}};
    struct failure failure = {0};
    struct inputs inputs = {0};
    int exit_code = read_options(&settings, argc, argv);
    if (exit_code < 0) {
        if (inputs_list("predict", argv + optind, (size_t)(argc - optind), settings.output.folder, &failure,
                        &inputs))
            exit_code = command_fail("predict", &failure, EXIT_FAILED);
        else
            exit_code = predict(&settings, &inputs);
    }
    inputs_finish(&inputs);
    arena_destroy(&settings.arena);
    return exit_code;
}
