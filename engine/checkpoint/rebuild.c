#include "engine/checkpoint/rebuild.h"

#include <string.h>

static const struct {
    const char *name;
    enum tensor_type type;
} storage_classes[] = {
    {"torch.FloatStorage", TENSOR_F32},     {"torch.HalfStorage", TENSOR_F16},
    {"torch.BFloat16Storage", TENSOR_BF16}, {"torch.DoubleStorage", TENSOR_F64},
    {"torch.LongStorage", TENSOR_I64},      {"torch.IntStorage", TENSOR_I32},
    {"torch.ShortStorage", TENSOR_I16},     {"torch.CharStorage", TENSOR_I8},
    {"torch.ByteStorage", TENSOR_U8},       {"torch.BoolStorage", TENSOR_BOOL},
};

static enum status invalid(struct failure *failure, const char *what)
{
    return failure_set(failure, STATUS_INVALID_FILE, "%s.", what);
}

static bool is_text(const struct value *value, const char *text)
{
    return value->kind == VALUE_TEXT && value->text.length == strlen(text) && !strcmp(value->text.data, text);
}

static bool as_size(const struct value *value, size_t *out)
{
    if (value->kind != VALUE_INTEGER || value->integer < 0)
        return false;
    *out = (size_t)value->integer;
    return true;
}

static struct value inert(const char *name)
{
    return (struct value){.kind = VALUE_INERT, .name = name};
}

static struct value unread(const char *name)
{
    return (struct value){.kind = VALUE_UNREAD, .name = name};
}

enum status rebuild_storage(const struct value *id, struct failure *failure, struct value *out)
{
    struct value **items = id->kind == VALUE_TUPLE ? id->sequence.items : NULL;
    size_t elements;
    if (!items || id->sequence.count < 5 || !is_text(items[0], "storage") || items[2]->kind != VALUE_TEXT ||
        strlen(items[2]->text.data) != items[2]->text.length || !as_size(items[4], &elements))
        return invalid(failure, "A persistent id does not describe a storage");
    if (items[1]->kind != VALUE_GLOBAL)
        return invalid(failure, "A storage's class is not a name");
    for (size_t i = 0; i < sizeof storage_classes / sizeof *storage_classes; i++) {
        if (!strcmp(items[1]->name, storage_classes[i].name)) {
            *out = (struct value){.kind = VALUE_STORAGE,
                                  .storage = {storage_classes[i].type, items[2]->text.data, elements}};
            return STATUS_OK;
        }
    }
    *out = inert(items[1]->name);
    return STATUS_OK;
}

/* The last element a view reaches lies in the storage, and the view is not larger than it: an expanded tensor
 * (stride 0) could otherwise claim any amount of memory. */
static enum status check_view(struct stored_tensor *tensor, struct failure *failure)
{
    size_t last = tensor->offset, step;
    tensor->elements = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (!checked_multiply(tensor->elements, tensor->shape[i], &tensor->elements))
            return invalid(failure, "A tensor's shape is too large to exist");
    }
    if (tensor->elements == 0)
        return STATUS_OK;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (!checked_multiply(tensor->shape[i] - 1, tensor->strides[i], &step) ||
            !checked_add(last, step, &last))
            return invalid(failure, "A tensor's strides are too large to exist");
    }
    if (last >= tensor->storage_elements)
        return invalid(failure, "A tensor reaches past the end of its storage");
    if (tensor->elements > tensor->storage_elements)
        return invalid(failure, "A tensor has more elements than its storage (save it with .contiguous())");
    return STATUS_OK;
}

/* _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks[, metadata]) */
static enum status rebuild_tensor(const struct value *arguments, struct arena *arena, struct failure *failure,
                                  struct value *out)
{
    struct value **items = arguments->sequence.items;
    if (arguments->sequence.count < 4)
        return invalid(failure, "A tensor is rebuilt from too few values");
    if (items[0]->kind == VALUE_INERT) {
        *out = unread(items[0]->name);
        return STATUS_OK;
    }
    /* The conjugate and negative bits: what is stored is not what the tensor holds. */
    if (arguments->sequence.count > 6 && items[6]->kind == VALUE_DICT && items[6]->sequence.count)
        return invalid(failure, "A tensor is a view that changes its values (save it with .resolve_neg())");
    struct stored_tensor tensor = {0};
    const struct value *shape = items[2], *strides = items[3];
    if (items[0]->kind != VALUE_STORAGE || !as_size(items[1], &tensor.offset) || shape->kind != VALUE_TUPLE ||
        strides->kind != VALUE_TUPLE || shape->sequence.count != strides->sequence.count)
        return invalid(failure, "A tensor is not rebuilt from a storage, an offset, a shape and strides");
    tensor.type = items[0]->storage.type;
    tensor.storage_key = items[0]->storage.key;
    tensor.storage_elements = items[0]->storage.elements;
    tensor.rank = shape->sequence.count;
    if (tensor.rank > TENSOR_RANK_MAX)
        return invalid(failure, "A tensor has more than 8 dimensions");
    for (size_t i = 0; i < tensor.rank; i++) {
        if (!as_size(shape->sequence.items[i], &tensor.shape[i]) ||
            !as_size(strides->sequence.items[i], &tensor.strides[i]))
            return invalid(failure, "A tensor has a negative size or stride");
    }
    enum status status = check_view(&tensor, failure);
    if (status)
        return status;
    struct stored_tensor *kept = arena_allocate(arena, 1, sizeof *kept);
    *kept = tensor;
    *out = (struct value){.kind = VALUE_TENSOR, .tensor = kept};
    return STATUS_OK;
}

