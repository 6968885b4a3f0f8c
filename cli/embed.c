/* cxrd embed: files and folders in, a file of embeddings out; the same numbers POST /embed gives. */
#include "cli/chunk.h"
#include "cli/command.h"
#include "cli/embed_header.h"
#include "cli/embed_output.h"
#include "cli/engine_choice.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "engine/kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: cxrd embed --model DIR [OPTIONS] --output FILE.npy|FILE.safetensors IMAGE_OR_FOLDER...\n"
    "\n" ENGINE_CHOICE_USAGE "  --tokens KIND          class (default), mean (of the patch tokens) or patch, "
    "as POST /embed has them;\n"
    "                         .safetensors takes several with commas between them\n"
    "  --dicom-profile P      how the greys of DICOM files become the network's: mimic or voi; the\n"
    "                         package's own by default\n"
    "  --shard I/N            only every N-th image, from number I of 1 to N on: N machines share a folder\n"
    "  --resume               goes on where a run of the same command ended early; begins where there is "
    "none\n"
    "  --quiet                shows no progress on standard error\n"
    "  --output FILE          float32 [images][width], or [images][patches][width] of patch tokens; beside "
    "it\n"
    "                         a .jsonl of the same name, a line an image: its row, path, size, warnings, or "
    "why it failed.\n"
    "                         FILE.part until it is whole; what is there is not written over\n"
    "\n"
    "Exit codes: 0 all images have a row, 1 one failed or was not there, the model could not be started or\n"
    "the file not be written, 2 usage, and a file that is there already or is of another run, 130 "
    "interrupted:\n"
    "what is done is kept for --resume.\n";

struct settings {
    struct engine_choice engine;
    struct embed_run run;
    struct option_list choices; /* that POST /embed takes too */
    bool resume, quiet;
    struct arena *arena;
};

static enum status read_option(void *context, int option, struct failure *failure)
{
    struct settings *settings = context;
    switch (option) {
    case 't':
        return option_add(&settings->choices, settings->arena, "tokens", text_split(settings->arena, optarg),
                          failure);
    case 'D':
        return option_add(&settings->choices, settings->arena, "dicom_profile",
                          text_split(settings->arena, optarg), failure);
    case 's':
        if (shard_read(optarg, &settings->run.shard))
            return STATUS_OK;
        return failure_set(failure, STATUS_BAD_REQUEST, SHARD_FORM ", not \"%.60s\".", optarg);
    case 'R':
        settings->resume = true;
        return STATUS_OK;
    case 'q':
        settings->quiet = true;
        return STATUS_OK;
    case 'o':
        settings->run.path = optarg;
        return STATUS_OK;
    default:
        return engine_choice_read(&settings->engine, option, optarg, failure);
    }
}

/* What options mean together. */
static enum status check_options(struct settings *settings, int inputs, struct failure *failure)
{
    const struct given_option *tokens = option_find(&settings->choices, "tokens");
    enum embed_form form;
    char endings[EMBED_ENDINGS_BYTES];
    size_t kinds = 0;
    if (!settings->engine.options.model || !settings->run.path || !inputs)
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "Give --model DIR, --output FILE.npy and at least one image; see cxrd embed --help.");
    if (!embed_form_read(settings->run.path, &form))
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "--output is a file whose name ends in %s, not \"%.200s\".",
                           embed_form_endings(false, endings), settings->run.path);
    settings->run.tokens[TOKENS_CLASS] = !tokens;
    if (tokens && tokens_read(settings->arena, &settings->choices, failure, settings->run.tokens))
        return failure->status;
    for (size_t kind = 0; kind < TOKENS_KINDS; kind++)
        kinds += settings->run.tokens[kind];
    if (kinds > 1 && !embed_form_holds_several(form))
        return failure_set(
            failure, STATUS_BAD_REQUEST,
            "A %s file holds one array: give one of class, mean and patch as --tokens, or an --output that "
            "ends in %s.",
            embed_form_ending(form), embed_form_endings(true, endings));
    enum status status = options_image(settings->arena, &settings->choices, failure, &settings->run.image);
    return status ? status : embed_output_check(settings->run.path, settings->resume, failure);
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
                                            {"tokens", required_argument, NULL, 't'},
                                            {"dicom-profile", required_argument, NULL, 'D'},
                                            {"shard", required_argument, NULL, 's'},
                                            {"resume", no_argument, NULL, 'R'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct failure failure = {0};
    int code = command_options(argc, argv, options, help, read_option, settings);
    if (code >= 0)
        return code;
    if (check_options(settings, argc - optind, &failure))
        return command_fail("embed", &failure, EXIT_USAGE);
    return -1;
}

/* What there is of the run, should it be interrupted now. */
static void expect_interruption(const struct embed_run *run, const struct inputs *inputs,
                                const struct embed_output *output)
{
    const struct embed_progress *progress = embed_output_progress(output);
    interrupt_expect("embed",
                     "interrupted: %zu of %zu images are done, and %zu row%s kept in %.300s.part; the same "
                     "command with --resume goes on.",
                     progress->images, inputs->count, progress->rows, progress->rows == 1 ? " is" : "s are",
                     run->path);
}

