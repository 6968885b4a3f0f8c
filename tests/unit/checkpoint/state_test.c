/* Where the state dict is, of values made here; and what stands in its place. */
#include "engine/checkpoint/state.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <string.h>

enum { MEMBERS_MAX = 4 };

static struct failure failure;
static const struct stored_tensor stored = {.elements = 1, .storage_elements = 1};
static struct value tensor = {.kind = VALUE_TENSOR, .tensor = &stored};

/* A dict that is filled by put. */
struct dict {
    struct value value, keys[MEMBERS_MAX];
    struct value *items[2 * MEMBERS_MAX];
};

static void put(struct dict *dict, const char *key, struct value *value)
{
    const size_t at = dict->value.sequence.count;
    ck_assert_uint_lt(at / 2, MEMBERS_MAX);
    dict->keys[at / 2] = (struct value){.kind = VALUE_TEXT, .text = {key, strlen(key)}};
    dict->items[at] = &dict->keys[at / 2];
    dict->items[at + 1] = value;
    dict->value.kind = VALUE_DICT;
    dict->value.sequence.items = dict->items;
    dict->value.sequence.count = at + 2;
}

static struct dict make(void)
{
    return (struct dict){.value = {.kind = VALUE_DICT}};
}

START_TEST(is_found_at_any_depth)
{
    struct dict inner = make(), middle = make(), root = make();
    put(&inner, "norm.weight", &tensor);
    put(&middle, "teacher", &inner.value);
    put(&root, "model", &middle.value);
    const struct state state = state_find(&root.value);
    ck_assert_ptr_eq(state.value, &inner.value);
    ck_assert_str_eq(state.name, "teacher");
    ck_assert_int_eq(state_check(&state, &failure), STATUS_OK);
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_OK);
    const struct state alone = state_find(&inner.value);
    ck_assert_ptr_eq(alone.value, &inner.value);
    ck_assert_str_eq(alone.name, "");
}
END_TEST

START_TEST(a_wrapper_without_tensors_is_none)
{
    struct dict inner = make(), options = make(), root = make();
    struct value name = {.kind = VALUE_TEXT, .text = {"vit", 3}};
    put(&inner, "norm.weight", &tensor);
    put(&options, "name", &name);
    put(&root, "model", &options.value);
    put(&root, "teacher", &name);
    put(&root, "state_dict", &inner.value);
    const struct state state = state_find(&root.value);
    ck_assert_ptr_eq(state.value, &inner.value);
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_OK);
}
END_TEST

START_TEST(circles_end)
{
    struct dict root = make();
    put(&root, "model", &root.value);
    put(&root, "x", &tensor);
    const struct state state = state_find(&root.value);
    ck_assert_ptr_eq(state.value, &root.value);
    ck_assert_uint_eq(state.depth, STATE_DEPTH_MAX);
}
END_TEST

START_TEST(of_two_networks_neither_is_chosen)
{
    struct dict inner = make(), other = make(), root = make();
    put(&inner, "norm.weight", &tensor);
    put(&other, "norm.weight", &tensor);
    put(&root, "model", &inner.value);
    put(&root, "model_ema", &other.value);
    const struct state state = state_find(&root.value);
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_INVALID_FILE);
    ck_assert_str_eq(
        failure.sentence,
        "The file holds weights under 'model' and their running average under 'model_ema', and does not "
        "say which answer. Save those that are meant alone, as a state dict.");
}
END_TEST

#define ALONE                                                                                   \
    " If the answers do not need them, save the state dict alone: torch.save(torch.load(FILE, " \
    "'cpu')['model'], NEW_FILE)."

