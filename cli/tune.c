/* cxrd tune: measures every tile of a model's products and attention on a device, and keeps which is fastest.
 */
#include "cli/bench_model.h"
#include "cli/command.h"
#include "cli/engine_choice.h"
#include "cli/table.h"

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/kernels/choice.h"
#include "engine/kernels/tuned.h"
#include "engine/model/model.h"
#include "engine/package/package.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUDGET_DEFAULT_S = 60, BUDGET_MAX_S = 3600 };

static_assert(BUDGET_MAX_S == 3600, "as read_option says it");

struct tune {
    struct engine_choice choice;
    const char *model, *architecture, *cache_folder;
    uint32_t budget_s;
    bool json;
    struct package *package;
    struct model_card random_card; /* of an architecture */
    const struct model_card *card;
    struct gpu_device *device;
    struct kernels *kernels;
    struct tuning *found;
    double seconds;
};

static void print_help(void)
{
    printf(
        "usage: cxrd tune (MODEL | --arch NAME) [--batch N] [--budget SECONDS] [--device "
        "auto|cpu|INDEX|UUID]\n"
        "                 [--rung NAME] [--precision auto|fp16|fp32] [--cache-folder DIR] [--format "
        "table|json]\n\n"
        "Times every tile of the kernels on the shapes of a model, for batches of 1 to N images, and keeps "
        "the\n"
        "figures in the cache folder, where each start finds them. Without it the first start measures for "
        "%d s\n"
        "on a GPU, and not at all on a CPU driver. No answer depends on it, only how soon it comes.\n\n"
        "  MODEL               a model package\n"
        "  --arch NAME         the shapes of %s\n"
        "  --batch N           the largest batch that is served: 1 to 64, as of cxrd serve where not given\n"
        "  --budget SECONDS    for measuring: 1 to %d (default %d); the largest batch comes first, then one "
        "image\n"
        "  --cache-folder DIR  where the figures are kept; as of cxrd serve, else the user's cache folder\n",
        5, bench_architecture_names(), BUDGET_MAX_S, BUDGET_DEFAULT_S);
}

static enum status read_option(struct tune *tune, int option, const char *value, struct failure *failure)
{
    char *end;
    switch (option) {
    case 'a':
        tune->architecture = value;
        return STATUS_OK;
    case 'c':
        tune->cache_folder = value;
        return STATUS_OK;
    case 'f':
        return engine_choice_format(value, failure, &tune->json);
    case 's':
        if (command_read_number(value, BUDGET_MAX_S, &end, &tune->budget_s) && !*end)
            return STATUS_OK;
        return failure_set(failure, STATUS_BAD_REQUEST,
                           "--budget is a whole number of seconds from 1 to 3600, not \"%.60s\".", value);
    default:
        return engine_choice_read(&tune->choice, option, value, failure);
    }
}

