/* Decoders that break down: each costs its own image one refusal, and the pool goes on as before. */
#include "tests/unit/sandbox/support.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { CHILDREN = 2, WORK_MS = 400, TIMEOUT_MS = 1000 };

static uint8_t *volatile nowhere;

/* What is only the filter's to stop: without one, the image would be decoded all the same. */
static void reach_out(uint8_t how)
{
    char *const none[] = {NULL};
    switch (how) {
    case 'o':
        open("/etc/passwd", O_RDONLY);
        break;
    case 's':
        socket(AF_INET, SOCK_STREAM, 0);
        break;
    case 'x':
        execve("/bin/true", none, none);
        break;
    case 'f':
        fork();
        break;
    case 'k':
        syscall(SYS_kill, getppid(), SIGKILL);
        break;
    case 'p':
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        break;
    }
}

/* What goes wrong by itself. */
static void break_down(uint8_t how)
{
    switch (how) {
    case 'S':
        *nowhere = 1;
        break;
    case 'A':
        abort();
    case 'E':
        _exit(0);
    case 'L':
        for (volatile bool ever = true; ever;)
            ;
        break;
    case 'B':
        for (uint64_t start = clock(); clock() - start < 11 * (uint64_t)CLOCKS_PER_SEC / 10;)
            ;
        break;
    case 'M':
        for (size_t size = 1 << 20;; size *= 2)
            nowhere = memory_allocate(size, 1);
    case 'C': /* closes its socket, and lives on */
        close(STDERR_FILENO + 1);
        for (;;)
            ;
    }
}

/* "!S" crashes, and so on; whatever else is decoded. */
static enum status decode_badly(struct bytes encoded, uint8_t *room, const struct image_options *options,
                                struct failure *failure, struct image *out, struct image_info *info)
{
    if (encoded.size == 2 && encoded.data[0] == '!') {
        break_down(encoded.data[1]);
        reach_out(encoded.data[1]);
        *info = (struct image_info){IMAGE_PNG, IMAGE_SIDE_MIN, IMAGE_SIDE_MIN, 8, 1, 0};
        return STATUS_OK;
    }
    return image_decode_into(encoded, room, options, failure, out, info);
}

static struct bytes bad(char how)
{
    static uint8_t text[2] = "!";
    text[1] = (uint8_t)how;
    return (struct bytes){text, 2};
}

static struct image_pool *pool;
static struct bytes good;
static size_t descriptors;

static void begin_with(uint32_t work_ms, uint32_t timeout_ms)
{
    good = sample_read("grey8.png");
    descriptors = descriptors_count(getpid());
    pool = pool_create((struct image_pool_options){
        .children = CHILDREN, .work_ms = work_ms, .timeout_ms = timeout_ms, .decode = decode_badly});
}

static void begin(void)
{
    begin_with(0, 0);
}

/* Each child, also one that is idle at other times. */
static void every_child_decodes(void)
{
    struct image_loan loans[CHILDREN] = {0};
    struct failure failure = {0};
    struct image_info info;
    for (size_t i = 0; i < CHILDREN; i++)
        ck_assert_msg(!image_pool_decode(pool, good, NULL, NULL, &failure, &loans[i], &info), "%s",
                      failure.sentence);
    for (size_t i = 0; i < CHILDREN; i++)
        image_loan_return(&loans[i]);
}

static void end(void)
{
    pid_t left;
    pid_t processes[IMAGE_POOL_CHILDREN_MAX];
    every_child_decodes();
    ck_assert_uint_eq(decoders_list(processes, IMAGE_POOL_CHILDREN_MAX), CHILDREN);
    ck_assert_uint_eq(descriptors_count(getpid()), descriptors + 1 + CHILDREN);
    image_pool_destroy(&pool);
    ck_assert_ptr_null(pool);
    ck_assert_uint_eq(children_list(getpid(), &left, 1), 0);
    ck_assert_uint_eq(descriptors_count(getpid()), descriptors);
    sample_free(good);
}

static const struct {
    char how;
    const char *words;
} breakdowns[] = {{'S', "broke down"},   {'A', "broke down"}, {'E', "broke down"}, {'M', "broke down"},
                  {'L', "within 0.4 s"}, {'C', "broke down"}, {'o', "broke down"}, {'s', "broke down"},
                  {'x', "broke down"},   {'f', "broke down"}, {'k', "broke down"}, {'p', "broke down"}};
