/* Message queues by their POSIX names, for programs in a peapod container: mq_overview(7). The queues are the pod's. */
#ifndef PEAPOD_MQUEUE_H
#define PEAPOD_MQUEUE_H

#include <fcntl.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef MQ_PRIO_MAX
#define MQ_PRIO_MAX 32768
#endif

typedef int mqd_t;

struct mq_attr {
  long mq_flags;   /* O_NONBLOCK or 0 */
  long mq_maxmsg;  /* messages the queue holds */
  long mq_msgsize; /* bytes of a message */
  long mq_curmsgs; /* messages in it now */
};

struct sigevent;

/* With O_CREAT: mode_t mode, struct mq_attr *attr. A pod has no users, so that the mode means nothing. */
mqd_t mq_open(const char *name, int oflag, ...);
int mq_close(mqd_t queue);
int mq_unlink(const char *name);
int mq_getattr(mqd_t queue, struct mq_attr *attr);
int mq_setattr(mqd_t queue, const struct mq_attr *__restrict attr, struct mq_attr *__restrict old);
int mq_send(mqd_t queue, const char *message, size_t len, unsigned priority);
int mq_timedsend(mqd_t queue, const char *message, size_t len, unsigned priority, const struct timespec *until);
ssize_t mq_receive(mqd_t queue, char *message, size_t len, unsigned *priority);
ssize_t mq_timedreceive(mqd_t queue, char *__restrict message, size_t len, unsigned *__restrict priority,
                        const struct timespec *__restrict until);
/* Always ENOSYS: there are no signals that a queue could send. */
int mq_notify(mqd_t queue, const struct sigevent *event);

#ifdef __cplusplus
}
#endif
#endif