/* Embeds the inputs that are not yet done, a chunk at a time. A failure that is no image's ends it. */
static enum status embed_all(struct engine *engine, const struct embed_run *run, const struct inputs *inputs,
                             bool quiet, struct embed_output *output, struct failure *failure)
{
    const struct predict_options options = {.patches = run->tokens[TOKENS_PATCH], .image = run->image};
    const size_t before = embed_output_progress(output)->images;
    struct progress progress = {
        .command = "embed", .unit = "images", .total = inputs->count, .before = before, .quiet = quiet};
    enum status status = STATUS_OK;
    progress_begin(&progress);
    expect_interruption(run, inputs, output);
    for (size_t at = before; at < inputs->count && !status;) {
        struct prediction predictions[CHUNK_IMAGES];
        struct chunk_file files[CHUNK_IMAGES];
        const struct input *items = inputs->items + at;
        size_t count = inputs->count - at < CHUNK_IMAGES ? inputs->count - at : CHUNK_IMAGES;
        progress_show(&progress, at, items->path);
        status = chunk_predict(engine, items, count, &options, files, failure, predictions);
        if (!status)
            status = embed_output_write(output, predictions, files, count, failure);
        expect_interruption(run, inputs, output);
        for (size_t i = 0; i < count; i++) {
            if (!status && predictions[i].failure.status)
                chunk_complain("embed", &items[i], &predictions[i].failure);
            prediction_finish(&predictions[i]);
        }
        at += count;
    }
    progress_clear();
    return status;
}

/* Makes the file, or what is left of it to make. */
static int embed_to_file(struct engine *engine, const struct settings *settings, const struct inputs *inputs)
{
    const struct embed_run *run = &settings->run;
    struct failure failure = {0};
    struct embed_output *output = NULL;
    if (embed_output_open(run, inputs, settings->resume, &failure, &output))
        return command_fail("embed", &failure, command_exit_code(&failure));
    const struct embed_progress *progress = embed_output_progress(output);
    if (progress->images)
        command_say("embed", "%zu of %zu images were done before.", progress->images, inputs->count);
    if (progress->failed)
        command_say("embed", "%zu of them failed, as their lines beside %s say.", progress->failed,
                    run->path);
    if (progress->damaged)
        command_say("embed",
                    "the row of %s has other bytes than were written, so %s.part was damaged: this image and "
                    "those after it are computed again.",
                    inputs->items[progress->images].path, run->path);
    enum status status = STATUS_OK;
    if (!embed_output_complete(output)) {
        status = embed_all(engine, run, inputs, settings->quiet, output, &failure);
        if (!status)
            status = embed_output_finish(output, &failure);
        interrupt_end();
    }
    int exit_code = progress->failed || inputs->failed ? EXIT_FAILED : EXIT_DONE;
    if (status) {
        exit_code = command_fail("embed", &failure, EXIT_FAILED);
        command_say("embed", "%zu of %zu images are done; the same command with --resume goes on.",
                    progress->images, inputs->count);
    }
    embed_output_close(&output);
    return exit_code;
}

static int embed(struct settings *settings, const struct inputs *inputs)
{
    struct failure failure = {0};
    struct engine *engine = NULL;
    if (engine_choice_open(&settings->engine, &failure, &engine))
        return command_fail("embed", &failure, command_exit_code(&failure));
    settings->run.card = engine_card(engine);
    settings->run.device = engine_device_name(engine);
    if (settings->run.image.dicom_profile == DICOM_PROFILE_UNSAID)
        settings->run.image.dicom_profile = settings->run.card->dicom_profile;
    settings->run.rung = engine_rung_name(engine);
    settings->run.precision = precision_name(settings->engine.options.precision);
    int exit_code = embed_to_file(engine, settings, inputs);
    engine_choice_close(&settings->engine, &engine);
    return exit_code;
}

int command_embed(int argc, char **argv)
{
    struct settings settings = {.arena = arena_create(),
                                .choices = {.known = embed_option_names, .command_line = true},
                                .run = {.shard = {.number = 1, .count = 1}, .version = CXRD_VERSION}};
    struct failure failure = {0};
    struct inputs inputs = {0};
    int exit_code = read_options(&settings, argc, argv);
    if (exit_code < 0) {
        if (inputs_find("embed", argv + optind, (size_t)(argc - optind), NULL, &failure, &inputs)) {
            exit_code = command_fail("embed", &failure, EXIT_FAILED);
        } else {
            shard_keep(&settings.run.shard, &inputs, 1);
            exit_code = embed(&settings, &inputs);
        }
    }
    inputs_finish(&inputs);
    arena_destroy(&settings.arena);
    return exit_code;
}
