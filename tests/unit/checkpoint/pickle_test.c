/* The pickle machine: data comes out as data, names stay inert, and every bound and break has its sentence.
 */
#include "engine/checkpoint/pickle.h"

#include "tests/unit/checkpoint/pth.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;
static struct failure failure;

static void make_arena(void)
{
    arena = arena_create();
}

static void free_arena(void)
{
    arena_destroy(&arena);
}

static enum status parse(const char *pickle, size_t size, struct value **out)
{
    return pickle_parse((struct bytes){(const uint8_t *)pickle, size}, arena, &failure, out);
}

#define PARSE(text, out) parse(text, sizeof(text) - 1, out)

START_TEST(plain_data_of_every_protocol)
{
    struct value *value = NULL;
    /* {"a": [1, -2, 300, 2.5, None, True], "b": (b"x", -129)} */
    ck_assert_int_eq(PARSE("\x80\x02}q\x00(X\x01\x00\x00\x00"
                           "a](K\x01J\xfe\xff\xff\xffM\x2c\x01G@\x04\x00\x00\x00\x00\x00\x00N\x88"
                           "eX\x01\x00\x00\x00"
                           "bC\x01x\x8a\x02\x7f\xff\x86u.",
                           &value),
                     STATUS_OK);
    const struct value *list = value_member(value, "a"), *tuple = value_member(value, "b");
    ck_assert_int_eq(list->kind, VALUE_LIST);
    ck_assert_uint_eq(list->sequence.count, 6);
    ck_assert_int_eq(list->sequence.items[0]->integer, 1);
    ck_assert_int_eq(list->sequence.items[1]->integer, -2);
    ck_assert_int_eq(list->sequence.items[2]->integer, 300);
    ck_assert_double_eq(list->sequence.items[3]->number, 2.5);
    ck_assert_int_eq(list->sequence.items[4]->kind, VALUE_NONE);
    ck_assert(list->sequence.items[5]->boolean);
    ck_assert_int_eq(tuple->kind, VALUE_TUPLE);
    ck_assert_str_eq(tuple->sequence.items[0]->text.data, "x");
    ck_assert_int_eq(tuple->sequence.items[1]->integer, -129);
    ck_assert_ptr_null(value_member(value, "c"));
    ck_assert_ptr_null(value_member(list, "a"));

    /* Protocol 4: framed, memoised, a set: {"k": {1}} */
    ck_assert_int_eq(
        PARSE("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01k\x94\x8f\x94(K\x01\x90s.", &value),
        STATUS_OK);
    ck_assert_uint_eq(value_member(value, "k")->sequence.count, 1);
    /* The last of equal keys counts, as in Python. */
    ck_assert_int_eq(PARSE("\x80\x02}(X\x01\x00\x00\x00kK\x01X\x01\x00\x00\x00kK\x02u.", &value), STATUS_OK);
    ck_assert_int_eq(value_member(value, "k")->integer, 2);
}
END_TEST

START_TEST(memo_shares_and_may_close_circles)
{
    struct value *value = NULL;
    ck_assert_int_eq(PARSE("\x80\x02]q\x05h\x05"
                           "a.",
                           &value),
                     STATUS_OK);
    ck_assert_ptr_eq(value->sequence.items[0], value);
    ck_assert_int_eq(PARSE("\x80\x04]\x94r\x00\x01\x00\x00j\x00\x01\x00\x00\x86.", &value), STATUS_OK);
    ck_assert_ptr_eq(value->sequence.items[0], value->sequence.items[0]);
}
END_TEST

START_TEST(ordered_dicts_and_parameters)
{
    struct value *value = NULL;
    /* OrderedDict with an attribute, as module.state_dict() gives it */
    ck_assert_int_eq(
        PARSE("\x80\x02"
              "ccollections\nOrderedDict\n)R(X\x01\x00\x00\x00kK\x07u}X\x09\x00\x00\x00_metadataNsb.",
              &value),
        STATUS_OK);
    ck_assert_int_eq(value->kind, VALUE_DICT);
    ck_assert_int_eq(value_member(value, "k")->integer, 7);

    struct buffer pickle = {.maximum = 1 << 16};
    const char head[] = "\x80\x02"
                        "ctorch._utils\n_rebuild_parameter\n(";
    pickle_bytes(&pickle, head, sizeof head - 1);
    pickle_tensor(&pickle, "HalfStorage", "4", 10, 1, 2, (size_t[]){2, 3}, (size_t[]){1, 3});
    pickle_bytes(&pickle, "\x89NtR.", 5);
    ck_assert_int_eq(parse((const char *)pickle.data, pickle.size, &value), STATUS_OK);
    ck_assert_int_eq(value->kind, VALUE_TENSOR);
    ck_assert_int_eq(value->tensor->type, TENSOR_F16);
    ck_assert_uint_eq(value->tensor->offset, 1);
    ck_assert_uint_eq(value->tensor->elements, 6);
    ck_assert_uint_eq(value->tensor->shape[1], 3);
    ck_assert_uint_eq(value->tensor->strides[1], 3);
    ck_assert_str_eq(value->tensor->storage_key, "4");
    buffer_finish(&pickle);
}
END_TEST