enum { BREAKDOWN_COUNT = sizeof breakdowns / sizeof *breakdowns };

/* Twice, with images before, between and after, so that each child sees some. */
START_TEST(a_breakdown_costs_one_image)
{
    char how = breakdowns[_i].how;
    if (how >= 'a' && under_valgrind())
        return; /* there is no filter to stop it */
    if (how == 'M' && (PROCESS_SANITIZED || under_valgrind()))
        return; /* there is no limit to stop it */
    begin_with(how == 'L' ? WORK_MS : 0, 0);
    for (int round = 0; round < 2; round++) {
        pool_decodes(pool, good);
        pool_refuses(pool, bad(how), 0, STATUS_UNPROCESSABLE, breakdowns[_i].words);
        pool_decodes(pool, good);
    }
    end();
}
END_TEST

/* Killed from outside, all at once, while none has work: nobody notices. */
START_TEST(idle_children_that_die_cost_nothing)
{
    pid_t processes[IMAGE_POOL_CHILDREN_MAX];
    begin();
    for (int round = 0; round < 3; round++) {
        size_t count = decoders_list(processes, IMAGE_POOL_CHILDREN_MAX);
        for (size_t i = 0; i < count; i++)
            signal_and_wait(processes[i], SIGKILL, 'Z');
        pool_decodes(pool, good);
    }
    end();
}
END_TEST

static pid_t signal_later(int number, const pid_t *processes, size_t count, useconds_t after_us)
{
    pid_t sender = fork();
    if (sender == 0) {
        usleep(after_us);
        for (size_t i = 0; i < count; i++)
            kill(processes[i], number);
        _exit(0);
    }
    return sender;
}

/* A child that is stopped has the job in its socket still when it is killed. */
START_TEST(a_job_that_was_not_read_is_given_to_another_child)
{
    pid_t processes[IMAGE_POOL_CHILDREN_MAX];
    begin();
    size_t count = decoders_list(processes, IMAGE_POOL_CHILDREN_MAX);
    for (size_t i = 0; i < count; i++)
        signal_and_wait(processes[i], SIGSTOP, 'T');
    pid_t killer = signal_later(SIGKILL, processes, count, 200000);
    pool_decodes(pool, good);
    ck_assert_int_eq(waitpid(killer, NULL, 0), killer);
    end();
}
END_TEST

/* What counts is the work of a child, not how long a busy machine keeps it from working. */
START_TEST(a_child_may_wait_for_its_turn)
{
    pid_t processes[IMAGE_POOL_CHILDREN_MAX];
    begin_with(WORK_MS, 0);
    size_t count = decoders_list(processes, IMAGE_POOL_CHILDREN_MAX);
    for (size_t i = 0; i < count; i++)
        signal_and_wait(processes[i], SIGSTOP, 'T');
    uint64_t start_ns = clock_now_ns();
    pid_t sender = signal_later(SIGCONT, processes, count, 2 * WORK_MS * 1000);
    pool_decodes(pool, good);
    ck_assert_double_ge(clock_elapsed_ms(start_ns), 2 * WORK_MS);
    ck_assert_int_eq(waitpid(sender, NULL, 0), sender);
    end();
}
END_TEST

START_TEST(a_child_that_gets_no_turn_is_no_fault_of_its_image)
{
    pid_t processes[IMAGE_POOL_CHILDREN_MAX];
    begin_with(0, TIMEOUT_MS);
    size_t count = decoders_list(processes, IMAGE_POOL_CHILDREN_MAX);
    for (size_t i = 0; i < count; i++)
        signal_and_wait(processes[i], SIGSTOP, 'T');
    uint64_t start_ns = clock_now_ns();
    pool_refuses(pool, good, 0, STATUS_UNAVAILABLE, "too busy");
    ck_assert_double_ge(clock_elapsed_ms(start_ns), TIMEOUT_MS);
    ck_assert_double_le(clock_elapsed_ms(start_ns), 20000);
    for (size_t i = 0; i < count; i++)
        kill(processes[i], SIGCONT);
    end();
}
END_TEST

