/* kernelcheck: every operation on every rung a device supports, against the plain C reference.
 *
 * An operation's file runs cases. A case declares arrays, records its kernel, runs it, and writes what it
 * expects into each output's `expected`; the rest is done here: guard zones around every array, outputs that
 * hold nothing but NaN at first, comparison, one printed line an output. An element the reference leaves
 * unwritten must be left unwritten by the kernel, one it expects to be infinite may be anything but a number.
 * Then the kernel runs again with other things lying wherever nothing belongs (enum filling), and must give
 * the same bits.
 *
 *     check_case_begin(check, "%u rows", rows);
 *     struct check_array *x = check_input(check, ELEMENT_F32, rows * width, 1);
 *     struct check_array *out = check_output(check, "out", activations, rows * width);
 *     struct twice_params params = {.x = x->address, .out = out->address, ...};
 *     twice_record(check->kernels, check->recorder, "twice", &params);
 *     if (check_run(check, &(struct check_work){.bytes = ...}))
 *         reference_twice(x->values, out->expected, ...);
 *     check_case_end(check);
 *
 * Any refusal of the device ends the program: there is nothing left to check. Not thread-safe.
 */
#ifndef CXRD_TESTS_KERNELCHECK_KERNELCHECK_H
#define CXRD_TESTS_KERNELCHECK_KERNELCHECK_H

#include "engine/gpu/memory.h"
#include "engine/kernels/kernels.h"
#include "engine/kernels/tile.h"

enum {
    CHECK_GUARD_BYTES = 256, /* before and after every array, as many as a pool leaves after a slice */
    CHECK_UNWRITTEN =
        0xff /* fills them and outputs: a NaN in both element types, and none that is computed */
};

/* What lies around the arrays, in the rows that fill a strip up, in scratch, in outputs that are yet to be
 * written, and in the elements of an input that the case has set to NaN: those a kernel may read without
 * letting them decide anything. */
enum filling {
    FILLING_NAN,
    FILLING_INFINITY,
    FILLING_GARBAGE,
    FILLING_OLD, /* what the runs before have left, and in an input what other elements of it hold */
    FILLINGS
};

struct check_array {
    const char *name; /* of an output; NULL for an input */
    enum element element;
    size_t count;
    struct layout layout; /* of a matrix of activations, which here lies in panels; no rows: as here */
    uint64_t address;     /* on the device */
    float *values;        /* [count] what the kernel reads; after check_run rounded to `element` */
    float *expected;      /* [count] outputs only: NaN at first, to be written by the reference */
    double bound;         /* the largest error allowed, by `element`; a case may set another */
    const struct check_array *twin; /* an output that must have the same bits, or NULL */

    /* Private: bytes as uploaded and as read back, guard zones included. */
    size_t content_bytes;
    struct gpu_slice slice;
    uint8_t *uploaded[FILLINGS], *results[FILLINGS];
    void *bytes;  /* what check_bytes was given; else NULL */
    bool scratch; /* only its guard zones are looked at */
};

struct check_work {
    double bytes, flops; /* moved and computed by the recorded dispatches; 0: not printed */
};

struct check {
    const struct kernels *kernels;
    struct gpu_recorder *recorder; /* of the case */
    bool bench;                    /* time the large shapes instead of comparing the small ones */
    bool compile;                  /* print what the driver makes of the pipelines, and run none */
    bool code;                     /* and their machine code */

    bool apart;    /* every array in a buffer of its own */
    uint32_t tile; /* of GEMM or attention, in a benchmark */

    /* Private. */
    bool corrupt;
    struct gpu_device *device;
    struct gpu_pool *pool;
    struct gpu_slice memory; /* where the arrays of a case are, unless they are apart */
    size_t memory_used;
    const char *operation;
    char name[96]; /* of the case */
    uint64_t random;
    struct check_array *arrays[24];
    size_t array_count;
    unsigned cases, wrong;
};

