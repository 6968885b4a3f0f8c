#include "engine/sandbox/child.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* For a child's end to be seen on a machine that is busy with everything else. */
enum { DYING_MS = 1000 };

/* Signals for the whole process group, such as Ctrl-C, are for the server: it drains, and needs its decoders
 * for that. */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void child_follow(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before that */
        _exit(0);
}

/* Ends the child, if it does not end by itself within so long, as one does that is dying. */
static struct delivery end_child(pid_t *child, int patience_ms)
{
    struct delivery ending = {.ended = -1};
    pid_t ended = *child ? waitpid(*child, &ending.ended, WNOHANG) : *child;
    for (; *child && !ended && patience_ms; patience_ms--) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        ended = waitpid(*child, &ending.ended, WNOHANG);
    }
    if (*child && !ended) {
        ending.forced = true;
        kill(*child, SIGKILL);
        while (waitpid(*child, &ending.ended, 0) < 0 && errno == EINTR)
            ;
    }
    *child = 0;
    return ending;
}

/* Forks the slot's child; returns the pool's end of its socket, -1 when it cannot. */
static int start_child(const struct plan *plan, size_t slot, pid_t *child)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -1;
    pid_t template = getpid(), forked = fork();
    if (forked == 0) {
        child_follow(template);
        child_run(plan, slot, pair[1]);
    }
    close(pair[1]);
    if (forked < 0) {
        close(pair[0]);
        return -1;
    }
    *child = forked;
    return pair[0];
}

static bool deliver(int control, const struct delivery *delivery, int channel)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } ancillary = {0};
    struct iovec content = {(void *)delivery, sizeof *delivery};
    struct msghdr message = {.msg_iov = &content, .msg_iovlen = 1};
    if (channel >= 0) {
        message.msg_control = ancillary.bytes;
        message.msg_controllen = sizeof ancillary.bytes;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof channel);
        memcpy(CMSG_DATA(head), &channel, sizeof channel);
    }
    return sendmsg(control, &message, MSG_NOSIGNAL) == sizeof *delivery;
}

void template_run(const struct plan *plan, int control)
{
    pid_t children[IMAGE_POOL_CHILDREN_MAX] = {0};
    struct order order;
    ignore_signals();
    prctl(PR_SET_NAME, "cxrd-decoders");
    control = child_keep_only(control);
    while (recv(control, &order, sizeof order, 0) == sizeof order) {
        struct delivery delivery = end_child(&children[order.slot], order.dying ? DYING_MS : 0);
        int channel = start_child(plan, order.slot, &children[order.slot]);
        delivery.child = children[order.slot];
        bool delivered = deliver(control, &delivery, channel);
        if (channel >= 0)
            close(channel);
        if (!delivered)
            break;
    }
    for (size_t i = 0; i < plan->count; i++)
        end_child(&children[i], 0);
    areas_finish(plan->areas, plan->count); /* as in a child */
    _exit(0);
}
