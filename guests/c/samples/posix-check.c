/* Holds the C names to their manual pages; prints FAILED lines, and exits 1 if there are any. But for peapod_shm.h it is plain POSIX. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static int failures;

static void check(int so, const char *what) {
  if (so) return;
  printf("FAILED: %s (errno %d: %s)\n", what, errno, strerror(errno));
  failures++;
}

#define CHECK(expression) check((expression), #expression)
/* The call fails with that errno. */
#define FAILS(call, number) (errno = 0, check((long)(call) == -1 && errno == (number), #call " fails with " #number))

static struct timespec in_ms(long ms) {
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  at.tv_nsec += ms * 1000000;
  at.tv_sec += at.tv_nsec / 1000000000;
  at.tv_nsec %= 1000000000;
  return at;
}

static void queues(void) {
  struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = 1024}, seen;
  static char million[1000000];
  char buffer[1024];
  unsigned priority;
  struct timespec soon, past = {.tv_sec = 1}, wrong = {.tv_sec = 0, .tv_nsec = -1};

  mq_unlink("/check");
  FAILS(mq_open("/check", O_RDWR), ENOENT);
  FAILS(mq_open("check", O_RDWR), EINVAL);
  FAILS(mq_open("/a/b", O_RDWR), EACCES);
  mqd_t queue = mq_open("/check", O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
  CHECK(queue != (mqd_t)-1);
  FAILS(mq_open("/check", O_RDWR | O_CREAT | O_EXCL, 0600, &attr), EEXIST);

  struct mq_attr other = {.mq_maxmsg = 5, .mq_msgsize = 10};
  mqd_t second = mq_open("/check", O_RDONLY | O_CREAT | O_NONBLOCK, 0600, &other);
  CHECK(mq_getattr(second, &seen) == 0 && seen.mq_maxmsg == 2 && seen.mq_msgsize == 1024 && seen.mq_curmsgs == 0);
  CHECK(seen.mq_flags == O_NONBLOCK);
  FAILS(mq_send(second, "x", 1, 0), EBADF);
  FAILS(mq_receive(second, buffer, sizeof buffer, NULL), EAGAIN);
  FAILS(mq_receive(second, buffer, 1023, NULL), EMSGSIZE);

  FAILS(mq_send(queue, million, sizeof million, 0), EMSGSIZE);
  FAILS(mq_send(queue, "x", 1, MQ_PRIO_MAX), EINVAL);
  CHECK(mq_send(queue, "low", 3, 1) == 0);
  CHECK(mq_timedsend(queue, "", 0, 2, &past) == 0);
  CHECK(mq_getattr(queue, &seen) == 0 && seen.mq_curmsgs == 2);
  FAILS(mq_timedsend(queue, "x", 1, 0, &wrong), EINVAL);
  FAILS(mq_timedsend(queue, "x", 1, 0, &past), ETIMEDOUT);
  soon = in_ms(50);
  FAILS(mq_timedsend(queue, "x", 1, 0, &soon), ETIMEDOUT);
  seen.mq_flags = O_NONBLOCK;
  CHECK(mq_setattr(queue, &seen, &other) == 0 && other.mq_flags == 0);
  FAILS(mq_send(queue, "x", 1, 0), EAGAIN);
  seen.mq_flags = 0;
  CHECK(mq_setattr(queue, &seen, NULL) == 0);

  CHECK(mq_receive(second, buffer, sizeof buffer, &priority) == 0 && priority == 2);
  CHECK(mq_timedreceive(queue, buffer, sizeof buffer, &priority, &past) == 3 && priority == 1 && !memcmp(buffer, "low", 3));
  soon = in_ms(50);
  FAILS(mq_timedreceive(queue, buffer, sizeof buffer, NULL, &soon), ETIMEDOUT);

  CHECK(mq_unlink("/check") == 0);
  FAILS(mq_unlink("/check"), ENOENT);
  CHECK(mq_send(queue, "after", 5, 0) == 0);
  CHECK(mq_receive(second, buffer, sizeof buffer, NULL) == 5);
  CHECK(mq_close(queue) == 0 && mq_close(second) == 0);
  FAILS(mq_close(queue), EBADF);
  FAILS(mq_send(queue, "x", 1, 0), EBADF);
}

