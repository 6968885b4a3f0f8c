/* cxrd bench: how fast a model runs here, operation by operation, beside what the device itself can do. */
#include "cli/bench_ceiling.h"
#include "cli/bench_model.h"
#include "cli/command.h"
#include "cli/progress.h"

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/model/cost.h"
#include "engine/model/model.h"
#include "engine/model/package.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCHES_MAX = 16,
    LABELS_MAX = 64,
    RUNS_DEFAULT = 5,
    RUNS_MAX = 1000,
    BATCH_MAX = 64,
    GLORI_WIDTH = 768
};

struct bench {
    const char *model, *architecture, *device_choice, *rung_choice;
    uint32_t batches[BATCHES_MAX], batch_count, runs;
    enum precision precision;
    bool json;
    struct package *package;
    const struct model_card *card;
    struct gpu_device *device;
    struct kernels *kernels;
    struct model *network;
    struct ceilings ceilings;
    double load_ms;
};

/* One operation over all its dispatches in the best run. */
struct operation {
    const char *label;
    double ms, gflops, gbytes; /* rates: 0 where the cost has none */
};

struct result {
    uint32_t batch;
    double best_ms, median_ms;
    struct operation operations[LABELS_MAX];
    size_t operation_count;
};

static void print_help(void)
{
    printf("usage: cxrd bench [--model DIR | --arch NAME] [--batch N,...] [--device auto|cpu|INDEX|UUID]\n"
           "                  [--rung NAME] [--precision auto|fp16|fp32] [--runs N] [--format table|json]\n\n"
           "  --arch NAME   random weights made on the spot: %s\n"
           "  --batch N,... batch sizes, 1 to %d each (default 1)\n"
           "  --runs N      timed runs a batch size, after one to warm up (default %d)\n",
           bench_architecture_names(), BATCH_MAX, RUNS_DEFAULT);
}

static bool read_number(const char *text, uint32_t maximum, char **end, uint32_t *out)
{
    unsigned long value = strtoul(text, end, 10);
    *out = (uint32_t)value;
    return *end != text && value >= 1 && value <= maximum;
}

static bool read_batches(struct bench *bench, const char *text)
{
    char *end;
    bench->batch_count = 0;
    do {
        if (bench->batch_count == BATCHES_MAX ||
            !read_number(text, BATCH_MAX, &end, &bench->batches[bench->batch_count]))
            return false;
        bench->batch_count++;
        text = end + 1;
    } while (*end == ',');
    return *end == '\0';
}

static bool read_option(struct bench *bench, int option, const char *value)
{
    char *end;
    switch (option) {
    case 'm':
        bench->model = value;
        return true;
    case 'a':
        bench->architecture = value;
        return true;
    case 'd':
        bench->device_choice = value;
        return true;
    case 'r':
        bench->rung_choice = value;
        return true;
    case 'p':
        return precision_read(value, &bench->precision);
    case 'f':
        bench->json = !strcmp(value, "json");
        return bench->json || !strcmp(value, "table");
    case 'n':
        return read_number(value, RUNS_MAX, &end, &bench->runs) && !*end;
    default:
        return read_batches(bench, value);
    }
}

/* Fills the settings; -1 to go on, else the exit code. */
static int read_options(struct bench *bench, int argc, char **argv)
{
    static const struct option options[] = {
        {"model", required_argument, NULL, 'm'}, {"arch", required_argument, NULL, 'a'},
        {"batch", required_argument, NULL, 'b'}, {"device", required_argument, NULL, 'd'},
        {"rung", required_argument, NULL, 'r'},  {"precision", required_argument, NULL, 'p'},
        {"runs", required_argument, NULL, 'n'},  {"format", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},        {0}};
    int option;
    while ((option = command_option(argc, argv, options)) != -1) {
        if (option == 'h') {
            print_help();
            return EXIT_DONE;
        }
        if (option == '?')
            return EXIT_USAGE;
        if (!read_option(bench, option, optarg)) {
            fprintf(stderr, "cxrd bench: \"%s\" is not a value of that option; see cxrd bench --help.\n",
                    optarg);
            return EXIT_USAGE;
        }
    }
    if (optind < argc || !bench->model == !bench->architecture) {
        fprintf(stderr, "cxrd bench: give either --model DIR or --arch NAME; see cxrd bench --help.\n");
        return EXIT_USAGE;
    }
    if (bench->architecture && !(bench->card = bench_architecture(bench->architecture))) {
        fprintf(stderr, "cxrd bench: no architecture \"%s\"; there are %s.\n", bench->architecture,
                bench_architecture_names());
        return EXIT_USAGE;
    }
    return -1;
}