START_TEST(unknown_names_are_inert_whatever_is_done_to_them)
{
    static const struct {
        const char *pickle;
        size_t size;
        const char *name;
    } cases[] = {
#define CASE(text, name) {text, sizeof(text) - 1, name}
        CASE("\x80\x02"
             "cos\nsystem\nX\x02\x00\x00\x00id\x85R.",
             "os.system"),
        CASE("\x80\x02"
             "cposix\nsystem\n(X\x02\x00\x00\x00idtR.",
             "posix.system"),
        CASE("\x80\x04\x8c\x08"
             "builtins\x8c\x04"
             "eval\x93\x8c\x01"
             "1\x85R.",
             "builtins.eval"),
        CASE("\x80\x02"
             "coptim\nAdam\n)\x81}X\x01\x00\x00\x00kK\x01sb.",
             "optim.Adam"),
        CASE("\x80\x04"
             "ca\nB\n)}\x92.",
             "a.B"),
        CASE("\x80\x02"
             "ccollections\ndefaultdict\ncbuiltins\nlist\n\x85R(K\x01K\x02u(K\x01"
             "e.",
             "collections.defaultdict"),
        CASE("\x80\x02"
             "ca\nB\n)R)R.",
             "a.B"),
        CASE("\x80\x02\x8a\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01.", "int"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value *value = NULL;
        ck_assert_int_eq(parse(cases[i].pickle, cases[i].size, &value), STATUS_OK);
        ck_assert_int_eq(value->kind, VALUE_INERT);
        ck_assert_str_eq(value->name, cases[i].name);
    }
    struct value *value = NULL;
    char text[64];
    ck_assert_int_eq(PARSE("\x80\x02"
                           "cos\n\x1b[2Jx\n.",
                           &value),
                     STATUS_OK);
    struct failure shown = {0};
    failure_set(&shown, STATUS_INVALID_FILE, "It is %s.", value_describe(value, text, sizeof text));
    ck_assert_str_eq(shown.sentence, "It is the name 'os.\\x1b[2Jx'.");
}
END_TEST

static const struct broken {
    const char *pickle;
    size_t size;
    const char *sentence;
} broken[] = {
#define BROKEN(text, sentence)           \
    {                                    \
        text, sizeof(text) - 1, sentence \
    }
    BROKEN("", "The pickle is not valid at byte 0: it ends without saying so: the file is truncated."),
    BROKEN("\x80\x02",
           "The pickle is not valid at byte 2: it ends without saying so: the file is truncated."),
    BROKEN("\x80\x01", "The pickle is not valid at byte 2: its protocol is not one of 2 to 5."),
    BROKEN("\x80\x02.", "The pickle is not valid at byte 3: it takes more from its stack than there is."),
    BROKEN("\x80\x02(N(.", "The pickle is not valid at byte 6: it takes more from its stack than there is."),
    BROKEN("\x80\x02N(\x85.",
           "The pickle is not valid at byte 5: it takes more from its stack than there is."),
    BROKEN("\x80\x02t", "The pickle is not valid at byte 3: it looks for a mark that was not set."),
    BROKEN("\x80\x02h\x07",
           "The pickle is not valid at byte 4: it takes from its memo what was not put there."),
    BROKEN("\x80\x02Nr\xff\xff\xff\xff",
           "The pickle is not valid at byte 8: its memo is over the limit of 4 million entries."),
    BROKEN(
        "\x80\x02X\xff\xff\xff\xff"
        "a",
        "The pickle is not valid at byte 7: it ends in the middle of an opcode, so the file is truncated."),
    BROKEN(
        "\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        "The pickle is not valid at byte 11: it ends in the middle of an opcode, so the file is truncated."),
    BROKEN(
        "\x80\x02"
        "cos",
        "The pickle is not valid at byte 3: it ends in the middle of an opcode, so the file is truncated."),
    BROKEN("\x80\x02NNa",
           "The pickle is not valid at byte 5: it adds items to something that is not a container."),
    BROKEN("\x80\x02}(Nu", "The pickle is not valid at byte 6: a dict has a key without a value."),
    BROKEN("\x80\x02NNb", "The pickle is not valid at byte 5: it sets the state of something that has none."),
    BROKEN("\x80\x02NN\x93", "The pickle is not valid at byte 5: a name is not a text."),
    BROKEN("\x80\x02N)R", "Something that is not a name is called."),
    BROKEN("\x80\x02"
           "cos\nsystem\nNR",
           "A call's arguments are not a tuple."),
    BROKEN("\x80\x02NQ", "A persistent id does not describe a storage."),
    BROKEN("\x80\x02"
           "ctorch._utils\n_rebuild_tensor_v2\n)R",
           "A tensor is rebuilt from too few values."),
    BROKEN("\x80\x02"
           "ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))tR",
           "A tensor is not rebuilt from a storage, an offset, a shape and strides."),
    BROKEN("\x80\x02"
           "ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))\x89N}X\x03\x00\x00\x00neg\x88stR",
           "A tensor is a view that changes its values (save it with .resolve_neg())."),
    BROKEN("\x80\x02"
           "ctorch._utils\n_rebuild_parameter\n)R",
           "A parameter is not rebuilt from a tensor."),
    BROKEN("\x80\x02"
           "ccollections\nOrderedDict\nN\x85R",
           "An OrderedDict is not made empty."),
    BROKEN("\x80\x02I1\n.",
           "The pickle holds opcode 0x49 at byte 2, which is not allowed; save it again with "
           "torch.save and its default protocol."),
    BROKEN("\x80\x02\x82\x01.",
           "The pickle holds opcode 0x82 at byte 2, which is not allowed; save it again with "
           "torch.save and its default protocol."),
#undef BROKEN
};

START_TEST(each_break_has_its_sentence)
{
    struct value *value = NULL;
    ck_assert_int_eq(parse(broken[_i].pickle, broken[_i].size, &value), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence, broken[_i].sentence);
    ck_assert_ptr_null(value);
}
END_TEST

static const struct wrong_view {
    size_t elements, offset, rank, shape[9], strides[9];
    const char *sentence;
} wrong_views[] = {
    {6, 1, 2, {2, 3}, {3, 1}, "A tensor reaches past the end of its storage."},
    {6, 0, 2, {2, 3}, {4, 1}, "A tensor reaches past the end of its storage."},
    {1,
     0,
     2,
     {1000, 1000},
     {0, 0},
     "A tensor has more elements than its storage (save it with .contiguous())."},
    {6, 0, 3, {1 << 30, 1 << 30, 1 << 30}, {0, 0, 0}, "A tensor's shape is too large to exist."},
    {6, 0, 1, {(size_t)-1}, {1}, "A tensor has a negative size or stride."},
    {6, 0, 1, {1}, {(size_t)-1}, "A tensor has a negative size or stride."},
    {6,
     0,
     9,
     {1, 1, 1, 1, 1, 1, 1, 1, 1},
     {1, 1, 1, 1, 1, 1, 1, 1, 1},
     "A tensor has more than 8 dimensions."},
};

START_TEST(each_wrong_view_has_its_sentence)
{
    const struct wrong_view *view = &wrong_views[_i];
    struct value *value = NULL;
    struct buffer pickle = {.maximum = 1 << 16};
    pickle_bytes(&pickle, "\x80\x02", 2);
    pickle_tensor(&pickle, "FloatStorage", "0", view->elements, view->offset, view->rank, view->shape,
                  view->strides);
    pickle_bytes(&pickle, ".", 1);
    ck_assert_int_eq(parse((const char *)pickle.data, pickle.size, &value), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence, view->sentence);
    buffer_finish(&pickle);
}
END_TEST

START_TEST(tensors_of_unknown_storages_are_not_read)
{
    struct value *value = NULL;
    struct buffer pickle = {.maximum = 1 << 16};
    pickle_bytes(&pickle, "\x80\x02", 2);
    pickle_tensor(&pickle, "ComplexFloatStorage", "0", 1, 0, 1, (size_t[]){1}, (size_t[]){1});
    pickle_bytes(&pickle, ".", 1);
    ck_assert_int_eq(parse((const char *)pickle.data, pickle.size, &value), STATUS_OK);
    ck_assert_int_eq(value->kind, VALUE_UNREAD);
    ck_assert_str_eq(value->name, "torch.ComplexFloatStorage");
    buffer_finish(&pickle);
}
END_TEST

START_TEST(steps_and_memory_are_bounded)
{
    struct value *value = NULL;
    size_t size = PICKLE_STEPS_MAX + 2;
    char *pickle = memory_allocate(size, 1);
    for (size_t i = 0; i < size; i++) /* NONE, then DUP and POP in turn */
        pickle[i] = i == 0 ? 'N' : i % 2 ? '2' : '0';
    ck_assert_int_eq(parse(pickle, size, &value), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "it takes over 10 million steps."));
    free_arena();
    make_arena();
    memset(pickle, '}', size); /* ten million dicts */
    ck_assert_int_eq(parse(pickle, size, &value), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "it takes over 256 MiB of memory."));
    free(pickle);
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_arena, free_arena);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, plain_data_of_every_protocol);
    tcase_add_test(all, memo_shares_and_may_close_circles);
    tcase_add_test(all, ordered_dicts_and_parameters);
    tcase_add_test(all, unknown_names_are_inert_whatever_is_done_to_them);
    tcase_add_loop_test(all, each_break_has_its_sentence, 0, sizeof broken / sizeof *broken);
    tcase_add_loop_test(all, each_wrong_view_has_its_sentence, 0, sizeof wrong_views / sizeof *wrong_views);
    tcase_add_test(all, tensors_of_unknown_storages_are_not_read);
    tcase_add_test(all, steps_and_memory_are_bounded);
    return suite_run("pickle", all);
}
