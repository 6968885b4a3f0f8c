/* cxrd bench: how fast a model runs here, operation by operation, beside what the device itself can do. */
#include "cli/bench_model.h"
#include "cli/bench_report.h"
#include "cli/command.h"
#include "cli/engine_choice.h"
#include "cli/progress.h"

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/kernels/choice.h"
#include "engine/model/cost.h"
#include "engine/package/package.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES_MAX = 16, RUNS_DEFAULT = 5, WARM_MS = 300, RUNS_MAX = 1000, BATCH_MAX = 64 };

static_assert(BATCHES_MAX == 16 && BATCH_MAX == 64 && RUNS_MAX == 1000, "as read_option says them");

struct bench {
    struct engine_choice choice;
    const char *architecture;
    uint32_t batches[BATCHES_MAX], batch_count, runs;
    bool json;
    struct package *package;
    const struct model_card *card;
    struct model_card random_card; /* of an architecture */
    struct gpu_device *device;
    struct kernels *kernels;
    struct model *network;
    struct bench_subject subject;
};

static void print_help(void)
{
    printf("usage: cxrd bench [--model DIR | --arch NAME] [--batch N,...] [--device auto|cpu|INDEX|UUID]\n"
           "                  [--rung NAME] [--precision auto|fp16|fp32] [--runs N] [--format table|json]\n\n"
           "  --arch NAME   random weights made on the spot: %s\n"
           "  --batch N,... batch sizes, 1 to %d each (default 1)\n"
           "  --runs N      timed runs a batch size, after warming up (default %d)\n\n"
           "An operation's \"of GEMM\" is beside one square product by the same kernels, of side 8192, on a "
           "CPU 1024;\n"
           "what its own shape suits better is over 100 %%.\n",
           bench_architecture_names(), BATCH_MAX, RUNS_DEFAULT);
}

static bool read_batches(struct bench *bench, const char *text)
{
    char *end;
    bench->batch_count = 0;
    do {
        if (bench->batch_count == BATCHES_MAX ||
            !command_read_number(text, BATCH_MAX, &end, &bench->batches[bench->batch_count]))
            return false;
        bench->batch_count++;
        text = end + 1;
    } while (*end == ',');
    return *end == '\0';
}

static enum status read_option(struct bench *bench, int option, const char *value, struct failure *failure)
{
    char *end;
    const char *allowed = NULL; /* where the value is not that */
    switch (option) {
    case 'a':
        bench->architecture = value;
        break;
    case 'f':
        return engine_choice_format(value, failure, &bench->json);
    case 'n':
        if (!command_read_number(value, RUNS_MAX, &end, &bench->runs) || *end)
            allowed = "--runs is a whole number from 1 to 1000";
        break;
    case 'b':
        if (!read_batches(bench, value))
            allowed = "--batch is 1 to 16 whole numbers from 1 to 64 with commas between them";
        break;
    default:
        return engine_choice_read(&bench->choice, option, value, failure);
    }
    return allowed ? failure_set(failure, STATUS_BAD_REQUEST, "%s, not \"%.60s\".", allowed, value)
                   : STATUS_OK;
}

/* Fills the settings; -1 to go on, else the exit code. */
static int read_options(struct bench *bench, int argc, char **argv)
{
    static const struct option options[] = {ENGINE_CHOICE_OPTIONS,
                                            {"arch", required_argument, NULL, 'a'},
                                            {"runs", required_argument, NULL, 'n'},
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
        if (read_option(bench, option, optarg, &failure))
            return command_fail("bench", &failure, EXIT_USAGE);
    }
    if (optind < argc || !bench->choice.options.model == !bench->architecture) {
        command_say("bench", "give either --model DIR or --arch NAME; see cxrd bench --help.");
        return EXIT_USAGE;
    }
    bench->card = &bench->random_card;
    if (bench->architecture && !bench_architecture(bench->architecture, &bench->random_card)) {
        command_say("bench", "no architecture \"%s\"; there are %s.", bench->architecture,
                    bench_architecture_names());
        return EXIT_USAGE;
    }
    return -1;
}

static uint32_t largest_batch(const struct bench *bench)
{
    uint32_t largest = 1;
    for (uint32_t i = 0; i < bench->batch_count; i++)
        largest = bench->batches[i] > largest ? bench->batches[i] : largest;
    return largest;
}

static enum status choose_kernels(struct bench *bench, struct failure *failure)
{
    const struct shape shape = shape_of(bench->card);
    const struct kernels_wish wish = {.rung = bench->choice.options.rung,
                                      .precision = bench->choice.options.precision,
                                      .shape = shape_for_trial(&shape, largest_batch(bench))};
    struct rung_record *record = rung_record_open(bench->device, wish.precision, &wish.shape);
    enum status status = kernels_choose(&bench->device, &wish, record, failure, &bench->kernels);
    if (!wish.rung && !status)
        rung_record_choose(record, kernels_rung(bench->kernels));
    rung_record_close(&record);
    return status;
}

