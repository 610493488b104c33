/* Stores that fail, run out of disk, call back, or kill the process at their Nth operation.
 *
 * One `struct fault` counts for all stores it wraps, so that functions of two stores are counted once.
 * Counted are the operations that change or sync something (locks too: they may make their file), with
 * `reads` all of them; void ones (close_input, unlock, close) never.
 *
 *   fault_create(&fault); fault_wrap(fault, inner, &store);
 *   for (n = 1;; n++) { fault_arm(fault, &(struct fault_plan){.at = n, .onwards = true}); …;
 *                       if (fault_count(fault) < n) break; }
 *
 * Closing a wrapping store leaves the inner one open. Any number of threads. */
#ifndef LAM_TESTS_FAULT_STORE_H
#define LAM_TESTS_FAULT_STORE_H

#include "store/store.h"

enum fault_action {
  FAULT_FAIL, /* LAM_IO */
  FAULT_FULL, /* the disk is full: what needs room fails, a write after its first half; the rest works */
  FAULT_CALL, /* the callback */
  FAULT_EXIT, /* _exit(FAULT_EXIT_STATUS) */
};
enum { FAULT_EXIT_STATUS = 99 };

/* All zero: count and do nothing. */
struct fault_plan {
  uint64_t at; /* the operation, from 1; 0: none */
  enum fault_action action;
  bool after;   /* once the operation has been applied; a failure is then reported all the same */
  bool onwards; /* that operation and each after it. FAULT_FULL without it: the first that needs room */
  bool reads;   /* count reads too */
  void (*call)(void *user, const char *what); /* `what` as a line of the trace; it may use the inner stores */
  void *user;
};

struct fault;

void fault_create(struct fault **out);
void fault_wrap(struct fault *fault, struct lam_store *inner, struct lam_store **out);
/* Begins to count anew, with an empty trace. NULL: a plan of zeros. */
void fault_arm(struct fault *fault, const struct fault_plan *plan);
/* Operations counted since. */
uint64_t fault_count(struct fault *fault);
/* True once the plan's action has been taken. */
bool fault_fired(struct fault *fault);
/* The counted operations, one a line: number, name, root/key[ -> root/key]. Valid until the next call. */
const char *fault_trace(struct fault *fault);
/* Its stores are closed. */
void fault_free(struct fault *fault);

#endif
