/* The peer of guests/behaviours/src/bin/queue-bench.rs: messages a second through a POSIX queue between two native processes.
   `posix-mq COUNT BYTES [MESSAGES]` prints them, counted by the consumer from its first message on. */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
  perror(what);
  exit(1);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: %s COUNT BYTES [MESSAGES]\n", argv[0]);
    return 2;
  }
  long count = atol(argv[1]);
  struct mq_attr attr = {.mq_maxmsg = argc > 3 ? atol(argv[3]) : 10, .mq_msgsize = atol(argv[2])};
  char name[64], *message = calloc(1, (size_t)attr.mq_msgsize);
  snprintf(name, sizeof name, "/peapod-bench-%d", (int)getpid());
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
  if (queue == (mqd_t)-1) die("mq_open");
  mq_unlink(name);
  pid_t producer = fork();
  if (producer < 0) die("fork");
  if (!producer) {
    for (long i = 0; i < count; i++)
      if (mq_send(queue, message, (size_t)attr.mq_msgsize, 0)) die("mq_send");
    return 0;
  }
  struct timespec start, end;
  if (mq_receive(queue, message, (size_t)attr.mq_msgsize, NULL) < 0) die("mq_receive");
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (long i = 1; i < count; i++)
    if (mq_receive(queue, message, (size_t)attr.mq_msgsize, NULL) < 0) die("mq_receive");
  clock_gettime(CLOCK_MONOTONIC, &end);
  waitpid(producer, NULL, 0);
  double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
  printf("%.0f messages/s\n", (double)(count - 1) / seconds);
  return 0;
}
