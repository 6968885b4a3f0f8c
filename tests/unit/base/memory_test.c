#include "engine/base/memory.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

START_TEST(allocations_are_zeroed_and_never_null)
{
    unsigned char *memory = memory_allocate(1000, 3);
    for (int i = 0; i < 3000; i++)
        ck_assert_uint_eq(memory[i], 0);
    free(memory);
    for (int i = 0; i < 2; i++) {
        void *nothing = memory_allocate((size_t)i, (size_t)(1 - i));
        ck_assert_ptr_nonnull(nothing);
        free(nothing);
    }
}
END_TEST

START_TEST(resize_keeps_the_content)
{
    char *memory = memory_copy_text("radiograph");
    memory = memory_resize(memory, 100000, 2);
    ck_assert_str_eq(memory, "radiograph");
    memory = memory_resize(memory, 0, 8);
    ck_assert_ptr_nonnull(memory);
    free(memory);
}
END_TEST

START_TEST(allocate_overflow_aborts)
{
    free(memory_allocate(SIZE_MAX / 2, 3));
}
END_TEST

START_TEST(resize_overflow_aborts)
{
    free(memory_resize(NULL, SIZE_MAX / 2, 3));
}
END_TEST

START_TEST(arena_overflow_aborts)
{
    struct arena *arena = arena_create();
    arena_allocate(arena, SIZE_MAX / 2, 3);
    arena_destroy(&arena);
}
END_TEST

START_TEST(checked_arithmetic)
{
    size_t out = 7;
    ck_assert(checked_multiply(1u << 20, 1u << 20, &out));
    ck_assert_uint_eq(out, (size_t)1 << 40);
    ck_assert(checked_multiply(0, SIZE_MAX, &out));
    ck_assert_uint_eq(out, 0);
    ck_assert(!checked_multiply(SIZE_MAX, 2, &out));
    ck_assert(!checked_multiply((size_t)1 << 32, (size_t)1 << 32, &out));
    ck_assert(checked_add(SIZE_MAX - 1, 1, &out));
    ck_assert_uint_eq(out, SIZE_MAX);
    ck_assert(!checked_add(SIZE_MAX, 1, &out));
}
END_TEST

START_TEST(rounding_up)
{
    ck_assert_uint_eq(round_up(0, 16), 0);
    ck_assert_uint_eq(round_up(1, 16), 16);
    ck_assert_uint_eq(round_up(16, 16), 16);
    ck_assert_uint_eq(round_up(17, 6), 18);
    ck_assert_uint_eq(round_up(2736, 64), 2752);
}
END_TEST

START_TEST(buffer_stops_at_its_bound)
{
    struct buffer buffer = {.maximum = 1000};
    uint8_t chunk[300];
    for (size_t i = 0; i < sizeof chunk; i++)
        chunk[i] = (uint8_t)i;
    for (int i = 0; i < 3; i++)
        ck_assert(buffer_append(&buffer, chunk, sizeof chunk));
    ck_assert(!buffer_append(&buffer, chunk, 101));
    ck_assert_uint_eq(buffer.size, 900);
    ck_assert(!buffer_append(&buffer, chunk, SIZE_MAX - 10)); /* the sum would wrap */
    ck_assert_uint_eq(buffer.size, 900);
    ck_assert(buffer_append(&buffer, chunk, 100));
    ck_assert_uint_eq(buffer.size, 1000);
    ck_assert_uint_le(buffer.capacity, 1000);
    ck_assert(buffer_append(&buffer, NULL, 0));
    ck_assert(!buffer_append(&buffer, chunk, 1));
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(buffer.data[i], chunk[i % 300]);
    buffer_finish(&buffer);
    ck_assert_ptr_null(buffer.data);
    ck_assert_uint_eq(buffer.size + buffer.capacity, 0);
    ck_assert(buffer_append(&buffer, "again", 5)); /* usable again, under the same bound */
    buffer_finish(&buffer);
}
END_TEST

START_TEST(buffer_grows_in_small_steps_too)
{
    struct buffer buffer = {.maximum = 5000};
    for (int i = 0; i < 5000; i++)
        ck_assert(buffer_append(&buffer, &(uint8_t){(uint8_t)(i * 7)}, 1));
    ck_assert(!buffer_append(&buffer, "", 1));
    for (int i = 0; i < 5000; i++)
        ck_assert_uint_eq(buffer.data[i], (uint8_t)(i * 7));
    buffer_finish(&buffer);
}
END_TEST

START_TEST(arena_pieces_are_apart_aligned_and_zeroed)
{
    struct arena *arena = arena_create();
    static const unsigned char zeros[2000];
    unsigned char *pieces[500];
    for (size_t i = 0; i < 500; i++) {
        size_t size = i * 37 % 2000 + 1;
        pieces[i] = arena_allocate(arena, size, 1);
        ck_assert_uint_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        ck_assert_mem_eq(pieces[i], zeros, size);
        memset(pieces[i], (int)(i % 251 + 1), size);
    }
    for (size_t i = 0; i < 500; i++) {
        unsigned char expected[2000];
        memset(expected, (int)(i % 251 + 1), sizeof expected);
        ck_assert_mem_eq(pieces[i], expected, i * 37 % 2000 + 1);
    }
    arena_destroy(&arena);
    ck_assert_ptr_null(arena);
    arena_destroy(&arena);
    arena_destroy(NULL);
}
END_TEST

