#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int peapod_fail(peapod_pod_ipc_error_code_t code) {
  static const int numbers[] = {
      [PEAPOD_POD_IPC_ERROR_CODE_NO_ENTRY] = ENOENT,
      [PEAPOD_POD_IPC_ERROR_CODE_EXIST] = EEXIST,
      [PEAPOD_POD_IPC_ERROR_CODE_ACCESS] = EACCES,
      [PEAPOD_POD_IPC_ERROR_CODE_INVALID] = EINVAL,
      [PEAPOD_POD_IPC_ERROR_CODE_NAME_TOO_LONG] = ENAMETOOLONG,
      [PEAPOD_POD_IPC_ERROR_CODE_MESSAGE_SIZE] = EMSGSIZE,
      [PEAPOD_POD_IPC_ERROR_CODE_WOULD_BLOCK] = EAGAIN,
      [PEAPOD_POD_IPC_ERROR_CODE_TIMED_OUT] = ETIMEDOUT,
      [PEAPOD_POD_IPC_ERROR_CODE_BAD_HANDLE] = EBADF,
      [PEAPOD_POD_IPC_ERROR_CODE_TOO_MANY_HANDLES] = EMFILE,
      [PEAPOD_POD_IPC_ERROR_CODE_NO_SPACE] = ENOSPC,
      [PEAPOD_POD_IPC_ERROR_CODE_NO_MEMORY] = ENOMEM,
      [PEAPOD_POD_IPC_ERROR_CODE_OVERFLOW] = EOVERFLOW,
  };
  errno = code < sizeof numbers / sizeof *numbers ? numbers[code] : EIO;
  return -1;
}

communication_string_t peapod_name(const char *name) {
  return (communication_string_t){(uint8_t *)name, strlen(name)};
}

peapod_pod_ipc_creation_t peapod_creation(int oflag) {
  if (!(oflag & O_CREAT)) return PEAPOD_POD_IPC_CREATION_NEVER;
  return oflag & O_EXCL ? PEAPOD_POD_IPC_CREATION_EXCLUSIVE : PEAPOD_POD_IPC_CREATION_IF_MISSING;
}

bool peapod_until(const struct timespec *until, uint64_t *nanoseconds) {
  struct timespec now;
  if (!until || until->tv_nsec < 0 || until->tv_nsec >= 1000000000) {
    errno = EINVAL;
    return false;
  }
  clock_gettime(CLOCK_REALTIME, &now);
  int64_t seconds = (int64_t)until->tv_sec - (int64_t)now.tv_sec;
  int64_t rest = (int64_t)until->tv_nsec - (int64_t)now.tv_nsec;
  if (rest < 0) {
    seconds -= 1;
    rest += 1000000000;
  }
  if (seconds < 0)
    *nanoseconds = 0;
  else if (seconds > INT64_MAX / 1000000000 - 1)
    *nanoseconds = INT64_MAX;
  else
    *nanoseconds = (uint64_t)(seconds * 1000000000 + rest);
  return true;
}

struct peapod_slot *peapod_slot(struct peapod_table *table) {
  for (int i = 0; i < table->len; i++)
    if (!table->slots[i].open) return &table->slots[i];
  int len = table->len ? table->len * 2 : 8;
  struct peapod_slot *slots = realloc(table->slots, sizeof *slots * (size_t)len);
  if (!slots) {
    errno = ENOMEM;
    return NULL;
  }
  memset(slots + table->len, 0, sizeof *slots * (size_t)(len - table->len));
  struct peapod_slot *first = slots + table->len;
  table->slots = slots;
  table->len = len;
  return first;
}

struct peapod_slot *peapod_get(const struct peapod_table *table, int descriptor) {
  if (descriptor < 1 || descriptor > table->len || !table->slots[descriptor - 1].open) {
    errno = EBADF;
    return NULL;
  }
  return &table->slots[descriptor - 1];
}

int peapod_descriptor(const struct peapod_table *table, const struct peapod_slot *slot) {
  return (int)(slot - table->slots) + 1;
}