static enum status choose_kernels(struct bench *bench, struct failure *failure)
{
    enum rung rung;
    enum element weights;
    enum status status = rung_choose(gpu_device_info(bench->device), bench->rung_choice, bench->precision,
                                     failure, &rung, &weights);
    return status ? status : kernels_create(bench->device, rung, weights, failure, &bench->kernels);
}

static enum status open_bench(struct bench *bench, struct failure *failure)
{
    struct model_weights weights = {0};
    const struct safetensors *heads[64];
    uint32_t max_batch = 1;
    uint64_t start_ns = clock_now_ns();
    char *cache_folder = file_cache_folder();
    enum status status = gpu_device_create(bench->device_choice, cache_folder, failure, &bench->device);
    free(cache_folder);
    if (!status)
        status = choose_kernels(bench, failure);
    if (!status && bench->model)
        status = package_open(bench->model, failure, &bench->package);
    if (status)
        return status;
    if (bench->package) {
        bench->card = package_card(bench->package);
        for (size_t i = 0; i < bench->card->head_count; i++)
            heads[i] = package_head(bench->package, i);
        weights = (struct model_weights){package_backbone(bench->package), heads};
    }
    for (uint32_t i = 0; i < bench->batch_count; i++)
        max_batch = bench->batches[i] > max_batch ? bench->batches[i] : max_batch;
    status = model_create(bench->device, bench->kernels, bench->card, &weights, max_batch, true, failure,
                          &bench->network);
    bench->load_ms = clock_elapsed_ms(start_ns);
    return status ? status : ceilings_measure(bench->device, bench->kernels, failure, &bench->ceilings);
}

static void close_bench(struct bench *bench)
{
    model_destroy(&bench->network);
    package_close(&bench->package);
    kernels_destroy(&bench->kernels);
    gpu_device_destroy(&bench->device);
}

/* Sums the dispatches of each label. */
static void sum_timings(const struct gpu_timing *timings, size_t count, struct result *result)
{
    result->operation_count = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < result->operation_count && strcmp(result->operations[at].label, timings[i].label))
            at++;
        if (at == LABELS_MAX)
            continue;
        if (at == result->operation_count)
            result->operations[result->operation_count++] = (struct operation){.label = timings[i].label};
        result->operations[at].ms += timings[i].milliseconds;
    }
}

