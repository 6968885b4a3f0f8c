/* The same GEMMs by ggml's Vulkan backend, for docs/performance.md: ggml_gemm [BACKEND_DEVICE]
 *
 * Debian 13 with backports: libggml-dev and libggml0-backend-vulkan; built by hand, since nothing else needs
 * it: gcc -O2 tests/bench/ggml_gemm.c -o ggml_gemm -lggml -lggml-base
 *
 * With a CPU driver ggml finds no device unless it is named: GGML_VK_VISIBLE_DEVICES=0 ./ggml_gemm. Its
 * shaders for matrices are slower there than the others: GGML_VK_DISABLE_COOPMAT=1
 * GGML_VK_DISABLE_COOPMAT2=1.
 */
#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 5 };

/* The GEMMs of ViT-L/16 at 512 x 512. */
static const struct {
    const char *label;
    int m, n, k;
} products[] = {{"qkv", 1029, 3072, 1024},
                {"projection", 1029, 1024, 1024},
                {"ffn in", 1029, 5472, 1024},
                {"ffn out", 1029, 1024, 2736}};

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void fill(struct ggml_tensor *tensor)
{
    size_t count = (size_t)ggml_nelements(tensor);
    float *values = malloc(count * sizeof *values);
    ggml_fp16_t *halves = malloc(count * sizeof *halves);
    if (!values || !halves)
        exit(1);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(i * 2654435761u >> 8 & 0xffff) / 32768 - 1;
    ggml_fp32_to_fp16_row(values, halves, (int64_t)count);
    const void *data = tensor->type == GGML_TYPE_F16 ? (const void *)halves : values;
    ggml_backend_tensor_set(tensor, data, 0, ggml_nbytes(tensor));
    free(halves);
    free(values);
}

/* The best of RUNS, after one that compiles. */
static double best_s(ggml_backend_t backend, struct ggml_cgraph *graph)
{
    double best = 1e30;
    for (int run = -1; run < RUNS; run++) {
        double start = now_s();
        if (ggml_backend_graph_compute(backend, graph) != GGML_STATUS_SUCCESS)
            exit(1);
        double seconds = now_s() - start;
        if (run >= 0 && seconds < best)
            best = seconds;
    }
    return best;
}

static void measure(ggml_backend_t backend, size_t product, enum ggml_type type)
{
    int m = products[product].m, n = products[product].n, k = products[product].k;
    struct ggml_context *context = ggml_init((struct ggml_init_params){1 << 24, NULL, true});
    struct ggml_tensor *weights = ggml_new_tensor_2d(context, type, k, n);
    struct ggml_tensor *rows = ggml_new_tensor_2d(context, GGML_TYPE_F32, k, m);
    struct ggml_cgraph *graph = ggml_new_graph(context);
    ggml_build_forward_expand(graph, ggml_mul_mat(context, weights, rows));
    ggml_backend_buffer_t buffer = ggml_backend_alloc_ctx_tensors(context, backend);
    if (!buffer)
        exit(1);
    fill(weights);
    fill(rows);
    double seconds = best_s(backend, graph);
    printf("%-10s %5d x %5d x %5d  %s weights  %8.1f ms  %8.1f GFLOP/s\n", products[product].label, m, n, k,
           ggml_type_name(type), 1e3 * seconds, 2e-9 * m * n * k / seconds);
    ggml_backend_buffer_free(buffer);
    ggml_free(context);
}

int main(int argc, char **argv)
{
    ggml_backend_load_all();
    ggml_backend_dev_t device = ggml_backend_dev_by_name(argc > 1 ? argv[1] : "Vulkan0");
    if (!device) {
        fprintf(stderr, "There is no such device of ggml.\n");
        return 1;
    }
    printf("%s\n", ggml_backend_dev_description(device));
    ggml_backend_t backend = ggml_backend_dev_init(device, NULL);
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        measure(backend, i, GGML_TYPE_F32);
        measure(backend, i, GGML_TYPE_F16);
    }
    ggml_backend_free(backend);
    return 0;
}