START_TEST(a_tensor_beside_the_state_dict_is_refused)
{
    struct value number = {.kind = VALUE_INTEGER, .integer = 3}, unread = {.kind = VALUE_UNREAD, .name = "x"},
                 object = {.kind = VALUE_INERT, .name = "a.B"};
    struct dict inner = make(), root = make();
    put(&inner, "norm.weight", &tensor);
    put(&root, "model", &inner.value);
    put(&root, "epoch", &number);
    put(&root, "args", &object);
    struct state state = state_find(&root.value);
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_OK);
    put(&root, "gate", &tensor);
    state = state_find(&root.value);
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence,
                     "The file holds tensors under 'gate', beside the state dict, which this "
                     "program does not know." ALONE);
    root.items[7] = &unread;
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence,
                     "The file holds a tensor of x under 'gate', beside the state dict, which this "
                     "program does not know." ALONE);
    object.keeps_tensors = true;
    root.items[7] = &object;
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_INVALID_FILE);
}
END_TEST

/* As NeMo saves it, where the weights are those that were last trained. */
START_TEST(an_optimizers_average_may_be_meant)
{
    struct value rate = {.kind = VALUE_NUMBER, .number = 0.1};
    struct dict inner = make(), root = make(), states = make(), average = make();
    put(&inner, "norm.weight", &tensor);
    put(&average, "norm.weight", &tensor);
    put(&states, "opt", &tensor);
    put(&root, "state_dict", &inner.value);
    put(&root, "optimizer_states", &states.value);
    struct state state = state_find(&root.value);
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_OK);
    put(&states, "ema", &rate); /* its decay, perhaps */
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_OK);
    states.items[3] = &average.value;
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_INVALID_FILE);
    ck_assert_str_eq(
        failure.sentence,
        "The file holds weights under 'state_dict' and their running average in "
        "'optimizer_states' ('ema'), and does not say which answer. Save those that are meant alone, "
        "as a state dict.");
}
END_TEST

/* Schedule-free ones keep what answers apart while they train. */
START_TEST(where_an_optimizer_trains_is_not_what_answers)
{
    struct value on = {.kind = VALUE_BOOLEAN, .boolean = true};
    struct dict inner = make(), root = make(), group = make();
    put(&inner, "norm.weight", &tensor);
    put(&group, "train_mode", &on);
    put(&root, "model", &inner.value);
    put(&root, "optimizer", &group.value);
    struct state state = state_find(&root.value);
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(
        strstr(failure.sentence, "in 'optimizer' ('train_mode'), and does not say which answer"));
    on.boolean = false;
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_OK);
    put(&group, "slow_buffer", &tensor);
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_INVALID_FILE);
}
END_TEST

/* A scaler's numbers as Python has them. */
START_TEST(scales_that_are_no_tensors_are_not_dropped)
{
    static struct value half = {.kind = VALUE_NUMBER, .number = 0.5},
                        one = {.kind = VALUE_INTEGER, .integer = 1},
                        two = {.kind = VALUE_INTEGER, .integer = 2};
    static struct value *four_of[] = {&half, &half, &half, &half};
    static struct value four = {.kind = VALUE_LIST, .sequence = {.items = four_of, .count = 4}},
                        three = {.kind = VALUE_TUPLE, .sequence = {.items = four_of, .count = 3}};
    static const struct {
        const char *name;
        struct value *value;
        bool taken;
    } cases[] = {{"scaler_mean", &four, false}, {"var_", &four, false},       {"feature_std", &four, false},
                 {"temperature", &half, false}, {"temperature", &two, false}, {"temperature", &one, true},
                 {"mean", &three, true},        {"losses", &four, true},      {"epoch", &two, true},
                 {"scale", &two, true}};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        struct dict inner = make(), within = make(), root = make();
        const size_t k = i / 2;
        put(&inner, "norm.weight", &tensor);
        put(&within, cases[k].name, cases[k].value);
        put(&root, "model", &inner.value);
        if (i % 2)
            put(&root, "hyper_parameters", &within.value);
        else
            put(&root, cases[k].name, cases[k].value);
        struct state state = state_find(&root.value);
        ck_assert_msg(state_check_rest(&state, &failure) ==
                          (cases[k].taken ? STATUS_OK : STATUS_INVALID_FILE),
                      "%zu", i);
    }
    ck_assert_ptr_nonnull(strstr(failure.sentence,
                                 "The file holds values under 'hyper_parameters' ('temperature') that "
                                 "answers may need"));
}
END_TEST

