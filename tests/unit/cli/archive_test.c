/* An archive as an Indexed Job does it: each shard is a process of its own that runs the whole command with
 * --shard and --resume, is killed at any moment, and is started again until it ends well; now and then two
 * are at one shard, as where a node is lost that goes on. Whatever happens, each image is answered once,
 * whole.
 *
 * The engine alone is none (empty_engine.h). `TMPDIR=/dev/shm cli_archive_test SHARDS IMAGES` tries so many,
 * without a wait for a disk, and has the folder listed once for all shards, which would be most of the work.
 */
#include "cli/command.h"
#include "cli/inputs.h"
#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "tests/unit/cli/empty_engine.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PODS = 8, KILLED_IN_1000 = 500, TWINS_IN_1000 = 15, TRIES_MAX = 100, ANSWER_BYTES_MAX = 1 << 16 };
static size_t shard_count = 40, image_count = 100;
static bool list_once;

static char folder[256];
static struct inputs listed;
static struct empty_engine *shared;

enum status __real_inputs_list(const char *name, char *const *paths, size_t count, const char *output,
                               struct failure *failure, struct inputs *out);
enum status __wrap_inputs_list(const char *name, char *const *paths, size_t count, const char *output,
                               struct failure *failure, struct inputs *out);
enum status __real_inputs_find(const char *name, char *const *paths, size_t count, const char *output,
                               struct failure *failure, struct inputs *out);
enum status __wrap_inputs_find(const char *name, char *const *paths, size_t count, const char *output,
                               struct failure *failure, struct inputs *out);

/* A pod's process has the list from the one that started it, and may do with it as with its own. */
enum status __wrap_inputs_list(const char *name, char *const *paths, size_t count, const char *output,
                               struct failure *failure, struct inputs *out)
{
    if (!list_once)
        return __real_inputs_list(name, paths, count, output, failure, out);
    *out = listed;
    return STATUS_OK;
}

enum status __wrap_inputs_find(const char *name, char *const *paths, size_t count, const char *output,
                               struct failure *failure, struct inputs *out)
{
    if (!list_once)
        return __real_inputs_find(name, paths, count, output, failure, out);
    *out = listed;
    return STATUS_OK;
}

static void begin(void)
{
    struct failure failure;
    char *const images[] = {"images"};
    const char *above = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/archive_test.XXXXXX", above ? above : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert(!chdir(folder) && !mkdir("images", 0777) && !mkdir("results", 0777));
    for (size_t i = 0; i < image_count; i++) {
        char path[64];
        snprintf(path, sizeof path, "images/%zu.png", i);
        FILE *file = fopen(path, "wb");
        ck_assert(file && fprintf(file, "%zu", i) > 0 && !fclose(file));
    }
    ck_assert_msg(!__real_inputs_list("test", images, 1, "results", &failure, &listed), "%s",
                  failure.sentence);
    ck_assert_uint_eq(listed.count, image_count);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(shared != MAP_FAILED);
}