static void *decode_endlessly(void *argument)
{
    (void)argument;
    pool_refuses(pool, bad('L'), 0, STATUS_UNAVAILABLE, "was killed");
    return NULL;
}

START_TEST(a_child_killed_at_work_costs_one_image)
{
    pid_t processes[IMAGE_POOL_CHILDREN_MAX];
    pthread_t thread;
    begin_with(60000, 60000);
    ck_assert_int_eq(pthread_create(&thread, NULL, decode_endlessly, NULL), 0);
    usleep(100000);
    pool_decodes(pool, good); /* by the other */
    uint64_t start_ns = clock_now_ns();
    size_t count = decoders_list(processes, IMAGE_POOL_CHILDREN_MAX);
    for (size_t i = 0; i < count; i++)
        kill(processes[i], SIGKILL);
    pthread_join(thread, NULL);
    ck_assert_double_le(clock_elapsed_ms(start_ns), 20000);
    end();
}
END_TEST

/* A child that has used half its time leaves after its image; one that uses all is ended. */
START_TEST(the_time_of_a_child_is_limited)
{
    pid_t first = 0, second = 0, third = 0;
    good = sample_read("grey8.png");
    pool = pool_create(
        (struct image_pool_options){.children = 1, .work_ms = 60000, .cpu_s = 2, .decode = decode_badly});
    ck_assert_uint_eq(decoders_list(&first, 1), 1);
    pool_decodes(pool, good);
    ck_assert_uint_eq(decoders_list(&second, 1), 1);
    ck_assert_int_eq(first, second);
    pool_decodes(pool, bad('B'));
    ck_assert_uint_eq(decoders_list(&third, 1), 1);
    ck_assert_int_ne(second, third);
    pool_refuses(pool, bad('L'), 0, STATUS_UNPROCESSABLE, "broke down");
    pool_decodes(pool, good);
    image_pool_destroy(&pool);
    sample_free(good);
}
END_TEST

START_TEST(a_deadline_ends_the_work)
{
    begin_with(60000, 60000);
    uint64_t start_ns = clock_now_ns();
    pool_refuses(pool, bad('L'), start_ns + 150000000, STATUS_TIMEOUT, "while its image was decoded");
    ck_assert_double_ge(clock_elapsed_ms(start_ns), 150);
    ck_assert_double_le(clock_elapsed_ms(start_ns), 20000);
    end();
}
END_TEST

/* With every child on loan, the wait for one ends at the deadline, and earlier when one comes back. */
START_TEST(waiting_for_a_child_ends_at_the_deadline)
{
    struct image_loan loans[CHILDREN] = {0};
    struct failure failure;
    struct image_info info;
    begin();
    for (size_t i = 0; i < CHILDREN; i++)
        ck_assert_int_eq(image_pool_decode(pool, good, NULL, NULL, &failure, &loans[i], &info), STATUS_OK);
    uint64_t start_ns = clock_now_ns();
    pool_refuses(pool, good, start_ns + 100000000, STATUS_TIMEOUT, "while its image waited");
    ck_assert_double_ge(clock_elapsed_ms(start_ns), 100);
    for (size_t i = 0; i < CHILDREN; i++)
        image_loan_return(&loans[i]);
    pool_decodes(pool, good);
    end();
}
END_TEST

/* A template that hangs does not hold up the end; its children go with it. */
START_TEST(a_template_that_hangs_is_ended)
{
    begin();
    signal_and_wait(template_find(), SIGSTOP, 'T');
    uint64_t start_ns = clock_now_ns();
    end();
    ck_assert_double_lt(clock_elapsed_ms(start_ns), 30000);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {a_breakdown_costs_one_image,
                            idle_children_that_die_cost_nothing,
                            a_job_that_was_not_read_is_given_to_another_child,
                            a_child_may_wait_for_its_turn,
                            a_child_that_gets_no_turn_is_no_fault_of_its_image,
                            a_child_killed_at_work_costs_one_image,
                            the_time_of_a_child_is_limited,
                            a_deadline_ends_the_work,
                            waiting_for_a_child_ends_at_the_deadline,
                            a_template_that_hangs_is_ended};
    size_t loops[] = {BREAKDOWN_COUNT, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    return run_cases("sandbox/breakdown", tests, loops, 10);
}
