/* cxrd devices: what there is to run on, and why something is not used. */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/kernels/record.h"

static const char help[] =
    "usage: cxrd devices [--format table|json] [--try-again] [--cache-folder DIR]\n\n"
    "Lists every Vulkan device in order of preference: how --device names it (index, UUID or PCI address), "
    "the\n"
    "rung of kernels it would run, or why it cannot be used, and which kernels failed when a model was "
    "started.\n\n"
    "  --try-again         forgets which kernels were chosen and which failed: the next start tries them "
    "all\n"
    "  --cache-folder DIR  where that is kept; as of cxrd serve, else the user's cache folder\n";

/* The one expected to be fastest; a model's first start tries all that promise something. */
static const char *first_rung(const struct gpu_device_info *info)
{
    enum rung candidates[RUNG_COUNT];
    return rung_candidates(info, PRECISION_AUTO, candidates) ? rung_name(candidates[0]) : "none";
}

/* The rungs that the device can run, as names. */
static struct json *rungs_json(const struct gpu_device_info *info)
{
    struct json *rungs = json_array();
    for (int rung = 0; rung < RUNG_COUNT; rung++) {
        const char *why_not = NULL;
        if (rung_supported((enum rung)rung, info, &why_not))
            json_append_text(rungs, rung_name((enum rung)rung));
    }
    return rungs;
}

/* Why the device cannot run the others, by their names. */
static struct json *lacks_json(const struct gpu_device_info *info)
{
    struct json *lacks = json_object();
    for (int rung = 0; rung < RUNG_COUNT; rung++) {
        const char *why_not = NULL;
        if (!rung_supported((enum rung)rung, info, &why_not))
            json_add_text(lacks, rung_name((enum rung)rung), why_not);
    }
    return lacks;
}

/* "16x16x16", and where matrices are a workgroup's, " by 256" of its size. */
static struct json *shapes_json(const struct gpu_matrix_shape *shapes, uint32_t count)
{
    struct json *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        char text[64];
        int length = snprintf(text, sizeof text, "%ux%ux%u", shapes[i].m, shapes[i].n, shapes[i].k);
        if (shapes[i].invocations)
            snprintf(text + length, sizeof text - (size_t)length, " by %u", shapes[i].invocations);
        json_append_text(list, text);
    }
    return list;
}

static struct json *failures_of(const struct gpu_device_info *info, const char *cache_folder)
{
    return cache_folder ? rung_record_failures(cache_folder, info) : json_array();
}

static struct json *device_json(const struct gpu_device_info *info, const char *cache_folder)
{
    struct json *device = json_object();
    json_add_number(device, "index", info->index);
    json_add_text(device, "name", info->name);
    json_add_text(device, "kind", gpu_kind_name(info->kind));
    json_add_boolean(device, "usable", info->usable);
    if (!info->usable) {
        json_add_text(device, "refusal", info->refusal);
        return device;
    }
    json_add_text(device, "rung", first_rung(info));
    json_add(device, "rungs", rungs_json(info));
    json_add(device, "lacks", lacks_json(info));
    json_add(device, "failures", failures_of(info, cache_folder));
    json_add_text(device, "uuid", info->uuid);
    if (info->pci_address[0])
        json_add_text(device, "pci_address", info->pci_address);
    json_add_text(device, "driver", info->driver);
    json_add_text(device, "driver_info", info->driver_info);
    json_add_number(device, "memory_bytes", (double)info->memory_bytes);
    json_add_number(device, "shared_memory_bytes", info->shared_memory_bytes);
    json_add_number(device, "subgroup_size", info->subgroup_size);
    json_add_boolean(device, "half_storage", info->half_storage);
    json_add_boolean(device, "half_arithmetic", info->half_arithmetic);
    json_add_boolean(device, "cooperative_matrix", info->cooperative_matrix);
    json_add_boolean(device, "cooperative_matrix2", info->cooperative_matrix2);
    json_add(device, "matrix_shapes", shapes_json(info->matrix_shapes, info->matrix_shape_count));
    json_add(device, "matrix2_steps", shapes_json(info->matrix2_steps, info->matrix2_step_count));
    return device;
}

