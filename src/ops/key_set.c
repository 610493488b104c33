#include "ops/key_set.h"

#include <math.h>
#include <stdlib.h>

#include "arrow/filter.h"
#include "expr/tree.h"
#include "ops/key_hash.h"
#include "ops/sort_key.h"
#include "parquet/bloom.h"

enum { MOST_PROBES = 10000 }; /* keys that a row group is asked for one by one */

/* A key that is kept, in the order of its code. */
struct entry {
  union {
    size_t offset; /* until all codes are there */
    const uint8_t *bytes;
  } code;
  uint32_t code_size, batch, row;
};

/* Of the values of a column, NaN aside. */
struct bounds {
  bool any, nan;
  struct lam_scalar min, max;
  struct lam_buf min_bytes, max_bytes;
};

struct lam_key_set {
  struct lam_mem *mem;
  const struct ArrowSchema *schema;
  const int32_t *columns;
  int32_t count;
  uint64_t room;
  uint64_t keys, nulls;
  struct bounds *bounds; /* of each column */

  struct lam_buf hashes; /* uint64_t each, until they are in the filter */
  uint8_t *bloom;
  size_t bloom_size;

  bool listed; /* all keys are kept: what follows */
  struct lam_key_column *code_columns;
  struct lam_buf batches; /* struct ArrowArray each: the key columns */
  struct ArrowSchema keys_schema;
  struct lam_buf codes, entries; /* as of ops/sort_key.h; struct entry each, sorted at the end */
  uint64_t held;                 /* bytes */
};

static struct ArrowArray *batch_at(const struct lam_key_set *set, uint32_t index) {
  return (struct ArrowArray *)(void *)set->batches.data + index;
}
static const struct entry *entry_at(const struct lam_key_set *set, size_t index) {
  return (const struct entry *)(const void *)set->entries.data + index;
}
static size_t entry_count(const struct lam_key_set *set) {
  return set->entries.size / sizeof(struct entry);
}

static void drop_list(struct lam_key_set *set) {
  for (size_t i = 0; i < set->batches.size / sizeof(struct ArrowArray); i++)
    lam_array_release(batch_at(set, (uint32_t)i));
  lam_buf_release(&set->batches);
  lam_buf_release(&set->codes);
  lam_buf_release(&set->entries);
  set->listed = false;
}

enum lam_status lam_key_set_open(struct lam_mem *mem, const struct ArrowSchema *schema, const int32_t *columns,
                                 int32_t count, uint64_t room, struct lam_key_set **out, struct lam_error *error) {
  struct lam_key_set *set;
  *out = NULL;
  LAM_TRY(lam_alloc_zero(mem, sizeof *set, (void **)&set, error));
  *set = (struct lam_key_set){
      .mem = mem, .schema = schema, .columns = columns, .count = count, .room = room, .listed = true};
  lam_buf_init(&set->hashes, mem);
  lam_buf_init(&set->batches, mem);
  lam_buf_init(&set->codes, mem);
  lam_buf_init(&set->entries, mem);
  enum lam_status status = lam_alloc_zero(mem, (size_t)count * sizeof *set->bounds, (void **)&set->bounds, error);
  if (status == LAM_OK)
    status = lam_alloc_zero(mem, (size_t)count * sizeof *set->code_columns, (void **)&set->code_columns, error);
  if (status == LAM_OK) status = lam_schema_init_struct("", count, &set->keys_schema, error);
  for (int32_t k = 0; status == LAM_OK && k < count; k++) {
    lam_buf_init(&set->bounds[k].min_bytes, mem);
    lam_buf_init(&set->bounds[k].max_bytes, mem);
    set->code_columns[k].column = k;
    status = lam_schema_copy(schema->children[columns[k]], set->keys_schema.children[k], error);
  }
  if (status == LAM_OK)
    *out = set;
  else
    lam_key_set_close(set);
  return status;
}

void lam_key_set_close(struct lam_key_set *set) {
  if (!set) return;
  struct lam_mem *mem = set->mem;
  drop_list(set);
  for (int32_t k = 0; set->bounds && k < set->count; k++) {
    lam_buf_release(&set->bounds[k].min_bytes);
    lam_buf_release(&set->bounds[k].max_bytes);
  }
  lam_buf_release(&set->hashes);
  lam_free(mem, set->bloom, set->bloom_size);
  lam_free(mem, set->bounds, (size_t)set->count * sizeof *set->bounds);
  lam_free(mem, set->code_columns, (size_t)set->count * sizeof *set->code_columns);
  lam_schema_release(&set->keys_schema);
  lam_free(mem, set, sizeof *set);
}

