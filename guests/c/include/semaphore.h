/* Semaphores by their POSIX names, for programs in a peapod container: sem_overview(7). Named ones are the pod's; an unnamed one belongs to
   its program, which has one thread, so that waiting for it at 0 fails with EDEADLK. */
#ifndef PEAPOD_SEMAPHORE_H
#define PEAPOD_SEMAPHORE_H

#include <fcntl.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef SEM_VALUE_MAX
#define SEM_VALUE_MAX 0x7fffffff
#endif

typedef struct {
  int named;
  int handle;
  unsigned value;
} sem_t;

#define SEM_FAILED ((sem_t *)0)

/* With O_CREAT: mode_t mode, unsigned value. */
sem_t *sem_open(const char *name, int oflag, ...);
int sem_close(sem_t *sem);
int sem_unlink(const char *name);
/* Shared between processes: ENOSYS; use sem_open. */
int sem_init(sem_t *sem, int shared, unsigned value);
int sem_destroy(sem_t *sem);
int sem_wait(sem_t *sem);
int sem_trywait(sem_t *sem);
int sem_timedwait(sem_t *__restrict sem, const struct timespec *__restrict until);
int sem_post(sem_t *sem);
int sem_getvalue(sem_t *__restrict sem, int *__restrict value);

#ifdef __cplusplus
}
#endif
#endif
