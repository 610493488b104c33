/* IN: a few numbers are compared one after the other; more, and texts, are in a table that is open-addressed by their
 * hashes. It is an eighth full at most, so that most values that are not in it meet a free slot at once. */
#include "base/kernel.h"
#include "expr/eval.h"

struct lam_set {
  enum lam_class class;
  bool has_null;
  uint32_t count;
  uint32_t mask;
  uint32_t *slots; /* 1 + index of a value; 0: free */
  struct lam_values values;
};

static uint64_t mix(uint64_t x) { /* splitmix64's */
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static uint64_t hash_bytes(const uint8_t *data, size_t size) {
  uint64_t hash = 0x9e3779b97f4a7c15u + size;
  for (; size >= 8; size -= 8, data += 8) hash = mix(hash ^ lam_load64(data));
  uint8_t rest[8] = {0};
  lam_copy(rest, data, size);
  return mix(hash ^ lam_load64(rest));
}

/* All NaN are one value, and both zeros. */
static uint64_t float_bits(double value) {
  uint64_t bits;
  if (value == 0) value = 0;
  memcpy(&bits, &value, sizeof bits);
  return value == value ? bits : 0x7ff8000000000000u;
}

static uint64_t hash_at(const struct lam_values *values, int64_t place) {
  switch (values->class) {
    case LAM_CLASS_F64: return mix(float_bits(values->at.d[place]));
    case LAM_CLASS_DECIMAL: return hash_bytes((const uint8_t *)&values->at.w[place], sizeof(struct lam_int256));
    case LAM_CLASS_BYTES: return hash_bytes(values->at.b[place].data, values->at.b[place].size);
    default: return mix(values->at.u[place]);
  }
}

static bool equal_at(const struct lam_values *a, int64_t i, const struct lam_values *b, int64_t k) {
  switch (a->class) {
    case LAM_CLASS_F64: return float_bits(a->at.d[i]) == float_bits(b->at.d[k]);
    case LAM_CLASS_DECIMAL: return lam_int256_compare(&a->at.w[i], &b->at.w[k]) == 0;
    case LAM_CLASS_BYTES: return lam_bytes_equal(a->at.b[i], b->at.b[k]);
    default: return a->at.u[i] == b->at.u[k];
  }
}

static bool contains(const struct lam_set *set, const struct lam_values *values, int64_t place) {
  uint32_t at = (uint32_t)hash_at(values, place) & set->mask;
  for (; set->slots[at]; at = (at + 1) & set->mask) {
    if (equal_at(&set->values, set->slots[at] - 1, values, place)) return true;
  }
  return false;
}

/* The literals behind one another, as values of their class. */
static enum lam_status gather(struct lam_arena *arena, const struct lam_expr *in, struct lam_set *set, uint32_t *count,
                              struct lam_error *error) {
  size_t width = set->class == LAM_CLASS_DECIMAL ? sizeof(struct lam_int256)
                 : set->class == LAM_CLASS_BYTES ? sizeof(struct lam_bytes)
                                                 : 8;
  uint8_t *to;
  void *memory;
  LAM_TRY(lam_arena_array(arena, (size_t)in->count, width, &memory, error));
  to = memory;
  set->values = (struct lam_values){.class = set->class, .at.any = memory};
  for (int32_t i = 1; i < in->count; i++) {
    const struct lam_scalar *literal = &in->arguments[i]->literal;
    if (literal->is_null) {
      set->has_null = true;
      continue;
    }
    memcpy(to, set->class == LAM_CLASS_BYTES ? (const void *)&literal->bytes : &literal->value, width);
    to += width;
    ++*count;
  }
  return LAM_OK;
}

enum lam_status lam_set_create(struct lam_evaluator *evaluator, const struct lam_expr *in, struct lam_set **out,
                               struct lam_error *error) {
  struct lam_arena *arena = &evaluator->arena;
  uint32_t count = 0, room = 4;
  void *memory;
  LAM_TRY(lam_arena_array(arena, 1, sizeof **out, &memory, error));
  struct lam_set *set = memory;
  set->class = lam_class_of(in->arguments[0]->type.id);
  LAM_TRY(gather(arena, in, set, &count, error));
  set->count = count;
  while (room / 8 < count) room *= 2;
  LAM_TRY(lam_arena_array(arena, room, sizeof *set->slots, &memory, error));
  set->slots = memory;
  set->mask = room - 1;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t at = (uint32_t)hash_at(&set->values, i) & set->mask;
    while (set->slots[at]) at = (at + 1) & set->mask;
    set->slots[at] = i + 1;
  }
  *out = set;
  return LAM_OK;
}

/* Compared faster than looked up; of integers, whose equality is that of their bits. */
enum { FEW = 12 };

LAM_KERNEL static void find_few(const uint64_t *values, int32_t rows, const uint64_t *few, uint32_t count,
                                uint64_t *hits) {
  for (; rows > 0; rows -= 64, values += 64, hits++) {
    uint8_t found[64] = {0};
    if (rows >= 64) {
      for (uint32_t k = 0; k < count; k++)
        for (int32_t i = 0; i < 64; i++) found[i] |= values[i] == few[k];
    } else {
      for (uint32_t k = 0; k < count; k++)
        for (int32_t i = 0; i < rows; i++) found[i] |= values[i] == few[k];
    }
    *hits = lam_word_of_bytes(found);
  }
}

enum lam_status lam_eval_in(struct lam_evaluator *evaluator, struct lam_node *node, const struct lam_slice *slice,
                            const uint64_t *active, struct lam_truth *out, struct lam_error *error) {
  struct lam_values values;
  uint64_t *hits;
  int64_t row;
  LAM_TRY(lam_eval_values(evaluator, &node->arguments[0], slice, active, &values, error));
  LAM_TRY(lam_scratch_bits(evaluator, slice, false, &hits, error));
  bool few = node->set->count <= FEW && values.class <= LAM_CLASS_U64 && !values.constant;
  if (few)
    find_few(values.at.u, slice->rows, node->set->values.at.u, node->set->count, hits);
  else
    LAM_EACH_ROW(slice, active, values.valid, row)
  hits[row >> 6] |= (uint64_t)contains(node->set, &values, lam_place(&values, row)) << (row & 63);
  LAM_TRY(lam_truth_of_hits(evaluator, slice, hits, values.valid, out, error));
  if (node->set->has_null) memset(out->no, 0, (size_t)slice->words * 8); /* it may be the NULL */
  return LAM_OK;
}
