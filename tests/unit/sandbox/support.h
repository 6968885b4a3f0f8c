/* What the tests of engine/sandbox share: pools, the processes under them, and decoders that misbehave. */
#ifndef CXRD_TESTS_UNIT_SANDBOX_SUPPORT_H
#define CXRD_TESTS_UNIT_SANDBOX_SUPPORT_H

#include "engine/base/clock.h"
#include "engine/sandbox/child.h"
#include "engine/sandbox/pool.h"
#include "tests/unit/image/support.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

static inline struct image_pool *pool_create(struct image_pool_options options)
{
    struct failure failure = {0};
    struct image_pool *pool = NULL;
    options.unfiltered |= under_valgrind(); /* which maps code and opens files in the children */
    enum status status = image_pool_create(&options, &failure, &pool);
    ck_assert_msg(status == STATUS_OK, "%s", failure.sentence);
    return pool;
}

/* The field of a /proc/PID/stat after the name: 0 is the state, 1 the parent. */
static inline long stat_field(pid_t process, int field)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    FILE *file = fopen(path, "r");
    if (!file)
        return -1;
    size_t size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    char *at = size ? strrchr(line, ')') : NULL;
    if (!at)
        return -1;
    at += 2;
    for (; field; field--)
        at = strchr(at, ' ') + 1;
    return *at >= 'A' ? *at : strtol(at, NULL, 10);
}

/* Sends a signal and waits for what it makes of the process: 'T' stopped, 'Z' dead. */
static inline void signal_and_wait(pid_t process, int number, char state)
{
    ck_assert_int_eq(kill(process, number), 0);
    while (stat_field(process, 0) != state)
        usleep(1000);
}

/* The processes whose parent is `parent`, zombies too. */
static inline size_t children_list(pid_t parent, pid_t *out, size_t most)
{
    size_t count = 0;
    DIR *folder = opendir("/proc");
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        pid_t process = (pid_t)strtol(entry->d_name, NULL, 10);
        if (process > 0 && stat_field(process, 1) == parent && count < most)
            out[count++] = process;
    }
    closedir(folder);
    return count;
}

static inline pid_t template_find(void)
{
    pid_t template = 0;
    ck_assert_uint_eq(children_list(getpid(), &template, 1), 1);
    return template;
}

/* The children of the only pool of this process. */
static inline size_t decoders_list(pid_t *out, size_t most)
{
    return children_list(template_find(), out, most);
}

static inline size_t descriptors_count(pid_t process)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", process);
    DIR *folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2 - (process == getpid()); /* "." and "..", and this look itself */
}

/* A number of /proc/PID/status, such as "RssShmem". */
static inline long status_number(pid_t process, const char *name)
{
    char path[64], line[256];
    long number = -1;
    snprintf(path, sizeof path, "/proc/%d/status", process);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
            number = strtol(line + strlen(name) + 1, NULL, 10);
    fclose(file);
    return number;
}

static inline void pool_decodes(struct image_pool *pool, struct bytes encoded)
{
    struct failure failure = {0};
    struct image_loan loan = {0};
    struct image_info info;
    enum status status = image_pool_decode(pool, encoded, NULL, NULL, &failure, &loan, &info);
    ck_assert_msg(status == STATUS_OK, "%s", failure.sentence);
    ck_assert_uint_eq(loan.image.width, info.width);
    image_loan_return(&loan);
}

static inline void pool_refuses(struct image_pool *pool, struct bytes encoded, uint64_t deadline_ns,
                                enum status expected, const char *words)
{
    struct failure failure = {0};
    struct image_loan loan = {0};
    struct image_info info;
    const struct patience patience = {.deadline_ns = deadline_ns};
    enum status status = image_pool_decode(pool, encoded, NULL, &patience, &failure, &loan, &info);
    ck_assert_msg(status == expected, "%s instead of %s: %s", status_name(status), status_name(expected),
                  failure.sentence);
    ck_assert_ptr_null(loan.image.pixels);
    ck_assert_msg(strstr(failure.sentence, words), "'%s' lacks '%s'", failure.sentence, words);
}

#endif