static void end(void)
{
    char command[300];
    inputs_finish(&listed);
    munmap(shared, sizeof *shared);
    snprintf(command, sizeof command, "cd / && rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

struct shard_state {
    uint32_t running, tries;
    bool done, twins; /* two were at it while one of those that run does */
};

struct pod {
    pid_t process; /* 0: none */
    size_t shard;
    uint64_t began_ns;
    bool killed; /* it is told to be */
};

struct job {
    bool embeds;
    struct shard_state *shards;
    struct pod pods[PODS];
    size_t done, next; /* shards */
    size_t starts, kills, refusals, twins;
    uint64_t life_ns, lives; /* of pods that came to their end */
};

static uint64_t below(uint64_t bound)
{
    return bound ? (uint64_t)lrand48() % bound : 0;
}

/* The process of a pod, which ends with the command's exit code. */
static _Noreturn void run_pod(const struct job *job, size_t shard, bool killed, uint64_t life_ns,
                              uint64_t work_ns)
{
    char number[32], file[32];
    char *predict[] = {"predict",     "--model", "m",       "--format", "json",
                       "--attention", "none",    "--quiet", "--output", "results",
                       "--resume",    "--shard", number,    "images",   NULL};
    char *embed[] = {"embed", "--model",  "m",       "--tokens", "class",  "--quiet", "--output",
                     file,    "--resume", "--shard", number,     "images", NULL};
    const int nowhere = open("/dev/null", O_WRONLY);
    snprintf(number, sizeof number, "%zu/%zu", shard + 1, shard_count);
    snprintf(file, sizeof file, "results/%zu.npy", shard);
    dup2(nowhere, STDERR_FILENO);
    empty_engine_begin(shared, killed ? work_ns : 0);
    if (killed && life_ns)
        empty_kill_after(life_ns);
    const int code = job->embeds ? command_embed((int)(sizeof embed / sizeof *embed) - 1, embed)
                                 : command_predict((int)(sizeof predict / sizeof *predict) - 1, predict);
    empty_engine_end();
    _exit(code);
}

static void start(struct job *job, struct pod *pod, size_t shard)
{
    struct shard_state *state = &job->shards[shard];
    const bool killed = below(1000) < KILLED_IN_1000, at_work = below(2);
    const uint64_t life_ns = job->lives ? job->life_ns / job->lives : 5000000;
    const uint64_t work_ns = shared->work_count ? shared->work_ns / shared->work_count : 2000000;
    const uint64_t of_life_ns = at_work ? 0 : 1 + below(life_ns),
                   of_work_ns = at_work ? 1 + below(work_ns) : 0;
    state->running++;
    state->twins = state->running > 1;
    ck_assert_uint_le(++state->tries, TRIES_MAX);
    *pod = (struct pod){.shard = shard, .began_ns = clock_now_ns(), .killed = killed};
    job->starts++;
    job->twins += state->running > 1;
    pod->process = fork();
    ck_assert_int_ge(pod->process, 0);
    if (!pod->process)
        run_pod(job, shard, killed, of_life_ns, of_work_ns);
}

/* What is next is a shard that nobody is at and that is not done; now and then one that somebody is at. */
static void fill(struct job *job)
{
    for (size_t i = 0; i < PODS; i++) {
        const size_t other = job->pods[below(PODS)].shard;
        if (job->pods[i].process)
            continue;
        if (job->shards[other].running == 1 && below(1000) < TWINS_IN_1000) {
            start(job, &job->pods[i], other);
            continue;
        }
        for (size_t k = 0; k < shard_count; k++, job->next++) {
            const struct shard_state *state = &job->shards[job->next % shard_count];
            if (!state->done && !state->running) {
                start(job, &job->pods[i], job->next++ % shard_count);
                break;
            }
        }
    }
}

static void end_pod(struct job *job, struct pod *pod, int status)
{
    struct shard_state *state = &job->shards[pod->shard];
    if (WIFEXITED(status) && !WEXITSTATUS(status)) {
        job->done += !state->done;
        state->done = true;
        job->life_ns += clock_now_ns() - pod->began_ns;
        job->lives++;
    } else if (WIFSIGNALED(status)) {
        ck_assert(pod->killed && WTERMSIG(status) == SIGKILL);
        job->kills++;
    } else { /* only where another one writes the same file */
        ck_assert_msg(job->embeds && state->twins && WEXITSTATUS(status) == EXIT_USAGE,
                      "shard %zu: exit code %d", pod->shard, WEXITSTATUS(status));
        job->refusals++;
    }
    state->running--;
    state->twins &= state->running > 0;
    pod->process = 0;
}

static struct job run_job(bool embeds)
{
    struct job job = {.embeds = embeds, .shards = memory_allocate(shard_count, sizeof *job.shards)};
    memset(shared, 0, sizeof *shared);
    fflush(NULL);
    for (;;) {
        int status;
        if (job.done < shard_count)
            fill(&job);
        const pid_t ended = wait(&status);
        if (ended < 0)
            break;
        for (size_t i = 0; i < PODS; i++)
            if (job.pods[i].process == ended)
                end_pod(&job, &job.pods[i], status);
    }
    ck_assert_uint_eq(job.done, shard_count);
    free(job.shards);
    return job;
}

/* Adds an answer of an image to what was seen, and holds it against its file. */
static void see(unsigned char *seen, const struct json *file, const char *image, double answer)
{
    struct failure failure;
    char sha256[SHA256_HEX_BYTES];
    size_t number;
    ck_assert_int_eq(sscanf(image, "images/%zu.png", &number), 1);
    ck_assert_uint_lt(number, image_count);
    ck_assert_double_eq(answer, (double)number);
    ck_assert(!sha256_file(image, &failure, sha256));
    ck_assert_str_eq(json_text(json_member(file, "sha256")), sha256);
    ck_assert_uint_lt(seen[number], UCHAR_MAX);
    seen[number]++;
}

static struct json *parse(struct bytes text)
{
    static const struct json_limits limits = {.depth = 8, .values = 1000};
    struct failure failure;
    struct json *out;
    ck_assert_msg(!json_parse(text, limits, &failure, &out), "%s", failure.sentence);
    return out;
}

static struct bytes read_whole(const char *path)
{
    struct failure failure;
    struct bytes out;
    ck_assert_msg(!file_read(path, (size_t)ANSWER_BYTES_MAX * 1024, &failure, &out), "%s", failure.sentence);
    return out;
}

/* A file an image. */
static void see_answer(const char *path, unsigned char *seen)
{
    struct bytes text = read_whole(path);
    struct json *answer = parse(text);
    double logit;
    ck_assert(json_number(json_member(json_first(json_member(answer, "findings")), "logit"), &logit));
    see(seen, json_first(json_member(answer, "files")),
        json_text(json_member(json_member(answer, "image"), "id")), logit);
    json_destroy(&answer);
    free((void *)text.data);
}

/* Rows of a file, and a line each. */
static void see_rows(const char *path, unsigned char *seen)
{
    char rows_path[64];
    float row[EMPTY_WIDTH];
    snprintf(rows_path, sizeof rows_path, "%.*s.npy", (int)strcspn(path, "."), path);
    struct bytes lines = read_whole(path), rows = read_whole(rows_path);
    size_t count = 0;
    const uint8_t *end, *const stop = lines.data + lines.size;
    for (const uint8_t *at = lines.data; at < stop; at = end + 1, count++)
        ck_assert_ptr_nonnull(end = memchr(at, '\n', (size_t)(stop - at)));
    const size_t header = rows.size - count * sizeof row;
    ck_assert(rows.size > count * sizeof row && header % 64 == 0);
    count = 0;
    for (const uint8_t *at = lines.data; at < stop; at = end + 1, count++) {
        end = memchr(at, '\n', (size_t)(stop - at));
        struct json *line = parse((struct bytes){at, (size_t)(end - at)});
        memcpy(row, rows.data + header + count * sizeof row, sizeof row);
        ck_assert(row[0] == row[EMPTY_WIDTH - 1]);
        see(seen, line, json_text(json_member(line, "image")), (double)row[0]);
        json_destroy(&line);
    }
    free((void *)lines.data);
    free((void *)rows.data);
}

/* Each image has one answer, and there is nothing but answers and what was cut off, which has no name of an
 * answer's. */
static void check_results(const struct job *job)
{
    const char *ending = job->embeds ? ".jsonl" : ".json";
    unsigned char *seen = memory_allocate(image_count, 1);
    size_t cut = 0, files = 0;
    DIR *results = opendir("results");
    for (const struct dirent *entry; (entry = readdir(results));) {
        char path[512];
        const char *dot = strchr(entry->d_name, '.');
        snprintf(path, sizeof path, "results/%s", entry->d_name);
        if (*entry->d_name == '.')
            continue;
        files += !strcmp(dot, ending);
        cut += strstr(dot, ".part") != NULL;
        ck_assert_msg(strstr(dot, ".part") || !strcmp(dot, ending) || (job->embeds && !strcmp(dot, ".npy")),
                      "%s", path);
        if (strcmp(dot, ending))
            continue;
        if (job->embeds)
            see_rows(path, seen);
        else
            see_answer(path, seen);
    }
    closedir(results);
    for (size_t i = 0; i < image_count; i++)
        ck_assert_msg(seen[i] == 1, "image %zu has %d answers", i, seen[i]);
    ck_assert_uint_eq(files, job->embeds ? shard_count : image_count);
    free(seen);
    fprintf(
        stderr,
        "%s: %zu shards of %zu images: %zu starts (%zu beside another one, %zu refused for that), %zu killed "
        "by SIGKILL, %zu files cut off; %zu images computed; none lost, none twice\n",
        job->embeds ? "embed" : "predict", shard_count, image_count, job->starts, job->twins, job->refusals,
        job->kills, cut, (size_t)shared->images);
    ck_assert_uint_gt(job->kills, 0); /* else this proves nothing */
}

static void check_job(bool embeds)
{
    const struct job job = run_job(embeds);
    check_results(&job);
}

START_TEST(each_image_is_predicted_once_whoever_is_killed)
{
    check_job(false);
}
END_TEST

START_TEST(each_image_is_embedded_once_whoever_is_killed)
{
    check_job(true);
}
END_TEST

int main(int argc, char **argv)
{
    TCase *cases = tcase_create("archive");
    if (argc == 3) {
        shard_count = strtoul(argv[1], NULL, 10);
        image_count = strtoul(argv[2], NULL, 10);
        list_once = true;
    }
    srand48(14);
    tcase_set_timeout(cases, list_once ? 0 : 60);
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, each_image_is_predicted_once_whoever_is_killed);
    tcase_add_test(cases, each_image_is_embedded_once_whoever_is_killed);
    return suite_run("cli/archive", cases);
}
