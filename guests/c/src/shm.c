#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "peapod_shm.h"

static struct peapod_table segments;

/* Every call begins so: the segment, or -1 with EBADF or EINVAL. */
#define SEGMENT(shm, at)                                                    \
  const struct peapod_slot *slot = peapod_get(&segments, shm);              \
  if (!slot) return -1;                                                     \
  if ((at) < 0) {                                                           \
    errno = EINVAL;                                                         \
    return -1;                                                              \
  }                                                                         \
  peapod_pod_shared_memory_borrow_segment_t segment = {slot->handle};       \
  peapod_pod_shared_memory_error_code_t error

int peapod_shm_open(const char *name, int oflag, mode_t mode) {
  (void)mode;
  struct peapod_slot *slot = peapod_slot(&segments);
  if (!slot) return -1;
  bool writable = (oflag & O_ACCMODE) == O_RDWR;
  communication_string_t text = peapod_name(name);
  peapod_pod_shared_memory_own_segment_t segment;
  peapod_pod_shared_memory_error_code_t error;
  if (!peapod_pod_shared_memory_open(&text, writable, peapod_creation(oflag), 0, &segment, &error)) return peapod_fail(error);
  slot->open = true;
  slot->handle = segment.__handle;
  int descriptor = peapod_descriptor(&segments, slot);
  if (oflag & O_TRUNC && peapod_shm_ftruncate(descriptor, 0)) {
    int why = errno;
    peapod_shm_close(descriptor);
    errno = why;
    return -1;
  }
  return descriptor;
}

int peapod_shm_close(int shm) {
  struct peapod_slot *slot = peapod_get(&segments, shm);
  if (!slot) return -1;
  peapod_pod_shared_memory_segment_drop_own((peapod_pod_shared_memory_own_segment_t){slot->handle});
  slot->open = false;
  return 0;
}

int peapod_shm_unlink(const char *name) {
  communication_string_t text = peapod_name(name);
  peapod_pod_shared_memory_error_code_t error;
  return peapod_pod_shared_memory_unlink(&text, &error) ? 0 : peapod_fail(error);
}

int peapod_shm_ftruncate(int shm, off_t size) {
  SEGMENT(shm, size);
  return peapod_pod_shared_memory_method_segment_resize(segment, (uint64_t)size, &error) ? 0 : peapod_fail(error);
}

off_t peapod_shm_size(int shm) {
  const struct peapod_slot *slot = peapod_get(&segments, shm);
  if (!slot) return -1;
  return (off_t)peapod_pod_shared_memory_method_segment_size((peapod_pod_shared_memory_borrow_segment_t){slot->handle});
}

ssize_t peapod_shm_pread(int shm, void *to, size_t len, off_t at) {
  SEGMENT(shm, at);
  size_t done = 0;
  do {
    communication_list_u8_t bytes;
    if (!peapod_pod_shared_memory_method_segment_read(segment, (uint64_t)at + done, len - done, &bytes, &error))
      return peapod_fail(error);
    if (!bytes.len) break;
    memcpy((char *)to + done, bytes.ptr, bytes.len);
    free(bytes.ptr);
    done += bytes.len;
  } while (done < len);
  return (ssize_t)done;
}

ssize_t peapod_shm_pwrite(int shm, const void *from, size_t len, off_t at) {
  SEGMENT(shm, at);
  communication_list_u8_t bytes = {(uint8_t *)from, len};
  if (!peapod_pod_shared_memory_method_segment_write(segment, (uint64_t)at, &bytes, &error)) return peapod_fail(error);
  return (ssize_t)len;
}

int peapod_shm_compare_exchange32(int shm, off_t at, uint32_t *expected, uint32_t desired) {
  SEGMENT(shm, at);
  uint32_t before;
  if (!peapod_pod_shared_memory_method_segment_compare_exchange32(segment, (uint64_t)at, *expected, desired, &before, &error))
    return peapod_fail(error);
  int done = before == *expected;
  *expected = before;
  return done;
}

int peapod_shm_compare_exchange64(int shm, off_t at, uint64_t *expected, uint64_t desired) {
  SEGMENT(shm, at);
  uint64_t before;
  if (!peapod_pod_shared_memory_method_segment_compare_exchange64(segment, (uint64_t)at, *expected, desired, &before, &error))
    return peapod_fail(error);
  int done = before == *expected;
  *expected = before;
  return done;
}

int peapod_shm_fetch_add32(int shm, off_t at, uint32_t by, uint32_t *before) {
  SEGMENT(shm, at);
  uint32_t was;
  if (!peapod_pod_shared_memory_method_segment_fetch_add32(segment, (uint64_t)at, by, &was, &error)) return peapod_fail(error);
  if (before) *before = was;
  return 0;
}

int peapod_shm_fetch_add64(int shm, off_t at, uint64_t by, uint64_t *before) {
  SEGMENT(shm, at);
  uint64_t was;
  if (!peapod_pod_shared_memory_method_segment_fetch_add64(segment, (uint64_t)at, by, &was, &error)) return peapod_fail(error);
  if (before) *before = was;
  return 0;
}

int peapod_shm_wait(int shm, off_t at, uint32_t expected, const struct timespec *limit) {
  SEGMENT(shm, at);
  if (!limit)
    return peapod_pod_shared_memory_method_segment_wait(segment, (uint64_t)at, expected, &error) ? 0 : peapod_fail(error);
  if (limit->tv_sec < 0 || limit->tv_sec > INT64_MAX / 1000000000 - 1 || limit->tv_nsec < 0 || limit->tv_nsec >= 1000000000) {
    errno = EINVAL;
    return -1;
  }
  uint64_t nanoseconds = (uint64_t)limit->tv_sec * 1000000000 + (uint64_t)limit->tv_nsec;
  return peapod_pod_shared_memory_method_segment_timed_wait(segment, (uint64_t)at, expected, nanoseconds, &error) ? 0 : peapod_fail(error);
}

int peapod_shm_notify(int shm, off_t at, unsigned most) {
  SEGMENT(shm, at);
  uint32_t woken;
  if (!peapod_pod_shared_memory_method_segment_notify(segment, (uint64_t)at, most, &woken, &error)) return peapod_fail(error);
  return (int)woken;
}
