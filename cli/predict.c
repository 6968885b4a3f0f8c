/* cxrd predict: files and folders in, predictions out; the same numbers POST /predict gives. */
#include "api/views.h"
#include "cli/chunk.h"
#include "cli/command.h"
#include "cli/engine_choice.h"
#include "cli/inputs.h"
#include "cli/interrupt.h"
#include "cli/predict_output.h"
#include "cli/predict_resume.h"
#include "cli/progress.h"
#include "cli/shard.h"
#include "engine/kernels/rung.h"

#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: cxrd predict --model DIR [OPTIONS] IMAGE_OR_FOLDER...\n"
    "\n" ENGINE_CHOICE_USAGE
    "  --format F             table (default), json, jsonl (one prediction a line) or csv\n"
    "  --heads NAME,...       only these heads\n"
    "  --attention A          none, grid (default but for tables and csv), png, overlay or contour; of "
    "GLoRI\n"
    "                         heads, linear ones have no maps\n"
    "  --attention-for WHICH  positive (default), all, top:K or LABEL,...\n"
    "  --level L              of contours: a part of the map's maximum, 0.5 by default\n"
    "  --size N               the longer side of a drawn map: 16 to 2048 pixels, 1024 by default\n"
    "  --threshold T          instead of each label's own\n"
    "  --flip                 the mean of each image and of its left-right mirror, in twice the time: of\n"
    "                         their logits, and of their maps, mirrored back\n"
    "  --views V              for heads of two views: frontal,lateral takes files in pairs, each frontal\n"
    "                         followed by its lateral, with one answer a pair, at the frontal's place;\n"
    "                         frontal has such heads read each image as both\n"
    "  --dicom-profile P      how the greys of DICOM files become the network's: mimic or voi; the\n"
    "                         package's own by default\n"
    "  --require-quality      an image that is no upright frontal chest radiograph that can be read fails\n"
    "  --identifiers uids     DICOM's study, series and instance UIDs in json and jsonl\n"
    "  --quiet                shows no progress on standard error\n"
    "  --shard I/N            only every N-th image, or pair, from number I of 1 to N on: N machines share "
    "a\n"
    "                         folder\n"
    "  --resume               with --output DIR and json or jsonl: leaves out what is answered there already "
    "by\n"
    "                         the same command, of the files as they are; what failed is tried again\n"
    "  --output DIR           a file an image there instead of standard output, its pictures beside it,\n"
    "                         at the image's own path below the folder given; older ones are replaced.\n"
    "                         json and jsonl both write .json, laid out on lines; csv .csv, table .txt\n"
    "\n"
    "Exit codes: 0 all images were answered, 1 one failed or was not there, or the model could not be\n"
    "started or has no heads, 2 usage.\n";

struct settings {
    struct engine_choice engine;
    struct predict_output output;
    struct option_list choices; /* those that POST /predict takes too */
    enum pairing pairing;       /* what they say of it */
    struct shard shard;
    bool quiet, resume;
    struct arena *arena;
};

/* The options that POST /predict takes too are checked where it checks them. */
static enum status read_choice(struct settings *settings, const char *name, const char *value,
                               struct failure *failure)
{
    return option_add(&settings->choices, settings->arena, name, text_split(settings->arena, value), failure);
}

static enum status read_option(void *context, int option, struct failure *failure)
{
    struct settings *settings = context;
    switch (option) {
    case 'q':
        settings->quiet = true;
        return STATUS_OK;
    case 'R':
        settings->resume = true;
        return STATUS_OK;
    case 'S':
        if (shard_read(optarg, &settings->shard))
            return STATUS_OK;
        return failure_set(failure, STATUS_BAD_REQUEST, SHARD_FORM ", not \"%.60s\".", optarg);
    case 'o':
        settings->output.folder = optarg;
        return STATUS_OK;
    case 'f':
        if (predict_format_read(optarg, &settings->output.format))
            return STATUS_OK;
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "--format is table, json, jsonl or csv, not \"%.60s\".", optarg);
    case 'H':
        return read_choice(settings, "heads", optarg, failure);
    case 'a':
        return read_choice(settings, "attention", optarg, failure);
    case 'A':
        return read_choice(settings, "attention_for", optarg, failure);
    case 'L':
        return read_choice(settings, "level", optarg, failure);
    case 's':
        return read_choice(settings, "size", optarg, failure);
    case 'F':
        return read_choice(settings, "flip", "true", failure);
    case 'D':
        return read_choice(settings, "dicom_profile", optarg, failure);
    case 'I':
        return read_choice(settings, "identifiers", optarg, failure);
    case 'V':
        return read_choice(settings, "views", optarg, failure);
    case 'Q':
        return read_choice(settings, "require_quality", "true", failure);
    case 't':
        return read_choice(settings, "threshold", optarg, failure);
    default:
        return engine_choice_read(&settings->engine, option, optarg, failure);
    }
}