/* Fills the settings; -1 to go on, else the exit code. */
static int read_options(struct tune *tune, int argc, char **argv)
{
    static const struct option options[] = {{"arch", required_argument, NULL, 'a'},
                                            {"batch", required_argument, NULL, 'b'},
                                            {"budget", required_argument, NULL, 's'},
                                            {"device", required_argument, NULL, 'd'},
                                            {"rung", required_argument, NULL, 'r'},
                                            {"precision", required_argument, NULL, 'p'},
                                            {"cache-folder", required_argument, NULL, 'c'},
                                            {"format", required_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct failure failure = {0};
    int option;
    while ((option = command_option(argc, argv, options)) != -1) {
        if (option == 'h') {
            print_help();
            return EXIT_DONE;
        }
        if (option == '?')
            return EXIT_USAGE;
        if (read_option(tune, option, optarg, &failure))
            return command_fail("tune", &failure, EXIT_USAGE);
    }
    if (optind + 1 == argc && !tune->architecture) {
        tune->model = argv[optind];
        return -1;
    }
    if (optind < argc || !tune->architecture) {
        command_say("tune", "give either one MODEL or --arch NAME; see cxrd tune --help.");
        return EXIT_USAGE;
    }
    if (!bench_architecture(tune->architecture, &tune->random_card)) {
        command_say("tune", "no architecture \"%s\"; there are %s.", tune->architecture,
                    bench_architecture_names());
        return EXIT_USAGE;
    }
    return -1;
}

static enum status search(struct tune *tune, struct failure *failure)
{
    const struct shape shape = shape_of(tune->card);
    const uint32_t batch =
        tune->choice.options.max_batch ? tune->choice.options.max_batch : model_default_batch(tune->device);
    const struct kernels_wish wish = {.rung = tune->choice.options.rung,
                                      .precision = tune->choice.options.precision,
                                      .shape = shape_for_trial(&shape, batch),
                                      .tuning_ms = 1e3 * tune->budget_s,
                                      .thorough = tune->found};
    struct rung_record *record = rung_record_open(tune->device, wish.precision, &wish.shape);
    const uint64_t start_ns = clock_now_ns();
    enum status status = kernels_choose(&tune->device, &wish, record, failure, &tune->kernels);
    tune->seconds = clock_elapsed_ms(start_ns) / 1e3;
    if (!wish.rung && !status)
        rung_record_choose(record, kernels_rung(tune->kernels));
    rung_record_close(&record);
    return status;
}

static enum status run(struct tune *tune, struct failure *failure)
{
    enum status status = gpu_device_create(tune->choice.device, tune->cache_folder, failure, &tune->device);
    if (!status && tune->model)
        status = package_open(tune->model, failure, &tune->package);
    tune->card = tune->package ? package_card(tune->package) : &tune->random_card;
    if (!status)
        status = search(tune, failure);
    if (!status)
        gpu_device_save_pipelines(tune->device); /* with the tiles that the next start takes */
    return status;
}

/* Of a shape, in GFLOP/s. */
static double rate(const struct tune *tune, size_t shape, uint32_t tile)
{
    return tiled_operations(&tune->found->shapes[shape]) / tune->found->ms[shape][tile] / 1e6;
}

/* Candidates of a shape that were not measured. */
static size_t missing(const struct tune *tune, size_t shape)
{
    const struct tiles *tiles = kernels_tiles(tune->kernels, tune->found->shapes[shape].kind);
    size_t count = 0;
    for (uint32_t i = 0; i < tiles->count; i++)
        count += tiles->list[i].family == tiles->list[0].family && !(tune->found->ms[shape][i] > 0);
    return count;
}

static size_t missing_in_all(const struct tune *tune)
{
    size_t count = 0;
    for (size_t i = 0; i < tune->found->shape_count; i++)
        count += missing(tune, i);
    return count;
}

static void print_table(const struct tune *tune, const char *path)
{
    const struct gpu_device_info *info = gpu_device_info(tune->device);
    struct table table;
    printf("%s, %s (%s), rung %s, %s weights\n\n", tune->card->name, info->name, info->driver_info,
           rung_name(kernels_rung(tune->kernels)),
           kernels_weights(tune->kernels) == ELEMENT_F16 ? "fp16" : "fp32");
    table_init(&table, "llrrl", "SHAPE", "TILE", "MS", "GFLOP/S", "");
    for (size_t i = 0; i < tune->found->shape_count; i++) {
        const struct tiled_shape *shape = &tune->found->shapes[i];
        const struct tiles *tiles = kernels_tiles(tune->kernels, shape->kind);
        const uint32_t chosen = kernels_tile_for(tune->kernels, shape);
        char name[TILED_NAME_BYTES];
        tiled_name(shape, name);
        for (uint32_t tile = 0; tile < tiles->count; tile++) {
            if (!(tune->found->ms[i][tile] > 0))
                continue;
            table_add(&table, "%s", name);
            table_add(&table, "%s", tiles->list[tile].name);
            table_add(&table, "%.4f", tune->found->ms[i][tile]);
            table_add(&table, "%.1f", rate(tune, i, tile));
            table_add(&table, "%s", tile == chosen ? "chosen" : "");
        }
    }
    table_print(&table);
    const size_t left = missing_in_all(tune);
    if (left)
        printf("\nNot measured: %zu of the candidates, which failed or for which the time was up; --budget "
               "gives "
               "more.\n",
               left);
    printf("\nKept in %s after %.1f s.\n", path ? path : "no file", tune->seconds);
}

static void print_json(const struct tune *tune, const char *path)
{
    const struct gpu_device_info *info = gpu_device_info(tune->device);
    struct json *document = json_object();
    json_add_text(document, "model", tune->card->name);
    json_add_text(document, "device", info->name);
    json_add_text(document, "driver_info", info->driver_info);
    json_add_text(document, "rung", rung_name(kernels_rung(tune->kernels)));
    json_add_text(document, "weights", kernels_weights(tune->kernels) == ELEMENT_F16 ? "fp16" : "fp32");
    json_add_number(document, "seconds", tune->seconds);
    json_add_number(document, "missing", (double)missing_in_all(tune));
    json_add(document, "record", path ? json_text_value(path) : json_null());
    struct json *shapes = json_add(document, "shapes", json_array());
    for (size_t i = 0; i < tune->found->shape_count; i++) {
        const struct tiled_shape *shape = &tune->found->shapes[i];
        const struct tiles *tiles = kernels_tiles(tune->kernels, shape->kind);
        struct json *entry = json_append(shapes, json_object());
        char name[TILED_NAME_BYTES];
        tiled_name(shape, name);
        json_add_text(entry, "shape", name);
        json_add_text(entry, "chosen", tiles->list[kernels_tile_for(tune->kernels, shape)].name);
        struct json *measured = json_add(entry, "tiles", json_array());
        for (uint32_t tile = 0; tile < tiles->count; tile++) {
            if (!(tune->found->ms[i][tile] > 0))
                continue;
            struct json *one = json_append(measured, json_object());
            json_add_text(one, "tile", tiles->list[tile].name);
            json_add_number(one, "ms", tune->found->ms[i][tile]);
            json_add_number(one, "gflops", rate(tune, i, tile));
        }
    }
    char *text = json_print(document, true);
    puts(text);
    free(text);
    json_destroy(&document);
}

int command_tune(int argc, char **argv)
{
    struct tune tune = {.choice = {.device = "auto"}, .budget_s = BUDGET_DEFAULT_S};
    struct failure failure = {0};
    int exit_code = read_options(&tune, argc, argv);
    if (exit_code >= 0)
        return exit_code;
    char *users = tune.cache_folder ? NULL : file_cache_folder();
    if (users)
        tune.cache_folder = users;
    tune.found = memory_allocate(1, sizeof *tune.found);
    enum status status = run(&tune, &failure);
    if (!status) {
        char *path = tuned_path(gpu_device_cache_folder(tune.device), gpu_device_info(tune.device));
        (tune.json ? print_json : print_table)(&tune, path);
        free(path);
    }
    kernels_destroy(&tune.kernels);
    gpu_device_destroy(&tune.device);
    package_close(&tune.package);
    free(tune.found);
    free(users);
    return status ? command_fail("tune", &failure, command_exit_code(&failure)) : EXIT_DONE;
}
