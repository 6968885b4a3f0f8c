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
    struct shard shard = {.number = 7, .count = 7};
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
        char name[32];
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
        shard_keep(&(struct shard){.number = number, .count = SHARDS}, &inputs, 1);
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
    shard_keep(&(struct shard){.number = 1, .count = 1}, &inputs, 1);
    ck_assert_uint_eq(inputs.count, 2);
    shard_keep(&(struct shard){.number = 3, .count = 3}, &inputs, 1);
    ck_assert_uint_eq(inputs.count, 0);
    inputs_finish(&inputs);
}
END_TEST

/* All shards of one list say the same, and those of any other list something else. */
START_TEST(a_shard_says_which_list_it_is_of)
{
    struct shard shards[] = {{.number = 1, .count = 2}, {.number = 2, .count = 2}, {.number = 2, .count = 2}};
    const size_t counts[] = {4, 4, 5};
    for (size_t i = 0; i < 3; i++) {
        struct inputs inputs = make_inputs(counts[i]);
        shard_keep(&shards[i], &inputs, 1);
        inputs_finish(&inputs);
    }
    ck_assert_str_eq(shards[0].inputs_sha256, shards[1].inputs_sha256);
    ck_assert_str_ne(shards[0].inputs_sha256, shards[2].inputs_sha256);
    struct inputs inputs = make_inputs(4);
    char *first = inputs.items[0].path; /* the same files in another order */
    inputs.items[0].path = inputs.items[3].path;
    inputs.items[3].path = first;
    shard_keep(&shards[2], &inputs, 1);
    ck_assert_str_ne(shards[0].inputs_sha256, shards[2].inputs_sha256);
    inputs_finish(&inputs);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("shard");
    tcase_add_test(cases, a_shard_is_two_numbers);
    tcase_add_test(cases, shards_are_every_nth_and_together_all);
    tcase_add_test(cases, a_shard_may_be_empty_and_the_only_one_is_the_whole);
    tcase_add_test(cases, a_shard_says_which_list_it_is_of);
    return suite_run("cli/shard", cases);
}