static void help(void)
{
    fputs(usage, stdout);
    inputs_help();
}

/* -1 to go on, else the exit code. */
static int read_options(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {ENGINE_CHOICE_OPTIONS,
                                            {"format", required_argument, NULL, 'f'},
                                            {"heads", required_argument, NULL, 'H'},
                                            {"attention", required_argument, NULL, 'a'},
                                            {"attention-for", required_argument, NULL, 'A'},
                                            {"level", required_argument, NULL, 'L'},
                                            {"size", required_argument, NULL, 's'},
                                            {"threshold", required_argument, NULL, 't'},
                                            {"flip", no_argument, NULL, 'F'},
                                            {"views", required_argument, NULL, 'V'},
                                            {"dicom-profile", required_argument, NULL, 'D'},
                                            {"identifiers", required_argument, NULL, 'I'},
                                            {"require-quality", no_argument, NULL, 'Q'},
                                            {"shard", required_argument, NULL, 'S'},
                                            {"resume", no_argument, NULL, 'R'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct failure failure = {0};
    int code = command_options(argc, argv, options, help, read_option, settings);
    if (code >= 0)
        return code;
    if (!settings->engine.options.model || optind == argc) {
        command_say("predict", "give --model DIR and at least one image; see cxrd predict --help.");
        return EXIT_USAGE;
    }
    if (settings->resume && !predict_output_resumes(&settings->output)) {
        command_say("predict",
                    "--resume needs --output DIR and --format json or jsonl: no other form says what an "
                    "answer was made with.");
        return EXIT_USAGE;
    }
    const struct given_option *views = option_find(&settings->choices, "views");
    if (views_read(settings->arena, views ? &views->values : NULL, &views_on_command_line, &failure,
                   &settings->pairing))
        return command_fail("predict", &failure, EXIT_USAGE);
    return -1;
}

/* Writes the answer of a study, whose images start at `input`, or that it failed, which writing may do too;
 * true when all went well. */
static bool write_answer(struct predict_output *output, const struct input *input,
                         const struct chunk_file *files, const struct prediction *prediction)
{
    struct prediction shown = *prediction;
    struct failure failure;
    if (!shown.failure.status && !predict_output_write(output, input, files, &shown, &shown.failure))
        return true;
    chunk_complain("predict", input, &shown.failure);
    if (predict_output_write(output, input, files, &shown, &failure) && prediction->failure.status)
        chunk_complain("predict", input, &failure);
    return false;
}

/* Predicts the chunk that starts at inputs[0], and writes its answers. Returns how many studies failed. */
static size_t predict_chunk(struct engine *engine, struct predict_output *output, const struct input *inputs,
                            size_t count)
{
    struct failure failure = {0};
    struct prediction predictions[CHUNK_IMAGES];
    struct chunk_file files[CHUNK_IMAGES] = {0};
    size_t failed = 0;
    struct predict_options options = {.keep_side = predict_output_keep_side(output),
                                      .flip = output->options.flip,
                                      .require_quality = output->options.require_quality,
                                      .pairing = output->options.pairing,
                                      .image = output->options.image};
    const size_t views = pairing_images(options.pairing);
    /* Each study has the failure; files are read for their hashes only where answers say them. */
    (void)chunk_predict(engine, inputs, count, &options, predict_output_resumes(output) ? files : NULL,
                        &failure, predictions);
    for (size_t i = 0; i < count / views; i++) {
        failed += !write_answer(output, &inputs[i * views], &files[i * views], &predictions[i]);
        prediction_finish(&predictions[i]);
    }
    return failed;
}

/* What the request's own options are, in one text; NULL: none was given. */
static const char *chosen(struct arena *arena, const struct option_list *choices)
{
    const char *text = NULL;
    for (size_t i = 0; i < choices->count; i++) {
        const struct given_option *option = &choices->items[i];
        text = arena_format(arena, "%s%s%s=", text ? text : "", text ? " " : "", option->name);
        for (size_t k = 0; k < option->values.count; k++)
            text = arena_format(arena, "%s%s%s", text, k ? "," : "", option->values.items[k]);
    }
    return text;
}

/* What answers say of the run. */
static void state_run(struct settings *settings, const struct engine *engine)
{
    const struct record_run run = {.kind = "options",
                                   .chosen = chosen(settings->arena, &settings->choices),
                                   .card = engine_card(engine),
                                   .version = CXRD_VERSION,
                                   .device = engine_device_name(engine),
                                   .rung = engine_rung_name(engine),
                                   .precision = precision_name(settings->engine.options.precision)};
    record_facts(settings->arena, &run, settings->output.facts);
}

/* Checks what was asked for, and leaves out what is done; *done: so many images. */
static enum status begin(struct settings *settings, const struct engine *engine, struct inputs *inputs,
                         struct failure *failure, size_t *done)
{
    struct predict_output *output = &settings->output;
    state_run(settings, engine);
    enum status status = predict_output_begin(output, settings->arena, engine_card(engine),
                                              &settings->choices, inputs, failure);
    *done = 0;
    if (!status && settings->resume)
        status = predict_resume(output, inputs, failure, done);
    if (!status && *done)
        command_say("predict", "%zu of %zu images were done before.", *done, *done + inputs->count);
    return status;
}

/* Predicts all inputs; returns how many studies failed. `done`: of images that an earlier run answered. */
static size_t predict_all(struct engine *engine, struct settings *settings, const struct inputs *inputs,
                          size_t done)
{
    const bool resumes = predict_output_resumes(&settings->output);
    const size_t total = done + inputs->count;
    struct progress progress = {
        .command = "predict", .unit = "images", .total = total, .before = done, .quiet = settings->quiet};
    size_t failed = 0;
    progress_begin(&progress);
    for (size_t i = 0; i < inputs->count; i += CHUNK_IMAGES) {
        size_t count = inputs->count - i < CHUNK_IMAGES ? inputs->count - i : CHUNK_IMAGES;
        if (resumes)
            interrupt_expect(
                "predict", "interrupted: %zu of %zu images are done; the same command with --resume goes on.",
                done + i, total);
        progress_show(&progress, done + i, inputs->items[i].path);
        failed += predict_chunk(engine, &settings->output, inputs->items + i, count);
    }
    interrupt_end();
    progress_clear();
    return failed;
}

static int predict(struct settings *settings, struct inputs *inputs)
{
    struct failure failure = {0};
    struct engine *engine = NULL;
    size_t failed = inputs->failed, done;
    if (engine_choice_open(&settings->engine, &failure, &engine))
        return command_fail("predict", &failure, command_exit_code(&failure));
    int exit_code = EXIT_DONE;
    if (begin(settings, engine, inputs, &failure, &done)) {
        exit_code =
            command_fail("predict", &failure, failure.status == STATUS_NO_HEADS ? EXIT_FAILED : EXIT_USAGE);
    } else {
        failed += predict_all(engine, settings, inputs, done);
        predict_output_end(&settings->output);
        if (failed)
            exit_code = EXIT_FAILED;
    }
    engine_choice_close(&settings->engine, &engine);
    return exit_code;
}

static enum status list_inputs(const struct settings *settings, char *const *paths, size_t count,
                               struct failure *failure, struct inputs *out)
{
    if (settings->pairing == PAIRING_VIEWS)
        return inputs_pair(paths, count, failure, out);
    return inputs_list("predict", paths, count, settings->output.folder, failure, out);
}

int command_predict(int argc, char **argv)
{
    struct settings settings = {.arena = arena_create(),
                                .choices = {.known = predict_option_names, .command_line = true},
                                .shard = {.number = 1, .count = 1}};
    struct failure failure = {0};
    struct inputs inputs = {0};
    int exit_code = read_options(&settings, argc, argv);
    if (exit_code < 0) {
        if (list_inputs(&settings, argv + optind, (size_t)(argc - optind), &failure, &inputs)) {
            exit_code = command_fail("predict", &failure, EXIT_FAILED);
        } else {
            shard_keep(&settings.shard, &inputs, pairing_images(settings.pairing));
            exit_code = predict(&settings, &inputs);
        }
    }
    inputs_finish(&inputs);
    arena_destroy(&settings.arena);
    return exit_code;
}