/* _rebuild_parameter(data, requires_grad, backward_hooks): the tensor itself. */
static enum status rebuild_parameter(const struct value *arguments, struct arena *arena,
                                     struct failure *failure, struct value *out)
{
    (void)arena;
    const struct value *data = arguments->sequence.count ? arguments->sequence.items[0] : NULL;
    if (!data || (data->kind != VALUE_TENSOR && data->kind != VALUE_UNREAD && data->kind != VALUE_INERT))
        return invalid(failure, "A parameter is not rebuilt from a tensor");
    *out = *data;
    return STATUS_OK;
}

/* OrderedDict(): its items follow by opcodes. */
static enum status rebuild_dict(const struct value *arguments, struct arena *arena, struct failure *failure,
                                struct value *out)
{
    (void)arena;
    if (arguments->sequence.count > 0)
        return invalid(failure, "An OrderedDict is not made empty");
    *out = (struct value){.kind = VALUE_DICT};
    return STATUS_OK;
}

static const struct {
    const char *name;
    enum status (*rebuild)(const struct value *arguments, struct arena *arena, struct failure *failure,
                           struct value *out);
} callables[] = {
    {"torch._utils._rebuild_tensor_v2", rebuild_tensor},
    {"torch._utils._rebuild_parameter", rebuild_parameter},
    {"torch._utils._rebuild_parameter_with_state", rebuild_parameter},
    {"collections.OrderedDict", rebuild_dict},
};

/* What makes tensors that are not read begins so; of some the name says little. */
static const char *const makers[] = {"torch._utils._rebuild_", "torch._tensor._rebuild_",
                                     "torch.nn.parameter.", "torch.storage._load_from_bytes"};
static const struct {
    const char *name, *of;
    size_t named_by; /* the argument that names what it is of, plus one; 0: none does */
} unread_kinds[] = {
    {"torch._utils._rebuild_tensor_v3", "a type that is not known", 7},
    {"torch._utils._rebuild_wrapper_subclass", "a class that is not known", 1},
    {"torch._tensor._rebuild_from_type_v2", "a class that is not known", 2},
    {"torch._utils._rebuild_sparse_tensor", "sparse values", 0},
    {"torch._utils._rebuild_sparse_csr_tensor", "sparse values", 0},
    {"torch._utils._rebuild_nested_tensor", "nested tensors", 0},
    {"torch._utils._rebuild_qtensor", "quantised values", 0},
    {"torch._utils._rebuild_meta_tensor_no_storage", "no values (the meta device's)", 0},
};

/* What it is of, when calling `name` makes a tensor that is not read; NULL for anything else. */
static const char *find_unread(const char *name, const struct value *arguments)
{
    bool is_maker = false;
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        is_maker = is_maker || !strncmp(name, makers[i], strlen(makers[i]));
    for (size_t i = 0; is_maker && i < sizeof unread_kinds / sizeof *unread_kinds; i++) {
        const size_t named_by = unread_kinds[i].named_by;
        if (strcmp(name, unread_kinds[i].name))
            continue;
        if (!named_by || arguments->sequence.count < named_by ||
            arguments->sequence.items[named_by - 1]->kind != VALUE_GLOBAL)
            return unread_kinds[i].of;
        return arguments->sequence.items[named_by - 1]->name;
    }
    return is_maker ? name : NULL;
}

enum status rebuild_call(const struct value *callable, const struct value *arguments, struct arena *arena,
                         struct failure *failure, struct value *out)
{
    if (callable->kind != VALUE_GLOBAL && callable->kind != VALUE_INERT)
        return invalid(failure, "Something that is not a name is called");
    if (arguments->kind != VALUE_TUPLE)
        return invalid(failure, "A call's arguments are not a tuple");
    for (size_t i = 0; callable->kind == VALUE_GLOBAL && i < sizeof callables / sizeof *callables; i++) {
        if (!strcmp(callable->name, callables[i].name))
            return callables[i].rebuild(arguments, arena, failure, out);
    }
    const char *of = find_unread(callable->name, arguments);
    *out = of ? unread(of) : inert(callable->name);
    out->keeps_tensors = arguments->keeps_tensors || callable->keeps_tensors;
    return STATUS_OK;
}