/* What scales features, prepares pictures or averages the weights is no optimizer's. */
START_TEST(what_may_answer_is_not_taken_for_trainings)
{
    static const struct stored_tensor vector_of = {.elements = 64, .storage_elements = 64};
    static struct value number = {.kind = VALUE_NUMBER, .number = 2},
                        vector = {.kind = VALUE_TENSOR, .tensor = &vector_of},
                        array = {.kind = VALUE_INERT, .name = "numpy._core.multiarray._reconstruct"},
                        score = {.kind = VALUE_INERT, .name = "numpy._core.multiarray.scalar"},
                        scaler = {.kind = VALUE_INERT, .name = "sklearn.preprocessing._data.StandardScaler"},
                        of_torch = {.kind = VALUE_INERT, .name = "torch.amp.grad_scaler.GradScaler"};
    static struct value *numbers[] = {&number, &number};
    static struct value list = {.kind = VALUE_LIST, .sequence = {.items = numbers, .count = 2}};
    static const struct {
        const char *name;
        struct value *value;
        bool taken;
    } cases[] = {
        {"scaler", &number, true},           {"scaler", &tensor, true},
        {"scaler", &of_torch, true},         {"scaler", &vector, false},
        {"grad_scaler", &list, false},       {"fp16_scaler", &scaler, false},
        {"hyper_parameters", &list, true},   {"hyper_parameters", &scaler, true},
        {"hyper_parameters", &tensor, true}, {"hyper_parameters", &vector, false},
        {"hyper_parameters", &array, false}, {"callbacks", &tensor, true},
        {"callbacks", &score, true},         {"callbacks", &vector, false},
        {"loops", &vector, false},           {"lr_schedulers", &list, true},
        {"scheduler", &vector, false},       {"optimizer_states", &vector, true},
        {"rng_state", &vector, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dict inner = make(), kept = make(), root = make();
        put(&inner, "norm.weight", &vector);
        put(&kept, "mean", cases[i].value);
        put(&root, "model", &inner.value);
        put(&root, cases[i].name, &kept.value);
        struct state state = state_find(&root.value);
        ck_assert_msg(!state_check_rest(&state, &failure) == cases[i].taken, "%zu: %s", i, cases[i].name);
        put(&inner, cases[i].name, &kept.value); /* within it */
        state = state_find(&inner.value);
        ck_assert_msg(!state_check_rest(&state, &failure) == cases[i].taken, "%zu: %s", i, cases[i].name);
        if (i == 3)
            ck_assert_str_eq(
                failure.sentence,
                "The file holds values under 'scaler' ('mean') that answers may need (a scale of "
                "features or pictures, an average of the weights). Work them into the weights, or, if "
                "they are of no use, save those alone, as a state dict.");
    }
}
END_TEST

START_TEST(whose_weights_they_are_is_said_by_the_first_name)
{
    static const struct {
        const char *outer, *inner;
        enum name_owner owner;
    } cases[] = {{"student", "model", OWNER_STUDENT},
                 {"model", "ema", OWNER_AVERAGE},
                 {"state_dict_ema", "module", OWNER_AVERAGE},
                 {"teacher", "student", OWNER_TEACHER},
                 {"model", "state_dict", OWNER_NONE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dict inner = make(), middle = make(), root = make();
        put(&inner, "norm.weight", &tensor);
        put(&middle, cases[i].inner, &inner.value);
        put(&root, cases[i].outer, &middle.value);
        ck_assert_int_eq(state_find(&root.value).owner, cases[i].owner);
    }
}
END_TEST

START_TEST(a_student_beside_weights_that_are_no_teachers_is_refused)
{
    static const char *const taken[] = {"teacher", "ema"};
    struct dict inner = make(), other = make(), root = make();
    put(&inner, "norm.weight", &tensor);
    put(&other, "norm.weight", &tensor);
    put(&root, "model", &inner.value);
    put(&root, "student", &other.value);
    struct state state = state_find(&root.value);
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence,
                     "The file holds weights under 'model' and a student's under 'student', and does not say "
                     "which answer. Save those that are meant alone, as a state dict.");
    for (size_t i = 0; i < 2; i++) {
        const struct value *others[STATE_OTHERS_MAX];
        root = make();
        put(&root, "student", &other.value);
        put(&root, taken[i], &inner.value);
        state = state_find(&root.value);
        ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_OK);
        ck_assert_uint_eq(state_others(&state, others), 1);
        ck_assert_ptr_eq(others[0], &other.value);
    }
}
END_TEST