START_TEST(arena_holds_pieces_larger_than_a_block)
{
    struct arena *arena = arena_create();
    char *small = arena_copy_text(arena, "small", 5);
    char *large = arena_allocate(arena, 1, 10u << 20);
    memset(large, 1, 10u << 20);
    char *after = arena_copy_text(arena, "after", 5);
    ck_assert_str_eq(small, "small");
    ck_assert_str_eq(after, "after");
    ck_assert_int_eq(large[(10u << 20) - 1], 1);
    arena_destroy(&arena);
}
END_TEST

START_TEST(arena_texts)
{
    struct arena *arena = arena_create();
    char *part = arena_copy_text(arena, "findings=all", 8);
    ck_assert_str_eq(part, "findings");
    char *text = arena_format(arena, "%s-%05d", part, 42);
    ck_assert_str_eq(text, "findings-00042");
    char *empty = arena_format(arena, "%s", "");
    ck_assert_str_eq(empty, "");
    arena_destroy(&arena);
}
END_TEST

START_TEST(an_arena_holds_what_its_budget_allows)
{
    struct budget budget = {.limit_bytes = 1000};
    struct failure failure = {0};
    struct arena *arena = arena_create_within(&budget);
    void *memory = NULL;
    ck_assert(!arena_take(arena, 600, &failure, &memory));
    memset(memory, 1, 600);
    ck_assert(!arena_charge(arena, 300, &failure));
    ck_assert_int_eq(arena_charge(arena, 101, &failure), STATUS_TOO_LARGE);
    ck_assert(budget_take(&budget, 50)); /* by others */
    ck_assert_int_eq(arena_charge(arena, 51, &failure), STATUS_NO_ROOM);
    budget_give(&budget, 50);
    ck_assert_int_eq(arena_take(arena, SIZE_MAX, &failure, &memory), STATUS_TOO_LARGE);
    arena_refund(arena, 300);
    ck_assert(!arena_charge(arena, 400, &failure));
    arena_allocate(arena, 10000, 1); /* small memory is not counted */
    arena_destroy(&arena);
    ck_assert_uint_eq(budget.used_bytes, 0);
    arena = arena_create();
    if (memory_is_native())
        ck_assert_int_eq(arena_take(arena, SIZE_MAX / 4, &failure, &memory), STATUS_OUT_OF_MEMORY);
    arena_destroy(&arena);
}
END_TEST

START_TEST(what_an_arena_gave_can_go_back_early)
{
    struct budget budget = {.limit_bytes = 1000};
    struct failure failure = {0};
    struct arena *arena = arena_create_within(&budget);
    void *taken[3];
    for (int i = 0; i < 3; i++)
        ck_assert(!arena_take(arena, 300, &failure, &taken[i]));
    arena_drop(arena, taken[1]);
    ck_assert_uint_eq(budget.used_bytes, 600);
    memset(taken[0], 1, 300);
    memset(taken[2], 1, 300);
    arena_drop(arena, arena_allocate(arena, 1, 1)); /* neither is this, */
    arena_drop(arena, "a text");                    /* nor this */
    arena_drop(arena, NULL);
    ck_assert_uint_eq(budget.used_bytes, 600);
    arena_drop(arena, taken[2]);
    arena_drop(arena, taken[0]);
    ck_assert_uint_eq(budget.used_bytes, 0);
    arena_destroy(&arena);
}
END_TEST

START_TEST(the_reserve_is_used_where_the_machine_has_nothing_left)
{
    enum { RESERVE = 16 << 20, PIECE = 1 << 20 };
    static void *pieces[4096];
    size_t count = 0;
    memory_reserve(RESERVE);
    ck_assert(!memory_is_short());
    const struct rlimit limit = {.rlim_cur = (rlim_t)1 << 30, .rlim_max = RLIM_INFINITY};
    ck_assert(!setrlimit(RLIMIT_AS, &limit));
    while (count < 4096 && (pieces[count] = malloc(PIECE)))
        count++;
    ck_assert(count < 4096);
    void *needed = memory_allocate(PIECE, 1);
    ck_assert_ptr_nonnull(needed);
    ck_assert(memory_is_short());
    while (count)
        free(pieces[--count]);
    ck_assert(!memory_is_short());
    free(needed);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("memory");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, allocations_are_zeroed_and_never_null);
    tcase_add_test(cases, resize_keeps_the_content);
    tcase_add_test_raise_signal(cases, allocate_overflow_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, resize_overflow_aborts, SIGABRT);
    tcase_add_test_raise_signal(cases, arena_overflow_aborts, SIGABRT);
    tcase_add_test(cases, checked_arithmetic);
    tcase_add_test(cases, rounding_up);
    tcase_add_test(cases, buffer_stops_at_its_bound);
    tcase_add_test(cases, buffer_grows_in_small_steps_too);
    tcase_add_test(cases, arena_pieces_are_apart_aligned_and_zeroed);
    tcase_add_test(cases, arena_holds_pieces_larger_than_a_block);
    tcase_add_test(cases, arena_texts);
    tcase_add_test(cases, an_arena_holds_what_its_budget_allows);
    tcase_add_test(cases, what_an_arena_gave_can_go_back_early);
    if (memory_is_native())
        tcase_add_test(cases, the_reserve_is_used_where_the_machine_has_nothing_left);
    return suite_run("base/memory", cases);
}