static void print_json(const struct gpu_device_info *infos, size_t count, const char *cache_folder)
{
    struct json *document = json_object();
    struct json *devices = json_add(document, "devices", json_array());
    for (size_t i = 0; i < count; i++)
        json_append(devices, device_json(&infos[i], cache_folder));
    char *text = json_print(document, true);
    puts(text);
    free(text);
    json_destroy(&document);
}

static void print_rungs(const struct gpu_device_info *info)
{
    printf("       rungs");
    for (int rung = 0; rung < RUNG_COUNT; rung++) {
        const char *why_not = NULL;
        if (rung_supported((enum rung)rung, info, &why_not))
            printf(" %s", rung_name((enum rung)rung));
    }
    putchar('\n');
    for (int rung = 0; rung < RUNG_COUNT; rung++) {
        const char *why_not = NULL;
        if (!rung_supported((enum rung)rung, info, &why_not))
            printf("       not %s: %s\n", rung_name((enum rung)rung), why_not);
    }
}

static void print_failures(const struct gpu_device_info *info, const char *cache_folder)
{
    struct json *failures = failures_of(info, cache_folder);
    for (const struct json *one = json_first(failures); one; one = json_next(one))
        printf("       passed over: %s, for %s: %s\n", json_text(json_member(one, "rung")),
               json_text(json_member(one, "network")), json_text(json_member(one, "reason")));
    if (json_first(failures))
        puts("       to have them tried again: cxrd devices --try-again");
    json_destroy(&failures);
}

static void print_table(const struct gpu_device_info *infos, size_t count, const char *cache_folder)
{
    size_t width = strlen("NAME");
    for (size_t i = 0; i < count; i++)
        if (strlen(infos[i].name) > width)
            width = strlen(infos[i].name);
    printf("INDEX  %-*s  KIND        MEMORY     RUNG\n", (int)width, "NAME");
    for (size_t i = 0; i < count; i++) {
        const struct gpu_device_info *info = &infos[i];
        printf("%-5u  %-*s  %-10s  %5.1f GiB  %s\n", info->index, (int)width, info->name,
               gpu_kind_name(info->kind), (double)info->memory_bytes / (double)(1 << 30),
               info->usable ? first_rung(info) : "none");
        if (!info->usable) {
            printf("       refused: %s\n", info->refusal);
            continue;
        }
        printf("       uuid %s%s%s\n", info->uuid, info->pci_address[0] ? ", PCI " : "", info->pci_address);
        printf("       driver %s, %s\n", info->driver, info->driver_info);
        print_rungs(info);
        print_failures(info, cache_folder);
    }
}

static bool forget(const struct gpu_device_info *infos, size_t count, const char *cache_folder)
{
    for (size_t i = 0; cache_folder && i < count; i++)
        if (!rung_record_remove(cache_folder, &infos[i])) {
            command_say("devices", "what is kept of %s cannot be removed: %s.", infos[i].name,
                        strerror(errno));
            return false;
        }
    return true;
}

int command_devices(int argc, char **argv)
{
    static const struct option options[] = {{"format", required_argument, NULL, 'f'},
                                            {"try-again", no_argument, NULL, 't'},
                                            {"cache-folder", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    bool json = false, again = false;
    const char *folder = NULL;
    for (int option; (option = command_option(argc, argv, options)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_DONE;
        }
        if (option == '?')
            return EXIT_USAGE;
        if (option == 't')
            again = true;
        if (option == 'c')
            folder = optarg;
        if (option != 'f')
            continue;
        json = strcmp(optarg, "json") == 0;
        if (!json && strcmp(optarg, "table") != 0) {
            command_say("devices", "--format is table or json, not \"%s\".", optarg);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        command_say("devices", "takes no argument \"%s\".", argv[optind]);
        return EXIT_USAGE;
    }
    struct failure failure = {0};
    struct gpu_device_info *infos = NULL;
    size_t count = 0;
    if (gpu_devices_list(&failure, &infos, &count) != STATUS_OK)
        return command_fail("devices", &failure, EXIT_FAILED);
    char *users = file_cache_folder();
    const char *cache_folder = folder ? folder : users;
    int code = again && !forget(infos, count, cache_folder) ? EXIT_FAILED : EXIT_DONE;
    if (json)
        print_json(infos, count, cache_folder);
    else
        print_table(infos, count, cache_folder);
    free(users);
    free(infos);
    return code;
}