static void semaphores(void) {
  struct timespec soon;
  int value;
  sem_unlink("/check");
  CHECK(sem_open("/check", 0) == SEM_FAILED && errno == ENOENT);
  sem_t *sem = sem_open("/check", O_CREAT | O_EXCL, 0600, 2);
  CHECK(sem != SEM_FAILED);
  CHECK(sem_open("/check", O_CREAT | O_EXCL, 0600, 2) == SEM_FAILED && errno == EEXIST);
  sem_t *same = sem_open("check", 0);
  CHECK(same != SEM_FAILED);
  CHECK(sem_wait(sem) == 0 && sem_trywait(same) == 0);
  CHECK(sem_getvalue(sem, &value) == 0 && value == 0);
  FAILS(sem_trywait(sem), EAGAIN);
  soon = in_ms(50);
  FAILS(sem_timedwait(sem, &soon), ETIMEDOUT);
  CHECK(sem_post(same) == 0 && sem_getvalue(sem, &value) == 0 && value == 1);
  soon = in_ms(50);
  CHECK(sem_timedwait(sem, &soon) == 0);
  CHECK(sem_close(same) == 0 && sem_unlink("/check") == 0);
  FAILS(sem_unlink("/check"), ENOENT);
  CHECK(sem_post(sem) == 0 && sem_close(sem) == 0);
  CHECK(sem_open("/full", O_CREAT, 0600, (unsigned)SEM_VALUE_MAX + 1) == SEM_FAILED && errno == EINVAL);

  sem_t local;
  CHECK(sem_init(&local, 0, 1) == 0 && sem_wait(&local) == 0);
  FAILS(sem_trywait(&local), EAGAIN);
  CHECK(sem_post(&local) == 0 && sem_getvalue(&local, &value) == 0 && value == 1);
  CHECK(sem_destroy(&local) == 0);
}

#ifdef __wasi__
#include <peapod_shm.h>

static void memory(void) {
  char buffer[8];
  uint32_t word = 7;
  uint64_t wide = 0;
  struct timespec soon = {.tv_nsec = 50000000};
  FAILS(peapod_shm_open("/check", O_RDWR, 0600), ENOENT);
  int shm = peapod_shm_open("/check", O_RDWR | O_CREAT | O_EXCL, 0600);
  CHECK(shm != -1 && peapod_shm_size(shm) == 0);
  FAILS(peapod_shm_open("/check", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
  CHECK(peapod_shm_ftruncate(shm, 4096) == 0 && peapod_shm_size(shm) == 4096);
  int reader = peapod_shm_open("/check", O_RDONLY, 0);
  CHECK(peapod_shm_pwrite(shm, "hello", 5, 8) == 5);
  CHECK(peapod_shm_pread(reader, buffer, 5, 8) == 5 && !memcmp(buffer, "hello", 5));
  FAILS(peapod_shm_pwrite(reader, "x", 1, 0), EACCES);
  FAILS(peapod_shm_pread(shm, buffer, 5, 4095), EINVAL);
  CHECK(peapod_shm_compare_exchange32(shm, 0, &word, 1) == 0 && word == 0);
  CHECK(peapod_shm_compare_exchange32(shm, 0, &word, 1) == 1);
  CHECK(peapod_shm_fetch_add32(shm, 0, 4, &word) == 0 && word == 1);
  CHECK(peapod_shm_compare_exchange64(shm, 16, &wide, 9) == 1);
  CHECK(peapod_shm_fetch_add64(shm, 16, 1, &wide) == 0 && wide == 9);
  FAILS(peapod_shm_fetch_add32(shm, 2, 1, NULL), EINVAL);
  FAILS(peapod_shm_wait(shm, 0, 1, NULL), EAGAIN);
  FAILS(peapod_shm_wait(shm, 0, 5, &soon), ETIMEDOUT);
  CHECK(peapod_shm_notify(shm, 0, 1) == 0);
  FAILS(peapod_shm_ftruncate(shm, (off_t)1 << 40), ENOSPC);
  CHECK(peapod_shm_unlink("/check") == 0 && peapod_shm_close(reader) == 0 && peapod_shm_close(shm) == 0);
  FAILS(peapod_shm_close(shm), EBADF);
}
#endif

int main(void) {
  queues();
  semaphores();
#ifdef __wasi__
  memory();
#endif
  if (!failures) puts("all as POSIX has it");
  return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
