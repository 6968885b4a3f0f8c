#include "tests/unit/cli/empty_engine.h"

#include "cli/engine_choice.h"
#include "engine/base/clock.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct empty_engine *shared;
static uint64_t kill_ns, began_ns;

static const struct label labels[] = {{.name = "Number", .threshold = 0.5, .threshold_source = "default"}};
static const struct head_card heads[] = {
    {.name = "numbers", .kind = HEAD_FINDINGS, .type = HEAD_LINEAR, .labels = labels, .label_count = 1}};
static struct model_card card = {
    .name = "empty",
    .version = "1",
    .intended_use = "Tests.",
    .profile = {.name = "chexfound", .min_max = true},
    .dicom_profile = DICOM_PROFILE_MIMIC,
    .backbone = {.patch_size = 16, .image_height = 16, .image_width = 16, .width = EMPTY_WIDTH},
    .heads = heads,
    .head_count = 1};

void empty_kill_after(uint64_t ns)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    const struct itimerspec once = {
        .it_value = {(time_t)(ns / 1000000000), (long)(ns % 1000000000) + (ns == 0)}};
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &once, NULL))
        abort();
}

void empty_engine_begin(struct empty_engine *memory, uint64_t kill_after_ns)
{
    shared = memory;
    kill_ns = kill_after_ns;
    began_ns = 0;
    memset(card.weights_sha256, 'a', sizeof card.weights_sha256 - 1);
    memset(card.package_sha256, 'b', sizeof card.package_sha256 - 1);
}

void empty_engine_end(void)
{
    if (!began_ns)
        return;
    shared->work_ns += clock_now_ns() - began_ns;
    shared->work_count++;
}

enum status engine_choice_read(struct engine_choice *choice, int option, const char *value,
                               struct failure *failure)
{
    (void)failure;
    assert(option == 'm');
    choice->options.model = value;
    return STATUS_OK;
}

enum status engine_choice_open(struct engine_choice *choice, struct failure *failure, struct engine **out)
{
    (void)choice, (void)failure;
    *out = NULL;
    return STATUS_OK;
}

void engine_choice_close(struct engine_choice *choice, struct engine **engine)
{
    (void)choice, (void)engine;
}

const struct model_card *engine_card(const struct engine *engine)
{
    (void)engine;
    return &card;
}

const char *engine_device_name(const struct engine *engine)
{
    (void)engine;
    return "none";
}

const char *engine_rung_name(const struct engine *engine)
{
    (void)engine;
    return "empty";
}

static float *filled(size_t count, float value)
{
    float *out = memory_allocate(count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] = value;
    return out;
}

enum status engine_predict(struct engine *engine, const struct bytes *images, size_t count,
                           const struct predict_options *options, struct failure *failure,
                           struct prediction *out)
{
    (void)engine, (void)options, (void)failure;
    if (!began_ns && kill_ns)
        empty_kill_after(kill_ns);
    if (!began_ns)
        began_ns = clock_now_ns();
    for (size_t i = 0; i < count; i++) {
        char text[16] = "";
        assert(images[i].size < sizeof text);
        memcpy(text, images[i].data, images[i].size);
        const unsigned long number = strtoul(text, NULL, 10);
        out[i] = (struct prediction){.image = {.width = 16, .height = 16}, .head_count = 1};
        out[i].heads = memory_allocate(1, sizeof *out[i].heads);
        *out[i].heads = (struct head_prediction){
            .head = heads, .logits = filled(1, (float)number), .probabilities = filled(1, 0.5f)};
        out[i].embedding.class_token = filled(EMPTY_WIDTH, (float)number);
        out[i].embedding.mean = filled(EMPTY_WIDTH, 0);
    }
    shared->images += count;
    return STATUS_OK;
}
