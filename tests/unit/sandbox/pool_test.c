/* The pool when all goes well, and what surrounds it: the same answers as in this process, memory that stays
 * flat, children that can do nothing and outlive nobody, and what a child may not make the pool believe. */
#include "engine/base/parallel.h"
#include "tests/unit/sandbox/support.h"

#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { FILES_MAX = 256, THREADS = 4 };

static struct bytes files[FILES_MAX];
static size_t file_count;
static struct image_pool *pool;

static void folder_read(const char *path)
{
    DIR *folder = opendir(path);
    ck_assert_msg(folder != NULL, "%s", path);
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct failure failure = {0};
        char *file = file_join(path, entry->d_name);
        if (entry->d_name[0] != '.') {
            ck_assert_uint_lt(file_count, FILES_MAX);
            ck_assert_msg(!file_read(file, 1 << 24, &failure, &files[file_count++]), "%s", failure.sentence);
        }
        free(file);
    }
    closedir(folder);
}

static void same_as_in_process(struct bytes file)
{
    struct failure expected_failure = {0}, failure = {0};
    struct image expected = {0};
    struct image_loan loan = {0};
    struct image_info expected_info, info;
    enum status expected_status = image_decode(file, &expected_failure, &expected, &expected_info);
    ck_assert_int_eq(image_pool_decode(pool, file, NULL, NULL, &failure, &loan, &info), expected_status);
    ck_assert_str_eq(failure.sentence, expected_failure.sentence);
    ck_assert_int_eq(info.format, expected_info.format);
    ck_assert_uint_eq(info.width, expected_info.width);
    ck_assert_uint_eq(info.height, expected_info.height);
    ck_assert_uint_eq(info.bits, expected_info.bits);
    ck_assert_uint_eq(info.channels, expected_info.channels);
    ck_assert_uint_eq(info.warnings, expected_info.warnings);
    if (expected_status)
        return;
    size_t size = (size_t)info.width * info.height * 3;
    ck_assert_mem_eq(loan.image.pixels, expected.pixels, size);
    image_loan_return(&loan);
    ck_assert_ptr_null(loan.pool);
    image_finish(&expected);
}

static void *decode_all(void *argument)
{
    for (size_t i = 0, first = *(size_t *)argument; i < file_count; i++)
        same_as_in_process(files[(first + i) % file_count]);
    return NULL;
}