uint64_t lam_key_set_nulls(const struct lam_key_set *set) {
  return set->nulls;
}

/* ---- adding ---- */

static bool is_nan(const struct lam_scalar *value) {
  return lam_type_is_float(value->type.id) && isnan(value->value.d);
}

static enum lam_status keep(struct lam_scalar *to, struct lam_buf *bytes, const struct lam_scalar *value,
                            struct lam_error *error) {
  *to = *value;
  bytes->size = 0;
  LAM_TRY(lam_buf_append(bytes, value->bytes.data, value->bytes.size, error));
  to->bytes = lam_bytes_of(bytes->data, bytes->size);
  return LAM_OK;
}

static enum lam_status widen(struct bounds *bounds, const struct lam_scalar *value, struct lam_error *error) {
  if (is_nan(value)) {
    bounds->nan = true;
    return LAM_OK;
  }
  if (!bounds->any || lam_scalar_compare(value, &bounds->min) < 0)
    LAM_TRY(keep(&bounds->min, &bounds->min_bytes, value, error));
  if (!bounds->any || lam_scalar_compare(value, &bounds->max) > 0)
    LAM_TRY(keep(&bounds->max, &bounds->max_bytes, value, error));
  bounds->any = true;
  return LAM_OK;
}

static enum lam_status add_bounds(struct lam_key_set *set, const struct ArrowArray *batch, const uint8_t *nulls,
                                  struct lam_error *error) {
  for (int32_t k = 0; k < set->count; k++) {
    struct lam_view view;
    struct lam_scalar value;
    int32_t c = set->columns[k];
    LAM_TRY(lam_view_init(set->schema->children[c], batch->children[c], &view, error));
    for (int64_t row = 0; row < batch->length; row++) {
      if (nulls[row]) continue;
      LAM_TRY(lam_scalar_of_view(&view, row, &value, error));
      LAM_TRY(widen(&set->bounds[k], &value, error));
    }
  }
  return LAM_OK;
}

/* The filter of all keys so far, with room for those that may still come. */
static enum lam_status make_bloom(struct lam_key_set *set, uint64_t keys, struct lam_error *error) {
  set->bloom_size = lam_bloom_size(keys, 0.01);
  enum lam_status status = lam_alloc_zero(set->mem, set->bloom_size, (void **)&set->bloom, error);
  if (status != LAM_OK) set->bloom_size = 0;
  for (size_t i = 0; status == LAM_OK && i < set->hashes.size; i += sizeof(uint64_t))
    lam_bloom_insert(set->bloom, set->bloom_size, lam_load64(set->hashes.data + i));
  lam_buf_release(&set->hashes);
  return status;
}

static enum lam_status add_hash(struct lam_key_set *set, uint64_t hash, struct lam_error *error) {
  set->keys++;
  if (!set->bloom && set->hashes.size < set->room / 4) return lam_buf_append(&set->hashes, &hash, sizeof hash, error);
  /* 10 to 20 bits a key: a filter for that many takes less than half of the room. */
  if (!set->bloom) LAM_TRY(make_bloom(set, set->room / 6, error));
  lam_bloom_insert(set->bloom, set->bloom_size, hash);
  return LAM_OK;
}

static enum lam_status share_keys(struct lam_key_set *set, const struct ArrowArray *batch, struct lam_error *error) {
  struct ArrowArray keys;
  LAM_TRY(lam_array_init_struct(batch->length, set->count, &keys, error));
  enum lam_status status = LAM_OK;
  for (int32_t k = 0; status == LAM_OK && k < set->count; k++)
    status = lam_array_share(batch->children[set->columns[k]], 0, batch->length, keys.children[k], error);
  if (status == LAM_OK) status = lam_buf_append(&set->batches, &keys, sizeof keys, error);
  if (status != LAM_OK) lam_array_release(&keys);
  return status;
}

