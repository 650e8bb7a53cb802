#include "mqueue.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

static struct peapod_table queues;

static peapod_pod_message_queue_borrow_queue_t handle(const struct peapod_slot *slot) {
  return (peapod_pod_message_queue_borrow_queue_t){slot->handle};
}

mqd_t mq_open(const char *name, int oflag, ...) {
  peapod_pod_message_queue_size_t size, *given = NULL;
  if (oflag & O_CREAT) {
    va_list args;
    va_start(args, oflag);
    (void)va_arg(args, mode_t);
    const struct mq_attr *attr = va_arg(args, struct mq_attr *);
    va_end(args);
    if (attr) {
      if (attr->mq_maxmsg <= 0 || attr->mq_msgsize <= 0) {
        errno = EINVAL;
        return -1;
      }
      size.messages = (uint32_t)attr->mq_maxmsg;
      size.message_bytes = (uint32_t)attr->mq_msgsize;
      given = &size;
    }
  }
  peapod_pod_message_queue_access_t access = 0;
  int mode = oflag & O_ACCMODE;
  /* 0 is O_RDONLY on most systems, though not on this one. */
  if (mode == O_RDONLY || mode == O_RDWR || mode == 0) access |= PEAPOD_POD_MESSAGE_QUEUE_ACCESS_READ;
  if (mode == O_WRONLY || mode == O_RDWR) access |= PEAPOD_POD_MESSAGE_QUEUE_ACCESS_WRITE;
  struct peapod_slot *slot = peapod_slot(&queues);
  if (!slot) return -1;
  communication_string_t text = peapod_name(name);
  peapod_pod_message_queue_own_queue_t queue;
  peapod_pod_message_queue_error_code_t error;
  if (!peapod_pod_message_queue_open(&text, access, peapod_creation(oflag), given, &queue, &error)) return peapod_fail(error);
  slot->open = true;
  slot->handle = queue.__handle;
  slot->flags = oflag & O_NONBLOCK;
  /* A queue's size never changes, and every receive asks for it. */
  peapod_pod_message_queue_attributes_t attributes;
  peapod_pod_message_queue_method_queue_attributes(handle(slot), &attributes);
  slot->size = attributes.size.message_bytes;
  return peapod_descriptor(&queues, slot);
}

int mq_close(mqd_t queue) {
  struct peapod_slot *slot = peapod_get(&queues, queue);
  if (!slot) return -1;
  peapod_pod_message_queue_queue_drop_own((peapod_pod_message_queue_own_queue_t){slot->handle});
  slot->open = false;
  return 0;
}

int mq_unlink(const char *name) {
  communication_string_t text = peapod_name(name);
  peapod_pod_message_queue_error_code_t error;
  return peapod_pod_message_queue_unlink(&text, &error) ? 0 : peapod_fail(error);
}

int mq_getattr(mqd_t queue, struct mq_attr *attr) {
  struct peapod_slot *slot = peapod_get(&queues, queue);
  if (!slot) return -1;
  peapod_pod_message_queue_attributes_t attributes;
  peapod_pod_message_queue_method_queue_attributes(handle(slot), &attributes);
  *attr = (struct mq_attr){
      .mq_flags = slot->flags,
      .mq_maxmsg = (long)attributes.size.messages,
      .mq_msgsize = (long)attributes.size.message_bytes,
      .mq_curmsgs = (long)attributes.current,
  };
  return 0;
}

int mq_setattr(mqd_t queue, const struct mq_attr *restrict attr, struct mq_attr *restrict old) {
  struct peapod_slot *slot = peapod_get(&queues, queue);
  if (!slot) return -1;
  if (attr->mq_flags & ~(long)O_NONBLOCK) {
    errno = EINVAL;
    return -1;
  }
  if (old && mq_getattr(queue, old)) return -1;
  slot->flags = (int)attr->mq_flags;
  return 0;
}

static int send_until(mqd_t queue, const char *bytes, size_t len, unsigned priority, const struct timespec *until, bool timed) {
  struct peapod_slot *slot = peapod_get(&queues, queue);
  if (!slot) return -1;
  communication_list_u8_t message = {(uint8_t *)bytes, len};
  peapod_pod_message_queue_error_code_t error;
  /* A time that is wrong or past does not matter as long as there is room. */
  if (peapod_pod_message_queue_method_queue_try_send(handle(slot), &message, priority, &error)) return 0;
  if (error != PEAPOD_POD_IPC_ERROR_CODE_WOULD_BLOCK || slot->flags & O_NONBLOCK) return peapod_fail(error);
  bool sent;
  if (timed) {
    uint64_t limit;
    if (!peapod_until(until, &limit)) return -1;
    sent = peapod_pod_message_queue_method_queue_timed_send(handle(slot), &message, priority, limit, &error);
  } else {
    sent = peapod_pod_message_queue_method_queue_send(handle(slot), &message, priority, &error);
  }
  return sent ? 0 : peapod_fail(error);
}

int mq_send(mqd_t queue, const char *message, size_t len, unsigned priority) {
  return send_until(queue, message, len, priority, NULL, false);
}

int mq_timedsend(mqd_t queue, const char *message, size_t len, unsigned priority, const struct timespec *until) {
  return send_until(queue, message, len, priority, until, true);
}

static ssize_t receive_until(mqd_t queue, char *bytes, size_t len, unsigned *priority, const struct timespec *until, bool timed) {
  struct peapod_slot *slot = peapod_get(&queues, queue);
  if (!slot) return -1;
  if (len < slot->size) {
    errno = EMSGSIZE;
    return -1;
  }
  communication_tuple2_list_u8_u32_t message;
  peapod_pod_message_queue_error_code_t error;
  bool received = peapod_pod_message_queue_method_queue_try_receive(handle(slot), &message, &error);
  if (!received) {
    if (error != PEAPOD_POD_IPC_ERROR_CODE_WOULD_BLOCK || slot->flags & O_NONBLOCK) return peapod_fail(error);
    if (timed) {
      uint64_t limit;
      if (!peapod_until(until, &limit)) return -1;
      received = peapod_pod_message_queue_method_queue_timed_receive(handle(slot), limit, &message, &error);
    } else {
      received = peapod_pod_message_queue_method_queue_receive(handle(slot), &message, &error);
    }
    if (!received) return peapod_fail(error);
  }
  size_t got = message.f0.len;
  if (got) {
    memcpy(bytes, message.f0.ptr, got);
    free(message.f0.ptr);
  }
  if (priority) *priority = message.f1;
  return (ssize_t)got;
}

ssize_t mq_receive(mqd_t queue, char *message, size_t len, unsigned *priority) {
  return receive_until(queue, message, len, priority, NULL, false);
}

ssize_t mq_timedreceive(mqd_t queue, char *restrict message, size_t len, unsigned *restrict priority,
                        const struct timespec *restrict until) {
  return receive_until(queue, message, len, priority, until, true);
}

int mq_notify(mqd_t queue, const struct sigevent *event) {
  (void)queue;
  (void)event;
  errno = ENOSYS;
  return -1;
}