/* More threads than children, each in another order. */
START_TEST(answers_are_those_of_this_process)
{
    pthread_t threads[THREADS];
    size_t firsts[THREADS];
    folder_read(CORPUS_FOLDER);
    folder_read(SAMPLES_FOLDER);
    ck_assert_uint_ge(file_count, 90);
    pool = pool_create((struct image_pool_options){.children = 3});
    for (size_t i = 0; i < THREADS; i++) {
        firsts[i] = i * file_count / THREADS;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, decode_all, &firsts[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    same_as_in_process((struct bytes){NULL, 0});
    image_pool_destroy(&pool);
    same_as_in_process(files[0]); /* no pool: this process */
    for (size_t i = 0; i < file_count; i++)
        sample_free(files[i]);
}
END_TEST

START_TEST(one_child_a_core_unless_said_otherwise)
{
    pid_t processes[IMAGE_POOL_CHILDREN_MAX];
    pool = pool_create((struct image_pool_options){0});
    size_t most = core_count() < IMAGE_POOL_CHILDREN_MAX ? core_count() : IMAGE_POOL_CHILDREN_MAX;
    ck_assert_uint_eq(decoders_list(processes, IMAGE_POOL_CHILDREN_MAX), most);
    image_pool_destroy(&pool);
    image_pool_destroy(&pool);
}
END_TEST

START_TEST(files_over_the_limit_are_refused)
{
    pool = pool_create((struct image_pool_options){.children = 1});
    uint8_t *large = memory_allocate(IMAGE_FILE_BYTES_MAX + 1, 1);
    pool_refuses(pool, (struct bytes){large, IMAGE_FILE_BYTES_MAX}, 0, STATUS_UNSUPPORTED_MEDIA, "PNG");
    pool_refuses(pool, (struct bytes){large, IMAGE_FILE_BYTES_MAX + 1}, 0, STATUS_TOO_LARGE, "32 MiB");
    free(large);
    image_pool_destroy(&pool);
}
END_TEST

/* 48 MB of pixels come and go; what stays is what a usual image takes. */
START_TEST(memory_is_given_back)
{
    enum { SIDE = 4000, KEPT_KIB = 24 << 10 };
    struct buffer png = png_constant(SIDE, SIDE, 0, (size_t)(SIDE + 1) * SIDE);
    pool = pool_create((struct image_pool_options){.children = 1});
    pid_t child = 0;
    ck_assert_uint_eq(decoders_list(&child, 1), 1);
    for (int round = 0; round < 3; round++) {
        struct failure failure;
        struct image_loan loan = {0};
        struct image_info info;
        ck_assert_int_eq(
            image_pool_decode(pool, (struct bytes){png.data, png.size}, NULL, NULL, &failure, &loan, &info),
            STATUS_OK);
        ck_assert_int_ge(status_number(child, "RssShmem"), (long)SIDE * SIDE * 3 >> 10);
        image_loan_return(&loan);
        ck_assert_int_lt(status_number(child, "RssShmem"), KEPT_KIB);
        if (!PROCESS_SANITIZED && !under_valgrind())
            ck_assert_int_lt(status_number(child, "RssAnon"), KEPT_KIB);
    }
    image_pool_destroy(&pool);
    buffer_finish(&png);
}
END_TEST

static bool is_gone(void *client)
{
    (void)client;
    return true;
}

/* How many lines of a file of /proc/PID hold a text. */
static size_t lines_with(pid_t process, const char *name, const char *text)
{
    char path[64], line[512];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", process, name);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file))
        count += strstr(line, text) != NULL;
    fclose(file);
    return count;
}

/* It has standard input, output and error, which lead nowhere, its socket, and its own slot's memory. */
START_TEST(a_child_can_do_nothing_else)
{
    char path[64], target[64] = "";
    pid_t child = 0;
    size_t shared = lines_with(getpid(), "maps", "rw-s"); /* valgrind's own */
    pool = pool_create((struct image_pool_options){.children = 3});
    ck_assert_uint_eq(decoders_list(&child, 1), 1);
    ck_assert_uint_eq(lines_with(getpid(), "maps", "rw-s"), shared + 6);
    ck_assert_uint_eq(lines_with(child, "maps", "rw-s"), shared + 2);
    ck_assert_uint_eq(lines_with(child, "oom_score_adj", "1000"), 1);
    ck_assert_int_eq(status_number(child, "NoNewPrivs"), 1);
    if (!under_valgrind()) { /* which keeps descriptors of its own, and imitates some limits */
        struct rlimit limit;
        ck_assert_int_eq(status_number(child, "Seccomp"), 2);
        ck_assert_uint_eq(descriptors_count(child), 4);
        ck_assert_int_eq(prlimit(child, RLIMIT_NOFILE, NULL, &limit), 0);
        ck_assert_uint_eq(limit.rlim_cur, 0);
        ck_assert_int_eq(prlimit(child, RLIMIT_CORE, NULL, &limit), 0);
        ck_assert_uint_eq(limit.rlim_cur, 0);
        ck_assert_int_eq(prlimit(child, RLIMIT_DATA, NULL, &limit), 0);
        ck_assert(PROCESS_SANITIZED || limit.rlim_cur == (rlim_t)3 << 30);
    }
    snprintf(path, sizeof path, "/proc/%d/fd/1", child);
    ck_assert_int_gt(readlink(path, target, sizeof target - 1), 0);
    ck_assert_str_eq(target, "/dev/null");
    image_pool_destroy(&pool);
}
END_TEST

/* The sockets then get the numbers of standard input and output. */
START_TEST(a_process_without_standard_descriptors_has_decoders)
{
    struct bytes good = sample_read("grey8.png");
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    pool = pool_create((struct image_pool_options){.children = 2});
    pool_decodes(pool, good);
    image_pool_destroy(&pool);
    sample_free(good);
}
END_TEST

/* A signal to the whole group, as Ctrl-C is, is the server's business. */
START_TEST(signals_to_the_group_leave_the_children)
{
    struct bytes good = sample_read("grey8.png");
    pid_t before = 0, after = 0, template;
    pool = pool_create((struct image_pool_options){.children = 1});
    template = template_find();
    ck_assert_uint_eq(decoders_list(&before, 1), 1);
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        kill(template, numbers[i]);
        kill(before, numbers[i]);
    }
    pool_decodes(pool, good);
    ck_assert_uint_eq(decoders_list(&after, 1), 1);
    ck_assert_int_eq(before, after);
    image_pool_destroy(&pool);
    sample_free(good);
}
END_TEST

/* The process is killed while one child works endlessly: template and children go, whatever they do. */
START_TEST(children_die_with_the_process)
{
    int pipe_ends[2];
    pid_t processes[8];
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    ck_assert_int_eq(pipe(pipe_ends), 0);
    pid_t server = fork();
    if (server == 0) {
        pool = pool_create((struct image_pool_options){.children = 2});
        ck_assert_int_eq(write(pipe_ends[1], "r", 1), 1);
        for (;;)
            pause();
    }
    char byte;
    ck_assert_int_eq(read(pipe_ends[0], &byte, 1), 1);
    pid_t template = 0;
    ck_assert_uint_eq(children_list(server, &template, 1), 1);
    ck_assert_uint_eq(children_list(template, processes, 8), 2);
    signal_and_wait(template, SIGSTOP, 'T'); /* the kernel alone ends them */
    signal_and_wait(processes[0], SIGSTOP, 'T');
    kill(server, SIGKILL);
    /* Those whose parent died first become this process's children. */
    while (waitpid(-1, NULL, 0) > 0)
        ;
    const pid_t all[] = {template, processes[0], processes[1]};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ck_assert(kill(all[i], 0) == -1 && errno == ESRCH);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}
END_TEST

START_TEST(without_its_template_the_pool_is_not_usable)
{
    struct bytes good = sample_read("grey8.png");
    pool = pool_create((struct image_pool_options){.children = 1});
    ck_assert(image_pool_usable(pool));
    signal_and_wait(template_find(), SIGKILL, 'Z');
    usleep(200000); /* its child follows */
    pool_refuses(pool, good, 0, STATUS_UNAVAILABLE, "restarted");
    pool_refuses(pool, good, 0, STATUS_UNAVAILABLE, "restarted");
    ck_assert(!image_pool_usable(pool));
    image_pool_destroy(&pool);
    sample_free(good);
}
END_TEST

/* A kernel that knows no filters, played by one. */
START_TEST(a_refused_filter_is_said_and_may_be_done_without)
{
    if (under_valgrind())
        return; /* it passes no filter on */
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(seccomp), 0), 0);
    ck_assert_int_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                                      SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP)),
                     0);
    ck_assert_int_eq(seccomp_load(filter), 0);
    seccomp_release(filter);
    size_t descriptors = descriptors_count(getpid());
    struct failure failure = {0};
    struct image_pool_options options = {.children = 2};
    pid_t left;
    ck_assert_int_eq(image_pool_create(&options, &failure, &pool), STATUS_UNAVAILABLE);
    ck_assert_msg(strstr(failure.sentence, "--decoder-sandbox off") != NULL, "%s", failure.sentence);
    ck_assert_uint_eq(children_list(getpid(), &left, 1), 0);
    ck_assert_uint_eq(descriptors_count(getpid()), descriptors);
    options.unfiltered = true;
    struct bytes good = sample_read("grey8.png");
    ck_assert_int_eq(image_pool_create(&options, &failure, &pool), STATUS_OK);
    pool_decodes(pool, good);
    image_pool_destroy(&pool);
    sample_free(good);
}
END_TEST

