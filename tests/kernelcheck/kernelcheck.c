/* kernelcheck: chooses device, rungs and operations, and says in the end how many cases were wrong.
 *
 *     kernelcheck [--device CHOICE] [--rung NAME] [--only OPERATION]
 *                 [--bench | --compile | --code | --corrupt] [--apart]
 *
 * --bench times the shapes of production; --compile makes every pipeline, runs none and takes no memory, so
 * that a driver without a device will do, and prints what the driver says of each: registers, whatever it
 * counts; one that spills is wrong. --code is the same and prints each one's machine code where the driver
 * shows it.
 * --corrupt damages one element of every case after the run, and counts the cases where that goes unnoticed.
 * --apart puts every array into a buffer of its own, for GPU-assisted validation to see what reads past one.
 * Exit status: 0 all good, 1 not, 2 usage, 77 (skipped) without a device or where it lacks the rung asked
 * for.
 */
#include "tests/kernelcheck/kernelcheck.h"

#include "engine/gpu/pipeline.h"
#include "engine/kernels/set.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, EXIT_SKIPPED = 77 };

static const struct operation {
    const char *name;
    void (*run)(struct check *check);
    bool by_weights; /* its kernel depends on how weights are held */
} operations[] = {
    {"attention", check_attention, false}, {"average", check_average, false},
    {"features", check_features, false},   {"gemm", check_gemm, true},
    {"layernorm", check_layernorm, false}, {"logits", check_logits, false},
    {"patchify", check_patchify, false},   {"pool", check_pool, false},
    {"softmax", check_softmax, false},     {"tokens", check_tokens, false},
};
enum { OPERATION_COUNT = sizeof operations / sizeof *operations };

struct options {
    const char *device, *rung, *only;
    bool bench, compile, code, corrupt, apart;
};

static bool options_parse(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {{"device", required_argument, NULL, 'd'},
                                          {"rung", required_argument, NULL, 'r'},
                                          {"only", required_argument, NULL, 'o'},
                                          {"bench", no_argument, NULL, 'b'},
                                          {"compile", no_argument, NULL, 'm'},
                                          {"code", no_argument, NULL, 'p'},
                                          {"corrupt", no_argument, NULL, 'c'},
                                          {"apart", no_argument, NULL, 'a'},
                                          {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case 'd':
            options->device = optarg;
            break;
        case 'r':
            options->rung = optarg;
            break;
        case 'o':
            options->only = optarg;
            break;
        case 'b':
            options->bench = true;
            break;
        case 'm':
            options->compile = true;
            break;
        case 'p':
            options->compile = options->code = true;
            break;
        case 'c':
            options->corrupt = true;
            break;
        case 'a':
            options->apart = true;
            break;
        default:
            return false;
        }
    }
    return optind == argc;
}

/* A misspelt name must not pass for a rung that the device lacks. */
static bool rung_known(const char *name)
{
    for (int rung = 0; rung < RUNG_COUNT; rung++)
        if (strcmp(name, rung_name(rung)) == 0)
            return true;
    return false;
}

/* Every chosen operation on one set of kernels. */
static void check_set(struct check *check, const char *only, bool only_by_weights)
{
    for (size_t i = 0; i < OPERATION_COUNT; i++) {
        if (only && strcmp(only, operations[i].name) != 0)
            continue;
        if (only_by_weights && !operations[i].by_weights)
            continue;
        check->operation = operations[i].name;
        operations[i].run(check);
    }
}

static void check_kernels(struct check *check, enum rung rung, enum element weights, const char *only,
                          bool only_by_weights)
{
    struct failure failure = {0};
    struct kernels *kernels;
    check_demand(kernels_create(check->device, rung, weights, &failure, &kernels), &failure);
    check->kernels = kernels;
    for (uint32_t kind = 0; kind < TILED_KINDS; kind++) {
        uint32_t tiles = 0;
        for (uint32_t tile = 0; tile < TILES_MAX; tile++)
            tiles |= (uint32_t)check_runs(check, kind, tile) << tile;
        check_demand(kernels_make_tiles(kernels, 1u << kind, tiles, &failure), &failure);
    }
    if (check->compile)
        check_compile(check, only_by_weights && !only ? "gemm" : only);
    else
        check_set(check, only, only_by_weights);
    kernels_destroy(&kernels);
}

/* The rung with every way of holding weights that it takes; damage looks alike in all. */
static void check_rung(struct check *check, enum rung rung, const struct options *options)
{
    bool first = true;
    for (int weights = ELEMENT_F32; weights <= ELEMENT_F16; weights++) {
        if (!rung_takes(rung, (enum element)weights) || (check->corrupt && !first))
            continue;
        check_kernels(check, rung, (enum element)weights, options->only, !first);
        first = false;
    }
}

/* How many rungs were checked: those named (or all) that the device supports. */
static unsigned check_device(struct gpu_device *device, const struct options *options, struct check *check)
{
    unsigned checked = 0;
    if (check->compile)
        gpu_pipelines_inspect(device, check->code);
    check_start(check, device);
    for (int rung = 0; rung < RUNG_COUNT; rung++) {
        const char *why_not;
        if (options->rung && strcmp(options->rung, rung_name(rung)) != 0)
            continue;
        if (!rung_supported(rung, gpu_device_info(device), &why_not)) {
            printf("rung %s skipped: %s\n", rung_name(rung), why_not);
            continue;
        }
        check_rung(check, rung, options);
        checked++;
    }
    check_finish(check);
    return checked;
}

int main(int argc, char **argv)
{
    struct options options = {.device = "auto"};
    struct failure failure = {0};
    struct gpu_device *device;
    if (!options_parse(argc, argv, &options) || (options.rung && !rung_known(options.rung))) {
        fprintf(stderr, "usage: kernelcheck [--device CHOICE] [--rung NAME] [--only OPERATION] [--bench | "
                        "--compile | --code | --corrupt] [--apart]\n");
        return EXIT_USAGE;
    }
    enum status status = gpu_device_create(options.device, NULL, &failure, &device);
    if (status == STATUS_NO_DEVICE) {
        printf("skipped: %s\n", failure.sentence);
        return EXIT_SKIPPED;
    }
    check_demand(status, &failure);
    printf("device: %s, %s\n", gpu_device_info(device)->name, gpu_device_info(device)->driver_info);
    struct check check = {.bench = options.bench,
                          .compile = options.compile,
                          .code = options.code,
                          .corrupt = options.corrupt,
                          .apart = options.apart};
    unsigned rungs = check_device(device, &options, &check);
    gpu_device_destroy(&device);
    if (rungs == 0)
        return EXIT_SKIPPED;
    printf("%u cases, %u %s\n", check.cases, check.wrong,
           options.corrupt   ? "whose damage went unnoticed"
           : options.compile ? "that spill registers"
                             : "wrong");
    /* A name that selects nothing must not pass for success. */
    return check.wrong == 0 && check.cases > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