static enum status open_bench(struct bench *bench, struct failure *failure)
{
    struct model_weights weights = {0};
    const struct safetensors *heads[PACKAGE_HEADS_MAX];
    uint64_t start_ns = clock_now_ns();
    char *cache_folder = file_cache_folder();
    enum status status = gpu_device_create(bench->choice.device, cache_folder, failure, &bench->device);
    free(cache_folder);
    if (!status && bench->choice.options.model)
        status = package_open(bench->choice.options.model, failure, &bench->package);
    if (!status && bench->package)
        status = package_verify(bench->package, failure);
    if (status)
        return status;
    if (bench->package) {
        bench->card = package_card(bench->package);
        for (size_t i = 0; i < bench->card->head_count; i++)
            heads[i] = package_head(bench->package, i);
        weights = (struct model_weights){package_backbone(bench->package), heads};
    }
    const struct model_options options = {.max_batch = largest_batch(bench), .in_flight = 1, .timed = true};
    status = choose_kernels(bench, failure);
    if (!status)
        status = model_create(bench->device, bench->kernels, bench->card, &weights, &options, failure,
                              &bench->network);
    bench->subject = (struct bench_subject){.card = bench->card,
                                            .device = bench->device,
                                            .kernels = bench->kernels,
                                            .model = bench->network,
                                            .load_ms = clock_elapsed_ms(start_ns)};
    return status ? status
                  : ceilings_measure(bench->device, bench->kernels, failure, &bench->subject.ceilings);
}

static void close_bench(struct bench *bench)
{
    model_destroy(&bench->network);
    package_close(&bench->package);
    kernels_destroy(&bench->kernels);
    gpu_device_destroy(&bench->device);
}

/* Sums the dispatches of each label. */
static void sum_timings(const struct gpu_timing *timings, size_t count, struct bench_result *result)
{
    result->operation_count = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < result->operation_count && strcmp(result->operations[at].label, timings[i].label))
            at++;
        if (at == BENCH_LABELS_MAX)
            continue;
        if (at == result->operation_count)
            result->operations[result->operation_count++] =
                (struct bench_operation){.label = timings[i].label};
        result->operations[at].ms += timings[i].milliseconds;
    }
}

static void rate_operations(const struct bench *bench, struct bench_result *result)
{
    struct cost costs[COSTS_MAX];
    uint32_t widths[PACKAGE_HEADS_MAX] = {0};
    for (size_t i = 0; i < bench->card->head_count; i++)
        widths[i] = model_glori_width(bench->network, i);
    size_t count = cost_list(model_shape(bench->network), bench->card, widths, result->batch,
                             (double)element_size_bytes(kernels_weights(bench->kernels)),
                             (double)element_size_bytes(kernels_activations(bench->kernels)), costs);
    for (size_t i = 0; i < result->operation_count; i++)
        for (size_t j = 0; j < count && result->operations[i].ms > 0; j++) /* 0: below the device's clock */
            if (!strcmp(result->operations[i].label, costs[j].label)) {
                result->operations[i].gflops = costs[j].operations / result->operations[i].ms / 1e6;
                result->operations[i].gbytes = costs[j].bytes / result->operations[i].ms / 1e6;
            }
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static enum status measure(struct bench *bench, uint32_t batch, struct failure *failure,
                           struct bench_result *result)
{
    size_t pixels = shape_image_bytes(model_shape(bench->network));
    uint8_t *noise = memory_allocate(pixels, 1), low[3] = {0}, high[3] = {255, 255, 255};
    struct model_image images[BATCH_MAX];
    double *times = memory_allocate(bench->runs, sizeof *times);
    const struct gpu_timing *timings;
    size_t count;
    for (size_t i = 0; i < pixels; i++)
        noise[i] = (uint8_t)(i * 2654435761u >> 13);
    for (uint32_t i = 0; i < batch; i++)
        images[i] = (struct model_image){noise, low, high};
    *result = (struct bench_result){.batch = batch, .best_ms = 1e30};
    enum status status;
    const uint64_t warm_ns = clock_now_ns();
    do /* an idle GPU clocks down to a fifth, and takes some 0.1 s to clock up */
        status = model_run(bench->network, images, batch, failure);
    while (!status && clock_elapsed_ms(warm_ns) < WARM_MS);
    struct progress progress = {.command = "bench", .unit = "timed runs", .total = bench->runs};
    progress_begin(&progress);
    for (uint32_t run = 0; !status && run < bench->runs; run++) {
        progress_show(&progress, run, "");
        uint64_t start_ns = clock_now_ns();
        status = model_run(bench->network, images, batch, failure);
        times[run] = clock_elapsed_ms(start_ns);
        if (status || times[run] >= result->best_ms)
            continue;
        result->best_ms = times[run];
        status = model_timings(bench->network, failure, &timings, &count);
        if (!status)
            sum_timings(timings, count, result);
    }
    progress_clear();
    if (!status) {
        qsort(times, bench->runs, sizeof *times, compare_numbers);
        result->median_ms = times[bench->runs / 2];
        rate_operations(bench, result);
    }
    free(times);
    free(noise);
    return status;
}

int command_bench(int argc, char **argv)
{
    struct bench bench = {
        .choice = {.device = "auto"}, .batches = {1}, .batch_count = 1, .runs = RUNS_DEFAULT};
    struct failure failure = {0};
    struct bench_result *results = NULL;
    int exit_code = read_options(&bench, argc, argv);
    if (exit_code >= 0)
        return exit_code;
    enum status status = open_bench(&bench, &failure);
    if (!status && !bench.json)
        bench_print_header(&bench.subject);
    results = memory_allocate(bench.batch_count, sizeof *results);
    for (uint32_t i = 0; !status && i < bench.batch_count; i++) {
        status = measure(&bench, bench.batches[i], &failure, &results[i]);
        if (!status && !bench.json)
            bench_print_table(&bench.subject, &results[i]);
    }
    if (!status && bench.json)
        bench_print_json(&bench.subject, results, bench.batch_count);
    free(results);
    close_bench(&bench);
    return status ? command_fail("bench", &failure, command_exit_code(&failure)) : EXIT_DONE;
}