/* Where no wrapper is known the sentence says how to save what lies in it. */
START_TEST(a_state_dict_under_another_name_is_named)
{
    struct dict inner = make(), middle = make(), root = make();
    put(&inner, "norm.weight", &tensor);
    put(&middle, "net", &inner.value);
    struct state state = state_find(&middle.value);
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence,
                     "The file holds tensors under 'net', and no state dict under a name that is known here "
                     "('state_dict', 'model', 'teacher', ...). If those are the weights, save them alone: "
                     "torch.save(torch.load(FILE, 'cpu')['net'], NEW_FILE).");
    put(&root, "model", &middle.value);
    state = state_find(&root.value);
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_INVALID_FILE);
    ck_assert_ptr_nonnull(strstr(failure.sentence, "torch.load(FILE, 'cpu')['model']['net']"));
    put(&middle, "norm.weight", &tensor);
    ck_assert_int_eq(state_check_rest(&state, &failure), STATUS_INVALID_FILE);
    ck_assert_str_eq(failure.sentence,
                     "The file holds tensors under 'net', within the state dict, which this program does not "
                     "know. Save the tensors that answer alone, as a state dict.");
}
END_TEST

START_TEST(what_is_no_dict_has_its_sentence)
{
    static const struct {
        enum value_kind kind;
        const char *name, *sentence;
    } cases[] = {
        {VALUE_MODULE, "vision.ViT",
         "It is a module of the class 'vision.ViT', pickled whole, and not its weights alone. If you trust "
         "its source, "
         "save those: torch.save(torch.load(FILE, 'cpu', weights_only=False).state_dict(), NEW_FILE)."},
        {VALUE_INERT, "__torch__.vit.ViT",
         "It is a TorchScript program and not its weights alone. Save those: torch.save(torch.jit.load(FILE, "
         "'cpu').state_dict(), NEW_FILE)."},
        {VALUE_INERT, "os.system",
         "Where the state dict should be, the file holds an object made by 'os.system', which this program "
         "neither knows "
         "nor runs. Do not load the file in PyTorch unless you trust its source."},
        {VALUE_LIST, NULL, "Where the state dict should be, the file holds a list."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dict root = make();
        struct value value = {.kind = cases[i].kind};
        value.name = cases[i].name;
        put(&root, "model", &value);
        struct state state = state_find(&value);
        ck_assert_int_eq(state_check(&state, &failure), STATUS_INVALID_FILE);
        ck_assert_str_eq(failure.sentence, cases[i].sentence);
        state = state_find(&root.value);
        ck_assert_ptr_eq(state.value, cases[i].kind == VALUE_LIST ? &root.value : &value);
    }
}
END_TEST

int main(void)
{
    TCase *all = tcase_create("all");
    tcase_add_test(all, is_found_at_any_depth);
    tcase_add_test(all, a_wrapper_without_tensors_is_none);
    tcase_add_test(all, circles_end);
    tcase_add_test(all, of_two_networks_neither_is_chosen);
    tcase_add_test(all, an_optimizers_average_may_be_meant);
    tcase_add_test(all, where_an_optimizer_trains_is_not_what_answers);
    tcase_add_test(all, scales_that_are_no_tensors_are_not_dropped);
    tcase_add_test(all, a_tensor_beside_the_state_dict_is_refused);
    tcase_add_test(all, what_may_answer_is_not_taken_for_trainings);
    tcase_add_test(all, whose_weights_they_are_is_said_by_the_first_name);
    tcase_add_test(all, a_student_beside_weights_that_are_no_teachers_is_refused);
    tcase_add_test(all, a_state_dict_under_another_name_is_named);
    tcase_add_test(all, what_is_no_dict_has_its_sentence);
    return suite_run("state", all);
}