static void rate_operations(const struct bench *bench, struct result *result)
{
    struct cost costs[COSTS_MAX];
    size_t count = cost_list(model_shape(bench->network), bench->card, GLORI_WIDTH, result->batch,
                             (double)element_size_bytes(kernels_weights(bench->kernels)),
                             (double)element_size_bytes(kernels_activations(bench->kernels)), costs);
    for (size_t i = 0; i < result->operation_count; i++)
        for (size_t j = 0; j < count; j++)
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
                           struct result *result)
{
    size_t pixels = (size_t)model_shape(bench->network)->side * model_shape(bench->network)->side * 3;
    uint8_t *noise = memory_allocate(pixels, 1), low[3] = {0}, high[3] = {255, 255, 255};
    struct model_image images[BATCH_MAX];
    double *times = memory_allocate(bench->runs, sizeof *times);
    const struct gpu_timing *timings;
    size_t count;
    for (size_t i = 0; i < pixels; i++)
        noise[i] = (uint8_t)(i * 2654435761u >> 13);
    for (uint32_t i = 0; i < batch; i++)
        images[i] = (struct model_image){noise, low, high};
    *result = (struct result){.batch = batch, .best_ms = 1e30};
    enum status status = model_run(bench->network, images, batch, failure);
    for (uint32_t run = 0; !status && run < bench->runs; run++) {
        progress_show(run, bench->runs, "timed runs");
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

static void print_header(const struct bench *bench)
{
    const struct gpu_device_info *info = gpu_device_info(bench->device);
    printf("%s, %s (%s)\n", bench->card->name, info->name, info->driver_info);
    printf("rung %s, %s weights %.2f GB, activations %.2f GB, ready in %.1f s\n",
           rung_name(kernels_rung(bench->kernels)), kernels_weights(bench->kernels) ? "fp16" : "fp32",
           (double)model_weight_bytes(bench->network) / 1e9,
           (double)model_activation_bytes(bench->network) / 1e9, bench->load_ms / 1e3);
    printf("backbone %.1f GFLOP an image; ceilings here: GEMM %.1f GFLOP/s, copy %.1f GB/s\n",
           cost_image(model_shape(bench->network)) / 1e9, bench->ceilings.gemm_gflops,
           bench->ceilings.copy_gbytes);
}

static void print_table(const struct bench *bench, const struct result *result)
{
    printf("\nbatch %u: %.3f images/s (best %.1f ms, median %.1f ms)\n", result->batch,
           1e3 * result->batch / result->best_ms, result->best_ms, result->median_ms);
    printf("  %-18s %10s %7s %10s %8s %9s %8s\n", "operation", "ms", "share", "GFLOP/s", "of GEMM", "GB/s",
           "of copy");
    for (size_t i = 0; i < result->operation_count; i++) {
        const struct operation *op = &result->operations[i];
        printf("  %-18s %10.2f %6.1f%%", op->label, op->ms, 100 * op->ms / result->best_ms);
        if (op->gflops > 0)
            printf(" %10.1f %7.0f%%", op->gflops, 100 * op->gflops / bench->ceilings.gemm_gflops);
        else
            printf(" %10s %8s", "", "");
        if (op->gbytes > 0)
            printf(" %9.1f %7.0f%%", op->gbytes, 100 * op->gbytes / bench->ceilings.copy_gbytes);
        putchar('\n');
    }
}

static struct json *result_json(const struct result *result)
{
    struct json *object = json_object();
    json_add_number(object, "batch", result->batch);
    json_add_number(object, "images_per_s", 1e3 * result->batch / result->best_ms);
    json_add_number(object, "best_ms", result->best_ms);
    json_add_number(object, "median_ms", result->median_ms);
    struct json *operations = json_add(object, "operations", json_array());
    for (size_t i = 0; i < result->operation_count; i++) {
        const struct operation *op = &result->operations[i];
        struct json *entry = json_append(operations, json_object());
        json_add_text(entry, "operation", op->label);
        json_add_number(entry, "ms", op->ms);
        if (op->gflops > 0)
            json_add_number(entry, "gflops", op->gflops);
        if (op->gbytes > 0)
            json_add_number(entry, "gbytes", op->gbytes);
    }
    return object;
}

static void print_json(const struct bench *bench, const struct result *results)
{
    const struct gpu_device_info *info = gpu_device_info(bench->device);
    struct json *root = json_object();
    json_add_text(root, "model", bench->card->name);
    json_add_text(root, "device", info->name);
    json_add_text(root, "driver", info->driver_info);
    json_add_text(root, "rung", rung_name(kernels_rung(bench->kernels)));
    json_add_text(root, "weights", kernels_weights(bench->kernels) ? "fp16" : "fp32");
    json_add_number(root, "weight_bytes", (double)model_weight_bytes(bench->network));
    json_add_number(root, "activation_bytes", (double)model_activation_bytes(bench->network));
    json_add_number(root, "ready_ms", bench->load_ms);
    json_add_number(root, "backbone_gflop", cost_image(model_shape(bench->network)) / 1e9);
    struct json *ceilings = json_add(root, "ceilings", json_object());
    json_add_number(ceilings, "gemm_gflops", bench->ceilings.gemm_gflops);
    json_add_number(ceilings, "copy_gbytes", bench->ceilings.copy_gbytes);
    struct json *list = json_add(root, "batches", json_array());
    for (uint32_t i = 0; i < bench->batch_count; i++)
        json_append(list, result_json(&results[i]));
    char *text = json_print(root, true);
    puts(text);
    free(text);
    json_destroy(&root);
}

int command_bench(int argc, char **argv)
{
    struct bench bench = {.device_choice = "auto", .batches = {1}, .batch_count = 1, .runs = RUNS_DEFAULT};
    struct failure failure = {0};
    struct result *results = NULL;
    int exit_code = read_options(&bench, argc, argv);
    if (exit_code >= 0)
        return exit_code;
    enum status status = open_bench(&bench, &failure);
    if (!status && !bench.json)
        print_header(&bench);
    results = memory_allocate(bench.batch_count, sizeof *results);
    for (uint32_t i = 0; !status && i < bench.batch_count; i++) {
        status = measure(&bench, bench.batches[i], &failure, &results[i]);
        if (!status && !bench.json)
            print_table(&bench, &results[i]);
    }
    if (!status && bench.json)
        print_json(&bench, results);
    free(results);
    close_bench(&bench);
    return status ? command_fail("bench", &failure, EXIT_FAILED) : EXIT_DONE;
}