static enum lam_status add_to_list(struct lam_key_set *set, const struct ArrowArray *batch, const uint8_t *nulls,
                                   struct lam_error *error) {
  uint64_t *offsets;
  uint32_t index = (uint32_t)(set->batches.size / sizeof(struct ArrowArray));
  size_t size = (size_t)(batch->length + 1) * sizeof *offsets, before = set->codes.size;
  LAM_TRY(share_keys(set, batch, error));
  LAM_TRY(lam_alloc(set->mem, size, (void **)&offsets, error));
  enum lam_status status = lam_keys_encode(&set->keys_schema, batch_at(set, index), set->code_columns, set->count,
                                           &set->codes, offsets, error);
  for (int64_t row = 0; status == LAM_OK && row < batch->length; row++) {
    struct entry entry = {{.offset = offsets[row]}, (uint32_t)(offsets[row + 1] - offsets[row]), index, (uint32_t)row};
    if (!nulls[row]) status = lam_buf_append(&set->entries, &entry, sizeof entry, error);
  }
  lam_free(set->mem, offsets, size);
  /* The values, about as many bytes as the codes, stay with those of the batch. */
  set->held += 2 * (set->codes.size - before) + (uint64_t)batch->length * sizeof(struct entry);
  if (status == LAM_OK && set->held > set->room / 2) drop_list(set);
  return status;
}

enum lam_status lam_key_set_add(struct lam_key_set *set, const struct ArrowArray *batch, struct lam_error *error) {
  uint64_t *hashes;
  uint8_t *nulls;
  size_t rows = (size_t)batch->length;
  LAM_TRY(lam_alloc(set->mem, rows * (sizeof *hashes + 1), (void **)&hashes, error));
  nulls = (uint8_t *)(hashes + rows);
  enum lam_status status = lam_keys_hash(set->schema, batch, set->columns, set->count, hashes, nulls, error);
  for (size_t row = 0; status == LAM_OK && row < rows; row++) {
    if (nulls[row])
      set->nulls++;
    else
      status = add_hash(set, hashes[row], error);
  }
  if (status == LAM_OK) status = add_bounds(set, batch, nulls, error);
  if (status == LAM_OK && set->listed && rows) status = add_to_list(set, batch, nulls, error);
  lam_free(set->mem, hashes, rows * (sizeof *hashes + 1));
  return status;
}

static int by_code(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  return lam_key_compare(lam_bytes_of(x->code.bytes, x->code_size), lam_bytes_of(y->code.bytes, y->code_size));
}

enum lam_status lam_key_set_finish(struct lam_key_set *set, struct lam_error *error) {
  struct entry *entries = (struct entry *)(void *)set->entries.data;
  size_t count = set->listed ? entry_count(set) : 0;
  for (size_t i = 0; i < count; i++) entries[i].code.bytes = set->codes.data + entries[i].code.offset;
  if (count) qsort(entries, count, sizeof *entries, by_code);
  return set->bloom || set->keys == 0 ? LAM_OK : make_bloom(set, set->keys, error);
}

/* ---- asking ---- */

bool lam_key_set_may_have(const struct lam_key_set *set, uint64_t hash) {
  return set->bloom && lam_bloom_may_contain(set->bloom, set->bloom_size, hash);
}

static bool below(const struct lam_facts_column *facts, const struct lam_scalar *value) {
  return facts->has_min && lam_scalar_compare(value, &facts->min) < 0;
}
static bool above(const struct lam_facts_column *facts, const struct lam_scalar *value) {
  return facts->has_max && lam_scalar_compare(value, &facts->max) > 0;
}
static bool within(const struct lam_facts_column *facts, const struct lam_scalar *value) {
  return is_nan(value) ? facts->may_be_nan : !below(facts, value) && !above(facts, value);
}

/* Whether the bounds of all keys and those of the rows have something in common. */
static bool may_meet(const struct lam_key_set *set, const struct lam_facts_column *facts) {
  for (int32_t k = 0; k < set->count; k++) {
    const struct bounds *bounds = &set->bounds[k];
    bool meet = bounds->any && !above(&facts[k], &bounds->min) && !below(&facts[k], &bounds->max);
    if (!meet && !(bounds->nan && facts[k].may_be_nan)) return false;
  }
  return set->keys > 0;
}

static enum lam_status value_of(const struct lam_key_set *set, size_t index, int32_t k, struct lam_scalar *out,
                                struct lam_error *error) {
  const struct entry *entry = entry_at(set, index);
  struct lam_view view;
  LAM_TRY(lam_view_init(set->keys_schema.children[k], batch_at(set, entry->batch)->children[k], &view, error));
  return lam_scalar_of_view(&view, entry->row, out, error);
}

/* The first key whose first column is not below the rows' values; all but NaN are sorted by it. */
static enum lam_status first_not_below(const struct lam_key_set *set, const struct lam_facts_column *facts, size_t *out,
                                       struct lam_error *error) {
  size_t low = 0, high = entry_count(set);
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    struct lam_scalar value;
    LAM_TRY(value_of(set, middle, 0, &value, error));
    if (!is_nan(&value) && below(facts, &value))
      low = middle + 1;
    else
      high = middle;
  }
  *out = low;
  return LAM_OK;
}

