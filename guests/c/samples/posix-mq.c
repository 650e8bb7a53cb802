/* A producer and a consumer over a POSIX message queue and a POSIX semaphore. Nothing in here knows peapod: `cc posix-mq.c -lrt -pthread` makes
   the same program for Linux. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define QUEUE "/posix-sample"
#define READY "/posix-sample-ready"
#define MESSAGES 5
#define TEXT_MAX 64
#define URGENT 10

static void die(const char *what) {
  perror(what);
  exit(EXIT_FAILURE);
}

/* Whoever comes first makes both. */
static mqd_t open_queue(int access) {
  struct mq_attr attr = {.mq_maxmsg = 8, .mq_msgsize = TEXT_MAX};
  mqd_t queue = mq_open(QUEUE, access | O_CREAT, S_IRUSR | S_IWUSR, &attr);
  if (queue == (mqd_t)-1) die("mq_open");
  return queue;
}

static sem_t *open_ready(void) {
  sem_t *ready = sem_open(READY, O_CREAT, S_IRUSR | S_IWUSR, 0);
  if (ready == SEM_FAILED) die("sem_open");
  return ready;
}

static int produce(void) {
  mqd_t queue = open_queue(O_WRONLY);
  sem_t *ready = open_ready();
  char text[TEXT_MAX];
  for (int i = 1; i <= MESSAGES; i++) {
    snprintf(text, sizeof text, "message %d", i);
    if (mq_send(queue, text, strlen(text) + 1, 0)) die("mq_send");
    printf("sent %s\n", text);
  }
  strcpy(text, "urgent message");
  if (mq_send(queue, text, strlen(text) + 1, URGENT)) die("mq_send");
  printf("sent %s\n", text);
  if (sem_post(ready)) die("sem_post");
  if (sem_close(ready)) die("sem_close");
  if (mq_close(queue)) die("mq_close");
  return EXIT_SUCCESS;
}

static int consume(void) {
  mqd_t queue = open_queue(O_RDONLY);
  sem_t *ready = open_ready();
  /* All of them are there before the first is taken: so the urgent one comes first. */
  while (sem_wait(ready))
    if (errno != EINTR) die("sem_wait");
  struct mq_attr attr;
  if (mq_getattr(queue, &attr)) die("mq_getattr");
  printf("%ld messages of at most %ld bytes\n", attr.mq_curmsgs, attr.mq_msgsize);
  char *text = malloc((size_t)attr.mq_msgsize);
  if (!text) die("malloc");
  for (long left = attr.mq_curmsgs; left > 0; left--) {
    unsigned priority;
    ssize_t len = mq_receive(queue, text, (size_t)attr.mq_msgsize, &priority);
    if (len < 0) die("mq_receive");
    printf("received %s (%zd bytes, priority %u)\n", text, len, priority);
  }
  free(text);
  if (sem_close(ready) || sem_unlink(READY)) die("sem_unlink");
  if (mq_close(queue) || mq_unlink(QUEUE)) die("mq_unlink");
  return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "producer")) return produce();
  if (argc == 2 && !strcmp(argv[1], "consumer")) return consume();
  fprintf(stderr, "usage: %s producer|consumer\n", argv[0]);
  return EXIT_FAILURE;
}