/* What a decoder that was taken over might say; of most files that they are a small picture. */
static enum status lie(struct bytes encoded, uint8_t *room, const struct image_options *options,
                       struct failure *failure, struct image *out, struct image_info *info)
{
    (void)room;
    (void)options;
    (void)out;
    *info = (struct image_info){IMAGE_PNG, 64, 64, 8, 1, 0};
    failure->sentence[0] = '\0';
    switch (encoded.data[0]) {
    case 0:
        info->width = 0;
        return STATUS_OK;
    case 1:
        info->width = info->height = IMAGE_SIDE_MAX;
        return STATUS_OK;
    case 2:
        info->width = UINT32_MAX;
        return STATUS_OK;
    case 3:
        info->format = (enum image_format)77;
        return STATUS_OK;
    case 4:
        info->warnings = UINT32_MAX;
        return STATUS_OK;
    case 5:
        return STATUS_UNPROCESSABLE; /* no sentence */
    case 6:
        memset(failure->sentence, 'x', sizeof failure->sentence);
        return STATUS_UNPROCESSABLE;
    case 7:
        strcpy(failure->sentence, "Line\nfeed.");
        return STATUS_UNPROCESSABLE;
    case 8:
        strcpy(failure->sentence, "\xff\xfe.");
        return STATUS_UNPROCESSABLE;
    case 9:
        strcpy(failure->sentence, "Wrong.");
        return STATUS_UNAUTHORIZED;
    case 10:
        return (enum status)1000;
    case 11: /* a packet of its own, before the answer */
        return write(STDERR_FILENO + 1, "?", 1) == 1 ? STATUS_OK : STATUS_INTERNAL;
    }
    return STATUS_OK;
}

