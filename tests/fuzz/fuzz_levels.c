/* Repetition and definition levels of any bytes to offsets and validity: as the processor can and as any can, at once
 * and row by row, the same comes out. Byte 0 is the number of lists above the leaf, byte 1 says which fields are
 * optional, then follow a byte of repetition and one of definition for each level. */
#include <stdlib.h>

#include "parquet/nested.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_LISTS = 5, MOST_LEVELS = 300, SLACK = 64, WAYS = 3 };

struct slots {
  struct lam_nested nested;
  struct lam_nested_node nodes[MOST_LISTS + 1];
  bool good;
};
typedef bool kernel(struct lam_nested *nested, const uint8_t *repetition, const uint8_t *definition, size_t count,
                    struct lam_shared *leaf_validity);

static void check(bool condition) {
  if (!condition) abort();
}

static void lay_out(struct slots *slots, struct lam_mem *mem, int lists, unsigned optional) {
  int most = 0;
  *slots = (struct slots){.nested = {.count = lists + 1, .lists = lists}, .good = true};
  slots->nested.nodes = slots->nodes;
  for (int n = 0; n <= lists; n++) {
    struct lam_nested_node *node = &slots->nodes[n];
    *node = (struct lam_nested_node){.list = n < lists, .lists = (int16_t)n};
    if (optional >> n & 1) node->definition = (int16_t)++most;
    if (n < lists) slots->nested.entry[n + 1] = (uint8_t)++most;
    check(lam_shared_create(mem, MOST_LEVELS / 8 + SLACK, &node->validity, NULL) == LAM_OK);
    check(lam_shared_create(mem, MOST_LEVELS * 4 + SLACK, &node->offsets, NULL) == LAM_OK);
  }
}

static void release(struct slots *slots) {
  for (int32_t n = 0; n < slots->nested.count; n++) {
    lam_shared_release(slots->nodes[n].validity);
    lam_shared_release(slots->nodes[n].offsets);
  }
}

static void check_same(const struct slots *a, const struct slots *b) {
  check(a->good == b->good);
  if (!a->good) return;
  for (int k = 0; k <= a->nested.lists; k++) check(a->nested.slots[k] == b->nested.slots[k]);
  for (int32_t n = 0; n < a->nested.count; n++) {
    const struct lam_nested_node *x = &a->nodes[n], *y = &b->nodes[n];
    int64_t count = a->nested.slots[x->lists];
    check(x->nulls == y->nulls);
    if (x->list) check(count == 0 || memcmp(x->offsets->data, y->offsets->data, (size_t)count * 4) == 0);
    if (!x->definition) continue;
    check(lam_bits_count(x->validity->data, 0, count) == count - x->nulls);
    for (int64_t i = 0; i < count; i++) check(lam_bit_get(x->validity->data, i) == lam_bit_get(y->validity->data, i));
  }
}

/* In parts that begin with rows, of `rows` each; all at once where that is 0. */
static void run(struct slots *slots, kernel *kernel, const uint8_t *repetition, const uint8_t *definition, size_t count,
                size_t rows) {
  struct lam_shared *leaf = slots->nodes[slots->nested.lists].validity;
  for (size_t at = 0; at < count && slots->good;) {
    size_t found, last, some = count - at;
    if (rows) some = lam_levels_find_row(repetition + at, count - at, rows, &found, &last);
    check(some > 0 && some <= count - at && (!rows || found <= rows));
    check(!rows || lam_levels_count_equal(repetition + at, some, 0) == found);
    slots->good = kernel(&slots->nested, repetition + at, definition + at, some, leaf);
    at += some;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct lam_context *context;
  struct lam_mem *mem;
  struct slots slots[WAYS];
  uint8_t repetition[MOST_LEVELS + SLACK] = {0}, definition[MOST_LEVELS + SLACK] = {0};
  if (!context) check(lam_context_create(NULL, &context, NULL) == LAM_OK);
  if (size < 2) return 0;
  int lists = data[0] % (MOST_LISTS + 1);
  size_t count = (size - 2) / 2 < MOST_LEVELS ? (size - 2) / 2 : MOST_LEVELS;
  check(lam_mem_open(context, 0, &mem, NULL) == LAM_OK);
  for (int way = 0; way < WAYS; way++) lay_out(&slots[way], mem, lists, data[1]);
  /* Rows are whole, and no level is above what the columns allow: who decodes them has seen to it. */
  int most = slots[0].nested.entry[lists] + (data[1] >> lists & 1);
  for (size_t i = 0; i < count; i++) {
    repetition[i] = (uint8_t)(i ? data[2 + 2 * i] % (lists + 1) : 0);
    definition[i] = (uint8_t)(data[3 + 2 * i] % (most + 1));
  }
  run(&slots[0], lam_levels_to_slots, repetition, definition, count, 0);
  run(&slots[1], lam_levels_to_slots_portable, repetition, definition, count, 0);
  run(&slots[2], lam_levels_to_slots, repetition, definition, count, 1 + (data[0] >> 4));
  check_same(&slots[0], &slots[1]);
  check_same(&slots[0], &slots[2]);
  for (int way = 0; way < WAYS; way++) release(&slots[way]);
  check(lam_mem_used(mem) == 0);
  lam_mem_close(mem);
  return 0;
}