/* Starts a case, its name in printf's way; the seed of its random numbers is made from the name. */
void check_case_begin(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An input of normally distributed numbers around 0; the caller may change `values` until check_run: to NaN
 * where the kernel may read and nothing belongs. Arrays belong to the case. */
struct check_array *check_input(struct check *check, enum element element, size_t count, float deviation);
/* The same of activations [rows][columns], which are in panels here and lie as the rung wants them on the
 * device. */
struct check_array *check_input_activations(struct check *check, size_t rows, size_t columns,
                                            float deviation);
/* Where column `column` of activations begins on the device; here it does at element column * rows. */
uint64_t check_column_address(const struct check_array *array, size_t column);
/* An input of bytes as they are (packed weights, pixels): copied, `values` is NULL. */
struct check_array *check_bytes(struct check *check, const void *data, size_t size_bytes);
/* Memory that the kernel may leave anything in, holding NaN at first; gives its address. */
uint64_t check_scratch(struct check *check, size_t size_bytes);
struct check_array *check_output(struct check *check, const char *name, enum element element, size_t count);
struct check_array *check_output_activations(struct check *check, const char *name, size_t rows,
                                             size_t columns);
/* Read and written: `values` are set as for an input, and `expected` is a copy of them after check_run. */
struct check_array *check_update(struct check *check, const char *name, enum element element, size_t count,
                                 float deviation);

/* Uploads, runs what was recorded and reads back, with one filling after the other. True when outputs are to
 * be compared: write `expected` then. False in a benchmark, whose time is printed instead. */
bool check_run(struct check *check, const struct check_work *work);

/* Compares, prints, and frees the arrays. An element's error is |got - expected| / (|expected| + rms of the
 * expected), so that it is relative for large elements and measured against the array's size for small ones.
 */
void check_case_end(struct check *check);

/* A uniformly distributed number below `limit`, from the case's generator. */
uint32_t check_random_below(struct check *check, uint32_t limit);

/* Takes and gives back memory on the device for the arrays of all cases; none where nothing runs. */
void check_start(struct check *check, struct gpu_device *device);
void check_finish(struct check *check);
/* Gives back what a case took, and takes memory for one of its arrays. */
void check_memory_clear(struct check *check);
struct gpu_slice check_memory_take(struct check *check, size_t size_bytes);
/* How a case's line begins. */
void check_print_case(const struct check *check);
/* Prints one line; true when the array is as it must be. */
bool check_judge(const struct check *check, const struct check_array *array);
/* Damages what was read back of the case's last output as a faulty kernel would, in one of several ways by
 * turns. */
void check_damage(struct check *check);
/* Prints the sentence of a failure and ends the program unless status is OK. */
void check_demand(enum status status, const struct failure *failure);

/* The operations, one file each: all cases of check->kernels, or the benchmark shapes. */
/* Prints what the driver says of each pipeline of check->kernels (of the operation `only`, unless that is
 * NULL), which count as cases: wrong are those that spill registers. */
void check_compile(struct check *check, const char *only);

void check_attention(struct check *check);
void check_average(struct check *check);
void check_features(struct check *check);
void check_gemm(struct check *check);
void check_layernorm(struct check *check);
void check_logits(struct check *check);
void check_patchify(struct check *check);
void check_pool(struct check *check);
void check_softmax(struct check *check);
void check_tokens(struct check *check);

/* Whether a tile is run in a kind of tiled kernel. A CPU driver compiles each kernel for a second or more,
 * and with its addresses checked for longer: there the first tile is run in all kinds, and the others in one
 * kind of product and in attention or, with --apart, in none. Damage that is our own looks alike in all
 * tiles. */
static inline bool check_runs(const struct check *check, uint32_t kind, uint32_t tile)
{
    const bool cpu = gpu_device_info(check->device)->kind == GPU_CPU;
    if (tile == 0 || check->bench || check->compile)
        return true;
    return !check->corrupt && (!cpu || ((kind == GEMM_EXACT || kind == TILED_ATTENTION) && !check->apart));
}

#endif