START_TEST(lies_are_not_believed)
{
    uint8_t what = (uint8_t)_i;
    pool = pool_create((struct image_pool_options){.children = 1, .decode = lie});
    pool_refuses(pool, (struct bytes){&what, 1}, 0, STATUS_UNPROCESSABLE, "broke down");
    what = 100;
    pool_decodes(pool, (struct bytes){&what, 1});
    image_pool_destroy(&pool);
}
END_TEST

/* Of few children half, of many at most four have large images; others wait until their clients leave. To the
 * pool an image is as large as its header says. */
START_TEST(large_images_do_not_take_every_child)
{
    static const uint32_t children[] = {2, 10}, most[] = {1, 4};
    struct buffer png = png_begin(5000, 4001, 8, 0), small_png = png_begin(64, 64, 8, 0);
    struct bytes large = {png.data, png.size}, small = {small_png.data, small_png.size};
    const struct patience leaving = {.gone = is_gone};
    struct failure failure;
    struct image_loan loans[4] = {0}, other = {0};
    struct image_info info;
    pool = pool_create((struct image_pool_options){.children = children[_i], .decode = lie});
    for (uint32_t i = 0; i < most[_i]; i++)
        ck_assert_int_eq(image_pool_decode(pool, large, NULL, NULL, &failure, &loans[i], &info), STATUS_OK);
    pool_refuses(pool, large, clock_now_ns() + 100000000, STATUS_TIMEOUT, "while its image waited");
    ck_assert_int_eq(image_pool_decode(pool, large, NULL, &leaving, &failure, &other, &info),
                     STATUS_CLIENT_GONE);
    pool_decodes(pool, small);
    image_loan_return(&loans[0]);
    pool_decodes(pool, large);
    for (uint32_t i = 1; i < most[_i]; i++)
        image_loan_return(&loans[i]);
    image_pool_destroy(&pool);
    buffer_finish(&png);
    buffer_finish(&small_png);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {answers_are_those_of_this_process,
                            one_child_a_core_unless_said_otherwise,
                            files_over_the_limit_are_refused,
                            memory_is_given_back,
                            large_images_do_not_take_every_child,
                            a_child_can_do_nothing_else,
                            a_process_without_standard_descriptors_has_decoders,
                            signals_to_the_group_leave_the_children,
                            children_die_with_the_process,
                            without_its_template_the_pool_is_not_usable,
                            a_refused_filter_is_said_and_may_be_done_without,
                            lies_are_not_believed};
    size_t loops[] = {1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 12};
    return run_cases("sandbox/pool", tests, loops, 12);
}