/* The keys within the bounds, one beyond MOST_PROBES at most. Behind the first one that is above them only NaN, which
 * comes last, can be within. */
static enum lam_status choose(const struct lam_key_set *set, const struct lam_facts_column *facts, size_t *chosen,
                              size_t *count, struct lam_error *error) {
  size_t entries = entry_count(set), i;
  *count = 0;
  LAM_TRY(first_not_below(set, &facts[0], &i, error));
  for (; i < entries && *count <= MOST_PROBES; i++) {
    bool all = true;
    for (int32_t k = 0; all && k < set->count; k++) {
      struct lam_scalar value;
      LAM_TRY(value_of(set, i, k, &value, error));
      if (k == 0 && !is_nan(&value) && above(&facts[0], &value) && !facts[0].may_be_nan) return LAM_OK;
      all = within(&facts[k], &value);
    }
    if (all) chosen[(*count)++] = i;
  }
  return LAM_OK;
}

static int by_value(const void *a, const void *b) {
  return lam_scalar_compare(a, b);
}

/* The column is one of the chosen keys' values. */
static enum lam_status in_list(const struct lam_key_set *set, int32_t k, const size_t *chosen, size_t count,
                               const struct lam_expr *column, struct lam_arena *arena, const struct lam_expr **out,
                               struct lam_error *error) {
  struct lam_scalar *values;
  LAM_TRY(lam_arena_array(arena, count, sizeof *values, (void **)&values, error));
  for (size_t i = 0; i < count; i++) LAM_TRY(value_of(set, chosen[i], k, &values[i], error));
  if (k) qsort(values, count, sizeof *values, by_value); /* the first column's are in order */
  size_t distinct = 0;
  for (size_t i = 0; i < count; i++)
    if (distinct == 0 || lam_scalar_compare(&values[distinct - 1], &values[i]) != 0) values[distinct++] = values[i];
  struct lam_expr *in;
  LAM_TRY(lam_expr_new(arena, LAM_EXPR_IN, 0, 0, (int32_t)distinct + 1, &in, error));
  in->type = lam_type_simple(LAM_TYPE_BOOL);
  in->arguments[0] = column;
  for (size_t i = 0; i < distinct; i++) LAM_TRY(lam_expr_literal(arena, &values[i], 0, &in->arguments[i + 1], error));
  *out = in;
  return LAM_OK;
}

static enum lam_status make_condition(const struct lam_key_set *set, const size_t *chosen, size_t count,
                                      const struct lam_expr *const *columns, struct lam_arena *arena,
                                      const struct lam_expr **out, struct lam_error *error) {
  const struct lam_expr **parts;
  LAM_TRY(lam_arena_array(arena, (size_t)set->count, sizeof *parts, (void **)&parts, error));
  for (int32_t k = 0; k < set->count; k++) LAM_TRY(in_list(set, k, chosen, count, columns[k], arena, &parts[k], error));
  if (set->count == 1) {
    *out = parts[0];
    return LAM_OK;
  }
  struct lam_expr *both;
  LAM_TRY(lam_expr_new(arena, LAM_EXPR_AND, 0, 0, set->count, &both, error));
  both->type = lam_type_simple(LAM_TYPE_BOOL);
  for (int32_t k = 0; k < set->count; k++) both->arguments[k] = parts[k];
  *out = both;
  return LAM_OK;
}

enum lam_status lam_key_set_ask(const struct lam_key_set *set, const struct lam_facts_column *facts,
                                const struct lam_expr *const *columns, struct lam_arena *arena,
                                enum lam_key_verdict *verdict, const struct lam_expr **condition,
                                struct lam_error *error) {
  *verdict = may_meet(set, facts) ? LAM_KEYS_MANY : LAM_KEYS_NONE;
  *condition = NULL;
  if (*verdict == LAM_KEYS_NONE || !set->listed) return LAM_OK;
  size_t *chosen, count;
  LAM_TRY(lam_alloc(set->mem, (MOST_PROBES + 1) * sizeof *chosen, (void **)&chosen, error));
  enum lam_status status = choose(set, facts, chosen, &count, error);
  if (status == LAM_OK && count <= MOST_PROBES) {
    *verdict = count ? LAM_KEYS_SOME : LAM_KEYS_NONE;
    if (count) status = make_condition(set, chosen, count, columns, arena, condition, error);
  }
  lam_free(set->mem, chosen, (MOST_PROBES + 1) * sizeof *chosen);
  return status;
}
