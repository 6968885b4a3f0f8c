/* Shares of a command's inputs: what is one, and that all of them together are the whole, once. */
#include "cli/shard.h"
#include "engine/base/memory.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

START_TEST(a_shard_is_two_numbers)
{
    static const char *const wrong[] = {"",
                                        "1",
                                        "/",
                                        "1/",
                                        "/2",
                                        "0/2",
                                        "3/2",
                                        "1/0",
                                        "-1/2",
                                        "1/-2",
                                        " 1/2",
                                        "1/2 ",
                                        "1.5/2",
                                        "1/100001",
                                        "1/2/3",
                                        "a/b",
                                        "99999999999999999999/99999999999999999999"};
    struct shard shard = {7, 7};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!shard_read(wrong[i], &shard), "%s", wrong[i]);
    ck_assert_uint_eq(shard.number, 7);
    ck_assert(shard_read("1/1", &shard) && shard.number == 1 && shard.count == 1);
    ck_assert(shard_read("3/100000", &shard) && shard.number == 3 && shard.count == 100000);
}
END_TEST

static struct inputs make_inputs(size_t count)
{
    struct inputs inputs = {.items = memory_allocate(count, sizeof *inputs.items), .count = count};
    for (size_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu.png", i);
        inputs.items[i] = (struct input){.path = memory_copy_text(name), .place = memory_copy_text(name)};
    }
    return inputs;
}

START_TEST(shards_are_every_nth_and_together_all)
{
    enum { COUNT = 10, SHARDS = 4 };
    int seen[COUNT] = {0};
    for (uint32_t number = 1; number <= SHARDS; number++) {
        struct inputs inputs = make_inputs(COUNT);
        shard_keep(&(struct shard){number, SHARDS}, &inputs);
        ck_assert_uint_eq(inputs.count, number <= 2 ? 3 : 2);
        for (size_t i = 0; i < inputs.count; i++) {
            int file = atoi(inputs.items[i].path);
            ck_assert_int_eq(file, (int)(number - 1 + i * SHARDS));
            seen[file]++;
        }
        inputs_finish(&inputs);
    }
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(seen[i], 1);
}
END_TEST

START_TEST(a_shard_may_be_empty_and_the_only_one_is_the_whole)
{
    struct inputs inputs = make_inputs(2);
    shard_keep(&(struct shard){1, 1}, &inputs);
    ck_assert_uint_eq(inputs.count, 2);
    shard_keep(&(struct shard){3, 3}, &inputs);
    ck_assert_uint_eq(inputs.count, 0);
    inputs_finish(&inputs);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("shard");
    tcase_add_test(cases, a_shard_is_two_numbers);
    tcase_add_test(cases, shards_are_every_nth_and_together_all);
    tcase_add_test(cases, a_shard_may_be_empty_and_the_only_one_is_the_whole);
    return suite_run("cli/shard", cases);
}
