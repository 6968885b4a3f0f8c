#include "engine/sandbox/link.h"

#include "engine/base/clock.h"
#include "engine/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* For a process to be forked and to get ready, on a machine that is busy with everything else; and for the
 * template to end with its children. */
enum { START_S = 20, END_MS = 2000 };

static enum status no_children(struct failure *failure, const char *sentence)
{
    return failure_set(failure, STATUS_UNAVAILABLE, "%s", sentence);
}

enum status link_init(struct link *link, const struct plan *plan, struct failure *failure)
{
    int pair[2];
    struct timeval patience = {.tv_sec = START_S};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return no_children(failure, "There are no descriptors left for image decoders.");
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    pid_t parent = getpid(), forked = fork();
    if (forked == 0) {
        child_follow(parent);
        template_run(plan, pair[1]);
    }
    close(pair[1]);
    if (forked < 0) {
        close(pair[0]);
        return no_children(failure, "The system starts no process for image decoders.");
    }
    pthread_mutex_init(&link->lock, NULL);
    link->control = pair[0];
    link->template = forked;
    atomic_init(&link->lost, false);
    return STATUS_OK;
}

void link_finish(struct link *link)
{
    close(link->control); /* at which the template ends its children and itself */
    pid_t ended = 0;
    for (uint64_t start_ns = clock_now_ns(); !ended && clock_elapsed_ms(start_ns) < END_MS;) {
        ended = waitpid(link->template, NULL, WNOHANG);
        if (!ended)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    if (!ended) /* it hangs: its children die with it */
        kill(link->template, SIGKILL);
    while (!ended && waitpid(link->template, NULL, 0) < 0 && errno == EINTR)
        ;
    pthread_mutex_destroy(&link->lock);
}

/* The descriptor that came with a message, or -1. */
static int descriptor_of(struct msghdr *message)
{
    int descriptor = -1;
    struct cmsghdr *head = CMSG_FIRSTHDR(message);
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
        memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
    return descriptor;
}

/* False when the template is lost, for good: a late answer would be taken for the next one. */
static bool order_child(struct link *link, const struct order *order, struct delivery *delivery, int *channel)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } ancillary = {0};
    struct iovec content = {delivery, sizeof *delivery};
    struct msghdr message = {.msg_iov = &content,
                             .msg_iovlen = 1,
                             .msg_control = ancillary.bytes,
                             .msg_controllen = sizeof ancillary.bytes};
    pthread_mutex_lock(&link->lock);
    bool done = !link->lost && send(link->control, order, sizeof *order, MSG_NOSIGNAL) == sizeof *order;
    if (done) {
        ssize_t size;
        while ((size = recvmsg(link->control, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
            ;
        done = size == sizeof *delivery;
    }
    if (!done && !link->lost)
        log_message(LOG_ERROR, "the template of the image decoders is gone: none can be replaced any more");
    link->lost = !done;
    pthread_mutex_unlock(&link->lock);
    if (done)
        *channel = descriptor_of(&message);
    return done;
}

enum status link_renew(struct link *link, size_t slot, bool dying, uint64_t deadline_ns,
                       struct failure *failure, struct child *child, struct delivery *before)
{
    uint64_t until_ns = clock_now_ns() + START_S * UINT64_C(1000000000);
    struct delivery delivery = {.ended = -1};
    struct outcome outcome;
    if (child->channel >= 0)
        close(child->channel);
    child->channel = -1;
    if (!order_child(link, &(struct order){(uint32_t)slot, dying}, &delivery, &child->channel))
        return no_children(failure, "There are no image decoders any more; the service has to be restarted.");
    if (before)
        *before = delivery;
    child->process = delivery.child;
    if (child->channel < 0)
        return no_children(failure, "The system starts no further image decoder; try again in a moment.");
    if (deadline_ns && deadline_ns < until_ns)
        until_ns = deadline_ns;
    if (channel_wait(child->channel, until_ns, &outcome) != REPLY_GIVEN)
        no_children(failure, "An image decoder did not start; try again in a moment.");
    else if (outcome.failure.status)
        *failure = outcome.failure;
    else
        return STATUS_OK;
    close(child->channel);
    child->channel = -1;
    return failure->status;
}

uint64_t child_work_ns(const struct child *child)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(child->process, &clock) || clock_gettime(clock, &used))
        return clock_now_ns();
    return (uint64_t)used.tv_sec * UINT64_C(1000000000) + (uint64_t)used.tv_nsec;
}

bool channel_is_idle(int channel)
{
    char byte;
    return channel >= 0 && recv(channel, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* What a child may answer, whoever made it say so: a status of image_decode, and a sentence in ASCII. */
static bool makes_sense(const struct outcome *outcome)
{
    const char *sentence = outcome->failure.sentence;
    if (!memchr(sentence, '\0', sizeof outcome->failure.sentence))
        return false;
    for (const char *at = sentence; *at; at++)
        if (*at < ' ' || *at > '~')
            return false;
    if (outcome->info.format >= IMAGE_FORMATS || outcome->info.warnings >= IMAGE_WARNING_END ||
        !facts_make_sense(&outcome->info.dicom))
        return false;
    switch (outcome->failure.status) {
    case STATUS_OK:
        return true;
    case STATUS_UNSUPPORTED_MEDIA:
    case STATUS_TOO_LARGE:
    case STATUS_UNPROCESSABLE:
    case STATUS_OUT_OF_MEMORY:
    case STATUS_UNAVAILABLE:
        return sentence[0] != '\0';
    default:
        return false;
    }
}

enum reply channel_wait(int channel, uint64_t until_ns, struct outcome *out)
{
    struct pollfd ready = {.fd = channel, .events = POLLIN};
    int count;
    do {
        uint64_t now_ns = clock_now_ns(), left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        struct timespec left = {(time_t)(left_ns / 1000000000), (long)(left_ns % 1000000000)};
        count = ppoll(&ready, 1, &left, NULL);
    } while (count < 0 && errno == EINTR);
    if (count == 0)
        return REPLY_LATE;
    ssize_t size = recv(channel, out, sizeof *out, MSG_DONTWAIT | MSG_TRUNC);
    if (size == sizeof *out && makes_sense(out))
        return REPLY_GIVEN;
    /* The kernel's word for a socket that was closed with something unread in it. */
    return size < 0 && errno == ECONNRESET ? REPLY_UNREAD : size > 0 ? REPLY_WRONG : REPLY_DIED;
}
