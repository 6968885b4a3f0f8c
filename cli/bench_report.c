#include "cli/bench_report.h"

#include "engine/base/json.h"
#include "engine/model/cost.h"

#include <stdio.h>
#include <stdlib.h>

void bench_print_header(const struct bench_subject *subject)
{
    const struct gpu_device_info *info = gpu_device_info(subject->device);
    printf("%s, %s (%s)\n", subject->card->name, info->name, info->driver_info);
    if (*subject->card->package_sha256)
        printf("package_sha256 %s\n", subject->card->package_sha256);
    printf("rung %s, %s weights %.2f GB, activations %.2f GB, ready in %.1f s\n",
           rung_name(kernels_rung(subject->kernels)), kernels_weights(subject->kernels) ? "fp16" : "fp32",
           (double)model_weight_bytes(subject->model) / 1e9,
           (double)model_activation_bytes(subject->model) / 1e9, subject->load_ms / 1e3);
    printf("backbone %.1f GFLOP an image of %ux%u; ceilings here: float32 %.1f GFLOP/s, GEMM %.1f GFLOP/s, "
           "copy %.1f "
           "GB/s\n",
           cost_image(model_shape(subject->model)) / 1e9, subject->card->backbone.image_height,
           subject->card->backbone.image_width, subject->ceilings.peak_gflops, subject->ceilings.gemm_gflops,
           subject->ceilings.copy_gbytes);
}

void bench_print_table(const struct bench_subject *subject, const struct bench_result *result)
{
    printf("\nbatch %u: %.3f images/s (best %.1f ms, median %.1f ms)\n", result->batch,
           1e3 * result->batch / result->best_ms, result->best_ms, result->median_ms);
    printf("  %-18s %10s %7s %10s %8s %8s %9s %8s\n", "operation", "ms", "share", "GFLOP/s", "of peak",
           "of GEMM", "GB/s", "of copy");
    for (size_t i = 0; i < result->operation_count; i++) {
        const struct bench_operation *op = &result->operations[i];
        printf("  %-18s %10.2f %6.1f%%", op->label, op->ms, 100 * op->ms / result->best_ms);
        if (op->gflops > 0)
            printf(" %10.1f %7.0f%% %7.0f%%", op->gflops, 100 * op->gflops / subject->ceilings.peak_gflops,
                   100 * op->gflops / subject->ceilings.gemm_gflops);
        else
            printf(" %10s %8s %8s", "", "", "");
        if (op->gbytes > 0)
            printf(" %9.1f %7.0f%%", op->gbytes, 100 * op->gbytes / subject->ceilings.copy_gbytes);
        putchar('\n');
    }
}

static struct json *result_json(const struct bench_result *result)
{
    struct json *object = json_object();
    json_add_number(object, "batch", result->batch);
    json_add_number(object, "images_per_s", 1e3 * result->batch / result->best_ms);
    json_add_number(object, "best_ms", result->best_ms);
    json_add_number(object, "median_ms", result->median_ms);
    struct json *operations = json_add(object, "operations", json_array());
    for (size_t i = 0; i < result->operation_count; i++) {
        const struct bench_operation *op = &result->operations[i];
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

void bench_print_json(const struct bench_subject *subject, const struct bench_result *results, size_t count)
{
    const struct gpu_device_info *info = gpu_device_info(subject->device);
    struct json *root = json_object();
    json_add_text(root, "model", subject->card->name);
    if (*subject->card->package_sha256)
        json_add_text(root, "package_sha256", subject->card->package_sha256);
    json_add_text(root, "device", info->name);
    json_add_text(root, "driver", info->driver_info);
    json_add_text(root, "rung", rung_name(kernels_rung(subject->kernels)));
    json_add_text(root, "weights", kernels_weights(subject->kernels) ? "fp16" : "fp32");
    json_add_number(root, "weight_bytes", (double)model_weight_bytes(subject->model));
    json_add_number(root, "activation_bytes", (double)model_activation_bytes(subject->model));
    json_add_number(root, "ready_ms", subject->load_ms);
    json_add_number(root, "image_height", subject->card->backbone.image_height);
    json_add_number(root, "image_width", subject->card->backbone.image_width);
    json_add_number(root, "backbone_gflop", cost_image(model_shape(subject->model)) / 1e9);
    struct json *ceilings = json_add(root, "ceilings", json_object());
    json_add_number(ceilings, "peak_gflops", subject->ceilings.peak_gflops);
    json_add_number(ceilings, "gemm_gflops", subject->ceilings.gemm_gflops);
    json_add_number(ceilings, "copy_gbytes", subject->ceilings.copy_gbytes);
    struct json *list = json_add(root, "batches", json_array());
    for (size_t i = 0; i < count; i++)
        json_append(list, result_json(&results[i]));
    char *text = json_print(root, true);
    puts(text);
    free(text);
    json_destroy(&root);
}
