#include "semaphore.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common.h"

static peapod_pod_semaphore_borrow_counter_t handle(const sem_t *sem) {
  return (peapod_pod_semaphore_borrow_counter_t){sem->handle};
}

/* Many sources leave the slash out, which the C libraries of Linux allow. The name with it, or NULL with ENOMEM. */
static char *with_slash(const char *name) {
  char *full = NULL;
  return asprintf(&full, "%s%s", *name == '/' ? "" : "/", name) < 0 ? NULL : full;
}

sem_t *sem_open(const char *name, int oflag, ...) {
  unsigned value = 0;
  if (oflag & O_CREAT) {
    va_list args;
    va_start(args, oflag);
    (void)va_arg(args, mode_t);
    value = va_arg(args, unsigned);
    va_end(args);
  }
  sem_t *sem = malloc(sizeof *sem);
  char *full = with_slash(name);
  if (!sem || !full) {
    free(sem);
    free(full);
    errno = ENOMEM;
    return SEM_FAILED;
  }
  communication_string_t text = peapod_name(full);
  peapod_pod_semaphore_own_counter_t counter;
  peapod_pod_semaphore_error_code_t error;
  bool opened = peapod_pod_semaphore_open(&text, peapod_creation(oflag), value, &counter, &error);
  free(full);
  if (!opened) {
    free(sem);
    peapod_fail(error);
    return SEM_FAILED;
  }
  *sem = (sem_t){.named = 1, .handle = counter.__handle};
  return sem;
}

int sem_close(sem_t *sem) {
  if (!sem->named) {
    errno = EINVAL;
    return -1;
  }
  peapod_pod_semaphore_counter_drop_own((peapod_pod_semaphore_own_counter_t){sem->handle});
  free(sem);
  return 0;
}

int sem_unlink(const char *name) {
  char *full = with_slash(name);
  if (!full) {
    errno = ENOMEM;
    return -1;
  }
  communication_string_t text = peapod_name(full);
  peapod_pod_semaphore_error_code_t error;
  bool gone = peapod_pod_semaphore_unlink(&text, &error);
  free(full);
  return gone ? 0 : peapod_fail(error);
}

int sem_init(sem_t *sem, int shared, unsigned value) {
  if (shared || value > SEM_VALUE_MAX) {
    errno = shared ? ENOSYS : EINVAL;
    return -1;
  }
  *sem = (sem_t){.value = value};
  return 0;
}

int sem_destroy(sem_t *sem) {
  (void)sem;
  return 0;
}

int sem_trywait(sem_t *sem) {
  peapod_pod_semaphore_error_code_t error;
  if (sem->named) return peapod_pod_semaphore_method_counter_try_wait(handle(sem), &error) ? 0 : peapod_fail(error);
  if (!sem->value) {
    errno = EAGAIN;
    return -1;
  }
  sem->value--;
  return 0;
}

int sem_wait(sem_t *sem) {
  int before = errno;
  if (!sem_trywait(sem)) return 0;
  if (errno != EAGAIN) return -1;
  if (!sem->named) {
    errno = EDEADLK;
    return -1;
  }
  errno = before;
  peapod_pod_semaphore_method_counter_wait(handle(sem));
  return 0;
}

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict until) {
  int before = errno;
  uint64_t limit;
  if (!sem_trywait(sem)) return 0;
  if (errno != EAGAIN || !peapod_until(until, &limit)) return -1;
  if (!sem->named) {
    /* Nobody can post meanwhile. */
    struct timespec rest = {.tv_sec = (time_t)(limit / 1000000000), .tv_nsec = (long)(limit % 1000000000)};
    nanosleep(&rest, NULL);
    errno = ETIMEDOUT;
    return -1;
  }
  errno = before;
  peapod_pod_semaphore_error_code_t error;
  return peapod_pod_semaphore_method_counter_timed_wait(handle(sem), limit, &error) ? 0 : peapod_fail(error);
}

int sem_post(sem_t *sem) {
  peapod_pod_semaphore_error_code_t error;
  if (sem->named) return peapod_pod_semaphore_method_counter_post(handle(sem), &error) ? 0 : peapod_fail(error);
  if (sem->value == SEM_VALUE_MAX) {
    errno = EOVERFLOW;
    return -1;
  }
  sem->value++;
  return 0;
}

int sem_getvalue(sem_t *restrict sem, int *restrict value) {
  *value = (int)(sem->named ? peapod_pod_semaphore_method_counter_value(handle(sem)) : sem->value);
  return 0;
}
